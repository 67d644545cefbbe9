"""The drift catalogue (`drifts.yaml`) and references to its entries (`id` or `id:key=value`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from spec.documents import SPEC, load_yaml
from spec.errors import DocumentError, SpecError, UnknownName
from spec.language import STATES
from spec.references import split_reference
from spec.units import parse_size

_FIELDS = {"class", "switch", "title", "clause", "contract", "observed", "seen"}
_OPTIONAL = {"also", "with", "plays", "shows", "narrows", "records", "learned"}


@dataclass(frozen=True, slots=True)
class Drift:
    """One catalogued deviation. `clause` convicts it; `also` are patterns of clauses it breaks on the way.

    `defaults` are the parameters it can be played with, and their values unless told otherwise. `plays` are the moves
    the mock makes, with what each is told; a drift without has a move of its own, called by its id. `shows` is the
    pattern (`spec/patterns.py`) of an exchange that shows it; a drift without has a recogniser of its own. `switch` is
    what it sets: of two drifts with the same one only one can be played. `narrows` are drifts of which it is a special
    case, `records` those of the drift reference that it stands for.
    """

    id: str
    kind: str
    title: str
    clause: str
    also: tuple[str, ...]
    contract: str
    observed: str
    seen: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    switch: str = ""
    plays: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shows: Any = None
    narrows: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    learned: Mapping[str, str] = field(default_factory=dict)

    def explains(self, clause: str) -> bool:
        """Whether a broken clause is this drift's doing, in an exchange that shows the drift."""
        return clause == self.clause or any(fnmatchcase(clause, pattern) for pattern in self.also)


class Contradiction(SpecError):
    """Two drifts that cannot both be played."""


@dataclass(frozen=True, slots=True)
class DriftUse:
    """A drift switched on, with its parameters and, in a profile, where that was seen."""

    drift: Drift
    parameters: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


@cache
def catalogue() -> Mapping[str, Drift]:
    """Every drift by id. Raises DocumentError when the catalogue is broken."""
    return parse_catalogue((SPEC / "drifts.yaml").read_text("utf-8"), "drifts.yaml")


def parse_catalogue(text: str, file: str) -> Mapping[str, Drift]:
    """A drift catalogue from its text. Raises DocumentError."""
    drifts = {}
    for id_, entry in load_yaml(text, file).items():
        if not isinstance(entry, Mapping) or not set(entry) >= _FIELDS or not set(entry) <= _FIELDS | _OPTIONAL:
            raise DocumentError(
                file,
                f"/{id_}",
                "the entry is not complete",
                f"the fields {', '.join(sorted(_FIELDS))}; perhaps {', '.join(sorted(_OPTIONAL))}",
            )
        for name in _FIELDS - {"seen"}:
            if not isinstance(entry[name], str):
                raise DocumentError(
                    file, f"/{id_}/{name}", f"it is {entry[name]!r}", "a text, quoted where YAML needs it"
                )
        drifts[id_] = Drift(
            id_,
            entry["class"],
            entry["title"],
            entry["clause"],
            tuple(entry.get("also", ())),
            entry["contract"],
            entry["observed"],
            tuple(map(str, entry["seen"])),
            _texts(entry.get("with", {})),
            entry["switch"],
            entry.get("plays") or {id_: {}},
            entry.get("shows"),
            tuple(entry.get("narrows", ())),
            tuple(entry.get("records", ())),
            _texts(entry.get("learned", {})),
        )
    for id_, found in drifts.items():
        for key in found.learned.keys() - found.defaults.keys():
            raise DocumentError(file, f"/{id_}/learned/{key}", f"there is no parameter {key!r}", "one of `with`")
        for other in found.narrows:
            if other not in drifts:
                raise DocumentError(file, f"/{id_}/narrows", f"there is no drift {other!r}", "an id of this file")
    return drifts


@dataclass(frozen=True, slots=True)
class Unplayed:
    """Records of the drift reference for which there is no drift: a word for the reason, and the reason."""

    reason: str
    because: str
    records: tuple[str, ...]


@cache
def unplayed() -> tuple[Unplayed, ...]:
    """What the drift reference has and the catalogue has not, by reason."""
    told = load_yaml((SPEC / "unplayed.yaml").read_text("utf-8"), "unplayed.yaml")
    return tuple(Unplayed(reason, part["because"], tuple(part["records"])) for reason, part in told.items())


def drift(id_: str) -> Drift:
    """The drift of this id. Raises UnknownName with the nearest ones."""
    try:
        return catalogue()[id_]
    except KeyError:
        raise UnknownName("drift", id_, catalogue()) from None


def drift_use(reference: str | Mapping[str, Any]) -> DriftUse:
    """`id`, `id:key=value,key=value`, or a profile's mapping with `id`, `with` and `source`.

    Raises UnknownName for a drift or a parameter nobody knows, SpecError for a reference that cannot be read.
    """
    if isinstance(reference, Mapping):
        return _use(str(reference.get("id", "")), _texts(reference.get("with", {})), str(reference.get("source", "")))
    id_, given = split_reference("drift", reference)
    return _use(id_, given, "")


#: what the parameters of drifts are: a value is of the same kind as the one it takes the place of
_KINDS: dict[str, Callable[[str], bool]] = {
    "a size": lambda text: isinstance(parse_size(text), tuple),
    "a number": lambda text: bool(re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text)),
    "a state of tasks": STATES.__contains__,
}


def _use(id_: str, given: Mapping[str, str], source: str) -> DriftUse:
    found = drift(id_)
    for key in given:
        if key not in found.defaults:
            raise UnknownName(f"parameter of drift {id_}", key, found.defaults or ["none: it takes no parameters"])
        usual = found.defaults[key]
        kind = next((one for one, is_one in _KINDS.items() if is_one(usual)), None)
        if kind is not None and not _KINDS[kind](given[key]):
            raise SpecError(f"drift {id_}: {key} is {given[key]!r}\n  expected: {kind}, as {usual}")
    return DriftUse(found, {**found.defaults, **given}, source)


def compatible(uses: Iterable[DriftUse]) -> None:
    """Raises Contradiction for the first two drifts that set the same switch."""
    by_switch: dict[str, Drift] = {}
    for use in uses:
        other = by_switch.setdefault(use.drift.switch, use.drift)
        if other.id != use.drift.id:
            raise Contradiction(
                f"the drifts {other.id!r} and {use.drift.id!r} contradict each other: both set {other.switch}\n"
                f"  expected: one of them"
            )


def _texts(given: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in given.items()}


def drift_uses(references: Iterable[str | Mapping[str, Any]]) -> tuple[DriftUse, ...]:
    """Several references; the same drift given twice counts once, the last one wins."""
    uses = {use.drift.id: use for use in map(drift_use, references)}
    return tuple(uses.values())
