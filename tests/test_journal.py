from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.artist import Picture
from mockserver.journal import Entry, Journal

FEW = settings(max_examples=30, deadline=None)


def entry(number: int = 0, path: str = "/v1/images/generations", detail: str = "") -> Entry:
    return Entry(f"req_{number:032x}", 1.7e9 + number, "POST", path, "createImage", 200, 0.001 * number, "", detail)


def test_entries_come_back_in_the_order_they_were_written() -> None:
    journal = Journal(100_000)
    for number in range(5):
        journal.add(entry(number))
    assert [known.at for known in journal] == [1.7e9 + number for number in range(5)]
    assert (len(journal), journal.total) == (5, 5)


def test_a_hundred_thousand_entries_stay_within_the_bytes_that_were_granted() -> None:
    limit = 1024 * 1024
    journal = Journal(limit)

    def write(numbers: range) -> None:
        for number in numbers:
            journal.add(entry(number, f"/v1/images/tasks/{number:040d}", f"body n: {number}"))

    tracemalloc.start()
    try:
        write(range(10_000))  # the journal has been full several times over
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < limit
    write(range(10_000, 100_000))
    assert sum(known.weight for known in journal) <= limit
    assert journal.total == 100_000
    kept = list(journal)
    assert len(kept) > 1000
    assert [known.detail for known in kept] == [f"body n: {number}" for number in range(100_000 - len(kept), 100_000)]


def test_bodies_answers_and_pictures_weigh_what_they_take() -> None:
    limit = 1024 * 1024

    def write(journal: Journal, numbers: range) -> None:
        for number in numbers:
            body, answer = bytes(number % 700), bytes(2000 + number % 48)
            made = [Picture(f"A fox {number} " * 20, 1024, 1024, index=index) for index in range(3)]
            links = [f"/_imageproof/files/{number:0600d}.png"]
            path, at = "/v1/images/generations", float(number)
            fault, media = f"wrong-type:media={number:0900d}", f"text/{number:0700d}"
            told = Entry(str(number), at, "POST", path, "createImage", 200, 0.1, body=body, answer=answer)
            told.fault, told.media = (fault, media) if number % 3 else ("", "")
            told.made = made if number % 2 else links
            journal.add(told)

    journal = Journal(limit)
    tracemalloc.start()
    try:
        write(journal, range(3000))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 100 < len(journal) < 1000
    assert held < limit * 1.1


@FEW
@given(st.lists(st.tuples(st.text(max_size=300), st.text(max_size=3000)), max_size=40))
def test_what_is_kept_never_weighs_more_than_the_limit(texts: list[tuple[str, str]]) -> None:
    journal = Journal(5_000)
    for path, detail in texts:
        journal.add(entry(0, path, detail))
        assert sum(known.weight for known in journal) <= 5_000
    assert journal.total == len(texts)


def test_texts_outside_latin_weigh_what_they_take() -> None:
    assert entry(path="/狐" * 500).weight > entry(path="/x" * 500).weight + 500


def test_an_entry_larger_than_the_journal_is_not_kept() -> None:
    journal = Journal(1_000)
    journal.add(entry(1))
    journal.add(entry(2, detail="x" * 2_000))
    assert (len(journal), journal.total) == (0, 2)
    journal.add(entry(3))
    assert [known.at for known in journal] == [1.7e9 + 3]


def test_cleared_it_is_as_new() -> None:
    journal = Journal(1_000)
    for number in range(10):
        journal.add(entry(number))
    journal.clear()
    assert (list(journal), len(journal), journal.total) == ([], 0, 0)
    journal.add(entry(1))
    journal.add(entry(2))
    assert len(journal) == 2
