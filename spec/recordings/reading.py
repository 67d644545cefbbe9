"""A HAR file read: exchanges as they were, from `imageproof proxy`, from `imageproof check`, from a browser.

Bodies stand in HAR as text, as base64 (`content.encoding`; of a request `postData.comment` says so), in a file beside
it (`_file`, as Playwright has it), or as text with pieces in files (`_pieces`, see `blobs.py`). What a HAR does not
hold (a body a browser threw away, an answer that never came) cannot be read: such exchanges are told apart.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
from werkzeug.http import parse_options_header
from yarl import URL

from spec.errors import DocumentError
from spec.forms import MEDIA_TYPE as FORM
from spec.forms import Part, joined
from spec.messages import header_text
from spec.recordings.blobs import Piece, together

#: an escape of JSON, a whole surrogate pair at once; the group is half a pair
_ESCAPED = re.compile(rb"\\[^u]|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u([dD][89a-fA-F][0-9a-fA-F]{2})")
_EXPECTED = "a HAR 1.2 file, as `imageproof proxy` writes it, or a browser's network tab"
_TEXT = {"type": "string"}
_NAMED = {
    "type": "array",
    "items": {"type": "object", "required": ["name", "value"], "properties": {"name": _TEXT, "value": _TEXT}},
}
_BODY = {
    "text": _TEXT,
    "mimeType": _TEXT,
    "encoding": _TEXT,
    "comment": _TEXT,
    "_file": _TEXT,
    "_pieces": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["mark", "file", "base64"],
            "properties": {"mark": {**_TEXT, "minLength": 1}, "file": _TEXT, "base64": {"type": "boolean"}},
        },
    },
    "params": {"type": "array", "items": {"type": "object", "required": ["name"]}},
}
_SCHEMA = {
    "type": "object",
    "required": ["log"],
    "properties": {
        "log": {
            "type": "object",
            "required": ["entries"],
            "properties": {
                "entries": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["request", "response"],
                        "properties": {
                            "request": {
                                "type": "object",
                                "required": ["method", "url"],
                                "properties": {
                                    "method": _TEXT,
                                    "url": _TEXT,
                                    "headers": _NAMED,
                                    "postData": {"type": "object", "properties": _BODY},
                                },
                            },
                            "response": {
                                "type": "object",
                                "required": ["status"],
                                "properties": {
                                    "status": {"type": "integer"},
                                    "statusText": _TEXT,
                                    "headers": _NAMED,
                                    "content": {"type": "object", "properties": _BODY},
                                },
                            },
                        },
                    },
                }
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange. `number` counts from 1 as they stand in the file; a `body` of None was not kept.

    `reason` is what the answer calls its status; `missing` says why it cannot be given again, "" where it can.
    """

    number: int
    method: str
    url: URL
    media: str
    body: bytes | None
    status: int
    headers: Sequence[tuple[str, str]]
    answer: bytes
    missing: str = ""
    reason: str = ""


def read_har(path: Path) -> list[Recorded]:
    """The exchanges of a file, in order. Raises DocumentError."""
    name = path.name
    try:
        har = _loaded(path.read_bytes())
    except OSError as error:
        raise DocumentError(name, "", f"it cannot be read: {error.strerror}", _EXPECTED) from error
    except orjson.JSONDecodeError as error:
        raise DocumentError(name, f"line {error.lineno}", f"no JSON: {error.msg}", _EXPECTED) from error
    for fault in jsonschema_rs.Draft202012Validator(_SCHEMA).iter_errors(har):
        raise DocumentError(name, "".join(f"/{part}" for part in fault.instance_path), _short(fault.message), _EXPECTED)
    reader = _Reader(path)
    return [reader.exchange(number, entry) for number, entry in enumerate(har["log"]["entries"], 1)]


def _loaded(data: bytes) -> Any:
    """The JSON of a file; what browsers, and we once, write of broken text is read, too. Raises JSONDecodeError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return orjson.loads(_ESCAPED.sub(_whole, data))


def _whole(escape: re.Match[bytes]) -> bytes:
    """An escape of JSON; half a surrogate pair becomes what `header_text` makes of it."""
    half = escape[1]
    return rb"\u%04x" % ord(header_text(chr(int(half, 16)))) if half else escape[0]


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"...{text[-197:]}"


def _part(told: Mapping[str, Any]) -> Part:
    return Part(told["name"], str(told.get("value", "")).encode(), told.get("fileName"), told.get("contentType"))


class _Reader:
    """Reads the entries of one file, and the files beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent.resolve()
        self._files: dict[str, bytes] = {}

    def exchange(self, number: int, entry: Mapping[str, Any]) -> Recorded:
        request, response = entry["request"], entry["response"]
        where = f"/log/entries/{number - 1}"
        posted, content = request.get("postData", {}), response.get("content", {})
        answer = self._body(content, content.get("encoding") == "base64", f"{where}/response/content")
        missing = ""
        try:
            url = URL(request["url"])
        except ValueError:  # a link that leads nowhere was followed
            url, missing = URL(), f"{_short(request['url'])!r} is no URL"
        if not response["status"]:
            missing = "it had no answer"
        elif answer is None and content.get("size", 0) != 0:
            missing = "the body of its answer was not kept"
        media = posted.get("mimeType", "")
        return Recorded(
            number,
            request["method"].upper(),
            url,
            media,
            self._posted(posted, f"{where}/request/postData") if posted else b"",
            response["status"],
            [(each["name"], each["value"]) for each in response.get("headers", ())],
            answer or b"",
            missing,
            response.get("statusText", ""),
        )

    def _posted(self, posted: Mapping[str, Any], where: str) -> bytes | None:
        """The body of a request; a form that stands there in its parts is put together."""
        body = self._body(posted, posted.get("comment") == "base64", where)
        media, options = parse_options_header(posted.get("mimeType", ""))
        boundary = options.get("boundary")
        if body is None and media == FORM and boundary and (params := posted.get("params")):
            if any("fileName" in each and "value" not in each for each in params):
                return None
            return joined([_part(each) for each in params], boundary)
        return body

    def _body(self, told: Mapping[str, Any], is_base64: bool, where: str) -> bytes | None:
        if file := told.get("_file"):
            return self._file(file, f"{where}/_file")
        text = told.get("text")
        if not text:  # as HAR says "no body", and "not kept"
            return None
        if is_base64:
            try:
                return base64.b64decode("".join(text.split()), validate=True)
            except ValueError as error:
                raise DocumentError(self._path.name, f"{where}/text", "this is no base64", "base64") from error
        pieces = [Piece(each["mark"], each["file"], each["base64"]) for each in told.get("_pieces", ())]
        return together(text, pieces, lambda file: self._file(file, f"{where}/_pieces"))

    def _file(self, name: str, where: str) -> bytes:
        if name not in self._files:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder):
                raise DocumentError(self._path.name, where, f"{name!r} lies elsewhere", "a file beside this one")
            try:
                self._files[name] = path.read_bytes()
            except OSError as error:
                problem = f"{name} cannot be read: {error.strerror}"
                raise DocumentError(self._path.name, where, problem, "the files that were recorded with it") from error
        return self._files[name]
