"""What a document changes in a contract, as actions of an OpenAPI Overlay, with where it is said and how sure it is.

Keywords beside a `$ref` are merged over what it names (spec/README.md), so most changes stand at the operation's own
body and narrow it there. Confidence: high for what a schema or an example says, medium for what is marked required and
for what is left out where the document lists everything else, low for what stands in words only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from contract_tests.documents.json_text import Place, value_at
from contract_tests.documents.rules.limits import described_length, described_range
from contract_tests.documents.subject import Field, Subject, is_picture_link
from spec.contract import Operation, Parameter
from spec.documents import follow
from spec.language import Schema, escape, types_of, walk

_DEEPEST = 16
_ONE_VALUE = ("string", "integer", "number", "boolean")
_WIDEST: Mapping[str, Callable[[Iterable[Any]], Any]] = {
    "minimum": min,
    "minLength": min,
    "maximum": max,
    "maxLength": max,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing a document says otherwise; `actions` do it, in order. Without any it can only be told."""

    told: str
    place: Place
    confidence: str
    actions: tuple[Mapping[str, Any], ...]


def changes(subjects: Sequence[Subject], raw: Mapping[str, Any]) -> Iterator[Change]:
    """What the documented operations of one contract change in it; `raw` is its document with its references."""
    for subject in subjects:
        yield from _values(subject, raw)
        yield from _required(subject, raw)
        yield from _narrowed(subject)
        yield from _added(subject)
        yield from _without_async(subject, raw)


# --- where things stand in a contract's document ----------------------------------------------------------------------


def _query(pointer: str) -> str:
    """A JSON pointer as a JSONPath."""
    told = "$"
    for segment in pointer.split("/")[1:]:
        key = segment.replace("~1", "/").replace("~0", "~")
        told += f".{key}" if key.isidentifier() and key.isascii() else f"[{key}]" if key.isdigit() else f"['{key}']"
    return told


def _standing(raw: Mapping[str, Any], pointer: str) -> str:
    """Where the part at `pointer` really stands: in a part itself, else in what it refers to; empty where nowhere."""
    return next(_places(raw, raw, "", pointer.split("/")[1:]), "")


def _places(raw: Mapping[str, Any], node: Any, where: str, segments: Sequence[str], depth: int = 0) -> Iterator[str]:
    if not segments:
        yield where
        return
    segment, *rest = segments
    key = segment.replace("~1", "/").replace("~0", "~")
    if isinstance(node, list) and key.isdigit() and int(key) < len(node):
        yield from _places(raw, node[int(key)], f"{where}/{segment}", rest, depth)
    elif isinstance(node, Mapping) and depth < _DEEPEST:
        if key in node:
            yield from _places(raw, node[key], f"{where}/{segment}", rest, depth)
        if isinstance(target := node.get("$ref"), str):
            yield from _places(raw, follow(raw, target, "", ""), target.removeprefix("#"), segments, depth + 1)
        for index, branch in enumerate(node.get("allOf", ()) if isinstance(node.get("allOf"), list) else ()):
            yield from _places(raw, branch, f"{where}/allOf/{index}", segments, depth + 1)


def _above(operation: Operation) -> str:
    return f"/paths/{escape(operation.path)}/{operation.method}"


def _body(subject: Subject) -> str:
    """The pointer of the request body's schema, in the media type the document has it in."""
    media = next(media for media, schema in subject.operation.body.items() if schema is subject.request)
    return f"{_above(subject.operation)}/requestBody/content/{escape(media)}/schema"


def _beside(subject: Subject, update: Mapping[str, Any]) -> Mapping[str, Any]:
    """The action that merges keywords over the request body of this operation alone."""
    return {"target": _query(_body(subject)), "update": update}


# --- what is said otherwise -------------------------------------------------------------------------------------------


def _values(subject: Subject, raw: Mapping[str, Any]) -> Iterator[Change]:
    """Values no contract lists, models above all, and lists that are shorter than the contract's."""
    for role, field in subject.fields.items():
        shown = _listed(subject, field) | (_exemplified(subject, field) if role == "model" else {})
        known = _stated(subject, field).get("enum")
        if known and field.name in subject.request.get("properties", {}):
            standing = _standing(raw, f"{_body(subject)}/properties/{escape(field.name)}/enum")
            for value, (place, confidence) in shown.items():
                if value not in known and standing and value not in value_at(raw, standing):
                    action = {"target": _query(standing), "update": value}
                    yield Change(f"A {role} no contract lists: {value}.", place, confidence, (action,))
        listed = list(_listed(subject, field))
        if field.listed and not listed:
            told = f"{field.name} is one of {', '.join(map(str, field.listed))}, which are of another kind."
            yield Change(told, subject.place(field), "high (schema)", ())
        if listed and (not known or {*known} - {None, *listed}):
            update = {"properties": {field.name: {"enum": [*listed, *([None] if _nullable(field) else [])]}}}
            told = f"{field.name} is one of {', '.join(map(str, listed))}."
            yield Change(told, subject.place(field), "high (schema)", (_beside(subject, update),))


def _stated(subject: Subject, field: Field) -> Schema:
    """What the contract says of a field whatever else is asked."""
    stated: Schema = subject.request.get("properties", {}).get(field.name, field.contract)
    return stated


def _listed(subject: Subject, field: Field) -> dict[Any, tuple[Place, str]]:
    """The values a document's schema lists for a field that is one value: value -> where and how sure."""
    if field.declared is None or not _plain(field):
        return {}
    fits = jsonschema_rs.validator_for({"type": [*types_of(field.contract)] or [*_ONE_VALUE]}).is_valid
    told = [value for value in field.listed if value != "" and fits(value) and value is not None]
    return {value: (subject.place(field), "high (schema)") for value in told}


def _exemplified(subject: Subject, field: Field) -> dict[Any, tuple[Place, str]]:
    return {
        model: (example.at(f"/{field.name}"), "high (example)")
        for example, _, model in subject.example_models()
        if model
    }


def _plain(field: Field) -> bool:
    """Whether the contract's field is one value, of which limits can be told."""
    return not types_of(field.contract) & {"object", "array"}


def _nullable(field: Field) -> bool:
    return "null" in types_of(field.contract) or None in field.contract.get("enum", ())


def _required(subject: Subject, raw: Mapping[str, Any]) -> Iterator[Change]:
    """Fields that must be there, or need not, other than the contract says."""
    for field in subject.fields.values():
        if field.declared is None or field.required is None or field.required == field.required_by_contract:
            continue
        if field.required:
            action = _beside(subject, {"required": [field.name]})
            yield Change(f"{field.name} is required.", field.required_place, "medium (schema)", (action,))
        else:
            where = _standing(raw, f"{_body(subject)}/required")
            action = {"target": f"{_query(where)}[?@=='{field.name}']", "remove": True}
            actions = (action,) if where else ()
            yield Change(f"{field.name} is optional.", subject.place(field), "medium (schema)", actions)


def _narrowed(subject: Subject) -> Iterator[Change]:
    """Limits that are tighter than the contract's, from the schema; from the words of a field that has none there."""
    for role, field in subject.fields.items():
        if field.declared is None or not _plain(field):
            continue
        told, confidence = _limits(field), "high (schema)"
        if not told:
            told, confidence = _described(role, field), "low (words)"
        stated = _stated(subject, field)
        tighter = {key: limit for key, limit in told.items() if _is_tighter(key, limit, stated.get(key))}
        if tighter:
            shown = ", ".join(f"{key} {value}" for key, value in tighter.items())
            action = _beside(subject, {"properties": {field.name: tighter}})
            yield Change(f"{field.name}: {shown}.", subject.place(field), confidence, (action,))


def _limits(field: Field) -> dict[str, Any]:
    """The limits of all alternatives of a field together: the widest of each."""
    return {key: widest(values) for key, widest in _WIDEST.items() if (values := field.says(key))}


def _is_tighter(key: str, limit: Any, known: Any) -> bool:
    return known is None or (limit != known and _WIDEST[key]((limit, known)) == known)


def _described(role: str, field: Field) -> dict[str, Any]:
    if role == "prompt" and (most := described_length(field)):
        return {"maxLength": most}
    if role == "count" and (found := described_range(field)):
        return {"minimum": found[0], "maximum": found[1]}
    return {}


def _added(subject: Subject) -> Iterator[Change]:
    """Fields the contract does not have for this operation, declared or only used in an example."""
    if not subject.request:
        return
    known = subject.request.get("properties", {})
    for name, declared in subject.declared.items():
        if name not in known:
            schema = {**_role(name, subject, declared.schema), **_shape(declared.schema)}
            yield _field(subject, name, schema, subject.body.at(declared.pointer), "schema")
    shown: dict[str, Change] = {}
    for example, value in subject.request_values():
        for name, told in value.items():
            if name not in known and name not in subject.declared and name not in shown:
                schema = _seen(told)
                schema = {**_role(name, subject, schema, is_picture_link(told)), **schema}
                shown[name] = _field(subject, name, schema, example.at(f"/{escape(name)}"), "example")
    yield from shown.values()


def _field(subject: Subject, name: str, schema: Mapping[str, Any], place: Place, kind: str) -> Change:
    action = _beside(subject, {"properties": {name: schema}})
    return Change(f"A field of its own: {name}.", place, f"high ({kind})", (action,))


def _shape(schema: Schema) -> dict[str, Any]:
    """A documented field's schema as far as a contract's can say it."""
    kept = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern")
    return {key: value for key, value in schema.items() if key in kept}


def _seen(value: Any) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    kind = kinds.get(type(value))
    return {"type": kind} if kind else {}


def _role(name: str, subject: Subject, schema: Schema, is_picture: bool = False) -> dict[str, Any]:
    """What a field means: what one of this name means elsewhere in the contract, or a picture where one is shown."""
    if types_of(schema) - {"string"}:
        return {}
    elsewhere = {
        inner["x-role"]
        for operation in subject.contract.operations
        for body in operation.body.values()
        for _, part in walk(body)
        for other, inner in part.get("properties", {}).items()
        if other == name and "x-role" in inner and not types_of(inner) - {"string"}
    }
    if is_picture or elsewhere & {"input-image"}:
        return {"format": "uri", "x-role": "input-image"}
    return {"x-role": elsewhere.pop()} if len(elsewhere) == 1 else {}


def _without_async(subject: Subject, raw: Mapping[str, Any]) -> Iterator[Change]:
    """A switch to a task that the document, which lists its parameters, does not have."""
    if subject.shown_only or subject.parameter("async"):
        return
    for parameter in subject.operation.parameters:
        if parameter.role != "async":
            continue
        place = _parameter(subject.operation, parameter, raw)
        actions = [{"target": _query(place), "remove": True}] if place else []
        if subject.operation.links:
            links = _standing(raw, f"{_above(subject.operation)}/responses/{subject.operation.success.status}/links")
            actions += [{"target": _query(links), "remove": True}] if links else []
        yield Change(f"No {parameter.name}, so no task.", subject.documented.place, "medium (absence)", tuple(actions))


def _parameter(operation: Operation, parameter: Parameter, raw: Mapping[str, Any]) -> str:
    """The pointer at which an operation names a parameter; empty where it stands above the operation."""
    above = f"{_above(operation)}/parameters"
    places = (f"{above}/{index}" for index in range(len(_at(raw, above) or ())))
    return next((place for place in places if _at(raw, f"{place}/name") == parameter.name), "")


def _at(raw: Mapping[str, Any], pointer: str) -> Any:
    standing = _standing(raw, pointer)
    return value_at(raw, standing) if standing else None
