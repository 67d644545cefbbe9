"""The usual request: a valid one for pictures that waits for nothing. It is answered in one go, without a coroutine.

The same steps as `Endpoint.handle` takes, with the same parts, without those that only other requests need. Whatever
turns out to need more is left to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp.http import RawRequestMessage

from mockserver.connection import Answers
from mockserver.intake import Intake
from mockserver.journal import ANSWER, Entry, kept
from mockserver.outcomes import Outcome
from mockserver.replies import Scribe, Usually
from mockserver.resolution import resolve
from mockserver.response import Head, ready_head
from mockserver.settings import Settings
from spec.contract import Operation

if TYPE_CHECKING:
    from mockserver.app import Mock

Finish = Callable[[Mapping[str, Any], str], Outcome]


class Usual:
    """The usual request to one operation."""

    def __init__(
        self, mock: Mock, operation: Operation, intake: Intake, finish: Finish, ids: str, usually: Usually, head: Head
    ) -> None:
        self._mock, self._operation, self._intake, self._finish, self._ids = mock, operation, intake, finish, ids
        self._usually, self._head = usually, head
        self._judges = {media: judge for media in operation.body if (judge := intake.judged(media)) is not None}

    @staticmethod
    def of(mock: Mock, scribe: Scribe, operation: Operation, intake: Intake, finish: Finish, ids: str) -> Usual | None:
        """The usual request to this operation; None where no request to it is. `ids` is how request ids look."""
        if operation.method != "post" or operation.makes != "pictures" or operation.refuses:
            return None
        if operation.always_task or intake.takes_pictures or "task-id" in operation.request_roles:
            return None
        usually = scribe.usual(operation)
        head = None if usually is None else ready_head(usually.status, usually.headers, usually.ids, usually.media)
        return None if usually is None or head is None else Usual(mock, operation, intake, finish, ids, usually, head)

    @staticmethod
    def is_allowed(settings: Settings) -> bool:
        """Whether these settings let any request be the usual one."""
        return not (
            settings.profile.drifts
            or settings.drifts
            or settings.faults
            or settings.latency
            or settings.cors
            or settings.rate_limits
            or settings.blocked
            or settings.quota_images is not None
        )

    def heard(self, message: RawRequestMessage) -> Answers | None:
        """Who answers requests with this head; None where it is not the usual one."""
        mock, operation, headers = self._mock, self._operation, message.headers
        request = self._intake.request(message.method, message.path, headers, b"")
        token, host = operation.key(headers), headers.get("host")
        if request.media not in self._judges or host is None or "prefer" in headers or "expect" in headers:
            return None
        if (token is None and operation.secured) or (token is not None and not mock.knows(token)):
            return None
        if not self._intake.check.parameters_fit(request):
            return None
        return self._answers(message, request.media, f"http://{host}", self._intake.asked(request).roles)

    def _answers(self, message: RawRequestMessage, media: str, base_url: str, by_head: dict[str, Any]) -> Answers:
        mock, operation, finish, head, ids = self._mock, self._operation, self._finish, self._head, self._ids
        status, write, conforms = self._usually.status, self._usually.write, self._usually.conforms
        judge, can_stream, max_body = self._judges[media], operation.can_stream, mock.settings.max_body
        becomes_task, pictures, state, journal = operation.becomes_task, mock.pictures, mock.state, mock.journal
        now, clock, family = time.perf_counter, mock.clock, operation.family

        def answer(body: bytes) -> bytes | None:
            began = now()
            value = orjson.loads(body)
            if type(value) is not dict or len(body) > max_body or (told := judge(value)) is None:
                return None
            roles, words = told
            if by_head:
                roles.update(by_head)
            if becomes_task(roles) or (can_stream and roles.get("stream") is True):
                return None
            outcome = finish(resolve(roles, words), base_url)
            if outcome.embeds and not pictures.are_at_hand(outcome.pictures):
                return None
            said = write(outcome, roles)
            if not conforms(said) or state.unsettled:  # what an answer speaks of must be kept before it leaves
                return None
            request_id = mock.request_id(ids)
            data = orjson.dumps(said)
            data = head(request_id, len(data)) + data
            journal.add(
                Entry(
                    request_id,
                    clock(),
                    message.method,
                    message.path,
                    operation.id,
                    status,
                    now() - began,
                    media=media,
                    size=len(body),
                    body=kept(body, media, value),
                    made=pictures.kept(outcome.pictures, clock) if outcome.pictures else (),
                    answer=data if len(data) <= ANSWER else data[:ANSWER],
                    family=family,
                )
            )
            return data

        def answer_or_leave(body: bytes) -> bytes | None:
            try:
                return answer(body)
            except Exception:  # noqa: BLE001 - it breaks in the endpoint, too, where it is told and answered
                return None

        return answer_or_leave
