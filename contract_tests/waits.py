"""Waits: how long an answer asks its caller to wait, and when it is no answer yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from contract_tests.exchange import Exchange
from contract_tests.headers import http_date
from spec.units import inward

#: seconds before what was answered as the server's own mistake is asked once more
MOMENT_SECONDS = 0.5
_TOO_MANY, _SERVICE_UNAVAILABLE, _NOT_IMPLEMENTED = 429, 503, 501
_BELIEVED = 2  # times that an answer is taken at its word
_RESETS = ("ratelimit-reset", "x-ratelimit-reset", "x-ratelimit-reset-requests", "x-ratelimit-reset-images")
_SHORTEST_RESET, _LONGEST_RESET = 0.2, 60.0  # it is when a whole limit is free again, not when the next request is
_A_TIME = 1e8  # no number of seconds to wait is so large


def retry_after(exchange: Exchange) -> float | None:
    """Seconds the answer asks to wait, said in seconds, milliseconds or as a date; None when it does not."""
    headers = exchange.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if (number := _decimal(text)) is not None:
            return number * unit
    when = http_date(text)
    return None if when is None else max((when - _now(headers)).total_seconds(), 0.0)


def _decimal(text: str) -> float | None:
    text = text.strip()
    return float(text) if text.isascii() and text.replace(".", "", 1).isdecimal() else None


def _now(headers: Mapping[str, str]) -> datetime:
    """The time by the provider's clock."""
    return http_date(headers.get("date", "")) or datetime.now(UTC)


def next_try(exchange: Exchange, number: int, usual: float) -> float:
    """Seconds until what was answered "not now" is asked again; `number` is how often it was already, from 0.

    As long as the answer says, or else `usual`; longer than it says where that was in vain twice.
    """
    told = retry_after(exchange)
    if told is None:
        resets = [max(wait, _SHORTEST_RESET) for wait in _resets(exchange) if wait <= _LONGEST_RESET]
        told = max(resets, default=usual)
    return told if number < _BELIEVED else max(told, usual)


def _resets(exchange: Exchange) -> Iterator[float]:
    """Seconds until a limit starts anew, where headers say so as most gateways do."""
    headers = exchange.response.headers
    for name in _RESETS:
        told = _duration(headers.get(name, "").strip())
        if isinstance(told, int | float):  # some say the seconds that are left, others when that is
            yield told if told < _A_TIME else max(told - _now(headers).timestamp(), 0.0)


def _duration(text: str) -> Any:
    """Seconds from `5` or `1m2s`; a text where it is neither."""
    number, convert = _decimal(text), inward("reset-requests", {"format": "duration-text"})
    return number if number is not None or convert is None else convert(text)


def is_turned_away(exchange: Exchange) -> bool:
    """Whether there were too many requests: to go slower helps, and no money is wanting."""
    return exchange.response.status == _TOO_MANY and not exchange.out_of_quota


def is_not_now(exchange: Exchange) -> bool:
    """Whether an answer says "later": too many requests, or, to what keeps the contract, unavailable until when."""
    status, is_valid = exchange.response.status, exchange.case.defect is None
    return status == _TOO_MANY or (status == _SERVICE_UNAVAILABLE and is_valid and retry_after(exchange) is not None)


def trouble_of(exchange: Exchange) -> str:
    """What may be a moment's trouble, a gateway that restarts: what was asked for free is asked again. Empty: none."""
    if exchange.broken:
        return f"cut: {exchange.broken}"
    status = exchange.response.status
    return f"answered {status}" if status >= 500 and status != _NOT_IMPLEMENTED else ""


def doubt_of(exchange: Exchange) -> str:
    """What in an answer to a request that keeps the contract may be a moment's trouble, a failed stream too; or empty.

    Honest providers have them, and ask for another try (`reference/openai-images.md` section 10).
    """
    if exchange.case.defect is not None or exchange.lacks_model or exchange.lacks_feature:
        return ""
    return trouble_of(exchange) or ("an error in the stream" if exchange.failed_midway else "")
