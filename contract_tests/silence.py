"""Silence: who does not answer, or not to the end; and from when on nobody, or one way of asking, is asked any more."""

from __future__ import annotations

import time
from collections import Counter

from contract_tests.cases import Case
from contract_tests.connection import CouldNotLook
from contract_tests.exchange import Exchange
from contract_tests.reachability import unreachable

_SILENT = 3  # requests in a row that could not look: from then on nobody is asked any more
#: answers in a row of one way that broke off, few of them where that took long: what else is asked so does no better
_BROKEN, _BROKEN_LATE = 6, 3
_LATE_SECONDS = 30.0
_RESTART_SECONDS = 2.0  # so long somebody who is gone is looked for again
_Way = tuple[str, str, bool]


class Silence:
    """Why requests were in vain. `gone` says why nobody listens any more, `last_answered` since when."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._reasons: list[str] = []  # of the last requests in a row
        self.gone = ""
        self.last_answered = ""
        self._broken: Counter[_Way] = Counter()
        self._lost: Counter[_Way] = Counter()  # seconds

    @property
    def trouble(self) -> str:
        """Why the last request got no answer; empty when it did."""
        return self._reasons[-1] if self._reasons else ""

    def check(self) -> None:
        """Raises CouldNotLook when nobody has answered for a while: 200 time-outs in a row help nobody."""
        if self.gone:
            raise CouldNotLook(self.gone)
        if len(self._reasons) >= _SILENT:
            raise CouldNotLook(f"not asked: {_SILENT} requests in a row were in vain, the last: {self._reasons[-1]}")

    def add(self, reason: str) -> None:
        """A request was in vain."""
        self._reasons.append(reason)

    def heard(self, exchange: Exchange) -> None:
        """Somebody answered and let the caller in, be it not to the end."""
        self._reasons.clear()
        way = _way(exchange.case)
        if exchange.broken:
            self._broken[way] += 1
            self._lost[way] += int(exchange.seconds)
        else:
            del self._broken[way], self._lost[way]

    def leaves(self, case: Case) -> str:
        """Why a case is not worth asking: answers to its like break off; empty where they do not."""
        way = _way(case)
        times, most = self._broken[way], _BROKEN_LATE if self._lost[way] >= _LATE_SECONDS else _BROKEN
        label = case.contract.operation(case.operation.id).label  # the case may ask with another method
        where = f"{label}{' in a stream' if case.asked.get('stream') is True else ''}"
        return f"{times} answers in a row of {where} broke off" if times >= most else ""

    def is_sure(self, case: Case) -> bool:
        """Whether answers to the likes of this case were seen to break off twice."""
        return bool(self._broken[_way(case)])

    def stays_away(self, case: Case) -> str:
        """Why nobody listens any more, nor seconds later, when a server may have started anew; empty where one does."""
        away = unreachable(self._root, _RESTART_SECONDS)
        until = time.monotonic() + _RESTART_SECONDS
        while away and time.monotonic() < until:
            time.sleep(_RESTART_SECONDS / 4)
            away = unreachable(self._root, _RESTART_SECONDS)
        if away:
            self.gone = f"{away} It answered before, last {self.last_answered}; then nothing came to {told(case)}"
            self.add(self.gone)
        return self.gone


def _way(case: Case) -> _Way:
    return case.contract.name, case.operation.id, case.asked.get("stream") is True


def told(case: Case) -> str:
    """A case by its operation and its own name."""
    return f"{case.operation.label}: {case.label}"
