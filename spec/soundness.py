"""Whether a document says nothing that nobody reads: paths, parameters, extensions, problems and every schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from spec.errors import DocumentError
from spec.followups import check_follow_ups
from spec.grammar import check_schema, check_well_formed
from spec.language import EFFECTS, ID_PART, ID_ROLES, MAKES, PROBLEMS, REQUEST_ROLES, ROLES, SIGNINGS, escape
from spec.tokens import check_usage

_OF_OPERATIONS = ("x-optional", "x-asks", "x-also", "x-effect", "x-makes", "x-refuses", "x-fails")
LOCATIONS = ("path", "query", "header")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def check_words(document: Mapping[str, Any], file: str) -> None:
    """Refuse what the contract language does not know; `document` is valid OpenAPI without references.

    Raises DocumentError with the place, what is wrong and what was expected.
    """
    _check_paths(document, file)
    problems = _check_problems(document, file)
    if "x-usage" in document:
        check_usage(file, document["x-usage"])
    for pointer, schema in _schemas(document):
        check_well_formed(file, pointer, schema)
        check_schema(file, pointer, schema, problems)


def _schemas(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every schema of a document that stands in a message, with its JSON pointer."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                pointer = f"/paths/{escape(path)}/{method}"
                for index, parameter in enumerate(item[method].get("parameters", ())):
                    yield f"{pointer}/parameters/{index}/schema", parameter.get("schema", {})
                yield from _content_schemas(item[method].get("requestBody", {}), f"{pointer}/requestBody")
                for status, answer in item[method].get("responses", {}).items():
                    yield from _content_schemas(answer, f"{pointer}/responses/{status}")
    for name, answer in document.get("components", {}).get("responses", {}).items():
        yield from _content_schemas(answer, f"/components/responses/{escape(name)}")


def _content_schemas(message: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, Any]]:
    for media, content in message.get("content", {}).items():
        for key in ("schema", "itemSchema"):
            if key in content:
                yield f"{pointer}/content/{escape(media)}/{key}", content[key]
    for name, header in message.get("headers", {}).items():
        yield f"{pointer}/headers/{escape(name)}/schema", header.get("schema", {})


def _check_paths(document: Mapping[str, Any], file: str) -> None:
    # What OpenAPI allows here and nobody reads would be a meaning silently lost.
    _check_extensions(
        file,
        "",
        document,
        {"x-problems", "x-models", "x-usage", "x-default", "x-contract", "x-callback", "x-follow-ups", "x-ids"},
    )
    _check_ids(file, document.get("x-ids", {}))
    if document.get("x-contract", "proposed") != "proposed":
        raise DocumentError(file, "/x-contract", "x-contract is not understood", "proposed, or nothing")
    check_follow_ups(file, document.get("x-follow-ups", []))
    _check_callback(file, document.get("x-callback", {}))
    _check_models(file, document.get("x-models", {}))
    for path, item in document.get("paths", {}).items():
        where = f"/paths/{escape(path)}"
        for key in item.keys() - {*METHODS, "summary", "description", "servers"}:
            raise DocumentError(
                file,
                f"{where}/{key}",
                f"{key!r} on a path is not in the contract language",
                f"one of {', '.join(METHODS)}; parameters stand on each operation",
            )
        for method in METHODS:
            _check_extensions(file, f"{where}/{method}", item.get(method, {}), _OF_OPERATIONS)
            _check_operation(file, f"{where}/{method}", item.get(method, {}))
            problem = item.get(method, {}).get("x-refuses")
            if problem is not None and problem not in document.get("x-problems", ()):
                raise DocumentError(
                    file, f"{where}/{method}/x-refuses", f"unknown problem {problem!r}", "one named in x-problems"
                )
            _check_failing(file, f"{where}/{method}", item.get(method, {}), document.get("x-problems", ()))
            for index, parameter in enumerate(item.get(method, {}).get("parameters", ())):
                _check_extensions(file, f"{where}/{method}/parameters/{index}", parameter, {"x-optional"})
                if "schema" not in parameter or parameter["in"] not in LOCATIONS:
                    raise DocumentError(
                        file,
                        f"{where}/{method}/parameters/{index}",
                        "a parameter nobody would read",
                        f"a schema, and in: {', '.join(LOCATIONS)}",
                    )


def _check_failing(file: str, pointer: str, operation: Mapping[str, Any], problems: Collection[str]) -> None:
    """x-fails: what a request may say of which nothing comes, and of which problem its task fails."""
    told = operation.get("x-fails")
    if told is None:
        return
    is_whole = isinstance(told, Mapping) and told.keys() == {"says", "problem"} and told["problem"] in problems
    if not is_whole or not isinstance(told["says"], Mapping) or not set(told["says"]) <= set(REQUEST_ROLES):
        expected = "says (request role -> value), and problem: one named in x-problems"
        raise DocumentError(file, f"{pointer}/x-fails", "x-fails is not understood", expected)


def _check_operation(file: str, pointer: str, operation: Mapping[str, Any]) -> None:
    """x-asks and x-effect: what a request asks by being sent here, and what it does to a task."""
    asks = operation.get("x-asks", {})
    unknown = [role for role in asks if role not in REQUEST_ROLES] if isinstance(asks, Mapping) else [asks]
    if unknown:
        raise DocumentError(
            file, f"{pointer}/x-asks", f"x-asks is not understood: {unknown[0]!r}", "a mapping: request role -> value"
        )
    also, places = (
        operation.get("x-also", []),
        {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"},
    )
    if not isinstance(also, list) or any(set(re.findall(r"\{(\w+)\}", str(path))) != places for path in also):
        raise DocumentError(
            file, f"{pointer}/x-also", "x-also is not understood", "a list of paths with the same {places}"
        )
    for key, known in (("x-effect", EFFECTS), ("x-makes", MAKES)):
        if operation.get(key, known[0]) not in known:
            raise DocumentError(
                file, f"{pointer}/{key}", f"{operation[key]!r} is unknown", f"one of {', '.join(known)}"
            )


def _check_ids(file: str, ids: Any) -> None:
    """x-ids: what request ids and task ids look like."""
    if not isinstance(ids, Mapping):
        raise DocumentError(file, "/x-ids", "x-ids is no mapping", f"a mapping: {' or '.join(ID_ROLES)} -> template")
    for role, template in ids.items():
        known = role in ID_ROLES and isinstance(template, str) and ID_PART.search(template)
        if not known or "{" in ID_PART.sub("", template):
            raise DocumentError(
                file,
                f"/x-ids/{escape(str(role))}",
                f"{template!r} is not understood",
                f"{' or '.join(ID_ROLES)} -> a text with {{hex:N}}, {{digits:N}}, {{alnum:N}}, {{uuid}}, {{time}}",
            )


def _check_callback(file: str, told: Any) -> None:
    """x-callback: which part of a poll's answer callbacks carry, and how they are signed."""
    if (
        not isinstance(told, Mapping)
        or not told.keys() <= {"part", "signing"}
        or not str(told.get("part", "/")).startswith("/")
        or told.get("signing", SIGNINGS[0]) not in SIGNINGS
    ):
        raise DocumentError(
            file,
            "/x-callback",
            "x-callback is not understood",
            f"part: a JSON pointer; signing: {', '.join(SIGNINGS)}; both optional",
        )


_MODEL_FIELDS: dict[str, type] = {"created": int, "owner": str, "shutdown": str}


def _check_models(file: str, models: Any) -> None:
    """x-models: what the model list tells about a model that some request may name."""
    if not isinstance(models, Mapping):
        raise DocumentError(file, "/x-models", "x-models is no mapping", "a mapping: model -> created, owner, shutdown")
    for name, told in models.items():
        if not isinstance(told, Mapping) or not all(
            isinstance(value, _MODEL_FIELDS.get(key, ())) for key, value in told.items()
        ):
            raise DocumentError(
                file,
                f"/x-models/{escape(name)}",
                "the entry is not understood",
                "created (Unix seconds), owner and shutdown (YYYY-MM-DD, a text), all optional",
            )


def _check_extensions(file: str, pointer: str, part: Mapping[str, Any], known: Collection[str]) -> None:
    for key in part:
        if key.startswith("x-") and key not in known:
            raise DocumentError(
                file, f"{pointer}/{key}", f"{key!r} is not in the contract language here", ", ".join(sorted(known))
            )


_TEXTS = {
    "tolerated": "a text: why providers may differ here",
    "lenient": "a text: why providers may let it pass",
    "prefix": "what stands before the message",
    "suffix": "what stands behind the message",
}


def _check_problems(document: Mapping[str, Any], file: str) -> Mapping[str, Any]:
    given = document.get("x-problems")
    if not isinstance(given, Mapping):
        raise DocumentError(
            file,
            "/x-problems",
            "no x-problems",
            "a mapping: each way a request can be wrong -> status and error fields",
        )
    for name, required in PROBLEMS.items():
        if required and name not in given:
            raise DocumentError(
                file, "/x-problems", f"the problem {name!r} is not described", f"an entry {name!r} with its status"
            )
    for name, entry in given.items():
        pointer = f"/x-problems/{escape(name)}"
        if (
            not isinstance(entry, Mapping)
            or not isinstance(entry.get("status"), int)
            or not 100 <= entry["status"] <= 599
        ):
            raise DocumentError(file, pointer, "no status", "a mapping with an HTTP status as an integer")
        _check_stands_for(file, pointer, entry, given)
        for key, expected in _TEXTS.items():
            if not isinstance(entry.get(key, ""), str):
                raise DocumentError(file, f"{pointer}/{key}", "no text", expected)
        for key in entry.keys() - {"status", "response", "instead-of", "x-when", *_TEXTS}:
            if f"error-{key}" not in ROLES:
                fields = [role.removeprefix("error-") for role in ROLES if role.startswith("error-")]
                raise DocumentError(
                    file,
                    f"{pointer}/{key}",
                    f"unknown field {key!r}",
                    f"status, response, instead-of, x-when, {', '.join((*_TEXTS, *fields))}",
                )
    return given


def _check_stands_for(file: str, pointer: str, entry: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    if ("instead-of" in entry) != ("x-when" in entry):
        raise DocumentError(
            file, pointer, "instead-of and x-when belong together", "both: which problem it replaces, and when"
        )
    if "instead-of" not in entry:
        return
    if entry["instead-of"] not in given:
        raise DocumentError(
            file,
            f"{pointer}/instead-of",
            f"unknown problem {entry['instead-of']!r}",
            f"one named in x-problems: {', '.join(sorted(given))}",
        )
    check_schema(file, pointer, {"x-when": entry["x-when"]}, given)
