"""Hypothesis strategies from contract schemas: only the keywords our documents use, conditionals resolved on the way.

An object is drawn property by property. Those an `if` looks at come first; each takes only a value that the rest of
the object can still be completed from, so that nothing has to be thrown away.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import isqrt
from typing import Any

import jsonschema_rs
from hypothesis import strategies as st

from contract_tests.cases import Case, case_of, inputs
from contract_tests.pictures import Picture, as_value, bytes_given, instead, measured, possible, resized, takes_picture
from contract_tests.pictures import drawn as picture_bytes
from contract_tests.wording import PROMPTS
from spec.contract import Contract, Operation, Parameter
from spec.forms import AS_JSON, FILE
from spec.forms import MEDIA_TYPE as FORM
from spec.language import EXTENSIONS, Schema, types_of
from spec.memory import Remembered
from spec.messages import is_json
from spec.shapes import Shape, ShapeIndex, condition, is_object, merge
from spec.units import parse_size, size_rule_reason

_LINKS = ("https://example.com/picture.png", "https://example.com/a/b.webp?size=large")
#: property of a body -> the only values it may have, as a hashable
Allowed = tuple[tuple[str, tuple[Any, ...]], ...]
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


@st.composite
def sizes(draw: st.DrawFn, rule: Mapping[str, int]) -> str:
    """`WxH` texts that keep a size rule, its corners among them."""
    corners = boundary_sizes(rule)
    at_a_corner: bool = bool(corners) and draw(st.booleans())
    if at_a_corner:
        return draw(st.sampled_from(corners))
    step, longest, ratio, least, most = _bounds(rule)
    narrowest, widest = isqrt(max(least // ratio - 1, 0)) // step + 1, min(longest, isqrt(most * ratio)) // step
    width = draw(st.integers(narrowest, max(narrowest, widest))) * step
    low, high = _heights(rule, width)
    if low > high:
        return draw(st.sampled_from(corners))
    return f"{width}x{draw(st.integers(low // step, high // step)) * step}"


def boundary_sizes(rule: Mapping[str, int]) -> list[str]:
    """Sizes at the limits of a rule: common ones, the fewest pixels, the longest edges, the narrowest shape."""
    step, longest, ratio, least, most = _bounds(rule)
    square = -(-(isqrt(least - 1) + 1) // step) * step
    short = next(edge for edge in range(step, longest + 1, step) if edge * edge * ratio >= least)
    found = [(1024, 1024), (1536, 1024), (1024, 1536), (square, square), (short * ratio, short)]
    found += [(width, least // width) for width in range(square, longest + 1, step) if least % width == 0][:1]
    widths = range(min(longest, isqrt(most * ratio)) // step * step, 0, -step)
    found += [(width, _heights(rule, width)[1]) for width in widths if _heights(rule, width) > (0, 0)][:1]
    found += [(height, width) for width, height in found[3:]]
    texts = dict.fromkeys(f"{width}x{height}" for width, height in found)
    return [text for text in texts if size_rule_reason(rule, text) is None]


def _heights(rule: Mapping[str, int], width: int) -> tuple[int, int]:
    """The least and the greatest height that goes with a width; (0, -1) where none does."""
    step, longest, ratio, least, most = _bounds(rule)
    low = -(-max(-(-least // width), -(-width // ratio)) // step) * step
    high = min(most // width, width * ratio, longest) // step * step
    return (low, high) if low <= high else (0, -1)


def _bounds(rule: Mapping[str, int]) -> tuple[int, int, int, int, int]:
    step, longest = rule.get("multiple", 1), rule.get("max-edge", 4096)
    least, most = rule.get("min-pixels", step * step), rule.get("max-pixels", longest * longest)
    return step, longest // step * step, int(rule.get("max-ratio", longest)), least, most


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


def _draw_object(draw: st.DrawFn, plan: ObjectPlan, least: bool, fixed: Mapping[str, Any]) -> dict[str, Any]:
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


_objects = st.composite(_draw_object)


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


@lru_cache(maxsize=64)
def body_plan(operation: Operation, media: str, allowed: Allowed = ()) -> ObjectPlan:
    """How bodies of an operation in one of its media types are drawn. Raises NotImplementedError for other types."""
    if not is_json(media) and media != FORM:
        raise NotImplementedError(f"no strategy for bodies of type {media}: contract_tests/strategies.py")
    schema = operation.body[media]
    known = schema.get("properties", {})
    narrowed = {name: {"enum": list(listed)} for name, listed in allowed if name in known}
    return ObjectPlan(merge(schema, {"properties": narrowed}) if narrowed else schema, operation.compile)


def at_default(operation: Operation, roles: frozenset[str]) -> Allowed:
    """Properties of these roles may only have their default."""
    found = {
        name: (inner["default"],)
        for schema in operation.body.values()
        for name, inner in schema.get("properties", {}).items()
        if inner.get("x-role") in roles and "default" in inner
    }
    return tuple(found.items())


def cases(
    contract: Contract,
    operation: Operation,
    fixed: Mapping[str, Any] | None = None,
    least: bool = False,
    allowed: Allowed = (),
    media: str | None = None,
) -> st.SearchStrategy[Case]:
    """Valid requests to an operation, in any of its media types or in one; nothing where none has what is `fixed`.

    `fixed` are properties of the body that are given, `allowed` the values others may have; with `least` only what is
    required is drawn. Raises NotImplementedError for a media type nobody can write.
    """
    texts = {
        location: {p.name: _texts(p) for p in operation.parameters if p.location == location and p.required}
        for location in ("path", "query")
    }
    kinds = [media] if media is not None else list(operation.body)
    plans = {kind: body_plan(operation, kind, allowed) for kind in kinds}
    plans = {kind: plan for kind, plan in plans.items() if plan.possible(fixed or {})}
    if kinds and not plans:
        return st.nothing()

    return _cases(contract, operation, texts, plans, least, fixed or {})


def _draw_case(
    draw: st.DrawFn,
    contract: Contract,
    operation: Operation,
    texts: Mapping[str, Mapping[str, st.SearchStrategy[str]]],
    plans: Mapping[str, ObjectPlan],
    least: bool,
    fixed: Mapping[str, Any],
) -> Case:
    path, query = ({name: draw(text) for name, text in known.items()} for known in texts.values())
    if not plans:
        return Case(contract, operation, path_parameters=path, query=query)
    kind = draw(st.sampled_from(list(plans))) if len(plans) > 1 else next(iter(plans))
    value = matched(operation, kind, _draw_object(draw, plans[kind], least, fixed))
    path |= _model_in_path(operation, plans[kind].schema, value)
    return case_of(contract, operation, kind, value, path_parameters=path, query=query)


_cases = st.composite(_draw_case)  # made once: Hypothesis reads the source of what it decorates


def _model_in_path(operation: Operation, schema: Schema, value: Mapping[str, Any]) -> dict[str, str]:
    """The model where the path names one, too: the body's, else one that it might have."""
    named = [name for name, inner in schema.get("properties", {}).items() if inner.get("x-role") == "model"]
    listed = [model for name in named for model in (value.get(name), *pinned_values(schema, name))]
    found = {}
    for parameter in operation.parameters:
        fitting = [model for model in listed if model in parameter.schema.get("enum", ())]
        if parameter.location == "path" and parameter.role == "model" and fitting:
            found[parameter.name] = str(fitting[0])
    return found


def matched(operation: Operation, media: str, value: dict[str, Any]) -> dict[str, Any]:
    """The same body with every picture that must be of another's size in that size."""
    first: dict[str, Picture] = {}
    for one in inputs(operation, media)(value):
        data = bytes_given(one.value)
        picture = measured(data) if data is not None else None
        if picture is None:  # a link or a name: only its owner knows
            continue
        other = first.get(one.rule.get("like", ""))
        fit = picture if other is None else resized(picture, other)
        if fit != picture:
            value = replaced(value, one.param, instead(one.value, picture_bytes(fit)))
        first.setdefault(one.role, fit)
    return value


def replaced(value: Any, param: str, part: Any) -> Any:
    """A copy of a body with the part exchanged that a parameter names (`images[0].image_url`)."""
    steps = [int(step) if step.isdecimal() else step for step in re.findall(r"[^.\[\]]+", param)]

    def at(node: Any, left: list[Any]) -> Any:
        if not left:
            return part
        if isinstance(node, list):
            return [at(inner, left[1:]) if index == left[0] else inner for index, inner in enumerate(node)]
        return {name: at(inner, left[1:]) if name == left[0] else inner for name, inner in node.items()}

    return at(value, steps)


def _texts(parameter: Parameter) -> st.SearchStrategy[str]:
    return values(parameter.schema).map(lambda value: str(value).lower() if isinstance(value, bool) else str(value))


def pinned_values(schema: Schema, name: str) -> list[Any]:
    """Every value any part of an object schema lists for a property, the conditional parts too."""
    return list(_LISTED(schema).get(name, ()))


def _listed_values(schema: Schema) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in _parts(schema):
        for name, inner in part.get("properties", {}).items():
            listed, known = [inner["const"]] if "const" in inner else inner.get("enum", ()), found.setdefault(name, [])
            known += [value for value in listed if value is not None and value not in known]
    return found


_LISTED: Remembered[Schema, dict[str, list[Any]]] = Remembered(_listed_values)


def _parts(schema: Schema) -> Iterator[Schema]:
    yield schema
    for part in (*schema.get("allOf", ()), *(schema.get(key, {}) for key in ("if", "then", "else"))):
        if part:
            yield from _parts(part)


def pixels(case: Case) -> int:
    """Pixels of one picture of the case, to order cases by cost; words count as a megapixel."""
    size = case.asked.get("size")
    size = parse_size(size) if isinstance(size, str) else size
    return size[0] * size[1] if isinstance(size, tuple) else 1024 * 1024
