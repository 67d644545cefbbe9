"""Clauses about event streams: framed so that clients hear them, one finished picture at the end, few on the way."""

from __future__ import annotations

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from contract_tests.likeness import distance
from contract_tests.streams import is_end
from spec.contract import roles_in
from spec.events import MEDIA_TYPE, parse

#: seconds: a shorter stream may come in one piece
_WORTH_WAITING = 3.0
_LATE = 0.85  # of the time a stream takes; one that was held back takes some of it to arrive
#: of 255, between coarse pictures; of ten pictures each, drawn by blur, tiles, noise, latents, from pale or dark, the
#: top down, or out of another composition, the last state was 10 to 91 nearer than the first, and none further than 48
#: at its best; of those that went on to another picture the last was 20 to 120 further
_CLEARLY, _ANOTHER = 15.0, 110.0


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
    answer = exchange.case.operation.success
    told = [event for event in stream.events if not is_end(event, answer)]
    bad = next((i for i, event in enumerate(told) if not isinstance(event.get("data"), dict)), None)
    if bad is not None:
        return Broken("a JSON object as data", f"{told[bad].get('data')!r:.60}", f"/{bad}/data")
    return CONFORMS if told else None  # stream.completed speaks of that


@clause("stream.completed", "MUST", "x-role: stream")
def completed(exchange: Exchange) -> Verdict:
    """A stream that does not fail has one finished picture, and nothing follows it.

    Why: clients take the finished picture from exactly one event.
    How: the events are counted by kind: one finished picture, no unfinished one behind it.
    Do: end the stream with one event that holds the finished picture.
    """
    can_stream = exchange.streams and exchange.case.operation.success.events is not None
    if not can_stream or exchange.failed_midway or exchange.case.defect is not None:
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
        if whole.width and (picture.width, picture.height) != (whole.width, whole.height):
            return Broken(f"{whole.width}x{whole.height}", f"{picture.width}x{picture.height}", picture.pointer)
    return CONFORMS


@clause("stream.partial-format", "SHOULD", "x-role: partial-index")
def partial_format(exchange: Exchange) -> Verdict:
    """An unfinished picture is of the finished one's format.

    Why: clients show one after the other in the same way.
    How: the bytes of all pictures of one stream.
    Do: encode all of them alike.
    """
    whole = next((picture for picture in exchange.pictures if picture.format), None)
    found = [picture for picture in exchange.unfinished if picture.format]
    if not found or whole is None or not exchange.streams:
        return None
    bad = next((picture for picture in found if picture.format != whole.format), None)
    return Broken(f"{whole.format}", f"{bad.format}", bad.pointer) if bad else CONFORMS


@clause("stream.agrees", "SHOULD", "x-role: size, quality, background, output-format")
def agrees(exchange: Exchange) -> Verdict:
    """The events of one stream say the same of their picture.

    Why: a client sets the page up by the first event.
    How: size, quality, background and format of every event with a picture, where told.
    Do: settle them before the first event.
    """
    told = [event for event in exchange.events if event.kind in ("partial", "completed")]
    if len(told) < 2 or not exchange.events_of("completed"):
        return None
    last = exchange.events_of("completed")[-1]
    for role in ("size", "quality", "background", "output-format"):
        for event in told:
            said, wanted = event.said(role), last.said(role)
            if said is not None and wanted is not None and said != wanted:
                return Broken(f"{role} {wanted}, as at the end", f"{said}", event.pointer)
    return CONFORMS


@clause("stream.failure-ends", "MUST", "x-role: error-message")
def failure_ends(exchange: Exchange) -> Verdict:
    """Nothing follows a failure: the stream ends with it.

    Why: clients stop at the error; what comes behind is paid for and never seen.
    How: no event with a picture stands behind one that says the request has failed.
    Do: end the stream, and do not try again inside it.
    """
    kinds = [event.kind for event in exchange.events]
    if "failure" not in kinds:
        return None
    after = [kind for kind in kinds[kinds.index("failure") + 1 :] if kind in ("partial", "completed")]
    return Broken("the end of the stream", f"{len(after)} pictures behind the failure") if after else CONFORMS


@clause("stream.incremental", "SHOULD", "x-role: stream")
def incremental(exchange: Exchange) -> Verdict:
    """Events come when they happen, not all together at the end.

    Why: a stream that a proxy holds back shows nothing until the end, and unfinished pictures are paid for.
    How: in a stream of several pictures that takes 3 seconds or more, the first byte comes before the last seventh.
    Do: switch off buffering and compression in front of the route.
    """
    if len(exchange.events) < 2 or not exchange.events_of("partial") or exchange.first_byte <= 0:
        return None
    if exchange.seconds < _WORTH_WAITING:
        return None
    if exchange.first_byte < exchange.seconds * _LATE:
        return CONFORMS
    return Broken("the first event before the last", f"all of them after {exchange.first_byte:.1f} s")


def _distances(exchange: Exchange) -> list[float]:
    """How far each unfinished picture is from the finished one; empty where one of them does not decode."""
    whole = next((picture for picture in exchange.pictures if picture.format), None)
    if whole is None or not exchange.streams:
        return []
    found = [distance(picture.data, whole.data) for picture in exchange.unfinished if picture.format]
    return [one for one in found if one is not None]


@clause("stream.converges", "MAY", "x-role: partial-index")
def converges(exchange: Exchange) -> Verdict:
    """Unfinished pictures come nearer to the finished one.

    Why: they are shown to say what it will be.
    How: the last one is not clearly further from it, coarsely, than the first, and none is another picture altogether.
    Do: send the states of the one picture that is drawn.
    """
    apart = _distances(exchange)
    if not apart:
        return None
    if apart[-1] > apart[0] + _CLEARLY:
        return Broken("the last one nearest", " -> ".join(f"{one:.0f}" for one in apart) + " of 255 away")
    if min(apart) > _ANOTHER:
        return Broken("the picture on its way", f"another one, {min(apart):.0f} of 255 away")
    return CONFORMS


@clause("stream.unfinished", "MAY", "x-role: partial-index")
def unfinished(exchange: Exchange) -> Verdict:
    """Unfinished pictures are not the finished one over again.

    Why: each is billed; the same bytes again show nothing new.
    How: the bytes of not every unfinished picture are those of the finished one.
    Do: send states on the way, or none.
    """
    whole = {picture.digest for picture in exchange.pictures if picture.format}
    found = [picture.digest for picture in exchange.unfinished if picture.format]
    if not found or not whole or not exchange.streams:
        return None
    return Broken("another state of it", "the finished picture") if set(found) <= whole else CONFORMS


@clause("stream.ending", "SHOULD", "x-ends-with")
def ending(exchange: Exchange) -> Verdict:
    """A stream ends with the text the contract ends it with, once.

    Why: clients that wait for it hang until the connection is closed, and take what comes early for the end.
    How: where the contract has such a text, it is the last event and no other.
    Do: send it behind the last event, and nothing behind it.
    """
    answer = exchange.case.operation.success
    if not answer.ends_with or not exchange.streams or exchange.failed_midway:
        return None
    told = [is_end(event, answer) for event in parse(exchange.response.body).events]
    if told and told[-1] and told.count(True) == 1:
        return CONFORMS
    found = f"{told.count(True)} of them in {len(told)} events" if any(told) else "none"
    return Broken(f"{answer.ends_with!r} as the last event", found)
