"""The journal: what was asked and answered, newest last, bounded by bytes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from sys import getsizeof
from typing import TYPE_CHECKING, Any

import orjson

from mockserver.packing import pack
from spec.forms import MEDIA_TYPE as FORM
from spec.messages import is_json
from spec.recordings.secrets import LOOKS_LIKE_A_KEY, masked_parameters

if TYPE_CHECKING:
    from mockserver.artist import Picture

SHORT = 16 * 1024  # bytes of a body that is kept as it came
ANSWER = 2048  # bytes of an answer, its head included
_TEXT = 1000  # characters of each text in one that is longer
_KEY_IN_TEXT, _KEY_IN_BODY = re.compile(LOOKS_LIKE_A_KEY), re.compile(LOOKS_LIKE_A_KEY.encode())
_DEEP, _MANY = 5, 100  # levels of such a one, and members of each part of it
_ENTRY_BYTES, _PICTURE_BYTES = 350, 300


@dataclass(slots=True)
class Entry:
    """One request and its answer; `seconds` is how long it took, `problem` the contract's word for a refusal.

    `operation` is unlike every other in its `family` only; both are empty where no operation was asked.

    `status` is what the caller saw: 0 where a fault let nothing through, or the caller did not wait for it.
    `drifts` are those that made a difference. Keys are left out everywhere. `body` is what `kept` makes of the one
    that came, which had `size` bytes. `made` are the answer's pictures: how each is drawn, or its link where it
    starts from uploads, which are large. `answer` is the beginning of what was sent, or would have been but for a
    fault: `ANSWER` bytes at most.
    """

    request_id: str
    at: float
    method: str
    path: str
    operation: str
    status: int
    seconds: float
    problem: str = ""
    detail: str = ""
    drifts: tuple[str, ...] = ()
    fault: str = ""
    media: str = ""
    size: int = 0
    body: bytes = b""
    made: Sequence[Picture | str] = ()
    answer: bytes = b""
    family: str = ""

    @property
    def weight(self) -> int:
        """About how many bytes the entry holds; the pictures of one request share their prompt."""
        weight = _ENTRY_BYTES + getsizeof(self.path) + len(self.body) + len(self.answer)
        for told in (self.detail, self.fault, self.media):
            if told:
                weight += getsizeof(told)
        if made := self.made:
            first = made[0]
            weight += getsizeof(first) * len(made) if isinstance(first, str) else getsizeof(first.prompt)
            weight += _PICTURE_BYTES * len(made)
        return weight

    @property
    def cut(self) -> bool:
        """Whether there was more in the body than `body` says, files of forms aside."""
        return self.size > SHORT and self.media != FORM

    @property
    def value(self) -> Any:
        """The body as JSON, forms included; None where there is none, or it cannot be read."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


def without_keys(text: str) -> str:
    """A text as it may be shown."""
    return _KEY_IN_TEXT.sub("sk-***", text) if "sk-" in text else text


def address(raw_path: str) -> str:
    """A path and its query as the journal keeps them: without the keys that may stand there."""
    return without_keys(masked_parameters(raw_path, "***") if "?" in raw_path else raw_path)


def kept(body: bytes, media: str, value: Any) -> bytes:
    """A body as the journal keeps it: short JSON as it came, anything else as JSON that says what was in it.

    A file in a form is its name, media type and number of bytes; the long texts of a long body are cut.
    """
    if b"sk-" in body:
        body = _KEY_IN_BODY.sub(b"sk-***", body)
    if len(body) <= SHORT and is_json(media):
        return body
    brief = pack(_brief(value), {}) if isinstance(value, dict | list) else body
    return brief if len(brief) <= 2 * SHORT else body[:SHORT]


def _brief(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict | list) and depth > _DEEP:
        return "…"
    if isinstance(value, dict):
        return {without_keys(str(key))[:_TEXT]: _brief(held, depth + 1) for key, held in islice(value.items(), _MANY)}
    if isinstance(value, list):
        return [_brief(held, depth + 1) for held in value[:_MANY]]
    if isinstance(value, str):
        shown = without_keys(value)
        return shown if len(value) <= _TEXT else f"{shown[:_TEXT]}… ({len(value)} characters)"
    return value if isinstance(value, int | float | bool | None) else without_keys(repr(value))[:_TEXT]


class Journal:
    """The last entries, as many as fit into `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._weights: deque[int] = deque()
        self._weight = 0
        self.total = 0

    def add(self, entry: Entry) -> None:
        """Write one entry; the oldest make room."""
        weight = entry.weight
        self._entries.append(entry)
        self._weights.append(weight)
        self._weight += weight
        self.total += 1
        while self._weight > self._limit:
            self._entries.popleft()
            self._weight -= self._weights.popleft()

    async def entries(self) -> list[Entry]:
        """What is kept, oldest first."""
        return list(self._entries)

    async def newest(self, count: int) -> list[Entry]:
        """The last ones, oldest first."""
        return list(islice(reversed(self._entries), count))[::-1]

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget everything, the count included."""
        self._entries.clear()
        self._weights.clear()
        self._weight = self.total = 0
