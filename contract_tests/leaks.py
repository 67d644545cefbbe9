"""Leaks: pictures made of requests that should have been refused, and what may be risked after that.

Who draws one kind of broken request (a problem of an operation) need not draw others. Of a kind that was drawn no more
is sent; others go on within the allowance, a part of the budget that the plan's first cases do not need; and what was
seen refused elsewhere is believed to be, until it is drawn after all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf

from contract_tests.budget import BudgetSpent, Ledger, price_of
from contract_tests.cases import Case, expected_images, makes_pictures, most_images
from contract_tests.exchange import Exchange

_PART = 4  # of the budget a fourth
_OF_ONE_KIND = 4  # and of that a fourth again, or one picture
_TRUSTED = 1  # picture: so much who was seen to refuse is trusted with when all else is risked


@dataclass(slots=True)
class Leaks:
    """What a provider has made of broken requests. `spare`: pictures of the budget that nothing else needs."""

    ledger: Ledger
    spare: float = inf
    images: int = 0
    dollars: float = 0.0
    _of: Counter[tuple[str, str]] = field(default_factory=Counter)
    _refused: set[str] = field(default_factory=set)
    _of_nothing: bool = False
    _betrayed: bool = False

    @property
    def allowance(self) -> float:
        """How many pictures may be risked in all."""
        cap = self.ledger.most_images
        return inf if cap is None else max(min(cap // _PART, self.spare - _TRUSTED), 0)

    @property
    def _dollars(self) -> float:
        cap = self.ledger.most_dollars
        return inf if cap is None else cap / _PART

    def endangers(self, case: Case) -> bool:
        """Whether a broken request alone could make more than may be risked: it waits for what is planned."""
        most = _asked(case) if case.defect is not None else 0
        return bool(most) and (most > self.allowance or price_of(case, most).dollars > self._dollars)

    def could_cost(self, case: Case) -> int:
        """Pictures a case may make, as far as is known of this provider."""
        if case.defect is None:
            return max(expected_images(case), int(self._of_nothing and makes_pictures(case.operation)))
        most = _asked(case)
        if self._of[_kind(case)]:
            return max(most, 1)
        is_trusted = case.defect.problem in self._refused and not self._betrayed and most <= _TRUSTED
        if not self._of or is_trusted:
            return 0
        return most or int(self._of_nothing and makes_pictures(case.operation))

    def why_not(self, case: Case) -> str:
        """Why a case is not worth its risk: enough of its kind was drawn. Empty where it is."""
        if case.defect is None or self._of[_kind(case)] < max(self.allowance / _OF_ONE_KIND, 1):
            return ""
        return f"{case.operation.label} draws what should be refused as {case.defect.problem}: no more of that is sent"

    def ask(self, case: Case) -> None:
        """Raises BudgetSpent when broken requests have made their part: the rest is for what is right."""
        most = self.could_cost(case) if case.defect is not None else 0
        if not most:
            return
        if self.images + most > self.allowance or self.dollars + price_of(case, most).dollars > self._dollars:
            cap = f"{self.ledger.most_images} pictures" if self.ledger.most_images is not None else "the budget"
            raise BudgetSpent(
                f"{self.images} picture{'s were' if self.images != 1 else ' was'} made by requests that should have "
                f"been refused; of {cap} no more are risked on such"
            )

    def note(self, exchange: Exchange) -> None:
        """Learn from an answer to a broken request, or to one that asks for nothing."""
        case, made = exchange.case, exchange.pictures_made
        if made and not expected_images(case):
            self._of_nothing |= not _asked(case)
        if case.defect is None:
            return
        if made:
            self._betrayed |= case.defect.problem in self._refused and self.images >= self.allowance
            self._of[_kind(case)] += made
            self.images += made
            self.dollars += price_of(case, made).dollars
        elif 400 <= exchange.response.status < 500:
            self._refused.add(case.defect.problem)


def _asked(case: Case) -> int:
    """Pictures a broken request asks for; what is tolerated lacks what it needs to be drawn, too."""
    return 0 if case.defect is not None and case.defect.tolerated else most_images(case)


def _kind(case: Case) -> tuple[str, str]:
    return case.defect.problem if case.defect else "", case.contract.operation(case.operation.id).label
