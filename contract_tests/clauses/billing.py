"""Clauses about what an answer says its pictures cost."""

from __future__ import annotations

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange

_FACTOR = 4  # models are reported to cost up to three times what their table says


@clause("usage.plausible", "SHOULD", "x-usage")
def plausible(exchange: Exchange) -> Verdict:
    """The tokens of pictures are about what the contract says such pictures cost.

    Why: whoever bills by tokens bills zeros, numbers of pictures, or several times the price.
    How: tokens out are compared with the contract's count for this model, size and quality; a factor of four is
    tolerated.
    Do: pass on the upstream's counts unchanged.
    """
    said, expected = exchange.said("usage-output"), _output_tokens(exchange)
    if not exchange.owes_pictures or expected is None or type(said) is not int or said < 0:
        return None
    if expected <= said * _FACTOR and said <= expected * _FACTOR:
        return CONFORMS
    return Broken(f"about {expected} tokens out", str(said))


@clause("usage.reference", "SHOULD", "x-role: usage-input-image")
def reference(exchange: Exchange) -> Verdict:
    """Pictures that were given cost tokens.

    Why: zero tokens are how one sees that a reference picture was dropped on the way.
    How: where pictures were given and `usage-input-image` is told, it is above zero.
    Do: pass the pictures on, and count them.
    """
    said = exchange.said("usage-input-image")
    if not exchange.owes_pictures or not exchange.asked.get("input-image") or type(said) is not int:
        return None
    return CONFORMS if said else Broken("tokens for the pictures given", "0")


def _output_tokens(exchange: Exchange) -> int | None:
    """What the contract says the pictures cost; None where it does not know."""
    contract, asked = exchange.case.contract, exchange.asked
    picture = next((picture for picture in exchange.pictures if picture.format and picture.width), None)
    quality = exchange.said("quality") or asked.get("quality")
    if picture is None or asked.get("model") not in {model.name for model in contract.models}:
        return None
    if not isinstance(quality, str) or not isinstance(asked.get("prompt"), str):
        return None
    counted = contract.tokens.count(
        model=asked["model"],
        prompt=asked["prompt"],
        count=exchange.pictures_delivered,
        size=(picture.width, picture.height),
        quality=quality,
        partials=len(exchange.events_of("partial")),
    )
    return None if counted is None else counted["usage-output"]
