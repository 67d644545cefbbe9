"""Ids as a provider writes them: by a template (`x-ids`), from the seed, the number of the id and the time."""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from re import Match
from uuid import UUID

from spec.language import ID_PART

_LETTERS: Mapping[str, str] = {
    "hex": "0123456789abcdef",
    "digits": string.digits,
    "alnum": string.digits + string.ascii_letters,
}


def written(template: str, seed: int, number: int, now: float) -> str:
    """The `number`th id of a server with this seed, at `now` (Unix seconds).

    `{time}` is the second in UTC as `YYYYMMDDhhmmss`; every other part is drawn anew for each number.
    """
    return ID_PART.sub(partial(_part, seed=seed, number=number, now=now), template)


def _part(found: Match[str], *, seed: int, number: int, now: float) -> str:
    if found[3] == "time":
        return datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S")
    drawn = blake2b(f"{seed}:{number}:{found.start()}".encode(), digest_size=64).digest()
    if found[3] == "uuid":
        return str(UUID(bytes=drawn[:16], version=4))
    letters, rest, text = _LETTERS[found[1]], int.from_bytes(drawn, "big"), ""
    for _ in range(int(found[2])):
        rest, index = divmod(rest, len(letters))
        text += letters[index]
    return text
