"""A row of the view: one thing all three speak of, what each says of it, and who deviates from whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Who = Literal["agree", "document", "provider", "both", "each"]

#: who deviates, as people read it
WHO: dict[Who, str] = {
    "each": "each in its own way",
    "provider": "the provider",
    "both": "document and provider, alike",
    "document": "the document",
    "agree": "nobody",
}
NOTHING = "not said"
UNSEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Row:
    """`part` is request, answer or status; `line` where the document says it, 0 where it does not; `seen` whether it
    was looked at in the provider.
    """

    part: str
    name: str
    contract: str
    document: str
    line: int
    observed: str
    who: Who
    seen: bool


def who_deviates(document: bool | None, provider: bool | None, apart: bool | None) -> Who:
    """Who deviates: whether the document, and the provider, is other than the contract, and they from one another.

    None where nothing is known of it.
    """
    if document and provider:
        return "each" if apart else "both"
    if document:
        return "document"
    return "provider" if provider else "agree"
