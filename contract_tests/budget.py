"""Money: how many pictures and requests a run may cost, asked before anything is sent, counted after."""

from __future__ import annotations

from dataclasses import dataclass


class BudgetSpent(Exception):
    """The next case might cost more than is left; it is not sent."""


@dataclass(slots=True)
class Ledger:
    """What a run may cost and has cost. `most_images` None means no cap."""

    most_images: int | None
    images: int = 0
    requests: int = 0
    refused_but_delivered: int = 0

    def ask(self, images: int) -> None:
        """Raises BudgetSpent when `images` more pictures do not fit under the cap."""
        if self.most_images is not None and self.images + images > self.most_images:
            raise BudgetSpent(
                f"{self.images} of at most {self.most_images} pictures are made; this case asks for {images} more"
            )

    def charge(self, images: int) -> None:
        """Count pictures that were made, or must be taken as made."""
        self.images += images
