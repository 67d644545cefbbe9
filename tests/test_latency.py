"""Latency: how it is written, and what comes of it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.latency import Latency, duration, duration_text, latency
from spec.errors import SpecError

MANY = settings(max_examples=200, deadline=None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("1.5s", 1.5), ("2m", 120), ("1h", 3600), ("2", 2), (" 3 s ", 3), ("0", 0)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@MANY
@given(st.integers(0, 3_600_000))
def test_a_duration_is_written_as_it_is_read(millis: int) -> None:
    assert duration(duration_text(millis / 1000)) == pytest.approx(millis / 1000, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "p50=1s",
        "p50=1s,p50=2s",
        "p50=2s,p99=1s",
        "p0=1s,p99=2s",
        "p50=0s,p99=1s",
        "p100=1s,p50=1s",
        "p50=x,p99=1s",
        "p50=1s,p99=2s,p10=1ms",
        "median=1s,p99=2s",
        "p50=1s,",
        "=",
    ],
)
def test_what_is_no_pair_of_percentiles_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SpecError, match="p50=800ms,p99=8s"):
        latency(text)


@MANY
@given(low=st.integers(1, 98), gap=st.integers(1, 60), quick=st.floats(0.001, 5), factor=st.floats(1, 20))
def test_as_many_answers_as_were_said_are_quicker_than_each_percentile(
    low: int, gap: int, quick: float, factor: float
) -> None:
    high = min(99, low + gap)
    drawn = latency(f"p{low}={quick}s,p{high}={quick * factor}s")
    random = Random(7)
    found = [drawn.draw(random) for _ in range(2000)]
    if factor > 1.01:
        for percent, seconds in ((low, quick), (high, quick * factor)):
            share = sum(value <= seconds for value in found) / len(found)
            assert share == pytest.approx(percent / 100, abs=0.06)
    assert min(found) > 0


@pytest.mark.parametrize("text", ["200ms-2s", "p50=800ms,p99=8s"])
def test_the_same_seed_draws_the_same_latencies(text: str) -> None:
    def drawn(seed: int) -> list[float]:
        random = Random(seed)
        return [latency(text).draw(random) for _ in range(5)]

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize("text", ["250ms", "200ms-2s", "p50=800ms,p99=8s"])
def test_a_latency_is_shown_as_it_is_written(text: str) -> None:
    assert str(latency(text)) == text
    assert latency(text)


def test_no_latency_is_none() -> None:
    assert not Latency()
    assert not latency("0s")
