"""An exhibit: the folder that proves one finding. The request and the answer, byte for byte, and how to send it again.

`findings/01-chat-shaped-200/` holds `finding.md`, `replay.sh`, `request.http` and `request.body`, `answer.http` and
`answer.json` (or what it is), `uploads/`, `pictures/`; where a task was followed also `submit/` or `polls/`, and
what it is compared with in `beside/`.
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from contract_tests.exchange import Exchange
from contract_tests.findings import Finding
from contract_tests.report.evidence import command, visible
from contract_tests.seen import Seen
from spec import forms
from spec.messages import Undecodable
from spec.recordings.redactor import Redactor

FOLDER = "findings"
_MOST_POLLS = 30
_MOST_BESIDE = 3
_MOST_PICTURES = 12
_SUFFIXES = {
    "application/json": "json",
    "text/event-stream": "sse",
    "text/html": "html.txt",  # a page somebody else wrote is read, not opened
    "text/plain": "txt",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
}
_DATA_URL = re.compile(r"data:([\w/+.-]*);base64,([A-Za-z0-9+/=\s]+)", re.ASCII)
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9.-]+")


def name_of(number: int, cause: str) -> str:
    """The folder of a finding, relative to the report: `findings/01-chat-shaped-200`."""
    return f"{FOLDER}/{number:02}-{_file_name(cause)}"


def clear(report: Path) -> None:
    """Remove the exhibits of an earlier run; nothing else is touched."""
    for folder in (report / FOLDER).glob("[0-9]*-*"):
        if (folder / "replay.sh").is_file():
            shutil.rmtree(folder)


def write(folder: Path, finding: Finding, text: str, redact: Redactor, key_variable: str) -> None:
    """Write the exhibit of a finding; `text` becomes finding.md."""
    exchange = finding.exchange
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "finding.md").write_text(text, encoding="utf-8", newline="\n")
    write_exchange(folder, exchange, redact, key_variable)
    for other, place in beside(finding):
        write_exchange(folder / place, other, redact, key_variable)
    if exchange.parent is not None:
        write_exchange(folder / "submit", exchange.parent, redact, key_variable)
    for number, poll in enumerate(exchange.polls[-_MOST_POLLS:], max(0, len(exchange.polls) - _MOST_POLLS) + 1):
        write_exchange(folder / "polls" / f"{number:02}", poll, redact, key_variable)


def beside(finding: Finding) -> list[tuple[Exchange, str]]:
    """The exchanges that belong to the evidence, such as the first of two that are compared, with their folders."""
    return [(exchange, f"beside/{number}") for number, exchange in enumerate(finding.beside[:_MOST_BESIDE], 1)]


def picture_files(exchange: Exchange) -> list[tuple[Seen, str]]:
    """The pictures whose bytes came, with their file in the exhibit."""
    pictures: Sequence[Seen] = [*exchange.pictures, *exchange.unfinished]
    told = [picture for picture in pictures if picture.data][:_MOST_PICTURES]
    return [(picture, f"pictures/{number}.{picture.format or 'bin'}") for number, picture in enumerate(told, 1)]


def write_exchange(folder: Path, exchange: Exchange, redact: Redactor, key_variable: str) -> None:
    """Write one request, its answer, every file of both, and a script that sends it again."""
    folder.mkdir(parents=True, exist_ok=True)
    case, answer = exchange.case, exchange.response
    body = redact.data(case.body)
    asked = _head(f"{case.operation.method.upper()} {exchange.url} HTTP/1.1", exchange.sent_headers.items())
    (folder / "request.http").write_bytes(asked + body)
    if body:
        (folder / "request.body").write_bytes(body)
    begin = f"HTTP/1.1 {answer.status}" if answer.status else "no answer came"
    (folder / "answer.http").write_bytes(_head(begin, answer.headers.items()))
    suffix = _SUFFIXES.get(answer.media, "json" if answer.media.endswith("+json") else "body")
    (folder / f"answer.{suffix}").write_bytes(redact.data(answer.body))
    _write_all(folder, ((name, redact.data(data)) for name, data in _uploads(exchange)))
    _write_all(folder, ((name, redact.data(picture.data)) for picture, name in picture_files(exchange)))
    replay = folder / "replay.sh"
    replay.write_text(_replay(exchange, key_variable), encoding="utf-8", newline="\n")
    replay.chmod(0o755)


def _write_all(folder: Path, files: Iterator[tuple[str, bytes]]) -> None:
    for name, data in files:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def _head(first: str, headers: Any) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    return "".join(f"{visible(line)}\r\n" for line in (*lines, "")).encode()


def _uploads(exchange: Exchange) -> Iterator[tuple[str, bytes]]:
    """Every file of the request: the parts of a form, the data URLs of a JSON body."""
    request = exchange.case.request
    if request.media == forms.MEDIA_TYPE:
        try:
            parts = forms.split(request.body, exchange.case.media or "")
        except Undecodable:
            return
        files = [part for part in parts if part.filename is not None]
        for number, part in enumerate(files, 1):
            yield f"uploads/{number}-{_file_name(part.filename or part.name)}", part.data
        return
    for number, (media, data) in enumerate(_data_urls(request.value), 1):
        yield f"uploads/{number}.{_SUFFIXES.get(media, 'bin')}", data


def _data_urls(value: Any) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _data_urls(inner)
    elif isinstance(value, str) and (match := _DATA_URL.fullmatch(value)):
        try:
            yield match[1], base64.b64decode(match[2])
        except binascii.Error:  # one that is broken on purpose
            return


def _file_name(text: str) -> str:
    return _NO_FILE_NAME.sub("-", text).strip(".-")[:60] or "file"


def _replay(exchange: Exchange, key_variable: str) -> str:
    sends_key = any(f"${key_variable}" in value for value in exchange.sent_headers.values())
    return "\n".join(
        [
            "#!/bin/sh",
            "# Sends the request of this finding again, byte for byte, and shows the answer with its headers.",
            "set -eu",
            'cd "$(dirname "$0")"',
            *([f': "${{{key_variable}:?holds no API key: export {key_variable}=...}}"'] if sends_key else []),
            f'exec {command(exchange, "--data-binary @request.body")} "$@"',
            "",
        ]
    )
