"""The plan of a run: how many requests cost nothing, how many pictures of which models are paid for, and how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract_tests.budget import Ledger, at_most, price_of
from contract_tests.cases import Case, expected_images
from spec.prices import prices

#: pictures that may be spent beyond the plan, within the caps, to show what was found with smaller requests
IMAGES_TO_SHRINK = 4
_NAMED = 4  # models that are told of a plan


@dataclass(slots=True)
class Plan:
    """What is going to be sent; `dollars` at most, `confirmed` where every price is a published one; `unpriced` of the
    pictures have none.

    `again` of the requests failed before, `images_again` of the pictures are theirs.
    """

    free: int = 0
    paid: int = 0
    images: int = 0
    dollars: float = 0.0
    confirmed: bool = True
    unpriced: int = 0
    models: Counter[str] = field(default_factory=Counter)
    again: int = 0
    images_again: int = 0

    @classmethod
    def of(cls, cases: Iterable[Case], again: Sequence[Case] = ()) -> Plan:
        """The plan of these cases, of which those in `again` failed before; a request told twice is sent once."""
        plan = cls(again=len(again), images_again=sum(map(expected_images, again)))
        for case in {case.key: case for case in cases}.values():
            images = expected_images(case)
            if not images:
                plan.free += 1
                continue
            price = price_of(case)
            plan.paid += 1
            plan.images += images
            plan.dollars += price.dollars
            plan.confirmed &= price.confirmed or not price.known
            plan.unpriced += 0 if price.known else images
            plan.models[str(case.asked.get("model") or "the default model")] += images
        return plan

    @property
    def cost(self) -> str:
        """`at most about $0.42`, with what is to be known of the prices."""
        doubt = "" if self.confirmed else ", partly unconfirmed"
        return f"{at_most(self.dollars, self.unpriced)} (list prices of {prices().date}{doubt})"

    def told(self, ledger: Ledger) -> str:
        """The plan in a sentence or two."""
        free = f"{self.free} requests that cost nothing where the contract is kept"
        if self.again:
            pictures = f", {self.images_again} of the pictures theirs" if self.images_again else ""
            free = f"first again the {self.again} that failed before{pictures}; in all {free}"
        if not self.paid:
            return f"{free}; no pictures"
        models = ", ".join(f"{images} of {name}" for name, images in sorted(self.models.most_common(_NAMED)))
        models += f" and {len(self.models) - _NAMED} more models" if len(self.models) > _NAMED else ""
        caps = [
            f"{ledger.most_images} pictures" if ledger.most_images is not None else "",
            f"${ledger.most_dollars:.2f}" if ledger.most_dollars is not None else "",
            f"{ledger.most_requests} requests" if ledger.most_requests is not None else "",
        ]
        cap = f"; never more than {' or '.join(filter(None, caps))}" if any(caps) else ""
        spare = ledger.most_images is None or ledger.most_images > self.images
        more = f"; up to {IMAGES_TO_SHRINK} more to show what is found in less" if spare else ""
        return f"{free}, then {self.paid} for {self.images} pictures ({models}): {self.cost}{more}{cap}"

    def data(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "free_requests": self.free,
            "paid_requests": self.paid,
            "images": self.images,
            "requests_that_failed_before": self.again,
            "models": dict(self.models),
            "usd_at_most": round(self.dollars, 4),
            "unpriced": self.unpriced,
            "prices": prices().date,
            "prices_confirmed": self.confirmed,
        }
