"""Admission: what the mock was told to refuse though the contract allows it: too much, too often, blocked words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from math import ceil
from typing import Any

from mockserver.limits import MINUTE, Excess, Limits
from mockserver.replies import Refusal
from mockserver.settings import Settings
from spec.contract import Contract
from spec.errors import SpecError

BLOCKED, QUOTA, LIMITED, IMAGES_LIMITED = "moderation-blocked", "quota-exhausted", "rate-limited", "image-rate-limited"
#: what no waiting helps against: the answer does not say when to come back
FINAL = frozenset({QUOTA})
_PROBLEM_OF_UNIT = {"requests": (LIMITED,), "images": (IMAGES_LIMITED, LIMITED)}


class Admission:
    """Rate limits, quota and blocked words of one server.

    A contract that does not document the problem lets everything pass.
    """

    def __init__(self, settings: Settings, limits: Limits, made: int) -> None:
        self.limits = limits
        self.made = made
        self._quota = settings.quota_images
        self._blocked = [word.casefold() for word in settings.blocked]

    @staticmethod
    def of(
        settings: Settings, clock: Callable[[], float], before: Admission | None, touched: Collection[str]
    ) -> Admission | None:
        """What the settings ask for; None when they let everything pass.

        Counters go on from `before`, except those whose field was `touched`.
        """
        if not (settings.rate_limits or settings.blocked or settings.quota_images is not None):
            return None
        limits = before.limits if before and "rate_limits" not in touched else Limits(settings.rate_limits, clock)
        made = before.made if before and "quota_images" not in touched else 0
        return Admission(settings, limits, made)

    def request(self, contract: Contract, key: str) -> Refusal | None:
        """How a request of this key is refused because there were too many; None when it is counted and passes."""
        if LIMITED not in contract.problems:
            return None
        excess = self.limits.take(key, "requests")
        return None if excess is None else self._too_many(contract, key, excess)

    def work(self, contract: Contract, key: str, roles: Mapping[str, Any]) -> Refusal | None:
        """How a valid request for pictures is refused; None when its pictures are counted and it passes."""
        if self._blocked and BLOCKED in contract.problems and self._blocks(str(roles.get("prompt", ""))):
            return Refusal(contract.problem_for(BLOCKED, roles), "prompt", "prompt")
        count = int(roles.get("count", 1))
        if self._quota is not None and QUOTA in contract.problems and self.made + count > self._quota:
            return Refusal(contract.problem_for(QUOTA, roles))
        if any(name in contract.problems for name in _PROBLEM_OF_UNIT["images"]):
            excess = self.limits.take(key, "images", count)
            if excess is not None:
                self.limits.give_back(key, "requests")  # a 429 is not counted as a request
                return self._too_many(contract, key, excess)
        self.made += count
        return None

    def _blocks(self, prompt: str) -> bool:
        text = prompt.casefold()
        return any(word in text for word in self._blocked)

    def _too_many(self, contract: Contract, key: str, excess: Excess) -> Refusal:
        name = next(name for name in _PROBLEM_OF_UNIT[excess.limit.unit] if name in contract.problems)
        facts: dict[str, Any] = {
            "per-minute": excess.limit.amount,
            "used": excess.used,
            "requested": excess.requested,
        }
        roles: dict[str, Any] = {**self.limits.standing(key), "should-retry": excess.wait is not None}
        if excess.wait is None:  # more than the bucket holds: waiting does not help, whatever the text says
            facts["retry-after"] = int(MINUTE)
            roles.update({"retry-after": None, "retry-after-ms": None})
        else:
            millis = ceil(excess.wait * 1000)
            facts["retry-after"] = ceil(millis / 1000)
            roles.update({"retry-after": ceil(millis / 1000), "retry-after-ms": millis})
        return Refusal(name, facts=facts, roles=roles)


def check_admission(settings: Settings, contracts: Iterable[Contract]) -> None:
    """Refuse settings that no served contract has words for. Raises SpecError."""
    known = {name for contract in contracts for name in contract.problems}
    units = {limit.unit for limit in settings.rate_limits}
    wanted = [
        (bool(settings.blocked), (BLOCKED,), "blocked words"),
        (settings.quota_images is not None, (QUOTA,), "a quota"),
        *((unit in units, names, f"a limit on {unit}") for unit, names in _PROBLEM_OF_UNIT.items()),
    ]
    for is_wanted, names, what in wanted:
        if is_wanted and known.isdisjoint(names):
            raise SpecError(
                f"{what} cannot be played: no served contract says how that is answered"
                f"\n  expected: a problem {' or '.join(names)} under x-problems"
            )
