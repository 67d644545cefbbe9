"""Hypothesis strategies from contract schemas: only the keywords our documents use, conditionals resolved on the way.

An object is drawn property by property. Those an `if` looks at come first; each takes only a value that the rest of
the object can still be completed from, so that nothing has to be thrown away.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsonschema_rs
from hypothesis import strategies as st

from contract_tests.pictures import as_value, possible, takes_picture
from contract_tests.sizes import sizes
from contract_tests.wording import PROMPTS
from spec.forms import AS_JSON, FILE
from spec.language import EXTENSIONS, Schema, types_of
from spec.shapes import Shape, ShapeIndex, condition, is_object, merge

_LINKS = ("https://example.com/picture.png", "https://example.com/a/b.webp?size=large")
_NOTES = {"title", "description", "default", "examples", "deprecated", "contentEncoding", "contentMediaType"}
_ANYWHERE = _NOTES | EXTENSIONS | {FILE, AS_JSON, "type", "enum", "const", "anyOf", "oneOf", "allOf"}
#: JSON type -> the keywords its strategy keeps
_KEPT: dict[str, frozenset[str]] = {
    "null": frozenset(),
    "boolean": frozenset(),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required", "additionalProperties", "if", "then", "else"}),
}
_PATTERN_AND = ("minLength", "maxLength", "format")
_ENCODABLE = st.characters(exclude_categories=["Cs"])  # the default, a codec's table, takes a second and a half to make
_MOST_PICTURES = 3  # in one list: more would only be more bytes


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that keep `schema`. Raises NotImplementedError for a schema no strategy is written for."""
    schema = _flat(schema)
    if among := schema.get("x-said", {}).get("among"):
        return st.sampled_from(among)
    if takes_picture(schema):
        return st.sampled_from([as_value(picture, schema) for picture in possible(schema)])
    types = _types(schema)
    _refuse_unknown(schema, types)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(_fitting(schema))
    for key in ("anyOf", "oneOf"):
        if key in schema and not is_object(schema):
            rest = {name: value for name, value in schema.items() if name != key}
            return st.one_of([values(merge(rest, branch)) for branch in schema[key]])
    if not types:
        raise NotImplementedError(f"no strategy for a schema without a type: it has {_listed(schema)}")
    return st.one_of([_of_type(name, schema) for name in types])


def _types(schema: Schema) -> list[str]:
    named = schema.get("type", ())
    types = [named] if isinstance(named, str) else list(named)
    return types or (["object"] if "properties" in schema else [])


def _flat(schema: Schema) -> Schema:
    """`schema` with the parts of its `allOf` merged; an object's are left to its shape, they may be conditional."""
    if "allOf" not in schema or is_object(schema):
        return schema
    flat: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        flat = merge(flat, _flat(part))
    return flat


def _refuse_unknown(schema: Schema, types: list[str]) -> None:
    kept = _ANYWHERE.union(*(_KEPT.get(name, frozenset()) for name in types or _KEPT))
    unknown = schema.keys() - kept
    if "pattern" in schema and not unknown:
        unknown = schema.keys() & set(_PATTERN_AND)  # each alone is kept, together nothing is written for them
    if not unknown and schema.get("format", "uri") != "uri" and not schema["format"].startswith("size-rule:"):
        unknown = {f"format: {schema['format']}"}
    if isinstance(schema.get("additionalProperties"), Mapping):
        unknown |= {"additionalProperties: {...}"}
    if unknown:
        kind = " or ".join(types) or "any value"
        raise NotImplementedError(f"no strategy for {_listed(unknown)} on {kind}: contract_tests/strategies.py")


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing in it"


def _fitting(schema: Schema) -> list[Any]:
    """The values of an enumeration that the schema's type allows."""
    types = types_of(schema)
    nullable = not types or "null" in _types(schema)
    return [value for value in schema["enum"] if value is not None or nullable]


def _of_type(name: str, schema: Schema) -> st.SearchStrategy[Any]:
    match name:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer" if schema.get("x-role") == "count":  # two show whether the number is heard, for little money
            least, most = schema.get("minimum", 1), schema.get("maximum", 3)
            return st.integers(least, min(most, least + 2))
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
        case "string":
            return _strings(schema)
        case "array":
            least = schema.get("minItems", 0)
            most = schema.get("maxItems", least + 4)
            if holds_picture(schema["items"]):
                most = min(most, max(least, _MOST_PICTURES))
            return st.lists(values(schema["items"]), min_size=least, max_size=most)
        case "object":
            return objects(schema)
    raise NotImplementedError(f"no strategy for type {name!r}")


def holds_picture(schema: Schema) -> bool:
    """Whether a value of this schema is a picture or an object with one in it."""
    return takes_picture(schema) or any(map(holds_picture, schema.get("properties", {}).values()))


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 200)
    if "x-size-rule" in schema:
        words = sorted(schema.get("x-resolves", {}))
        return sizes(schema["x-size-rule"]) | st.sampled_from(words) if words else sizes(schema["x-size-rule"])
    if "pattern" in schema:
        return st.from_regex(re.compile(str(schema["pattern"]), re.ASCII), fullmatch=True, alphabet=_ENCODABLE)
    if schema.get("format") == "uri":
        return st.sampled_from(_LINKS)
    role = schema.get("x-role")
    if role == "prompt" and (fitting := [prompt for prompt in PROMPTS if least <= len(prompt) <= most]):
        return st.sampled_from(fitting)
    if role == "size":
        return st.sampled_from(["1024x1024", *schema.get("x-resolves", {})])
    return st.text(string.ascii_letters + string.digits + "-_", min_size=max(least, 1), max_size=min(most, least + 24))


class _Absent:
    """The mark for "this property is left out"; its only instance is ABSENT."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


def _compiled(schema: Schema) -> Any:
    return jsonschema_rs.Draft202012Validator(dict(schema))


class ObjectPlan:
    """How objects of one schema are drawn; what it has worked out once serves every draw."""

    def __init__(self, schema: Schema, compiled: Callable[[Schema], Any] = _compiled) -> None:
        _refuse_unknown(schema, ["object"])
        self.schema = schema
        self.shapes: ShapeIndex[tuple[Shape, dict[str, st.SearchStrategy[Any]]]] = ShapeIndex(
            schema, lambda shape: (shape, {})
        )
        known = schema.get("properties", {})
        self.deciding = tuple(name for name in self.shapes.discriminators if name in known)
        self._domains = {name: domain for name in self.deciding if (domain := _domain(schema, name)) is not None}
        self._choices = {name: [(it, (name, repr(it))) for it in domain] for name, domain in self._domains.items()}
        self._may_begin = compiled(_without_required(schema)).is_valid
        self._completes: dict[tuple[Any, ...], bool] = {}
        self._alternatives, self._holds_picture = alternatives(schema), holds_picture(schema)

    def possible(self, fixed: Mapping[str, Any]) -> bool:
        """Whether there is any object with these properties that a caller would send (`x-said: never`)."""
        return self.can_be_completed(fixed, {}) and not any(self._is_never_said(fixed, name) for name in fixed)

    def _is_never_said(self, fixed: Mapping[str, Any], name: str) -> bool:
        known = self.shape(fixed).properties.get(name, {})
        return "never" in known.get("x-said", {}) and fixed[name] != known.get("default")

    def alternative(self, draw: st.DrawFn, drawn: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
        """Of alternatives that demand one property or another: what one demands, and what only the others do."""
        if not self._alternatives:
            return frozenset(), frozenset()
        begun = [names for names in self._alternatives if names & drawn.keys()]
        # Of two names for one picture the first: nobody but the provider knows the names of its files.
        chosen = draw(st.sampled_from(begun or self._alternatives[: 1 if self._holds_picture else None]))
        return chosen, frozenset().union(*self._alternatives) - chosen

    def shape(self, drawn: Mapping[str, Any]) -> Shape:
        """The shape that holds for what is drawn so far."""
        return self.shapes(drawn)[0]

    def strategy(self, drawn: Mapping[str, Any], name: str) -> st.SearchStrategy[Any] | None:
        """Values of a property in that shape, null only where it is one of several; None where there are none."""
        shape, known = self.shapes(drawn)
        if name not in known:
            schema = shape.properties[name]
            if "enum" in schema and not _fitting(schema):
                return None
            known[name] = values(schema)
        return known[name]

    def choices(self, drawn: Mapping[str, Any], name: str) -> list[Any] | None:
        """The values (or ABSENT) of a deciding property that leave the object possible; None: not a finite choice."""
        if name not in self._domains:
            return None
        decided = {other: drawn.get(other, ABSENT) for other in self.deciding[: self.deciding.index(name)]}
        known = {key: value for key, value in drawn.items() if value is not ABSENT}
        return [value for value in self._domains[name] if self.can_be_completed(known, {**decided, name: value})]

    def can_be_completed(self, known: Mapping[str, Any], decided: Mapping[str, Any]) -> bool:
        """Whether some choice of the deciding properties not yet decided keeps every rule."""
        given = {**known, **decided}
        fixed = tuple((name, repr(given[name])) for name in sorted(given))
        open_ = [name for name in self._domains if name not in given]
        return self._search({name: value for name, value in given.items() if value is not ABSENT}, fixed, open_)

    def _search(self, present: Mapping[str, Any], fixed: tuple[Any, ...], open_: Sequence[str]) -> bool:
        """`fixed` says the same as `present` and what is left out, in texts; `open_` are still to be decided."""
        if (known := self._completes.get(fixed)) is not None:
            return known
        found = all(self._domains[name][:1] == [ABSENT] for name in open_) and self._may_begin(present)
        if not found and open_:
            name, *rest = open_
            found = any(
                self._search({**present, name: value} if value is not ABSENT else present, (*fixed, text), rest)
                for value, text in self._choices[name]
            )
        self._completes[fixed] = found
        return found


def alternatives(schema: Schema) -> list[frozenset[str]]:
    """The sets of properties of which an object has to have one."""
    then = schema["then"] if "then" in schema and condition(schema["if"])({}) else {}
    branches = [branch for part in (schema, then) for key in ("oneOf", "anyOf") for branch in part.get(key, ())]
    return [frozenset(branch["required"]) for branch in branches if "required" in branch]


def _domain(schema: Schema, name: str) -> list[Any] | None:
    """ABSENT where that is possible, then every value of a property; None where they cannot be listed."""
    inner = schema["properties"][name]
    if "enum" in inner:
        found = _fitting(inner)
    elif types_of(inner) == {"boolean"}:
        found = [False, True, *([None] if "null" in _types(inner) else [])]
    else:
        return None
    return found if name in schema.get("required", ()) else [ABSENT, *found]


def _without_required(schema: Schema) -> dict[str, Any]:
    """`schema` for an object that is not finished: what is missing may still come."""
    lenient = {key: value for key, value in schema.items() if key != "required"}
    for key in ("oneOf", "anyOf"):
        if key in lenient and all(branch.keys() == {"required"} for branch in lenient[key]):
            del lenient[key]
    if "allOf" in lenient:
        lenient["allOf"] = [_without_required(part) for part in lenient["allOf"]]
    for key in ("then", "else"):
        if key in lenient:
            lenient[key] = _without_required(lenient[key])
    return lenient


def objects(
    schema: Schema | ObjectPlan, least: bool = False, fixed: Mapping[str, Any] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that keep a schema and have what is `fixed`; with `least` only that and what is required."""
    plan = schema if isinstance(schema, ObjectPlan) else ObjectPlan(schema)
    return _objects(plan, least, fixed or {}) if plan.possible(fixed or {}) else st.nothing()


def draw_object(draw: st.DrawFn, plan: ObjectPlan, least: bool, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """One object that keeps the plan's schema and has what is `fixed`; with `least` only that and what is required."""
    drawn = dict(fixed)
    for name in plan.deciding:
        if name not in drawn:
            value = _deciding_value(draw, plan, drawn, name, least)
            if value is not ABSENT:
                drawn[name] = value
    shape = plan.shape(drawn)
    required, left_out = plan.alternative(draw, drawn)
    for name in shape.properties:
        if name in drawn or name in plan.deciding or name in left_out or shape.forbids(name):
            continue
        said = shape.properties[name].get("x-said")
        if said is not None and "as" in said:
            drawn[name] = said["as"]
            continue
        if said is not None and "never" in said:
            continue
        strategy = plan.strategy(drawn, name)
        wanted = said == {} or name in shape.required | required
        if strategy is not None and (wanted or (not least and draw(st.booleans()))):
            drawn[name] = draw(strategy)
    return {name: drawn[name] for name in shape.properties if name in drawn}


_objects = st.composite(draw_object)


def _deciding_value(draw: st.DrawFn, plan: ObjectPlan, drawn: dict[str, Any], name: str, least: bool) -> Any:
    choices = plan.choices(drawn, name)
    if choices is None:
        shape = plan.shape(drawn)
        strategy = None if shape.forbids(name) else plan.strategy(drawn, name)
        wanted = strategy is not None and (name in shape.required or (not least and draw(st.booleans())))
        value = draw(strategy) if strategy is not None and wanted else ABSENT
        decided = {other: drawn.get(other, ABSENT) for other in plan.deciding[: plan.deciding.index(name)]}
        fits = value is ABSENT or plan.can_be_completed({**drawn, name: value}, decided)
        return value if fits or name in shape.required else ABSENT
    may_be_absent, present = ABSENT in choices, [value for value in choices if value is not ABSENT]
    if not present or (may_be_absent and (least or draw(st.booleans()))):
        return ABSENT
    return draw(st.sampled_from(present))
