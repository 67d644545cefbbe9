"""The words of the contract language.

`spec/README.md` teaches the language; this module is its dictionary, `spec/grammar.py` sees that a document uses the
words as they are meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TEXT = frozenset({"string"})
_INT = frozenset({"integer", "string"})  # forms and query strings carry integers as digits
_FLAG = frozenset({"boolean", "string"})
_TIME = frozenset({"integer", "string", "number"})
_PICTURE = frozenset({"string", "object"})
_WORD = frozenset({"string", "integer"})
_SECONDS = frozenset({"integer", "number", "string"})

#: role -> the JSON types a schema with that role may have
REQUEST_ROLES: dict[str, frozenset[str]] = {
    "model": _TEXT,
    "model-version": _TEXT,
    "prompt": _TEXT,
    "negative-prompt": _TEXT,
    "count": _INT,
    "size": _TEXT,
    "width": _INT,
    "height": _INT,
    "aspect-ratio": _TEXT,
    "pixels": _INT,
    "quality": _WORD,
    "style": _TEXT,
    "output-format": _TEXT,
    "compression": _INT,
    "frame-count": _INT,
    "frame-duration": _INT,
    "duration": _SECONDS,
    "background": _TEXT,
    "delivery": _TEXT,
    "stream": _FLAG,
    "partial-count": _INT,
    "seed": _INT,
    "input-image": _PICTURE,
    "mask": _PICTURE,
    "fidelity": _TEXT,
    "markup": _PICTURE,
    "async": _FLAG,
    "wait": _SECONDS,
    "callback-url": _TEXT,
    "callback-events": frozenset({"array"}),
    "caller-tag": _WORD | {"number"},
    "asked-input": frozenset({"object"}),
    "task-kind": _TEXT,
    "action": _TEXT,
    "parent-task": _TEXT,
    "part": _INT,
}
RESPONSE_ROLES: dict[str, frozenset[str]] = {
    "created": _TIME,
    "image-url": _TEXT,
    "image-b64": _TEXT,
    "image-data-url": _TEXT,
    "image-markdown": _TEXT,
    "same-image-url": _TEXT,
    "video-url": _TEXT,
    "cover-url": _TEXT,
    "revised-prompt": _TEXT,
    "finish-reason": _TEXT,
    "usage-input": frozenset({"integer"}),
    "usage-input-text": frozenset({"integer"}),
    "usage-input-image": frozenset({"integer"}),
    "usage-output": frozenset({"integer"}),
    "usage-output-text": frozenset({"integer"}),
    "usage-output-image": frozenset({"integer"}),
    "usage-total": frozenset({"integer"}),
    "task-id": _WORD,
    "task-status": _WORD,
    "task-progress": _INT,
    "task-submitted": _TIME,
    "task-started": _TIME,
    "task-finished": _TIME,
    "task-failure": _TEXT,
    "task-result": frozenset({"object", "array"}),
    "description": _TEXT,
    "offered-action": _TEXT,
    "offered-label": _TEXT,
    "offered-emoji": _TEXT,
    "task-log": _TEXT,
    "task-seconds": _SECONDS,
    "task-url": _TEXT,
    "cancel-url": _TEXT,
    "callback-secret": _TEXT,
    "partial-index": frozenset({"integer"}),
    "event-type": _TEXT,
    "request-id": _TEXT,
    "processing-ms": _INT,
    "retry-after": _INT,
    "retry-after-ms": _INT,
    "should-retry": _FLAG,
    "limit-requests": _INT,
    "remaining-requests": _INT,
    "reset-requests": _TIME,
    "limit-images": _INT,
    "remaining-images": _INT,
    "reset-images": _TIME,
    "error-message": _TEXT,
    "error-type": _TEXT,
    "error-title": _TEXT,
    "error-code": _WORD,
    "error-param": frozenset({"string", "array"}),
    "error-status": frozenset({"integer"}),
    "error-moderation-stage": _TEXT,
    "error-moderation-categories": frozenset({"array"}),
    "listed-model": _TEXT,
    "listed-model-created": _TIME,
    "listed-model-owner": _TEXT,
    "listed-model-shutdown": _TEXT,
}
#: roles that stand for one picture, still or moving; an array whose items hold one repeats once per picture
IMAGE_ROLES = frozenset({"image-url", "image-b64", "image-data-url", "image-markdown", "video-url"})
#: those of them that say where a picture is, and nothing else
LINK_ROLES = frozenset({"image-url", "video-url"})
#: roles whose values only a provider can name: nobody makes one up that is right
ISSUED_ROLES = frozenset({"task-id", "parent-task", "action", "model-version"})
#: roles that stand for a picture the caller gives; `input-image` may be said several times and is always a list
INPUT_ROLES = frozenset({"input-image", "mask", "markup"})
#: what an array of an answer repeats once for, by the roles its items hold
REPEATS: dict[str, frozenset[str]] = {
    "tasks": frozenset({"task-id"}),
    "actions": frozenset({"offered-action"}),
    "descriptions": frozenset({"description"}),
    "models": frozenset({"listed-model"}),
    "images": IMAGE_ROLES,
}
ROLES = {**REQUEST_ROLES, **RESPONSE_ROLES}

#: what a task can be, in the order it may move; the last three are terminal
STATES = ("queued", "running", "needs-input", "succeeded", "failed", "canceled")
TERMINAL_STATES = frozenset({"succeeded", "failed", "canceled"})
#: what a request can do to the task it names, where it does more than look
EFFECTS = ("cancel", "resume")
#: what a request makes: pictures of its own, one that holds four, one of those four, the pictures given, a text, or one
#: picture that moves
MAKES = ("pictures", "grid", "part", "copies", "text", "video")
#: which changes of a task are told by callbacks, in our words (`callback-events`)
TOLD = ("started", "picture", "progress", "ended")
#: how callbacks are signed: as https://www.standardwebhooks.com says
SIGNINGS = ("standard-webhooks",)
#: which ids a document can give a shape, and what of it changes from one id to the next (`x-ids`)
ID_ROLES = ("request-id", "task-id")
ID_PART = re.compile(r"\{(hex|digits|alnum):([1-9]\d?)\}|\{(uuid|time)\}")
#: problems that are met while pictures are made: they fail the task of a request that became one
MAKING_PROBLEMS = frozenset({"moderation-blocked", "internal"})

#: how a request can be wrong -> whether every document must say what then happens
PROBLEMS: dict[str, bool] = {
    "invalid-request": True,
    "malformed-body": True,
    "wrong-media-type": True,
    "body-too-large": True,
    "missing-credentials": True,
    "invalid-credentials": True,
    "unknown-route": True,
    "wrong-method": True,
    "internal": True,
    "missing-parameter": False,
    "unknown-parameter": False,
    "wrong-type": False,
    "not-allowed": False,
    "malformed-value": False,
    "below-minimum": False,
    "above-maximum": False,
    "too-short": False,
    "too-long": False,
    "too-few": False,
    "too-many": False,
    "unknown-task": False,
    "parent-not-done": False,
    "unknown-action": False,
    "not-waiting": False,
    "moderation-blocked": False,
    "quota-exhausted": False,
    "rate-limited": False,
    "image-rate-limited": False,
}
#: JSON Schema keyword -> the problem its violation is, unless the document names another with x-problem
KEYWORD_PROBLEMS: dict[str, str] = {
    "required": "missing-parameter",
    "additionalProperties": "unknown-parameter",
    "not": "unknown-parameter",
    "type": "wrong-type",
    "enum": "not-allowed",
    "const": "not-allowed",
    "pattern": "malformed-value",
    "format": "malformed-value",
    "minimum": "below-minimum",
    "maximum": "above-maximum",
    "minLength": "too-short",
    "maxLength": "too-long",
    "minItems": "too-few",
    "maxItems": "too-many",
}

SCHEMA_LISTS = ("allOf", "anyOf", "oneOf")
EXTENSIONS = frozenset(
    {
        "x-role",
        "x-states",
        "x-words",
        "x-resolves",
        "x-when",
        "x-problem",
        "x-order",
        "x-size-rule",
        "x-picture",
        "x-said",
        "x-joined",
        "x-late",
        "x-parts",
        "x-optional",
    }
)
_CONTENT = frozenset({"contentEncoding", "contentMediaType", "contentSchema"})
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated"}) | _CONTENT
_ASSERTIONS = frozenset(KEYWORD_PROBLEMS) | {"properties"}
KEYWORDS = _ASSERTIONS | _ANNOTATIONS | EXTENSIONS | frozenset(SCHEMA_LISTS) | {"if", "then", "else", "items"}
FORMATS = frozenset({"unix-seconds", "unix-millis", "date-time", "percent-text", "duration-text", "preference", "uri"})
SIZE_RULE_FIELDS = frozenset({"multiple", "max-edge", "max-ratio", "min-pixels", "max-pixels"})
#: what an uploaded picture has to be -> the JSON type that says it
PICTURE_RULE_FIELDS: dict[str, type] = {
    "formats": list,
    "square": bool,
    "min-edge": int,
    "alpha": bool,
    "transparent": bool,
    "like": str,
}


def applied(schema: Schema, pointer: str) -> Iterator[tuple[str, Schema]]:
    """The schemas inside `schema` that judge the same value as it does, with JSON pointers."""
    for key in ("if", "then", "else", "not"):
        if key in schema:
            yield f"{pointer}/{key}", schema[key]
    for key in SCHEMA_LISTS:
        for index, inner in enumerate(schema.get(key, ())):
            yield f"{pointer}/{key}/{index}", inner


def nested(schema: Schema, pointer: str) -> Iterator[tuple[str, Schema]]:
    """The schemas inside `schema` that judge a part of its value, with JSON pointers."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{pointer}/properties/{escape(name)}", inner
    for key in ("items", "additionalProperties", "contentSchema"):
        if key in schema and not (key == "additionalProperties" and isinstance(schema[key], bool)):
            yield f"{pointer}/{key}", schema[key]
    for index, inner in enumerate(schema.get("x-parts", ())):
        yield f"{pointer}/x-parts/{index}", inner


def walk(schema: Schema, pointer: str = "") -> Iterator[tuple[str, Schema]]:
    """`schema` and every schema below it, with JSON pointers."""
    yield pointer, schema
    for where, inner in (*applied(schema, pointer), *nested(schema, pointer)):
        yield from walk(inner, where)


def escape(name: str) -> str:
    """`name` as one segment of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def words_of(schema: Schema, key: str) -> dict[Any, Any]:
    """A vocabulary (`x-states`, `x-words`): the provider's word to ours. Where words are integers, keys are, too."""
    told: Mapping[Any, Any] = schema.get(key) or {}
    whole = types_of(schema) == {"integer"}
    return {int(word) if whole and str(word).lstrip("-").isdecimal() else word: meant for word, meant in told.items()}


def types_of(schema: Schema) -> frozenset[str]:
    """The JSON types `schema` names itself, without null; empty when it names none."""
    named = schema.get("type", ())
    return frozenset([named] if isinstance(named, str) else named) - {"null"}
