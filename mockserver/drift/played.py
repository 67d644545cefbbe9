"""Which drifts have changed anything of the request that is being answered."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from mockserver.replies import Reply

_PLAYED: ContextVar[dict[str, None] | None] = ContextVar("played", default=None)


def watch() -> dict[str, None]:
    """Begin to note them, in the order in which they play; for this request only."""
    played: dict[str, None] = {}
    _PLAYED.set(played)
    return played


def note(id_: str) -> None:
    """A drift has made a difference."""
    played = _PLAYED.get()
    if played is not None:
        played[id_] = None


def look_of(reply: Reply) -> Any:
    """What a drift may change of a reply, to be compared with what it is afterwards; texts are not copied."""
    return reply.status, dict(reply.headers), reply.media, _copied(reply.value), reply.frames


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(held) for key, held in value.items()}
    return [_copied(held) for held in value] if isinstance(value, list) else value
