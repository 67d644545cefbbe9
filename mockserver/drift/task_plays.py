"""Drifts of tasks, played: how a task looks to whoever asks about it."""

from __future__ import annotations

from dataclasses import replace

from mockserver.drift.places import at, put
from mockserver.drift.registry import admits, answers, looks
from mockserver.drift.requests import SOMEBODY
from mockserver.replies import Reply
from mockserver.tasks import Snapshot, Task
from spec.contract import Operation
from spec.drifts import DriftUse
from spec.reader import Meaning, Reader


@looks("task-stuck")
def stuck(_: Task, snapshot: Snapshot, use: DriftUse) -> Snapshot:
    """In the same state for ever, at the same percentage."""
    at = int(use.parameters["at"])
    return snapshot if snapshot.progress < at else Snapshot(use.parameters["state"], at)


@looks("task-reverts")
def reverts(task: Task, snapshot: Snapshot, use: DriftUse) -> Snapshot:
    """Every other look finds the task where it was before."""
    if task.polls % 2 or snapshot.state != use.parameters["from"]:
        return snapshot
    before = use.parameters["to"]
    return Snapshot(before, 0 if before == "queued" else min(snapshot.progress, 99))


@looks("task-ends-twice")
def ends_twice(task: Task, snapshot: Snapshot, _: DriftUse) -> Snapshot:
    """Every other look finds that a task that has succeeded has failed."""
    if task.polls % 2 or snapshot.state != "succeeded":
        return snapshot
    return Snapshot("failed", 100, "upstream error")


@looks("progress-not-monotonic-or-stuck")
def no_progress(_: Task, snapshot: Snapshot, __: DriftUse) -> Snapshot:
    """Nothing is ever done, not even when everything is."""
    return replace(snapshot, progress=0)


@looks("progress-backwards")
def backwards(_: Task, snapshot: Snapshot, __: DriftUse) -> Snapshot:
    """What is told while a task runs is how much is left."""
    return replace(snapshot, progress=100 - snapshot.progress) if snapshot.state == "running" else snapshot


@looks("progress-over-100")
def too_much(_: Task, snapshot: Snapshot, use: DriftUse) -> Snapshot:
    """More than everything is done."""
    return replace(snapshot, progress=int(use.parameters["percent"])) if snapshot.progress == 100 else snapshot


@looks("task-fails-without-reason")
def fails(_: Task, snapshot: Snapshot, __: DriftUse) -> Snapshot:
    """Every task fails, and nobody learns why."""
    return replace(snapshot, state="failed", reason="") if snapshot.state in ("succeeded", "failed") else snapshot


@looks("task-succeeds-empty")
def empty_handed(_: Task, snapshot: Snapshot, __: DriftUse) -> Snapshot:
    """A success without its pictures."""
    return replace(snapshot, pictures=False)


@looks("task-times-in-milliseconds")
def milliseconds(task: Task, snapshot: Snapshot, _: DriftUse) -> Snapshot:
    """Every time of a task is a thousand times as far away."""
    moments = {"task-submitted": task.submitted, "task-started": task.started, "task-finished": task.finished}
    told = {role: moment * 1000 for role, moment in moments.items() if moment is not None}
    return replace(snapshot, otherwise={**snapshot.otherwise, **told})


@admits("poll-not-scoped-to-owner")
def everybody(_: str, __: str, ___: DriftUse) -> bool:
    """A task is looked up by its id alone."""
    return True


@admits("admit")
def admit(_: str, asking: str, __: DriftUse) -> bool:
    """A task is shown to whoever was let in without a key."""
    return asking == SOMEBODY


@looks("look")
def look(_: Task, snapshot: Snapshot, use: DriftUse) -> Snapshot:
    """A task that is in a `state` gives a `reason` for failing, whether or not it has."""
    return replace(snapshot, reason=use.parameters["reason"]) if snapshot.state == use.parameters["state"] else snapshot


@answers("task-id-changes")
def another_id(reply: Reply, operation: Operation, _: DriftUse) -> Reply:
    """A poll speaks of an inner id, not of the one it was asked about."""
    if "task-id" in operation.request_roles:
        for meaning in _said(reply, operation, "task-id"):
            put(reply.value, meaning, f"task_{str(meaning.raw)[::-1]}")
    return reply


@answers("status-vocabulary-case")
def lower_case(reply: Reply, operation: Operation, _: DriftUse) -> Reply:
    """The words for a task's status in lower case."""
    for meaning in _said(reply, operation, "task-status"):
        put(reply.value, meaning, str(meaning.raw).lower())
    return reply


@answers("task-result-link-dead")
def dead_link(reply: Reply, operation: Operation, _: DriftUse) -> Reply:
    """The links of a task's result lead to nothing."""
    if "task-id" in operation.request_roles:
        for meaning in _said(reply, operation, "image-url"):
            address, question, rest = str(meaning.raw).partition("?")
            put(reply.value, meaning, f"{address}.gone{question}{rest}")
    return reply


@answers("task-id-location-varies")
def id_elsewhere(reply: Reply, operation: Operation, use: DriftUse) -> Reply:
    """A submit answers with the task's id in another place."""
    if "task-id" not in operation.request_roles:
        for meaning in _said(reply, operation, "task-id"):
            reply.value = {"code": "success", "message": "", use.parameters["at"]: meaning.raw}
    return reply


@answers("rename-status")
def another_key(reply: Reply, operation: Operation, use: DriftUse) -> Reply:
    """The status of a task under another key."""
    if "task-id" in operation.request_roles:
        for meaning in _said(reply, operation, "task-status"):
            above, _, name = meaning.pointer.rpartition("/")
            holder = at(reply.value, above)
            holder[use.parameters["to"]] = holder.pop(name)
    return reply


def _said(reply: Reply, operation: Operation, role: str) -> list[Meaning]:
    schema = operation.success.content.get(reply.media)
    if schema is None or reply.refuses:
        return []
    return [meaning for meaning in Reader(schema).read(reply.value) if meaning.role == role and meaning.raw]
