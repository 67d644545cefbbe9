"""Answers about what pictures cost: what breaks a clause, what keeps all of them, where one cannot know."""

from __future__ import annotations

from typing import Any

from faulty import EDIT, GPT, IMAGES, asking, drawn, exchange, in_base64, pictures

from contract_tests.cases import json_case
from contract_tests.exchange import Exchange
from exhibits import ECHOED, WIDE, breaks, faithful, silent


def billed(output: int, **asked: Any) -> Exchange:
    counts = {"input_tokens": 11, "output_tokens": output, "total_tokens": 11 + output}
    return exchange(asking({**GPT, **asked}), pictures(drawn(*WIDE), **{**ECHOED, "usage": counts}))


def edited(*pictures_given: bytes, image_tokens: int) -> Exchange:
    given = [{"image_url": f"data:image/png;base64,{in_base64(data)}"} for data in pictures_given]
    case = json_case(IMAGES, EDIT, {**GPT, "images": given})
    details = {"image_tokens": image_tokens, "text_tokens": 11}
    usage = {
        "input_tokens": 11 + image_tokens,
        "input_tokens_details": details,
        "output_tokens": 272,
        "total_tokens": 283 + image_tokens,
    }
    return exchange(case, pictures(drawn(*WIDE), **{**ECHOED, "usage": usage}))


@breaks("usage.plausible", "1", also=("usage.output",))
def tokens_that_count_pictures() -> Exchange:
    return billed(1)


@breaks("usage.plausible", "9000")
def many_times_the_tokens() -> Exchange:
    return billed(9000)


@faithful
def about_the_tokens_of_the_table() -> Exchange:
    return billed(300)


@silent("usage.plausible")
@faithful
def tokens_of_a_quality_nobody_names() -> Exchange:
    whole = pictures(drawn(*WIDE), usage={"input_tokens": 11, "output_tokens": 9000, "total_tokens": 9011})
    return exchange(asking({**GPT, "quality": "auto"}), whole)


@breaks("usage.reference", "0")
def a_picture_given_that_cost_nothing() -> Exchange:
    return edited(drawn(), image_tokens=0)


@faithful
def a_picture_given_that_cost_tokens() -> Exchange:
    return edited(drawn(), image_tokens=323)


@silent("usage.reference")
@faithful
def tokens_of_pictures_where_none_was_given() -> Exchange:
    return billed(272)
