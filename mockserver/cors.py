"""CORS: what a browser wants to hear before a page may talk to the mock."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web

_EXPOSED = "X-Request-ID, CF-Ray, Retry-After, Retry-After-Ms, X-Should-Retry, Preference-Applied"
_AGE_SECONDS = 600


def origin(text: str) -> str:
    """An origin as browsers send it, or `*`. Raises ValueError with what was expected."""
    parts = urlsplit(text.rstrip("/"))
    if text != "*" and (not parts.scheme or not parts.hostname or any(parts[2:])):
        raise ValueError(f"{text!r} is no origin; expected https://HOST, http://localhost:5173 or *")
    return text


class Cors:
    """The origins that may: one, or all with `*`."""

    def __init__(self, allowed: str) -> None:
        self._allowed = allowed.rstrip("/")

    def headers(self, http: web.BaseRequest) -> dict[str, str]:
        """What an answer to this request says of its origin; nothing where it has none, or one that may not."""
        origin = http.headers.get("origin")
        if origin is None or self._allowed not in ("*", origin):
            return {}
        headers = {"Access-Control-Allow-Origin": self._allowed, "Access-Control-Expose-Headers": _EXPOSED}
        return headers if self._allowed == "*" else {**headers, "Vary": "Origin"}

    def preflight(self, http: web.BaseRequest, methods: Collection[str]) -> web.Response:
        """The answer to a browser's OPTIONS: which methods and headers may be sent."""
        headers = self.headers(http)
        if headers:
            headers["Access-Control-Allow-Methods"] = ", ".join(sorted({*methods, "OPTIONS"}))
            headers["Access-Control-Max-Age"] = str(_AGE_SECONDS)
            wanted = http.headers.get("access-control-request-headers")
            headers["Access-Control-Allow-Headers"] = wanted or "Authorization, Content-Type, Prefer"
        return web.Response(status=204, headers=headers)
