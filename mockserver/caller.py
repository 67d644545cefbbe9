"""Whether the caller is still there: nobody draws, waits or writes for one who has gone."""

from __future__ import annotations

import asyncio
from math import ceil

from aiohttp import web

TICK = 0.1


def gone(http: web.BaseRequest) -> bool:
    """Whether the connection is closed."""
    return http.transport is None or http.transport.is_closing()


async def waits(http: web.BaseRequest, seconds: float) -> bool:
    """Let time pass while the caller waits; whether it waited to the end. Noticed within a TICK."""
    ticks = ceil(seconds / TICK)
    for _ in range(ticks):
        if gone(http):
            return False
        await asyncio.sleep(seconds / ticks)
    return not gone(http)
