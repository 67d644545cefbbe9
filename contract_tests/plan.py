"""The plan of a run: how many requests cost nothing, how many pictures of which models are paid for, and how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from contract_tests.budget import Ledger, price_of
from contract_tests.cases import Case, expected_images
from spec.prices import prices


@dataclass(slots=True)
class Plan:
    """What is going to be sent; `dollars` at most, `confirmed` where every price is a published one."""

    free: int = 0
    paid: int = 0
    images: int = 0
    dollars: float = 0.0
    confirmed: bool = True
    models: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, cases: Iterable[Case]) -> Plan:
        """The plan of these cases."""
        plan = cls()
        for case in cases:
            images = expected_images(case)
            if not images:
                plan.free += 1
                continue
            price = price_of(case)
            plan.paid += 1
            plan.images += images
            plan.dollars += price.dollars
            plan.confirmed &= price.confirmed
            plan.models[str(case.asked.get("model") or "the default model")] += images
        return plan

    @property
    def cost(self) -> str:
        """`at most about $0.42`, with what is to be known of the prices."""
        doubt = "" if self.confirmed else ", partly unconfirmed"
        return f"at most about ${self.dollars:.2f} (list prices of {prices().date}{doubt})"

    def told(self, ledger: Ledger) -> str:
        """The plan in a sentence or two."""
        free = f"{self.free} requests that cost nothing where the contract is kept"
        if not self.paid:
            return f"{free}; no pictures"
        models = ", ".join(f"{images} of {name}" for name, images in sorted(self.models.items()))
        caps = [
            f"{ledger.most_images} pictures" if ledger.most_images is not None else "",
            f"${ledger.most_dollars:.2f}" if ledger.most_dollars is not None else "",
            f"{ledger.most_requests} requests" if ledger.most_requests is not None else "",
        ]
        cap = f"; never more than {' or '.join(filter(None, caps))}" if any(caps) else ""
        return f"{free}, then {self.paid} for {self.images} pictures ({models}): {self.cost}{cap}"

    def data(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "free_requests": self.free,
            "paid_requests": self.paid,
            "images": self.images,
            "models": dict(self.models),
            "usd_at_most": round(self.dollars, 4),
            "prices": prices().date,
            "prices_confirmed": self.confirmed,
        }
