"""Waits: how long an answer asks its caller to wait."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from contract_tests.exchange import Exchange


def retry_after(exchange: Exchange) -> float | None:
    """Seconds the answer asks to wait, said in seconds, milliseconds or as a date; None when it does not."""
    headers = exchange.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if text.isascii() and text.replace(".", "", 1).isdecimal():
            return float(text) * unit
    try:
        when = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max((when - now).total_seconds(), 0.0)
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None
