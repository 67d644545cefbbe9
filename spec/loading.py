"""Documents -> Contract: read, checked whole (OpenAPI, the language's words, problems, links), made ready to be asked.

Whoever holds a Contract never meets a broken one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson

from spec import events, forms
from spec.contract import Answer, Callback, Contract, Failing, FormatChecks, Link, Operation, Parameter, Problem
from spec.documents import check_openapi, follow, load_yaml, locate, read_text, resolve, shipped
from spec.errors import DocumentError
from spec.followups import FollowUps
from spec.language import Schema, escape
from spec.security import schemes_of
from spec.soundness import METHODS, check_words
from spec.units import FORMAT_CHECKS, inward, size_rule_format

#: what is no field of the error itself
_PROBLEM_KEYS = frozenset({"status", "response", "tolerated", "lenient", "instead-of", "x-when", "prefix", "suffix"})


def load_contracts(
    names: Sequence[str] = (), overlay: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None
) -> tuple[Contract, ...]:
    """The named contracts, or all that are shipped; `overlay(name, document)` may change a document first."""
    return tuple(load_contract(name, overlay) for name in names or shipped())


def load_contract(name: str, overlay: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None) -> Contract:
    """A shipped contract by family name, or one from a file.

    Raises DocumentError with file, place, what is wrong and what was expected.
    """
    entry = locate("family", name)
    known = _shipped(name) if name in shipped() else None
    document = orjson.loads(known) if known is not None else load_yaml(read_text(entry), entry.name)
    family = entry.name.rsplit(".", 1)[0]
    shown = overlay(family, document) if overlay else document
    try:
        serial = orjson.dumps(shown, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:  # not JSON at all: the check says where
        return parse_contract(shown, entry.name, family)
    # What is shipped is valid OpenAPI, tests see to that; finding it out again takes longer than all the rest.
    return _parsed(serial, entry.name, family, serial == known)


@cache
def _shipped(name: str) -> bytes:
    """The document of a shipped contract as JSON: read a hundred times as fast as YAML."""
    entry = locate("family", name)
    return orjson.dumps(load_yaml(read_text(entry), entry.name))


@lru_cache(maxsize=64)
def _parsed(serial: bytes, file: str, family: str, is_openapi: bool) -> Contract:
    """A contract by its document's bytes: a Contract never changes, so servers and runs may share one."""
    return parse_contract(orjson.loads(serial), file, family, is_openapi)


def parse_contract(document: dict[str, Any], file: str, family: str, is_openapi: bool = False) -> Contract:
    """A loaded document as a Contract; `is_openapi` when that is known. Raises DocumentError."""
    if not is_openapi:
        check_openapi(document, file)
    plain = resolve(document, file)
    check_words(plain, file)
    formats = dict(FORMAT_CHECKS)
    lowered = _lower(plain, formats)
    operations = tuple(
        _operation(lowered, file, family, path, method, formats)
        for path, item in lowered.get("paths", {}).items()
        for method in METHODS
        if method in item
    )
    if not operations:
        raise DocumentError(file, "/paths", "no operation", "at least one path with a method")
    callback = Callback(**lowered.get("x-callback", {}))
    problems = _problems(lowered, file)
    follow_ups, prefixes = FollowUps(lowered.get("x-follow-ups", ())), _prefixes(lowered)
    contract = Contract(family, file, lowered, operations, problems, formats, prefixes, callback, follow_ups)
    _check_links(contract)
    _check_problem_answers(contract)
    return contract


def _prefixes(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths below which `servers` offers the same API, besides the root."""
    paths = (urlsplit(server["url"]).path.rstrip("/") for server in document.get("servers", ()))
    return tuple(dict.fromkeys(path for path in paths if path))


def _lower(node: Any, formats: dict[str, Callable[[str], bool]]) -> Any:
    """`node` as plain JSON Schema for both validators: a size rule becomes a format with a check of its own."""
    if isinstance(node, list):
        return [_lower(item, formats) for item in node]
    if not isinstance(node, dict):
        return node
    lowered = {key: _lower(value, formats) for key, value in node.items()}
    if isinstance(lowered.get("x-size-rule"), dict):  # in an x-problem map it is a keyword's name, not a rule
        name, check = size_rule_format(lowered["x-size-rule"], frozenset(lowered.get("x-resolves", {})))
        lowered["format"] = name
        formats[name] = check
    return lowered


def _problems(document: Mapping[str, Any], file: str) -> dict[str, Problem]:
    problems = {}
    for name, entry in document["x-problems"].items():
        answer = None
        if "response" in entry:
            where = f"#/components/responses/{escape(str(entry['response']))}"
            found = follow(document, where, file, f"/x-problems/{escape(name)}/response")
            answer = _answer(str(entry["status"]), found, where[1:])
        fields = {f"error-{key}": text for key, text in entry.items() if key not in _PROBLEM_KEYS}
        instead_of, when = entry.get("instead-of", ""), entry.get("x-when", {})
        told = (entry.get(key, "") for key in ("tolerated", "prefix", "suffix", "lenient"))
        problems[name] = Problem(name, entry["status"], fields, answer, instead_of, when, *told)
    return problems


def _operation(
    document: Mapping[str, Any], file: str, family: str, path: str, method: str, formats: FormatChecks
) -> Operation:
    pointer = f"/paths/{escape(path)}/{method}"
    raw = document["paths"][path][method]
    if "operationId" not in raw:
        raise DocumentError(file, pointer, "no operationId", "an operationId: links and reports name operations by it")
    parameters = tuple(
        Parameter(
            given["name"], given["in"], given.get("required", False), given.get("schema", {}), given.get("x-optional")
        )
        for given in raw.get("parameters", ())
    )
    named = {parameter.name for parameter in parameters if parameter.location == "path"}
    if missing := set(re.findall(r"\{([^}]+)\}", path)) ^ named:
        raise DocumentError(
            file,
            pointer,
            f"path and path parameters differ: {', '.join(sorted(missing))}",
            "a parameter for each {name}",
        )
    request = raw.get("requestBody", {})
    body = {media: _body_schema(media, content) for media, content in request.get("content", {}).items()}
    answers = {
        str(status): _answer(str(status), given, f"{pointer}/responses/{status}")
        for status, given in raw.get("responses", {}).items()
    }
    if not any(status.startswith("2") for status in answers):
        raise DocumentError(file, f"{pointer}/responses", "no 2xx answer", "at least one successful answer")
    links = tuple(
        _link(file, f"{pointer}/responses/{status}/links/{escape(name)}", link)
        for status, given in raw["responses"].items()
        for name, link in given.get("links", {}).items()
    )
    return Operation(
        raw["operationId"],
        family,
        method,
        path,
        pointer,
        raw.get("summary", ""),
        parameters,
        body,
        request.get("required", False),
        answers,
        links,
        schemes_of(document, raw, file, pointer),
        raw.get("x-optional"),
        formats,
        {role: _inward(role, value) for role, value in raw.get("x-asks", {}).items()},
        raw.get("x-effect", ""),
        raw.get("x-makes", "pictures"),
        tuple(raw.get("x-also", ())),
        raw.get("x-refuses", ""),
        Failing(raw["x-fails"]["says"], raw["x-fails"]["problem"]) if "x-fails" in raw else None,
    )


def _inward(role: str, value: Any) -> Any:
    convert = inward(role, {})
    return convert(value) if convert else value


def _body_schema(media: str, content: Mapping[str, Any]) -> Schema:
    schema: Schema = content.get("schema", {})
    return forms.lowered(schema, content.get("encoding", {})) if media == forms.MEDIA_TYPE else schema


def _answer(status: str, response: Mapping[str, Any], pointer: str) -> Answer:
    told = response.get("content", {})
    items = {media: events.lowered(inner["itemSchema"]) for media, inner in told.items() if "itemSchema" in inner}
    content = {media: inner.get("schema", {}) for media, inner in told.items() if media not in items}
    ends_with = told.get(events.MEDIA_TYPE, {}).get("x-ends-with", "")
    return Answer(status, content, response.get("headers", {}), pointer, items, ends_with)


def _link(file: str, pointer: str, raw: Mapping[str, Any]) -> Link:
    parameters = {}
    for name, expression in raw.get("parameters", {}).items():
        if not str(expression).startswith("$response.body#/"):
            raise DocumentError(
                file,
                f"{pointer}/parameters/{name}",
                f"{expression!r} is not understood",
                "$response.body#/ and a JSON pointer",
            )
        parameters[name] = str(expression).removeprefix("$response.body#")
    if "operationId" not in raw:
        raise DocumentError(file, pointer, "no operationId", "the operationId of the operation that follows")
    return Link(raw["operationId"], parameters)


def _check_links(contract: Contract) -> None:
    known = {operation.id: operation for operation in contract.operations}
    for operation in contract.operations:
        for link in operation.links:
            target = known.get(link.operation)
            if target is None:
                raise DocumentError(
                    contract.file,
                    f"{operation.pointer}/responses",
                    f"a link dangles: there is no operation {link.operation!r}",
                    f"one of {', '.join(sorted(known))}",
                )
            names = {parameter.name for parameter in target.parameters}
            for name, pointer in link.parameters.items():
                if name not in names:
                    raise DocumentError(
                        contract.file,
                        f"{operation.pointer}/responses",
                        f"a link gives {name!r}, which {target.id} does not take",
                        f"one of {', '.join(sorted(names))}",
                    )
                if not any(_reaches(schema, pointer.split("/")[1:]) for schema in operation.success.content.values()):
                    raise DocumentError(
                        contract.file,
                        f"{operation.pointer}/responses",
                        f"a link takes {pointer}, which no answer has",
                        "a JSON pointer to a property of the answer",
                    )


def _reaches(schema: Schema, path: Sequence[str]) -> bool:
    if not path:
        return True
    inner = schema.get("properties", {}).get(path[0]) or (schema.get("items") if path[0].isdigit() else None)
    if inner is not None and _reaches(inner, path[1:]):
        return True
    return any(_reaches(branch, path) for key in ("anyOf", "oneOf", "allOf") for branch in schema.get(key, ()))


def _check_problem_answers(contract: Contract) -> None:
    for problem in contract.problems.values():
        if problem.answer is None and not any(operation.answer(problem.status) for operation in contract.operations):
            raise DocumentError(
                contract.file,
                f"/x-problems/{escape(problem.name)}",
                f"status {problem.status} is documented nowhere",
                "a response with this status on an operation, or `response:` naming one in components",
            )
