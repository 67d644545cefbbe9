"""Compiled validators decide, openapi-core explains.

A message that keeps the contract is accepted in microseconds by validators compiled once per operation. A request that
does not goes to openapi-core, whose account of what is wrong becomes the error body. The two must always agree; a
property test holds them to it (`tests/test_verdicts.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import orjson
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.exceptions import DeserializeError
from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
from openapi_core.validation.request.exceptions import (
    MissingRequiredRequestBody,
    ParameterValidationError,
    SecurityValidationError,
)
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

from spec import forms
from spec.contract import Answer, Contract, Operation, Parameter, roles_in
from spec.language import Schema, types_of
from spec.messages import Request, Response, Undecodable, decode, is_json
from spec.shapes import Shape, ShapeIndex, is_object
from spec.units import FORMAT_PATTERNS, inward
from spec.violations import NULL, Violation, from_schema_error, quoted_list


def cast(parameter: Parameter, text: str) -> Any:
    """A parameter's text as the JSON value its schema speaks of; the text itself where it does not fit."""
    types = types_of(parameter.schema)
    if "string" in types or not types:
        return text
    if "boolean" in types:
        return {"true": True, "false": False}.get(text, text)
    try:
        return int(text) if "integer" in types else float(text)
    except ValueError:
        return text


def _without_null(value: Any, pointer: str) -> Any:
    """The same value without the null member at a pointer, the rest shared; None where there is none."""
    first, *rest = pointer.split("/")[1:] or [""]
    if isinstance(value, list) and rest and first.isdecimal() and int(first) < len(value):
        inner = _without_null(value[int(first)], "/" + "/".join(rest))
        return None if inner is None else [*value[: int(first)], inner, *value[int(first) + 1 :]]
    if not isinstance(value, Mapping) or first not in value:
        return None
    if rest:
        inner = _without_null(value[first], "/" + "/".join(rest))
        return None if inner is None else {**value, first: inner}
    return None if value[first] is not None else {name: one for name, one in value.items() if name != first}


def verdict(operation: Operation, schema: Schema) -> Callable[[Any], bool]:
    """A schema as a yes-or-no question, asked without calling back into Python where a pattern can do it."""
    is_valid: Callable[[Any], bool] = operation.compile(_with_patterns(schema)).is_valid
    return is_valid


def _with_patterns(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_patterns(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    found = {key: _with_patterns(value) for key, value in node.items()}
    pattern = FORMAT_PATTERNS.get(found["format"]) if isinstance(found.get("format"), str) else None
    if pattern is not None:
        del found["format"]
        found["allOf"] = [*found.get("allOf", ()), {"pattern": pattern}]
    return found


class BodyVerdict:
    """Whether a body keeps its schema, asked of the shape that holds for it: without conditionals, it is short.

    A property test holds it to the verdict of the whole schema.
    """

    def __init__(self, operation: Operation, schema: Schema) -> None:
        self._operation = operation
        self._known: dict[bytes, Callable[[Any], bool]] = {}
        self._by_shape = ShapeIndex(schema, self.of) if is_object(schema) else None
        self._whole = verdict(operation, schema)

    def of(self, shape: Shape) -> Callable[[Any], bool]:
        """The question for objects of this shape."""
        # Many values make one shape, such as every text where one word is looked for.
        content = orjson.dumps(shape.schema)
        if content not in self._known:
            self._known[content] = verdict(self._operation, shape.schema)
        return self._known[content]

    def __call__(self, value: Any) -> bool:
        """Yes or no."""
        return (self._whole if self._by_shape is None or type(value) is not dict else self._by_shape(value))(value)


class RequestCheck:
    """Judges requests to one operation."""

    def __init__(self, contract: Contract, operation: Operation) -> None:
        self._contract = contract
        self.operation = operation
        self.bodies = {media: BodyVerdict(operation, schema) for media, schema in operation.body.items()}
        self._parameters = [
            (parameter, operation.compile(parameter.schema).is_valid) for parameter in operation.parameters
        ]
        self._order = {media: _report_order(schema) for media, schema in operation.body.items()}
        self._roles = [(p, inward(p.role, p.schema)) for p in operation.parameters if p.role]
        self._optional_query = all(p.location == "query" and not p.required for p in operation.parameters)

    def accepts(self, request: Request) -> bool:
        """Whether the request keeps the contract. `request.value` must be the decoded body."""
        return self.accepts_from(request, self.operation.key(request.headers))

    def accepts_from(self, request: Request, token: str | None) -> bool:
        """The same, for whoever has read the caller's key already."""
        if token is None and self.operation.secured:
            return False
        if not self.parameters_fit(request):
            return False
        if not self.bodies:
            return True
        if not request.body:
            return not self.operation.body_required
        is_valid_body = self.bodies.get(request.media)
        return is_valid_body is not None and is_valid_body(request.value)

    def parameters_fit(self, request: Request) -> bool:
        """Whether its parameters keep the contract."""
        if self._optional_query and not request.query:
            return True
        for parameter, is_valid in self._parameters:
            text = parameter_text(parameter, request)
            if text is None:
                if parameter.required:
                    return False
            elif not is_valid(cast(parameter, text)):
                return False
        return True

    def asked_by_parameters(self, request: Request) -> dict[str, Any]:
        """What the parameters ask: role -> value in our units."""
        asked = {}
        for parameter, convert in self._roles:
            text = parameter_text(parameter, request)
            if text is not None and parameter.role:
                asked[parameter.role] = convert(text) if convert else cast(parameter, text)
        return asked

    def explain(self, request: Request) -> list[Violation]:
        """Why the request is refused, what is to be reported first in front; empty when nothing is wrong."""
        found = dict.fromkeys(self._form_violations(request) if self._is_form(request) else self._explained(request))
        found.update(dict.fromkeys(self._parameter_violations(request)))
        if not found and not self.accepts(request):
            found.update(dict.fromkeys(self._body_violations(request)))
        return self._in_order(found, request)  # openapi-core is content with an empty key

    def violations(self, request: Request) -> list[Violation]:
        """The same by the compiled validators alone, where they can read the body: for whoever asks often."""
        if request.media not in self.bodies or request.value is None:
            return self.explain(request)
        found = dict.fromkeys((*self._body_violations(request), *self._parameter_violations(request)))
        return self._in_order(found, request)

    def _in_order(self, found: dict[Violation, None], request: Request) -> list[Violation]:
        if self.operation.secured and self.operation.key(request.headers) is None:
            found[_no_key(self.operation)] = None
        ranks = self._order.get(request.media, {})
        return sorted(found, key=lambda violation: _rank(violation, ranks))

    def _is_form(self, request: Request) -> bool:
        return request.media == forms.MEDIA_TYPE and request.media in self.operation.body

    def _explained(self, request: Request) -> Iterator[Violation]:
        return _Explainer.of(self._contract).violations(self.operation, request)

    def _form_violations(self, request: Request) -> Iterator[Violation]:
        """What is wrong with a form; openapi-core loses boundaries, repeated parts and files (measured)."""
        if not isinstance(request.value, dict):
            reason = undecodable_reason(self.operation, request)
            yield Violation("malformed-body", "body", "", reason, facts={"reason": reason, "value": request.media})
        else:
            yield from self._body_violations(request)

    def _parameter_violations(self, request: Request) -> Iterator[Violation]:
        """What is wrong with parameters, by the same validators and the same `cast` that decide."""
        for parameter in self.operation.parameters:
            name, location = parameter.name, parameter.location
            text = parameter_text(parameter, request)
            if text is not None:
                yield from self._errors(parameter.schema, cast(parameter, text), location, name)
            elif parameter.required:
                yield Violation("missing-parameter", location, name, f"{name!r} is missing", "required")

    def _body_violations(self, request: Request) -> Iterator[Violation]:
        """What only the compiled validator sees, such as a line break after a pattern's `$`."""
        if request.body and request.media in self.operation.body:
            yield from self._errors(self.operation.body[request.media], request.value, "body", "")

    def _errors(self, schema: Schema, value: Any, location: str, name: str) -> Iterator[Violation]:
        for error in self.operation.compile(schema).iter_errors(value):
            path, schema_path = list(error.instance_path), list(error.schema_path)
            yield from from_schema_error(
                schema, str(schema_path[-1]), path, schema_path, error.instance, location, name
            )


def parameter_text(parameter: Parameter, request: Request) -> str | None:
    """The parameter's text in this request, None when it is not there."""
    match parameter.location:
        case "query":
            return request.query.get(parameter.name)
        case "path":
            return request.path_parameters.get(parameter.name)
        case "header":
            return request.headers.get(parameter.name.lower())
        case _:
            return None


@cache
def _no_key(operation: Operation) -> Violation:
    first = operation.schemes[0]
    kind = f"{first.word.lower()} key" if first.word else "key"
    return Violation("missing-credentials", "security", first.header, f"no {kind} was given")


@cache
def request_check(contract: Contract, operation: Operation) -> RequestCheck:
    """The check of one operation, compiled once."""
    return RequestCheck(contract, operation)


_LOCATIONS = ("security", "path", "query", "header", "media-type", "body")
_KEYWORD_RANK = {"required": 0, "type": 1, "not": 2, "enum": 3}


def _report_order(schema: Mapping[str, Any]) -> dict[str, int]:
    names = [*schema.get("x-order", ()), *schema.get("properties", ())]
    return {name: rank for rank, name in reversed(list(enumerate(names)))}


def _rank(violation: Violation, ranks: Mapping[str, int]) -> tuple[int, int, int]:
    name = "*" if violation.problem == "unknown-parameter" else violation.param.split(".")[0].split("[")[0]
    return (
        _LOCATIONS.index(violation.location),
        ranks.get(name, len(ranks)),
        _KEYWORD_RANK.get(violation.keyword, len(_KEYWORD_RANK)),
    )


class _Protocol:
    """A Request in the form openapi-core asks for."""

    def __init__(self, operation: Operation, request: Request) -> None:
        self.host_url = "http://contract"
        # Which operation this is has been decided: a path such as `/v1/tasks/..` must not be resolved again.
        self.path = re.sub(r"\{[^}]+\}", "any", operation.path)
        self.full_url_pattern = f"{self.host_url}{operation.path}"
        self.method = operation.method
        self.body = request.body or None
        self.content_type = request.media  # its parameters are nobody's business, and may be malformed
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.query),
            header=Headers(dict(request.headers)),
            cookie=ImmutableMultiDict(),
            path=dict(request.path_parameters),
        )


class _Explainer:
    """openapi-core, set up for one contract; built at the first refusal."""

    _known: dict[int, tuple[Contract, _Explainer]] = {}  # noqa: RUF012 - one per contract, for as long as it lives

    def __init__(self, contract: Contract) -> None:
        document = {**contract.document, "servers": [{"url": "/"}]}
        config = Config(
            extra_format_validators=dict(contract.formats),
            extra_media_type_deserializers={"application/json": _strict_json},
            spec_validator_cls=None,  # type: ignore[arg-type]  # the contract has been validated at load
        )
        self._openapi = OpenAPI.from_dict(document, config=config)

    @classmethod
    def of(cls, contract: Contract) -> _Explainer:
        """The explainer of a contract."""
        known = cls._known.get(id(contract))
        if known is None:
            known = cls._known[id(contract)] = (contract, cls(contract))
        return known[1]

    def violations(self, operation: Operation, request: Request) -> Iterator[Violation]:
        """Every violation openapi-core sees in a request."""
        for error in self._openapi.iter_request_errors(_Protocol(operation, request)):
            yield from _violations_of(error, operation, request)


def _strict_json(body: bytes | str, **_: str) -> Any:
    try:
        return decode(body if isinstance(body, bytes) else body.encode(), "application/json")
    except Undecodable as error:
        raise ValueError(str(error)) from error  # as openapi-core expects of whoever decodes


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _violations_of(error: Exception, operation: Operation, request: Request) -> Iterator[Violation]:
    causes = list(_causes(error))
    if isinstance(error, SecurityValidationError):
        yield _no_key(operation)
        return
    if isinstance(error, ParameterValidationError):
        return  # openapi-core turns texts into values in its own way; see RequestCheck
    if _first(causes, MediaTypeNotFound):
        allowed = quoted_list(list(operation.body))
        facts = {"value": request.media, "allowed": allowed}
        yield Violation(
            "wrong-media-type", "media-type", "Content-Type", f"{request.media!r} where {allowed} belongs", facts=facts
        )
    elif isinstance(error, MissingRequiredRequestBody) or _first(causes, DeserializeError):
        reason = undecodable_reason(operation, request)
        yield Violation("malformed-body", "body", "", reason, facts={"reason": reason, "value": request.media})
    elif schema_error := _first(causes, InvalidSchemaValue):
        yield from _schema_violations(schema_error, operation.body[request.media], "body", "")
    else:
        yield Violation("invalid-request", "body", "", str(error), facts={"reason": str(error)})


def undecodable_reason(operation: Operation, request: Request) -> str:
    """Why a body cannot be decoded, as half a sentence."""
    if not request.body:
        return "it is empty"
    try:
        operation.decode(request.body, request.headers.get("content-type", ""))
    except Undecodable as error:
        return str(error)
    return "it cannot be read"


def _first(causes: Iterable[BaseException], kind: type[Any]) -> Any:
    return next((cause for cause in causes if isinstance(cause, kind)), None)


def _schema_violations(error: Any, schema: Mapping[str, Any], location: str, name: str) -> Iterator[Violation]:
    for found in error.schema_errors:
        path, schema_path = list(found.absolute_path), list(found.absolute_schema_path)
        yield from from_schema_error(schema, str(found.validator), path, schema_path, found.instance, location, name)


def _at(schema: Any, path: Iterable[Any]) -> Any:
    for part in path:
        schema = schema[part]
    return schema


class ResponseCheck:
    """Judges the answers of one operation."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self._compiled: dict[int, tuple[Mapping[str, Any], Any]] = {}
        self._verdicts: dict[int, tuple[Mapping[str, Any], Callable[[Any], bool]]] = {}

    def conforms(self, answer: Answer, media: str, value: Any) -> bool:
        """Whether a body keeps this documented answer's schema; headers are the caller's business."""
        schema = answer.content.get(media)
        if schema is None:
            return not answer.content and value is None
        return self.verdict(schema)(value)

    def conforms_event(self, answer: Answer, media: str, event: Any) -> bool:
        """Whether one item of a sequence keeps this documented answer's item schema."""
        return self.verdict(answer.items[media])(event)

    def violations(self, response: Response, expected: frozenset[str] = frozenset()) -> list[Violation]:
        """Everything in which a whole answer breaks the contract: status, headers, media type, schema.

        Among alternatives, one that can say a role of `expected` is what the answer is held to.
        """
        answer = self.operation.answer(response.status)
        if answer is None:
            documented = ", ".join(self.operation.answers)
            return [
                Violation(
                    "status", "status", "", f"status {response.status} is not documented ({documented})", "status"
                )
            ]
        return [*self._header_violations(answer, response), *self._body_violations(answer, response, expected)]

    def _header_violations(self, answer: Answer, response: Response) -> Iterator[Violation]:
        for name, header in answer.headers.items():
            text = response.headers.get(name.lower())
            if text is None:
                if header.get("required"):
                    yield Violation("missing-header", "header", name, "is missing", "required")
                continue
            value = cast(Parameter(name, "header", False, header["schema"]), text)
            for error in self._validator(header["schema"]).iter_errors(value):
                yield Violation("header", "header", name, error.message, str(error.schema_path[-1]))

    def _body_violations(self, answer: Answer, response: Response, expected: frozenset[str]) -> Iterator[Violation]:
        if not answer.content and not answer.items:
            if response.body:
                yield Violation("body", "body", "", f"{len(response.body)} bytes where no body belongs", "body")
            return
        if response.media in answer.items:
            yield from self._event_violations(answer, response)
            return
        schema = answer.content.get(response.media)
        if schema is None:
            allowed = quoted_list([*answer.content, *answer.items])
            yield Violation(
                "media-type", "media-type", "Content-Type", f"{response.media!r} where {allowed} belongs", "media-type"
            )
            return
        if is_json(response.media):
            try:
                value = decode(response.body, response.media)
            except Undecodable as error:
                yield Violation("malformed-body", "body", "", str(error), "json")
                return
            yield from self.schema_violations(schema, value, expected)

    def _event_violations(self, answer: Answer, response: Response) -> Iterator[Violation]:
        schema = answer.items[response.media]
        for index, event in enumerate(decode(response.body, response.media)):
            if answer.ends_with and event.get("data") == answer.ends_with:
                continue
            for found in self.schema_violations(schema, event):
                yield replace(found, pointer=f"/{index}{found.pointer}")

    def schema_violations(
        self, schema: Mapping[str, Any], value: Any, expected: frozenset[str] = frozenset()
    ) -> Iterator[Violation]:
        """In what a decoded body breaks its schema; where alternatives stand, in what it breaks the nearest one.

        What null breaks in the place of a member that may be left out is one violation of its own (`is_null`).
        """
        found = list(self._broken(schema, value, expected))
        nulls: list[Violation] = []
        for one in list(found):
            if one not in found or one.is_null or (less := _without_null(value, one.pointer)) is None:
                continue
            left = list(self._broken(schema, less, expected))
            if all(other in found for other in left):  # leaving it out mends something and breaks nothing
                nulls.append(replace(one, keyword=NULL, reason="null where it may be left out"))
                found, value = left, less
        yield from (*found, *nulls)

    def _broken(self, schema: Mapping[str, Any], value: Any, expected: frozenset[str]) -> Iterator[Violation]:
        for error in self._validator(schema).iter_errors(value):
            path, schema_path = list(error.instance_path), list(error.schema_path)
            keyword = str(schema_path[-1])
            found = list(from_schema_error(schema, keyword, path, schema_path, error.instance, "body"))
            if keyword in ("anyOf", "oneOf"):
                found = self._nearest(_at(schema, schema_path), path, error.instance, expected) or found
            yield from found

    def _nearest(
        self, branches: Sequence[Schema], path: Sequence[Any], value: Any, expected: frozenset[str]
    ) -> list[Violation]:
        """The violations of the alternative that was meant: one that can say what is expected, or the least broken."""
        meant = [branch for branch in branches if roles_in([branch]) & expected] or branches
        told = [list(self.schema_violations(branch, value, expected)) for branch in meant]
        nearest = min((found for found in told if found), key=lambda found: sum(v.weight for v in found), default=[])
        prefix = "".join(f"/{part}" for part in path)
        return [replace(found, pointer=prefix + found.pointer) for found in nearest]

    def verdict(self, schema: Mapping[str, Any]) -> Callable[[Any], bool]:
        """A schema of an answer as a yes-or-no question."""
        known = self._verdicts.get(id(schema))
        if known is None:
            known = self._verdicts[id(schema)] = (schema, verdict(self.operation, schema))
        return known[1]

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        known = self._compiled.get(id(schema))
        if known is None:
            known = self._compiled[id(schema)] = (schema, self.operation.compile(schema))
        return known[1]
