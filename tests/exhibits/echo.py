"""What answers say of their pictures."""

from __future__ import annotations

from typing import Any

from faulty import (
    CHEAP,
    FLUX_TOLD,
    GPT,
    asking,
    drawn,
    exchange,
    finished,
    imagined,
    partial,
    pictures,
    predicted,
    stream,
    styled,
)

from contract_tests.exchange import Exchange
from exhibits import ECHOED, WIDE, breaks, faithful, silent


def _saying(told: dict[str, Any], data: bytes | None = None, **asked: Any) -> Exchange:
    return exchange(asking({**GPT, **asked}), pictures(data or drawn(*WIDE), **{**ECHOED, **told}))


@breaks("echo.background", "every pixel opaque")
def an_opaque_picture_called_transparent() -> Exchange:
    return _saying({"background": "transparent"})


@breaks("echo.background", "an alpha of 0")
def a_transparent_picture_called_opaque() -> Exchange:
    return _saying({}, drawn(*WIDE, transparent=True))


@breaks("echo.quality", "low")
def another_quality_named() -> Exchange:
    return _saying({}, quality="high")


@breaks("echo.caller-tag", "'user-8'")
def another_callers_mark() -> Exchange:
    return _saying({"safety_identifier": "user-8"}, safety_identifier="user-7")


@silent("echo.quality", "echo.caller-tag")
@faithful
def a_quality_left_to_the_provider() -> Exchange:
    return _saying({"quality": "medium"}, quality="auto")


@faithful
def all_that_was_asked_for_named() -> Exchange:
    return _saying({"safety_identifier": "user-7"}, quality="low", safety_identifier="user-7")


@silent("echo.background", "echo.quality", "echo.caller-tag")
@faithful
def nothing_named() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@breaks("echo.size", "'imageproof'")
def a_size_that_is_no_size() -> Exchange:
    return stream(partial(0, size="imageproof"), finished(size="imageproof"))


@breaks("echo.size", "''")
def an_empty_size() -> Exchange:
    return stream(partial(0, size=""), finished(size=""))


@breaks("echo.model", "'black-forest-labs/flux-dev'")
def another_model_named() -> Exchange:
    return predicted(model="black-forest-labs/flux-dev")


@breaks("echo.input", "'A blue fox'")
def another_prompt_handed_back() -> Exchange:
    return predicted(input={**FLUX_TOLD, "prompt": "A blue fox"})


@breaks("echo.input", "data")
def the_input_wrapped_up() -> Exchange:
    return predicted(input={"data": FLUX_TOLD})


@silent("echo.size")
@faithful
def a_size_left_open_by_a_word() -> Exchange:
    return stream(partial(0, size="auto"), finished(size="auto"))


@faithful
def a_release_of_the_model_and_more_input_than_was_given() -> Exchange:
    return predicted(model="flux-schnell:2026-11-01", input={**FLUX_TOLD, "seed": 7.0, "num_outputs": 1})


@silent("echo.model", "echo.input")
@faithful
def neither_model_nor_input_handed_back() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@silent("echo.input")
@faithful
def the_input_taken_out_of_the_record() -> Exchange:
    return predicted(input={})


@breaks("echo.prompt", "'A blue fox'")
def another_prompt_in_the_task() -> Exchange:
    return imagined(prompt="A blue fox")


@faithful
def a_prompt_with_flags_behind_it_and_its_translation() -> Exchange:
    return imagined(prompt="A  red fox --v 6.1", promptEn="One red fox")


@silent("echo.prompt")
@faithful
def a_task_that_tells_no_prompt() -> Exchange:
    return imagined(prompt=None)


@breaks("echo.style", "'ANIME'")
def another_style_named() -> Exchange:
    return styled("ANIME", style_type="DESIGN")


@faithful
def a_style_named_in_small_letters() -> Exchange:
    return styled("design", style_type="DESIGN")


@silent("echo.style")
@faithful
def a_style_left_to_the_provider() -> Exchange:
    return styled("ANIME", style_type="AUTO")


@breaks("echo.seed", "7")
def another_seed_named() -> Exchange:
    return styled("GENERAL", seed=8)


@faithful
def the_seed_named_that_was_asked_for() -> Exchange:
    return styled("GENERAL", seed=7)


@silent("echo.seed")
@faithful
def a_seed_left_to_the_provider() -> Exchange:
    return styled("GENERAL")


@faithful
def a_prompt_without_the_blanks_around_it() -> Exchange:
    return predicted(input={**FLUX_TOLD, "prompt": " A red  fox\n"})
