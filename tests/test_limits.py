"""Rate limits: what may pass, and how long to wait."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.limits import MINUTE, Limits, RateLimit, rate_limit
from spec.errors import SpecError

MANY = settings(max_examples=200, deadline=None)
NOW = 1_795_258_000.0
AMOUNTS = st.integers(1, 600)


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "limit"),
    [("60rpm", RateLimit(60, "requests")), ("5ipm", RateLimit(5, "images")), (" 5 IPM ", RateLimit(5, "images"))],
)
def test_a_limit_is_read_as_people_write_it(text: str, limit: RateLimit) -> None:
    assert rate_limit(text) == limit == rate_limit(str(limit))


@pytest.mark.parametrize("text", ["", "60", "rpm", "0rpm", "-1rpm", "1.5rpm", "60 per minute", "60tpm", "٦rpm"])
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SpecError, match="60rpm"):
        rate_limit(text)


@MANY
@given(amount=AMOUNTS, steps=st.lists(st.tuples(st.floats(0, 90), st.integers(1, 20)), max_size=60))
def test_never_more_passes_than_the_limit_and_what_grows_back(amount: int, steps: list[tuple[float, int]]) -> None:
    clock = Hand()
    limits = Limits([RateLimit(amount, "images")], clock)
    passed: list[tuple[float, int]] = []
    for pause, count in steps:
        clock.now += pause
        if limits.take("k", "images", count) is None:
            passed.append((clock.now, count))
    for index, (start, _) in enumerate(passed):
        total = 0
        for moment, count in passed[index:]:
            total += count
            assert total <= amount + (moment - start) * amount / MINUTE + 0.01


@MANY
@given(amount=AMOUNTS, takes=st.lists(st.integers(1, 20), min_size=1, max_size=30), offset=st.floats(0, 1e6))
def test_who_waits_as_long_as_told_is_let_in_and_not_much_earlier(amount: int, takes: list[int], offset: float) -> None:
    clock = Hand()
    clock.now += offset
    limits = Limits([RateLimit(amount, "images")], clock)
    for count in takes:
        excess = limits.take("k", "images", count)
        if excess is None:
            continue
        assert (excess.limit.amount, excess.requested) == (amount, count)
        assert 0 <= excess.used <= amount
        if count > amount:
            assert excess.wait is None
            continue
        assert excess.wait is not None
        assert excess.used + count > amount
        clock.now += excess.wait / 2
        assert limits.take("k", "images", count) is not None
        clock.now += excess.wait / 2
        assert limits.take("k", "images", count) is None


@MANY
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3)), max_size=20))
def test_a_key_s_limit_is_its_own(takes: list[tuple[str, int]]) -> None:
    together = Limits([RateLimit(5, "requests")], Hand())
    alone = {key: Limits([RateLimit(5, "requests")], Hand()) for key in "ab"}
    for key, count in takes:
        assert together.take(key, "requests", count) == alone[key].take(key, "requests", count)


def test_what_is_given_back_can_be_taken_again_and_no_more() -> None:
    limits = Limits([RateLimit(2, "requests")], Hand())
    limits.give_back("k", "requests")
    assert [limits.take("k", "requests") is None for _ in range(3)] == [True, True, False]
    limits.give_back("k", "requests")
    assert [limits.take("k", "requests") is None for _ in range(2)] == [True, False]


def test_a_refusal_takes_nothing() -> None:
    limits = Limits([RateLimit(2, "images")], Hand())
    assert limits.take("k", "images", 3) is not None
    assert limits.take("k", "images", 2) is None


def test_a_unit_without_a_limit_passes() -> None:
    limits = Limits([RateLimit(1, "images")], Hand())
    assert all(limits.take("k", "requests") is None for _ in range(10))


def test_a_clock_that_goes_back_gives_nothing_and_does_not_lock_out() -> None:
    clock = Hand()
    limits = Limits([RateLimit(60, "requests")], clock)
    assert all(limits.take("k", "requests") is None for _ in range(60))
    clock.now -= 1000
    assert limits.take("k", "requests") is not None
    clock.now += 2
    assert limits.take("k", "requests") is None


def test_the_key_idle_longest_makes_room() -> None:
    limits = Limits([RateLimit(1, "requests")], Hand(), keys=2)
    for key in ("a", "b", "a", "c"):
        limits.take(key, "requests")
    assert len(limits) == 2
    assert limits.take("a", "requests") is not None  # still known
    assert limits.take("b", "requests") is None  # forgotten, so as new


def test_a_million_keys_take_no_more_than_the_last_ones() -> None:
    limits = Limits([RateLimit(1, "requests"), RateLimit(1, "images")], Hand(), keys=100)
    for number in range(10_000):
        limits.take(f"k{number}", "requests")
        assert len(limits) <= 100


def test_the_standing_says_what_is_left_and_when_all_is_back() -> None:
    clock = Hand()
    limits = Limits([RateLimit(60, "requests"), RateLimit(5, "images")], clock)
    limits.take("k", "images", 2)
    clock.now += 12
    assert limits.standing("k") == {
        "limit-requests": 60,
        "remaining-requests": 60,
        "reset-requests": 0,
        "limit-images": 5,
        "remaining-images": 4,
        "reset-images": pytest.approx(12),
    }
