"""Clauses about how the bytes of an answer come: nothing in front, nothing hidden, no page, from no cache."""

from __future__ import annotations

import json
from collections import Counter
from email.message import Message
from typing import Any

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from contract_tests.headers import http_date, whole_number
from spec.messages import is_json

#: the first bytes of what a Content-Encoding should have announced
_ENCODINGS = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")
_BLANKS = b" \t\r\n"
_FEW_BLANKS = 4


@clause("wire.answers", "MUST", "responses", of_broken=True)
def answers(exchange: Exchange) -> Verdict:
    """Every request is answered.

    Why: a caller waits until a time-out, asks again, and pays for both.
    How: a request that gets not a byte, from a host that answers others, is sent once more; both count.
    Do: answer what fails with a 5xx; let no gateway in front hang up, and no worker die of a request.
    """
    if exchange.hand_made or exchange.unsettled:  # wire.steady speaks of what could not be asked once more
        return None
    return CONFORMS if exchange.response.status else Broken("an answer", exchange.broken)


@clause("wire.whole", "MUST", "RFC 9112, section 8", of_broken=True)
def whole(exchange: Exchange) -> Verdict:
    """An answer comes to its end.

    Why: half of a picture, or of a stream, cannot be used, and was paid for.
    How: a body that breaks off, that stands still until the time-out or that cannot be unpacked is asked for once
        more; both count.
    Do: send as many bytes as Content-Length says, and the last chunk; give proxies in front longer time-outs.
    """
    if exchange.hand_made or exchange.unsettled or not exchange.response.status:  # of the last speaks wire.answers
        return None
    return Broken("the whole answer", exchange.broken) if exchange.broken else CONFORMS


@clause("wire.redirect", "MUST", "responses")
def redirect(exchange: Exchange) -> Verdict:
    """The API's route answers itself and sends nobody elsewhere.

    Why: a client that follows sends a paid request twice, or drops the body and the key on the way.
    How: no 3xx, unless the contract documents it, or it leads to the same path, query, method and body: of that,
        wire.detour.
    Do: serve the documented path itself; check http against https, and slashes at the end.
    """
    status = exchange.response.status
    if not 300 <= status < 400 or exchange.case.operation.answer(status) is not None:
        return CONFORMS
    return Broken("an answer from this path", f"{status} to {exchange.response.headers.get('location', 'nowhere')}")


@clause("wire.detour", "SHOULD", "responses")
def detour(exchange: Exchange) -> Verdict:
    """The documented path answers itself, and not by way of the same path written otherwise.

    Why: everything is sent twice, pictures too, and clients that do not follow (fetch in a browser, curl) get nothing.
    How: no 307 or 308, nor any 3xx to what has no body, to the same path at the same origin; it is followed, and the
        answer at its end is judged.
    Do: serve the documented path with and without a slash at its end.
    """
    if exchange.detour:
        return Broken("an answer from this path", exchange.detour)
    return CONFORMS if exchange.response.status // 100 in (2, 4, 5) else None


@clause("wire.no-html", "MUST", "responses.*.content")
def no_html(exchange: Exchange) -> Verdict:
    """A program is not answered with a web page.

    Why: a client's parser fails on the first byte, and the reason is lost.
    How: a body that is not called HTML does not begin as HTML does.
    Do: let the gateway in front send the documented error, too.
    """
    start = exchange.response.body[:200].lstrip().lower()
    if not start or exchange.response.media == "text/html":  # wire.content-type and wire.status speak of that
        return None
    return Broken("an answer for programs", f"a page: {start[:60]!r}") if start.startswith(_PAGES) else CONFORMS


@clause("wire.encoding", "MUST", "RFC 9110, section 8.4")
def encoding(exchange: Exchange) -> Verdict:
    """A compressed body says so.

    Why: a client that is not told cannot know, and reads garbage.
    How: once Content-Encoding is undone, the body does not begin as gzip or zstd do.
    Do: send Content-Encoding, or do not compress; look at caches in front.
    """
    body = exchange.response.body
    if not body:
        return None
    found = next((name for name, start in _ENCODINGS.items() if body.startswith(start)), None)
    return Broken("a body that is only encoded as its headers say", f"{found} bytes") if found else CONFORMS


@clause("wire.heartbeat", "MAY", "responses.*.content")
def heartbeat(exchange: Exchange) -> Verdict:
    """A JSON answer begins with its JSON.

    Why: blanks sent to keep a connection open come with 200 before anybody knows whether the request fails.
    How: at most a line break or two stand before the first letter.
    Do: keep connections open in another way, or offer a stream or a task.
    """
    body = exchange.response.body
    if not is_json(exchange.response.media) or not body.strip():
        return None
    blanks = len(body) - len(body.lstrip(_BLANKS))
    return CONFORMS if blanks <= _FEW_BLANKS else Broken("JSON from the first byte", f"{blanks} blanks before it")


@clause("wire.duplicate-keys", "SHOULD", "RFC 8259, section 4")
def duplicate_keys(exchange: Exchange) -> Verdict:
    """No object of an answer has a name twice.

    Why: one client reads the first value, another one the last, and both are right.
    How: the body is parsed with every name kept.
    Do: write each member once.
    """
    if not is_json(exchange.response.media) or exchange.response.value is None:
        return None
    twice: list[str] = []

    def kept(pairs: list[tuple[str, Any]]) -> None:
        twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)

    try:
        json.loads(exchange.response.body, object_pairs_hook=kept)
    except (ValueError, RecursionError):  # what cannot be parsed is another clause's business
        return None
    return Broken("every name once", f"{twice[0]!r} twice in one object") if twice else CONFORMS


@clause("wire.charset", "SHOULD", "RFC 8259, section 8.1")
def charset(exchange: Exchange) -> Verdict:
    """JSON and events are UTF-8, and called nothing else.

    Why: a client that believes another name garbles every revised prompt that is not English.
    How: the charset parameter of Content-Type, where there is one.
    Do: leave it out, or say utf-8.
    """
    text = Message()
    text["content-type"] = exchange.response.headers.get("content-type", "")
    told = text.get_content_charset()
    if told is None or not (is_json(exchange.response.media) or exchange.streams):
        return None
    return CONFORMS if told in ("utf-8", "utf8") else Broken("utf-8", told)


@clause("wire.headers", "SHOULD", "responses.*.headers")
def headers(exchange: Exchange) -> Verdict:
    """A documented header that is sent has the documented form.

    Why: clients compute with them: how long to wait, how much is left.
    How: the header's schema, letters of either case; where a wait in seconds belongs an HTTP date will do.
    Do: send numbers where numbers are documented, and constants as they are, or leave the header out.
    """
    answer = exchange.case.operation.answer(exchange.response.status)
    told = exchange.response.headers
    schemas = {name: one["schema"] for name, one in (answer.headers if answer else {}).items()}
    if not any(name.lower() in told and one.get("x-role") != "request-id" for name, one in schemas.items()):
        return None
    for found in exchange.violations:
        if found.location == "header" and found.problem == "header":
            text, schema = told[found.param.lower()], schemas[found.param]
            if schema.get("x-role") != "request-id" and not _will_do(text, schema):
                return Broken(f"a header {found.param} of the documented form", f"{text!r:.60}: {found.reason:.120}")
    return CONFORMS


def _will_do(text: str, schema: Any) -> bool:
    """Whether a text that is not as documented means the same."""
    if schema.get("x-role") == "retry-after":
        return http_date(text) is not None
    return str(schema.get("const", "")).casefold() == text.strip().casefold() != ""


@clause("wire.fresh", "SHOULD", "RFC 9110, section 9.3.3", shown_by=("pictures", "streams", "tasks", "followups"))
def fresh(exchange: Exchange) -> Verdict:
    """What is asked to be made is made, and not served from a cache.

    Why: somebody else's picture, or yesterday's, is billed as a new one.
    How: a success of any method but GET has no Age above 0.
    Do: keep caches away from these routes (Cache-Control: no-store).
    """
    if not exchange.succeeded or exchange.case.operation.method.upper() == "GET":
        return None
    age = whole_number(exchange.response.headers.get("age", ""))
    return Broken("an answer made now", f"one {age} s old") if age is not None and age > 0 else CONFORMS
