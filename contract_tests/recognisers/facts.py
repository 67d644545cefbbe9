"""An exchange in facts: a plain value that the patterns of the drift catalogue (`shows`) are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract_tests.cases import KEY, LONGER_KEY, OTHER_KEY, WRONG_KEY
from contract_tests.clauses import Broken
from contract_tests.clauses.edits import filled, kept
from contract_tests.exchange import Exchange, place_of
from contract_tests.seen import Seen
from spec.events import parse
from spec.messages import part_at
from spec.reader import JSON_TYPES

_LONGEST_TEXT = 300
_NEAR = 64  # pixels an edge is off that was rounded
_STEPS = (64, 32, 16, 8)


def facts(exchange: Exchange) -> dict[str, Any]:
    """What a pattern can speak of.

    `wants` is what the request was to bring: pictures, stream, task, poll, refusal or lookup; a wrong one that is
    `answered` all the same, what it would have been to bring if it were right; `asked` and `said` are
    roles with their values, `given` the members of its body, `defect` what is wrong with it, `takes` the roles the
    operation knows. `body` is the answer's value, `breaks` the places that break its schema, `text` how it starts,
    `result` the object that holds the pictures; `delivered` counts them, `owes` says whether there must be some,
    `counted` whether as many came as were asked for. `pictures` are as decoded, `kept` and `filled` whether what a mask
    keeps stays and what it opens is drawn, `echoes` whether the answer tells of them what they are; `events` say their
    kind, `unfinished` whether a stream breaks off inside one. `polls` are what the polls of a task were answered and
    said.
    """
    defect, told = exchange.case.defect, exchange.case.request.value
    owed = exchange.asked.get("count", 1)
    return {
        "wants": _wanted(exchange),
        "asked": {role: value for role, value in map(_plain, exchange.asked.items()) if value is not None},
        "given": _short(told) if isinstance(told, dict) else {},
        "pictures-given": len(exchange.asked.get("input-image") or ()),
        "takes": sorted(exchange.case.operation.request_roles),
        "media-sent": exchange.case.request.media,
        "defect": None
        if defect is None
        else {
            "problem": defect.problem,
            "param": defect.param,
            "role": _role(exchange),
            "key": _key(exchange),
            "encoded": "content-encoding" in exchange.case.odd_headers,
        },
        "answered": _answered(exchange),
        "status": exchange.response.status,
        "media": exchange.response.media,
        "headers": dict(exchange.response.headers),
        "body": _short(exchange.response.value),
        "breaks": _breaks(exchange),
        "text": exchange.response.body[:2000].decode("utf-8", "replace"),
        "starts": exchange.response.body[:4].hex(),
        "result": _short(_result(exchange)),
        "said": _said(exchange),
        "error": {role.removeprefix("error-"): exchange.error(role) for role in _ERROR_ROLES},
        "delivered": exchange.pictures_delivered,
        "owes": exchange.owes_pictures,
        "counted": _counted(exchange.pictures_delivered, owed),
        "kept": not isinstance(kept(exchange), Broken),
        "filled": not isinstance(filled(exchange), Broken),
        "pictures": [_picture(picture, exchange.asked.get("size")) for picture in exchange.pictures],
        "echoes": _echoes(exchange),
        "events": [{**_short(event.value), "kind": event.kind} for event in exchange.events],
        "unfinished": exchange.streams and bool(parse(exchange.response.body).unfinished),
        "state": exchange.state,
        "polls": [
            {
                "status": poll.response.status,
                "body": _short(poll.response.value),
                "breaks": _breaks(poll),
                "said": _said(poll),
            }
            for poll in exchange.polls
        ],
    }


_ERROR_ROLES = ("error-message", "error-type", "error-code", "error-param")


def _breaks(exchange: Exchange) -> list[str]:
    return [one.pointer for one in exchange.violations if one.location == "body"]


def _said(exchange: Exchange) -> dict[str, Any]:
    return {meaning.role: _plain((meaning.role, meaning.value))[1] for meaning in reversed(exchange.meanings)}


def _answered(exchange: Exchange) -> bool:
    """Whether it was taken for right: an object or events came, and they are no refusal in whatever status."""
    told = isinstance(exchange.response.value, dict) or exchange.streams
    return told and exchange.succeeded and not exchange.is_error_body


def _wanted(exchange: Exchange) -> str:
    operation = exchange.case.operation
    found = {
        "refusal": exchange.case.defect is not None and not _answered(exchange),
        "poll": "task-id" in operation.request_roles,
        "task": exchange.wants_task,
        "stream": exchange.wants_stream,
        "pictures": "prompt" in operation.request_roles or "input-image" in operation.request_roles,
    }
    return next((name for name, holds in found.items() if holds), "lookup")


def _counted(came: int, owed: Any) -> str:
    if not isinstance(owed, int):
        return ""
    return (
        "right" if came == owed else "none" if came == 0 else "more" if came > owed else "one" if came == 1 else "some"
    )


def _key(exchange: Exchange) -> str:
    """Whose key a request was sent with."""
    known = {KEY: "own", LONGER_KEY: "longer", OTHER_KEY: "another", None: "none"}
    in_query = WRONG_KEY in exchange.case.query.values()
    return "query" if in_query else known.get(exchange.case.credential, "wrong")


def _role(exchange: Exchange) -> str | None:
    defect = exchange.case.defect
    name = defect.param.partition("[")[0].partition(".")[0] if defect is not None else ""
    for schema in exchange.case.operation.body.values():
        inner = schema.get("properties", {}).get(name, {})
        if role := inner.get("x-role") or inner.get("items", {}).get("x-role"):
            return str(role)
    return next((p.role for p in exchange.case.operation.parameters if p.name == name), None)


def _plain(told: tuple[str, Any]) -> tuple[str, Any]:
    role, value = told
    if isinstance(value, tuple):
        return role, "x".join(map(str, value))
    return role, _short(value) if type(value) in JSON_TYPES else None


def _short(value: Any) -> Any:
    """The value with its long texts cut."""
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, Mapping):
        return {str(name): _short(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_short(inner) for inner in value]
    return value if type(value) in JSON_TYPES else None


def _result(exchange: Exchange) -> Any:
    """The object around the pictures; without one the whole body."""
    value = exchange.response.value
    if exchange.events:
        return next((event.value.get("data") for event in exchange.events_of("completed")), None)
    for meaning in exchange.image_meanings[:1]:
        above, _, last = place_of(meaning.pointer).rpartition("/")
        value = part_at(value, above.rpartition("/")[0] if last.isdecimal() else place_of(meaning.pointer))
    return value


def _echoes(exchange: Exchange) -> dict[str, bool]:
    size, format_ = exchange.said("size"), exchange.said("output-format")
    decoded = [picture for picture in exchange.pictures if picture.format]
    return {
        "size": all((p.width, p.height) == size for p in decoded if p.width and isinstance(size, tuple)),
        "format": all(picture.format == format_ for picture in decoded if format_ is not None),
    }


def _picture(picture: Seen, asked: Any) -> dict[str, Any]:
    told = {
        "role": picture.role,
        "raw": picture.raw[:_LONGEST_TEXT],
        "problem": picture.problem or picture.trouble,
        "format": picture.format,
        "media": picture.media,
        "alpha": picture.alpha,
        "flat": picture.flat,
        "noise": picture.noise,
        "size": f"{picture.width}x{picture.height}",
        "step": next((step for step in _STEPS if picture.width % step == picture.height % step == 0), 1),
    }
    if not isinstance(asked, tuple) or not picture.height:
        return told
    edges = [(picture.width, asked[0]), (picture.height, asked[1])]
    ratio = (picture.width / picture.height) / (asked[0] / asked[1])
    return {
        **told,
        "fits": (picture.width, picture.height) == asked,
        "shape": "same" if abs(ratio - 1) < 0.02 else "other",
        "near": all(abs(came - wanted) < _NEAR for came, wanted in edges),
        "smaller": all(came < wanted for came, wanted in edges),
    }
