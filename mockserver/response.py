"""Responses: a reply in the form aiohttp sends."""

from __future__ import annotations

from aiohttp import web

from mockserver.replies import Reply


def respond(reply: Reply, request_id: str) -> web.Response:
    """A reply as aiohttp sends it; the request id is always there."""
    headers = reply.headers
    headers.setdefault("x-request-id", request_id)
    if reply.media:
        headers["Content-Type"] = reply.media
    return web.Response(status=reply.status, body=reply.body(), headers=headers)
