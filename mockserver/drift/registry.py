"""Which function plays which drift, and where in the flow: what is asked, how it is refused, what is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib import import_module
from typing import Any, TypeVar

from mockserver.replies import Refusal, Reply
from mockserver.tasks import Snapshot, Task
from spec.contract import Operation
from spec.drifts import DriftUse
from spec.errors import UnknownName

#: changes what is resolved from a request: roles -> values, before anything is made
Asks = Callable[[dict[str, Any], DriftUse], dict[str, Any]]
#: changes how a request is refused
Refuses = Callable[[Refusal, DriftUse], Refusal]
#: changes how a task looks to whoever asks about it
Looks = Callable[[Task, Snapshot, DriftUse], Snapshot]
#: changes an answer that is ready to be sent
Answers = Callable[[Reply, Operation, DriftUse], Reply]
#: changes the events of a stream as they go over the wire, each with what ends it
Frames = Callable[[list[bytes], DriftUse], list[bytes]]

_MODULES = ("plays", "task_plays", "stream_plays")
_F = TypeVar("_F", bound=Callable[..., Any])
_ASKS: dict[str, Asks] = {}
_REFUSES: dict[str, Refuses] = {}
_LOOKS: dict[str, Looks] = {}
_ANSWERS: dict[str, Answers] = {}
_FRAMES: dict[str, Frames] = {}


def _register(table: dict[str, Any], id_: str, function: _F) -> _F:
    table[id_] = function
    return function


def asks(id_: str) -> Callable[[Asks], Asks]:
    """Register a player that changes what is asked."""
    return partial(_register, _ASKS, id_)


def refuses(id_: str) -> Callable[[Refuses], Refuses]:
    """Register a player that changes a refusal."""
    return partial(_register, _REFUSES, id_)


def looks(id_: str) -> Callable[[Looks], Looks]:
    """Register a player that changes how a task looks."""
    return partial(_register, _LOOKS, id_)


def frames(id_: str) -> Callable[[Frames], Frames]:
    """Register a player that changes the bytes of a stream's events."""
    return partial(_register, _FRAMES, id_)


def answers(id_: str) -> Callable[[Answers], Answers]:
    """Register a player that changes an answer."""
    return partial(_register, _ANSWERS, id_)


@cache
def players() -> frozenset[str]:
    """The ids of every drift the mock can play."""
    for module in _MODULES:
        import_module(f"mockserver.drift.{module}")
    return frozenset([*_ASKS, *_REFUSES, *_LOOKS, *_ANSWERS, *_FRAMES])


class Plan:
    """The drifts of one server, sorted by where they act. Of the same drift named twice, the last one plays."""

    def __init__(self, uses: Iterable[DriftUse]) -> None:
        uses = tuple({use.drift.id: use for use in uses}.values())
        for use in uses:
            if use.drift.id not in players():
                raise UnknownName("drift the mock can play", use.drift.id, players())
        self.ids = tuple(use.drift.id for use in uses)
        self._asks = [(_ASKS[use.drift.id], use) for use in uses if use.drift.id in _ASKS]
        self._refuses = [(_REFUSES[use.drift.id], use) for use in uses if use.drift.id in _REFUSES]
        self._looks = [(_LOOKS[use.drift.id], use) for use in uses if use.drift.id in _LOOKS]
        self._answers = [(_ANSWERS[use.drift.id], use) for use in uses if use.drift.id in _ANSWERS]
        self._frames = [(_FRAMES[use.drift.id], use) for use in uses if use.drift.id in _FRAMES]

    def asked(self, roles: dict[str, Any]) -> dict[str, Any]:
        """What the provider takes the request to ask."""
        for play, use in self._asks:
            roles = play(roles, use)
        return roles

    def refusal(self, refusal: Refusal) -> Refusal:
        """How the provider refuses."""
        for play, use in self._refuses:
            refusal = play(refusal, use)
        return refusal

    def snapshot(self, task: Task, snapshot: Snapshot) -> Snapshot:
        """How the provider says a task is."""
        for play, use in self._looks:
            snapshot = play(task, snapshot, use)
        return snapshot

    def reply(self, reply: Reply, operation: Operation | None) -> Reply:
        """What the provider sends."""
        if operation is not None:
            for play, use in self._answers:
                reply = play(reply, operation, use)
            if self._frames and reply.streams:
                reply.frames = self._framed(reply.framed())
        return reply

    def _framed(self, framed: list[bytes]) -> list[bytes]:
        for play, use in self._frames:
            framed = play(framed, use)
        return framed
