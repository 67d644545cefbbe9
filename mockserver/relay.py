"""Answers that are somebody else's: passed on as they came, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from aiohttp import HttpVersion11, web
from multidict import CIMultiDict, MultiMapping

#: RFC 9110, section 7.6.1: about this connection, not about the message
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def end_to_end(headers: MultiMapping[str]) -> CIMultiDict[str]:
    """The headers that belong to the message, not to the connection it came over."""
    named = {name.strip().lower() for text in headers.getall("connection", ()) for name in text.split(",")}
    return CIMultiDict((name, text) for name, text in headers.items() if name.lower() not in _HOP_BY_HOP | named)


class AsItCame(web.StreamResponse):
    """An answer with the headers it is given, and none that aiohttp finds missing."""

    async def _prepare_headers(self) -> None:
        given = {name.lower() for name in self.headers}
        await super()._prepare_headers()
        for name in {"content-type", "date", "server"} - given:
            self.headers.popall(name, None)

    async def _write_headers(self) -> None:
        """Write the head; bytes that are no UTF-8, which aiohttp would leave out, as they came."""
        version = self._req.version if self._req is not None else HttpVersion11
        lines = [f"HTTP/{version.major}.{version.minor} {self.status} {self.reason}"]
        lines += [f"{name}: {text}" for name, text in self.headers.items()]
        head = "\r\n".join([*lines, "", ""])
        try:
            head.encode()
        except UnicodeEncodeError:
            if self._req is not None and self._req.transport is not None:
                self._req.transport.write(head.encode("utf-8", "surrogateescape"))
        else:
            await super()._write_headers()


def explained(status: int, detail: str, headers: Mapping[str, str]) -> web.Response:
    """An answer of ours that is no provider's (RFC 9457)."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return web.Response(
        status=status, body=orjson.dumps(told), headers={**headers, "Content-Type": "application/problem+json"}
    )
