"""The grammar of the contract language: the check that a schema uses its words as they are meant.

What is not understood is refused at load, so that a typo in a document is an error with a place and not a meaning
silently lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from spec.errors import DocumentError
from spec.language import (
    FORMATS,
    INPUT_ROLES,
    KEYWORDS,
    PICTURE_RULE_FIELDS,
    REQUEST_ROLES,
    ROLES,
    SIZE_RULE_FIELDS,
    STATES,
    Schema,
    applied,
    escape,
    nested,
    types_of,
    words_of,
)


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
