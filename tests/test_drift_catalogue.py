"""The drift catalogue can be read: each entry is whole, each record of the reference is accounted for, once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from click.testing import CliRunner

from contract_tests.recognisers.page import PAGE, page, records_of
from imageproof import main
from spec.drifts import Unplayed, catalogue, drift_use, parse_catalogue, unplayed
from spec.errors import DocumentError, SpecError

WHOLE = "one: {class: shape, switch: body, title: t, clause: wire.schema, contract: c, observed: o, seen: [s]"


def test_the_page_of_drifts_is_up_to_date() -> None:
    expected = page(catalogue().values(), unplayed())
    assert PAGE.read_text("utf-8") == expected, "run: python -m contract_tests.recognisers.page"


def test_a_record_is_played_or_has_a_reason_and_never_both() -> None:
    told = [record for drift in catalogue().values() for record in drift.records]
    told += [record for part in unplayed() for record in part.records]
    assert [record for record, count in Counter(told).items() if count > 1] == []
    assert len(told) == 337


def test_a_drift_that_is_named_like_a_record_stands_for_it() -> None:
    left = {record for part in unplayed() for record in part.records}
    assert not left & set(catalogue())
    assert {id_ for id_, drift in catalogue().items() if drift.records and id_ not in drift.records} <= {
        "empty-object-200",
        "stream-event-without-data",
        "created-milliseconds",
        "created-missing",
    }


def test_the_page_names_drifts_and_what_is_left_out() -> None:
    drift = replace(catalogue()["created-zero"], title="a | b", defaults={"at": "1"}, records=("created-zero", "zero"))
    text = page([drift], [Unplayed("client", "It is the client.", ("b", "a"))])
    assert "They stand for 2 of the 4 records" in text.replace("\n", " ")
    assert "| `created-zero`<br>also: zero | a \\| b | created<br>`at=1` | `created.plausible` SHOULD |" in text
    assert text.endswith("## client: 2\n\nIt is the client.\n\n`a`, `b`\n")
    assert records_of([drift]) == {"created-zero", "zero"}


def test_every_drift_can_be_explained() -> None:
    for id_, drift in catalogue().items():
        told = CliRunner().invoke(main, ["explain", id_])
        assert told.exit_code == 0
        assert all(part in told.output for part in (id_, drift.clause, drift.observed, drift.switch))


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("one: {class: shape, title: t}", "the entry is not complete"),
        (WHOLE + ", colour: red}", "the entry is not complete"),
        (WHOLE.replace("observed: o", "observed: 400") + "}", "it is 400"),
        (WHOLE + ", narrows: [two]}", "there is no drift 'two'"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused(entry: str, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        parse_catalogue(entry, "drifts.yaml")


def test_a_drift_without_moves_has_one_of_its_own() -> None:
    assert parse_catalogue(WHOLE + "}", "drifts.yaml")["one"].plays == {"one": {}}


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("size-not-applied-512:fixed=x", "expected: a size, as 512x512"),
        ("progress-over-100:percent=much", "expected: a number, as 150"),
        ("task-reverts:to=done", "expected: a state of tasks, as queued"),
    ],
)
def test_a_parameter_of_another_kind_is_refused_with_the_one_expected(reference: str, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        drift_use(reference)
