from __future__ import annotations

import tracemalloc
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.shelf import Shelf, weight_of

FEW = settings(max_examples=60, deadline=None)
KEYS = st.integers(0, 12).map(str)


@FEW
@given(st.lists(st.tuples(KEYS, st.binary(max_size=900) | st.text(max_size=300)), max_size=80), st.integers(0, 4000))
def test_a_shelf_never_weighs_more_than_it_may_and_keeps_the_newest(
    puts: list[tuple[str, bytes | str]], limit: int
) -> None:
    shelf: Shelf[bytes | str] = Shelf(limit)
    for number, (key, value) in enumerate(puts):
        shelf.put(key, value)
        assert shelf.weight <= limit
        latest = dict(puts[: number + 1])
        assert all(shelf.get(known) in (None, held) for known, held in latest.items())
        newest_first = list(dict.fromkeys(known for known, _ in reversed(puts[: number + 1])))
        fitting = [known for known in newest_first if weight_of(latest[known]) + 250 <= limit]
        kept = [known in shelf for known in fitting]
        assert kept == sorted(kept, reverse=True), "an older value outlived a newer one"
    assert len(shelf) == sum(key in shelf for key in dict(puts))
    shelf.clear()
    assert (len(shelf), shelf.weight) == (0, 0)


def test_what_a_shelf_says_it_weighs_is_what_it_takes() -> None:
    tracemalloc.start()
    try:
        shelf: Shelf[tuple[str, dict[str, bytes]]] = Shelf(2_000_000)
        for number in range(20_000):
            shelf.put(f"{number:032d}", (f"prompt {number} 狐", {"upload": bytes(number % 700)}))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.6 < held / shelf.weight <= 1.1
    assert shelf.weight > 1_900_000


def test_a_value_weighs_what_it_holds() -> None:
    @dataclass(slots=True)
    class Upload:
        data: bytes
        name: str = "fox.png"

    for value in (bytes(50_000), Upload(bytes(50_000)), {"image": (Upload(bytes(25_000)), [bytes(25_000)])}):
        assert 50_000 < weight_of(value) < 51_000
    data = bytes(50_000)
    assert weight_of(({"asked": data}, {"resolved": data})) < 51_000
