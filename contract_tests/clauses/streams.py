"""Clauses about event streams: framed so that clients hear them, one finished picture at the end, few on the way."""

from __future__ import annotations

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from spec.contract import roles_in
from spec.events import MEDIA_TYPE, parse


@clause("stream.content-type", "MUST", "x-role: stream")
def content_type(exchange: Exchange) -> Verdict:
    """Events come to a request that asks for a stream, and to no other.

    Why: a client that waits for events hangs on JSON, and the other way round.
    How: event stream exactly where a stream was asked for.
    Do: answer a streaming request with text/event-stream, and no other.
    """
    case = exchange.case
    if case.operation.success.events is None or case.defect is not None or not exchange.succeeded:
        return None
    if exchange.is_error_body:  # error.in-success speaks of that
        return None
    if exchange.wants_task or exchange.wants_stream == exchange.streams:
        return CONFORMS if exchange.streams else None
    wanted = MEDIA_TYPE if exchange.wants_stream else " or ".join(case.operation.success.content)
    return Broken(wanted, exchange.response.media or "no Content-Type")


@clause("stream.framing", "MUST", "responses.2XX.content.text/event-stream")
def framing(exchange: Exchange) -> Verdict:
    """Every event is ended by a blank line, or clients never see it, and its data is JSON.

    Why: an event without a blank line behind it is never seen; the finished picture is usually the last.
    How: the bytes are split by the WHATWG rules; each event's data is a JSON object, nothing is left over.
    Do: end every event with a blank line, and send no [DONE] where none is documented.
    """
    if not exchange.streams:
        return None
    stream = parse(exchange.response.body)
    if stream.unfinished:
        return Broken("a blank line behind every event", f"{stream.unfinished[:60]!r} at the end, and none")
    bad = next((i for i, event in enumerate(stream.events) if not isinstance(event.get("data"), dict)), None)
    if bad is not None:
        return Broken("a JSON object as data", f"{stream.events[bad].get('data')!r:.60}", f"/{bad}/data")
    return CONFORMS if stream.events else Broken("events", "none")


@clause("stream.completed", "MUST", "x-role: stream")
def completed(exchange: Exchange) -> Verdict:
    """A stream that does not fail has one finished picture, and nothing follows it.

    Why: clients take the finished picture from exactly one event.
    How: the events are counted by kind: one finished picture, no unfinished one behind it.
    Do: end the stream with one event that holds the finished picture.
    """
    if not exchange.events or exchange.failed_midway or exchange.case.defect is not None:
        return None
    kinds = [event.kind for event in exchange.events]
    if kinds.count("completed") != 1:
        return Broken("one finished picture", f"{kinds.count('completed')} in {len(kinds)} events")
    after = kinds[kinds.index("completed") + 1 :]
    if "partial" in after:
        return Broken("the finished picture last", f"{after.count('partial')} unfinished behind it")
    return CONFORMS


@clause("stream.partials", "MUST", "x-role: partial-count, partial-index")
def partials(exchange: Exchange) -> Verdict:
    """Unfinished pictures are counted from 0 in order; fewer than asked for may come, but not more.

    Why: each unfinished picture is billed, and its number says which one it replaces.
    How: the indexes are 0, 1, 2 ... and no more than were asked for.
    Do: count from 0, and stop at the number asked for.
    """
    schema = exchange.case.operation.success.events
    if not exchange.events or schema is None or "partial-index" not in roles_in([schema]):
        return None
    found = exchange.events_of("partial")
    told = [event.said("partial-index") for event in found]
    if told != list(range(len(told))):
        return Broken("0, 1, 2 ... in order", ", ".join(map(repr, told)), found[0].pointer)
    asked = exchange.asked.get("partial-count", 0)
    if isinstance(asked, int) and len(told) > asked:
        return Broken(f"{asked} unfinished pictures at most", str(len(told)), found[asked].pointer)
    return CONFORMS


@clause("stream.partials-sent", "MAY", "x-role: partial-count, partial-index")
def partials_sent(exchange: Exchange) -> Verdict:
    """Of unfinished pictures that were asked for some come.

    Why: a parameter that is checked and then ignored looks like a bug of whoever sends it.
    How: a stream that was asked for unfinished pictures has one at least; the contract allows fewer, and none.
    Do: send some, or refuse the parameter.
    """
    schema = exchange.case.operation.success.events
    asked = exchange.asked.get("partial-count")
    if not exchange.events_of("completed") or schema is None or "partial-index" not in roles_in([schema]):
        return None
    if not isinstance(asked, int) or not asked:
        return None
    return CONFORMS if exchange.events_of("partial") else Broken(f"up to {asked} unfinished pictures", "none")


@clause("stream.partial-pictures", "SHOULD", "x-role: partial-index")
def partial_pictures(exchange: Exchange) -> Verdict:
    """An unfinished picture is a whole picture, of the finished one's size.

    Why: clients swap one for the next in place; another size makes the page jump.
    How: every unfinished picture decodes and has the finished one's size.
    Do: send whole pictures of the final size.
    """
    whole = next((picture for picture in exchange.pictures if picture.format), None)
    if not exchange.unfinished or whole is None or not exchange.streams:
        return None
    for picture in exchange.unfinished:
        if told := picture.problem or picture.trouble:
            return Broken("a picture that decodes", told, picture.pointer)
        if (picture.width, picture.height) != (whole.width, whole.height):
            return Broken(f"{whole.width}x{whole.height}", f"{picture.width}x{picture.height}", picture.pointer)
    return CONFORMS
