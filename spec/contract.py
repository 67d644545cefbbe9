"""Contract documents -> Contract and Operation: what an API must do, ready to be asked.

A document is checked whole at load (OpenAPI, the language's words, problems, links), so that whoever holds a Contract
never meets a broken one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import orjson

from spec import events, forms
from spec.documents import check_openapi, follow, load_yaml, locate, read_text, resolve, shipped
from spec.errors import DocumentError
from spec.followups import FollowUps
from spec.language import IMAGE_ROLES, Schema, escape, walk
from spec.messages import decode, media_type
from spec.security import Scheme, key_in, schemes_of
from spec.shapes import fits
from spec.soundness import METHODS, check_words
from spec.tokens import Tokens
from spec.units import FORMAT_CHECKS, inward, size_rule_format

_PROBLEM_KEYS = frozenset(
    {"status", "response", "tolerated", "instead-of", "x-when", "prefix", "suffix"}
)  # what is no field of the error itself
FormatChecks = Mapping[str, Callable[[str], bool]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query, path or header parameter; `optional_because` is set where a provider may lack it altogether."""

    name: str
    location: str
    required: bool
    schema: Schema
    optional_because: str | None = None

    @property
    def role(self) -> str | None:
        """What the parameter means, if it means anything."""
        return self.schema.get("x-role")


@dataclass(frozen=True, slots=True)
class Answer:
    """One documented answer of an operation: its schemas by media type, and its headers.

    `items` are the schemas of what a sequence of items holds, such as the events of an event stream.
    """

    status: str
    content: Mapping[str, Schema]
    headers: Mapping[str, Mapping[str, Any]]
    pointer: str
    items: Mapping[str, Schema] = field(default_factory=dict)
    ends_with: str = ""
    """The text that ends an event stream, where one does; it is no event."""

    @property
    def events(self) -> Schema | None:
        """The schema of one event, where the answer can be an event stream."""
        return self.items.get(events.MEDIA_TYPE)


@dataclass(frozen=True, slots=True)
class Link:
    """From an answer to the operation that follows it: parameter name -> JSON pointer into the answer's body."""

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One way a request can be wrong, and the answer to it; `fields` are error roles -> text, list or null.

    `instead_of` names the problem it replaces for requests that fit `when` (request role -> schema). `tolerated` says
    why a provider may answer in another way; empty where what it must answer is certain. `prefix` and `suffix` stand
    around the message, whatever that says.
    """

    name: str
    status: int
    fields: Mapping[str, Any]
    answer: Answer | None = None
    instead_of: str = ""
    when: Mapping[str, Schema] = field(default_factory=dict)
    tolerated: str = ""
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, eq=False)
class Operation:
    """One method on one path: what may be asked and what must be answered."""

    id: str
    family: str
    method: str
    path: str
    pointer: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Schema]
    body_required: bool
    answers: Mapping[str, Answer]
    links: tuple[Link, ...]
    schemes: tuple[Scheme, ...]
    optional_because: str | None
    formats: FormatChecks = field(repr=False)
    asks: Mapping[str, Any] = field(default_factory=dict)
    """What every request to it asks without saying so: role -> value in our units (`x-asks`)."""
    effect: str = ""
    """What it does to the task it names, where it does more than look (`x-effect`)."""
    makes: str = "pictures"
    """What comes of a request (`x-makes`)."""
    also: tuple[str, ...] = ()
    """Other paths that mean the same (`x-also`)."""
    refuses: str = ""
    """The problem every request to it is refused with, where it only stands for what is not there (`x-refuses`)."""

    @property
    def secured(self) -> bool:
        """Whether it needs a key."""
        return bool(self.schemes)

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The caller's key, sent in one of the ways the contract knows; None when there is none."""
        return key_in(self.schemes, headers)

    @property
    def label(self) -> str:
        """`POST /v1/images/generations`."""
        return f"{self.method.upper()} {self.path}"

    def answer(self, status: int) -> Answer | None:
        """The documented answer for a status: exact, then its class (`4XX`), then `default`."""
        return self.answers.get(str(status)) or self.answers.get(f"{status // 100}XX") or self.answers.get("default")

    @property
    def success(self) -> Answer:
        """The first documented 2xx answer."""
        return next(answer for status, answer in self.answers.items() if status.startswith("2"))

    @cached_property
    def request_roles(self) -> frozenset[str]:
        """Every role a request can say."""
        return roles_in([*(parameter.schema for parameter in self.parameters), *self.body.values()])

    @cached_property
    def response_roles(self) -> frozenset[str]:
        """Every role a successful answer can say."""
        return roles_in((self.success.content or self.success.items).values())

    @property
    def can_stream(self) -> bool:
        """Whether it answers with events: when asked to, or always."""
        return self.success.events is not None and ("stream" in self.request_roles or "stream" in self.asks)

    @cached_property
    def always_task(self) -> bool:
        """Whether a request becomes a task without being asked to."""
        told = self.response_roles
        if self.method == "get" or "task-id" not in told or self.request_roles & {"task-id", "async"}:
            return False
        return "task-status" in told or not told & IMAGE_ROLES

    @cached_property
    def tells_tasks(self) -> bool:
        """Whether a successful answer tells of tasks by the list, so that what it says is not said of one."""
        parts = [part for schema in self.success.content.values() for _, part in walk(schema)]
        return any("items" in part and "task-id" in roles_in([part["items"]]) for part in parts)

    def becomes_task(self, asked: Mapping[str, Any]) -> bool:
        """Whether a request that asks this (role -> value) is answered with a task."""
        return self.always_task or ("task-id" in self.response_roles and asked.get("async") is True)

    @cached_property
    def task_states(self) -> frozenset[str]:
        """Every state, in our words, in which a successful answer can say a task is."""
        parts = [part for schema in self.success.content.values() for _, part in walk(schema)]
        return frozenset(state for part in parts for state in part.get("x-states", {}).values())

    @cached_property
    def late(self) -> bool:
        """Whether the pictures of a task may come a little after the state that says they are there (`x-late`)."""
        parts = [part for schema in self.success.content.values() for _, part in walk(schema)]
        return any(part.get("x-late") for part in parts)

    @cached_property
    def refusing_successes(self) -> tuple[Schema, ...]:
        """The alternatives of a success that can only say what is wrong: a refusal, whatever the status says."""
        branches = (
            branch
            for schema in self.success.content.values()
            for key in ("oneOf", "anyOf")
            for branch in schema.get(key, ())
        )
        return tuple(
            branch
            for branch in branches
            if (roles := roles_in([branch])) and all(role.startswith("error-") for role in roles)
        )

    def decode(self, body: bytes, content_type: str) -> Any:
        """A request body as the value its schema speaks of. Raises Undecodable."""
        media = media_type(content_type)
        if media == forms.MEDIA_TYPE and media in self.body:
            return forms.decode_form(body, content_type, self.body[media])
        return decode(body, media)

    def compile(self, schema: Schema) -> jsonschema_rs.Draft202012Validator:
        """A compiled validator for a schema of this operation."""
        return jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True, formats=dict(self.formats))


@dataclass(frozen=True, slots=True)
class Model:
    """One model that can be asked for, and what its provider tells about it; `created` is Unix seconds."""

    name: str
    created: int | None = None
    owner: str | None = None
    shutdown: str | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """What callbacks tell: the part of a poll's answer at a JSON pointer, signed in one of the known ways or not."""

    part: str = ""
    signing: str = ""


@dataclass(frozen=True, eq=False)
class Contract:
    """One document: an API family. Its paths are served below each of `prefixes`, too."""

    name: str
    file: str
    document: Mapping[str, Any] = field(repr=False)
    operations: tuple[Operation, ...]
    problems: Mapping[str, Problem]
    formats: FormatChecks = field(repr=False)
    prefixes: tuple[str, ...] = ()
    callback: Callback = Callback()
    follow_ups: FollowUps = field(default_factory=FollowUps)

    def poll_of(self, operation: Operation) -> Operation | None:
        """Where a task that an operation has accepted is asked about, by its links; None where they lead nowhere."""
        return self.linked(operation, "")

    def linked(self, operation: Operation, effect: str) -> Operation | None:
        """Where a task that an operation has accepted is canceled, or looked at ("" for no effect), by its links."""
        linked = (self.operation(link.operation) for link in operation.links)
        return next((other for other in linked if "task-id" in other.request_roles and other.effect == effect), None)

    @cached_property
    def ids(self) -> Mapping[str, str]:
        """What its ids look like (`x-ids`): role -> template. A role that is not in it has ids of the mock's own."""
        ids: Mapping[str, str] = self.document.get("x-ids", {})
        return ids

    @cached_property
    def tokens(self) -> Tokens:
        """How this family counts what a request costs."""
        return Tokens(self.document.get("x-usage", ()))

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """Every model some request may name, in document order."""
        told = self.document.get("x-models", {})
        parts = (part for op in self.operations for schema in op.body.values() for _, part in walk(schema))
        named = [name for part in parts if part.get("x-role") == "model" for name in part.get("enum", ())]
        named += [op.asks.get("model") for op in self.operations]
        return tuple(Model(name, **told.get(name, {})) for name in dict.fromkeys(named) if name is not None)

    def operation(self, operation_id: str) -> Operation:
        """The operation with this id. Raises KeyError."""
        return next(operation for operation in self.operations if operation.id == operation_id)

    def problem(self, name: str) -> Problem:
        """The problem of this name; `invalid-request` where the document does not tell it apart."""
        return self.problems.get(name) or self.problems["invalid-request"]

    def problem_for(self, name: str, asked: Mapping[str, Any]) -> str:
        """The name of the problem that stands for `name` where this is asked (`instead-of`, `x-when`)."""
        for problem in self.problems.values():
            if problem.instead_of == name and fits(problem.when, asked):
                return problem.name
        return name


def roles_in(schemas: Iterable[Schema]) -> frozenset[str]:
    """Every role used in the schemas and below."""
    return frozenset(part["x-role"] for schema in schemas for _, part in walk(schema) if "x-role" in part)


def load_contracts(
    names: Sequence[str] = (), overlay: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None
) -> tuple[Contract, ...]:
    """The named contracts, or all that are shipped; `overlay(name, document)` may change a document first."""
    return tuple(load_contract(name, overlay) for name in names or shipped())


def load_contract(name: str, overlay: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None) -> Contract:
    """A shipped contract by family name, or one from a file.

    Raises DocumentError with file, place, what is wrong and what was expected.
    """
    entry = locate("contract", name)
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
    entry = locate("contract", name)
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
        told = (entry.get(key, "") for key in ("tolerated", "prefix", "suffix"))
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
