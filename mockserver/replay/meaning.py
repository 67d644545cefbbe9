"""What a request means, as far as two that mean the same get the same answer; and in what two differ.

Headers do not count. JSON counts by its values, forms by the names and contents of their parts, queries as sets;
secrets (`?key=`) do not count: they were not recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import orjson

from spec import forms
from spec.language import escape
from spec.messages import Undecodable, is_json, media_type
from spec.recordings.secrets import MASK, is_sensitive

_LONGEST = 80
_FORM_URLENCODED = "application/x-www-form-urlencoded"
_LONGEST_KEPT = 4096  # letters; of what is longer, the hash


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is asked. `body` is what it says by place (`/prompt` -> `"A fox"`), None where nobody kept it."""

    method: str
    path: str
    query: frozenset[tuple[str, str]]
    body: frozenset[tuple[str, str]] | None

    def has_path_of(self, other: Meaning) -> bool:
        """Whether the other's path ends as this one does: `/v1/models` fits what was recorded below `/api`."""
        return self.path == other.path or (len(self.path) > 1 and other.path.endswith(self.path))

    def says(self, other: Meaning) -> bool:
        """Whether the other's query and body say the same; a body that nobody kept may say anything."""
        known = self.body == other.body or None in (self.body, other.body)
        return self.method == other.method and self.query == other.query and known

    def differences(self, recorded: Meaning) -> list[str]:
        """In what this request differs from a recorded one, for a person; of another operation nothing more is told."""
        told = []
        if self.method != recorded.method:
            told.append(f"method: recorded {recorded.method}, asked {self.method}")
        if not self.has_path_of(recorded):
            told.append(f"path: recorded {recorded.path}, asked {self.path}")
        if told:
            return told
        told += _compared("query ", dict(recorded.query), dict(self.query))
        if self.body is not None and recorded.body is not None:
            told += _compared("body ", dict(recorded.body), dict(self.body))
        return told


def meaning_of(
    method: str, path: str, query: Iterable[tuple[str, str]], body: bytes | None, content_type: str
) -> Meaning:
    """What a request means; secrets in its texts are masked already."""
    counted = _numbered((name, value) for name, value in query if not is_sensitive(name) and value != MASK)
    told = None if body is None else frozenset(_said(body, content_type))
    return Meaning(method, path.rstrip("/") or "/", frozenset(counted), told)


def _said(body: bytes, content_type: str) -> Iterator[tuple[str, str]]:
    """What a body says, by place."""
    media = media_type(content_type)
    if not body:
        return
    if is_json(media) or body.lstrip()[:1] in (b"{", b"["):
        try:
            yield from _leaves(orjson.loads(body), "")
        except orjson.JSONDecodeError:
            yield "", _content(body)
    elif media == forms.MEDIA_TYPE:
        try:
            parts = forms.split(body, content_type)
        except Undecodable:
            yield "", _content(body)
        else:
            yield from _numbered((part.name, _content(part.data)) for part in parts)
    elif media == _FORM_URLENCODED:
        yield from _numbered(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    else:
        yield "", _content(body)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """The values of a JSON document by their pointers; 1 and 1.0 are one number."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}/{escape(name)}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{place}/{index}")
    else:
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53
        yield place, _content(orjson.dumps(int(value) if whole else value))


def _numbered(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pairs whose names may come again: the second `image` is `image (2)`."""
    seen: Counter[str] = Counter()
    for name, value in pairs:
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), value


def _content(data: bytes) -> str:
    """A text as it is, anything else by its hash."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable() and len(text) <= _LONGEST_KEPT:
        return text
    return f"{len(data):,} bytes, sha256 {sha256(data).hexdigest()[:16]}"


def _compared(kind: str, recorded: Mapping[str, str], asked: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*sorted(recorded), *sorted(asked)]):
        was, now = recorded.get(name), asked.get(name)
        if was != now:
            place = f"{kind}{name}".strip()
            told = "" if now is None else f"asked {_brief(now)}"
            yield (
                f"{place}: recorded {_brief(was)}, {told or 'not asked'}"
                if was is not None
                else (f"{place}: {told}, not recorded")
            )


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
