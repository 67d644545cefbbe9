"""Transport faults: what can go wrong with an answer on its way, by name, and which request it befalls.

`NAME` or `NAME:KEY=VALUE,...`, as drifts are written. Every fault also takes `rate` (the share of requests), `first`
(only the first N), `after` (not the first N) and `on` (only this operation: its id, or `family.id`). The functions that
play them are in `mockserver/wire.py`; what breaks is the answer: the request has been handled, as when a proxy loses
what its upstream did.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from random import Random
from typing import Any

from aiohttp import web

from mockserver.latency import duration
from spec.contract import Contract, Operation
from spec.errors import SpecError, UnknownName
from spec.references import split_reference

#: plays a fault: the request, the answer that should have been, the parameters -> what aiohttp is to send
Play = Callable[[web.BaseRequest, web.StreamResponse, Mapping[str, Any]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: how its text is read (raises ValueError or SpecError), what is expected, and its default."""

    read: Callable[[str], Any]
    expected: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its title is what a caller sees; `silent` when no status is sent at all."""

    name: str
    title: str
    parameters: Mapping[str, Parameter]
    play: Play | None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class FaultUse:
    """A fault switched on. `text` is how a person wrote it."""

    fault: Fault
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 1.0
    first: int | None = None
    after: int = 0
    on: str = ""
    text: str = ""

    @property
    def problem(self) -> str | None:
        """The problem the request is refused with, if that is the fault."""
        return None if self.fault.play else self.parameters["name"]

    async def play(self, http: web.BaseRequest, answer: web.StreamResponse) -> web.StreamResponse:
        """The answer as it fares."""
        return answer if self.fault.play is None else await self.fault.play(http, answer, self.parameters)

    def status(self, status: int) -> int:
        """What a caller sees where the answer had this status; 0 for nothing."""
        seen: int = 0 if self.fault.silent else self.parameters.get("status", status)
        return seen


def share(default: float | None = None) -> Parameter:
    """A number from 0 to 1."""
    return Parameter(_within(float, 0, 1), "a number from 0 to 1", default)


def number(default: int | None = None, least: int = 0, most: int = 10**9) -> Parameter:
    """An integer within bounds."""
    return Parameter(_within(int, least, most), f"an integer from {least} to {most}", default)


def time(default: float) -> Parameter:
    """A duration, in seconds."""
    return Parameter(duration, "a duration such as 500ms or 2s", default)


def one_of(default: str, *others: str) -> Parameter:
    """One of a few words; the first is the default."""
    words = (default, *others)
    return Parameter(_word(words), f"one of {', '.join(words)}", default)


def text(default: str | None = None) -> Parameter:
    """Any text; without a default it must be given."""
    return Parameter(str, "a text", default)


def _within(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    def read(given: str) -> float:
        value = kind(given)
        if not least <= value <= most:
            raise ValueError(given)
        return value

    return read


def _word(words: Collection[str]) -> Callable[[str], str]:
    def read(given: str) -> str:
        if given not in words:
            raise ValueError(given)
        return given

    return read


SELECTORS: Mapping[str, Parameter] = {
    "rate": share(1.0),
    "first": number(),
    "after": number(0),
    "on": Parameter(str, "the operationId of an operation, or FAMILY.operationId", ""),
}
_FAULTS: dict[str, Fault] = {}


def fault(name: str, *, silent: bool = False, **parameters: Parameter) -> Callable[[Play], Play]:
    """Register a function that plays a fault; its docstring's first line is the title."""

    def register(play: Play) -> Play:
        _FAULTS[name] = Fault(name, (play.__doc__ or "").partition("\n")[0], parameters, play, silent)
        return play

    return register


@cache
def catalogue() -> Mapping[str, Fault]:
    """Every fault by name."""
    import_module("mockserver.wire")
    refused = Fault("problem", "The request is refused with a problem of its contract.", {"name": text()}, None)
    return dict(sorted({**_FAULTS, "problem": refused}.items()))


def described(known: Fault) -> str:
    """`truncated:at=0.5,framing=length`: a fault with its own parameters as they are unless told otherwise."""
    return known.name + "".join(
        f"{',' if index else ':'}{key}={'...' if parameter.default is None else parameter.default}"
        for index, (key, parameter) in enumerate(known.parameters.items())
    )


def fault_use(reference: str | Mapping[str, Any]) -> FaultUse:
    """`truncated:at=0.5,first=2`, or a mapping of `name` and parameters (`with` may hold them, too).

    Raises UnknownName for a fault or parameter nobody knows, SpecError for a value that cannot be read.
    """
    if isinstance(reference, str):
        name, given = split_reference("fault", reference)
    else:
        rest = {**reference, **reference.get("with", {})}
        name = str(rest.pop("fault", ""))
        given = {key: str(value) for key, value in rest.items() if key != "with"}
    known = catalogue().get(name)
    if known is None:
        raise UnknownName("fault", name, catalogue())
    readable = {**known.parameters, **SELECTORS}
    for key in given:
        if key not in readable:
            raise UnknownName(f"parameter of fault {name}", key, readable)
    values = {key: _value(name, key, readable[key], given) for key in readable}
    written = name + "".join(
        f"{',' if index else ':'}{key}={value}" for index, (key, value) in enumerate(given.items())
    )
    own = {key: values[key] for key in known.parameters}
    return FaultUse(known, own, values["rate"], values["first"], values["after"], values["on"], written)


def _value(name: str, key: str, parameter: Parameter, given: Mapping[str, str]) -> Any:
    if key not in given:
        if parameter.default is None and key not in SELECTORS:
            raise SpecError(f"fault {name!r} needs {key}\n  expected: {name}:{key}=... with {parameter.expected}")
        return parameter.default
    try:
        return parameter.read(given[key])
    except (ValueError, SpecError):
        raise SpecError(f"fault {name!r}: {key}={given[key]!r}\n  expected: {parameter.expected}") from None


def fault_uses(references: Iterable[str | Mapping[str, Any]]) -> tuple[FaultUse, ...]:
    """Several references, in the order in which they are tried."""
    return tuple(map(fault_use, references))


@dataclass(slots=True)
class _Count:
    """How many requests a fault could have befallen, and how many it did."""

    seen: int = 0
    played: int = 0


class Faults:
    """The faults of one server: of several that fit a request the first befalls it. Chance comes from the seed."""

    def __init__(self, uses: Iterable[FaultUse], seed: int) -> None:
        self._uses = [(use, _Count(), Random(f"{seed}:{index}:{use.text}")) for index, use in enumerate(uses)]

    def befalling(self, operation: Operation) -> FaultUse | None:
        """The fault that befalls the next request of this operation, if any; every fault counts the request."""
        befallen: FaultUse | None = None
        for use, counted, random in self._uses:
            if use.on and not operation.is_called(use.on):
                continue
            counted.seen += 1
            due = counted.seen > use.after and (use.first is None or counted.seen <= use.after + use.first)
            if due and befallen is None and (use.rate >= 1 or random.random() < use.rate):
                counted.played += 1
                befallen = use
        return befallen

    def counts(self) -> list[dict[str, Any]]:
        """Each fault with the requests it saw and those it befell."""
        return [{"fault": use.text, "seen": count.seen, "played": count.played} for use, count, _ in self._uses]


def check_faults(uses: Iterable[FaultUse], contracts: Collection[Contract]) -> None:
    """Refuse faults on operations or with problems that no served contract has. Raises UnknownName."""
    operations = [operation for contract in contracts for operation in contract.operations]
    problems = [name for contract in contracts for name in contract.problems]
    for use in uses:
        if use.on and not any(operation.is_called(use.on) for operation in operations):
            raise UnknownName(f"operation of fault {use.text!r}", use.on, [operation.id for operation in operations])
        if use.problem is not None and use.problem not in problems:
            raise UnknownName(f"problem of fault {use.text!r}", use.problem, problems)
