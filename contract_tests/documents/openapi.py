"""OpenAPI 3.x documents, YAML or JSON, with the place of everything in them.

Every local `$ref` is followed when a part is asked for; keywords beside one hold together with it (`allOf`). A remote
or circular one counts as an empty object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract_tests.documents.address import Address
from contract_tests.documents.document import (
    Document,
    DocumentedBody,
    DocumentedOperation,
    DocumentedParameter,
    DocumentedResponse,
    DocumentUnreadable,
    Example,
    Text,
    example,
    example_value,
)
from contract_tests.documents.json_text import JsonError, JsonText, Lines, Part, Place, value_at
from contract_tests.documents.schemas import schema_part
from contract_tests.documents.yaml_text import YamlError, yaml_part
from spec.language import escape
from spec.messages import is_json
from spec.soundness import METHODS

SHAPE = "OpenAPI"
MARKS = "`openapi: 3.x` in YAML or JSON"

_VERSION = re.compile(r"""^[\s{]*["']?openapi["']?\s*:\s*["']?3\.\d""", re.MULTILINE)
_JSON_VERSION = re.compile(r'"openapi"\s*:\s*"3\.\d')
_MOST_PARTS = 20_000
#: what may stand beside a reference without saying more of the value
_OVERRIDDEN = {"description", "summary", "title"}
_LONGEST_TRAIL = 16


def recognises(text: str) -> bool:
    """Whether a text is such a document, perhaps a damaged one."""
    return bool(_VERSION.search(text) or _JSON_VERSION.search(text))


def read(name: str, text: str) -> Document:
    """Read an OpenAPI document. Raises DocumentUnreadable where it is no YAML or JSON, or has no operation."""
    source = _Source(_parse(name, text))
    operations = tuple(_operations(source))
    if not operations:
        raise DocumentUnreadable(name, "/paths", "the document has no operation", "at least one path with a method")
    return Document(name, SHAPE, text, operations, tuple(_servers(source)))


def _parse(name: str, text: str) -> Part:
    try:
        if text.lstrip().startswith("{"):
            inside = Lines(text, range(1, text.count("\n") + 2))
            try:
                part = JsonText(text, inside.place).part
            except JsonError as error:
                raise YamlError(error.reason, inside.place(error.offset)) from error
        else:
            part = yaml_part(text)
    except YamlError as error:
        where = f"line {error.place.line}, column {error.place.column}"
        raise DocumentUnreadable(
            name, where, f"this is not YAML or JSON: {error.reason}", "an OpenAPI document"
        ) from error
    if not isinstance(part.value, Mapping):
        raise DocumentUnreadable(name, "line 1", "the document is no mapping", "an OpenAPI document")
    return part


class _Source:
    """The whole document, asked by pointer."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def at(self, pointer: str) -> str:
        """`pointer`, or where the `$ref` that stands there leads."""
        for _ in range(_LONGEST_TRAIL):
            before, pointer = pointer, self._next(pointer)
            if before == pointer:
                break
        return pointer

    def _next(self, pointer: str) -> str:
        """Where the `$ref` at `pointer` leads at once, or `pointer`."""
        found = value_at(self._part.value, pointer)
        target = found.get("$ref") if isinstance(found, Mapping) else None
        return target[1:] if isinstance(target, str) and target.startswith("#/") else pointer

    def value(self, pointer: str) -> Any:
        """What stands at `pointer`, None when nothing does."""
        return value_at(self._part.value, self.at(pointer))

    def mapping(self, pointer: str) -> Mapping[str, Any]:
        """The mapping at `pointer`, empty when there is none."""
        found = self.value(pointer)
        return found if isinstance(found, Mapping) else {}

    def children(self, pointer: str) -> Iterator[tuple[str, str]]:
        """(key, pointer) of what the mapping or list at `pointer` holds."""
        found, where = self.value(pointer), self.at(pointer)
        if isinstance(found, Mapping):
            yield from ((str(key), f"{where}/{escape(str(key))}") for key in found)
        elif isinstance(found, list):
            yield from ((str(index), f"{where}/{index}") for index in range(len(found)))

    def text(self, pointer: str) -> Text | None:
        """The text at `pointer`, None when there is none."""
        found = self.value(pointer)
        return Text(found, self.place(pointer)) if isinstance(found, str) else None

    def place(self, pointer: str) -> Place:
        """Where the part at `pointer` stands."""
        return self._part.at(pointer)

    def part(self, pointer: str) -> Part:
        """The part at `pointer` with every reference followed; its places point where things really stand."""
        return Part.late(lambda: self._expanded(pointer))

    def _expanded(self, pointer: str) -> tuple[Any, dict[str, Place]]:
        places: dict[str, Place] = {}

        def visit(where: str, inside: str, trail: tuple[str, ...]) -> Any:
            places[inside] = self.place(where)
            target = self._next(where)
            if target != where:
                if target in trail or len(trail) > _LONGEST_TRAIL or len(places) > _MOST_PARTS:
                    return {}
                beside = visit_children(where, inside, trail)
                if not isinstance(beside, dict) or not beside.keys() - _OVERRIDDEN:
                    return visit(target, inside, (*trail, target))
                both = beside.setdefault("allOf", [])
                both.append(visit(target, f"{inside}/allOf/{len(both)}", (*trail, target)))
                return beside
            return visit_children(target, inside, trail)

        def visit_children(target: str, inside: str, trail: tuple[str, ...]) -> Any:
            found = value_at(self._part.value, target)
            if isinstance(found, Mapping):
                return {
                    str(key): visit(f"{target}/{escape(str(key))}", f"{inside}/{escape(str(key))}", trail)
                    for key in found
                    if key != "$ref"
                }
            if isinstance(found, list):
                return [visit(f"{target}/{index}", f"{inside}/{index}", trail) for index in range(len(found))]
            return found

        return visit(pointer, "", ()), places

    def schema(self, pointer: str) -> Part | None:
        """The schema at `pointer`, None where there is none."""
        return schema_part(self.part(pointer)) if isinstance(self.value(pointer), Mapping) else None


def _servers(source: _Source) -> Iterator[Text]:
    for _, pointer in source.children("/servers"):
        url = source.text(f"{pointer}/url")
        if url and "//" in url.text:
            yield url


def _operations(source: _Source) -> Iterator[DocumentedOperation]:
    base = next((Address.of(url.text).path.rstrip("/") for url in _server_texts(source)), "")
    for path, pointer in source.children("/paths"):
        for method in METHODS:
            if method in source.mapping(pointer):
                yield _operation(source, f"{base}{path}", method, source.at(pointer))


def _server_texts(source: _Source) -> Iterator[Text]:
    for _, pointer in source.children("/servers"):
        if url := source.text(f"{pointer}/url"):
            yield url


def _operation(source: _Source, path: str, method: str, above: str) -> DocumentedOperation:
    pointer = source.at(f"{above}/{method}")
    summary, description = source.text(f"{pointer}/summary"), source.text(f"{pointer}/description")
    name = source.text(f"{pointer}/operationId")
    parameters = {
        (found.location, found.name): found
        for level in (above, pointer)
        for _, where in source.children(f"{level}/parameters")
        if (found := _parameter(source, where))
    }
    return DocumentedOperation(
        method,
        path,
        source.place(pointer),
        summary or Text("", source.place(pointer)),
        (description,) if description else (),
        tuple(parameters.values()),
        _body(source, f"{pointer}/requestBody"),
        tuple(_responses(source, f"{pointer}/responses")),
        tuple(_samples(source, pointer)),
        _security(source, pointer),
        name.text if name else "",
    )


def _security(source: _Source, pointer: str) -> Text:
    own = f"{pointer}/security"
    where = "/security" if source.value(own) is None else own
    schemes = source.value(where)
    if not isinstance(schemes, list) or not any(schemes):
        return Text("none", source.place(own))
    return Text("optional" if {} in schemes else "required", source.place(where))


def _parameter(source: _Source, pointer: str) -> DocumentedParameter | None:
    found = source.mapping(pointer)
    if not isinstance(found.get("name"), str) or not isinstance(found.get("in"), str):
        return None
    where = source.at(pointer)
    schema, description = source.schema(f"{where}/schema"), source.text(f"{where}/description")
    examples = [f"{where}/example", *(f"{inner}/value" for _, inner in source.children(f"{where}/examples"))]
    sample = next(
        (Text(str(value), source.place(place)) for place in examples if (value := source.value(place)) is not None),
        None,
    )
    return DocumentedParameter(
        found["name"],
        found["in"],
        found.get("required") is True,
        schema.value if schema else {},
        source.place(pointer),
        description.text if description else "",
        source.text(f"{where}/schema/default"),
        sample,
        source.place(f"{where}/required"),
    )


def _body(source: _Source, pointer: str) -> DocumentedBody | None:
    if not source.mapping(pointer):
        return None
    where = source.at(pointer)
    kinds = dict(source.children(f"{where}/content"))
    media = next(filter(is_json, kinds), next(iter(kinds), ""))
    content = kinds.get(media, "")
    named = (Text(media, source.place(content)),) if media else ()
    return DocumentedBody(
        source.value(f"{where}/required") is True,
        source.place(pointer),
        source.place(f"{where}/required"),
        named,
        source.schema(f"{content}/schema") if media else None,
        tuple(_examples(source, content)) if media else (),
    )


def _responses(source: _Source, pointer: str) -> Iterator[DocumentedResponse]:
    for status, where in source.children(pointer):
        inside = source.at(where)
        headers = tuple(name for name, _ in source.children(f"{inside}/headers"))
        description, place = source.text(f"{inside}/description"), source.place(where)
        kinds = list(source.children(f"{inside}/content"))
        if not kinds:
            yield DocumentedResponse(
                status.upper() if status != "default" else status, place, description, (), None, (), headers
            )
        for media, content in kinds:
            yield DocumentedResponse(
                status.upper() if status != "default" else status,
                place,
                description,
                (Text(media, source.place(content)),),
                source.schema(f"{content}/schema"),
                tuple(_examples(source, content)),
                headers,
            )


def _examples(source: _Source, content: str) -> Iterator[Example]:
    named = [f"{inner}/value" for _, inner in source.children(f"{content}/examples")]
    for pointer in (f"{content}/example", *named, f"{source.at(f'{content}/schema')}/example"):
        value = source.value(pointer)
        if isinstance(value, str):
            yield example(value, _Spot(source.place(pointer)).place, quoted=True)
        elif value is not None:
            yield example_value(source.part(pointer))


@dataclass(frozen=True, slots=True)
class _Spot:
    """One place for every offset into a text that YAML may have folded."""

    where: Place

    def place(self, _: int) -> Place:
        """The place of any character."""
        return self.where


def _samples(source: _Source, pointer: str) -> Iterator[Text]:
    for key in ("x-codeSamples", "x-code-samples"):
        for _, where in source.children(f"{pointer}/{key}"):
            if (text := source.text(f"{where}/source")) and "curl " in text.text:
                yield text
