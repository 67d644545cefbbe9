"""Money: what a run may cost, asked before anything is sent, counted after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contract_tests.cases import Case, expected_images
from spec.prices import Price, prices

_INPUT = (1024, 1024)  # a picture that is given is no larger than this


class BudgetSpent(Exception):
    """The next case might cost more than is left; it is not sent."""


def price_of(case: Case, images: int | None = None) -> Price:
    """What a case costs at most where the contract is kept, or where it made so many pictures."""
    given = case.asked.get("input-image")
    qualities = [
        word
        for schema in case.operation.body.values()
        for inner in schema.get("properties", {}).values()
        if inner.get("x-role") == "quality"
        for word in inner.get("enum", ())
        if word not in (None, "auto")
    ]
    made = expected_images(case) if images is None else images
    inputs = [_INPUT] * (len(given) if isinstance(given, list) else 0)
    return prices().at_most(case.asked, made, case.contract.tokens, inputs, qualities, case.makes)


FREE = Price(0.0, True)


def beyond_caps(price: Price, most_images: int | None, most_dollars: float | None) -> str:
    """Why these caps cannot hold what a request costs, whatever is left of them; empty where they can."""
    if price.known or most_dollars is None or most_images is not None:
        return ""
    return "what it costs is not known, so --budget alone is no cap on it: say how many may be made with --max-images"


def at_most(dollars: float, unpriced: int, by: str = "") -> str:
    """`at most about $0.42`, by which prices, and what it does not count."""
    return f"at most about ${dollars:.2f}{by}" + (f", and {unpriced} of a price that is not known" if unpriced else "")


@dataclass(slots=True)
class Ledger:
    """What a run may cost and has cost; None means no cap. `dollars` are what it costs at most by the price list.

    `unpriced` of the `images` have no price there: `dollars` do not count them.
    """

    most_images: int | None
    most_dollars: float | None = None
    most_requests: int | None = None
    images: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    requests: int = 0
    refused_but_delivered: int = 0

    def ask(self, images: int, price: Price = FREE) -> None:
        """Raises BudgetSpent when `images` more pictures, or what they cost, do not fit under the caps."""
        if images and (reason := beyond_caps(price, self.most_images, self.most_dollars)):
            raise BudgetSpent(reason)
        if self.most_images is not None and images and self.images + images > self.most_images:
            left = max(self.most_images - self.images, 0)
            raise BudgetSpent(
                f"more pictures than are left of at most {self.most_images} (--max-images); this case may make "
                f"{images}, with {left} left"
            )
        if self.most_dollars is not None and images and self.dollars + price.dollars > self.most_dollars:
            raise BudgetSpent(
                f"about ${self.dollars:.2f} of ${self.most_dollars:.2f} are spent (--budget); this case costs up to "
                f"${price.dollars:.3f} more"
            )

    def ask_request(self) -> None:
        """Count a request. Raises BudgetSpent when there have been as many as may be."""
        if self.most_requests is not None and self.requests >= self.most_requests:
            raise BudgetSpent(f"at most {self.most_requests} requests may be sent (--max-requests)")
        self.requests += 1

    def charge(self, images: int, price: Price = FREE) -> None:
        """Count pictures that were made, or must be taken as made."""
        self.images += images
        self.dollars += price.dollars
        self.unpriced += 0 if price.known else images


@dataclass(slots=True)
class Share:
    """The part of the money that one way to pictures was given, and what it has spent of it."""

    most_images: int
    images: int = 0

    def spent_for(self, images: int) -> str:
        """Why `images` more pictures are not asked for; empty while they fit."""
        return "the pictures planned for this are made already" if self.images + images > self.most_images else ""


@dataclass(slots=True)
class Kept:
    """The pictures of a plan that nothing else may eat: the `first` cases of every way to one, `others` come after.

    Both by the keys of cases. What was asked, or cannot be, is kept no longer.
    """

    first: dict[Any, Case] = field(default_factory=dict)
    others: frozenset[Any] = frozenset()

    @property
    def images(self) -> int:
        """How many pictures are kept for what was not asked yet."""
        return sum(map(expected_images, self.first.values()))

    def done(self, case: Case) -> None:
        """Keep nothing for a case any more."""
        self.first.pop(case.key, None)

    def why_not(self, case: Case, ledger: Ledger) -> str:
        """Why a case has to wait for those that come first; empty where the money lasts for all."""
        images, dollars = ledger.most_images, ledger.most_dollars
        if case.key not in self.others or not expected_images(case):
            return ""
        if images is not None and ledger.images + expected_images(case) + self.images > images:
            return f"what is left of {images} pictures is kept for ways to a picture that were not tried yet"
        left = sum(price_of(one).dollars for one in self.first.values())
        if dollars is not None and ledger.dollars + price_of(case).dollars + left > dollars:
            return f"what is left of ${dollars:.2f} is kept for ways to a picture that were not tried yet"
        return ""
