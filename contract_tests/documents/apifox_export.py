"""Apifox exports: one operation as headed sections, each section one piece of JSON.

创建图片                          the title
POST /v1/images/generations
说明                              prose
概览                              a table of the editor's own facts
参数                              {"query": [], "path": [], "cookie": [], "header": []}
请求体                            {"type": ..., "jsonSchema": ..., "required": ..., "examples": [{"value": "<text>"}]}
响应                              [{"id": ..., "code": 200, "jsonSchema": ..., "headers": []}]
响应示例                          [{"responseId": ..., "data": "<text>"}]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from contract_tests.documents.address import Address
from contract_tests.documents.document import (
    Document,
    DocumentedBody,
    DocumentedOperation,
    DocumentedParameter,
    DocumentedResponse,
    DocumentUnreadable,
    Text,
)
from contract_tests.documents.json_text import JsonError, JsonText, Lines, Part, Place, value_at
from contract_tests.documents.schemas import schema_part
from contract_tests.documents.tree import Tree
from spec.language import escape

SHAPE = "Apifox export"
MARKS = "a line `POST /path`, then the headings 参数, 请求体, 响应, each followed by JSON"

_OPERATION = re.compile(r"^#*\s*(GET|PUT|POST|DELETE|OPTIONS|HEAD|PATCH|TRACE)\s+((?:https?://|/)\S*)\s*$")
#: heading -> what its JSON must be
_JSON_SECTIONS: dict[str, type] = {"参数": dict, "请求体": dict, "响应": list, "响应示例": list}
_HEADINGS = ("说明", "概览", *_JSON_SECTIONS)
_LOCATIONS = ("path", "query", "header", "cookie")


def recognises(text: str) -> bool:
    """Whether a text is such an export, perhaps a damaged one."""
    lines = text.split("\n")
    return any(map(_OPERATION.match, lines)) and len(set(filter(None, map(_heading, lines)))) > 1


def read(name: str, text: str) -> Document:
    """Read an export. Raises DocumentUnreadable where a section is missing or is no JSON."""
    lines = text.split("\n")
    start, match = next((index, match) for index, line in enumerate(lines) if (match := _OPERATION.match(line)))
    titles = [(index, line) for index, line in enumerate(lines[:start]) if line.strip()]
    title = Text(titles[-1][1].strip("# "), Place(titles[-1][0] + 1)) if titles else Text("", Place(start + 1))
    found = {heading: section for heading in _JSON_SECTIONS if (section := _section(name, lines, heading))}
    for heading in ("参数", "响应"):
        if heading not in found:
            raise DocumentUnreadable(
                name,
                "",
                f"the section {heading} is missing: the export seems to be cut off",
                f"the sections {', '.join(_JSON_SECTIONS)}; export the page again",
            )
    prose = tuple(Text(line.strip(), Place(number)) for number, line in _prose(lines, start))
    address = Address.of(match[2])
    place = Place(start + 1, match.start(1) + 1)
    operation = DocumentedOperation(
        match[1].lower(),
        address.path or "/",
        place,
        title,
        prose,
        tuple(_parameters(found["参数"])),
        _body(found.get("请求体")),
        tuple(_responses(found["响应"], found.get("响应示例"))),
        id=_operation_id(lines),
    )
    servers = (Text(address.server, place),) if address.server else ()
    return Document(name, SHAPE, text, (operation,), servers)


def _heading(line: str) -> str | None:
    plain = line.strip().lstrip("#").strip()
    return plain if plain in _HEADINGS else None


def _section(name: str, lines: list[str], heading: str) -> Tree | None:
    """The JSON under a heading, None where the heading has none. Raises DocumentUnreadable."""
    for index, line in enumerate(lines):
        if _heading(line) != heading:
            continue
        end = next((later for later in range(index + 1, len(lines)) if _heading(lines[later])), len(lines))
        first = next((later for later in range(index + 1, end) if lines[later].strip()), None)
        if first is None or lines[first].lstrip()[:1] not in ("{", "["):
            continue
        text = "\n".join(lines[first:end])
        inside = Lines(text, range(first + 1, end + 1))
        try:
            section = Tree(JsonText(text, inside.place))
        except JsonError as error:
            place = inside.place(error.offset)
            raise DocumentUnreadable(
                name,
                f"line {place.line}, column {place.column}",
                f"the section {heading} is not JSON: {error.reason}",
                "the JSON that Apifox exports; export the page again",
            ) from error
        if not isinstance(section.part.value, _JSON_SECTIONS[heading]):
            wanted = "an object" if _JSON_SECTIONS[heading] is dict else "an array"
            raise DocumentUnreadable(name, f"line {first + 1}", f"the section {heading} has the wrong JSON", wanted)
        return section
    return None


def _prose(lines: list[str], start: int) -> Iterator[tuple[int, str]]:
    """The lines between the operation and the first table or JSON section, with their numbers."""
    for index in range(start + 1, len(lines)):
        heading = _heading(lines[index])
        if heading in ("概览", *_JSON_SECTIONS):
            return
        if lines[index].strip() and not heading:
            yield index + 1, lines[index]


def _operation_id(lines: list[str]) -> str:
    rows = (re.match(r"\|\s*operationId\s*\|\s*(\S+)\s*\|", line, re.IGNORECASE) for line in lines)
    return next((row[1] for row in rows if row), "")


def _parameters(section: Tree) -> Iterator[DocumentedParameter]:
    for location in _LOCATIONS:
        for pointer in section.items(f"/{location}"):
            item = value_at(section.part.value, pointer)
            if not isinstance(item.get("name"), str) or item.get("enable") is False:
                continue
            schema = section.schema(f"{pointer}/schema") or section.schema(pointer)
            description = section.text(f"{pointer}/description")
            yield DocumentedParameter(
                item["name"],
                location,
                item.get("required") is True,
                schema.value if schema else {},
                section.part.at(pointer),
                description.text if description else "",
                section.text(f"{pointer}/default"),
                section.text(f"{pointer}/sampleValue"),
                section.part.at(f"{pointer}/required"),
            )


def _body(section: Tree | None) -> DocumentedBody | None:
    kind = section.text("/type") if section else None
    if section is None or (kind and kind.text == "none"):
        return None
    required = value_at(section.part.value, "/required")
    schema = section.schema("/jsonSchema") or _form(section)
    examples = [section.example(f"{pointer}/value") for pointer in section.items("/examples")]
    return DocumentedBody(
        required if isinstance(required, bool) else None,
        section.part.at(),
        section.part.at("/required"),
        section.texts("/type", "/mediaType"),
        schema,
        tuple(filter(None, examples)),
    )


def _form(section: Tree) -> Part | None:
    """The fields of a form as a schema, None where there are none."""
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    places = {"": section.part.at("/parameters")}
    for pointer in section.items("/parameters"):
        item = value_at(section.part.value, pointer)
        if isinstance(name := item.get("name"), str):
            schema["properties"][name] = {**item, "type": "string" if item.get("type") == "file" else item.get("type")}
            places[f"/properties/{escape(name)}"] = section.part.at(pointer)
            if item.get("required") is True:
                places[f"/required/{len(schema['required'])}"] = section.part.at(f"{pointer}/required")
                schema["required"].append(name)
    return schema_part(Part(schema, places)) if schema["properties"] else None


def _responses(section: Tree, samples: Tree | None) -> Iterator[DocumentedResponse]:
    known = [value_at(section.part.value, f"{pointer}/id") for pointer in section.items("")]
    for pointer in section.items(""):
        answer = value_at(section.part.value, pointer)
        examples = []
        for sample in samples.items("") if samples else ():
            owner = value_at(samples.part.value, f"{sample}/responseId") if samples else None
            if samples and (owner if owner in known else known[0]) == answer.get("id"):
                examples.append(samples.example(f"{sample}/data"))
        headers = [value_at(section.part.value, f"{header}/name") for header in section.items(f"{pointer}/headers")]
        yield DocumentedResponse(
            str(answer.get("code", "default")),
            section.part.at(pointer),
            section.text(f"{pointer}/description"),
            section.texts(f"{pointer}/contentType", f"{pointer}/mediaType"),
            section.schema(f"{pointer}/jsonSchema"),
            tuple(filter(None, examples)),
            tuple(str(header) for header in headers),
        )
