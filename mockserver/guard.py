"""Who may steer the mock: whoever has the token, or on loopback whoever is no foreign web page."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from spec.security import BEARER

_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Denied(Exception):
    """A call to the control API is not allowed: `status`, what was wrong in which header, what was expected."""

    def __init__(self, status: int, header: str, message: str, expected: str) -> None:
        super().__init__(message)
        self.status, self.header, self.message, self.expected = status, header, message, expected


class Guard:
    """The door to `/_imageproof/`. Without a token of its own, a server that others can reach makes one up."""

    def __init__(self, host: str, token: str | None) -> None:
        self.token = token or (None if is_loopback(host) else secrets.token_urlsafe(24))
        self._names = _OWN_NAMES | {host}

    def check(self, http: web.BaseRequest) -> None:
        """Raises Denied."""
        if self.token is not None:
            given = BEARER.key(http.headers) or ""
            if not hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode()):
                raise Denied(
                    401,
                    "Authorization",
                    "the control API needs its token",
                    "Bearer TOKEN: the one of --control-token, or printed at start",
                )
            return
        host = http.headers.get("host", "")
        if _name_of(f"//{host}") not in self._names:
            raise Denied(403, "Host", f"Host {host!r} is not this server", f"one of {', '.join(sorted(self._names))}")
        origin = http.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Denied(403, "Origin", f"Origin {origin!r} is another site", "no Origin, or this server's own")


def _name_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
