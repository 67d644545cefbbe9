from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from mockserver.breath import Breath, breathe, strips
from mockserver.lettering import lay, smooth, stretched

STEPS = 5


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each pause is to be; the time between two looks at the clock is enough to be tired."""
    told: list[float] = []
    looks = count()
    clock = SimpleNamespace(sleep=told.append, perf_counter=lambda: next(looks) / 1000)
    monkeypatch.setattr("mockserver.breath.time", clock)
    return told


def working(server: Breath, callers: int) -> None:
    """Some steps of work, the first of which some calls come during."""

    def work(steps: int) -> None:
        server.heard += callers
        for _ in range(steps):
            breathe()

    server.heard += 1  # what asked for the work
    server.during(work, STEPS)


def test_work_pauses_between_its_steps_for_who_calls_meanwhile(pauses: list[float]) -> None:
    working(Breath(), 1)
    assert len(pauses) == STEPS


def test_work_that_nobody_calls_during_does_not_pause(pauses: list[float]) -> None:
    server = Breath()
    working(server, 0)
    server.heard += 1
    breathe()  # nor does what is no such work
    assert pauses == []


def test_work_goes_on_without_a_pause_when_nobody_has_called_for_a_while(pauses: list[float]) -> None:
    server = Breath()

    def work(steps: int) -> None:
        server.heard += 1
        for _ in range(steps):
            breathe()

    server.during(work, 1000)
    assert 0 < len(pauses) < 100


@given(st.integers(0, 5000), st.integers(0, 2**20))
def test_strips_are_all_rows_in_order_once(height: int, row: int) -> None:
    rows = [number for top, bottom in strips(height, row) for number in range(top, bottom)]
    assert rows == list(range(height))


@given(st.integers(1, 9), st.integers(1, 9000), st.integers(-20, 20))
def test_what_is_painted_strip_by_strip_is_what_is_painted_at_once(width: int, height: int, top: int) -> None:
    size = 64 * width, height // width + 1
    column = Image.linear_gradient("L").resize((1, size[1])).convert("RGB")
    wide = stretched(column, size[0])
    assert same(wide, column.resize(size, Image.Resampling.NEAREST))
    mask = smooth(size, lambda draw, grid: draw.ellipse((0, 0, size[0] * grid, size[1] * grid), fill=200))
    at_once, bit_by_bit = (Image.new("RGB", (600, 300), "teal") for _ in range(2))
    at_once.paste(wide, (5, top), mask)
    lay(bit_by_bit, wide, (5, top), mask)
    assert same(at_once, bit_by_bit)


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None
