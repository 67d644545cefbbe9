"""The pace of requests: what a provider that turns some away teaches, in simulated time and over the wire."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from faulty import CHEAP, CREATE, IMAGES, error, exchange, pictures
from faulty import asking as asking_for
from test_provider import Asked, Told, asking, create, listening

from contract_tests import pace
from contract_tests.cases import Case
from contract_tests.pace import Pace, Paces, rate, told
from contract_tests.planning import refusals
from contract_tests.waits import next_try

#: the seconds to wait that a limiter says at a time; None where it lets in
Limiter = Callable[[float], float | None]
LIMITED = error("rate_limit_exceeded", None)


class Clock:
    """Time that passes when somebody sleeps."""

    now = 1004.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


def sent(limiter: Limiter, many: int, clock: Clock, one: Pace) -> None:
    """So many requests, each until it is let in, 20 ms after the other."""
    for _ in range(many):
        while True:
            one.wait()
            clock.sleep(0.02)
            left = limiter(clock.now)
            one.heed(turned_away=left is not None, told=left)
            if left is None:
                break
            clock.sleep(left)


def spaced(seconds: float) -> Limiter:
    """One request in so many seconds."""
    last = [0.0]

    def limiter(now: float) -> float | None:
        if now - last[0] < seconds:
            return 1.0
        last[0] = now
        return None

    return limiter


def windows(most: int, seconds: float) -> Limiter:
    """So many requests in each window of so many seconds."""
    counts: dict[int, int] = {}

    def limiter(now: float) -> float | None:
        window = int(now // seconds)
        if counts.get(window, 0) >= most:
            return (window + 1) * seconds - now
        counts[window] = counts.get(window, 0) + 1
        return None

    return limiter


def at_random(share: float) -> Limiter:
    dice = random.Random(7)
    return lambda _: 1.0 if dice.random() < share else None


@pytest.mark.parametrize(
    ("limiter", "many", "most_turned_away", "most_seconds", "per_second"),
    [
        (spaced(1.0), 100, 4, 115, 1),
        (spaced(2.5), 100, 12, 340, 0.3),
        (windows(5, 10.0), 60, 6, 180, 0.5),
        (windows(60, 60.0), 150, 3, 190, None),
        (at_random(0.1), 300, 45, 120, None),
        (lambda now: 1.0 if 1006 < now < 1009 else None, 300, 3, 30, None),
    ],
    ids=["one a second", "one in 2.5 s", "five in 10 s", "60 a minute", "by chance", "once, for 3 s"],
)
def test_a_limit_is_kept_once_it_is_known(
    limiter: Limiter,
    many: int,
    most_turned_away: int,
    most_seconds: float,
    per_second: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, one = Clock(), Pace()
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    sent(limiter, many, clock, one)
    assert one.turned_away <= most_turned_away
    assert clock.now - Clock.now <= most_seconds
    assert one.learned == (per_second and pytest.approx(per_second, rel=0.15))


def test_pictures_that_are_limited_slow_nothing_else() -> None:
    limit = spaced(0.1)

    def answer(asked: Asked) -> Told:
        made = b'"n":' not in asked.body and limit(time.monotonic()) is None
        if b'"n":' in asked.body:
            return Told(error("invalid_type", "n"), 400)
        return Told(pictures(b"x")) if made else Told(LIMITED, 429, {"retry-after-ms": "100"})

    mistakes = [case for case in refusals(IMAGES, CREATE, 0) if b'"n":' in case.body and case.credential is not None]
    with listening(answer) as server, asking(server.url) as provider:
        for number in range(6):
            provider.send(create(prompt=f"Fox {number}"))
        data = provider.pace.data()
        assert 2 <= data["turned_away"] == len(server.asked) - 6 < 6
        assert data["per_second"] is None
        assert 1 < data["pictures_per_second"] < 10
        began = time.monotonic()
        for case in mistakes[:6]:
            provider.send(case)
        assert time.monotonic() - began < 5 / data["pictures_per_second"]


def test_what_has_slowed_a_run_is_told() -> None:
    assert not told(Paces(Pace(2.0)).data())
    for told_data, words in (
        ({"turned_away": 2, "per_second": 0.98, "pictures_per_second": None}, "slowed to 1 request a second, as the"),
        ({"turned_away": 2, "per_second": None, "pictures_per_second": 1 / 12}, "a request every 12 s for pictures"),
        ({"turned_away": 1, "per_second": None, "pictures_per_second": None}, "1 request was answered 429"),
    ):
        assert words in told(told_data)


def _turned_away(headers: dict[str, str], case: Case | None = None) -> float:
    return next_try(exchange(case or asking_for(CHEAP), LIMITED, 429, headers), 0, 1.5)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"x-ratelimit-reset-requests": "1m2s", "ratelimit-reset": "4"}, 4.0),
        ({"x-ratelimit-reset-requests": "8.5s"}, 8.5),
        ({"x-ratelimit-reset": "1800000003", "date": "Fri, 15 Jan 2027 08:00:00 GMT"}, 3.0),
        ({"x-ratelimit-reset": "soon"}, 1.5),
        ({}, 1.5),
    ],
    ids=["retry-after", "one beyond a minute", "a duration", "a time", "no number", "nothing"],
)
def test_a_limit_is_waited_for_until_it_starts_anew(headers: dict[str, str], seconds: float) -> None:
    assert _turned_away(headers) == pytest.approx(seconds)


def test_an_answer_that_promises_too_much_is_taken_at_its_word_twice() -> None:
    answer = exchange(asking_for(CHEAP), LIMITED, 429, {"retry-after": "0"})
    assert [next_try(answer, number, 2.0**number) for number in range(5)] == [0.0, 0.0, 4.0, 8.0, 16.0]


def test_a_rate_is_read_as_people_write_it() -> None:
    assert [rate("2"), rate("2/s"), rate("60/min"), rate(" 0.5 ")] == [2, 2, 1, 0.5]
    for text in ("", "0", "-1", "fast", "2/fortnight", "nan", "inf"):
        with pytest.raises(ValueError, match="60/min"):
            rate(text)
