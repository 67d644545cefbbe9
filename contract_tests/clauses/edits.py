"""Clauses about pictures made from pictures: something was changed, and where a mask says so, nothing else.

None of them knows how much a model keeps. What is measured stands at each threshold; of real models nothing is known.
"""

from __future__ import annotations

from contract_tests.clauses.images import decoded, sized
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, asking, clause
from contract_tests.exchange import Exchange
from contract_tests.footage import FORMATS as VIDEOS
from contract_tests.likeness import SAME, differences, distance, likeness
from contract_tests.pairs import Pair
from contract_tests.pictures import measured

_NO_RASTER = ("svg", *VIDEOS)
#: what differs more is not the picture that was given: models that draw everything anew come near, but not exactly
_REPLACED = 48.0
#: what differs more, and half as much as where the mask is open, was not kept; servers that ignore masks come to 25
_TOUCHED, _HALF = 12.0, 0.5
#: how much more alike an edit and its own picture are than it and another's, both ways added: of servers that blend new
#: paint over it by a third to two thirds 1.7 to 2.7, of those that never look at it -0.9 to 0.6
_BASED = 0.5
_RATIO_TOLERANCE = 0.02


def _edited(exchange: Exchange) -> tuple[bytes, list[tuple[bytes, str]]] | None:
    """The picture that was given and those made from it (bytes, pointer); None where there is not exactly one given."""
    given = exchange.given("input-image")
    made = [(picture.data, picture.pointer) for picture in decoded(exchange) if picture.format not in _NO_RASTER]
    return (given[0], made) if len(given) == 1 and made and "prompt" in exchange.asked else None


@clause("edit.changed", "SHOULD", "x-role: input-image")
def changed(exchange: Exchange) -> Verdict:
    """An edit changes something.

    Why: the picture that was given comes back, and is billed as a new one.
    How: result and input are decoded and compared coarsely; another size or encoding is no change.
    Do: check that prompt, picture and mask reach the model.
    """
    told = _edited(exchange)
    if told is None or exchange.given("mask"):  # what is open may be a few pixels: edit.filled looks at them
        return None
    given, made = told
    for data, pointer in made:
        apart = distance(given, data)
        if apart is not None and apart < SAME:
            return Broken("a changed picture", "the one that was given", pointer)
    return CONFORMS


def _by_mask(exchange: Exchange) -> list[tuple[float, float, str]]:
    """How much each result differs where the mask keeps and where it opens, and where it stands."""
    told, masks = _edited(exchange), exchange.given("mask")
    if told is None or len(masks) != 1 or not _keeps_aspect(exchange):
        return []
    given, made = told
    found = [(differences(given, data, masks[0]), pointer) for data, pointer in made]
    return [(*apart, pointer) for apart, pointer in found if apart is not None]


def _keeps_aspect(exchange: Exchange) -> bool:
    """Whether the results have the shape of what was given, so that places in one are places in the other."""
    shape = measured(exchange.given("input-image")[0])
    if shape is None:
        return False
    wanted = shape.width / shape.height
    return all(abs(picture.width / picture.height / wanted - 1) < _RATIO_TOLERANCE for picture in sized(exchange))


@clause("edit.kept", "SHOULD", "x-role: mask", needs=asking("mask"))
def kept(exchange: Exchange) -> Verdict:
    """What a mask keeps stays roughly as it was.

    Why: a mask that is ignored replaces the whole picture, and nobody is told.
    How: cells wholly under the opaque part of the mask differ by less than a fifth on average; by more than a little
        only where the open part differs by twice that; where shapes agree.
    Do: pass the mask on, or refuse it.
    """
    found = _by_mask(exchange)
    if not found:
        return None
    bad = next((one for one in found if one[0] > _REPLACED or one[0] > max(_TOUCHED, _HALF * one[1])), None)
    return (
        Broken("the rest of the picture as it was", f"a difference of {bad[0]:.0f} of 255", bad[2]) if bad else CONFORMS
    )


@clause("edit.filled", "SHOULD", "x-role: mask", needs=asking("mask"))
def filled(exchange: Exchange) -> Verdict:
    """What a mask opens is drawn anew.

    Why: a change that happens elsewhere, or nowhere, is not the one asked for.
    How: cells wholly under the transparent part of the mask differ, where the picture had something there.
    Do: check which way round the model reads masks.
    """
    found = _by_mask(exchange)
    if not found:
        return None
    bad = next((one for one in found if one[1] < SAME), None)
    if bad is None:
        return CONFORMS
    elsewhere = ", and what it keeps drawn anew: as if it were inverted" if bad[0] > _TOUCHED else ""
    return Broken("something new where the mask is open", f"what was there before{elsewhere}", bad[2])


@clause("edit.based", "SHOULD", "x-role: input-image", "pair")
def based(pair: Pair) -> Verdict:
    """An edit looks like the picture it was made of, more than like another one.

    Why: a picture that was never looked at is another picture, billed as an edit.
    How: of two edits of clearly different pictures each is, coarsely, more like its own than like the other's; those
        whose mask was not kept left out.
    Do: hand the picture on to the model.
    """
    first, second = _edited(pair.base), _edited(pair.other)
    if first is None or second is None or "input-image" not in pair.differs:
        return None
    if any(isinstance(kept(part), Broken) for part in (pair.base, pair.other)):  # perhaps it is the mask alone
        return None
    (one, [(made, _), *_]), (other, [(made_of_other, pointer), *_]) = first, second
    apart = likeness(one, other)
    found = [likeness(made, one), likeness(made_of_other, other), likeness(made, other), likeness(made_of_other, one)]
    if apart is None or apart > _BASED or None in found:
        return None
    own, others = (sum(part for part in half if part is not None) for half in (found[:2], found[2:]))
    if own - others > _BASED:
        return CONFORMS
    received = f"likeness {own / 2:.2f} to their own, {others / 2:.2f} to each other's"
    return Broken("two edits more like their own pictures than like each other's", received, pointer)
