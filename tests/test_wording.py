"""Planned requests are worded as people write, at the limits, with nulls; nothing else of them changes."""

from functools import cache

import pytest
from faulty import CHEAP, GPT, asking

from contract_tests.cases import Case, expected_images
from contract_tests.planning import coverage
from contract_tests.suite_cases import _ONLY_IN_STREAMS
from contract_tests.variations import with_variations
from contract_tests.wording import ROTATION, at_limit, nulled, prompted, worded
from spec.profiles import PLAIN
from spec.request_check import request_check

IMAGES = PLAIN.contract("images")


@cache
def plan() -> list[Case]:
    """Pictures as they are planned."""
    return coverage(IMAGES, IMAGES.operation("createImage"), 0, (), _ONLY_IN_STREAMS)


def but_prompts(case: Case) -> dict[str, object]:
    return {role: value for role, value in case.asked.items() if role != "prompt"}


def test_a_dozen_pictures_are_asked_for_in_words_people_use() -> None:
    prompts = [case.asked["prompt"] for case in plan()[:12]]
    for sign in ("猫", "\u200d", "\n", "\u202b", '"', "<b>", "$", "--"):  # CJK, joined emoji, right to left ...
        assert any(sign in prompt for prompt in prompts), sign
    assert any(prompt != prompt.strip() for prompt in prompts)


def test_who_reads_only_the_beginning_of_a_prompt_is_shown_two_that_begin_alike() -> None:
    first, other, *_ = with_variations(plan())
    assert other.asked["prompt"].startswith(first.asked["prompt"])
    assert 256 < len(first.asked["prompt"]) < len(other.asked["prompt"]) <= 1000, "the least any model takes"


def test_other_words_change_nothing_else_and_are_valid() -> None:
    plain = [asking({**GPT, "quality": quality, "n": n}) for quality in ("low", "high") for n in (1, 2, 3)]
    other = worded(plain, 1)
    assert other[0] is plain[0]
    assert [but_prompts(case) for case in other] == [but_prompts(case) for case in plain]
    assert sum(map(expected_images, other)) == sum(map(expected_images, plain))
    assert len({case.asked["prompt"] for case in other}) == len(plain)
    assert all(request_check(IMAGES, case.operation).accepts(case.request) for case in plan())


def test_one_prompt_has_exactly_as_many_characters_as_may_be() -> None:
    (longest,) = (case for case in plan()[:12] if len(case.asked["prompt"]) >= 1000)
    most = {"dall-e-2": 1000, "dall-e-3": 4000}[longest.asked["model"]]
    assert len(longest.asked["prompt"]) == most
    assert len(longest.asked["prompt"].encode()) > 2 * most
    assert at_limit(asking(GPT)) is None, "32000 characters cost more than the picture"


def test_one_request_says_null_for_all_it_does_not_say() -> None:
    case = asking(GPT)
    other = nulled(case)
    assert other is not None
    said = other.request.value
    assert {name for name, value in said.items() if value is None} > {"n", "stream", "moderation"}
    assert dict(other.asked) == dict(case.asked)
    assert any(list(case.request.value.values()).count(None) > 2 for case in plan()[:12])


@pytest.mark.parametrize("prompt", ROTATION)
def test_every_prompt_of_the_rotation_is_valid_for_every_model(prompt: str) -> None:
    assert prompted(asking(CHEAP), prompt).asked["prompt"] == prompt
