"""Waits: how long an answer asks its caller to wait, and when it is no answer yet."""

from __future__ import annotations

from datetime import UTC, datetime

from contract_tests.exchange import Exchange
from contract_tests.headers import http_date

#: seconds before what was answered as the server's own mistake is asked once more
MOMENT_SECONDS = 0.5
_SERVICE_UNAVAILABLE, _NOT_IMPLEMENTED = 503, 501


def retry_after(exchange: Exchange) -> float | None:
    """Seconds the answer asks to wait, said in seconds, milliseconds or as a date; None when it does not."""
    headers = exchange.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if text.isascii() and text.replace(".", "", 1).isdecimal():
            return float(text) * unit
    when = http_date(text)
    if when is None:
        return None
    return max((when - (http_date(headers.get("date", "")) or datetime.now(UTC))).total_seconds(), 0.0)


def is_not_now(exchange: Exchange) -> bool:
    """Whether an answer says "later": too many requests, or, to what keeps the contract, unavailable until when."""
    status, is_valid = exchange.response.status, exchange.case.defect is None
    return status == 429 or (status == _SERVICE_UNAVAILABLE and is_valid and retry_after(exchange) is not None)


def may_pass(exchange: Exchange) -> bool:
    """Whether an answer may be a moment's trouble, a gateway that restarts: what was asked for free is asked again."""
    return exchange.response.status >= 500 and exchange.response.status != _NOT_IMPLEMENTED


def is_in_doubt(exchange: Exchange) -> bool:
    """Whether an answer to what keeps the contract, 5xx or a stream that breaks off, may be a moment's trouble.

    Honest providers have them, and ask for another try (`reference/openai-images.md` section 10).
    """
    is_valid = exchange.case.defect is None and not exchange.lacks_model and not exchange.lacks_feature
    return is_valid and (may_pass(exchange) or exchange.failed_midway)
