"""The moves drifts are played with, and where in the flow each acts.

A drift's entry says which moves it makes (`plays`), and what each is told; a drift that says none has a move of its
own, called by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from typing import Any, TypeVar

from mockserver.drift.played import look_of, note
from mockserver.replies import Refusal, Reply
from mockserver.tasks import Snapshot, Task
from spec import forms
from spec.contract import Operation
from spec.drifts import DriftUse, catalogue, compatible
from spec.errors import UnknownName
from spec.messages import Request

#: mends what is wrong with a request in the request itself; True: it did, False: it minds
Forgives = Callable[[Request, Refusal, Operation, DriftUse], bool]
#: how a request that keeps the contract is refused; None: it is not
Rejects = Callable[["Wish", Operation, DriftUse], Refusal | None]
#: changes what is resolved from a request: roles -> values, before anything is made
Asks = Callable[[dict[str, Any], DriftUse], dict[str, Any]]
#: changes how a request is refused
Refuses = Callable[[Refusal, DriftUse], Refusal]
#: changes how a task looks to whoever asks about it
Looks = Callable[[Task, Snapshot, DriftUse], Snapshot]
#: whether a task is shown to somebody whose it is not, told whose it is and who asks
Admits = Callable[[str, str, DriftUse], bool]
#: changes an answer that is ready to be sent
Answers = Callable[[Reply, Operation, DriftUse], Reply]
#: changes the events of a stream as they go over the wire, each with what ends it
Frames = Callable[[list[bytes], DriftUse], list[bytes]]

PLACES = ("forgives", "rejects", "asks", "refuses", "looks", "admits", "answers", "frames")
_MODULES = ("plays", "task_plays", "stream_plays", "requests", "refusals", "sizes", "bodies")
_MOVES: dict[str, dict[str, Callable[..., Any]]] = {place: {} for place in PLACES}
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Wish:
    """A valid request as a drift looks at it: roles as they are meant, and those it has said itself -> their names.

    `parts` are the names of a form's parts, as they stand there.
    """

    asked: Mapping[str, Any]
    given: Mapping[str, str]
    media: str
    parts: Sequence[str] = ()


def _register(place: str, name: str, function: _F) -> _F:
    _MOVES[place][name] = function
    return function


def forgives(name: str) -> Callable[[Forgives], Forgives]:
    """Register a move that overlooks a defect."""
    return partial(_register, "forgives", name)


def rejects(name: str) -> Callable[[Rejects], Rejects]:
    """Register a move that refuses what keeps the contract."""
    return partial(_register, "rejects", name)


def asks(name: str) -> Callable[[Asks], Asks]:
    """Register a move that changes what is asked."""
    return partial(_register, "asks", name)


def refuses(name: str) -> Callable[[Refuses], Refuses]:
    """Register a move that changes a refusal."""
    return partial(_register, "refuses", name)


def looks(name: str) -> Callable[[Looks], Looks]:
    """Register a move that changes how a task looks."""
    return partial(_register, "looks", name)


def admits(name: str) -> Callable[[Admits], Admits]:
    """Register a move that shows tasks to others."""
    return partial(_register, "admits", name)


def frames(name: str) -> Callable[[Frames], Frames]:
    """Register a move that changes the bytes of a stream's events."""
    return partial(_register, "frames", name)


def answers(name: str) -> Callable[[Answers], Answers]:
    """Register a move that changes an answer."""
    return partial(_register, "answers", name)


@cache
def moves() -> frozenset[str]:
    """The names of every move the mock can make."""
    for module in _MODULES:
        import_module(f"mockserver.drift.{module}")
    return frozenset(name for table in _MOVES.values() for name in table)


class Plan:
    """The drifts of one server, sorted by where they act. Of the same drift named twice, the last one plays.

    They act in the catalogue's order, so it does not matter in which they are named.
    """

    def __init__(self, uses: Iterable[DriftUse]) -> None:
        places = {id_: place for place, id_ in enumerate(catalogue())}
        uses = tuple(
            {use.drift.id: use for use in sorted(uses, key=lambda use: places.get(use.drift.id, len(places)))}.values()
        )
        compatible(uses)
        self.ids = tuple(use.drift.id for use in uses)
        made = [
            (name, replace(use, parameters={**told, **use.parameters}))
            for use in uses
            for name, told in use.drift.plays.items()
        ]
        for name, use in made:
            if name not in moves():
                raise UnknownName("drift the mock can play", use.drift.id if name == use.drift.id else name, moves())
        by_place = {place: [(table[n], use) for n, use in made if n in table] for place, table in _MOVES.items()}
        self._forgives: list[tuple[Forgives, DriftUse]] = by_place["forgives"]
        self._rejects: list[tuple[Rejects, DriftUse]] = by_place["rejects"]
        self._asks: list[tuple[Asks, DriftUse]] = by_place["asks"]
        self._refuses: list[tuple[Refuses, DriftUse]] = by_place["refuses"]
        self._looks: list[tuple[Looks, DriftUse]] = by_place["looks"]
        self._admits: list[tuple[Admits, DriftUse]] = by_place["admits"]
        self._answers: list[tuple[Answers, DriftUse]] = by_place["answers"]
        self._frames: list[tuple[Frames, DriftUse]] = by_place["frames"]

    def forgives(self, request: Request, refusal: Refusal, operation: Operation) -> bool:
        """Whether the provider overlooks what is wrong; the request is then mended as it understands it."""
        use = next((use for play, use in self._forgives if play(request, refusal, operation, use)), None)
        if use is not None:
            note(use.drift.id)
        return use is not None

    def rejection(self, asked: Mapping[str, Any], request: Request, operation: Operation) -> Refusal | None:
        """How the provider refuses a request that keeps the contract; None: it does not."""
        if not self._rejects:
            return None
        wish = Wish(asked, _given(request, operation), request.media, _parts(request))
        for play, use in self._rejects:
            if (found := play(wish, operation, use)) is not None:
                note(use.drift.id)
                return found
        return None

    def asked(self, roles: dict[str, Any]) -> dict[str, Any]:
        """What the provider takes the request to ask."""
        for play, use in self._asks:
            before, roles = dict(roles), play(roles, use)
            if roles != before:
                note(use.drift.id)
        return roles

    def refusal(self, refusal: Refusal) -> Refusal:
        """How the provider refuses."""
        for play, use in self._refuses:
            before, refusal = refusal, play(refusal, use)
            if refusal != before:
                note(use.drift.id)
        return refusal

    def snapshot(self, task: Task, snapshot: Snapshot) -> Snapshot:
        """How the provider says a task is."""
        for play, use in self._looks:
            before, snapshot = snapshot, play(task, snapshot, use)
            if snapshot != before:
                note(use.drift.id)
        return snapshot

    @property
    def admits_others(self) -> bool:
        """Whether a task may be shown to others than whose it is."""
        return bool(self._admits)

    def admits(self, owner: str, asking: str) -> bool:
        """Whether a task is shown to whoever asks."""
        use = next((use for play, use in self._admits if owner != asking and play(owner, asking, use)), None)
        if use is not None:
            note(use.drift.id)
        return owner == asking or use is not None

    def reply(self, reply: Reply, operation: Operation | None) -> Reply:
        """What the provider sends."""
        if operation is not None:
            for play, use in self._answers:
                before, reply = look_of(reply), play(reply, operation, use)
                if look_of(reply) != before:
                    note(use.drift.id)
            if self._frames and reply.streams:
                reply.frames = self._framed(reply.framed())
        return reply

    def _framed(self, framed: list[bytes]) -> list[bytes]:
        for play, use in self._frames:
            before, framed = framed[:], play(framed, use)
            if framed != before:
                note(use.drift.id)
        return framed


def _parts(request: Request) -> list[str]:
    if request.media != forms.MEDIA_TYPE:
        return []
    return [part.name for part in forms.split(request.body, request.headers["content-type"])]


def _given(request: Request, operation: Operation) -> dict[str, str]:
    """The roles a request says itself -> what it calls them."""
    properties = operation.body.get(request.media, {}).get("properties", {})
    told = request.value if isinstance(request.value, dict) else {}
    found = {role: name for name in told if (role := properties.get(name, {}).get("x-role"))}
    for name, inner in properties.items():  # a list of pictures says it below
        if name in told and (role := inner.get("items", {}).get("x-role")):
            found.setdefault(role, name)
    return found
