"""Conversions between a provider's words and units and ours.

Ours: sizes are (width, height) in pixels, times are Unix seconds as float, progress is 0..100, flags are bool,
everything else is as it is on the wire. A value that cannot be converted is handed back as it is: the reader must
also read answers that break the contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil, log, sqrt
from typing import Any

import orjson

from spec.language import Schema, types_of, words_of

Size = tuple[int, int]

_SIZE = re.compile(r"(\d{1,5})\s*x\s*(\d{1,5})", re.ASCII)


@lru_cache(maxsize=4096)
def parse_size(text: str) -> Size | str:
    """`"1536x1024"` -> (1536, 1024); any other text as it is."""
    match = _SIZE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else text


def size_text(size: Size | str) -> str:
    """(1536, 1024) -> `"1536x1024"`."""
    return size if isinstance(size, str) else f"{size[0]}x{size[1]}"


@dataclass(frozen=True, slots=True)
class LikeInput:
    """A size after the first input picture's: its ratio at about `pixels` in all, or the nearest of `among`.

    Source: `reference/openai-images.md` section 5 (measured: 16:9 becomes 1672x941, a square 1254x1254).
    """

    pixels: int = 0
    among: tuple[Size, ...] = ()

    def of(self, size: Size) -> Size:
        """The size for an input of this size."""
        ratio = size[0] / size[1]
        if self.among:
            return min(self.among, key=lambda one: abs(log(one[0] / one[1] / ratio)))
        width = max(1, round(sqrt(self.pixels * ratio)))
        return width, max(1, round(sqrt(self.pixels / ratio)))


def resolution(to: Any, convert: Callable[[Any], Any] | None) -> Any:
    """What a word resolves to (`x-resolves`), in our units."""
    if isinstance(to, Mapping):
        among = (parse_size(text) for text in to.get("among", ()))
        return LikeInput(to.get("pixels", 0), tuple(size for size in among if isinstance(size, tuple)))
    return convert(to) if convert else to


def _moment(value: Any, schema: Schema) -> Any:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return value / 1000 if schema.get("format") == "unix-millis" else float(value)
    except OverflowError:
        return value


def _moment_out(value: float, schema: Schema) -> Any:
    match schema.get("format"):
        case "unix-millis":
            return round(value * 1000)  # int() would lose a millisecond now and then
        case "date-time":
            return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return int(value)


def _progress(value: Any, _: Schema) -> Any:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,3})%", value)):
        return int(match[1])
    return value


def _progress_out(value: int, schema: Schema) -> Any:
    return f"{value}%" if schema.get("format") == "percent-text" else value


def _integer(value: Any, _: Schema) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII) else value


def _seconds(value: Any, _: Schema) -> Any:
    """`"5"` and `"5.1"` as numbers."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII):
        return float(value) if "." in value else int(value)
    return value


def _seconds_out(value: float, schema: Schema) -> Any:
    if types_of(schema) == {"integer"}:
        return round(value)
    return f"{value:g}" if "string" in types_of(schema) else value


def _flag(value: Any, _: Schema) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _size(value: Any, _: Schema) -> Any:
    return parse_size(value) if isinstance(value, str) else value


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?", re.ASCII)


def _wait(value: Any, _: Schema) -> Any:
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
        hours, minutes, seconds, millis = (float(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds + millis / 1000
    return value


def _wait_out(value: float, schema: Schema) -> Any:
    """Rounded up: who waits that long has waited long enough."""
    if schema.get("format") != "duration-text":
        return ceil(value)
    if value < 1:
        return f"{ceil(round(value * 1000, 6))}ms"
    minutes, seconds = divmod(ceil(round(value, 6)), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{seconds}s"


_PREFERS_WAIT = re.compile(r"(?:^|[,;\s])wait(?:\s*=\s*(\d+))?\s*(?:[,;]|$)", re.ASCII | re.IGNORECASE)
_LONGEST_WAIT = 60.0


def _held(value: Any, schema: Schema) -> Any:
    """Seconds an answer is held: in a `Prefer` header (RFC 7240, section 4.3) `wait` alone is as long as possible."""
    if schema.get("format") != "preference" or not isinstance(value, str):
        return _wait(value, schema)
    match = _PREFERS_WAIT.search(value)
    return None if match is None else min(float(match[1] or _LONGEST_WAIT), _LONGEST_WAIT)


def _told_when(value: Any, schema: Schema) -> Any:
    words = schema.get("x-words", {})
    return [words.get(one, one) if isinstance(one, str) else one for one in value] if isinstance(value, list) else value


def _ratio(value: Any, _: Schema) -> Any:
    """`16:9` and `16x9` as `16:9`."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,3})[:x](\d{1,3})", value, re.ASCII)):
        return f"{match[1]}:{match[2]}"
    return value


def ratio_of(text: Any) -> float | None:
    """Width to height of an aspect ratio in our words (`16:9`), or of a size that is asked for its ratio; else None."""
    match = re.fullmatch(r"(\d{1,5})[:x](\d{1,5})", text, re.ASCII) if isinstance(text, str) else None
    return int(match[1]) / int(match[2]) if match and int(match[1]) and int(match[2]) else None


def _flag_out(value: Any, schema: Schema) -> Any:
    return str(value).lower() if isinstance(value, bool) and "string" in types_of(schema) else value


def _digits_out(value: Any, schema: Schema) -> Any:
    return str(value) if isinstance(value, int | float) and types_of(schema) == {"string"} else value


_WAITS = ("reset-requests", "reset-images")
_TIMES = ("created", "task-submitted", "task-started", "task-finished")
_INWARD: dict[str, Callable[[Any, Schema], Any]] = {
    "size": _size,
    "task-progress": _progress,
    "wait": _held,
    "callback-events": _told_when,
    "aspect-ratio": _ratio,
    "duration": _seconds,
    **dict.fromkeys(_TIMES, _moment),
    **dict.fromkeys(("count", "width", "height", "pixels", "compression", "partial-count", "seed", "part"), _integer),
    **dict.fromkeys(("stream", "async", "should-retry"), _flag),
    **dict.fromkeys(_WAITS, _wait),
}
_OUTWARD: dict[str, Callable[[Any, Schema], Any]] = {
    "size": lambda value, _: size_text(value),
    "task-progress": _progress_out,
    "should-retry": _flag_out,
    "seed": _digits_out,
    "caller-tag": _digits_out,
    "duration": _seconds_out,
    **dict.fromkeys(_TIMES, _moment_out),
    **dict.fromkeys(_WAITS, _wait_out),
}


#: how a state is told by a provider that has no word for it
_NEAREST = {"queued": "running", "running": "queued", "canceled": "failed"}


def inward(role: str, schema: Schema) -> Callable[[Any], Any] | None:
    """The conversion from this schema's words and units to ours; None when they are the same."""
    words: Mapping[Any, Any] = words_of(schema, "x-states") or words_of(schema, "x-words")
    convert = _INWARD.get(role)
    if convert is _told_when:
        return lambda value: convert(value, schema)
    if words:
        return lambda value: words.get(value, value) if isinstance(value, str | int) else value
    if convert is None:
        return None
    if convert is _size:  # on the mock's hot path, like the next: no detour
        return lambda value: parse_size(value) if isinstance(value, str) else value
    if convert is _integer:
        return lambda value: convert(value, schema) if isinstance(value, str) else value
    return lambda value: convert(value, schema)


def outward(role: str, schema: Schema) -> Callable[[Any], Any] | None:
    """The conversion from ours to this schema's words and units; None when they are the same."""
    words: Mapping[Any, Any] = words_of(schema, "x-states") or words_of(schema, "x-words")
    if words:
        first: dict[Any, Any] = {}
        for theirs, ours in words.items():
            first.setdefault(ours, theirs)
        if role == "task-status":
            first = {**{state: first[near] for state, near in _NEAREST.items() if near in first}, **first}
        return lambda value: first.get(value, value)
    convert = _OUTWARD.get(role)
    if convert is _moment_out and schema.get("format") not in ("unix-millis", "date-time"):
        return int  # on the mock's hot path: what _moment_out would come to
    return (lambda value: convert(value, schema)) if convert else None


def size_rule_reason(rule: Mapping[str, float], text: str) -> str | None:
    """Why `text` breaks a size rule, as half a sentence; None when it keeps it.

    Rule fields: `multiple` (both edges), `max-edge` (pixels), `max-ratio` (long to short), `min-pixels`, `max-pixels`.
    Source: `reference/openai-images.md` section 5.
    """
    size = parse_size(text)
    if isinstance(size, str) or 0 in size:
        return "WIDTHxHEIGHT in pixels is expected, for example 1824x1024"
    width, height = size
    long, short = max(size), min(size)
    if "multiple" in rule and (width % rule["multiple"] or height % rule["multiple"]):
        return f"both edges must be divisible by {rule['multiple']}"
    if long > rule.get("max-edge", long):
        return f"the longest edge may be {rule['max-edge']} pixels at most"
    if long > short * rule.get("max-ratio", long):
        return f"the longer edge may be {rule['max-ratio']} times the shorter one at most"
    if width * height < rule.get("min-pixels", 0):
        return f"at least {rule['min-pixels']} pixels in all are needed"
    if width * height > rule.get("max-pixels", width * height):
        return f"at most {rule['max-pixels']} pixels in all are possible"
    return None


#: a scheme, a colon and no spaces, said so that every engine of patterns takes it for the same
URI_PATTERN = (
    "^[A-Za-z][A-Za-z0-9+.\\-]*:[^\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+$"
)
_URI = re.compile(URI_PATTERN)


def _is_uri(value: Any) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _of_text(check: Callable[[str], bool]) -> Callable[[Any], bool]:
    # A format says nothing about other types; jsonschema-rs knows, openapi-core asks all the same.
    return lambda value: not isinstance(value, str) or check(value)


#: formats that a validator can check by itself, by a pattern that says the same as the function
FORMAT_PATTERNS = {"uri": URI_PATTERN}
#: formats both validators check with the same function, so that they cannot disagree
FORMAT_CHECKS: dict[str, Callable[[Any], bool]] = {"uri": _is_uri, "date-time": _of_text(_is_moment)}


def size_rule_format(rule: Mapping[str, Any], words: frozenset[str]) -> tuple[str, Callable[[Any], bool]]:
    """A size rule as a JSON Schema format: its name, and the check. `words` pass as they are (`auto`)."""
    name = "size-rule:" + orjson.dumps([dict(rule), sorted(words)], option=orjson.OPT_SORT_KEYS).decode()
    return name, _of_text(lambda text: text in words or size_rule_reason(rule, text) is None)
