"""The usual request: a valid one for pictures that waits for nothing. It is answered in one go, without a coroutine.

The same steps as `Endpoint.handle` takes, with the same parts, without those that only other requests need. Whatever
turns out to need more is left to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp.http import RawRequestMessage

from mockserver.intake import Intake
from mockserver.journal import ANSWER, Entry, kept
from mockserver.outcomes import Outcome, resolve
from mockserver.replies import Scribe
from mockserver.response import ready
from mockserver.settings import Settings
from spec.contract import Operation

if TYPE_CHECKING:
    from mockserver.app import Mock

Finish = Callable[[Mapping[str, Any], str], Outcome]


class Usual:
    """The usual request to one operation."""

    def __init__(
        self, mock: Mock, scribe: Scribe, operation: Operation, intake: Intake, finish: Finish, ids: str
    ) -> None:
        self._mock, self._scribe, self._operation, self._intake = mock, scribe, operation, intake
        self._finish, self._ids = finish, ids

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

    def answer(self, message: RawRequestMessage, body: bytes) -> bytes | None:
        """The answer as it goes over the wire; None where this is not the usual request."""
        try:
            return self._answer(message, body)
        except Exception:  # noqa: BLE001 - it breaks in the endpoint, too, where it is told and answered
            return None

    def _answer(self, message: RawRequestMessage, body: bytes) -> bytes | None:
        began = time.perf_counter()
        mock, operation, intake, headers = self._mock, self._operation, self._intake, message.headers
        if "prefer" in headers or len(body) > mock.settings.max_body:
            return None
        request = intake.request(message.method, message.path, headers, body)
        token = operation.key(headers)
        if (token is not None and not mock.knows(token)) or not intake.accepts(request, token):
            return None
        asked = intake.asked(request)
        if operation.becomes_task(asked.roles) or (operation.can_stream and asked.roles.get("stream") is True):
            return None
        outcome = self._finish(resolve(asked.roles, asked.words), f"http://{headers['host']}")
        if outcome.embeds and not mock.pictures.are_at_hand(outcome.pictures):
            return None
        request_id = mock.request_id(self._ids)
        reply = self._scribe.success(operation, outcome, asked.roles, request_id)
        if mock.state.unsettled:  # what an answer speaks of must be kept before it leaves
            return None
        reply.took(time.perf_counter() - began)
        answer = ready(reply, request_id)
        if answer is not None:
            mock.journal.add(
                Entry(
                    request_id,
                    mock.clock(),
                    message.method,
                    message.path,
                    operation.id,
                    reply.status,
                    time.perf_counter() - began,
                    reply.problem,
                    media=request.media,
                    size=len(body),
                    body=kept(request),
                    made=mock.pictures.kept(outcome.pictures, mock.clock) if outcome.pictures else (),
                    answer=answer if len(answer) <= ANSWER else answer[:ANSWER],
                )
            )
        return answer
