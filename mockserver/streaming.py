"""Event streams: events framed and sent one by one, for as long as the caller listens."""

from __future__ import annotations

from aiohttp import web

from mockserver.caller import gone, waits
from mockserver.replies import Reply
from spec.events import frame


async def send_events(http: web.BaseRequest, reply: Reply, interval: float) -> tuple[web.StreamResponse, str]:
    """Send every event of a reply, `interval` seconds apart; the response, and what there is to say about it."""
    response = web.StreamResponse(status=reply.status, headers={**reply.headers, "Content-Type": reply.media})
    sent = 0
    try:
        await response.prepare(http)
        for event in reply.value if reply.frames is None else reply.frames:
            if interval and sent:
                await waits(http, interval)
            if gone(http):
                break  # gone: nothing of what follows would be noticed by anybody
            await response.write(event if isinstance(event, bytes) else frame(event))
            sent += 1
        await response.write_eof()
    except ConnectionError:
        pass
    events = len(reply.value if reply.frames is None else reply.frames)
    return response, f"the caller went away after {sent} of {events} events" if sent < events else ""
