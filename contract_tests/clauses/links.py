"""Clauses about the links that pictures are delivered by: safe, for everybody, for more than one look."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import SplitResult, urlsplit

from contract_tests.clauses.images import decoded
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from spec.language import LINK_ROLES
from spec.reader import Meaning

_SUFFIXES = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", "gif": "gif", "svg": "svg",
             "mp4": "mp4", "webm": "webm"}  # fmt: skip


def _split(text: str) -> SplitResult | None:
    """The parts of an absolute http link; None for anything else, which is `images.reachable`'s business."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def _links(exchange: Exchange) -> list[tuple[Meaning, SplitResult]]:
    if not exchange.owes_pictures:
        return []
    told = [(m, _split(m.raw)) for m in exchange.image_meanings if m.role in LINK_ROLES and isinstance(m.raw, str)]
    return [(meaning, parts) for meaning, parts in told if parts is not None]


def _is_inner(host: str) -> bool:
    """Whether only machines of the same network can know a host."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost", ".lan"))


@clause("images.https", "SHOULD", "x-role: image-url")
def https(exchange: Exchange) -> Verdict:
    """An API that is asked over https links to pictures over https.

    Why: browsers do not show them on a safe page, and anybody on the way sees or changes them.
    How: the scheme of every link, where the request itself went over https.
    Do: build links from the public address, not from what the inner server was asked by.
    """
    links = _links(exchange)
    if not links or not exchange.url.startswith("https://"):
        return None
    bad = next((meaning for meaning, parts in links if parts.scheme != "https"), None)
    return Broken("an https link", f"{bad.raw:.100}", bad.pointer) if bad else CONFORMS


@clause("images.public", "SHOULD", "x-role: image-url")
def public(exchange: Exchange) -> Verdict:
    """A provider on the internet links to hosts on the internet.

    Why: a link to an inner host works on the provider's own machines only.
    How: the host of every link is no private or local one, where the provider's is not either.
    Do: configure the public address of the store.
    """
    links = _links(exchange)
    host = urlsplit(exchange.url).hostname or ""
    if not links or _is_inner(host):
        return None
    bad = next((meaning for meaning, parts in links if _is_inner(parts.hostname or "")), None)
    return Broken("a host everybody can reach", f"{bad.raw:.100}", bad.pointer) if bad else CONFORMS


@clause("images.stable", "SHOULD", "x-role: image-url")
def stable(exchange: Exchange) -> Verdict:
    """A link is good for more than one look, and shows the same picture.

    Why: a preview, a retry or a second device looks again.
    How: the first link of an answer is fetched twice, and one of each operation at the end again; the bytes are alike.
    Do: keep what a link leads to until it expires.
    """
    links = [picture for picture in decoded(exchange) if picture.role in LINK_ROLES]
    if not links:
        return None
    bad = next((picture for picture in links if picture.again), None)
    return Broken("the same bytes again", bad.again, bad.pointer) if bad else CONFORMS


@clause("images.extension", "MAY", "x-role: image-url")
def extension(exchange: Exchange) -> Verdict:
    """A link that ends in a format's name leads to that format.

    Why: people save files under the name in the link.
    How: the suffix of the link's path, where it is a picture's, against the bytes.
    Do: name files by what they are.
    """
    seen = {picture.pointer: picture.format for picture in decoded(exchange)}
    told = [
        (meaning, _SUFFIXES[suffix], seen[meaning.pointer])
        for meaning, parts in _links(exchange)
        if meaning.pointer in seen
        and (suffix := PurePosixPath(parts.path).suffix.lower().removeprefix(".")) in _SUFFIXES
    ]
    if not told:
        return None
    bad = next((one for one in told if one[1] != one[2]), None)
    return Broken(f"{bad[1]}, as its name says", bad[2], bad[0].pointer) if bad else CONFORMS
