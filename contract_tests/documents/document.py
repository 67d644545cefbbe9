"""A vendor document as data: what it says about each operation, and on which line it says so.

Where a document says nothing, a field is None; an empty text or list means that it says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from contract_tests.documents.json_text import JsonError, JsonText, Part, Place

_TRAILING_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)


class DocumentUnreadable(Exception):
    """A document cannot be read at all: which one, where, what is wrong, what was expected."""

    def __init__(self, name: str, where: str, problem: str, expected: str) -> None:
        self.name, self.where, self.problem, self.expected = name, where, problem, expected
        super().__init__(f"{name}: {where + ': ' if where else ''}{problem}\n  expected: {expected}")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text of the document, and where it starts."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an example is not JSON; `trailing_comma` when that is all that is wrong with it."""

    reason: str
    place: Place
    trailing_comma: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A printed request or response body.

    `part` is its value, read past trailing commas, None when it cannot be read; `fault` is why it is not JSON; `quoted`
    when the document holds it as a JSON string where the value itself belongs.
    """

    text: str
    place: Place
    part: Part | None
    fault: Fault | None = None
    quoted: bool = False

    @property
    def value(self) -> Any:
        """The example's value, None when it cannot be read."""
        return self.part.value if self.part else None

    def at(self, pointer: str) -> Place:
        """Where a part of the example stands."""
        return self.part.at(pointer) if self.part else self.place


def example(text: str, place: Callable[[int], Place], quoted: bool = False) -> Example:
    """A printed example as an Example; `place` turns offsets into the text into places of the document."""
    try:
        return Example(text, place(0), JsonText(text, place).part, quoted=quoted)
    except JsonError as error:
        fault = Fault(error.reason, place(error.offset))
    commas = {match.start() for match in _TRAILING_COMMA.finditer(text) if match[0] == ","}
    repaired = "".join(" " if index in commas else letter for index, letter in enumerate(text))
    try:
        part = JsonText(repaired, place).part
    except JsonError:
        return Example(text, place(0), None, fault, quoted)
    first = min(commas)
    reason = f"a comma before the closing {text[first + 1 :].lstrip()[0]!r}"
    return Example(text, place(0), part, Fault(reason, place(first), trailing_comma=True), quoted)


def example_value(part: Part) -> Example:
    """An example that stands in the document as a value."""
    return Example(orjson.dumps(part.value).decode(), part.at(), part)


@dataclass(frozen=True, slots=True)
class DocumentedParameter:
    """A query, path, header or cookie parameter; `default` and `sample` as printed."""

    name: str
    location: str
    required: bool
    schema: Mapping[str, Any]
    place: Place
    description: str = ""
    default: Text | None = None
    sample: Text | None = None
    required_place: Place | None = None


@dataclass(frozen=True, slots=True)
class DocumentedBody:
    """A request body. `media` is every place that names its media type, or should.

    `shown_only` when the document has examples only: the schema is what they show, and says nothing of what must be.
    """

    required: bool | None
    place: Place
    required_place: Place
    media: tuple[Text, ...]
    schema: Part | None
    examples: tuple[Example, ...] = ()
    shown_only: bool = False


@dataclass(frozen=True, slots=True)
class DocumentedResponse:
    """One answer; `status` is `200`, `4XX` or `default`."""

    status: str
    place: Place
    description: Text | None
    media: tuple[Text, ...]
    schema: Part | None
    examples: tuple[Example, ...] = ()
    headers: tuple[str, ...] = ()

    @property
    def succeeds(self) -> bool:
        """Whether this is a 2xx answer."""
        return self.status.startswith("2")

    @property
    def refuses(self) -> bool:
        """Whether this is an answer to a request that went wrong, or to any other."""
        return self.status.startswith(("4", "5", "default"))


@dataclass(frozen=True, slots=True)
class DocumentedOperation:
    """One method on one path, as the document has it.

    `title` and `prose` are for people; `samples` are printed calls (curl); `security` says whether a key is `required`,
    `optional` or `none`, where the document's shape can tell; `id` is empty where the document gives none. An operation
    is not `rooted` where the start of its path is left to a variable: any path that ends so may be meant.
    """

    method: str
    path: str
    place: Place
    title: Text
    prose: tuple[Text, ...] = ()
    parameters: tuple[DocumentedParameter, ...] = ()
    body: DocumentedBody | None = None
    responses: tuple[DocumentedResponse, ...] = ()
    samples: tuple[Text, ...] = ()
    security: Text | None = None
    id: str = ""
    rooted: bool = True

    @property
    def label(self) -> str:
        """`POST /v1/images/generations`."""
        return f"{self.method.upper()} {self.path}"

    @property
    def successes(self) -> tuple[DocumentedResponse, ...]:
        """The documented 2xx answers."""
        return tuple(response for response in self.responses if response.succeeds)

    @property
    def request_examples(self) -> tuple[Example, ...]:
        """The printed request bodies."""
        return self.body.examples if self.body else ()


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A line of the page's menu: `above` are the titles it hangs under, `method` is None where none is shown."""

    title: str
    above: tuple[str, ...]
    method: str | None
    leaf: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Document:
    """A vendor document. `servers` are the base URLs it names, with a host.

    `native` are names of an editor's own fields that belong to the document's shape.
    """

    name: str
    shape: str
    text: str = field(repr=False)
    operations: tuple[DocumentedOperation, ...]
    servers: tuple[Text, ...] = ()
    menu: tuple[MenuEntry, ...] = ()
    changed: Text | None = None
    native: tuple[str, ...] = ()
