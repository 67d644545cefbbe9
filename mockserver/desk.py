"""The desk where tasks are asked about: looked at, waited for, given up, given what they wait for, followed up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID
from zlib import crc32

from aiohttp import web

from mockserver.caller import waits
from mockserver.intake import Asked
from mockserver.outcomes import Outcome, looked_at
from mockserver.tasks import Ending, Order, Snapshot, Task
from spec.contract import Contract, Operation, roles_in
from spec.followups import Offer
from spec.language import TERMINAL_STATES, walk
from spec.writer import Values

if TYPE_CHECKING:
    from mockserver.app import Mock

_LOOK_SECONDS = 0.05  # between two looks at a task that somebody waits for
#: how a task ends of what is done to it: state and reason
_ENDINGS = {"cancel": ("canceled", "")}
#: what a follow-up takes over from the task it follows
_INHERITED = frozenset(
    {"model", "prompt", "negative-prompt", "size", "width", "height", "aspect-ratio", "pixels", "seed"}
)
Seen = tuple[Task, Snapshot]
Finish = Callable[[Mapping[str, Any], str, float | None], Outcome]


class Refused(Exception):
    """What is asked about a task cannot be; `problem` names why, `param` what is wrong."""

    def __init__(self, problem: str, role: str = "") -> None:
        super().__init__(problem)
        self.problem, self.role = problem, role


class Desk:
    """What one operation does with tasks."""

    def __init__(self, mock: Mock, contract: Contract, operation: Operation, finish: Finish) -> None:
        self._mock, self._contract, self._operation, self._finish = mock, contract, operation, finish
        self.asks_about_tasks = "task-id" in operation.request_roles or _lists_tasks(operation)
        told = operation.request_roles | operation.asks.keys()
        self.follows_up = "parent-task" in told and bool(told & {"action", "task-kind"})

    async def answer(self, asked: Asked, owner: str) -> tuple[Outcome, Asked]:
        """What a question about tasks brings: of one, of those named, of all of this key. Raises Refused."""
        tasks, named = self._mock.state.tasks, asked.roles.get("task-id")
        if named is None or isinstance(named, list):
            ids = [str(id_) for id_ in named] if named else [] if "task-id" in self._operation.request_roles else None
            return await self._listed(list(reversed(await tasks.ids())) if ids is None else ids, owner), asked
        found = await self._affected(str(named), owner, asked.roles)
        self._mock.callbacks.wake()
        return self.told(*found)

    async def _affected(self, id_: str, owner: str, roles: Mapping[str, Any]) -> Seen:
        """The task a request names, as it is once the request has done to it what it does. Raises Refused."""
        tasks, effect = self._mock.state.tasks, self._operation.effect
        if self._mock.plan.admits_others and (there := await tasks.peek(id_)) is not None:
            whose = there[0].order.owner
            owner = whose if self._mock.plan.admits(whose, owner) else owner
        found = await self._look(id_, owner)
        if found is None:
            raise Refused("unknown-task")
        task, snapshot = found
        if effect == "resume":
            if snapshot.state != "needs-input":
                raise Refused("not-waiting")
            given = {role: value for role, value in roles.items() if role != "task-id"}
            order = task.order
            changed = order._replace(asked={**order.asked, **given}, resolved={**order.resolved, **given}, waits=False)
            await tasks.resume(id_, changed)
            return task, Snapshot("queued", 0)
        if effect and snapshot.state not in TERMINAL_STATES:
            await tasks.end(id_, Ending(*_ENDINGS[effect], self._mock.clock()))
        else:
            return found
        return await tasks.peek(id_) or found

    async def _listed(self, ids: Sequence[str], owner: str) -> Outcome:
        """Those of the tasks that are there for this key."""
        looks = [await self._look(id_, owner) for id_ in ids]
        self._mock.callbacks.wake()
        return Outcome({}, {}, lists={"tasks": [self.told(*found)[0] for found in looks if found is not None]})

    async def _look(self, id_: str, owner: str) -> Seen | None:
        """A look at a task that a question asked here can be about; any other is not moved on by it."""
        tasks = self._mock.state.tasks
        there = await tasks.peek(id_)
        return None if there is None or not self._speaks_of(there[0]) else await tasks.look(id_, owner)

    def _speaks_of(self, task: Task) -> bool:
        """Whether a question asked here can be about this task: one of this family and, where told, of this kind."""
        kind, order = self._operation.asks.get("task-kind"), task.order
        return order.family == self._contract.name and kind in (None, order.asked.get("task-kind"))

    async def awaited(self, task: Task, seconds: float, http: web.BaseRequest) -> Seen:
        """The task at its end, or as it is when so many seconds have passed or nobody waits any more."""
        tasks, until = self._mock.state.tasks, time.monotonic() + seconds
        while True:
            task, snapshot = await tasks.look(task.id, task.order.owner) or (task, Snapshot("queued", 0))
            left = until - time.monotonic()
            pause = tasks.pace.wait(task, self._mock.clock())
            if snapshot.state in TERMINAL_STATES or left <= 0:
                return task, snapshot
            if not await waits(http, min(left, _LOOK_SECONDS if pause is None else pause + _LOOK_SECONDS)):
                return task, snapshot

    async def followed(self, order: Order) -> Order:
        """The order of a request that follows up on a task: what that was asked, and what it offers. Raises Refused."""
        found = await self._mock.state.tasks.look(str(order.asked["parent-task"]), order.owner)
        if found is None:
            raise Refused("unknown-task", "parent-task")
        parent, snapshot = found
        if snapshot.state != "succeeded":
            raise Refused("parent-not-done", "parent-task")
        offer = next((one for one in self._offers(parent) if one.is_meant(order.asked)), None)
        if offer is None:
            raise Refused("unknown-action", "action" if "action" in order.asked else "task-kind")
        asked = {**_inherited(parent.order.asked), **order.asked, "task-kind": offer.kind}
        resolved = {
            **_inherited(parent.order.resolved),
            **order.resolved,
            "task-kind": offer.kind,
            "makes": offer.makes,
        }
        if offer.makes == "part":
            resolved["part"] = offer.part
        else:  # another picture than the parent's
            resolved["seed"] = crc32(offer.action.encode())
        return order._replace(asked=asked, resolved=resolved, waits=offer.waits)

    def _offers(self, task: Task) -> list[Offer]:
        kind = task.order.asked.get("task-kind")
        token = UUID(bytes=blake2b(task.id.encode(), digest_size=16).digest())
        return list(self._contract.follow_ups.offered(str(kind), str(token)))

    def told(self, task: Task, snapshot: Snapshot, looked: bool = True) -> tuple[Outcome, Asked]:
        """What there is to tell about a task, and what it was asked for; `looked`: whoever asks knows it already."""
        if looked:
            snapshot = self._mock.plan.snapshot(task, snapshot)
        result, lists = None, {}
        if snapshot.state == "succeeded" and snapshot.pictures:
            result = self._finish(task.order.resolved, task.order.base_url, task.finished)
            lists = {"actions": [_told(offer) for offer in self._offers(task)]}
        outcome = looked_at(task, snapshot, result, self._links_of(task))
        return outcome.with_lists(lists) if lists else outcome, Asked(dict(task.order.asked), ())

    def _links_of(self, task: Task) -> Mapping[str, str]:
        """Where a task is asked about and canceled: role -> URL."""
        order = task.order
        accepting = self._contract.operation(order.operation)
        links = {}
        for role, effect in (("task-url", ""), ("cancel-url", "cancel")):
            target = self._contract.linked(accepting, effect)
            names = [p.name for p in target.parameters if p.role == "task-id"] if target is not None else []
            if target is not None and names:
                links[role] = order.base_url + target.path.replace(f"{{{names[0]}}}", quote(task.id, safe=""))
        return links


def _told(offer: Offer) -> Values:
    return Values({"offered-action": offer.action, "offered-label": offer.label, "offered-emoji": offer.emoji})


def _inherited(roles: Mapping[str, Any]) -> dict[str, Any]:
    return {role: value for role, value in roles.items() if role in _INHERITED}


def _lists_tasks(operation: Operation) -> bool:
    """Whether a success lists tasks."""
    parts = [part for schema in operation.success.content.values() for _, part in walk(schema)]
    return any("task-id" in roles_in([part["items"]]) for part in parts if "items" in part)
