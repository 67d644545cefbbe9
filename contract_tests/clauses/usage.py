"""Clauses about what is billed: token counts that add up, and have to do with what was asked, made and priced."""

from __future__ import annotations

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange

_FACTOR = 4  # models are reported to cost up to three times what their table says


def _told(exchange: Exchange) -> dict[str, int]:
    return {m.role: m.value for m in exchange.meanings if m.role.startswith("usage-") and type(m.value) is int}


def _counts(exchange: Exchange) -> dict[str, int]:
    """What is counted; nothing where a count is below nought, which is `usage.sums`' business."""
    told = _told(exchange)
    return told if min(told.values(), default=0) >= 0 else {}


@clause("usage.sums", "SHOULD", "x-role: usage-*")
def usage(exchange: Exchange) -> Verdict:
    """Token counts are not negative, and the parts make the whole.

    Why: people are billed by these numbers and add them up themselves.
    How: no count is below zero; where a whole and all its parts are told, the parts make the whole.
    Do: compute the totals from the parts that are sent.
    """
    told = _told(exchange)
    if not told:
        return None
    if least := min(told.values()) < 0 and min(told, key=lambda role: told[role]):
        return Broken("counts of 0 or more", f"{least} is {told[least]}")
    for whole, parts in (
        ("usage-total", ("usage-input", "usage-output")),
        ("usage-input", ("usage-input-text", "usage-input-image")),
        ("usage-output", ("usage-output-text", "usage-output-image")),
    ):
        if whole in told and all(part in told for part in parts) and told[whole] != sum(told[part] for part in parts):
            return Broken(
                f"{whole} = {' + '.join(parts)}", f"{told[whole]} = {' + '.join(str(told[part]) for part in parts)}"
            )
    return CONFORMS


@clause("usage.parts", "SHOULD", "x-role: usage-*")
def parts(exchange: Exchange) -> Verdict:
    """No part of a count is more than the whole.

    Why: details are what prices differ by; one that is larger than its sum is of another request.
    How: every part that is told against its whole, also where the other part is not told.
    Do: take details and sums from one place.
    """
    told = _counts(exchange)
    pairs = [
        (part, whole)
        for whole in ("usage-total", "usage-input", "usage-output")
        for part in told
        if whole in told and part != whole and part.startswith(whole.replace("-total", "-"))
    ]
    if not pairs:
        return None
    bad = next(((part, whole) for part, whole in pairs if told[part] > told[whole]), None)
    return Broken(f"{bad[0]} of at most {told[bad[1]]}", str(told[bad[0]])) if bad else CONFORMS


@clause("usage.output", "SHOULD", "x-role: usage-output")
def output(exchange: Exchange) -> Verdict:
    """Pictures that are made cost something.

    Why: a count of nought, or of the pictures, is a wrapper's stand-in; budgets built on it never end.
    How: where the tokens of the output are told, there are more of them than pictures.
    Do: pass the model's own counts on, or leave the usage out.
    """
    told, made = _counts(exchange).get("usage-output"), exchange.pictures_delivered
    if told is None or not exchange.owes_pictures or not made:
        return None
    return CONFORMS if told > made else Broken(f"tokens for {made} picture{'s' * (made > 1)}", str(told))


@clause("usage.output-image", "SHOULD", "x-role: usage-output-image")
def output_image(exchange: Exchange) -> Verdict:
    """The tokens of pictures are counted as such.

    Why: pictures and text have different prices.
    How: where both the output and its part of pictures are told, and pictures came, the part is not nought.
    Do: map the details, or leave them out.
    """
    told = _counts(exchange)
    if not told.get("usage-output") or "usage-output-image" not in told or not exchange.owes_pictures:
        return None
    return CONFORMS if told["usage-output-image"] > 0 else Broken("tokens of pictures in the output", "0")


@clause("usage.input", "SHOULD", "x-role: usage-input")
def input_(exchange: Exchange) -> Verdict:
    """A prompt that is read costs something.

    Why: nought says that the prompt was not read, or not counted; one of them is wrong.
    How: where the tokens of the input are told and there was a prompt, there is one or more.
    Do: pass the model's own counts on, or leave the usage out.
    """
    told, prompt = _counts(exchange).get("usage-input"), exchange.asked.get("prompt")
    if told is None or not exchange.owes_pictures or not isinstance(prompt, str) or not prompt.strip():
        return None
    return CONFORMS if told > 0 else Broken("tokens for the prompt", str(told))


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
