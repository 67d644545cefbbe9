"""Judges requests: compiled validators decide, openapi-core explains.

A request that keeps the contract is accepted in microseconds by validators compiled once per operation. One that does
not goes to openapi-core (`spec/explainer.py`). The two must always agree; a property test holds them to it
(`tests/test_verdicts.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from spec import forms
from spec.contract import Contract, Operation
from spec.explainer import Explainer, no_key, undecodable_reason
from spec.language import Schema
from spec.messages import Request
from spec.parameters import cast, parameter_text
from spec.units import inward
from spec.verdicts import BodyVerdict
from spec.violations import Violation, from_schema_error


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
            found.update(dict.fromkeys(self._body_violations(request)))  # openapi-core is content with an empty key
        return self._in_order(found, request)

    def reported(self, request: Request) -> Violation:
        """What a caller is told of a refused request: of several lists that a value is none of, the shortest, for
        what stands in the others may be refused, too.
        """
        first, *others = self.explain(request)
        alike = [one for one in others if (one.param, one.problem, one.keyword) == (first.param, first.problem, "enum")]
        return min((first, *alike), key=lambda one: int(one.facts.get("choices", 0)))

    def violations(self, request: Request) -> list[Violation]:
        """The same by the compiled validators alone, where they can read the body: for whoever asks often."""
        if request.media not in self.bodies or request.value is None:
            return self.explain(request)
        found = dict.fromkeys((*self._body_violations(request), *self._parameter_violations(request)))
        return self._in_order(found, request)

    def _in_order(self, found: dict[Violation, None], request: Request) -> list[Violation]:
        if self.operation.secured and self.operation.key(request.headers) is None:
            found[no_key(self.operation)] = None
        ranks = self._order.get(request.media, {})
        return sorted(found, key=lambda violation: _rank(violation, ranks))

    def _is_form(self, request: Request) -> bool:
        return request.media == forms.MEDIA_TYPE and request.media in self.operation.body

    def _explained(self, request: Request) -> Iterator[Violation]:
        return Explainer.of(self._contract).violations(self.operation, request)

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
