"""Evidence: the request that shows a finding, so that a person can send it again, and the answer it got."""

from __future__ import annotations

import json
import shlex
from typing import Any

from contract_tests.exchange import Exchange

_SHORT_TEXT = 160
_SHORT_LIST = 4


def curl(exchange: Exchange) -> str:
    """A command that sends the same request; the key comes from the caller's environment."""
    parts = ["curl", "-sS", "-i", "-X", exchange.case.operation.method.upper(), shlex.quote(exchange.url)]
    for name, value in exchange.sent_headers.items():
        # The key stands as $VARIABLE: double quotes let the caller's shell fill it in.
        parts += ["-H", f'"{name}: {value}"' if value.startswith("Bearer $") else shlex.quote(f"{name}: {value}")]
    if exchange.case.body:
        parts += ["--data-binary", shlex.quote(exchange.case.body.decode("utf-8", "backslashreplace"))]
    return " ".join(parts)


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
    if value is not None:
        return json.dumps(shortened(value), ensure_ascii=False, indent=2)
    text = body[:1000].decode("utf-8", "replace")
    return text + (f"… ({len(body)} bytes)" if len(body) > 1000 else "")
