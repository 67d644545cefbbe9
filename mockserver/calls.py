"""What calls of the control API have in common: bodies and numbers read, answers and errors written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

#: answers a call with a JSON value, or with an answer of its own
Call = Callable[[web.BaseRequest], Awaitable[Any]]
#: method, path below the root, call, and whether anybody may call it
Calls = list[tuple[str, str, Call, bool]]
_MAX_BODY = 1024 * 1024


class Wrong(Exception):
    """A call that cannot be met: what was wrong, where, what was expected."""

    def __init__(self, message: str, where: str, expected: str, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.where, self.expected, self.status = message, where, expected, status


async def body_of(http: web.BaseRequest, expected: str) -> dict[str, Any]:
    """The JSON object of a call. Raises Wrong."""
    data = b""
    try:
        async for part in http.content.iter_any():
            data += part
            if len(data) > _MAX_BODY:
                raise Wrong("the body is too large", "body", f"at most {_MAX_BODY} bytes", 413)
    except (web.RequestPayloadError, ConnectionError):
        reason = "the body broke off, or it is not encoded as Content-Encoding says"
        raise Wrong(reason, "body", "a whole body, encoded as it says") from None
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Wrong(f"the body is not JSON: {error.msg}", f"line {error.lineno}", expected) from None
    if not isinstance(value, dict):
        raise Wrong(f"a {type(value).__name__} where an object belongs", "body", expected)
    return value


def number(wanted: Mapping[str, str], name: str, kind: Callable[[str], float]) -> float | None:
    """A number from 0 up in a query, None where it is not given. Raises Wrong."""
    if name not in wanted:
        return None
    try:
        value = kind(wanted[name])
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise Wrong(f"{name}={wanted[name]!r} is no number", f"query {name}", "a number from 0 up")
    return value


def as_json(value: Any, status: int = 200) -> web.Response:
    """A JSON value as an answer."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(status=status, body=body, content_type="application/json")


def error_answer(status: int, message: str, where: str, expected: str) -> web.Response:
    """What was wrong with a call, where, and what was expected."""
    return as_json({"error": {"message": message, "where": where, "expected": expected}}, status)
