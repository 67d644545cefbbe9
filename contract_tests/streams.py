"""An event stream as it was answered: what each event is, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from spec.contract import Answer, roles_in
from spec.events import parse
from spec.language import IMAGE_ROLES, Schema, walk
from spec.reader import Meaning, Reader
from spec.response_check import ResponseCheck
from spec.writer import alternatives_of


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `kind` is partial, completed, failure or other; pointers of `meanings` start at the stream's list."""

    kind: str
    pointer: str
    value: Mapping[str, Any]
    meanings: tuple[Meaning, ...]

    def said(self, role: str) -> Any:
        """The first value of a role in this event, None when it is not said."""
        return next((meaning.value for meaning in self.meanings if meaning.role == role), None)


def read(body: bytes, schema: Schema, check: ResponseCheck) -> list[Event]:
    """The events of a stream's bytes, in order, by the schema of one event."""
    events = [
        _event(value, f"/{index}", schema, check)
        for index, value in enumerate(parse(body).events)
        if not is_end(value, check.operation.success)
    ]
    for role in {part["x-role"] for _, part in walk(schema) if part.get("x-joined")}:
        events = _joined(events, role)
    return events


def _joined(events: list[Event], role: str) -> list[Event]:
    """What is said in pieces as one, in the last event that says a piece of it."""
    pieces = [(event, one) for event in events for one in event.meanings if one.role == role]
    text = "".join(str(one.value) for _, one in pieces)
    if not text:
        return events
    last, piece = pieces[-1]
    whole = Meaning(role, f"{piece.pointer}/whole", text, text)

    def told(event: Event) -> Event:
        others = tuple(one for one in event.meanings if one.role != role)
        if event is last:
            return replace(event, kind="completed", meanings=(*others, whole))
        return replace(event, kind="failure" if event.kind == "failure" else "other", meanings=others)

    return [told(event) for event in events]


def is_end(event: Mapping[str, Any], answer: Answer) -> bool:
    """Whether this is not an event but the text that ends a stream."""
    return bool(answer.ends_with) and event.get("data") == answer.ends_with


def _event(value: Mapping[str, Any], pointer: str, schema: Schema, check: ResponseCheck) -> Event:
    # By the alternative it comes nearest to, so that one with a field missing or misnamed is still what it is.
    nearest = min(alternatives_of(schema), key=lambda one: sum(v.weight for v in check.schema_violations(one, value)))
    found = tuple(replace(one, pointer=pointer + one.pointer) for one in Reader(nearest).read(value))
    said = {meaning.role for meaning in found}
    if "error-message" in said:
        kind = "failure"
    elif not said & IMAGE_ROLES:
        kind = "other"
    else:
        kind = "partial" if "partial-index" in roles_in([nearest]) else "completed"
    return Event(kind, pointer, value, found)
