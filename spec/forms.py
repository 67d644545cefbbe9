"""multipart/form-data as values: text parts cast to what their schema names, file parts with their bytes.

A form becomes a dictionary. Digits become integers and `true` a boolean where the schema says so; a file part is a
File; a property that is an array collects parts of its name, with or without `[]`; `svg[reasoning][effort]` is a
property of the object `svg`. Source: `reference/openai-images.md` sections 3.1 and 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson
from multipart import MultipartError, MultipartSegment, PushMultipartParser
from werkzeug.http import parse_options_header

from spec.language import Schema, types_of
from spec.messages import Undecodable

MEDIA_TYPE = "multipart/form-data"
#: marks a schema that was `contentMediaType` in the document; see `lowered`
FILE = "x-file"
#: marks a property whose `encoding` is application/json
AS_JSON = "x-as-json"
_MOST_PARTS = 1000
_BRACKETS = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_SUFFIXES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "svg": "image/svg+xml",
}


class File(dict[str, Any]):
    """One file as its schema sees it, `{"media", "bytes", "filename"}`; `data` holds its bytes."""

    __slots__ = ("data",)

    def __init__(self, data: bytes, filename: str, media: str) -> None:
        super().__init__(media=media, bytes=len(data), filename=filename)
        self.data = data


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form. `filename` is None for a text, `media` where the part does not name it."""

    name: str
    data: bytes
    filename: str | None = None
    media: str | None = None


def split(body: bytes, content_type: str) -> list[Part]:
    """The parts of a form in order. Raises Undecodable."""
    boundary = parse_options_header(content_type)[1].get("boundary")
    if not boundary:
        raise Undecodable("its Content-Type names no boundary")
    try:
        with PushMultipartParser(boundary, max_segment_count=_MOST_PARTS) as parser:
            parts = list(_parts(parser.parse(body)))
            parser.close()
    except (MultipartError, UnicodeError, ValueError) as error:
        raise Undecodable(_reason(error)) from error
    if any(not part.name for part in parts):
        raise Undecodable("a part of the form has no name")
    return parts


def _reason(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    told = str(told[0] if isinstance(told, tuple) else told)
    return f"it is no whole form: {told[:1].lower()}{told[1:]}"


def _parts(events: Iterable[MultipartSegment | bytes | bytearray | None]) -> Iterator[Part]:
    part: MultipartSegment | None = None
    data: list[bytes | bytearray] = []
    for event in events:
        if isinstance(event, MultipartSegment):
            part, data = event, []
        elif event is not None:
            data.append(event)
        elif part is not None:
            yield Part(part.name, b"".join(data), _filename(part), part.header("Content-Type"))


def _filename(part: MultipartSegment) -> str | None:
    """The file's name, also as `filename*=utf-8''...` (RFC 5987), which the parser passes over."""
    told = part.header("Content-Disposition") or ""
    if part.filename is None and "filename*" in told:
        return parse_options_header(told)[1].get("filename")
    filename: str | None = part.filename
    return filename


def joined(parts: Sequence[Part], boundary: str) -> bytes:
    """The form's bytes, as a client sends them."""
    lines = []
    for part in parts:
        named = f'; filename="{part.filename}"' if part.filename is not None else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"{named}\r\n'
        kind = f"Content-Type: {part.media}\r\n" if part.media is not None else ""
        lines.append(f"{head}{kind}\r\n".encode() + part.data + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def decode_form(body: bytes, content_type: str, schema: Schema) -> dict[str, Any]:
    """A form as the value its (lowered) schema speaks of. Raises Undecodable."""
    value: dict[str, Any] = {}
    for part in split(body, content_type):
        _put(value, schema, part)
    return value


def _put(value: dict[str, Any], schema: Schema, part: Part) -> None:
    """Put one part where its name leads; a name that leads nowhere stays as it is."""
    properties = schema.get("properties", {})
    name, inner = part.name, properties.get(part.name)
    path: list[str] = []
    if inner is None and (match := _BRACKETS.fullmatch(name)) and match[1] in properties:
        path = re.findall(r"\[([^\[\]]*)\]", match[2])
        if (found := _below(properties[match[1]], path)) is not None:
            name, inner = match[1], found
        else:
            path = []
    for step in [key for key in path if key]:
        below = value.setdefault(name, {})
        if not isinstance(below, dict):
            return
        value, name = below, step
    is_list = inner is not None and "array" in types_of(inner)
    item = _value(part, inner["items"] if inner is not None and is_list else inner or {})
    if is_list:
        value.setdefault(name, []).append(item)
    elif name in value:  # given twice: a list where one value belongs
        value[name] = [*(value[name] if isinstance(value[name], list) else [value[name]]), item]
    else:
        value[name] = item


def _below(schema: Schema, path: Sequence[str]) -> Schema | None:
    """The schema a bracketed name leads to: `[]` to the array itself, `[key]` to an object's property."""
    for step in path:
        if step == "":
            return schema if "array" in types_of(schema) and len(path) == 1 else None
        schema = schema.get("properties", {}).get(step)
        if schema is None:
            return None
    return schema


def _value(part: Part, schema: Schema) -> Any:
    if part.filename is not None:
        return File(part.data, part.filename, _media_of(part))
    try:
        text = part.data.decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"the part {part.name!r} is not UTF-8") from error
    if schema.get(AS_JSON):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Undecodable(f"the part {part.name!r} is no JSON") from error
    types = types_of(schema)
    if "integer" in types or "number" in types:
        if re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
            return int(text)
        if "number" in types and re.fullmatch(r"-?\d{1,18}\.\d{1,18}", text, re.ASCII):
            return float(text)
    elif "boolean" in types:
        return {"true": True, "false": False}.get(text, text)
    return text


def _media_of(part: Part) -> str:
    """What a file says it is; without a word, what its name's suffix says (measured: accepted live)."""
    if part.media:
        return part.media.partition(";")[0].strip().lower()
    return _SUFFIXES.get((part.filename or "").rpartition(".")[2].lower(), "application/octet-stream")


def text_of(value: Any) -> str:
    """A value as a form carries it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parts_of(value: Mapping[str, Any], schema: Schema = MappingProxyType({})) -> list[Part]:
    """The parts a client makes of a value: texts first, files last, as the official clients order them.

    `schema` says which of them travel as JSON.
    """
    known = schema.get("properties", {})
    as_json = {name for name in value if known.get(name, {}).get(AS_JSON)}
    parts = [Part(name, orjson.dumps(value[name]), None, "application/json") for name in value if name in as_json]
    parts += [part for name, inner in value.items() if name not in as_json for part in _parts_of(name, inner)]
    return sorted(parts, key=lambda part: part.filename is not None)


def _parts_of(name: str, value: Any) -> Iterator[Part]:
    if isinstance(value, File):
        yield Part(name, value.data, value["filename"], value["media"])
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _parts_of(f"{name}[{key}]", inner)
    elif isinstance(value, list):
        for item in value:
            yield from _parts_of(name if len(value) == 1 else f"{name}[]", item)
    elif value is not None:  # a form cannot say null; clients leave it out
        yield Part(name, text_of(value).encode())


# --- schemas of files ------------------------------------------------------------------------------------------------


def lowered(schema: Schema, encoding: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A form's schema with its files as what validators see of them: an object with `media` and `bytes`.

    `maxLength` counts bytes, `encoding.*.contentType` lists the media types a file may claim; what travels as JSON is
    marked.
    """
    plain: dict[str, Any] = _lowered(schema)
    for name, told in encoding.items():
        inner = plain.get("properties", {}).get(name)
        if inner and told.get("contentType") == "application/json":
            inner[AS_JSON] = True
            continue
        allowed = [media.strip() for media in told.get("contentType", "").split(",") if media.strip()]
        file = inner if inner and FILE in inner else (inner or {}).get("items", {})
        if allowed and FILE in file:
            file["properties"]["media"]["enum"] = allowed
    return plain


def _lowered(node: Any) -> Any:
    if isinstance(node, list):
        return [_lowered(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "contentMediaType" in node and "type" not in node:
        return _file_schema(node)
    return {
        key: inner if key in ("default", "examples", "enum", "const") else _lowered(inner)
        for key, inner in node.items()
    }


def _file_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    problems = schema.get("x-problem", {})
    named = problems if isinstance(problems, Mapping) else {}

    def part(type_: str, keywords: Mapping[str, str]) -> dict[str, Any]:
        told = {to: schema[key] for key, to in keywords.items() if key in schema and to != "enum"}
        problem = {to: named[key] for key, to in keywords.items() if key in named}
        return {"type": type_, **told, **({"x-problem": problem} if problem else {})}

    kept = {key: inner for key, inner in schema.items() if key not in ("contentMediaType", "maxLength", "minLength")}
    media = part("string", {"contentMediaType": "enum"})
    size = part("integer", {"maxLength": "maximum", "minLength": "minimum"})
    return {**kept, "type": "object", "required": ["media"], "properties": {"media": media, "bytes": size}, FILE: True}
