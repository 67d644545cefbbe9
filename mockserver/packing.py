"""Packing: what was ordered and asked as JSON that another process can read, uploaded bytes beside it by their digest.

No pickle: whoever can write to a shared store must not be able to run code here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import orjson

from mockserver.retouching import Base
from mockserver.uploads import Upload

_UPLOAD, _BASE, _TUPLE = "\0upload", "\0base", "\0tuple"  # keys that no role has
_UPLOAD_FACTS = [field.name for field in fields(Upload) if field.name != "data"]
_BASE_PARTS = [field.name for field in fields(Base)]
_UPLOAD_MARK = json.dumps(_UPLOAD).encode()


def pack(value: Any, blobs: dict[str, bytes]) -> bytes:
    """A value of JSON's kinds, tuples and uploads; the bytes of the uploads are put into `blobs`.

    Raises TypeError for anything else.
    """

    def aside(other: Any) -> dict[str, Any]:
        if isinstance(other, Upload):
            blobs[other.digest] = other.data
            return {_UPLOAD: [getattr(other, name) for name in _UPLOAD_FACTS]}
        if isinstance(other, Base):
            return {_BASE: [_tagged(getattr(other, name)) for name in _BASE_PARTS]}
        raise TypeError(f"a {type(other).__name__} cannot be packed")

    return _written(_tagged(value), aside)


def pack_plain(items: tuple[Any, ...]) -> bytes:
    """The same as `pack` makes of a list, for items of JSON's kinds; tuples become lists."""
    return _written(items)


def unpack_plain(packed: bytes) -> Any:
    """What `pack_plain` packed. Raises ValueError for anything else."""
    return json.loads(packed)


def _written(value: Any, aside: Callable[[Any], Any] | None = None) -> bytes:
    try:
        return orjson.dumps(value, aside, orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:  # it knows no numbers beyond 64 bits and no half of a surrogate pair; the slower one does
        return json.dumps(value, default=aside, separators=(",", ":")).encode()


def _tagged(value: Any) -> Any:
    """The same, its tuples told from lists."""
    if isinstance(value, tuple):
        return {_TUPLE: [_tagged(item) for item in value]}
    if isinstance(value, list):
        return [item if type(item) in _SCALARS else _tagged(item) for item in value]
    if isinstance(value, dict):
        return {key: _tagged(held) for key, held in value.items()}
    return value


_SCALARS = {str, int, float, bool, type(None)}


def blobs_of(packed: bytes) -> list[str]:
    """The digests of the blobs that `unpack` will ask for."""
    if _UPLOAD_MARK not in packed:
        return []
    found: dict[str, None] = {}

    def note(part: dict[str, Any]) -> dict[str, Any]:
        if _UPLOAD in part:
            found[dict(zip(_UPLOAD_FACTS, part[_UPLOAD], strict=True))["digest"]] = None
        return part

    json.loads(packed, object_hook=note)
    return list(found)


def unpack(packed: bytes, blobs: Mapping[str, bytes]) -> Any:
    """What was packed. Raises ValueError, TypeError or KeyError for anything else."""
    return _unpacked(json.loads(packed), blobs)


def _unpacked(value: Any, blobs: Mapping[str, bytes]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, blobs) for item in value]
    if not isinstance(value, dict):
        return value
    if _UPLOAD in value:
        facts = dict(zip(_UPLOAD_FACTS, value[_UPLOAD], strict=True))
        return Upload(blobs[facts["digest"]], **facts)
    if _TUPLE in value:
        return tuple(_unpacked(value[_TUPLE], blobs))
    if _BASE in value:
        return Base(*_unpacked(value[_BASE], blobs))
    return {key: _unpacked(held, blobs) for key, held in value.items()}
