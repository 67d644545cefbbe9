"""Contract and Operation: what an API must do, ready to be asked. `spec/loading.py` makes them of documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jsonschema_rs

from spec import events, forms
from spec.followups import FollowUps
from spec.language import IMAGE_ROLES, Schema, walk
from spec.messages import decode, media_type
from spec.security import Scheme, key_in
from spec.shapes import fits
from spec.tokens import Tokens

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
    why a provider may answer in another way; empty where what it must answer is certain. `lenient` says why one may let
    it pass, though it should not, or refuse it in words of its own. `prefix` and `suffix` stand around the message,
    whatever that says.
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
    lenient: str = ""


@dataclass(frozen=True, slots=True)
class Failing:
    """What a request may say (role -> value in our units) of which nothing comes, and the problem its task fails of."""

    says: Mapping[str, Any]
    problem: str

    def is_asked(self, roles: Mapping[str, Any]) -> bool:
        """Whether a request that asks this is such a one."""
        return all(roles.get(role) in (value, [value]) for role, value in self.says.items())


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
    fails: Failing | None = None
    """What keeps the contract and comes to nothing (`x-fails`)."""

    @property
    def secured(self) -> bool:
        """Whether it needs a key."""
        return bool(self.schemes)

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The caller's key, sent in one of the ways the contract knows; None when there is none."""
        return key_in(self.schemes, headers)

    def is_called(self, name: str) -> bool:
        """Whether a name is this operation's: its id, or `family.id`, where other families have one of that id."""
        return name in (self.id, f"{self.family}.{self.id}")

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
    def state_words(self) -> Mapping[str, str]:
        """Every word for a task's state that a successful answer can say, in capitals -> the state, in our words."""
        parts = [part for schema in self.success.content.values() for _, part in walk(schema)]
        return {str(word).upper(): state for part in parts for word, state in part.get("x-states", {}).items()}

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
