"""Evidence: the request that shows a finding, so that a person can send it again, and the answer it got."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from contract_tests.exchange import Exchange

_SHORT_TEXT = 160
_SHORT_LIST = 4
_KEY_GOES_HERE = re.compile(r"(\w+ )?\$\w+")
_LONGEST_ARGUMENT = 100_000  # bytes; Linux takes 128 KiB for one argument of a command
#: controls, lone surrogates, and what turns the direction of text or takes no room
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")


def visible(text: str) -> str:
    """A provider's text with every character that nobody sees, or a terminal would obey, written out."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def curl(exchange: Exchange) -> str:
    """A command that sends the same request, byte for byte; the key comes from the caller's environment."""
    body = exchange.case.body
    if not body:
        return command(exchange, "")
    if len(body) <= _LONGEST_ARGUMENT and _is_plain(body):
        return command(exchange, f"--data-raw {shlex.quote(body.decode())}")  # raw: a first @ names no file
    return f"printf {_printf_format(body)} | {command(exchange, '--data-binary @-')}"


def command(exchange: Exchange, data: str) -> str:
    """A curl command; `data` are the arguments that give it the body, where there is one."""
    parts = ["curl", "-g", "-sS", "-i", "-X", exchange.case.operation.method.upper(), shlex.quote(exchange.url)]
    if exchange.detour:
        parts.insert(1, "-L")
    for name, value in exchange.sent_headers.items():
        # The key stands as $VARIABLE: double quotes let the caller's shell fill it in.
        parts += ["-H", f'"{name}: {value}"' if _KEY_GOES_HERE.fullmatch(value) else shlex.quote(f"{name}: {value}")]
    if not exchange.case.body:
        return " ".join(parts)
    if exchange.case.media is None:
        parts += ["-H", "'content-type:'"]  # or curl names one of its own
    return " ".join([*parts, data])


def _is_plain(body: bytes) -> bool:
    """Whether a body is text of which a person sees every character."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return visible(text) == text


def _printf_format(body: bytes) -> str:
    """Any bytes as a format of the shell's printf: no limit of length, no byte that an argument cannot hold."""
    escaped = "".join(chr(byte) if 32 <= byte < 127 and byte not in b"\\'%" else f"\\{byte:03o}" for byte in body)
    return f"'{escaped}'"


def shortened(value: Any) -> Any:
    """A JSON value with long texts cut and long lists ended, so that a person can read it."""
    if isinstance(value, str) and len(value) > _SHORT_TEXT:
        return f"{value[: _SHORT_TEXT // 2]}… ({len(value)} characters)"
    if isinstance(value, list):
        cut = [shortened(item) for item in value[:_SHORT_LIST]]
        return [*cut, f"… {len(value) - _SHORT_LIST} more"] if len(value) > _SHORT_LIST else cut
    if isinstance(value, dict):
        return {key: shortened(inner) for key, inner in value.items()}
    return value


def body_text(body: bytes, value: Any) -> str:
    """A body for a person: JSON indented and shortened, anything else as its beginning."""
    if value is not None and not isinstance(value, bytes):  # bytes: no JSON by its content type
        return json.dumps(shortened(value), ensure_ascii=False, indent=2)
    text = body[:1000].decode("utf-8", "replace")
    return text + (f"… ({len(body)} bytes)" if len(body) > 1000 else "")
