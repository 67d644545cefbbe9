"""Event streams: events framed and sent one by one, for as long as the caller listens."""

from __future__ import annotations

from aiohttp import web

from mockserver.caller import gone, waits
from mockserver.replies import Reply


async def send_events(http: web.BaseRequest, reply: Reply, interval: float) -> tuple[web.StreamResponse, str]:
    """Send every event of a reply, `interval` seconds apart; the response, and what there is to say about it."""
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
    return response, f"the caller went away after {sent} of {len(framed)} events" if sent < len(framed) else ""
