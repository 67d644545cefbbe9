"""run.har: everything that went over the wire in a run, in order (HAR 1.2), written while it goes on."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO

import harfile
from yarl import URL

from contract_tests.secrets import Redactor
from spec.terminal import release

#: bytes: of one body, and of all bodies of a run together; what is more is left out and said so
_LONGEST_BODY = 8 * 1024 * 1024
_ALL_BODIES = 128 * 1024 * 1024


class Recording:
    """One HAR file, made when the first exchange is added. Nothing gets into it but through the redactor.

    Binary bodies are base64. HAR 1.2 has no encoding for a request's body, so that is said in its comment.
    """

    def __init__(
        self, path: Path, redact: Redactor, longest_body: int = _LONGEST_BODY, all_bodies: int = _ALL_BODIES
    ) -> None:
        self.path = path
        self._redact = redact
        self._longest = longest_body
        self._left = all_bodies
        self._file: IO[str] | None = None
        self._har: harfile.HarFile | None = None
        self._lock = threading.Lock()

    def add(
        self,
        began: float,
        seconds: float,
        request: tuple[str, str, Mapping[str, str], bytes],
        answer: tuple[int, Mapping[str, str], bytes] | None,
        trouble: str = "",
    ) -> None:
        """Add what was sent (method, URL, headers, body) and what came back: status, headers, body.

        `answer` None: none came, `trouble` says why; such an entry has status 0. `began` is Unix seconds.
        """
        method, url, headers, body = request
        status, told, data = answer or (0, {}, b"")
        milliseconds = round(max(seconds, 0.0) * 1000, 3)
        with self._lock:
            self._open().add_entry(
                startedDateTime=datetime.fromtimestamp(began, UTC),
                time=milliseconds,
                request=harfile.Request(
                    method,
                    self._redact.text(url),
                    "HTTP/1.1",
                    headers=self._headers(headers),
                    queryString=[
                        harfile.Record(self._redact.text(name), self._redact.text(value))
                        for name, value in URL(url).query.items()
                    ],
                    postData=self._posted(headers, body) if body else None,
                    bodySize=len(body),
                ),
                response=harfile.Response(
                    status,
                    _phrase(status),
                    "HTTP/1.1",
                    content=self._content(told.get("content-type", ""), data),
                    redirectURL="",
                    headers=self._headers(told),
                    headersSize=-1,
                    bodySize=len(data),
                ),
                timings=harfile.Timings(send=0, wait=milliseconds, receive=0),
                comment=self._redact.text(trouble) or None,
            )

    def close(self) -> None:
        """Write the end of the file."""
        with self._lock:
            if self._har is not None and self._file is not None:
                self._har.close()
                self._file.close()
                self._har = self._file = None

    def _open(self) -> harfile.HarFile:
        if self._har is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
            self._har = harfile.HarFile(self._file, creator=harfile.Creator("imageproof", release()))
        return self._har

    def _headers(self, headers: Mapping[str, str]) -> list[harfile.Record]:
        return [harfile.Record(name, value) for name, value in self._redact.headers(headers).items()]

    def _posted(self, headers: Mapping[str, str], body: bytes) -> harfile.PostData:
        text, encoding, comment = self._text(body)
        return harfile.PostData(
            self._redact.text(headers.get("content-type", "")), text=text, comment=encoding or comment
        )

    def _content(self, media: str, body: bytes) -> harfile.Content:
        text, encoding, comment = self._text(body)
        return harfile.Content(
            len(body), mimeType=self._redact.text(media), text=text, encoding=encoding, comment=comment
        )

    def _text(self, body: bytes) -> tuple[str | None, str | None, str | None]:
        """A body as text, its encoding, and what must be said about it."""
        if len(body) > min(self._longest, self._left):
            return None, None, f"left out: {len(body):,} bytes are more than is kept"
        self._left -= len(body)
        data = self._redact.data(body)
        try:
            return data.decode("utf-8"), None, None
        except UnicodeDecodeError:
            return base64.b64encode(data).decode(), "base64", None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
