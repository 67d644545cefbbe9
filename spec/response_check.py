"""Judges answers: their status, headers, media type and schema, by validators compiled once per operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spec.contract import Answer, Operation, Parameter, roles_in
from spec.language import Schema
from spec.messages import Response, Undecodable, decode, is_json
from spec.parameters import cast
from spec.verdicts import verdict
from spec.violations import NULL, Violation, from_schema_error, quoted_list


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
