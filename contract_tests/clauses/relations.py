"""Clauses about two results at once: what was asked otherwise must show. A parameter accepted and ignored shows here.

None of them needs a provider that draws the same picture twice: most draw another one each time.
"""

from __future__ import annotations

from typing import Any

from contract_tests.clauses.images import sized
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, asking, clause
from contract_tests.exchange import Exchange
from contract_tests.likeness import quantised
from contract_tests.pairs import Pair, decoded, origin, wish
from contract_tests.seen import Seen
from spec.language import INPUT_ROLES
from spec.units import size_text

_LOSSY = ("jpeg", "webp")
_FAR_APART = 50  # of compression: nearer levels may well give the same number of bytes
_LONGEST, _BEFORE = 40, 12  # letters of a text that are shown, and of those in front of what is different


def _of_one(found: list[Any]) -> Any:
    """The one value all have; None where they differ or there is none."""
    return found[0] if found and all(value == found[0] for value in found) else None


def _sizes(exchange: Exchange) -> list[tuple[int, int]]:
    return [(picture.width, picture.height) for picture in sized(exchange)]


def _ignored(pair: Pair, role: str, shown: tuple[Any, Any], right: tuple[bool, bool], told: str = "") -> Verdict:
    """Broken when two answers to different wishes are alike, CONFORMS when each is as wished, else unknown."""
    wishes = pair.meant(role) if role == "count" else pair.told(role)
    if wishes is None or shown[0] is None or shown[1] is None:
        return None
    if shown[0] == shown[1]:
        asked = " and ".join(f"{role} {_short(wish_)}" for wish_ in wishes)
        return Broken(f"{asked} give different results", f"both give {told or _short(shown[0])}")
    return CONFORMS if all(right) else None


def _short(value: Any) -> str:
    text = size_text(value) if isinstance(value, tuple) and len(value) == 2 else str(value)
    return repr(text[:_LONGEST] + "…") if len(text) > _LONGEST else text


@clause("meta.size", "MUST", "x-role: size", "pair")
def size(pair: Pair) -> Verdict:
    """Another size asked for gives pictures of another size.

    Why: a parameter that is accepted and ignored is paid for and not had.
    How: the decoded pixels of any two answers whose requests name different sizes.
    Do: hand the size on to the model, or refuse it.
    """
    wishes = pair.told("size")
    if wishes is None or not all(isinstance(wish_, tuple) for wish_ in wishes):
        return None
    shown = (_of_one(_sizes(pair.base)), _of_one(_sizes(pair.other)))
    told = f"{shown[0][0]}x{shown[0][1]} pixels" if shown[0] else ""
    return _ignored(pair, "size", shown, (shown[0] == wishes[0], shown[1] == wishes[1]), told)


@clause("meta.count", "MUST", "x-role: count", "pair")
def count(pair: Pair) -> Verdict:
    """Another count asked for gives another number of pictures.

    Why: whoever asks for four pictures and gets one asks three times more.
    How: the pictures counted of any two answers whose requests name different counts.
    Do: make as many as asked, or refuse the count.
    """
    wishes = pair.meant("count")
    shown = (pair.base.pictures_delivered, pair.other.pictures_delivered)
    right = (wishes is not None and shown[0] == wishes[0], wishes is not None and shown[1] == wishes[1])
    return _ignored(pair, "count", shown, right, f"{shown[0]} picture{'s' if shown[0] != 1 else ''}")


@clause("meta.output-format", "MUST", "x-role: output-format", "pair")
def output_format(pair: Pair) -> Verdict:
    """Another output format asked for gives other bytes than those of one format for all.

    Why: a file named .webp that is a PNG fails where it is used.
    How: the bytes of any two answers whose requests name different formats.
    Do: encode as asked, or refuse the format.
    """
    wishes = pair.told("output-format")
    one, two = (_of_one([picture.format for picture in decoded(part)]) for part in (pair.base, pair.other))
    right = (wishes is not None and one == wishes[0], wishes is not None and two == wishes[1])
    return _ignored(pair, "output-format", (one, two), right, f"{one} bytes")


@clause("meta.delivery", "MUST", "x-role: delivery", "pair")
def delivery(pair: Pair) -> Verdict:
    """A link asked for and base64 asked for are not answered alike.

    Why: code that asked for a link finds null where it fetches.
    How: the representation in any two answers whose requests name different ones.
    Do: hand the wish on to whatever writes the answer, or refuse it.
    """
    wishes = pair.told("delivery")
    one, two = (_of_one([m.role for m in part.image_meanings if m.raw]) for part in (pair.base, pair.other))
    right = (wishes is not None and one == wishes[0], wishes is not None and two == wishes[1])
    if pair.other.own_model and (one, two) == ("image-b64", "image-b64"):  # images.link-heard speaks of that
        return None
    return _ignored(pair, "delivery", (one, two), right)


@clause("meta.background", "MUST", "x-role: background", "pair")
def background(pair: Pair) -> Verdict:
    """A transparent background asked for shows no less than an opaque one.

    Why: a picture that was to be laid over another hides it.
    How: alpha in two answers, one asked to be transparent, the other opaque.
    Do: draw with alpha, or refuse `transparent`.
    """
    wishes = pair.told("background")
    if wishes is None or set(wishes) != {"transparent", "opaque"}:
        return None
    clear, solid = (pair.base, pair.other) if wishes[0] == "transparent" else (pair.other, pair.base)
    seen = (_of_one([p.alpha for p in decoded(clear)]), _of_one([p.alpha for p in decoded(solid)]))
    if None in seen:
        return None
    if seen == (False, False):
        return Broken("background transparent and opaque give different results", "both give opaque pictures")
    return CONFORMS if seen == (True, False) else None


@clause("meta.prompt", "MUST", "x-role: prompt", "pair")
def prompt(pair: Pair) -> Verdict:
    """Another prompt gives another picture.

    Why: a cache with too short a key, or a canned picture, hands one caller's picture to another.
    How: pixels of any two answers whose prompts differ; the same ones are no coincidence.
    Do: draw from the prompt; have the whole request in the key of a cache.
    """
    return _drawn_anew(pair, "prompt", "prompts")


@clause("meta.input-image", "MUST", "x-role: input-image", "pair", needs=asking("input-image"))
def input_image(pair: Pair) -> Verdict:
    """Another picture to start from gives another picture.

    Why: an edit that never saw the picture is another picture, billed as an edit.
    How: pixels of any two answers whose pictures to start from differ.
    Do: hand the picture's bytes on to the model.
    """
    return _drawn_anew(pair, "input-image", "pictures to start from")


@clause("meta.mask", "MUST", "x-role: mask", "pair", needs=asking("mask"))
def mask(pair: Pair) -> Verdict:
    """Another mask, or none, gives another picture.

    Why: an edit that ignores its mask redraws what was to stay.
    How: pixels of two answers whose requests differ in the mask alone.
    Do: hand the mask on to the model, or refuse it.
    """
    # Where the prompt or the picture differs, too, it is of those that the same pixels speak.
    if pair.differs & {"prompt", "input-image"}:
        return None
    masks = [wish(part).get("mask", ()) for part in (pair.base, pair.other)]
    if () in masks and {*masks[0], *masks[1]} & {*wish(pair.base).get("input-image", ())}:
        return None  # where there is no mask, a picture with holes in it may be its own
    return _drawn_anew(pair, "mask", "masks")


def _drawn_anew(pair: Pair, role: str, plural: str) -> Verdict:
    """The same pixels for two different wishes are no coincidence, whatever else was asked otherwise."""
    if role not in pair.differs or not decoded(pair.base) or not decoded(pair.other):
        return None
    if twin := pair.same_pixels:
        return Broken(f"different pictures for different {plural}", _twins(pair, role, twin), twin.pointer)
    return CONFORMS if pair.only(role) else None


def _twins(pair: Pair, role: str, twin: Seen) -> str:
    told = f"the same {twin.width}x{twin.height} pixels twice"
    if role in INPUT_ROLES:
        return told
    one, two = _told_apart(str(wish(pair.base).get(role)), str(wish(pair.other).get(role)))
    return f"{told}, for {one} and for {two}"


def _told_apart(one: str, two: str) -> tuple[str, str]:
    """Two texts cut to what is different in them, where they begin alike."""
    alike = next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    begin = alike - _BEFORE if alike > _LONGEST - _BEFORE else 0
    front = "…" if begin else ""
    return _short(front + one[begin:]), _short(front + two[begin:])


def _other_pixels(pair: Pair, role: str) -> Verdict:
    """Broken when two requests that differ in one role alone were answered with the same pixels."""
    if pair.told(role) is None or not pair.only(role):
        return None
    if twin := pair.same_pixels:
        return Broken(f"different pictures for each {role}", "the same pixels twice", twin.pointer)
    return CONFORMS if decoded(pair.base) and decoded(pair.other) else None


@clause("meta.seed", "SHOULD", "x-role: seed", "pair")
def seed(pair: Pair) -> Verdict:
    """Another seed gives another picture.

    Why: whoever wants variants of one prompt turns the seed.
    How: pixels of two answers whose requests differ in the seed alone.
    Do: hand the seed on to the model, or refuse it.
    """
    return _other_pixels(pair, "seed")


@clause("meta.style", "SHOULD", "x-role: style", "pair")
def style(pair: Pair) -> Verdict:
    """Another style gives another picture.

    Why: a parameter that changes nothing is better refused.
    How: pixels of two answers whose requests differ in the style alone.
    Do: hand the style on to the model, or refuse it.
    """
    return _other_pixels(pair, "style")


@clause("meta.compression", "SHOULD", "x-role: compression", "pair")
def compression(pair: Pair) -> Verdict:
    """A picture compressed hard has fewer bytes than the same request's hardly compressed one.

    Why: compression is asked for to save bytes.
    How: bytes of two jpeg or webp answers whose requests differ in compression alone, by 50 or more; of any two jpeg
        answers that far apart, the tables by which they were quantised.
    Do: hand compression on to the encoder, or refuse it.
    """
    wishes = [level for part in (pair.base, pair.other) if type(level := wish(part).get("compression")) is int]
    one, two = decoded(pair.base), decoded(pair.other)
    formats = {picture.format for picture in (*one, *two)}
    if len(wishes) < 2 or not one or not two or abs(wishes[0] - wishes[1]) < _FAR_APART:
        return None
    if formats == {"jpeg"} and quantised(one[0].data) == quantised(two[0].data):
        told = f"compression {min(wishes)} and {max(wishes)} are quantised differently"
        return Broken(told, "both by the same tables", two[0].pointer)
    if not pair.only("compression") or not formats <= set(_LOSSY):
        return None
    hard, mild = (one, two) if wishes[0] < wishes[1] else (two, one)
    least, most = len(hard[0].data), len(mild[0].data)
    if least < most:
        return CONFORMS
    low, high = sorted(wishes)
    return Broken(f"compression {low} makes fewer bytes than {high}", f"{least} and {most} bytes", hard[0].pointer)


@clause("meta.quality", "MAY", "x-role: quality, usage-output", "pair")
def quality(pair: Pair) -> Verdict:
    """A higher quality is told to cost more tokens than a lower one.

    Why: the quality is what a picture's price depends on most.
    How: output tokens of two answers whose requests differ in the quality alone, low and high.
    Do: hand the quality on to the model, and bill what it took.
    """
    wishes = pair.told("quality")
    if wishes is None or set(wishes) != {"low", "high"} or not pair.only("quality"):
        return None
    spent = {wish_: part.said("usage-output") for wish_, part in zip(wishes, (pair.base, pair.other), strict=True)}
    if not all(type(tokens) is int for tokens in spent.values()):
        return None
    if spent["high"] > spent["low"]:
        return CONFORMS
    return Broken("more output tokens for high than for low", f"{spent['high']} and {spent['low']}")


@clause("meta.usage", "MAY", "x-role: usage-input-text", "pair", shown_by=("pictures", "streams"))
def usage(pair: Pair) -> Verdict:
    """The same prompt is told to have the same number of tokens, whatever the picture is to look like.

    Why: callers estimate their costs from the tokens of earlier requests.
    How: text tokens in of answers to the same prompt, model and count.
    Do: count the tokens of the prompt as it was sent.
    """
    alike = not pair.differs & {"prompt", "model", "count", *INPUT_ROLES, "negative-prompt", "output-format"}
    told = [part.said("usage-input-text") for part in (pair.base, pair.other)]
    if not alike or not all(type(tokens) is int for tokens in told):
        return None
    return (
        CONFORMS
        if told[0] == told[1]
        else Broken("as many text tokens in for the same prompt", f"{told[0]}, {told[1]}")
    )


#: what says nothing about the pictures that are read
_OF_THE_RESULT = ("prompt", "negative-prompt", "size", "style", "output-format", "compression", "background", "seed")


@clause("usage.references", "SHOULD", "x-role: usage-input-image", "pair")
def references(pair: Pair) -> Verdict:
    """Each of several pictures that were given costs tokens.

    Why: a relay that forwards the first picture only bills an edit of all of them.
    How: input tokens for pictures, of two answers of one model whose requests differ in that one gives more pictures
        after those of the other.
    Do: pass all pictures on, and count them.
    """
    given = pair.told("input-image")
    told = [part.said("usage-input-image") for part in (pair.base, pair.other)]
    if (
        given is None
        or not pair.only("input-image", *_OF_THE_RESULT)
        or not all(type(tokens) is int for tokens in told)
    ):
        return None
    (few, least), (many, most) = sorted(zip(given, told, strict=True), key=lambda one: len(one[0]))
    if len(few) == len(many) or many[: len(few)] != few:
        return None
    if most > least:
        return CONFORMS
    return Broken(f"more than {least} tokens for {len(many)} pictures, as {len(few)} cost that", str(most))


@clause("meta.partials", "MAY", "x-role: partial-count", "pair", shown_by=("streams",))
def partials(pair: Pair) -> Verdict:
    """Unfinished pictures come where they are asked for, and only there.

    Why: who asks for no unfinished pictures does not want to pay for them.
    How: unfinished pictures of two streams, one asked for none, the other for some.
    Do: hand the number on to the model.
    """
    wishes = pair.told("partial-count")
    if wishes is None or 0 not in wishes or not (pair.base.streams and pair.other.streams):
        return None
    shown = (len(pair.base.unfinished), len(pair.other.unfinished))
    if shown[0] == shown[1]:
        return Broken(f"partial-count {wishes[0]} and {wishes[1]} give different streams", f"both give {shown[0]}")
    return CONFORMS


@clause("task.apart", "MUST", "x-role: task-id", "pair")
def apart(pair: Pair) -> Verdict:
    """Two tasks are not mixed up: each has an id of its own and what was asked of it, not of the other.

    Why: one customer's picture in another customer's task is a leak.
    How: ids, sizes and counts of two tasks that were asked for different ones.
    Do: keep what a task makes under its own id.
    """
    submits = (origin(pair.base), origin(pair.other))
    if submits[0] is pair.base or submits[1] is pair.other:
        return None
    ids = [submit.said("task-id") for submit in submits]
    if ids[0] is not None and ids[0] == ids[1]:
        return Broken("an id of its own for each task", f"{ids[0]!r} twice")
    wishes = pair.told("size")
    shown = (_of_one(_sizes(pair.base)), _of_one(_sizes(pair.other)))
    if wishes is not None and shown == (wishes[1], wishes[0]):
        return Broken("each task its own picture", "each has the size asked of the other")
    counted = pair.told("count")
    came = (pair.base.pictures_delivered, pair.other.pictures_delivered)
    if counted is not None and came == (counted[1], counted[0]):
        return Broken("each task its own pictures", "each has as many as were asked of the other")
    return CONFORMS
