"""Mutants of answers are changes: each differs from the original, which stays as it is, and each can be played."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants import EACH, Mutant, Unchanged, mutants

from spec import events

ANSWER = {"created": 1, "data": [{"url": "https://a/1.png"}, {"url": "https://a/2.png"}], "usage": {"total": 0}}

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
)


def played(value: Any) -> list[tuple[Mutant, Any]]:
    found = []
    for mutant in mutants(value, {}, 200):
        try:
            if mutant.where == "body":
                found.append((mutant, mutant.body(value)))
        except Unchanged:
            continue
    return found


@given(values)
def test_a_mutant_changes_a_copy(value: Any) -> None:
    before = copy.deepcopy(value)
    for mutant, changed in played(value):
        assert orjson.dumps(changed) != orjson.dumps(value), mutant
    assert orjson.dumps(value) == orjson.dumps(before)


def test_every_member_at_every_depth_is_dropped_nulled_and_retyped() -> None:
    kinds: dict[tuple[str, ...], set[str]] = {}
    for mutant, _ in played(ANSWER):
        kinds.setdefault(mutant.path, set()).add(mutant.kind)
    members = [("created",), ("data",), ("data", EACH, "url"), ("usage",), ("usage", "total")]
    assert kinds.keys() == {(), ("data", EACH), *members}
    assert all({"dropped", "null"} <= kinds[path] and len(kinds[path]) > 4 for path in members)


def test_every_item_of_an_array_changes_alike() -> None:
    changed = Mutant("body", ("data", EACH, "url"), "dropped").body(ANSWER)
    assert changed["data"] == [{}, {}]


def test_a_mutant_of_a_stream_can_still_be_sent() -> None:
    value = [{"event": "partial", "data": {"index": 0}}, {"event": "completed", "data": {"usage": {}}}]
    kinds = set()
    for mutant in mutants(value, {}, 200, stream=True):
        if mutant.where == "body":
            try:
                sent = b"".join(map(events.frame, mutant.body(value)))
            except Unchanged:
                continue
            kinds.add(mutant.kind)
            assert isinstance(events.parse(sent).events, list)
    assert {"last lost", "last repeated", "reversed", "dropped", "null"} <= kinds


@pytest.mark.parametrize(("status", "others"), [(200, {"201", "204", "302", "400", "500"}), (404, {"200", "500"})])
def test_the_status_changes_to_one_that_means_something_else(status: int, others: set[str]) -> None:
    found = [mutant for mutant in mutants({}, {}, status) if mutant.where == "status"]
    assert {mutant.path[0] for mutant in found} == others
    assert all(mutant.status(status) == int(mutant.path[0]) for mutant in found)


def test_headers_are_lost_emptied_and_replaced() -> None:
    found = [mutant for mutant in mutants({}, {"retry-after": "7"}, 429) if mutant.where == "header"]
    told = [mutant.headers({"retry-after": "7"}) for mutant in found]
    assert told == [{}, {"retry-after": ""}, {"retry-after": "imageproof-mutant"}]
    with pytest.raises(Unchanged):
        found[0].headers({})
