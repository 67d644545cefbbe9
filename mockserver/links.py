"""Links to promised pictures: signed, with the moment they expire, and with the order itself where it is short.

    /_imageproof/files/SIGNATURE.png?se=2026-11-21T11:56:24Z&o=ORDER

Made like the links real providers hand out, which lead to a blob store for an hour. Because a link says what was
promised, any process that has the secret can draw it, and nothing has to be kept for it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

from mockserver.artist import MIME_TYPES

FILES = "/_imageproof/files/"
SHORT = 800  # bytes of an order that fits into a link; the order of a longer one is kept under its digest
_DIGEST = "~"  # begins a digest where base64 cannot


class Order(NamedTuple):
    """What a link says: the packed order itself or else the digest it is kept under, and when the link expires."""

    packed: bytes
    digest: str
    expires: float | None


class Links:
    """Writes links and reads those that were written with the same secret (up to 64 bytes)."""

    def __init__(self, secret: bytes) -> None:
        self._signing = blake2b(digest_size=16, key=secret)

    def write(self, packed: bytes, suffix: str, expires: float | None) -> tuple[str, str]:
        """The path of a picture, and the digest under which its order must be kept: empty where the link holds it."""
        digest = "" if len(packed) <= SHORT else digest_of(packed)
        order = _DIGEST + digest if digest else base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
        query = f"o={order}" if expires is None else f"se={_moment(int(expires))}&o={order}"
        return f"{FILES}{self._name(query, suffix)}?{query}", digest

    def read(self, name: str, query: Mapping[str, str]) -> Order | None:
        """What a file name and its query say, whatever format the name ends in; None when they are not ours."""
        order, moment = query.get("o", ""), query.get("se")
        text = f"o={order}" if moment is None else f"se={moment}&o={order}"
        try:
            suffix = name.rpartition(".")[2]
            if suffix not in MIME_TYPES or not compare_digest(name.encode(), self._name(text, suffix).encode()):
                return None
            expires = None if moment is None else datetime.fromisoformat(moment).timestamp()
            if order.startswith(_DIGEST):
                return Order(b"", order[1:], expires)
            return Order(base64.urlsafe_b64decode(order + "=" * (-len(order) % 4)), "", expires)
        except (UnicodeEncodeError, ValueError, binascii.Error):
            return None

    def _name(self, query: str, suffix: str) -> str:
        signing = self._signing.copy()
        signing.update(query.encode())
        return f"{signing.hexdigest()}.{suffix}"


def digest_of(packed: bytes) -> str:
    """32 hex digits that stand for a packed order."""
    return blake2b(packed, digest_size=16).hexdigest()


@lru_cache(maxsize=256)
def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(seconds: float) -> str:
    """A moment as HTTP headers say it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
