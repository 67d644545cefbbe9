"""Clauses about pictures: how many came, whether they can be had, and whether the pixels are what was asked."""

from __future__ import annotations

from itertools import combinations

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange, place_of
from contract_tests.grids import apart, parted, quarters
from contract_tests.likeness import SAME, distance, graded
from contract_tests.pairs import copied
from contract_tests.seen import Seen, decode_base64
from spec.contract import roles_in
from spec.language import LINK_ROLES

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "mp4": "video/mp4",
    "webm": "video/webm",
}

#: an alpha that no eye tells from opaque
NEARLY_OPAQUE = 250
#: levels of compression that are no matter of taste
_HARD, _MILD = 20, 60
_LINK = "image-url"
_HELD_ELSEWHERE = (*LINK_ROLES, "image-b64")


def decoded(exchange: Exchange) -> list[Seen]:
    """The pictures of an answer that owes them, as far as they decode."""
    return [picture for picture in exchange.pictures if picture.format] if exchange.owes_pictures else []


def sized(exchange: Exchange) -> list[Seen]:
    """Those of the decoded pictures that have a size of their own: a drawing in vectors may have none."""
    return [picture for picture in decoded(exchange) if picture.width and picture.height]


@clause("images.count", "MUST", "x-role: count")
def count(exchange: Exchange) -> Verdict:
    """As many pictures come as were asked for.

    Why: each picture is paid for; code that indexes the list fails on a missing one.
    How: pictures in the answer, a link and base64 of one place counted once, against the count asked.
    Do: deliver as many as asked, or refuse the count.
    """
    if not exchange.owes_pictures:
        return None
    asked = exchange.asked.get("count", 1)
    came = exchange.pictures_delivered
    if "count" not in exchange.asked and came:
        return CONFORMS
    return CONFORMS if came == asked else Broken(f"{asked} picture{'s' if asked != 1 else ''}", str(came))


@clause("images.delivery", "MUST", "x-role: delivery")
def delivery(exchange: Exchange) -> Verdict:
    """Pictures come in the representation asked for: as links, or as base64.

    Why: code that asked for base64 finds null where it decodes.
    How: the representation of each picture against the one asked for.
    Do: deliver in the representation asked for, or refuse it.
    """
    wanted = exchange.asked.get("delivery")
    success = exchange.case.operation.success
    can_say = success.events if exchange.streams else None  # events may know one representation only
    if wanted is None or not exchange.owes_pictures or not exchange.image_meanings:
        return None
    if can_say is not None and wanted not in roles_in([can_say]):
        return None
    if exchange.own_model and ("delivery" not in exchange.named or wanted == _LINK):
        return None  # images.link-heard speaks of links: models of one's own may know base64 only, as GPT's do
    other = next((m for m in exchange.image_meanings if m.role != wanted and m.raw), None)
    if any(m.role == wanted and m.raw for m in exchange.image_meanings):
        return CONFORMS
    return Broken(wanted, other.role if other else "nothing", other.pointer if other else "")


@clause("images.link-heard", "SHOULD", "x-role: delivery")
def link_heard(exchange: Exchange) -> Verdict:
    """A model of the provider's own that is asked for a link gives one, or refuses the wish.

    Why: code that asked for a link finds null where it fetches.
    How: the representation of its pictures, where a link was asked for by name.
    Do: deliver links, or refuse the parameter, as the models do that know base64 only.
    """
    is_wish = exchange.own_model and "delivery" in exchange.named and exchange.asked.get("delivery") == _LINK
    if not is_wish or exchange.streams or not exchange.owes_pictures or not exchange.image_meanings:
        return None
    came = {meaning.role for meaning in exchange.image_meanings if meaning.raw}
    return CONFORMS if _LINK in came else Broken(_LINK, ", ".join(sorted(came)) or "nothing")


@clause("images.link", "SHOULD", "x-role: image-url")
def link(exchange: Exchange) -> Verdict:
    """A link is an http(s) URL, whole and with its host.

    Why: whoever stores, shows or fetches links cannot do that with a data URL or a path.
    How: every link starts with `http://` or `https://`.
    Do: send the whole address of a stored file, or base64 where base64 belongs.
    """
    found = [m for m in exchange.image_meanings if m.role in LINK_ROLES and isinstance(m.raw, str) and m.raw]
    if not found or not exchange.owes_pictures:
        return None
    bad = next((meaning for meaning in found if not meaning.raw.lower().startswith(("http://", "https://"))), None)
    return CONFORMS if bad is None else Broken("an http(s) URL", repr(bad.raw[:60]), bad.pointer)


@clause("images.reachable", "MUST", "x-role: image-url")
def reachable(exchange: Exchange) -> Verdict:
    """A picture's link can be fetched by whoever holds it.

    Why: a picture that cannot be fetched was not delivered.
    How: every link is fetched once, without a key, redirects followed, and answers 200.
    Do: send absolute links that work at once and without the API key.
    """
    links = [picture for picture in exchange.pictures if picture.role in LINK_ROLES] if exchange.owes_pictures else []
    if not links:
        return None
    bad = next((picture for picture in links if picture.problem), None)
    return Broken("a link that answers 200", bad.problem, bad.pointer) if bad else CONFORMS


@clause("images.decodes", "MUST", "x-role: image-*")
def decodes(exchange: Exchange) -> Verdict:
    """A picture's bytes are a whole picture.

    Why: half a picture shows as a grey bar, or as nothing.
    How: the bytes are decoded to the last row of pixels.
    Do: send the whole file; check it before it is sent.
    """
    # A link that leads nowhere and base64 that is none are other clauses' business; one that leads to nothing is ours.
    pictures = [picture for picture in exchange.pictures if picture.role not in _HELD_ELSEWHERE or not picture.problem]
    if not pictures or not exchange.owes_pictures:
        return None
    bad = next((picture for picture in pictures if picture.trouble or picture.problem), None)
    if bad is None and any(picture.unseen for picture in pictures):
        return None
    return Broken("a picture that decodes", bad.trouble or bad.problem, bad.pointer) if bad else CONFORMS


@clause("images.size", "MUST", "x-role: size")
def size(exchange: Exchange) -> Verdict:
    """The decoded pixels have the size asked for.

    Why: layouts break, and larger sizes cost more: only the pixels say what was made.
    How: width and height of the decoded pixels against the size asked for.
    Do: make the size asked for, or refuse it.
    """
    asked = exchange.asked.get("size")
    pictures = sized(exchange)
    if not isinstance(asked, tuple) or not pictures:
        return None
    bad = next((picture for picture in pictures if (picture.width, picture.height) != asked), None)
    return Broken(f"{asked[0]}x{asked[1]} pixels", f"{bad.width}x{bad.height}", bad.pointer) if bad else CONFORMS


@clause("images.format", "MUST", "x-role: output-format")
def format_(exchange: Exchange) -> Verdict:
    """The bytes are of the format asked for.

    Why: a file stored under the wrong name is refused by the next program.
    How: the format found by decoding against the one asked for, or the default where the model knows formats at all.
    Do: encode in the format asked for, or refuse it.
    """
    asked = exchange.asked.get("output-format")
    pictures = decoded(exchange)
    if asked not in MEDIA_TYPES or not pictures or not exchange.could_name("output-format"):
        return None
    bad = next((picture for picture in pictures if picture.format != asked), None)
    return Broken(f"{asked} bytes", bad.format, bad.pointer) if bad else CONFORMS


@clause("images.media-type", "SHOULD", "x-role: image-url")
def media_type(exchange: Exchange) -> Verdict:
    """A link's Content-Type says what its bytes are.

    Why: browsers download or refuse what does not say that it is a picture.
    How: the Content-Type of each link against the format of its bytes.
    Do: store pictures with their media type.
    """
    links = [picture for picture in decoded(exchange) if picture.role in LINK_ROLES]
    if not links:
        return None
    bad = next((picture for picture in links if picture.media != MEDIA_TYPES.get(picture.format, picture.media)), None)
    return Broken(MEDIA_TYPES[bad.format], bad.media or "no Content-Type", bad.pointer) if bad else CONFORMS


@clause("images.alpha", "MUST", "x-role: background")
def alpha(exchange: Exchange) -> Verdict:
    """A transparent background is transparent.

    Why: a cut-out with a white box around it is useless on any other ground.
    How: where transparency was asked for, some pixel has an alpha below 255.
    Do: deliver an alpha channel, or refuse transparency for this model.
    """
    pictures = decoded(exchange)
    if exchange.asked.get("background") != "transparent" or not pictures:
        return None
    bad = next((picture for picture in pictures if not picture.alpha), None)
    return Broken("some pixels with alpha below 255", "every pixel opaque", bad.pointer) if bad else CONFORMS


@clause("images.not-blank", "SHOULD", "x-role: image-*")
def not_blank(exchange: Exchange) -> Verdict:
    """A picture shows something.

    Why: a filter's or a failure's empty canvas is billed as a picture.
    How: not every pixel has the same colour.
    Do: answer with an error when nothing was drawn.
    """
    pictures = decoded(exchange)
    if not pictures:
        return None
    bad = next((picture for picture in pictures if picture.flat), None)
    return Broken("more than one colour", "every pixel alike", bad.pointer) if bad else CONFORMS


def _several(exchange: Exchange) -> list[tuple[Seen, Seen]]:
    """Every two pictures of an answer that stand in different places and are no copies of one that was given."""
    found = []
    for picture, twin in combinations(decoded(exchange), 2):
        given = copied(exchange, picture.pointer)
        if place_of(twin.pointer) != place_of(picture.pointer) and (
            not given or given != copied(exchange, twin.pointer)
        ):
            found.append((picture, twin))
    return found


@clause("images.distinct", "MUST", "x-role: count")
def distinct(exchange: Exchange) -> Verdict:
    """Several pictures of one request are several pictures, not one several times.

    Why: several pictures are asked for, and paid for, to choose among them.
    How: no two places of one answer hold the same bytes; of what is of one colour images.not-blank speaks, of what a
        seed that was given makes alike images.unlike.
    Do: draw each picture with a seed of its own.
    """
    several = _several(exchange)
    if not several or "seed" in exchange.named:
        return None
    for picture, twin in several:
        if picture.digest == twin.digest and not twin.flat:
            return Broken("different pictures", f"the same bytes at {picture.pointer} and {twin.pointer}", twin.pointer)
    return CONFORMS


@clause("images.unlike", "SHOULD", "x-role: count")
def unlike(exchange: Exchange) -> Verdict:
    """Several pictures of one request can be told apart.

    Why: several pictures are asked for to choose among them.
    How: no two pictures of one answer are, made small, the same: drawn alike, encoded anew, or with a little noise over
        it; of the same bytes images.distinct speaks, of what is of one colour images.not-blank.
    Do: draw each picture with a seed of its own.
    """
    several = _several(exchange)
    if not several or isinstance(distinct(exchange), Broken):
        return None
    for picture, twin in several:
        apart = distance(picture.data, twin.data)
        if apart is not None and apart < SAME and not (picture.flat and twin.flat):
            told = f"{apart:.1f} of 255 between {picture.pointer} and {twin.pointer}"
            return Broken("pictures that can be told apart", told, twin.pointer)
    return CONFORMS


@clause("images.grid", "SHOULD", "x-makes: grid", shown_by=("tasks",))
def grid(exchange: Exchange) -> Verdict:
    """Where four pictures come in one, there are four, and each is another one.

    Why: one of four is chosen, and made large; who is given one has paid for the others.
    How: no two quarters are the same, made small; and where something is to be seen in the middle, something parts it.
    Do: draw each of the four with a seed of its own, and lay them side by side.
    """
    grids = [picture for picture in sized(exchange) if not picture.flat]
    if exchange.makes != "grid" or exchange.takes_up is not None or not grids:
        return None
    for picture in grids:
        found = quarters(picture.data)
        twins = next((two for two in combinations(range(4), 2) if apart(*(found[at] for at in two)) < SAME), None)
        if twins is not None:
            same = f"numbers {twins[0] + 1} and {twins[1] + 1} are the same"
            return Broken("four different pictures", same, picture.pointer)
        if parted(picture.data) is False:
            return Broken("four pictures side by side", "one: nothing parts it in the middle", picture.pointer)
    return CONFORMS


@clause("images.finished", "SHOULD", "x-role: finish-reason")
def finished(exchange: Exchange) -> Verdict:
    """An answer that is whole says why it ended where it does.

    Why: null says that it goes on: clients wait for the rest, or take what they have for half an answer.
    How: where the contract has a place for it, an answer with pictures names a reason; a stream in one of its events.
    Do: send the reason with the last of it.
    """
    schema = exchange.case.operation.success
    known = [schema.events] if exchange.streams else list(schema.content.values())
    if not exchange.owes_pictures or not exchange.pictures_delivered:
        return None
    if "finish-reason" not in roles_in([one for one in known if one is not None]):
        return None
    told = exchange.meanings if not exchange.streams else [one for event in exchange.events for one in event.meanings]
    found = [one for one in told if one.role == "finish-reason"]
    if any(one.raw for one in found):
        return CONFORMS
    return Broken("a reason", f"{found[0].raw!r}" if found else "none", found[0].pointer if found else "")


@clause("images.compression", "SHOULD", "x-role: compression")
def compression(exchange: Exchange) -> Verdict:
    """A jpeg that was to be compressed hard is, and one that was to be compressed little is not.

    Why: compression is asked for to save bytes, or not to lose what can be seen.
    How: the level by which the bytes were quantised, as the tables of the JPEG standard grade it, against one asked for
        that is far from it: 20 or less against 60 or more, and the other way round.
    Do: hand compression on to the encoder, or refuse it.
    """
    asked = exchange.asked.get("compression")
    if type(asked) is not int or "compression" not in exchange.named:
        return None
    found = [(picture, graded(picture.data)) for picture in decoded(exchange) if picture.format == "jpeg"]
    for picture, grade in found:
        if grade is not None and (asked <= _HARD < _MILD <= grade or grade <= _HARD < _MILD <= asked):
            return Broken(f"compression {asked}", f"bytes quantised as by {grade}", picture.pointer)
    return CONFORMS if any(grade is not None for _, grade in found) else None


@clause("images.b64-clean", "MUST", "x-role: image-b64")
def base64_clean(exchange: Exchange) -> Verdict:
    """Base64 is bare: no data URL, no blanks, right alphabet and padding.

    Why: standard decoders refuse a prefix, blanks and the URL alphabet, or return garbage.
    How: the text is decoded strictly: standard alphabet, right padding, no data URL, no line break.
    Do: send bare base64 (RFC 4648, section 4).
    """
    found = [m for m in exchange.image_meanings if m.role == "image-b64" and isinstance(m.raw, str) and m.raw]
    if not found or not exchange.succeeded:
        return None
    for meaning in found:
        complaint = decode_base64(meaning.raw)[1]
        if complaint:
            return Broken("bare base64", complaint, meaning.pointer)
    return CONFORMS
