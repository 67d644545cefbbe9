"""A HAR file (1.2): what went over the wire, in order, written while it goes on and whole after every exchange."""

from __future__ import annotations

import base64
import contextlib
import io
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from typing import Any

import harfile
from yarl import URL

from spec.messages import header_text
from spec.recordings.blobs import Blobs
from spec.recordings.redactor import Redactor
from spec.terminal import release

#: bytes: of one body, and of all bodies of a run together; what is more is left out and said so
_LONGEST_BODY = 8 * 1024 * 1024
_ALL_BODIES = 128 * 1024 * 1024
_END = b"\n        ]\n    }\n}"


@dataclass(slots=True)
class _Content(harfile.Content):
    """The body of an answer; `more` are members of ours, such as `_file`, Playwright's word for a body in a file."""

    more: Mapping[str, Any] = field(default_factory=dict)

    def asdict(self) -> dict[str, Any]:
        """As JSON."""
        return {**harfile.Content.asdict(self), **self.more}


@dataclass(slots=True)
class _PostData(harfile.PostData):
    """The body of a request, likewise."""

    more: Mapping[str, Any] = field(default_factory=dict)

    def asdict(self) -> dict[str, Any]:
        """As JSON."""
        return {**harfile.PostData.asdict(self), **self.more}


@dataclass(frozen=True, slots=True)
class _Kept:
    """How a body is kept: as text (base64 where `encoding` says so), or in files that `more` names."""

    text: str | None = None
    encoding: str | None = None
    comment: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Recording:
    """One HAR file, made when the first exchange is added. Nothing gets into it but through the redactor.

    Binary bodies are base64; HAR 1.2 has no encoding for a request's body, so its comment says that. With `blobs`,
    what is binary lies in files of its own instead (`_file`, `_pieces`). The file is whole whenever the program ends.
    """

    def __init__(
        self,
        path: Path,
        redact: Redactor,
        longest_body: int = _LONGEST_BODY,
        all_bodies: int = _ALL_BODIES,
        blobs: Blobs | None = None,
    ) -> None:
        self.path = path
        self._redact = redact
        self._longest = longest_body
        self._left = all_bodies
        self._blobs = blobs
        self._written = io.StringIO()  # what harfile has written and the file does not hold yet
        self._har = harfile.HarFile(self._written, creator=harfile.Creator("imageproof", release()))
        self._file: FileIO | None = None
        self._failure: OSError | None = None
        self._lock = threading.Lock()

    def add(
        self,
        began: float,
        seconds: float,
        request: tuple[str, str, Mapping[str, str], bytes | None],
        answer: tuple[int, Mapping[str, str], bytes | None] | None,
        trouble: str = "",
        reason: str | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        """Add what was sent (method, URL, headers, body) and what came back: status, headers, body.

        `answer` None: none came, `trouble` says why; such an entry has status 0. A body that is None was not read.
        `reason` is the answer's own word for its status, where it is known; `secrets` are those of this exchange alone,
        such as its cookies. `began` is Unix seconds. Raises OSError when the file cannot be written.
        """
        redact = self._redact.also(secrets)
        method, url, headers, body = request
        status, told, data = answer or (0, {}, b"")
        url = redact.url(header_text(url))
        milliseconds = round(max(seconds, 0.0) * 1000, 3)
        with self._lock:
            self._har.add_entry(
                startedDateTime=datetime.fromtimestamp(began, UTC),
                time=milliseconds,
                request=harfile.Request(
                    method,
                    url,
                    "HTTP/1.1",
                    headers=_headers(redact, headers),
                    queryString=_query(url),
                    postData=None if body == b"" else self._posted(redact, headers, body),
                    bodySize=_size(body),
                ),
                response=harfile.Response(
                    status,
                    _phrase(status) if reason is None else _text(redact, reason),
                    "HTTP/1.1",
                    content=self._content(redact, told.get("content-type", ""), data),
                    redirectURL="",
                    headers=_headers(redact, told),
                    headersSize=-1,
                    bodySize=_size(data),
                ),
                timings=harfile.Timings(send=0, wait=milliseconds, receive=0),
                comment=_text(redact, trouble) or None,
            )
            self._save()

    def _save(self) -> None:
        """Put the new entry and the end of the file where the end was; where that fails the file stays as it was."""
        if self._failure is not None:
            raise self._failure
        entry = self._written.getvalue().encode()
        self._written.seek(0)
        self._written.truncate()
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(self.path, "w")
        here = self._file.tell()
        try:
            _write(self._file, entry + _END)
        except OSError as error:
            self._failure = error
            with contextlib.suppress(OSError):
                self._file.truncate(here)
                self._file.seek(here)
                _write(self._file, _END)
            raise
        self._file.seek(here + len(entry))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def _posted(self, redact: Redactor, headers: Mapping[str, str], body: bytes | None) -> harfile.PostData:
        media = headers.get("content-type", "")
        kept = self._kept(redact, body, media)
        return _PostData(
            _text(redact, media), text=kept.text or "", comment=kept.encoding or kept.comment, more=kept.more
        )

    def _content(self, redact: Redactor, media: str, body: bytes | None) -> harfile.Content:
        kept = self._kept(redact, body, media)
        return _Content(
            max(0, _size(body)),
            mimeType=_text(redact, media),
            text=kept.text,
            encoding=kept.encoding,
            comment=kept.comment,
            more=kept.more,
        )

    def _kept(self, redact: Redactor, body: bytes | None, media: str) -> _Kept:
        if body is None:
            return _Kept(comment="left out: it could not be read")
        if len(body) > min(self._longest, self._left):
            return _Kept(comment=f"left out: {len(body):,} bytes are more than is kept")
        self._left -= len(body)
        data = redact.data(body)
        if self._blobs is not None:
            apart = self._blobs.apart(data, media)
            if apart.text is None:
                return _Kept(more={"_file": apart.file})
            return _Kept(
                apart.text, more={"_pieces": [asdict(piece) for piece in apart.pieces]} if apart.pieces else {}
            )
        try:
            return _Kept(data.decode("utf-8"))
        except UnicodeDecodeError:
            return _Kept(base64.b64encode(data).decode(), "base64")


def _write(file: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _text(redact: Redactor, text: str) -> str:
    return redact.text(header_text(text))


def _headers(redact: Redactor, headers: Mapping[str, str]) -> list[harfile.Record]:
    return [
        harfile.Record(name, text)
        for told, value in headers.items()
        for name, text in redact.headers({header_text(told): header_text(value)}).items()
    ]


def _query(url: str) -> list[harfile.Record]:
    """The query of a URL, as HAR has it; of what is no URL, as answers have links, nothing."""
    try:
        return [harfile.Record(name, value) for name, value in URL(url).query.items()]
    except ValueError:
        return []


def _size(body: bytes | None) -> int:
    """Bytes; -1, as HAR has it, where nobody knows."""
    return -1 if body is None else len(body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
