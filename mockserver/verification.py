"""Was a request made, and how often; and if not, which one came nearest and what about it was different."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from mockserver.configuration import Unreadable
from mockserver.expectations import ABSENT, SHOWN, VALUE, Expected, as_text, shown
from mockserver.journal import Entry
from spec.messages import part_at

#: what a request asks by role, in our units; empty where it cannot be read
Asked = Callable[[Entry], Mapping[str, Any]]
_LOOKED_AT = 1000  # of the newest requests, when the nearest is sought
_COMPARED = 20  # of those that miss least, word by word
_NEAREST = 3
_BEFORE = 30
_TIMES = 'a number, or {"at_least": 1, "at_most": 3}, either of them'


class NotSo(AssertionError):
    """Requests were not made as often as a test expects; the text says what was made instead."""


class Condition(NamedTuple):
    """One thing about a request: where it is said, how it is read, and what it must be."""

    where: str
    read: Callable[[Entry], Any]
    expected: Expected


class Miss(NamedTuple):
    """A condition that does not hold, and what was there instead."""

    where: str
    expected: str
    received: str


class Pattern:
    """Requests that are looked for: by facts of the request, fields of its `body` and `query`, and what is `asked`.

    `body` takes names, or JSON pointers below the top (`/input/prompt`); `asked` takes roles of the contract language,
    so it means the same with every family. `path` may have stars and is compared without the query.
    """

    def __init__(self, given: Mapping[str, Any], asked: Asked) -> None:
        """Raises Unreadable."""
        self.conditions: list[Condition] = []
        for name, value in given.items():
            if name in _PARTS:
                if not isinstance(value, Mapping):
                    raise Unreadable(name, f"{value!r} is no object", f"an object of names and values; each {VALUE}")
                self.conditions += [
                    Condition(f"{name} {key}", _reader(name, str(key), asked), _of_part(name, held, f"{name}/{key}"))
                    for key, held in value.items()
                ]
            elif name in _FACTS:
                self.conditions.append(Condition(name, _FACTS[name], Expected.read(value, name)))
            else:
                raise Unreadable(name, "it is not known", f"one of {', '.join([*_FACTS, *_PARTS])}")

    def misses(self, entry: Entry) -> list[Miss]:
        """What about a request is different; nothing where it is one of those looked for."""
        return [
            Miss(where, *_contrasted(expected, received))
            for where, read, expected in self.conditions
            if not _holds(where, expected, received := read(entry))
        ]

    def __str__(self) -> str:
        return ", ".join(f"{where} {expected}" for where, _, expected in self.conditions) or "any request"


def _contrasted(expected: Expected, received: Any) -> tuple[str, str]:
    """What was expected and what came; of two long texts from a little before the place where they part."""
    wanted = expected.value
    if isinstance(wanted, str) and isinstance(received, str) and expected.word == "equals":
        parts_at = _same(wanted, received) - _BEFORE
        if parts_at > _BEFORE and max(len(wanted), len(received)) > SHOWN:
            return f"…{shown(wanted[parts_at:])}", f"…{shown(received[parts_at:])}"
    return str(expected), shown(received)


def _same(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _holds(where: str, expected: Expected, received: Any) -> bool:
    meant = _MEANT.get(where)
    if meant is not None and expected.word == "equals":
        return isinstance(expected.value, str) and received is not ABSENT and meant(received, expected.value)
    try:
        return expected.holds(received)
    except TimeoutError:
        problem = f"{expected.value.pattern!r} takes too long in a text of {len(as_text(received))} characters"
        raise Unreadable(where.replace(" ", "/"), problem, "a pattern without repetitions inside repetitions") from None


#: where a plain value means more than the same
_MEANT: Mapping[str, Callable[[Any, str], bool]] = {
    "path": fnmatchcase,
    "method": lambda received, value: bool(received == value.upper()),
    "drift": lambda received, value: value in received,
}
_FACTS: Mapping[str, Callable[[Entry], Any]] = {
    "method": lambda entry: entry.method,
    "path": lambda entry: urlsplit(entry.path).path,
    "operation": lambda entry: entry.operation,
    "family": lambda entry: entry.family,
    "status": lambda entry: entry.status,
    "problem": lambda entry: entry.problem or ABSENT,
    "fault": lambda entry: entry.fault or ABSENT,
    "drift": lambda entry: list(entry.drifts) or ABSENT,
    "request_id": lambda entry: entry.request_id,
}
_PARTS = ("body", "query", "asked")


def _of_part(part: str, value: Any, where: str) -> Expected:
    """A query's values are texts, whatever kind they are meant as."""
    if part == "query" and not isinstance(value, str | Mapping | re.Pattern):
        value = as_text(value)
    return Expected.read(value, where)


def _reader(part: str, key: str, asked: Asked) -> Callable[[Entry], Any]:
    if part == "query":
        return lambda entry: dict(parse_qsl(urlsplit(entry.path).query, keep_blank_values=True)).get(key, ABSENT)
    if part == "asked":
        return lambda entry: asked(entry).get(key, ABSENT)

    def read(entry: Entry) -> Any:
        value = entry.value
        if key.startswith("/"):
            found = part_at(value, key)
            return ABSENT if found is None else found
        return value.get(key, ABSENT) if isinstance(value, dict) else ABSENT

    return read


def pattern_of(wanted: Mapping[str, Any], asked: Asked) -> Pattern:
    """A pattern as keyword arguments say it: names that are about no request are about its body. Raises Unreadable."""
    given = {name: value for name, value in wanted.items() if name in _FACTS or name in _PARTS}
    fields = {name: value for name, value in wanted.items() if name not in given}
    if fields:
        given["body"] = {**given.get("body", {}), **fields}
    return Pattern(given, asked)


@dataclass(frozen=True, slots=True)
class Times:
    """How often: at least, and at most where that is limited."""

    least: int = 1
    most: int | None = None

    def __str__(self) -> str:
        if self.most is None:
            return f"at least {_times(self.least)}"
        if self.least == self.most:
            return "never" if self.most == 0 else f"exactly {_times(self.most)}"
        return f"at most {_times(self.most)}" if self.least == 0 else f"{self.least} to {_times(self.most)}"

    @staticmethod
    def of(times: int | None, at_least: int | None, at_most: int | None) -> Times:
        """As keyword arguments say it; none of them: at least once. Raises Unreadable."""
        limits = {name: n for name, n in (("at_least", at_least), ("at_most", at_most)) if n is not None}
        if times is not None and limits:
            raise Unreadable("times", f"it is {times} and {limits}, too", "times, or at_least and at_most")
        return Times() if times is None and not limits else Times.read(limits if times is None else times)

    @staticmethod
    def read(value: Any) -> Times:
        """A number, or an object with `at_least`, `at_most` or both. Raises Unreadable."""
        if _counts(value):
            return Times(value, value)
        if not isinstance(value, Mapping) or not value or not set(value) <= {"at_least", "at_most"}:
            raise Unreadable("times", f"{value!r} is not understood", _TIMES)
        least, most = value.get("at_least", 0), value.get("at_most")
        if not _counts(least) or not (most is None or (_counts(most) and most >= least)):
            raise Unreadable("times", f"{value!r} is no range", _TIMES)
        return Times(least, most)


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@dataclass(frozen=True, slots=True)
class Near:
    """A request that came near, and what about it was different."""

    entry: Entry
    misses: Sequence[Miss]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a pattern was met as often as it should be.

    `kept` are the requests that could be looked at, `forgotten` counts older ones that made room: with them no upper
    limit can be vouched for.
    """

    pattern: Pattern
    times: Times
    found: Sequence[Entry]
    kept: int
    forgotten: int = 0
    nearest: Sequence[Near] = field(default_factory=tuple)

    @property
    def held(self) -> bool:
        """Whether it was so."""
        enough = len(self.found) >= self.times.least
        return enough and (self.times.most is None or (len(self.found) <= self.times.most and not self.forgotten))

    @property
    def settled(self) -> bool:
        """Whether nothing that is still to come can change it."""
        return self.held if self.times.most is None else len(self.found) > self.times.most

    def explain(self) -> str:
        """What was expected, what was found, and the nearest misses, for a person."""
        lines = [f"expected {self.times}: {self.pattern}", f"found {_times(len(self.found))} in {self.kept} requests"]
        if self.forgotten:
            lines.append(f"{self.forgotten} older requests made room in the journal: what they were, nobody can say")
        lines += [f"  {_line(entry)}" for entry in self.found[-_NEAREST:]]
        for near in self.nearest[:1]:
            lines.append(f"nearest: {_line(near.entry)}")
            lines += [f"  {miss.where}: expected {miss.expected}, received {miss.received}" for miss in near.misses]
        return "\n".join(lines)


def judge(pattern: Pattern, times: Times, entries: Sequence[Entry], forgotten: int = 0) -> Verdict:
    """Look through the journal."""
    found = [entry for entry in entries if not pattern.misses(entry)]
    verdict = Verdict(pattern, times, found, len(entries), forgotten)
    if verdict.held or len(found) >= times.least:
        return verdict
    met = {id(entry) for entry in found}
    others = [entry for entry in entries if id(entry) not in met]
    return Verdict(pattern, times, found, len(entries), forgotten, _nearest(pattern, others[-_LOOKED_AT:]))


def _nearest(pattern: Pattern, entries: Iterable[Entry]) -> list[Near]:
    near = [Near(entry, pattern.misses(entry)) for entry in entries]
    near.reverse()
    near.sort(key=lambda one: len(one.misses))
    few = sorted(near[:_COMPARED], key=lambda one: (len(one.misses), -sum(map(_likeness, one.misses))))
    return few[:_NEAREST]


def _likeness(miss: Miss) -> float:
    return SequenceMatcher(None, miss.expected, miss.received).ratio()


def _line(entry: Entry) -> str:
    told = f"{entry.method} {urlsplit(entry.path).path} -> {entry.status or 'no answer'}"
    return f"{told}{f' {entry.problem}' if entry.problem else ''} ({entry.request_id})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
