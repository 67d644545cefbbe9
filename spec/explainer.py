"""openapi-core explains: its account of what is wrong with a refused request becomes the error body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

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

from spec.contract import Contract, Operation
from spec.messages import Request, Undecodable, decode
from spec.violations import Violation, from_schema_error, quoted_list


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


class Explainer:
    """openapi-core, set up for one contract; built at the first refusal."""

    _known: dict[int, tuple[Contract, Explainer]] = {}  # noqa: RUF012 - one per contract, for as long as it lives

    def __init__(self, contract: Contract) -> None:
        document = {**contract.document, "servers": [{"url": "/"}]}
        config = Config(
            extra_format_validators=dict(contract.formats),
            extra_media_type_deserializers={"application/json": _strict_json},
            spec_validator_cls=None,  # type: ignore[arg-type]  # the contract has been validated at load
        )
        self._openapi = OpenAPI.from_dict(document, config=config)

    @classmethod
    def of(cls, contract: Contract) -> Explainer:
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
        yield no_key(operation)
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


@cache
def no_key(operation: Operation) -> Violation:
    """The violation of a request that brings no key."""
    first = operation.schemes[0]
    kind = f"{first.word.lower()} key" if first.word else "key"
    return Violation("missing-credentials", "security", first.header, f"no {kind} was given")
