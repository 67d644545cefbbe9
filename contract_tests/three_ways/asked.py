"""What may be asked: each member of the request body, as the contract, the document and the provider have it.

Every call is held against the contract's schema and the document's, and each verdict is laid to the members at fault.
A document that refuses less than the contract sets fewer limits, which is no deviation; nor is it the provider's, to
refuse what the contract refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jsonschema_rs
import orjson

from contract_tests.documents.keys import masked
from contract_tests.documents.subject import Subject
from contract_tests.three_ways.calls import Call
from contract_tests.three_ways.row import NOTHING, UNSEEN, Row, who_deviates
from spec import forms
from spec.language import Schema, types_of
from spec.violations import from_schema_error

_MOST_VALUES = 5
_WIDEST = {"minimum": min, "maximum": max, "minLength": min, "maxLength": max}
_LONGEST_VALUE = 24
_LEFT_OUT = "left out"
_LITERAL = re.compile(r"-?\d+(\.\d+)?|true|false|null")


@dataclass
class _Member:
    """What the calls say of one member: values that were taken and refused, and how often two verdicts differ."""

    taken: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    seen: bool = False
    off_contract: bool = False
    off_document: bool = False
    apart: bool = False

    def note(self, value: str, contract: bool, document: bool | None, taken: bool | None) -> None:
        """Note one call: each verdict is whether the member is in order."""
        self.apart |= document is False and contract
        if taken is None:
            return
        values = self.taken if taken else self.refused
        values[value] = values.get(value, 0) + 1
        self.seen |= value != _LEFT_OUT or not taken
        self.off_contract |= contract != taken
        self.off_document |= (document is False and taken) or (document is True and contract and not taken)


def documented_faults(subject: Subject, value: Mapping[str, Any]) -> set[str]:
    """The members of a request body for which the document's own schema refuses it."""
    return _View(subject, ()).faults_by_document(value)


def request_rows(subject: Subject, calls: Sequence[Call]) -> Iterator[Row]:
    """A row for each member that the contract has, or the document."""
    if not subject.request:
        return
    view = _View(subject, calls)
    shown = {name for _, value in subject.request_values() for name in value}
    for name in dict.fromkeys([*view.properties, *subject.declared, *shown]):
        row = view.row(name, name in shown)
        if row is not None:
            yield row


class _View:
    """One operation's members."""

    def __init__(self, subject: Subject, calls: Sequence[Call]) -> None:
        self._subject = subject
        self._calls = [call for call in calls if call.operation.id == subject.operation.id and call.asked is not None]

    @cached_property
    def properties(self) -> Mapping[str, Schema]:
        """The contract's members, without those it forbids."""
        told: Mapping[str, Schema] = self._subject.request.get("properties", {})
        return {name: schema for name, schema in told.items() if schema.get("not") != {}}

    @cached_property
    def _document(self) -> dict[str, Any] | None:
        """The document's schema, where it has one that can be used."""
        schema = self._subject.body.value
        if self._subject.shown_only or not self._subject.declared:
            return None
        try:
            jsonschema_rs.validator_for(dict(schema))
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
            return None
        return dict(schema)

    @cached_property
    def _judged(self) -> list[tuple[Call, set[str], set[str] | None]]:
        """(call, members at fault by the contract, by the document)."""
        contract = self._subject.operation.compile(self._subject.request)
        document = jsonschema_rs.validator_for(self._document) if self._document is not None else None
        return [
            (
                call,
                _faults(self._subject.request, contract, call.asked),
                _faults(self._document or {}, document, call.asked) if document is not None else None,
            )
            for call in self._calls
        ]

    def faults_by_document(self, value: Mapping[str, Any]) -> set[str]:
        """The members at fault by the document; none where it has no schema."""
        if self._document is None:
            return set()
        return _faults(self._document, jsonschema_rs.validator_for(self._document), value)

    def row(self, name: str, shown: bool) -> Row | None:
        """The row of one member; None for one that only the contract has and nobody tried or deviates in."""
        told = self._member(name)
        declared, schema = self._subject.declared.get(name), self.properties.get(name)
        listed = declared is not None or shown
        static = self._differs(name)
        document = told.apart or static if listed else bool(self._demands(name))
        if not listed and not told.off_contract and not document:
            return None
        contract = _said(schema, name in self._required) if schema is not None else NOTHING
        who = who_deviates(document, told.off_contract, told.off_document)
        line = self._subject.body.at(declared.pointer).line if declared else self._line_shown(name)
        return Row("request", name, contract, self._documented(name, shown), line, _observed(told), who, told.seen)

    @property
    def _required(self) -> Sequence[str]:
        required: Sequence[str] = self._subject.request.get("required", ())
        return required

    def _demands(self, name: str) -> bool:
        """Whether the contract demands a member, which a document has to name."""
        return name in self._required and bool(self._subject.declared)

    def _differs(self, name: str) -> bool:
        """Whether the document, by what is written in it, has a member otherwise than the contract."""
        declared, schema = self._subject.declared.get(name), self.properties.get(name)
        if schema is None or declared is None:
            return schema is None or self._demands(name)
        demanded = next((one.required for one in self._subject.fields.values() if one.name == name), None)
        if demanded is not None and demanded != (name in self._required):
            return True
        theirs, ours = types_of(declared.schema) - {"null"}, types_of(schema) - {"null"}
        if _is_file(declared.schema) and _is_file(schema):
            return False
        return bool(theirs and ours and not theirs <= ours) or _is_wider(declared.schema, schema)

    def _documented(self, name: str, shown: bool) -> str:
        declared = self._subject.declared.get(name)
        if declared is None:
            return "in an example only" if shown else NOTHING
        demanded = next((one.required for one in self._subject.fields.values() if one.name == name), None)
        if demanded is None and not self._subject.shown_only:
            demanded = name in self._subject.body.value.get("required", ())
        return masked(_said(declared.schema, demanded))

    def _line_shown(self, name: str) -> int:
        places = [example.at(f"/{name}").line for example, value in self._subject.request_values() if name in value]
        return places[0] if places else 0

    def _member(self, name: str) -> _Member:
        told = _Member()
        for call, contract, document in self._judged:
            given = (call.asked or {}).get(name, ...)
            value = _LEFT_OUT if given is ... else _short(given)
            taken = call.taken
            if taken is False and name not in ({call.blamed} if call.blamed else _alone(contract or document or set())):
                taken = None  # some other member's fault, or nobody knows whose
            told.note(
                value,
                name not in contract,
                None
                if document is None or given is None or name not in self._subject.declared
                else name not in document,
                taken,
            )
        return told


def _alone(faults: set[str]) -> set[str]:
    """The one member at fault; none where there are several."""
    return faults if len(faults) == 1 else set()


def _is_wider(theirs: Schema, ours: Schema) -> bool:
    """Whether a schema names limits or values beyond another's."""
    beyond = any(
        key in theirs and key in ours and widest(theirs[key], ours[key]) != ours[key] for key, widest in _WIDEST.items()
    )
    listed = ours.get("enum", ())
    return beyond or bool(listed and any(value not in listed for value in theirs.get("enum", ()) if value is not None))


def _faults(schema: Schema, validator: Any, value: Any) -> set[str]:
    """The members of a value that break a schema."""
    found = set()
    for error in validator.iter_errors(value):
        path = list(error.schema_path)
        for one in from_schema_error(schema, str(path[-1]), list(error.instance_path), path, error.instance, "body"):
            found.add(one.param.partition("[")[0].partition(".")[0])
    return found - {""}


def _said(schema: Schema, required: bool | None) -> str:
    """A member's schema in a few words: `required, integer, 1 to 10`."""
    words = [] if required is None else ["required" if required else "optional"]
    if _is_file(schema):
        return ", ".join([*words, "a file"])
    words += sorted(types_of(schema) - {"null"})
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None or most is not None:
        words.append(f"{'' if least is None else least} to {'' if most is None else most}".strip())
    if (longest := schema.get("maxLength")) is not None:
        words.append(f"at most {longest} characters")
    if listed := [value for value in schema.get("enum", ()) if value is not None]:
        more = f" and {len(listed) - _MOST_VALUES} more" if len(listed) > _MOST_VALUES else ""
        words.append(f"one of {', '.join(_short(value) for value in listed[:_MOST_VALUES])}{more}")
    return ", ".join(words) or "anything"


def _is_file(schema: Schema) -> bool:
    """Whether a schema is of a file in a form, or of several."""
    return schema.get("format") == "binary" or forms.FILE in schema or forms.FILE in schema.get("items", {})


def _observed(told: _Member) -> str:
    if not told.seen:
        return UNSEEN
    sometimes = {value: count for value, count in told.taken.items() if value in told.refused}
    always = {value: count for value, count in told.taken.items() if value not in sometimes}
    never = {value: count for value, count in told.refused.items() if value not in sometimes}
    groups = (("takes", always), ("takes at times", sometimes), ("refuses", never))
    return "; ".join(f"{word} {_listed(values)}" for word, values in groups if values)


def _listed(values: Mapping[str, int]) -> str:
    ordered = sorted(values, key=lambda value: (value != _LEFT_OUT, -values[value]))
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(ordered[:_MOST_VALUES]) + more


def _short(value: Any) -> str:
    if isinstance(value, forms.File):
        return "a file"
    if isinstance(value, list) and any(isinstance(one, forms.File) for one in value):
        return "a file" if len(value) == 1 else f"{len(value)} files"
    try:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    except TypeError:
        text = str(value)
    if isinstance(value, str) and (not value.strip() or _LITERAL.fullmatch(value)):
        return f'"{value}"'
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else f"{len(text)} characters"
