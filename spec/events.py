"""Server-sent events as values and as bytes (WHATWG HTML, section 9.2).

An event is a plain dictionary with the fields `event` and `data`, as an `itemSchema` describes it; data that is JSON
is its value, as far as bodies may be nested. Clients demand a blank line behind every event, the last one too, and no
`id` (`reference/openai-images.md` section 13.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from spec.json_values import Undecodable, decode_json

MEDIA_TYPE = "text/event-stream"


def frame(event: Mapping[str, Any]) -> bytes:
    """One event as bytes, ended by a blank line; data that is no text travels as JSON on one line."""
    data = event.get("data", "")
    text = data.encode() if isinstance(data, str) else orjson.dumps(data)
    name = f"event: {event['event']}\n".encode() if "event" in event else b""
    return name + b"".join(b"data: " + line + b"\n" for line in text.split(b"\n")) + b"\n"


@dataclass(slots=True)
class Stream:
    """A whole event stream, read tolerantly.

    `events` are dictionaries with `event` (if named), `data` (its JSON value where it is JSON), `id` and `retry`;
    `comments` are the texts behind colons; `unfinished` is what stood after the last blank line and no client sees.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    unfinished: str = ""


def parse(body: bytes) -> Stream:
    """Read a stream's bytes; never raises."""
    stream = Stream()
    fields: dict[str, list[str]] = {}
    pending: list[str] = []
    for line, ended in _lines(body.decode("utf-8", "replace").removeprefix("\ufeff")):
        pending.append(line)
        if not ended:
            break
        if line == "":
            if fields:
                stream.events.append({name: _told(name, values) for name, values in fields.items()})
            fields, pending = {}, []
        elif line.startswith(":"):
            stream.comments.append(line[1:].strip())
        else:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
    stream.unfinished = "\n".join(pending)
    return stream


def _told(name: str, values: list[str]) -> Any:
    if name != "data":
        return values[-1]
    text = "\n".join(values)
    try:
        return decode_json(text.encode())
    except Undecodable:
        return text


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Lines and whether they were ended; CR, LF and CRLF end a line, nothing else does."""
    *whole, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    yield from ((line, True) for line in whole)
    if last:
        yield last, False


def lowered(node: Any) -> Any:
    """An event's schema with `contentSchema` in place of the text it describes: validators see decoded events."""
    if isinstance(node, list):
        return [lowered(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "contentSchema" in node:
        return lowered(node["contentSchema"])
    return {key: lowered(inner) for key, inner in node.items()}
