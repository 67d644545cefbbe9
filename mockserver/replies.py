"""Replies: what goes back over the wire, written from outcomes and problems by the contract, and checked against it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spec import events
from spec.contract import Answer, Contract, Operation, Problem
from spec.response_check import ResponseCheck
from spec.violations import Violation
from spec.writer import Source, Unfillable, Values, Writer

if TYPE_CHECKING:
    from mockserver.artist import Picture

log = logging.getLogger("imageproof.mock")


@dataclass(slots=True)
class Reply:
    """One answer before it is sent. `value` is the JSON body, or bytes where a drift has written them; None with
    `media` empty means no body.

    Of an event stream `value` is the list of its events, `frames` their bytes where a drift has written them. `timed`
    are the headers that say, once it is known, how long it took. `identified`: a documented header names the exchange.
    `pictures` are those that it delivers.
    """

    status: int
    headers: dict[str, str]
    media: str = ""
    value: Any = None
    problem: str = ""
    timed: Sequence[str] = ()
    frames: list[bytes] | None = None
    identified: bool = False
    pictures: Sequence[Picture] = ()

    def framed(self) -> list[bytes]:
        """The events of a stream as bytes."""
        return self.frames if self.frames is not None else [events.frame(event) for event in self.value]

    @property
    def streams(self) -> bool:
        """Whether the answer is sent event by event."""
        return self.media == events.MEDIA_TYPE

    @property
    def refuses(self) -> bool:
        """Whether it says why not; a drift may send even that with a status of 200."""
        return bool(self.problem) or self.status >= 400

    def took(self, seconds: float) -> None:
        """Say how long it took, where the contract has a header for that."""
        for name in self.timed:
            self.headers[name] = str(round(seconds * 1000))

    def body(self) -> bytes:
        """The body's bytes; of a stream those of all its events."""
        if self.streams:
            return b"".join(self.framed())
        if isinstance(self.value, bytes):
            return self.value
        if isinstance(self.value, str) and self.media.startswith("text/"):
            return self.value.encode()
        return orjson.dumps(self.value) if self.media else b""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request refused: which problem, at which parameter, with what role and facts.

    `status`, `fields` (error roles -> text) and `body` override the contract's; a drift sets them. `roles` are written
    where the answer has a place for them, in its headers above all.
    """

    problem: str
    param: str = ""
    role: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    fields: Mapping[str, str | None] | None = None
    roles: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    @staticmethod
    def of(violation: Violation, operation: Operation) -> Refusal:
        """A violation as a refusal of this operation."""
        return Refusal(violation.problem, violation.param, _role_of(operation, violation), violation.facts)


def _role_of(operation: Operation, violation: Violation) -> str | None:
    for parameter in operation.parameters:
        if parameter.location == violation.location and parameter.name == violation.param:
            return parameter.role
    for schema in operation.body.values():
        found = schema.get("properties", {}).get(violation.param)
        if found is not None:
            role: str | None = found.get("x-role") or found.get("items", {}).get("x-role")
            return role
    return None


_PLACE = re.compile(r"\{([a-z-]+)\}")


class _Facts(dict[str, Any]):
    """Facts for an error message; a place nobody knows anything about stays readable."""

    def __missing__(self, key: str) -> str:
        return "?"


def told(role: str, facts: _Facts) -> _Facts:
    """The facts as an error field tells them: a message calls a body as a whole `body`, the parameter stays empty."""
    return _Facts({**facts, "param": "body"}) if role == "error-message" and not facts["param"] else facts


def _written(text: Any, facts: _Facts) -> Any:
    """What an error field says: a text, or each of a list, with its places filled; one that stays empty is null."""
    if isinstance(text, list):
        return [said for one in text if (said := _written(one, facts))]
    return Formatter().vformat(text, (), facts) or None if text and isinstance(text, str) else text


@dataclass(frozen=True, slots=True)
class _Identified:
    """What an answer is written from, and its id, which no outcome knows."""

    source: Source
    request_id: str

    def each(self, kind: str) -> Sequence[Source]:
        return self.source.each(kind)

    def get(self, role: str) -> Any:
        return self.request_id if role == "request-id" else self.source.get(role)


class Scribe:
    """Writes the replies of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._writers: dict[int, tuple[Answer, _AnswerWriter]] = {}
        self._checks = {operation.id: ResponseCheck(operation) for operation in contract.operations}
        self._successes = {operation.id: operation.success for operation in contract.operations}

    def success(self, operation: Operation, outcome: Source, asked: Mapping[str, Any], request_id: str) -> Reply:
        """The documented success, filled from the outcome and checked; a 500 if that is not possible."""
        answer = self._successes[operation.id]
        try:
            reply = self._writer(answer).reply(int(answer.status), outcome, asked, request_id)
        except Unfillable as error:
            return self._broken(operation, str(error), request_id)
        if not self._checks[operation.id].conforms(answer, reply.media, reply.value):
            found = self._checks[operation.id].schema_violations(answer.content[reply.media], reply.value)
            return self._broken(operation, "; ".join(map(str, found)), request_id)
        return reply

    def usual(self, operation: Operation) -> Usually | None:
        """The documented success in its parts; None where its headers depend on what comes of a request."""
        answer = self._successes[operation.id]
        return self._writer(answer).usually(int(answer.status), self._checks[operation.id])

    def stream(
        self, operation: Operation, outcomes: Iterable[Source], asked: Mapping[str, Any], request_id: str
    ) -> Reply:
        """The documented success as events, one per outcome, each checked; a 500 if that is not possible."""
        answer = self._successes[operation.id]
        writer, check = self._writer(answer), self._checks[operation.id]
        written = []
        for outcome in outcomes:
            try:
                event = writer.event(outcome, asked)
            except Unfillable as error:
                return self._broken(operation, str(error), request_id)
            if not check.conforms_event(answer, events.MEDIA_TYPE, event):
                found = check.schema_violations(answer.items[events.MEDIA_TYPE], event)
                return self._broken(operation, "; ".join(map(str, found)), request_id)
            written.append(event)
        if answer.ends_with:
            written.append({"data": answer.ends_with})
        headers = {**writer.headers(outcome, asked, request_id), "Cache-Control": "no-cache"}
        reply = Reply(int(answer.status), headers, events.MEDIA_TYPE, written, timed=writer.timed)
        reply.identified = writer.identifies
        return reply

    def failure(self, refusal: Refusal, request_id: str) -> Source:
        """A failure as something that can be written, such as an event in mid-stream."""
        return Values(self._fields(self._contract.problem(refusal.problem), refusal, request_id, None))

    def _broken(self, operation: Operation, reason: str, request_id: str) -> Reply:
        text = f"the mock's own answer breaks {self._contract.file}{operation.success.pointer}: {reason}"
        log.error("%s", text)
        return self.refusal(Refusal("internal", facts={"reason": text}), operation, request_id)

    def refusal(
        self, refusal: Refusal, operation: Operation | None, request_id: str, retry_after: int | None = None
    ) -> Reply:
        """The documented answer to a problem."""
        problem = self._contract.problem(refusal.problem)
        status = refusal.status or problem.status
        answer = self._answer_for(problem, status, operation)
        fields = self._fields(problem, refusal, request_id, retry_after)
        source = Values({**fields, "error-status": status, "retry-after": retry_after, **refusal.roles})
        if answer is None:
            return Reply(status, {"x-request-id": request_id}, problem=problem.name)
        try:
            reply = self._writer(answer).reply(status, source, {}, request_id)
        except Unfillable:
            log.error("the contract %s cannot say %r with status %s", self._contract.file, problem.name, status)  # noqa: TRY400
            return Reply(status, {"x-request-id": request_id}, problem=problem.name)
        reply.problem = problem.name
        if refusal.body is not None:
            reply.media, reply.value = "application/json", refusal.body
        return reply

    @staticmethod
    def _fields(problem: Problem, refusal: Refusal, request_id: str, retry_after: int | None) -> Mapping[str, Any]:
        """What the error says: role -> text or null."""
        facts = _Facts({"param": refusal.param, "retry-after": retry_after, "request-id": request_id, **refusal.facts})
        said = {role: _written(text, told(role, facts)) for role, text in problem.fields.items()}
        for role, text in (refusal.fields or {}).items():  # a drift's: braces may be anything, so known places only
            said[role] = text and _PLACE.sub(lambda found: str(facts.get(found[1], found[0])), text)
        if (problem.prefix or problem.suffix) and (message := said.get("error-message")):
            before, behind = (Formatter().vformat(text, (), facts) for text in (problem.prefix, problem.suffix))
            said["error-message"] = before + message + behind
        return said

    def _answer_for(self, problem: Problem, status: int, operation: Operation | None) -> Answer | None:
        for known in (status, problem.status):  # a drift's status may be one that nobody documents
            if operation is not None and (answer := operation.answer(known)) is not None:
                return answer
        if problem.answer is not None:
            return problem.answer
        return next((answer for other in self._contract.operations if (answer := other.answer(status))), None)

    def _writer(self, answer: Answer) -> _AnswerWriter:
        known = self._writers.get(id(answer))
        if known is None:
            known = self._writers[id(answer)] = (answer, _AnswerWriter(answer))
        return known[1]


class Usually(NamedTuple):
    """A success whose headers are always the same, in its parts.

    `write` may raise Unfillable; `conforms` says whether what it has written keeps the contract. The request's id
    stands in the headers named `ids`.
    """

    status: int
    headers: Mapping[str, str]
    ids: Sequence[str]
    media: str
    write: Callable[[Source, Mapping[str, Any]], Any]
    conforms: Callable[[Any], bool]


class _AnswerWriter:
    """Writes one documented answer: headers and body."""

    def __init__(self, answer: Answer) -> None:
        writers = {name: Writer(header["schema"]) for name, header in answer.headers.items()}
        self._request_ids = [name for name, writer in writers.items() if "request-id" in writer.roles]
        self.identifies = bool(self._request_ids)
        self.timed = [name for name, writer in writers.items() if "processing-ms" in writer.roles]
        self._same = {name: str(writer.constant) for name, writer in writers.items() if writer.constant is not None}
        known = (*self._request_ids, *self.timed, *self._same)
        self._headers = [(name, writer) for name, writer in writers.items() if name not in known]
        self._media, self._schema = next(iter(answer.content.items()), ("", {}))
        self._body = Writer(self._schema) if self._media else None
        self._tells_id = self._body is not None and "request-id" in self._body.roles
        self._event = Writer(answer.events) if answer.events else None

    def usually(self, status: int, check: ResponseCheck) -> Usually | None:
        """See Scribe.usual."""
        if self._body is None or self._tells_id or self._headers or self.timed:
            return None
        write, conforms = self._body.write, check.verdict(self._schema)
        return Usually(status, self._same, self._request_ids, self._media, write, conforms)

    def event(self, source: Source, asked: Mapping[str, Any]) -> Any:
        """One event. Raises Unfillable when the source does not know what it must say."""
        if self._event is None:
            raise Unfillable("no stream is documented")
        return self._event.write(source, asked)

    def headers(self, source: Source, asked: Mapping[str, Any], request_id: str) -> dict[str, str]:
        """The documented headers that can be filled."""
        headers = self._same.copy()
        for name in self._request_ids:
            headers[name] = request_id
        for name, writer in self._headers:
            try:
                headers[name] = str(writer.write(source, asked))
            except Unfillable:
                continue
        return headers

    def reply(self, status: int, source: Source, asked: Mapping[str, Any], request_id: str) -> Reply:
        """Raises Unfillable when the source does not know what the answer must say."""
        if self._tells_id:
            source = _Identified(source, request_id)
        value = self._body.write(source, asked) if self._body else None
        headers = self.headers(source, asked, request_id)
        return Reply(status, headers, self._media, value, timed=self.timed, identified=self.identifies)
