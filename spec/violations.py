"""A Violation: one way in which a message breaks the contract, in facts a person and an error body can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spec import forms
from spec.language import KEYWORD_PROBLEMS, Schema, types_of
from spec.reader import JSON_TYPES
from spec.shapes import shape_of
from spec.units import size_rule_reason

_TYPE_NAMES = {
    "null": "null",
    "string": "a string",
    "integer": "an integer",
    "number": "a decimal number",
    "boolean": "a boolean",
    "object": "an object",
    "array": "an array",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """`problem` names it in the document's x-problems; `param` is `n` or `images[0].url`; `reason` is half a sentence.

    `location` is body, query, path, header, security, status or media-type; `facts` fill an error message's places.
    """

    problem: str
    location: str
    param: str
    reason: str
    keyword: str = ""
    pointer: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def weight(self) -> int:
        """How much it speaks against an alternative: what a message calls itself weighs more than what it lacks."""
        return _OTHER_NAME if self.keyword == "const" else 1

    @property
    def is_null(self) -> bool:
        """Whether all that is wrong is null where the member might as well be left out."""
        return self.keyword == NULL

    def __str__(self) -> str:
        place = f"{self.location} {self.param or self.pointer}".strip()
        return f"{place}: {self.reason}"


_OTHER_NAME = 10
#: the keyword of a violation that is there because null stands for a member that may be left out
NULL = "null"
_OF_A_FILE = ("media", "bytes")


def type_name(value: Any) -> str:
    """What JSON calls the value's type, with its article; a file is a file."""
    if isinstance(value, forms.File):
        return "a file"
    return _TYPE_NAMES[JSON_TYPES.get(type(value), "object")]


def quoted_list(items: Sequence[Any]) -> str:
    """`'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`; null left out."""
    words = [f"'{item}'" for item in items if item is not None]
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"


def param_name(path: Sequence[str | int]) -> str:
    """["images", 0, "url"] -> `images[0].url`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def from_schema_error(
    root: Schema,
    keyword: str,
    path: Sequence[str | int],
    schema_path: Sequence[str | int],
    value: Any,
    location: str,
    name: str = "",
) -> Iterator[Violation]:
    """The violations behind one JSON Schema error of either validator.

    `root` is the schema that was checked, `path` and `schema_path` lead from it to the value and the keyword; `name` is
    the parameter's name where the value is no body.
    """
    chain = list(_along(root, schema_path[:-1]))
    schema = chain[-1]
    if any(forms.FILE in part for part in chain[:-1]):  # what is said about a file is said about its parameter
        path = [part for part in path if part not in _OF_A_FILE]
    limit = schema.get(keyword)
    if keyword == "format" and "x-size-rule" in schema:
        keyword, limit = "x-size-rule", schema["x-size-rule"]
    problem = _problem(chain, keyword)
    pointer = "".join(f"/{part}" for part in path)
    if keyword == "required" and isinstance(value, dict):
        for missing in schema["required"]:
            if missing not in value:
                reason = f"{missing!r} is missing"
                own = schema.get("properties", {}).get(missing, {}).get("x-problem")
                yield Violation(
                    own.get(keyword, problem) if isinstance(own, Mapping) else problem,
                    location,
                    param_name([*path, missing]),
                    reason,
                    keyword,
                    f"{pointer}/{missing}",
                )
        return
    if keyword == "additionalProperties" and isinstance(value, dict):
        known = shape_of(schema, value).properties
        for extra in value:
            if extra not in known:
                yield Violation(
                    problem,
                    location,
                    param_name([*path, extra]),
                    f"{extra!r} is unknown",
                    keyword,
                    f"{pointer}/{extra}",
                )
        return
    facts = _facts(keyword, limit, value, schema)
    yield Violation(problem, location, name or param_name(path), _reason(keyword, facts), keyword, pointer, facts)


def _along(schema: Any, path: Sequence[str | int]) -> Iterator[Mapping[str, Any]]:
    node = schema
    yield node
    for part in path:
        try:
            node = node[part]
        except (KeyError, TypeError, IndexError):
            return
        if isinstance(node, Mapping):
            yield node


def _problem(chain: Sequence[Mapping[str, Any]], keyword: str) -> str:
    for schema in reversed(chain):
        named = schema.get("x-problem")
        if isinstance(named, str):
            return named
        if isinstance(named, Mapping) and keyword in named:
            return str(named[keyword])
    return KEYWORD_PROBLEMS.get(keyword, "invalid-request")


def _facts(keyword: str, limit: Any, value: Any, schema: Schema) -> dict[str, Any]:
    facts: dict[str, Any] = {"value": _short(value), "received": type_name(value)}
    if keyword == "enum":
        facts["allowed"], facts["choices"] = quoted_list(limit), len(limit)
    elif keyword == "const":
        facts["allowed"] = quoted_list([limit])
    elif keyword == "type":
        wanted = [limit] if isinstance(limit, str) else [item for item in limit if item != "null"]
        facts["expected"] = "a file" if forms.FILE in schema else " or ".join(_TYPE_NAMES[item] for item in wanted)
    elif keyword in ("minLength", "maxLength", "minItems", "maxItems"):
        facts["length"] = len(value)
        facts["limit"] = limit
    elif keyword in ("minimum", "maximum", "pattern"):
        facts["limit"] = limit
    elif keyword == "oneOf":
        facts["alternatives"] = _alternatives(limit)
    elif keyword == "x-size-rule":
        facts["reason"] = size_rule_reason(limit, value)
    if "expected" not in facts and (types := types_of(schema)):
        facts["expected"] = " or ".join(_TYPE_NAMES[item] for item in sorted(types))
    return facts


def _reason(keyword: str, facts: dict[str, Any]) -> str:
    match keyword:
        case "type":
            text = f"{facts['received']} where {facts['expected']} belongs"
        case "enum" | "const":
            text = f"{facts['value']!r} is none of {facts['allowed'] or 'the possible values'}"
        case "minLength" | "maxLength" | "minItems" | "maxItems":
            text = f"length {facts['length']}, {keyword} is {facts['limit']}"
        case "minimum" | "maximum":
            text = f"{facts['value']} where the {keyword} is {facts['limit']}"
        case "not":
            text = "is not possible here"
        case "x-size-rule":
            text = facts["reason"]
        case "anyOf":
            text = f"{facts['received']} that fits none of the alternatives"
        case "oneOf":
            text = facts["alternatives"] or f"{facts['received']} that does not fit exactly one of the alternatives"
        case _:
            text = f"{facts['value']!r} breaks {keyword} {facts.get('limit', '')}".rstrip()
    facts.setdefault("reason", text)
    return str(text)


def _alternatives(branches: Sequence[Schema]) -> str:
    """What is wanted where alternatives differ in nothing but the one member they require; else empty."""
    wanted = [branch["required"] for branch in branches if branch.keys() == {"required"}]
    if list(map(len, wanted)) != [1] * len(branches):
        return ""
    return f"exactly one of {quoted_list([name for [name] in wanted])} belongs here"


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= 120 else f"{value[:117]}..."
    if isinstance(value, bool):
        return str(value).lower()  # as JSON writes it
    return value if isinstance(value, int | float | None) else type_name(value)
