"""An Exchange: one request that was sent and what came back, with all that the clauses want to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contract_tests import absences
from contract_tests.cases import Case, inputs, makes_pictures, most_images, optional_parameters
from contract_tests.pictures import bytes_given
from contract_tests.seen import Seen
from contract_tests.streams import Event, read
from spec.events import MEDIA_TYPE as EVENT_STREAM
from spec.followups import Offer
from spec.language import IMAGE_ROLES, STATES, Schema
from spec.messages import Response, is_json
from spec.reader import Meaning, Reader
from spec.response_check import ResponseCheck
from spec.shapes import shape_of
from spec.violations import Violation


@dataclass(eq=False)
class Exchange:
    """One request and its answer. `sent_headers` are redacted; `at` is Unix seconds, `seconds` how long it took,
    `first_byte` until the body began (0: not known); `repeats_key`: the key was in it.

    `asked` is what the answer has to deliver: for a poll that is what the submit asked. `pictures` are filled in by the
    provider, `unfinished` too where they came in a stream, `covers` of videos, and `polls` where the answer was a task.
    `at_first` is what was wrong with an answer before this one, for which it was asked again; `unsettled`: it failed as
    it may for a moment, and could not be asked again. `broken` is why the answer did not come to its end; of one that
    never came the status is 0.
    `seen_late`: its task was looked at once more, long after its end. `detour`: the redirect that led to the answer.
    """

    case: Case
    url: str
    sent_headers: Mapping[str, str]
    response: Response
    at: float
    seconds: float
    number: int = 0
    parent: Exchange | None = None
    polls: list[Exchange] = field(default_factory=list)
    pictures: Sequence[Seen] = ()
    unfinished: Sequence[Seen] = ()
    covers: Sequence[Seen] = ()
    gave_up: str = ""
    first_byte: float = 0.0
    repeats_key: bool = False
    at_first: str = ""
    unsettled: bool = False
    seen_late: bool = False
    broken: str = ""
    detour: str = ""

    @cached_property
    def asked(self) -> Mapping[str, Any]:
        """Role -> value in our units, as far back as the request that started this."""
        return {**(self.parent.asked if self.parent else {}), **self.case.asked}

    @cached_property
    def succeeded(self) -> bool:
        """Whether the status says so, the answer is whole, and it is no documented refusal that has such a status."""
        return (
            200 <= self.response.status < 300
            and not self.broken
            and not any(
                _fits(self.case, schema, self.response.value) for schema in self.case.operation.refusing_successes
            )
        )

    @property
    def makes(self) -> str:
        """What comes of the request that started this (`x-makes`)."""
        return (self.parent or self).case.makes

    @property
    def takes_up(self) -> Offer | None:
        """The offer of an earlier task that the request which started this takes up."""
        about = (self.parent or self).case.about
        return about.offer if about else None

    @cached_property
    def violations(self) -> list[Violation]:
        """Everything in which the answer breaks the contract's shape."""
        expected = frozenset({"task-id"}) if self.wants_task else IMAGE_ROLES
        return _check(self.case).violations(self.response, expected)

    @property
    def streams(self) -> bool:
        """Whether the answer is an event stream."""
        return self.succeeded and self.response.media == EVENT_STREAM

    @property
    def wants_stream(self) -> bool:
        """Whether an event stream is what this request asked for."""
        return self.case.operation.success.events is not None and self.asked.get("stream") is True

    @cached_property
    def events(self) -> list[Event]:
        """The events of a stream, each with what it is and what it means; empty where the answer is none."""
        schema = self.case.operation.success.events
        return read(self.response.body, schema, _check(self.case)) if self.streams and schema is not None else []

    def events_of(self, kind: str) -> list[Event]:
        """The events of a kind: partial, completed, failure or other."""
        return [event for event in self.events if event.kind == kind]

    @property
    def failed_midway(self) -> bool:
        """Whether a stream says that the request has failed after all."""
        return bool(self.events_of("failure"))

    @cached_property
    def meanings(self) -> list[Meaning]:
        """Every meaning in the answer, read with the schema of a success; of a stream, in its finished picture."""
        if self.events:
            return [meaning for event in self.events_of("completed") for meaning in event.meanings]
        return list(self._read(self.case.operation.success.content.values()))

    @cached_property
    def error_meanings(self) -> list[Meaning]:
        """Every meaning in the answer, read with the schemas of documented errors; of a stream, in its failures."""
        if self.events:
            return [meaning for event in self.events_of("failure") for meaning in event.meanings]
        schemas = [
            schema
            for status, answer in self.case.operation.answers.items()
            if status[0] in "45"
            for schema in answer.content.values()
        ]
        return list(self._read(schemas))

    @cached_property
    def named(self) -> frozenset[str]:
        """The roles the body itself names: what is asked beyond them is the contract's default."""
        case = self.parent.case if self.parent else self.case
        schema = case.operation.body.get(case.request.media)
        return (
            frozenset(one.role for one in Reader(schema).read(case.request.value))
            if schema is not None
            else frozenset()
        )

    def could_name(self, role: str) -> bool:
        """Whether this request could have named a role; a model that does not know it has no default of it either."""
        case = self.parent.case if self.parent else self.case
        schema, value = case.operation.body.get(case.request.media), case.request.value
        if schema is None or not isinstance(value, dict):
            return True
        shape = shape_of(schema, value)
        names = [name for name, inner in schema.get("properties", {}).items() if inner.get("x-role") == role]
        return not names or any(not shape.forbids(name) for name in names)

    @property
    def own_model(self) -> bool:
        """Whether the model asked for is the provider's own, of which the contract tells nothing: no default holds."""
        told, model = self.case.contract.document.get("x-models", {}), self.asked.get("model")
        return bool(told) and isinstance(model, str) and model not in told

    def given(self, role: str) -> list[bytes]:
        """The pictures of a role that were given; none where one is a link, which only the provider can read."""
        case = self.parent.case if self.parent else self.case
        told, media = case.request.value, case.request.media
        if media not in case.operation.body or not isinstance(told, dict):
            return []
        found = [bytes_given(one.value) for one in inputs(case.operation, media)(told) if one.role == role]
        return [data for data in found if data is not None] if None not in found else []

    def _read(self, schemas: Any) -> Iterator[Meaning]:
        seen = set()
        for schema in schemas:
            for meaning in Reader(schema).read(self.response.value):
                if (meaning.role, meaning.pointer) not in seen:
                    seen.add((meaning.role, meaning.pointer))
                    yield meaning

    def meaning(self, role: str) -> Meaning | None:
        """The first meaning of a role in the answer, None when it is not said."""
        return next((meaning for meaning in self.meanings if meaning.role == role), None)

    def said(self, role: str) -> Any:
        """The first value of a role in the answer, None when it is not said."""
        told = self.meaning(role)
        return told.value if told is not None else None

    def error(self, role: str) -> Any:
        """The first value of an error role in the answer."""
        return next((meaning.value for meaning in self.error_meanings if meaning.role == role), None)

    @cached_property
    def is_error_body(self) -> bool:
        """Whether the body is a documented error and, unless the status is one, too, no documented success."""
        operation, value = self.case.operation, self.response.value
        if self.streams:
            return False
        if self.response.status < 400:
            brings = any(one.role in IMAGE_ROLES or one.role.startswith("task-") for one in self.meanings)
            if brings or any(_fits(self.case, schema, value) for schema in operation.success.content.values()):
                return False
        return isinstance(value, dict) and any(
            _fits(self.case, schema, value)
            for status, answer in operation.answers.items()
            if status[0] in "45"
            for schema in answer.content.values()
        )

    @property
    def image_meanings(self) -> list[Meaning]:
        """The meanings that stand for pictures, in the order they appear."""
        return [meaning for meaning in self.meanings if meaning.role in IMAGE_ROLES]

    @property
    def cover_meanings(self) -> list[Meaning]:
        """The meanings that stand for the covers of videos; an empty one stands for none."""
        return [meaning for meaning in self.meanings if meaning.role == "cover-url" and meaning.raw]

    @property
    def unfinished_meanings(self) -> list[Meaning]:
        """The meanings that stand for unfinished pictures of a stream."""
        return [m for event in self.events_of("partial") for m in event.meanings if m.role in IMAGE_ROLES]

    @property
    def pictures_delivered(self) -> int:
        """How many pictures came; one as a link and as base64 is one."""
        return len({place_of(meaning.pointer) for meaning in self.image_meanings if meaning.raw})

    @property
    def pictures_made(self) -> int:
        """How many pictures a request has made: those that came, or all it asks for where a task or a text did."""
        if not self.succeeded or not makes_pictures(self.case.operation):
            return 0
        began = any(self.said(role) not in (None, "") for role in ("task-id", "description"))
        return max(most_images(self.case), 1) if began and not self.pictures_delivered else self.pictures_delivered

    @property
    def says_no(self) -> bool:
        """Whether nothing was made by its answer: refused, sent elsewhere, or nobody there. A gateway that gave up does
        not say so.
        """
        status = self.response.status
        refused = 300 <= status < 500 or status in (501, 503) or self.lacks_model
        return refused or (200 <= status < 300 and not self.succeeded and not self.broken)

    @property
    def state(self) -> str | None:
        """The task's state in our words; None where the answer says none that is known, in whatever letters."""
        said = self.said("task-status")
        if not isinstance(said, str):
            return None
        return said if said in STATES else self.case.operation.state_words.get(said.strip().upper())

    @property
    def given_up(self) -> Exchange | None:
        """The answer to giving this task up, where that was asked and accepted."""
        return next((poll for poll in self.polls if poll.case.operation.effect == "cancel"), None)

    @property
    def awaits_pictures(self) -> bool:
        """Whether this says that pictures are there which are not, and the contract says that they may be late."""
        return self.case.operation.late and self.state == "succeeded" and not self.pictures_delivered

    @property
    def unready(self) -> bool:
        """Whether pictures that may be late are missing from a look that was followed by another one."""
        return self.awaits_pictures and self.parent is not None and self is not self.parent.polls[-1]

    @cached_property
    def lacks_model(self) -> bool:
        """Whether a request is refused because this provider, or this key, does not have the model it names."""
        return absences.lacks_model(self)

    @cached_property
    def lacks_parameter(self) -> str:
        """The parameter a request is refused for, as one that is not known here at all; empty where it is none."""
        return absences.lacks_parameter(self)

    @property
    def lacks_feature(self) -> str:
        """The same, where the contract lets a provider lack it (`x-optional`)."""
        return self.lacks_parameter if self.lacks_parameter in optional_parameters(self.case) else ""

    @cached_property
    def refuses_option(self) -> str:
        """The parameter that a provider may lack and whose value, right by the contract, is refused; empty: none is."""
        return absences.refuses_option(self)

    @property
    def hand_made(self) -> bool:
        """Whether only bytes made by hand are wrong like this: not JSON with a slip, which a caller may well send.

        NaN is no slip either: some languages write it, and read it.
        """
        defect = self.case.defect
        broken = defect is not None and defect.problem == "malformed-body"
        unreadable = broken and (not is_json(self.case.request.media) or b"NaN" in self.case.body)
        return unreadable or (defect is not None and bool(defect.tolerated))

    @property
    def out_of_quota(self) -> bool:
        """Whether no picture is left to be made for this key, in the contract's words: waiting does not help."""
        problem = self.case.contract.problems.get("quota-exhausted")
        code = problem.fields.get("error-code") if problem else None
        return code is not None and self.error("error-code") == code

    @property
    def wants_task(self) -> bool:
        """Whether a task id is what this request asked for."""
        return self.parent is None and self.case.operation.becomes_task(self.asked)

    @property
    def owes_pictures(self) -> bool:
        """Whether the answer, being a success, must carry pictures."""
        if self.case.defect is not None or not self.succeeded or not self.case.operation.response_roles & IMAGE_ROLES:
            return False
        if self.makes == "text" or self.case.operation.tells_tasks:
            return False
        if "task-status" in self.case.operation.response_roles:
            return self.state == "succeeded" and not self.unready
        return not self.wants_task and not self.failed_midway and makes_pictures(self.case.operation)


def place_of(pointer: str) -> str:
    """Where the picture stands that a meaning at `pointer` speaks of: the item of a list, or the object around it."""
    above, _, last = pointer.rpartition("/")
    return pointer if last.isdecimal() else above


def _fits(case: Case, schema: Schema, value: Any) -> bool:
    """Whether a body is of this shape; null for what may be left out is no other shape."""
    return all(found.is_null for found in _check(case).schema_violations(schema, value))


def _check(case: Case) -> ResponseCheck:
    known = _CHECKS.get(id(case.operation))
    if known is None:
        known = _CHECKS[id(case.operation)] = ResponseCheck(case.operation)
    return known


_CHECKS: dict[int, ResponseCheck] = {}
