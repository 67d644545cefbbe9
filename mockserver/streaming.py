"""Event streams: events framed and sent one by one, for as long as the caller listens."""

from __future__ import annotations

import logging

from aiohttp import web

from mockserver.caller import gone, waits
from mockserver.replies import Reply

log = logging.getLogger("imageproof.mock")


async def send_events(http: web.BaseRequest, reply: Reply, interval: float) -> tuple[web.StreamResponse, str]:
    """Send every event of a reply, `interval` seconds apart; the response, and what there is to say about it.

    Whatever goes wrong on the way ends the connection: the caller must not wait for the rest, nor take what is there
    for the whole.
    """
    response = web.StreamResponse(status=reply.status, headers={**reply.headers, "Content-Type": reply.media})
    framed, sent = reply.framed(), 0
    try:
        await response.prepare(http)
        for event in framed:
            if interval and sent:
                await waits(http, interval)
            if gone(http):
                break  # gone: nothing of what follows would be noticed by anybody
            await response.write(event)
            sent += 1
        await response.write_eof()
    except ConnectionError:
        pass
    except Exception:
        log.exception("a stream failed after %d of %d events", sent, len(framed))
        if http.transport is not None:
            http.transport.abort()
        return response, f"the mock failed after {sent} of {len(framed)} events; its log says why"
    return response, f"the caller went away after {sent} of {len(framed)} events" if sent < len(framed) else ""
