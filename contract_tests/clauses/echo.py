"""Clauses about what an answer says of its pictures: it is what the pixels are."""

from __future__ import annotations

import re
from typing import Any

from contract_tests.clauses.files import RATIO_TOLERANCE
from contract_tests.clauses.images import MEDIA_TYPES, NEARLY_OPAQUE, decoded, sized
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.clauses.videos import covers
from contract_tests.exchange import Exchange, place_of
from spec.contract import Operation
from spec.language import escape, walk, words_of
from spec.reader import Meaning
from spec.units import ratio_of

_EDGES = ("width", "height")

#: what follows a model's name in that of one of its releases
_RELEASE = re.compile(r"|[-@:._]v?\d[\w.:-]*|[-@:](?:latest|preview|exp\w*)")


@clause("echo.size", "SHOULD", "x-role: size")
def echoed_size(exchange: Exchange) -> Verdict:
    """The size the answer names is the size of its pixels.

    Why: clients lay out by what the answer says, before they decode.
    How: the size named in the answer, if by no word the contract has for sizes, against the decoded pixels.
    Do: name the size that was made, not the one asked for.
    """
    told = exchange.meaning("size")
    pictures = sized(exchange)
    if told is None or not pictures or not isinstance(told.raw, str):
        return None
    said = told.value
    if not isinstance(said, tuple):
        known = told.raw in _size_words(exchange.case.operation)
        return None if known else Broken(f"{pictures[0].width}x{pictures[0].height}", f"{said!r:.60}", told.pointer)
    bad = next((picture for picture in pictures if (picture.width, picture.height) != said), None)
    return (
        Broken(f"{said[0]}x{said[1]}, as the answer says", f"{bad.width}x{bad.height}", bad.pointer)
        if bad
        else CONFORMS
    )


def _size_words(operation: Operation) -> set[Any]:
    """Every text the contract lets a size be asked for or told by, such as auto."""
    answers = [*operation.success.content.values(), *operation.success.items.values()]
    parts = [part for schema in (*operation.body.values(), *answers) for _, part in walk(schema)]
    found = [part for part in parts if part.get("x-role") == "size"]
    return {
        word for part in found for word in (*part.get("enum", ()), *words_of(part, "x-resolves"), part.get("const"))
    }


@clause("echo.edges", "SHOULD", "x-role: width, height")
def edges(exchange: Exchange) -> Verdict:
    """The width and height told beside a picture are those of its pixels.

    Why: clients make room for it before it has come.
    How: both, told in the object that holds the picture's link, against the decoded pixels.
    Do: tell what was made, not what was asked for.
    """
    told = edges_told(exchange)
    pictures = [picture for picture in (*sized(exchange), *covers(exchange)) if place_of(picture.pointer) in told]
    for picture in pictures:
        for role, made in (("width", picture.width), ("height", picture.height)):
            meaning = told[place_of(picture.pointer)].get(role)
            if meaning is not None and meaning.value != made:
                return Broken(f"{role} {meaning.value}, as the answer says", str(made), meaning.pointer)
    return CONFORMS if pictures else None


@clause("echo.aspect", "SHOULD", "x-role: width, height")
def echoed_aspect(exchange: Exchange) -> Verdict:
    """The width and height told beside a picture have the aspect ratio asked for.

    Why: clients make room for it before it has come, and swapped edges make room for another one.
    How: both, told in one object, against the ratio asked for, within 8 percent, where its pixels could not be seen.
    Do: tell what was made; make the ratio asked for.
    """
    wanted, told = ratio_of(exchange.asked.get("aspect-ratio")), edges_told(exchange)
    seen = {place_of(picture.pointer) for picture in sized(exchange)}
    whole = [(place, edges) for place, edges in told.items() if len(edges) == len(_EDGES) and place not in seen]
    if wanted is None or not whole or not exchange.owes_pictures or isinstance(exchange.asked.get("size"), tuple):
        return None
    for _, edges in whole:
        width, height = (edges[role].value for role in _EDGES)
        if abs(width / height / wanted - 1) > RATIO_TOLERANCE:
            return Broken(f"{exchange.asked['aspect-ratio']}", f"{width}x{height}", edges["width"].pointer)
    return CONFORMS


def edges_told(exchange: Exchange) -> dict[str, dict[str, Meaning]]:
    """The width and height that are told above nought, by the object that tells them."""
    found: dict[str, dict[str, Meaning]] = {}
    for one in exchange.meanings:
        if one.role in _EDGES and type(one.value) is int and one.value > 0:
            found.setdefault(place_of(one.pointer), {}).setdefault(one.role, one)
    return found


@clause("echo.seed", "SHOULD", "x-role: seed")
def echoed_seed(exchange: Exchange) -> Verdict:
    """The seed the answer names is the one asked for.

    Why: who wants the same picture again sends the seed that was told.
    How: the first seed told against the one the request names; several pictures may have seeds that follow it.
    Do: tell the seed the picture was drawn with.
    """
    asked, told = exchange.asked.get("seed"), exchange.meaning("seed")
    if told is None or told.raw is None or type(asked) is not int or "seed" not in exchange.named:
        return None
    if not exchange.owes_pictures or exchange.takes_up is not None:
        return None
    return CONFORMS if str(told.value) == str(asked) else Broken(f"{asked}", f"{told.value!r:.60}", told.pointer)


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
    How: the mark in the answer, where there is one, against the one sent; a number may come back as a text.
    Do: send back what came, letter by letter.
    """
    said = exchange.meaning("caller-tag")
    if "caller-tag" not in exchange.asked or said is None or said.raw is None or not exchange.succeeded:
        return None
    asked = exchange.asked["caller-tag"]
    return CONFORMS if str(said.value) == str(asked) else Broken(f"{asked!r:.60}", f"{said.value!r:.60}", said.pointer)


@clause("echo.model", "SHOULD", "x-role: model")
def echoed_model(exchange: Exchange) -> Verdict:
    """The model the answer names is the one asked for.

    Why: models differ in price and in what they can; one that is swapped is paid for as the other.
    How: the name, without a vendor's before it and a date or version behind it, where the contract knows the model.
    Do: make it with the model asked for, or refuse it; names that stand for others can be told as they were asked.
    """
    asked = exchange.asked.get("model")
    told = exchange.meaning("model")
    if told is None or not isinstance(asked, str) or told.raw is None or not exchange.succeeded or exchange.own_model:
        return None
    if exchange.case.defect is not None or asked.endswith("latest"):
        return None
    fits = isinstance(told.value, str) and _is_release(asked, told.value)
    return CONFORMS if fits else Broken(f"{asked!r:.60}", f"{told.value!r:.60}", told.pointer)


def _is_release(asked: str, said: str) -> bool:
    """Whether one of two names is the other, or a dated or numbered release of it."""
    shorter, longer = sorted((name.rpartition("/")[2].lower() for name in (asked, said)), key=len)
    return bool(shorter) and longer.startswith(shorter) and bool(_RELEASE.fullmatch(longer, len(shorter)))


@clause("echo.input", "SHOULD", "x-role: asked-input")
def echoed_input(exchange: Exchange) -> Verdict:
    """What was asked of the model comes back as it was asked, where it comes back.

    Why: it is the record of what was made and paid for; another one belongs to another request.
    How: texts that are no links, numbers and flags of the request against those of the same names in the answer.
    Do: keep the input with the task, and add to it what was chosen.
    """
    asked = exchange.asked.get("asked-input")
    told = exchange.meaning("asked-input")
    if told is None or not isinstance(asked, dict) or not isinstance(told.value, dict) or not told.value:
        return None
    if not exchange.succeeded or exchange.case.defect is not None:
        return None
    if not asked.keys() & told.value.keys():
        return Broken(f"{', '.join(asked)}", f"{', '.join(told.value)}", told.pointer)
    for name, value in asked.items():
        if name in told.value and _is_plain(value) and _as_said(told.value[name]) != _as_said(value):
            return Broken(f"{name} {value!r:.60}", f"{told.value[name]!r:.60}", f"{told.pointer}/{escape(name)}")
    return CONFORMS


def _as_said(value: Any) -> Any:
    """A text whatever the blanks between its words; anything else as it is."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _is_plain(value: Any) -> bool:
    """Whether a value can only come back as it is: a link may be another one, a file a link."""
    return isinstance(value, bool | int | float | str) and not str(value).startswith(("http:", "https:", "data:"))


@clause("echo.prompt", "SHOULD", "x-role: prompt")
def echoed_prompt(exchange: Exchange) -> Verdict:
    """The prompt the answer names holds the one that was given.

    Why: lists of what was made are searched by it, and it ties a picture to whoever asked for it.
    How: the first prompt told, which may be longer, against the one given, whatever the blanks between words.
    Do: keep the prompt with the task; what was made of it has a place of its own.
    """
    asked = exchange.asked.get("prompt")
    told = exchange.meaning("prompt")
    if told is None or told.raw is None or not isinstance(asked, str) or not asked.strip():
        return None
    if not exchange.succeeded or exchange.case.defect is not None:
        return None
    fits = " ".join(asked.split()) in " ".join(str(told.value).split())
    return CONFORMS if fits else Broken(f"{asked!r:.60}", f"{told.value!r:.60}", told.pointer)


@clause("echo.style", "SHOULD", "x-role: style")
def echoed_style(exchange: Exchange) -> Verdict:
    """The style the answer names is the one asked for.

    Why: a style that is swapped is another picture than the one paid for.
    How: the style named, where one was asked for by name and not left to the provider, whatever its letters' case.
    Do: make the style asked for, or refuse it.
    """
    asked = exchange.asked.get("style")
    told = exchange.meaning("style")
    if told is None or told.raw is None or not isinstance(asked, str) or asked.lower() == "auto":
        return None
    if not exchange.owes_pictures or "style" not in exchange.named:
        return None
    fits = str(told.value).lower() == asked.lower()
    return CONFORMS if fits else Broken(f"{asked!r:.60}", f"{told.value!r:.60}", told.pointer)


@clause("echo.duration", "SHOULD", "x-role: duration")
def echoed_duration(exchange: Exchange) -> Verdict:
    """The seconds the answer names are those of its video.

    Why: players show it before they load anything, and it is what is paid for.
    How: the number told, an `s` behind it or not, against the decoded seconds, within a fifth or one second.
    Do: tell what was made, in seconds.
    """
    told = exchange.meaning("duration")
    made = next((picture.seconds for picture in decoded(exchange) if picture.seconds), None)
    if told is None or told.raw is None or made is None:
        return None
    number = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:s|sec\w*)?", str(told.value))
    fits = number is not None and abs(float(number[1]) - made) <= max(1.0, 0.2 * made)
    return CONFORMS if fits else Broken(f"{made:.1f} s, as the video has", f"{told.value!r:.60}", told.pointer)
