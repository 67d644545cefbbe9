import re
from string import ascii_letters, digits
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.ids import written

SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("task_{alnum:32}", r"task_[0-9A-Za-z]{32}"),
        ("imgtask_{hex:16}", r"imgtask_[0-9a-f]{16}"),
        ("{time}{digits:17}", r"20261121171817\d{17}"),
        ("a{digits:1}-{digits:99}", r"a\d-\d{99}"),
    ],
)
def test_an_id_has_the_shape_of_its_template(template: str, pattern: str) -> None:
    assert re.fullmatch(pattern, written(template, 0, 1, 1795281497.9))


def test_a_uuid_is_one_of_version_4() -> None:
    assert UUID(written("{uuid}", 0, 1, 0.0)).version == 4


@given(SEEDS, st.integers(1, 2**80))
def test_the_same_seed_and_number_give_the_same_id_and_another_number_another(seed: int, number: int) -> None:
    first = written("{alnum:32}", seed, number, 0.0)
    assert first == written("{alnum:32}", seed, number, 5e8)
    assert first != written("{alnum:32}", seed, number + 1, 0.0)


@given(SEEDS)
def test_every_letter_comes_and_parts_differ(seed: int) -> None:
    ids = "".join(written("{alnum:99}", seed, number, 0.0) for number in range(20))
    assert set(ids) == set(digits + ascii_letters)
    assert len(set(written("{hex:8}.{hex:8}.{hex:8}", seed, 1, 0.0).split("."))) == 3
