"""Answers that were paid for, kept so that nobody is asked twice."""

from __future__ import annotations

from typing import Any

from contract_tests.exchange import Exchange


class Memo:
    """Answers by the key of their case, the newest up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._kept: dict[Any, Exchange] = {}

    def get(self, key: Any) -> Exchange | None:
        """The answer a case had, None where it had none."""
        return self._kept.get(key)

    def keep(self, key: Any, exchange: Exchange) -> None:
        """Keep an answer; the oldest make room."""
        self._kept[key] = exchange
        self._bytes += _bytes_of(exchange)
        while self._bytes > self._most and len(self._kept) > 1:
            self._bytes -= _bytes_of(self._kept.pop(next(iter(self._kept))))


def _bytes_of(exchange: Exchange) -> int:
    return 2 * len(exchange.response.body) + sum(
        len(picture.data) for picture in (*exchange.pictures, *exchange.unfinished)
    )
