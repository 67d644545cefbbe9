"""An exhibit: the folder that proves one finding. The request and the answer, byte for byte, and how to send it again.

`findings/01-chat-shaped-200/` holds `finding.md`, `replay.sh`, `request.http` and `request.body`, `answer.http` and
`answer.json` (or what it is), `uploads/`, `pictures/`; where a task was followed also `submit/` or `polls/`, and
what it is compared with in `beside/`.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
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
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)
#: how a shell takes a text or a number out of JSON
_READ = r"""sed -n 's/.*"NAME" *: *"\{0,1\}\([^",} ]*\).*/\1/p'"""
#: what a shell reads inside double quotes
_UNQUOTABLE = re.compile(r'["$`\\\\]')
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
    if exchange.parent is not None:  # a task is gone tomorrow: it is submitted once more
        write_exchange(folder / "submit", exchange.parent, redact, key_variable)
        _write_script(folder / "replay.sh", replay_of_a_task(exchange.parent, exchange, key_variable))
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
    _write_script(folder / "replay.sh", _replay(exchange, key_variable))


def _write_script(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")
    file.chmod(0o755)


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
    does = "Sends the request of this finding again, byte for byte, and shows the answer with its headers."
    return _script(does, exchange, key_variable, f'exec {command(exchange, "--data-binary @request.body")} "$@"')


def replay_of_a_task(submit: Exchange, look: Exchange, key_variable: str) -> str:
    """A script that submits a task once more and looks at it until it says what the look that is shown said.

    Where the task's id cannot be read by a shell, it submits the task and says how to go on.
    """
    does = "Submits the task of this finding again, byte for byte, and looks at it"
    sent = f'{command(submit, "--data-binary @submit/request.body")} "$@"'
    name, id_ = _named(submit)
    if not id_ or f"/{id_}" not in look.url or look.case.body or _UNQUOTABLE.search(look.url):
        target = f"{look.case.operation.method.upper()} {visible(look.case.operation.path)}"
        return _script(f"{does} not: look yourself, with {target} and the id in the answer.", submit, key_variable,
                       f"exec {sent}")  # fmt: skip
    address = look.url.replace(f"/{id_}", "/$task")
    looking = command(look, "").replace(shlex.quote(look.url), f'"{address}"')
    status = look.meaning("task-status")
    said = status.raw if status is not None and isinstance(status.raw, str) and _PLAIN.fullmatch(status.raw) else ""
    until = f' until it is "{said}"' if said else ", once"
    return _script(
        f"{does}{until}: the id in the answer may be another one each time.",
        submit,
        key_variable,
        f"submitted=$({sent})",
        'printf "%s\\n" "$submitted"',
        "task=$(printf '%s' \"$submitted\" | tr -d '\\n' | " + _READ.replace("NAME", name) + ")",
        f': "${{task:?there is no {name} in the answer}}"',
        *(["for _ in $(seq 60); do", "  sleep 3"] if said else ["sleep 10"]),
        f"  looked=$({looking})",
        *([f"  case $looked in *'\"{said}\"'*) break ;; esac", "done"] if said else []),
        'printf "%s\\n" "$looked"',
    )


def _named(submit: Exchange) -> tuple[str, str]:
    """The member of an answer that holds its task's id, and the id; empty where a shell could not read it there."""
    told = submit.meaning("task-id")
    name = told.pointer.rpartition("/")[2] if told is not None else ""
    id_ = str(told.raw) if told is not None and type(told.raw) in (str, int) else ""
    alone = submit.response.body.count(f'"{name}"'.encode()) == 1
    return (name, id_) if alone and _PLAIN.fullmatch(name) and _PLAIN.fullmatch(id_) else ("", "")


def _script(does: str, exchange: Exchange, key_variable: str, *lines: str) -> str:
    sends_key = any(f"${key_variable}" in value for value in exchange.sent_headers.values())
    named = [f': "${{{key_variable}:?holds no API key: export {key_variable}=...}}"'] if sends_key else []
    return "\n".join(["#!/bin/sh", f"# {does}", "set -eu", 'cd "$(dirname "$0")"', *named, *lines, ""])
