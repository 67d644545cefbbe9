"""The fields an Apifox page lists: a line with the name, a line with the type, then lines of attributes.

size
string
图片尺寸            a description
可选 | 必需         whether it is required
示例值: 默认值:     the value is on the next line
枚举值:             the values are on the next lines
>= 1  <= 10        bounds; of a text's length when 字符 follows
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.documents.document import Text
from contract_tests.documents.json_text import Part, Place
from contract_tests.documents.schemas import sound_schema
from spec.language import escape

_TYPE = re.compile(r"^(string|integer|number|boolean|null|any|file|object|array|enum)\b\s*([\[<{(].*)?(\|\s*null)?$")
_MEMBERS = re.compile(r"object\s*\{(\d{1,4})\}")
_BOUND = re.compile(r"^(>=|<=)\s*(\d{1,9})\s*(字符|items)?$")
_BOUND_WORDS = {
    (">=", ""): "minimum",
    ("<=", ""): "maximum",
    (">=", "字符"): "minLength",
    ("<=", "字符"): "maxLength",
    (">=", "items"): "minItems",
    ("<=", "items"): "maxItems",
}
_REQUIRED = {"必需": True, "可选": False}
_VALUES = {"默认值": "default", "示例值": "sample", "枚举值": "enum"}

_DEEPEST = 24

Line = tuple[int, str]


@dataclass(slots=True)
class PageField:
    """One field as the page lists it; `members` is how many of the fields after it belong to it."""

    name: str
    place: Place
    schema: dict[str, Any]
    members: int = 0
    required: bool = False
    required_place: Place | None = None
    description: str = ""
    default: Text | None = None
    sample: Text | None = None


def type_of(line: str) -> str | None:
    """The type a line names, None when it names none."""
    return line.strip() if _TYPE.match(line.strip()) else None


def starts_field(lines: Sequence[Line], index: int) -> bool:
    """Whether a field begins here: a type stands on the next line."""
    return index + 1 < len(lines) and type_of(lines[index + 1][1]) is not None


def fields_in(lines: Sequence[Line]) -> list[PageField]:
    """The fields of a block, in order, members behind their owner."""
    rest = [line for line in lines if line[1].strip()]
    found: list[PageField] = []
    index = 0
    while index < len(rest):
        if starts_field(rest, index):
            number, name = rest[index]
            type_text = type_of(rest[index + 1][1]) or ""
            members = _MEMBERS.search(type_text)
            found.append(PageField(name.strip(), Place(number), _schema(type_text), int(members[1]) if members else 0))
            index += 2
        elif found:
            index = _attribute(found[-1], rest, index)
        else:
            index += 1
    return found


def _attribute(owner: PageField, lines: Sequence[Line], index: int) -> int:
    """Read one attribute; the index of the line behind it."""
    number, line = lines[index]
    plain = line.strip()
    if plain in _REQUIRED:
        owner.required, owner.required_place = _REQUIRED[plain], Place(number)
        return index + 1
    if bound := _BOUND.match(plain):
        owner.schema[_BOUND_WORDS[bound[1], bound[3] or ""]] = int(bound[2])
        return index + 1
    kind = _kind(plain)
    if kind is None or index + 1 >= len(lines):
        owner.description = f"{owner.description}\n{plain}".strip()
        return index + 1
    if kind == "enum":
        return _enum(owner, lines, index + 1)
    setattr(owner, kind, Text(lines[index + 1][1].strip(), Place(lines[index + 1][0])))
    return index + 2


def _kind(line: str) -> str | None:
    """What a label such as `默认值:` announces, None for any other line."""
    return _VALUES.get(line.replace(":", ":").removesuffix(":").strip())


def _enum(owner: PageField, lines: Sequence[Line], index: int) -> int:
    while index < len(lines) and not starts_field(lines, index):
        plain = lines[index][1].strip()
        if plain in _REQUIRED or _kind(plain) or _BOUND.match(plain):
            break
        owner.schema.setdefault("enum", []).append(plain)
        index += 1
    return index


def _schema(type_text: str) -> dict[str, Any]:
    match = _TYPE.match(type_text)
    kind = match[1] if match else "any"
    if kind == "array":
        inner = re.search(r"[\[<(]\s*(.*?)\s*[\])>]?$", type_text.removeprefix("array").strip())
        return {"type": "array", "items": _schema(inner[1]) if inner and inner[1] else {}}
    if kind in ("any", "enum"):
        return {"type": "string"} if kind == "enum" else {}
    return {"type": "string", "format": "binary"} if kind == "file" else {"type": kind}


def schema_from(lines: Sequence[Line], place: Place, type_text: str = "object") -> Part:
    """The schema that a block of fields describes, with the places of its fields."""
    places = {"": place}
    rest = fields_in(lines)
    schema = _schema(type_text)
    owner, pointer = (schema["items"], "/items") if schema.get("type") == "array" else (schema, "")
    while rest:
        _add(owner, pointer, rest, places, 0)
    return Part(sound_schema(schema), places)


def _add(owner: dict[str, Any], pointer: str, rest: list[PageField], places: dict[str, Place], depth: int) -> None:
    """Move the first field, with its members, into `owner`'s properties."""
    current = rest.pop(0)
    schema = {**current.schema, **({"description": current.description} if current.description else {})}
    if current.default:
        schema["default"] = current.default.text
    owner.setdefault("type", "object")
    owner.setdefault("properties", {})[current.name] = schema
    where = f"{pointer}/properties/{escape(current.name)}"
    places[where] = current.place
    if current.required:
        owner.setdefault("required", []).append(current.name)
        places[f"{pointer}/required/{len(owner['required']) - 1}"] = current.required_place or current.place
    inner, inside = (schema["items"], f"{where}/items") if schema.get("type") == "array" else (schema, where)
    for _ in range(current.members):
        if not rest or depth > _DEEPEST:
            return
        _add(inner, inside, rest, places, depth + 1)
