"""Moves on answers: members of the body, the body as a whole, status, headers, the pictures in it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from jsonpath_rfc9535 import find

from mockserver.drift.pixels import redrawn
from mockserver.drift.places import at, put
from mockserver.drift.registry import answers
from mockserver.replies import Reply
from spec.contract import Operation
from spec.drifts import DriftUse
from spec.language import IMAGE_ROLES
from spec.reader import Meaning, Reader


@answers("answer")
def answer(reply: Reply, operation: Operation, use: DriftUse) -> Reply:
    """Change the answers that an entry is `on`: pictures, result (of a task), stream, submit, poll, refusal, success.

    `merge`, `drop` and `rename` change members of a place: `result` (the object around the pictures), `item` (each of
    them), `first`, `last`, or a JSONPath; `put` writes values by role, `scale` multiplies them, `respell` replaces in
    them what a regular expression finds. `body` is said instead, `status`, `media`, `headers` (null: none) and `raw`
    (gzip, picture) are about the whole; `redraw` gives pictures another format or size, or makes noise of them.
    A text such as `{image-url}` is what the answer said, `{status}` its status; in `put`, `{number}` counts.
    """
    told = use.parameters
    said = list(_said(reply, operation))
    if not _concerned(reply, operation, said, told):
        return reply
    words = {meaning.role: meaning.raw for meaning in reversed(said)}
    words.setdefault("status", str(reply.status))
    words.setdefault("request-id", reply.headers.get("x-request-id", "img_01"))
    for name, edit in _EDITS.items():
        if name in told:
            edit(reply.value, said, told[name], words)
    return _as_a_whole(reply, told, words)


Words = Mapping[str, Any]
_ROLE = re.compile(r"\{[a-z0-9-]+\}")


def _put(value: Any, said: list[Meaning], new: Mapping[str, Any], words: Words) -> None:
    for index, meaning in enumerate(one for one in said if one.role in new):
        put(value, meaning, filled(new[meaning.role], {**words, "number": index + 1}))


def _redraw(value: Any, said: list[Meaning], how: Mapping[str, Any], _: Words) -> None:
    for meaning in said:
        if meaning.role in how:
            put(value, meaning, redrawn(meaning.raw, **how[meaning.role]))


def _merge(value: Any, said: list[Meaning], places: Mapping[str, Any], words: Words) -> None:
    for place, members in places.items():
        for part in _parts(value, said, place):
            part.update(filled(members, words))


def _rename(value: Any, said: list[Meaning], places: Mapping[str, Any], _: Words) -> None:
    for place, names in places.items():
        for part in _parts(value, said, place):
            part.update({new: part.pop(old) for old, new in names.items() if old in part})


def _drop(value: Any, said: list[Meaning], places: Mapping[str, Any], _: Words) -> None:
    for place, gone in places.items():
        for part in _parts(value, said, place):
            for name in gone:
                part.pop(name, None)


def _scale(value: Any, said: list[Meaning], by: Mapping[str, int], _: Words) -> None:
    for meaning in said:
        if meaning.role in by:
            put(value, meaning, meaning.raw * by[meaning.role])


def _respell(value: Any, said: list[Meaning], how: Mapping[str, Mapping[str, str]], _: Words) -> None:
    for meaning in said:
        for old, new in how.get(meaning.role, {}).items():
            put(value, meaning, re.sub(old, new, str(meaning.raw)))


_EDITS: dict[str, Callable[[Any, list[Meaning], Any, Words], None]] = {
    "put": _put,
    "scale": _scale,
    "respell": _respell,
    "redraw": _redraw,
    "merge": _merge,
    "rename": _rename,
    "drop": _drop,
}


def _as_a_whole(reply: Reply, told: Mapping[str, Any], words: Words) -> Reply:
    if "body" in told and _sayable(told["body"], words):
        body = told["body"]
        html = isinstance(body, str) and body.startswith("<")
        media = "text/html" if html else "application/json"
        reply = replace(reply, value=body.encode() if html else filled(body, words), media=media)
    if told.get("raw") == "gzip":
        reply = replace(reply, value=gzip.compress(reply.body(), mtime=0))
    if told.get("raw") == "picture":
        reply = replace(reply, value=redrawn(words["image-b64"], raw=True), media="image/png")
    for name, text in told.get("headers", {}).items():
        reply.headers.pop(name, None)
        if text is not None:
            reply.headers[name] = text
    return replace(reply, status=int(told.get("status", reply.status)), media=told.get("media", reply.media))


def _sayable(template: Any, words: Words) -> bool:
    """Whether an answer says any of what a body names: one that another drift has had already stays as that left it."""
    named = set(_ROLE.findall(str(template)))
    return not named or any(role[1:-1] in words for role in named)


def filled(template: Any, words: Mapping[str, Any]) -> Any:
    """A template with what the answer said in the places that name a role; null where it did not say it."""
    if isinstance(template, Mapping):
        return {name: filled(inner, words) for name, inner in template.items()}
    if isinstance(template, list):
        return [filled(inner, words) for inner in template]
    if isinstance(template, str) and _ROLE.fullmatch(template):
        return words.get(template[1:-1])
    if isinstance(template, str):
        for role, value in words.items():
            template = template.replace(f"{{{role}}}", str(value))
    return template


def _said(reply: Reply, operation: Operation) -> Iterator[Meaning]:
    """What an answer means: a success by its schema, a stream event by event, an error by any documented one."""
    if reply.streams:
        reader = Reader(operation.success.events or {})
        for index, event in enumerate(reply.value):
            yield from (replace(one, pointer=f"/{index}{one.pointer}") for one in reader.read(event))
        return
    if not reply.refuses:
        schema = operation.success.content.get(reply.media)
        yield from Reader(schema).read(reply.value) if schema is not None else ()
        return
    known = operation.answer(reply.status) if reply.status >= 400 else None
    answer_ = known or next(one for s, one in operation.answers.items() if s[0] in "45")
    for schema in answer_.content.values():
        yield from Reader(schema).read(reply.value)


def _concerned(reply: Reply, operation: Operation, said: list[Meaning], told: Mapping[str, Any]) -> bool:
    roles = {meaning.role for meaning in said if meaning.raw is not None}
    polls, good = "task-id" in operation.request_roles, not reply.refuses and bool(reply.media)
    kinds = {
        "stream": reply.streams,
        "pictures": good and not polls and not reply.streams and bool(roles & IMAGE_ROLES),
        "result": good and polls and bool(roles & IMAGE_ROLES),
        "submit": good and not polls and "task-id" in roles,
        "poll": good and polls,
        "refusal": reply.refuses,
        "success": good and "prompt" in operation.request_roles,
    }
    on = told["on"]
    if not any(kinds[kind] for kind in ([on] if isinstance(on, str) else on)):
        return False
    asked = operation.request_roles
    if not asked >= set(told.get("takes", ())) or asked & set(told.get("lacks", ())):
        return False
    if len({place for place in map(_item, said) if place}) < int(told.get("least", 0)):
        return False
    return not (set(told.get("having", ())) - roles) and reply.problem in told.get("problems", (reply.problem,))


def _item(meaning: Meaning) -> str:
    """Where the object stands that holds a picture; empty for other meanings."""
    return meaning.pointer.rpartition("/")[0] if meaning.role in IMAGE_ROLES else ""


def _parts(value: Any, said: list[Meaning], place: str) -> list[dict[str, Any]]:
    """The objects a place names."""
    if place.startswith("$"):
        found = [node.value for node in find(place, value)]
    else:
        items = [pointer for pointer in dict.fromkeys(map(_item, said)) if pointer]
        if place == "result":
            # Of a list of pictures the object around it; an event's data, or a lone picture's object, is its own.
            items = list(dict.fromkeys(_around(pointer) for pointer in items)) or [""]
        elif place == "first":
            items = items[:1]
        elif place == "last":
            items = items[-1:]
        found = [at(value, pointer) for pointer in items]
    return [part for part in found if isinstance(part, dict)]


def _around(pointer: str) -> str:
    above, _, last = pointer.rpartition("/")
    return above.rpartition("/")[0] if last.isdecimal() and above else pointer
