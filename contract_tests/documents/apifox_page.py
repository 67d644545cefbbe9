"""Apifox pages as text: what a browser's "select all, copy" leaves of one operation's page.

The menu comes first (bullets, two spaces per level, the method on a line of its own), then the title, the method, the
path, prose, and the blocks 请求参数, 示例代码 and 返回响应. A field is a line with its name, a line with its type, then
lines of attributes; `object {2}` announces that the next two fields are its members.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from contract_tests.documents.address import Address
from contract_tests.documents.document import (
    Document,
    DocumentedBody,
    DocumentedOperation,
    DocumentedParameter,
    DocumentedResponse,
    DocumentUnreadable,
    Example,
    MenuEntry,
    Text,
    example,
)
from contract_tests.documents.json_text import Lines, Part, Place
from contract_tests.documents.page_fields import PageField, fields_in, schema_from, type_of

SHAPE = "Apifox page text"
MARKS = "a line `POST`, a line `/path`, then the blocks 请求参数 and 返回响应"

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
_BLOCKS = ("请求参数", "示例代码", "返回响应")
_PATH = re.compile(r"(https?:/)?/\S*$")
_BULLET = re.compile(r"^(\s*)•\s*(.+?)\s*$")
_LOCATION = re.compile(r"^(Query|Path|Header|Cookie|Body) 参数(.*)$")
_STATUS = re.compile(r"^[^\w\s]?\s*([1-5]\d\d)\s*(\D.*)?$")
_CHANGED = re.compile(r"^修改于\s*(\d{4}-\d\d-\d\d.*)$")
_FOOTER = ("上一页", "下一页", "Built with")

Line = tuple[int, str]


def recognises(text: str) -> bool:
    """Whether a text is such a page, perhaps a damaged one."""
    return any(_operation_lines(text.split("\n")))


def read(name: str, text: str) -> Document:
    """Read a page. Raises DocumentUnreadable where a block is missing."""
    lines = text.split("\n")
    start, path_line = next(_operation_lines(lines))
    answers = next((index for index in range(path_line, len(lines)) if lines[index].strip() == _BLOCKS[-1]), None)
    if answers is None:
        raise DocumentUnreadable(
            name,
            f"line {len(lines)}",
            "the page ends before its block 返回响应: it seems to be cut off",
            f"a page with the blocks {', '.join(_BLOCKS)}; copy the whole page again",
        )
    address = Address.of(lines[path_line])
    place = Place(path_line + 1)
    blocks = {block: _block(lines, path_line, block) for block in _BLOCKS}
    responses = tuple(_responses(blocks["返回响应"]))
    if not responses:
        raise DocumentUnreadable(
            name,
            f"line {answers + 1}",
            "the block 返回响应 names no status: the page seems to be cut off",
            "a line such as 🟢200成功 below it; copy the whole page again",
        )
    parameters, body = _request(blocks["请求参数"])
    operation = DocumentedOperation(
        lines[start].strip().lower(),
        address.path or "/",
        place,
        _title(lines, start),
        tuple(_prose(lines, path_line)),
        parameters,
        body,
        responses,
        tuple(_samples(blocks["示例代码"])),
    )
    servers = (Text(address.server, place),) if address.server else ()
    changed = (
        Text(match[1], Place(index + 1)) for index, line in enumerate(lines) if (match := _CHANGED.match(line.strip()))
    )
    return Document(name, SHAPE, text, (operation,), servers, tuple(_menu(lines[:start])), next(changed, None))


def _operation_lines(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The indexes of a method and of the path below it; in the menu a method is never followed by a path."""
    filled = [index for index, line in enumerate(lines) if line.strip()]
    for above, below in pairwise(filled):
        if lines[above].strip() in _METHODS and _PATH.match(lines[below].strip()):
            yield above, below


def _title(lines: Sequence[str], start: int) -> Text:
    above = next((index for index in range(start - 1, -1, -1) if lines[index].strip()), None)
    return Text(lines[above].strip(), Place(above + 1)) if above is not None else Text("", Place(start + 1))


def _menu(lines: Sequence[str]) -> Iterator[MenuEntry]:
    entries = [(index, match) for index, line in enumerate(lines) if (match := _BULLET.match(line))]
    above: list[tuple[int, str]] = []
    for position, (index, match) in enumerate(entries):
        depth = len(match[1])
        while above and above[-1][0] >= depth:
            above.pop()
        below = lines[index + 1].strip() if index + 1 < len(lines) else ""
        leaf = position + 1 == len(entries) or len(entries[position + 1][1][1]) <= depth
        titles = tuple(title for _, title in above)
        yield MenuEntry(
            match[2], titles, below if below in _METHODS else None, leaf, Place(index + 1, match.start(2) + 1)
        )
        above.append((depth, match[2]))


def _prose(lines: Sequence[str], path_line: int) -> Iterator[Text]:
    for index in range(path_line + 1, len(lines)):
        if lines[index].strip() in _BLOCKS:
            return
        if lines[index].strip():
            yield Text(lines[index].strip(), Place(index + 1))


def _block(lines: Sequence[str], start: int, block: str) -> list[Line]:
    """The lines of a block, numbered, without the page's footer."""
    inside: list[Line] = []
    current = ""
    for index in range(start, len(lines)):
        plain = lines[index].strip()
        if plain in _BLOCKS:
            current = plain
        elif plain in _FOOTER or _CHANGED.match(plain):
            current = ""
        elif current == block:
            inside.append((index + 1, lines[index]))
    return inside


def _request(block: Sequence[Line]) -> tuple[tuple[DocumentedParameter, ...], DocumentedBody | None]:
    parameters: list[DocumentedParameter] = []
    body = None
    heads = [(index, match) for index, (_, line) in enumerate(block) if (match := _LOCATION.match(line.strip()))]
    for position, (index, match) in enumerate(heads):
        end = heads[position + 1][0] if position + 1 < len(heads) else len(block)
        inside = block[index + 1 : end]
        if match[1] == "Body":
            body = _body(block[index][0], match[2].strip(), inside)
        else:
            parameters += (_parameter(match[1].lower(), found) for found in fields_in(inside))
    return tuple(parameters), body


def _parameter(location: str, found: PageField) -> DocumentedParameter:
    return DocumentedParameter(
        found.name,
        location,
        found.required,
        found.schema,
        found.place,
        found.description,
        found.default,
        found.sample,
        found.required_place,
    )


def _body(line: int, media: str, inside: Sequence[Line]) -> DocumentedBody:
    described, examples = _split_examples(inside)
    named = (Text(media, Place(line)),) if media else ()
    return DocumentedBody(None, Place(line), Place(line), named, schema_from(described, Place(line)), examples)


def _split_examples(inside: Sequence[Line]) -> tuple[Sequence[Line], tuple[Example, ...]]:
    """The fields before the word 示例, and the example after it."""
    mark = next((index for index, (_, line) in enumerate(inside) if line.strip() == "示例"), None)
    if mark is None:
        return inside, ()
    printed = list(inside[mark + 1 :])
    while printed and not printed[-1][1].strip():
        printed.pop()
    while printed and not printed[0][1].strip():
        printed.pop(0)
    if not printed:
        return inside[:mark], ()
    text = "\n".join(line for _, line in printed)
    return inside[:mark], (example(text, Lines(text, [number for number, _ in printed]).place),)


def _samples(block: Sequence[Line]) -> Iterator[Text]:
    """The printed call: from the line with `curl` on."""
    for index, (number, line) in enumerate(block):
        if line.lstrip().startswith("curl "):
            yield Text("\n".join(text for _, text in block[index:]).rstrip(), Place(number))
            return


def _responses(block: Sequence[Line]) -> Iterator[DocumentedResponse]:
    heads = [(index, match) for index, (_, line) in enumerate(block) if (match := _STATUS.match(line.strip()))]
    for position, (index, match) in enumerate(heads):
        end = heads[position + 1][0] if position + 1 < len(heads) else len(block)
        described, examples = _split_examples(block[index + 1 : end])
        place = Place(block[index][0])
        media = tuple(
            Text(line.strip(), Place(number))
            for number, line in described
            if re.fullmatch(r"\w+/[\w.+-]+", line.strip())
        )
        yield DocumentedResponse(match[1], place, None, media, _answer_schema(described), examples)


def _answer_schema(described: Sequence[Line]) -> Part | None:
    """The schema below the word Body: a type, then the members an object announces."""
    mark = next((index for index, (_, line) in enumerate(described) if line.strip() == "Body"), None)
    if mark is None:
        return None
    rest = [line for line in described[mark + 1 :] if line[1].strip()]
    kind = type_of(rest[0][1]) if rest else None
    return schema_from(rest[1:], Place(rest[0][0]), kind) if kind else schema_from(rest, Place(described[mark][0]))
