"""Clauses about the files that pictures come in: whole, still, seen by somebody, and really pictures."""

from __future__ import annotations

from contract_tests.clauses.images import NEARLY_OPAQUE, decoded
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange, place_of
from contract_tests.footage import FORMATS as VIDEOS
from contract_tests.likeness import distance
from contract_tests.seen import Seen
from spec.units import ratio_of

_ANIMATED = ("gif", *VIDEOS)
_LEAST_EDGE = 64
#: pictures whose cells differ by more than this, of 255, are not the same one in two encodings
_SAME = 24
RATIO_TOLERANCE = 0.08


def _of_pixels(exchange: Exchange) -> list[Seen]:
    return [picture for picture in decoded(exchange) if picture.format != "svg"]


@clause("images.ends", "SHOULD", "x-role: image-*")
def ends(exchange: Exchange) -> Verdict:
    """A picture's file goes to its end, and no further.

    Why: lenient viewers show it, the next program refuses it.
    How: the last part of the format is there: IEND, end of image, trailer, as many bytes as the header says; and behind
        it is nothing, or noughts.
    Do: send the whole file and nothing else; look at limits, and at what adds to pages, in front.
    """
    pictures = _of_pixels(exchange)
    if not pictures:
        return None
    bad = next((picture for picture in pictures if picture.end), None)
    return Broken("a file that goes to its end", bad.end, bad.pointer) if bad else CONFORMS


@clause("images.still", "SHOULD", "x-role: output-format")
def still(exchange: Exchange) -> Verdict:
    """A picture of a still format has one frame.

    Why: viewers show the first one, and the rest is paid for and loaded.
    How: the frames of every decoded picture that is no GIF and no video.
    Do: write one frame.
    """
    pictures = [picture for picture in _of_pixels(exchange) if picture.format not in _ANIMATED]
    if not pictures:
        return None
    bad = next((picture for picture in pictures if picture.frames > 1), None)
    return Broken("one frame", f"{bad.frames} frames of {bad.format}", bad.pointer) if bad else CONFORMS


@clause("images.frames", "SHOULD", "x-role: frame-count")
def frames(exchange: Exchange) -> Verdict:
    """An animation has as many frames as were asked for.

    Why: frames are what is paid for, and the loop was planned with them.
    How: the frames of every GIF against the number asked for.
    Do: draw every frame, also where two are alike.
    """
    asked = exchange.asked.get("frame-count")
    pictures = [picture for picture in _of_pixels(exchange) if picture.format in _ANIMATED]
    if type(asked) is not int or not pictures or "frame-count" not in exchange.named:
        return None
    bad = next((picture for picture in pictures if picture.frames != asked), None)
    return Broken(f"{asked} frames", str(bad.frames), bad.pointer) if bad else CONFORMS


@clause("images.opaque", "SHOULD", "x-role: background")
def opaque(exchange: Exchange) -> Verdict:
    """An opaque background is opaque.

    Why: what shines through on a page is not what was seen when it was chosen.
    How: where opaque was asked for, no pixel has an alpha far below 255.
    Do: put a ground behind the picture before it is encoded.
    """
    pictures = _of_pixels(exchange)
    if exchange.asked.get("background") != "opaque" or not pictures:
        return None
    bad = next((picture for picture in pictures if picture.opacity[0] < NEARLY_OPAQUE), None)
    return Broken("every pixel opaque", f"an alpha of {bad.opacity[0]}", bad.pointer) if bad else CONFORMS


@clause("images.visible", "SHOULD", "x-role: image-*")
def visible(exchange: Exchange) -> Verdict:
    """A picture can be seen.

    Why: pixels of alpha 0 show nothing, whatever their colour is.
    How: some pixel has an alpha above 0.
    Do: look at the alpha channel before a picture is delivered.
    """
    pictures = _of_pixels(exchange)
    if not pictures:
        return None
    bad = next((picture for picture in pictures if picture.opacity[1] == 0), None)
    return Broken("some pixel that is seen", "every pixel of alpha 0", bad.pointer) if bad else CONFORMS


@clause("images.real", "SHOULD", "x-role: image-*")
def real(exchange: Exchange) -> Verdict:
    """Where the size is left to the provider, a picture is more than a dot.

    Why: a placeholder of a few pixels is billed as a picture.
    How: without a size asked for, both edges have at least 64 pixels.
    Do: answer with an error when nothing was drawn.
    """
    pictures = _of_pixels(exchange)
    if isinstance(exchange.asked.get("size"), tuple) or not pictures:
        return None
    bad = next((picture for picture in pictures if min(picture.width, picture.height) < _LEAST_EDGE), None)
    return Broken("a picture", f"{bad.width}x{bad.height} pixels", bad.pointer) if bad else CONFORMS


@clause("images.not-noise", "SHOULD", "x-role: image-*")
def not_noise(exchange: Exchange) -> Verdict:
    """A picture is no noise.

    Why: a model called with wrong defaults returns its first, random canvas, and it is billed.
    How: in the middle, pixels side by side have more in common than any two.
    Do: look at the steps and the scheduler the gateway sets.
    """
    pictures = _of_pixels(exchange)
    if not pictures:
        return None
    bad = next((picture for picture in pictures if picture.noise), None)
    return Broken("a picture", "pixels that have nothing in common", bad.pointer) if bad else CONFORMS


@clause("images.aspect", "SHOULD", "x-role: aspect-ratio")
def aspect(exchange: Exchange) -> Verdict:
    """The pixels have the aspect ratio asked for.

    Why: the picture is cropped or squeezed where it is shown.
    How: width by height of the decoded pixels, within 8 percent: sizes are rounded to what a model can draw.
    Do: make the ratio asked for, or refuse it.
    """
    wanted = ratio_of(exchange.asked.get("aspect-ratio"))
    pictures = _of_pixels(exchange)
    if wanted is None or not pictures or isinstance(exchange.asked.get("size"), tuple):
        return None
    for picture in pictures:
        if abs(picture.width / picture.height / wanted - 1) > RATIO_TOLERANCE:
            return Broken(f"{exchange.asked['aspect-ratio']}", f"{picture.width}x{picture.height}", picture.pointer)
    return CONFORMS


@clause("images.same-picture", "SHOULD", "x-role: image-*")
def same_picture(exchange: Exchange) -> Verdict:
    """A picture that comes as a link and as base64 is one picture.

    Why: one client shows the one, another stores the other.
    How: both are decoded and compared coarsely; another encoding is no difference.
    Do: fill both from one file.
    """
    places: dict[str, list[Seen]] = {}
    for picture in _of_pixels(exchange):
        places.setdefault(place_of(picture.pointer), []).append(picture)
    pairs = [(found[0], other) for found in places.values() for other in found[1:]]
    if not pairs:
        return None
    for one, other in pairs:
        apart = distance(one.data, other.data)
        if apart is not None and apart > _SAME:
            return Broken(f"the picture at {one.pointer}", "another one", other.pointer)
    return CONFORMS


@clause("images.one-way", "SHOULD", "x-role: delivery")
def one_way(exchange: Exchange) -> Verdict:
    """All pictures of an answer come in the same representation.

    Why: a client looks at the first one and reads the others in the same way.
    How: the meanings told at each place are the same.
    Do: where one upload fails, fail the request or send all of them in the other way.
    """
    if not exchange.owes_pictures:
        return None
    places: dict[str, set[str]] = {}
    for meaning in exchange.image_meanings:
        if meaning.raw:
            places.setdefault(place_of(meaning.pointer), set()).add(meaning.role)
    if len(places) < 2:
        return None
    first = next(iter(places.values()))
    for place, roles in places.items():
        if roles != first:
            return Broken(" and ".join(sorted(first)), " and ".join(sorted(roles)), place)
    return CONFORMS


@clause("images.revised-prompt", "MAY", "x-role: revised-prompt")
def revised_prompt(exchange: Exchange) -> Verdict:
    """A revised prompt that is told says something.

    Why: an empty text is shown as the picture's caption.
    How: where a prompt was given, and the member is there and not null, it has a letter or a sign in it.
    Do: leave the member out where the prompt was not revised.
    """
    told = [m for m in exchange.meanings if m.role == "revised-prompt" and m.raw is not None]
    if not told or not exchange.owes_pictures or not exchange.asked.get("prompt"):
        return None
    bad = next((meaning for meaning in told if not str(meaning.raw).strip()), None)
    return Broken("a prompt, or nothing", repr(bad.raw), bad.pointer) if bad else CONFORMS
