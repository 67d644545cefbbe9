"""The words of the contract language, and the check that a document uses them as they are meant.

`spec/README.md` teaches the language; this module is its dictionary. Anything not in here is refused at load,
so that a typo in a document is an error with a place and not a meaning silently lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from spec.errors import DocumentError

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
    "caller-tag": _WORD,
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


def check_well_formed(file: str, pointer: str, schema: Any) -> None:
    """Refuse what is no JSON Schema; the official validator of OpenAPI does not look everywhere.

    Raises DocumentError.
    """
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        where = "".join(f"/{escape(str(part))}" for part in error.instance_path)
        raise DocumentError(file, pointer + where, error.message, "a JSON Schema") from error


def check_schema(
    file: str, pointer: str, schema: Any, problems: Mapping[str, Any], types: frozenset[str] = frozenset()
) -> None:
    """Refuse words that are not in the language, or that stand where they mean nothing.

    `types` are the JSON types an enclosing schema gives to this place. Raises DocumentError.
    """
    if not isinstance(schema, Mapping):
        raise DocumentError(file, pointer, f"a {type(schema).__name__} where a schema belongs", "a mapping")
    for keyword in schema:
        if keyword not in KEYWORDS:
            raise DocumentError(
                file,
                f"{pointer}/{escape(keyword)}",
                f"keyword {keyword!r} is not in the contract language",
                f"one of {', '.join(sorted(KEYWORDS))}",
            )
    own = types_of(schema) or types
    _check_role(file, pointer, schema, own)
    _check_vocabulary(file, pointer, schema)
    _check_order(file, pointer, schema)
    _check_problem(file, pointer, schema, problems)
    _check_size_rule(file, pointer, schema)
    _check_picture_rule(file, pointer, schema)
    _check_said(file, pointer, schema)
    _check_parts(file, pointer, schema)
    for where, inner in applied(schema, pointer):
        check_schema(file, where, inner, problems, own)
        if "x-role" in inner and not where.removeprefix(pointer).startswith(("/anyOf/", "/oneOf/")):
            raise DocumentError(
                file, f"{where}/x-role", "a role that nobody would read", "x-role outside allOf, if, then, else and not"
            )
    for where, inner in nested(schema, pointer):
        check_schema(file, where, inner, problems)


def _check_role(file: str, pointer: str, schema: Schema, types: frozenset[str]) -> None:
    if "x-late" in schema and schema.get("x-role") != "task-status":
        raise DocumentError(file, f"{pointer}/x-late", "x-late where no state is", "x-late beside x-role: task-status")
    if "x-role" not in schema:
        return
    role = schema["x-role"]
    if not isinstance(role, str) or role not in ROLES:
        raise DocumentError(file, f"{pointer}/x-role", f"unknown role {role!r}", f"one of {', '.join(sorted(ROLES))}")
    allowed = ROLES[role]
    if types and not types <= allowed:
        raise DocumentError(
            file,
            f"{pointer}/x-role",
            f"role {role!r} on the wrong type ({', '.join(sorted(types))})",
            f"a schema of type {' or '.join(sorted(allowed))}",
        )
    if role == "task-status" and "x-states" not in schema:
        raise DocumentError(
            file, pointer, "role 'task-status' without x-states", "x-states mapping the provider's words to states"
        )


def _check_vocabulary(file: str, pointer: str, schema: Schema) -> None:
    for key in ("x-states", "x-words", "x-resolves", "x-when"):
        if key in schema and not isinstance(schema[key], Mapping):
            raise DocumentError(file, f"{pointer}/{key}", f"{key} is no mapping", "a mapping")
    _check_words(file, pointer, schema)
    for word, state in schema.get("x-states", {}).items():
        if state not in STATES:
            raise DocumentError(
                file,
                f"{pointer}/x-states/{escape(str(word))}",
                f"unknown state {state!r}",
                f"one of {', '.join(STATES)}",
            )
    for role in schema.get("x-when", {}):
        if role not in REQUEST_ROLES:
            raise DocumentError(
                file,
                f"{pointer}/x-when",
                f"x-when asks about {role!r}, which no request can say",
                f"a request role: {', '.join(sorted(REQUEST_ROLES))}",
            )
        check_well_formed(file, f"{pointer}/x-when/{role}", schema["x-when"][role])
        check_schema(file, f"{pointer}/x-when/{role}", schema["x-when"][role], {})
    name = schema.get("format")
    if name is not None and name not in FORMATS:
        raise DocumentError(
            file, f"{pointer}/format", f"unknown format {name!r}", f"one of {', '.join(sorted(FORMATS))}"
        )


def _check_words(file: str, pointer: str, schema: Schema) -> None:
    for key in ("x-states", "x-words", "x-resolves"):
        for word, meant in words_of(schema, key).items():
            where = f"{pointer}/{key}/{escape(str(word))}"
            if key == "x-resolves" and isinstance(meant, Mapping):
                _check_like_input(file, where, meant)
            elif isinstance(meant, list | Mapping):
                raise DocumentError(file, where, f"{word!r} stands for a {type(meant).__name__}", "a single value")
            if "enum" in schema and word not in schema["enum"]:
                raise DocumentError(
                    file, where, f"{word!r} is not in the enum", f"one of {', '.join(map(str, schema['enum']))}"
                )


def _check_like_input(file: str, where: str, meant: Mapping[str, Any]) -> None:
    """`{like: input-image, pixels: N}` or `{like: input-image, among: [sizes]}`: a size after the first input's."""
    among, pixels = meant.get("among"), meant.get("pixels")
    sizes = isinstance(among, list) and bool(among) and all(re.fullmatch(r"\d+x\d+", str(size)) for size in among)
    if meant.get("like") != "input-image" or not (
        (meant.keys() == {"like", "among"} and sizes)
        or (meant.keys() == {"like", "pixels"} and isinstance(pixels, int) and pixels > 0)
    ):
        raise DocumentError(
            file,
            where,
            "a size after an input picture's is not understood",
            "like: input-image, and pixels (a number) or among (a list of WIDTHxHEIGHT)",
        )


def _check_picture_rule(file: str, pointer: str, schema: Schema) -> None:
    rule = schema.get("x-picture")
    if rule is None:
        return
    if (
        not isinstance(rule, Mapping)
        or not rule
        or not all(isinstance(told, PICTURE_RULE_FIELDS.get(name, ())) for name, told in rule.items())
        or rule.get("like", "input-image") not in INPUT_ROLES
    ):
        raise DocumentError(
            file,
            f"{pointer}/x-picture",
            "x-picture is not understood",
            f"a mapping of {', '.join(PICTURE_RULE_FIELDS)}; like names {' or '.join(sorted(INPUT_ROLES))}",
        )


def _check_said(file: str, pointer: str, schema: Schema) -> None:
    said = schema.get("x-said", {})
    if not isinstance(said, Mapping) or len(said) > 1 or not said.keys() <= {"as", "among", "never"}:
        raise DocumentError(
            file,
            f"{pointer}/x-said",
            "x-said is not understood",
            "a mapping: empty, as (the value), among (values), or never (why)",
        )


def _check_parts(file: str, pointer: str, schema: Schema) -> None:
    parts = schema.get("x-parts", [])
    if isinstance(parts, list) and all(isinstance(part, Mapping) and "x-role" in part for part in parts):
        try:
            if all(re.compile(part.get("pattern", "")).groups == 1 for part in parts):
                return
        except (re.error, TypeError):
            pass
    raise DocumentError(
        file, f"{pointer}/x-parts", "x-parts is not understood", "a list: x-role, and a pattern with one group each"
    )


def _check_order(file: str, pointer: str, schema: Schema) -> None:
    order, known = schema.get("x-order", []), [*schema.get("properties", ()), "*"]
    if not isinstance(order, list) or not all(name in known for name in order):
        raise DocumentError(
            file,
            f"{pointer}/x-order",
            "x-order is not understood",
            f"a list of {', '.join(known)} (* is any unknown key)",
        )


def _check_problem(file: str, pointer: str, schema: Schema, problems: Mapping[str, Any]) -> None:
    named = schema.get("x-problem", {})
    for keyword, problem in named.items() if isinstance(named, Mapping) else [("", named)]:
        if not isinstance(problem, str) or problem not in problems:
            raise DocumentError(
                file,
                f"{pointer}/x-problem",
                f"unknown problem {problem!r}",
                f"one named in x-problems: {', '.join(sorted(problems))}",
            )
        if keyword and keyword not in KEYWORDS:
            raise DocumentError(
                file, f"{pointer}/x-problem", f"unknown keyword {keyword!r}", "a JSON Schema keyword of this schema"
            )


def _check_size_rule(file: str, pointer: str, schema: Schema) -> None:
    rule = schema.get("x-size-rule")
    if rule is None:
        return
    if (
        not isinstance(rule, Mapping)
        or not rule
        or not set(rule) <= SIZE_RULE_FIELDS
        or not all(isinstance(limit, int | float) and limit > 0 for limit in rule.values())
    ):
        raise DocumentError(
            file,
            f"{pointer}/x-size-rule",
            "x-size-rule is not understood",
            f"a mapping of {', '.join(sorted(SIZE_RULE_FIELDS))} to numbers above 0",
        )
