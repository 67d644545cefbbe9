"""Drifts of event streams, played: which events there are, and how they go over the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.drift.registry import answers, asks, frames
from mockserver.replies import Reply
from spec.contract import Operation
from spec.drifts import DriftUse


@asks("stream-request-json-answer")
def no_stream(roles: dict[str, Any], _: DriftUse) -> dict[str, Any]:
    """Pretend that nothing was said about a stream."""
    return {role: value for role, value in roles.items() if role not in ("stream", "partial-count")}


@asks("partial-images-accepted-never-sent")
def no_partials(roles: dict[str, Any], _: DriftUse) -> dict[str, Any]:
    """Pretend that no unfinished pictures were asked for."""
    return {**roles, "partial-count": 0} if "partial-count" in roles else roles


@answers("stream-ends-without-final")
def no_end(reply: Reply, _: Operation, __: DriftUse) -> Reply:
    """Every event but the last."""
    return replace(reply, value=reply.value[:-1]) if reply.streams else reply


@answers("stream-completed-twice")
def ends_twice(reply: Reply, _: Operation, __: DriftUse) -> Reply:
    """The last event again."""
    return replace(reply, value=[*reply.value, *reply.value[-1:]]) if reply.streams else reply


@answers("stream-error-flat")
def flat_error(reply: Reply, _: Operation, use: DriftUse) -> Reply:
    """In place of the last event an error whose fields stand beside its type, not under `error`."""
    if not reply.streams:
        return reply
    failure = {"type": "error", "code": use.parameters["code"], "message": use.parameters["message"], "param": None}
    return replace(reply, value=[*reply.value[:-1], {"event": "error", "data": failure}])


@frames("stream-done-sentinel-on-images")
def sentinel(framed: list[bytes], _: DriftUse) -> list[bytes]:
    """What ends a stream of chat."""
    return [*framed, b"data: [DONE]\n\n"]


@frames("stream-last-event-unended")
def unended(framed: list[bytes], _: DriftUse) -> list[bytes]:
    """No blank line behind the last event."""
    return [*framed[:-1], *(frame.removesuffix(b"\n") for frame in framed[-1:])]


@frames("sse-event-line-missing")
def unnamed(framed: list[bytes], _: DriftUse) -> list[bytes]:
    """Events without a name."""
    return [_with_name(frame, b"") for frame in framed]


@frames("sse-event-names-own-vocabulary")
def renamed(framed: list[bytes], use: DriftUse) -> list[bytes]:
    """Names of the provider's own; the data still say the documented ones."""
    last = len(framed) - 1
    words = [use.parameters["complete" if index == last else "chunk"] for index in range(len(framed))]
    return [_with_name(frame, f"event: {word}\n".encode()) for frame, word in zip(framed, words, strict=True)]


@frames("stream-event-without-data")
def without_data(framed: list[bytes], use: DriftUse) -> list[bytes]:
    """An event that has a name and an id, and no data."""
    return [f"event: {use.parameters['name']}\nid: 0\n\n".encode(), *framed]


@frames("heartbeat-only-stream-never-ends")
def heartbeats(framed: list[bytes], _: DriftUse) -> list[bytes]:
    """As many comments as there were events."""
    return [b": keep-alive\n\n" for _event in framed]


def _with_name(frame: bytes, line: bytes) -> bytes:
    """The same event under another name."""
    named, _, rest = frame.partition(b"\n")
    return line + (rest if named.startswith(b"event:") else frame)
