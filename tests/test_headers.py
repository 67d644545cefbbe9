"""Headers as providers write them: whatever stands there is read or left, and never stops a run."""

from __future__ import annotations

import pytest
from faulty import CHEAP, HEADERS, asking, exchange, pictures
from hypothesis import example, given
from hypothesis import strategies as st

from contract_tests.clauses.registry import judging
from contract_tests.headers import http_date, whole_number
from contract_tests.waits import retry_after

FAR = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"
MANY = "9" * 5000


@given(st.text("0129-+.:, JanGMT"))
@example(FAR)
@example(MANY)
@example("--5")
@example("٣")
def test_no_header_stops_its_reader(text: str) -> None:
    number, when = whole_number(text), http_date(text)
    assert number is None or str(number) in text or number == int(text)
    assert when is None or when.tzinfo is not None


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_whole_numbers_are_read(number: int) -> None:
    assert whole_number(f" {number}") == number


@pytest.mark.parametrize("text", [FAR, MANY, "--5", "1e5", "Wed, 21 Oct 2015 07:28:00 -0000"])
def test_no_header_stops_the_judgement_of_an_answer(text: str) -> None:
    names = ("retry-after", "date", "age")
    odd = exchange(asking(CHEAP), pictures(), headers={**HEADERS, **dict.fromkeys(names, text)})
    retry_after(odd)
    for clause in judging("exchange"):
        clause.judge(odd)
