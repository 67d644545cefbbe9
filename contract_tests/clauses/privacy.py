"""Clauses about what must not be told: the caller's key, and the provider's inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from contract_tests.cases import LONGER_KEY, WRONG_KEY
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from spec.language import IMAGE_ROLES
from spec.recordings.secrets import MASK

_PATH = re.compile(r"(?:file://|/(?:home|usr|app|root|tmp|var|opt|mnt|srv|workspace)/|[A-Z]:\\)[^\s\"'<>]{3,}")
_UPSTREAM = re.compile(
    r"dial tcp|ECONNREFUSED|connection refused|\bSQLSTATE\b|\bpq: |no such host"
    r"|\b(?:Get|Post) \\?\"https?://[^\s\"]+|\b(?:\d{1,3}\.){3}\d{1,3}:\d{2,5}\b"
)


@clause("privacy.key", "MUST", "security")
def no_key(exchange: Exchange) -> Verdict:
    """No answer repeats the caller's key.

    Why: answers are logged, cached and shown in browsers; keys must not be.
    How: headers and body are searched for the key that was sent, in every way it can be written.
    Do: mask keys in errors, links and debug members.
    """
    if exchange.case.credential in (None, LONGER_KEY):  # a wrong key that is told again is auth.no-echo's business
        return None
    return Broken("an answer without the key", "the key that was sent") if exchange.repeats_key else CONFORMS


@clause("auth.no-echo", "SHOULD", "x-problems.invalid-credentials")
def no_echo(exchange: Exchange) -> Verdict:
    """The refusal of a key does not repeat the whole of it.

    Why: a key with a typing mistake is nearly a key, and errors are logged.
    How: the body of the refusal is searched for the wrong key that was sent.
    Do: show the first and the last letters at most.
    """
    if exchange.case.credential not in (WRONG_KEY, LONGER_KEY) or exchange.succeeded:
        return None
    told = WRONG_KEY.encode() in exchange.response.body
    return Broken("the key masked, or not named", "all of it") if told else CONFORMS


@clause("error.no-upstream", "SHOULD", "components.schemas.Error")
def no_upstream(exchange: Exchange) -> Verdict:
    """An error does not tell whom the provider asks itself, or how.

    Why: addresses and queries of an inner network help attackers only.
    How: error bodies are searched for addresses with ports, failed connections and database errors not in the request.
    Do: log what the upstream said, and send a message of your own.
    """
    if exchange.response.status < 400 or not exchange.response.body:
        return None
    text = exchange.response.body[:20_000].decode("utf-8", "replace")
    asked = exchange.case.body.decode("utf-8", "replace")
    found = next((match[0] for match in _UPSTREAM.finditer(text) if match[0] not in asked), None)
    return Broken("a message for the caller", f"the provider's inside: {found[:80]!r}") if found else CONFORMS


@clause("wire.no-paths", "SHOULD", "responses.2XX.content.*.schema")
def no_paths(exchange: Exchange) -> Verdict:
    """A success does not tell where files lie on the provider's disk.

    Why: it is of no use to a caller, and of some to an attacker.
    How: every text of the answer but its pictures; what the request said itself does not count.
    Do: leave such members out, or send a link.
    """
    if not exchange.succeeded or not isinstance(exchange.response.value, dict | list):
        return None
    pictures = {meaning.pointer for meaning in exchange.image_meanings if meaning.role in IMAGE_ROLES}
    asked = exchange.case.body.decode("utf-8", "replace")
    for pointer, text in _texts(exchange.response.value, ""):
        if pointer not in pictures and len(text) < 4096 and (match := _PATH.match(text)) and match[0] not in asked:
            return Broken("no path of a disk", f"{match[0][:80]!r}", pointer)
    return CONFORMS


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _texts(inner, f"{pointer}/{escaped}")


@clause("images.no-leak", "SHOULD", "x-role: image-*")
def in_pictures(exchange: Exchange) -> Verdict:
    """The texts beside a picture's pixels tell no key and no path.

    Why: pictures are passed on and published; nobody looks at what is written beside the pixels.
    How: text chunks, comments and EXIF of every decoded picture.
    Do: write a provenance mark, and nothing of the machine that drew.
    """
    decoded = [picture for picture in exchange.pictures if picture.format] if exchange.owes_pictures else []
    if not decoded:
        return None
    for picture in decoded:
        if MASK in picture.notes:
            return Broken("no key beside the pixels", "the key that was sent", picture.pointer)
        if match := _PATH.search(picture.notes):
            return Broken("no path beside the pixels", f"{match[0][:80]!r}", picture.pointer)
    return CONFORMS
