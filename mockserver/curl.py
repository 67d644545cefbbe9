"""A request of the journal as `curl`, to be sent again from a shell. The key is not in it: it stands in a variable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from mockserver.journal import Entry
from spec.forms import MEDIA_TYPE as FORM
from spec.security import Scheme

KEY = "$OPENAI_API_KEY"


def curl(entry: Entry, base_url: str, scheme: Scheme | None) -> str:
    """A command of several lines; what of a long body was not kept is told in a comment.

    Files of a form are taken from the folder the shell is in, under the names they had.
    """
    usual = "POST" if entry.body else "GET"
    method = "-I " if entry.method == "HEAD" else "" if entry.method == usual else f"-X {quote(entry.method)} "
    parts = [f"curl -sS {method}{quote(base_url + entry.path)}"]
    if scheme is not None:
        parts.append(f'-H "{scheme.header}: {scheme.text(KEY)}"')
    if entry.media == FORM and isinstance(entry.value, dict):
        parts += [part for name, held in entry.value.items() for part in _fields(name, held)]
    elif entry.body:
        parts.append(f"-H {quote(f'Content-Type: {entry.media}')}")
        parts.append(f"--data-binary {quote(entry.body.decode('utf-8', 'replace'))}")
    command = " \\\n  ".join(parts)
    return f"# the body was {entry.size} bytes long; its long texts are cut here\n{command}" if entry.cut else command


def _fields(name: str, value: Any) -> Iterator[str]:
    """One value of a form as curl's options."""
    if isinstance(value, list):
        for item in value:
            yield from _fields(f"{name}[]" if len(value) > 1 else name, item)
    elif isinstance(value, Mapping) and value.keys() == {"media", "bytes", "filename"}:
        filename = str(value["filename"]).replace("\\", "\\\\").replace('"', '\\"')
        yield "-F " + quote(f'{name}=@"{filename}";type={value["media"]}')
    elif isinstance(value, Mapping):
        for key, held in value.items():
            yield from _fields(f"{name}[{key}]", held)
    elif value is not None:
        text = value if isinstance(value, str) else json.dumps(value)
        yield f"--form-string {quote(f'{name}={text}')}"
