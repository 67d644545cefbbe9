"""The two messages of HTTP, as this project passes them around: plain, decoded once, no framework in sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spec import events
from spec.json_values import Undecodable as Undecodable  # noqa: PLC0414 - whoever decodes bodies catches it
from spec.json_values import decode_json


def media_type(content_type: str) -> str:
    """`application/json; charset=utf-8` -> `application/json`."""
    if content_type == "application/json":  # nearly always, and asked often
        return content_type
    return content_type.partition(";")[0].strip().lower()


def combined(headers: Mapping[str, str], name: str) -> str | None:
    """A header that may come in several fields (RFC 9110, 5.3), as one text; None where there is none."""
    fields = getattr(headers, "getall", None)
    return headers.get(name) if fields is None else ", ".join(fields(name, ())) or None


def is_json(media: str) -> bool:
    """Whether bodies of this media type are JSON (RFC 6839 suffix included)."""
    return media == "application/json" or media.endswith("+json")


def decode(body: bytes, media: str) -> Any:
    """The body's value: JSON parsed strictly (no NaN, no lone surrogates), a stream's events, anything else as bytes.

    Raises Undecodable.
    """
    if media == events.MEDIA_TYPE:
        return events.parse(body).events
    if not is_json(media):
        return body
    return decode_json(body)


#: halves of surrogate pairs; as some of them aiohttp smuggles bytes into texts: they are characters of Latin-1
_HALVES = dict.fromkeys(range(0xD800, 0xE000), 0xFFFD) | {0xDC00 + octet: octet for octet in range(0x80, 0x100)}


def header_text(text: str) -> str:
    """A header, a reason or an address as JSON and UTF-8 can hold it: what is not UTF-8 is Latin-1 (RFC 9110, 5.5)."""
    return text if text.isascii() else text.translate(_HALVES)


def part_at(value: Any, pointer: str) -> Any:
    """The part of a decoded body at a JSON pointer; None where there is none."""
    for part in pointer.split("/")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part.replace("~1", "/").replace("~0", "~")]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


@dataclass(slots=True)
class Request:
    """One request as it arrived. Header names are lower case; `value` is the decoded body, None without one."""

    method: str
    path: str
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    value: Any = None
    _media: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def media(self) -> str:
        """The media type of the body, `""` when none is named."""
        if self._media is None:
            self._media = media_type(self.headers.get("content-type", ""))
        return self._media


@dataclass(slots=True)
class Response:
    """One answer. Header names are lower case; `value` is the decoded body, None where it cannot be decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    value: Any = None

    @property
    def media(self) -> str:
        """The media type of the body, `""` when none is named."""
        return media_type(self.headers.get("content-type", ""))
