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


@dataclass(slots=True)
class Share:
    """The part of the money that one way to pictures was given, and what it has spent of it."""

    most_images: int
    images: int = 0

    def spent_for(self, images: int) -> str:
        """Why `images` more pictures are not asked for; empty while they fit."""
        return "the pictures planned for this are made already" if self.images + images > self.most_images else ""
