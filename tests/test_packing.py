from __future__ import annotations

import io
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mockserver.packing import blobs_of, pack, unpack
from mockserver.retouching import Base
from mockserver.uploads import Upload, opened

FEW = settings(max_examples=100, deadline=None)
TEXT = st.text(st.characters(codec=None), max_size=50)


def upload(colour: str) -> Upload:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return opened(file.getvalue())


UPLOADS = st.sampled_from([upload(colour) for colour in ("red", "green", "blue")])
BASES = st.builds(Base, st.lists(UPLOADS, min_size=1, max_size=4).map(tuple), st.none() | UPLOADS, vary=st.booleans())
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
NAMES = TEXT.filter(lambda it: "\0" not in it)
VALUES = st.recursive(
    PLAIN | UPLOADS | BASES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Equal, of equal kinds, and uploads with equal bytes, which equality does not look at."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, list | tuple):
        return all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Base):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(Base))
    return not isinstance(one, Upload) or (one.data, repr(one)) == (other.data, repr(other))


@FEW
@given(VALUES)
def test_what_is_unpacked_is_what_was_packed(value: Any) -> None:
    blobs: dict[str, bytes] = {}
    packed = pack(value, blobs)
    assert sorted(blobs_of(packed)) == sorted(blobs)
    assert same(unpack(packed, blobs), value)


def test_the_same_upload_is_held_once_and_not_in_the_text() -> None:
    red, blobs = upload("red"), dict[str, bytes]()
    packed = pack({"asked": (red, red), "base": Base((red,))}, blobs)
    assert blobs == {red.digest: red.data}
    assert len(packed) < 500


def test_what_nobody_foresaw_is_refused_and_not_guessed() -> None:
    with pytest.raises(TypeError, match="a set cannot be packed"):
        pack({"a": {1}}, {})
