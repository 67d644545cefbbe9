"""Postman collections, format v2.0 and v2.1: requests in folders, each with the answers somebody saved.

{"info": {"name": ..., "schema": ".../collection/v2.1.0/collection.json"}, "variable": [{"key": ..., "value": ...}],
 "auth": {"type": "bearer", ...},                  holds for all below, unless a folder or a request says otherwise
 "item": [{"name": "folder", "item": [
   {"name": ..., "request": {"method": ..., "url": {"raw": ..., "query": [...]}, "header": [...], "body":
      {"mode": "raw", "raw": "<text>"} or {"mode": "formdata", "formdata": [{"key": ..., "type": "text" or "file"}]}},
    "response": [{"name": ..., "code": 200, "header": [...], "body": "<text>", "originalRequest": {...}}]}]}]}

A collection has no schemas: it shows which fields there are, and says nothing about which must be. Requests with one
method and path are one operation shown several times. Source: schema.postman.com, Collection Format v2.1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

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
from contract_tests.documents.json_text import JsonError, JsonText, Lines, Part, Place, value_at
from contract_tests.documents.schemas import schema_part
from contract_tests.documents.tree import Tree
from contract_tests.documents.variables import Filled, filled
from spec.language import escape
from spec.messages import is_json, media_type

SHAPE = "Postman collection"
MARKS = "JSON whose `info.schema` is Postman's collection v2.0 or v2.1"

_SCHEMA = re.compile(r'"schema"\s*:\s*"https?:(?:\\?/){2}schema\.(?:get)?postman\.com[^"]*v2\.\d')
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_BASE = re.compile(r"\{\{[^{}]*\}\}")
_DEEPEST = 32
#: headers for which a collection has no other place, and of which nothing follows
_PLAIN_HEADERS = ("accept", "content-type")
_FORMS = {"formdata": "multipart/form-data", "urlencoded": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the folders around a request say: their titles, variables, and what they say of the key."""

    titles: tuple[str, ...]
    variables: Mapping[str, str]
    auth: str | None


def recognises(text: str) -> bool:
    """Whether a text is a collection, perhaps a damaged one."""
    return text.lstrip().startswith("{") and _SCHEMA.search(text) is not None


def read(name: str, text: str) -> Document:
    """Read a collection. Raises DocumentUnreadable where it is no JSON, or has no request."""
    inside = Lines(text, range(1, text.count("\n") + 2))
    try:
        tree = Tree(JsonText(text, inside.place))
    except JsonError as error:
        place = inside.place(error.offset)
        where = f"line {place.line}, column {place.column}"
        raise DocumentUnreadable(
            name, where, f"this is not JSON: {error.reason}", "a collection as Postman exports it; export it again"
        ) from error
    root = "/collection" if isinstance(value_at(tree.part.value, "/collection"), dict) else ""
    menu: list[MenuEntry] = []
    shown = [
        _Request(tree, pointer, scope).operation()
        for pointer, scope in _requests(tree, root, _Scope((), {}, None), menu)
    ]
    if not shown:
        raise DocumentUnreadable(
            name, f"{root}/item", "the collection has no request", "at least one item with a request"
        )
    together: dict[tuple[str, str], list[_Shown]] = {}
    for one in shown:
        together.setdefault((one.operation.method, one.operation.path), []).append(one)
    servers = {one.server.text: one.server for one in shown if one.server}
    operations = tuple(_merged(same) for same in together.values())
    return Document(name, SHAPE, text, operations, tuple(servers.values()), tuple(menu), native=("_postman_id",))


def _requests(tree: Tree, pointer: str, scope: _Scope, menu: list[MenuEntry]) -> Iterator[tuple[str, _Scope]]:
    """The pointers of the requests below a folder, each with what its folders say; their titles go into the menu."""
    scope = replace(
        scope, variables={**scope.variables, **_variables(tree, pointer)}, auth=_auth(tree, pointer) or scope.auth
    )
    if len(scope.titles) > _DEEPEST:
        return
    for item in tree.items(f"{pointer}/item"):
        title = _told(tree, f"{item}/name")
        is_folder = isinstance(value_at(tree.part.value, f"{item}/item"), list)
        has_request = value_at(tree.part.value, f"{item}/request") is not None
        method = None if is_folder else _told(tree, f"{item}/request/method").upper() or "GET"
        menu.append(MenuEntry(title, scope.titles, method, not is_folder, tree.part.at(f"{item}/name")))
        if has_request:
            yield item, scope
        if is_folder:
            yield from _requests(tree, item, replace(scope, titles=(*scope.titles, title)), menu)


def _variables(tree: Tree, pointer: str) -> dict[str, str]:
    """The variables a folder defines; one without a value is one somebody has to give."""
    found = {}
    for item in tree.items(f"{pointer}/variable"):
        one = value_at(tree.part.value, item)
        name, value = one.get("key", one.get("id")), one.get("value")
        if isinstance(name, str) and value not in (None, "") and one.get("disabled") is not True:
            found[name] = value if isinstance(value, str) else orjson.dumps(value).decode()
    return found


def _auth(tree: Tree, pointer: str) -> str | None:
    """The kind of key: `bearer`, `apikey`, `noauth` ...; None where nothing is said and what is above holds."""
    found = tree.text(f"{pointer}/auth/type")
    return found.text if found else None


def _told(tree: Tree, pointer: str) -> str:
    """A text, or the `content` of a description; empty without one."""
    found = tree.text(pointer) or tree.text(f"{pointer}/content")
    return found.text if found else ""


@dataclass(frozen=True, slots=True)
class _Shown:
    """One request as an operation of its own, and the server it goes to."""

    operation: DocumentedOperation
    server: Text | None


@dataclass(frozen=True, slots=True)
class _Request:
    """One item that has a request."""

    tree: Tree
    item: str
    scope: _Scope

    def operation(self) -> _Shown:
        """The item as an operation, and where it goes."""
        request = f"{self.item}/request"
        url = self._url(request)
        base = _BASE.match(url.text)
        address = Address.of(url.text[base.end() :] if base else url.text)
        method = (_told(self.tree, f"{request}/method") or "GET").lower()
        title = self.tree.text(f"{self.item}/name") or Text("", self._at(self.item))
        prose = [
            self.tree.text(place) or self.tree.text(f"{place}/content")
            for place in (f"{self.item}/description", f"{request}/description")
        ]
        auth = _auth(self.tree, request) or self.scope.auth
        responses = [self._response(pointer) for pointer in self.tree.items(f"{self.item}/response")]
        operation = DocumentedOperation(
            method,
            address.path or "/",
            url.place,
            title,
            tuple(text for text in prose if text),
            (*self._headers(request), *self._query(request)),
            self._body(request),
            tuple(responses),
            (),
            Text("none" if auth in (None, "noauth") else "required", url.place),
            _told(self.tree, f"{self.item}/id") or title.text,
            rooted=base is None,
        )
        return _Shown(operation, Text(address.server, url.place) if address.server else None)

    def _at(self, pointer: str) -> Place:
        return self.tree.part.at(pointer)

    def _value(self, pointer: str) -> Any:
        return value_at(self.tree.part.value, pointer)

    def _filled(self, text: str, unknown_as: str | None = None) -> Filled:
        return filled(text, self.scope.variables, unknown_as)

    def _url(self, request: str) -> Text:
        """The address with its variables filled in; put together where only its parts are there."""
        for pointer in (f"{request}/url/raw", f"{request}/url", request):
            if found := self.tree.text(pointer):
                return Text(self._filled(found.text).text, found.place)
        host, path = (
            _joined(self._value(f"{request}/url/{part}"), mark) for part, mark in (("host", "."), ("path", "/"))
        )
        scheme = _told(self.tree, f"{request}/url/protocol") or "https"
        start = host if not host or "{{" in host or "//" in host else f"{scheme}://{host}"
        return Text(self._filled(f"{start}/{path}").text, self._at(f"{request}/url"))

    def _rows(self, pointer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(pointer, row) of a table of keys and values, those switched off included."""
        for item in self.tree.items(pointer):
            row = self._value(item)
            if isinstance(row.get("key"), str) and row["key"]:
                yield item, row

    def _headers(self, request: str) -> Iterator[DocumentedParameter]:
        for pointer, row in self._rows(f"{request}/header"):
            if row["key"].lower() not in _PLAIN_HEADERS:
                yield self._parameter(pointer, row, "header")

    def _query(self, request: str) -> Iterator[DocumentedParameter]:
        yield from (self._parameter(pointer, row, "query") for pointer, row in self._rows(f"{request}/url/query"))

    def _parameter(self, pointer: str, row: Mapping[str, Any], location: str) -> DocumentedParameter:
        """A row as a parameter; of a query nothing says that it must be there."""
        sample = self.tree.text(f"{pointer}/value")
        required = location == "header" and row.get("disabled") is not True
        description = _told(self.tree, f"{pointer}/description")
        return DocumentedParameter(
            row["key"], location, required, {}, self._at(f"{pointer}/key"), description, sample=sample
        )

    def _body(self, request: str) -> DocumentedBody | None:
        body = f"{request}/body"
        mode = _told(self.tree, f"{body}/mode")
        where = self._at(f"{body}/{mode}")
        if mode in _FORMS:
            fields, sent = self._form(f"{body}/{mode}")
            return DocumentedBody(None, where, where, (Text(_FORMS[mode], where),), fields, (sent,), shown_only=True)
        if mode != "raw" or not (raw := self._value(f"{body}/raw")) or not isinstance(raw, str):
            return None
        media = self._media(request, f"{body}/options/raw/language")
        shown = [self._example(f"{body}/raw")] if is_json(media.text) else []
        part = _shown_schema(shown, where)
        judged = [replace(one, part=None) if self._filled(raw).unknown else one for one in shown]
        return DocumentedBody(None, where, where, (media,), part, tuple(judged), shown_only=True)

    def _media(self, request: str, language: str) -> Text:
        """The media type of a body: what a header says, else what the editor was told, else JSON."""
        for pointer, row in self._rows(f"{request}/header"):
            if row["key"].lower() == "content-type" and isinstance(row.get("value"), str):
                return Text(media_type(row["value"]), self._at(pointer))
        named = _told(self.tree, language)
        return Text(f"text/{named}" if named and named != "json" else "application/json", self._at(language))

    def _example(self, pointer: str) -> Example:
        """A body as it is sent: variables filled in, comments left out; unknown variables count as null."""
        text = str(self._value(pointer))
        bare = _COMMENT.sub(lambda match: match[1] or re.sub(r"[^\n]", " ", match[0]), text)
        known, inside = self._filled(bare, unknown_as="null"), self.tree.json.inside(pointer)
        return example(known.text, lambda offset: inside(known.back(offset)))

    def _form(self, pointer: str) -> tuple[Part, Example]:
        """A table of fields as the schema of what is shown and, of the fields that are sent, as one example."""
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        places, sent, sent_places = {"": self._at(pointer)}, dict[str, Any](), {"": self._at(pointer)}
        complete = True
        for row_pointer, row in self._rows(pointer):
            is_file = row.get("type") == "file"
            description = _told(self.tree, f"{row_pointer}/description")
            kind: dict[str, Any] = {"type": "string", "format": "binary"} if is_file else {}
            where = f"/{escape(row['key'])}"
            schema["properties"][row["key"]] = {**kind, **({"description": description} if description else {})}
            places[f"/properties{where}"] = self._at(f"{row_pointer}/key")
            places[f"/properties{where}/description"] = self._at(f"{row_pointer}/description")
            if row.get("disabled") is not True:
                value = row.get("src") if is_file else row.get("value")
                told = self._filled(value) if isinstance(value, str) else None
                complete = complete and not (told and told.unknown)
                sent[row["key"]] = told.text if told else ""
                sent_places[where] = self._at(f"{row_pointer}/{'src' if is_file else 'value'}")
        shown = Example(orjson.dumps(sent).decode(), self._at(pointer), Part(sent, sent_places) if complete else None)
        return schema_part(Part(schema, places)), shown

    def _response(self, pointer: str) -> DocumentedResponse:
        rows = [row for _, row in self._rows(f"{pointer}/header")]
        kinds = [
            row["value"] for row in rows if row["key"].lower() == "content-type" and isinstance(row.get("value"), str)
        ]
        media = tuple(Text(media_type(kind), self._at(f"{pointer}/header")) for kind in kinds[:1])
        body = self._value(f"{pointer}/body")
        json = not media or is_json(media[0].text)
        shown = (self._example(f"{pointer}/body"),) if isinstance(body, str) and body.strip() and json else ()
        code = self._value(f"{pointer}/code")
        return DocumentedResponse(
            str(code) if isinstance(code, int) else "default",
            self._at(pointer),
            self.tree.text(f"{pointer}/name"),
            media,
            None,
            shown,
            tuple(row["key"] for row in rows),
        )


def _joined(parts: Any, mark: str) -> str:
    if not isinstance(parts, list):
        return parts if isinstance(parts, str) else ""
    return mark.join(str(part.get("value", "") if isinstance(part, Mapping) else part) for part in parts)


_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def _shown_schema(examples: Sequence[Example], place: Place) -> Part:
    """The fields that examples show, each with its type where they agree on one."""
    kinds: dict[str, set[str | None]] = {}
    places = {"": place}
    for shown in examples:
        for name, value in shown.value.items() if isinstance(shown.value, dict) else ():
            kinds.setdefault(name, set()).add(_KINDS.get(type(value)))
            places.setdefault(f"/properties/{escape(name)}", shown.at(f"/{escape(name)}"))
    properties = {
        name: {"type": found.copy().pop()} if len(found) == 1 and None not in found else {}
        for name, found in kinds.items()
    }
    return schema_part(Part({"type": "object", "properties": properties}, places))


def _merged(shown: Sequence[_Shown]) -> DocumentedOperation:
    """Requests with one method and path as one operation: everything any of them shows."""
    operations = [one.operation for one in shown]
    first = operations[0]
    parameters = {
        (one.location, one.name.lower()): one for each in reversed(operations) for one in reversed(each.parameters)
    }
    secured = next(
        (each.security for each in operations if each.security and each.security.text == "required"), first.security
    )
    return replace(
        first,
        prose=tuple(text for each in operations for text in each.prose),
        parameters=tuple(reversed(parameters.values())),
        body=_one_body([each.body for each in operations if each.body]),
        responses=tuple(response for each in operations for response in each.responses),
        security=secured,
    )


def _one_body(bodies: Sequence[DocumentedBody]) -> DocumentedBody | None:
    """The bodies of one operation in the first one's media type as one."""
    if not bodies:
        return None
    alike = [body for body in bodies if body.media[0].text == bodies[0].media[0].text]
    parts = [body.schema for body in alike if body.schema]
    properties = {name: inner for part in reversed(parts) for name, inner in part.value.get("properties", {}).items()}
    places = {pointer: place for part in reversed(parts) for pointer, place in part.places.items()}
    schema = Part({"type": "object", "properties": properties}, places) if parts else None
    return replace(alike[0], schema=schema, examples=tuple(_distinct(one for body in alike for one in body.examples)))


def _distinct(examples: Iterable[Example]) -> list[Example]:
    return list({one.text: one for one in examples}.values())
