"""Clauses about what an answer says of its pictures: it is what the pixels are."""

from __future__ import annotations

from contract_tests.clauses.images import MEDIA_TYPES, NEARLY_OPAQUE, decoded
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange, place_of


@clause("echo.size", "SHOULD", "x-role: size")
def echoed_size(exchange: Exchange) -> Verdict:
    """The size the answer names is the size of its pixels.

    Why: clients lay out by what the answer says, before they decode.
    How: the size named in the answer against the decoded pixels.
    Do: name the size that was made, not the one asked for.
    """
    said = exchange.said("size")
    pictures = decoded(exchange)
    if not isinstance(said, tuple) or not pictures:
        return None
    bad = next((picture for picture in pictures if (picture.width, picture.height) != said), None)
    return (
        Broken(f"{said[0]}x{said[1]}, as the answer says", f"{bad.width}x{bad.height}", bad.pointer)
        if bad
        else CONFORMS
    )


@clause("echo.edges", "SHOULD", "x-role: width, height")
def edges(exchange: Exchange) -> Verdict:
    """The width and height told beside a picture are those of its pixels.

    Why: clients make room for it before it has come.
    How: both, told in the object that holds the picture's link, against the decoded pixels.
    Do: tell what was made, not what was asked for.
    """
    told = {(place_of(m.pointer), m.role): m for m in exchange.meanings if m.role in ("width", "height") and m.raw}
    pictures = [picture for picture in decoded(exchange) if (place_of(picture.pointer), "width") in told]
    for picture in pictures:
        for role, made in (("width", picture.width), ("height", picture.height)):
            meaning = told.get((place_of(picture.pointer), role))
            if meaning is not None and made and meaning.value != made:
                return Broken(f"{role} {meaning.value}, as the answer says", str(made), meaning.pointer)
    return CONFORMS if pictures else None


@clause("echo.format", "SHOULD", "x-role: output-format")
def echoed_format(exchange: Exchange) -> Verdict:
    """The format the answer names is the format of its bytes.

    Why: clients choose the file's name by what the answer says.
    How: the format named in the answer against the bytes.
    Do: name the format that was made.
    """
    said = exchange.said("output-format")
    pictures = decoded(exchange)
    if not isinstance(said, str) or said not in MEDIA_TYPES or not pictures:
        return None
    bad = next((picture for picture in pictures if picture.format != said), None)
    return Broken(f"{said}, as the answer says", bad.format, bad.pointer) if bad else CONFORMS


@clause("echo.background", "SHOULD", "x-role: background")
def echoed_background(exchange: Exchange) -> Verdict:
    """The background the answer names is the one its pixels have.

    Why: a page puts a ground behind pictures that are said to be transparent, and none behind the others.
    How: transparent where named so: some alpha below 255; opaque where named so: next to none.
    Do: look at the pixels, not at what was asked for.
    """
    said = exchange.said("background")
    pictures = decoded(exchange)
    if said not in ("transparent", "opaque") or not pictures:
        return None
    for picture in pictures:
        if (picture.opacity[0] < NEARLY_OPAQUE) != (said == "transparent") and picture.format != "svg":
            found = "every pixel opaque" if said == "transparent" else f"an alpha of {picture.opacity[0]}"
            return Broken(f"{said}, as the answer says", found, picture.pointer)
    return CONFORMS


@clause("echo.quality", "SHOULD", "x-role: quality")
def echoed_quality(exchange: Exchange) -> Verdict:
    """The quality the answer names is the one asked for.

    Why: qualities differ in price by a factor of twenty.
    How: the quality named, where one was asked for by name and not left to the provider.
    Do: make the quality asked for, or refuse it.
    """
    asked, said = exchange.asked.get("quality"), exchange.said("quality")
    if asked in (None, "auto") or said is None or not exchange.owes_pictures or "quality" not in exchange.named:
        return None
    return CONFORMS if said == asked else Broken(f"{asked}", f"{said}")


@clause("echo.caller-tag", "SHOULD", "x-role: caller-tag")
def echoed_tag(exchange: Exchange) -> Verdict:
    """The caller's own mark comes back as it was given.

    Why: it ties an answer to a user, and to nobody else.
    How: the mark in the answer, where there is one, against the one sent.
    Do: send back what came, letter by letter.
    """
    said = next((meaning for meaning in exchange.meanings if meaning.role == "caller-tag"), None)
    if "caller-tag" not in exchange.asked or said is None or said.raw is None or not exchange.succeeded:
        return None
    asked = exchange.asked["caller-tag"]
    return CONFORMS if said.value == asked else Broken(f"{asked!r:.60}", f"{said.value!r:.60}", said.pointer)
