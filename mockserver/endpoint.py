"""One operation served.

One request: intake (decode, judge, read roles) -> outcome (pictures, or a task) -> reply (roles written, checked
against the contract) -> drift, if the provider has any -> journal.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from mockserver.admission import FINAL
from mockserver.desk import Desk, Refused
from mockserver.drift.played import watch
from mockserver.forced import Forcible
from mockserver.given import Unusable, open_all
from mockserver.intake import Asked, Intake
from mockserver.journal import ANSWER, Entry, address, kept, without_keys
from mockserver.outcomes import Outcome, finished, listed, partials
from mockserver.preferences import Wishes
from mockserver.replies import Refusal, Reply, Scribe
from mockserver.resolution import resolve
from mockserver.response import beginning, respond, whole
from mockserver.stores import StateLost
from mockserver.streaming import send_events
from mockserver.tasks import Ending, Order, Snapshot, Task
from mockserver.usual import Usual
from spec.contract import Contract, Operation
from spec.language import IMAGE_ROLES, LINK_ROLES, MAKING_PROBLEMS
from spec.messages import Request
from spec.units import size_text
from spec.violations import Violation
from spec.writer import Source, Values

if TYPE_CHECKING:
    from mockserver.app import Mock

log = logging.getLogger("imageproof.mock")
RETRY_AFTER_SECONDS = 1
_MENDS = 8  # of one request: no drift overlooks more
LEFT = "the caller went away before the answer"
FAILED = Refusal("internal", facts={"reason": "the mock failed; its log says why"})


class Endpoint:
    """One operation served."""

    def __init__(self, mock: Mock, contract: Contract, scribe: Scribe, operation: Operation) -> None:
        self._mock = mock
        self._contract = self.contract = contract
        self._scribe = scribe
        self._operation = self.operation = operation
        self._intake = Intake(contract, operation)
        said = operation.response_roles
        self.desk = Desk(mock, contract, operation, self._finish)
        self._tells_secret = "callback-secret" in said
        self._lists_models = "listed-model" in said
        self._can_stream = operation.can_stream
        self._embeds = bool(said & (IMAGE_ROLES - LINK_ROLES - {"image-markdown"}))
        self._forcible = Forcible(contract, operation)
        self._request_ids, self._task_ids = (contract.ids.get(role, "") for role in ("request-id", "task-id"))
        #: the usual request to it, where there is such a thing
        self.usual = Usual.of(mock, scribe, operation, self._intake, self._finish, self._request_ids)

    async def handle(self, http: web.BaseRequest, parameters: Mapping[str, str]) -> web.StreamResponse:
        """One request, from the wire to the wire."""
        began = time.perf_counter()
        mock, operation, era = self._mock, self._operation, self._mock.era
        request_id = mock.request_id(self._request_ids)
        request: Request | None = None
        violation: Violation | None = None
        played = watch() if mock.plan.ids else ()
        wishes = mock.wishes(http, operation) if mock.faults is not None or "prefer" in http.headers else None
        try:
            request = await self._intake.read(http, parameters, mock.settings.max_body, mock.settings.body_seconds)
            reply, violation = await self._reply(request, http, request_id, wishes)
        except web.HTTPRequestEntityTooLarge:
            reply = self._refuse(Refusal("body-too-large", facts={"limit": mock.settings.max_body}), request_id)
        except (web.RequestPayloadError, ConnectionError):
            reply = self._refuse(_unreadable("it broke off, or it is not encoded as Content-Encoding says"), request_id)
        except TimeoutError:
            reason = f"nothing more of it came for {mock.settings.body_seconds:g} s"
            reply = self._refuse(_unreadable(reason), request_id)
        except StateLost as error:
            log.error("%s failed: %s", operation.label, error)  # noqa: TRY400 - it is not ours, and the text says all
            reply = self._refuse(FAILED, request_id)
        except Exception:
            log.exception("%s failed", operation.label)
            reply = self._refuse(FAILED, request_id)
        if mock.plan.ids:
            reply = mock.plan.reply(reply, operation)
        prepared = wishes is not None or mock.latency or mock.cors is not None
        left = prepared and not await mock.prepare(reply, http, wishes)
        reply.took(time.perf_counter() - began)
        status, detail = (0, LEFT) if left else (reply.status, str(violation) if violation else "")
        fault = None if wishes is None or left else wishes.fault
        if reply.streams and fault is None and not left:
            answer, sent = await send_events(http, reply, mock.settings.event_interval)
            detail = sent
        else:
            answer = respond(reply, request_id, http) if fault is None else whole(reply, request_id)
        if era == mock.era:
            mock.journal.add(
                Entry(
                    request_id,
                    mock.clock(),
                    http.method,
                    address(http.raw_path),
                    operation.id,
                    status if fault is None else fault.status(status),
                    time.perf_counter() - began,
                    reply.problem,
                    without_keys(detail),
                    tuple(played),
                    without_keys(wishes.cause) if wishes is not None else "",
                    "" if request is None else request.media,
                    0 if request is None else len(request.body),
                    b"" if request is None or not request.body else kept(request.body, request.media, request.value),
                    mock.pictures.kept(reply.pictures, mock.clock) if reply.pictures else (),
                    beginning(answer, ANSWER),
                    operation.family,
                )
            )
        return answer if fault is None or not isinstance(answer, web.Response) else await fault.play(http, answer)

    def asked_by(self, entry: Entry, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        """What a request of the journal asks, refused ones as far as they can be read: roles in our units."""
        query = dict(parse_qsl(urlsplit(entry.path).query, keep_blank_values=True))
        headers = {"content-type": entry.media}
        request = Request(entry.method, entry.path, parameters, query, headers, value=entry.value)
        said = self._intake.said(request)
        return {role: size_text(value) if isinstance(value, tuple) else value for role, value in said.items()}

    async def _reply(
        self, request: Request, http: web.BaseRequest, request_id: str, wishes: Wishes | None
    ) -> tuple[Reply, Violation | None]:
        operation, mock = self._operation, self._mock
        token = operation.key(request.headers)
        refusal, violation = self._turned_away(token), None
        if refusal is not None and mock.plan.forgives(request, refusal, operation):
            refusal, token = None, operation.key(request.headers)
        if refusal is None and operation.refuses and not (operation.secured and token is None):
            refusal = Refusal(operation.refuses)
        if refusal is None and not self._intake.accepts(request, token):
            violation = await self._wrong_with(request)
            refusal = None if violation is None else self._naming_model(Refusal.of(violation, operation), request)
            token = operation.key(request.headers)
        if refusal is not None:
            return self._refuse(refusal, request_id), violation
        asked = self._intake.asked(request)
        if mock.plan.ids and (refusal := mock.plan.rejection(asked.roles, request, operation)) is not None:
            return self._scribe.refusal(refusal, operation, request_id, RETRY_AFTER_SECONDS), None
        if self._intake.takes_pictures:
            violation = await self._take_pictures(request, asked)
            if violation is not None:
                return self._refuse(Refusal.of(violation, operation), request_id), violation
        ending = self._doomed(asked.roles, request_id)
        if wishes is not None or mock.admission is not None:
            refusal = self._refused_on_demand(wishes, asked.roles, token or "")
            ending = ending if refusal is None else self._failing(refusal, wishes, asked.roles, request_id)
            if refusal is not None and ending is None:
                return self._refuse(refusal, request_id), None
        base_url = f"{http.scheme}://{http.host}"
        order = Order(token or "", asked.roles, asked.roles, base_url, self._contract.name, operation.id, ending)
        return await self._made(asked, order, request_id, wishes, http), None

    async def _wrong_with(self, request: Request) -> Violation | None:
        """What breaks the contract, past all that a drift overlooks and mends; None where nothing is left."""
        for _ in range(_MENDS):
            violation = await asyncio.to_thread(self._intake.check.reported, request)
            if not self._mock.plan.forgives(request, Refusal.of(violation, self._operation), self._operation):
                return violation
            if self._intake.accepts(request, self._operation.key(request.headers)):
                return None
        return violation

    async def _take_pictures(self, request: Request, asked: Asked) -> Violation | None:
        """Open the pictures a request gives and put them in their places; or say which of them cannot be used."""
        try:
            given = await open_all(self._intake.inputs(request), self._mock.pictures, self._mock.clock())
        except Unusable as error:
            return error.violation
        asked.roles.update({role: found if role == "input-image" else found[0] for role, found in given.items()})
        return None

    async def _made(
        self, asked: Asked, order: Order, request_id: str, wishes: Wishes | None, http: web.BaseRequest
    ) -> Reply:
        """What an accepted request brings."""
        operation, mock = self._operation, self._mock
        if self._lists_models:
            named = asked.roles.get("listed-model")
            models = [model for model in self._contract.models if named in (None, model.name)]
            return self._scribe.success(operation, listed(models), asked.roles, request_id)
        if self._tells_secret:
            return self._scribe.success(operation, Values({"callback-secret": mock.callback_secret}), {}, request_id)
        try:
            outcome, asked = await self._outcome(asked, order, http)
        except Refused as error:
            facts = {"value": asked.roles.get(error.role)}
            return self._refuse(
                Refusal(error.problem, self._name_of(error.role), error.role or None, facts), request_id
            )
        if mock.admission is not None:
            outcome = outcome.and_also(mock.admission.limits.standing(order.owner))
        if self._can_stream and outcome.pictures and outcome.get("stream") is True:
            return await self._stream(outcome, asked, request_id, wishes)
        return await self._written(outcome, asked, request_id)

    async def _written(self, outcome: Outcome, asked: Asked, request_id: str) -> Reply:
        """An outcome as the answer that speaks of it, once everything is there that it speaks of."""
        if self._embeds and outcome.embeds:
            await self._mock.pictures.draw(outcome.pictures)
        reply = self._scribe.success(self._operation, outcome, asked.roles, request_id)
        reply.pictures = outcome.pictures
        if self._mock.state.unsettled:
            await self._mock.state.settle()
        return reply

    async def told(self, task: Task, snapshot: Snapshot, request_id: str) -> Reply:
        """What a poll would be answered that sees a task like this: what a callback tells. Raises StateLost."""
        reply = await self._written(*self.desk.told(task, snapshot), request_id)
        return self._mock.plan.reply(reply, self._operation)

    async def _stream(self, outcome: Outcome, asked: Asked, request_id: str, wishes: Wishes | None) -> Reply:
        """The events of one request: unfinished pictures, then the finished one; or a failure, where one is wished."""
        outcome = outcome.embedded()
        unfinished = partials(outcome)
        outcome = outcome.and_also({"partial-count": len(unfinished)})  # what is billed is what was delivered
        outcomes: list[Source] = [*unfinished, outcome]
        if wishes is not None and wishes.stream_error is not None:
            failure = Refusal("internal", facts={"reason": "it was asked for with Prefer"})
            outcomes = [*unfinished[: wishes.stream_error], self._scribe.failure(failure, request_id)]
            wishes.applied.append(f"stream-error={wishes.stream_error}")
        await self._mock.pictures.draw([picture for one in [*unfinished, outcome] for picture in one.pictures])
        reply = self._scribe.stream(self._operation, outcomes, asked.roles, request_id)
        reply.pictures = outcome.pictures
        return reply

    def _turned_away(self, token: str | None) -> Refusal | None:
        """How a request is refused before anybody looks what it asks."""
        mock = self._mock
        if self._operation.secured and token is not None and not mock.knows(token):
            return Refusal("invalid-credentials", facts={"value": masked(token)})
        if mock.admission is None or (self._operation.secured and token is None):
            return None
        return mock.admission.request(self._contract, token or "")

    def _refused_on_demand(self, wishes: Wishes | None, roles: Mapping[str, Any], token: str) -> Refusal | None:
        """How a valid request is refused because somebody wants it so: the caller, or the mock's settings."""
        mock = self._mock
        if wishes is not None:
            facts = {"value": masked(token), "limit": mock.settings.max_body, "model": roles.get("model")}
            forced = self._forcible.refusal(wishes, facts)
            if forced is not None:
                return forced
        if mock.admission is None or self.desk.asks_about_tasks or self._lists_models or self._tells_secret:
            return None
        return mock.admission.work(self._contract, token, roles)

    def _naming_model(self, refusal: Refusal, request: Request) -> Refusal:
        """A refusal whose message can speak of the model that was asked for."""
        told = request.value.get(self._name_of("model")) if isinstance(request.value, dict) else None
        return replace(refusal, facts={"model": told, **refusal.facts}) if isinstance(told, str) else refusal

    def _name_of(self, role: str) -> str:
        """The property of a body that says a role; empty where none does."""
        parts = (schema.get("properties", {}) for schema in self._operation.body.values())
        return next((name for part in parts for name, inner in part.items() if inner.get("x-role") == role), "")

    def _refuse(self, refusal: Refusal, request_id: str) -> Reply:
        # A problem with an answer of its own, such as an unknown path, is no operation's to say.
        operation = None if self._contract.problem(refusal.problem).answer else self._operation
        wait = None if refusal.problem in FINAL else RETRY_AFTER_SECONDS
        return self._scribe.refusal(self._mock.plan.refusal(refusal), operation, request_id, wait)

    async def _outcome(self, asked: Asked, order: Order, http: web.BaseRequest) -> tuple[Outcome, Asked]:
        """What comes of an accepted request. Raises Refused."""
        mock, operation, desk = self._mock, self._operation, self.desk
        if desk.asks_about_tasks:
            return await desk.answer(asked, order.owner)
        roles = mock.plan.asked(asked.roles) if mock.plan.ids else asked.roles
        resolved = resolve(roles, asked.words)
        if operation.makes != "pictures":
            resolved["makes"] = operation.makes
        if operation.becomes_task(roles):
            order = order._replace(resolved=resolved)
            order = await desk.followed(order) if desk.follows_up else order
            task = await mock.state.tasks.submit(order, self._task_ids)
            if (url := asked.roles.get("callback-url")) and (poll := mock.poll_of(task)) is not None:
                mock.callbacks.watch(task, str(url), poll)
            if seconds := asked.roles.get("wait"):
                return desk.told(*await desk.awaited(task, seconds, http))
            return desk.told(task, Snapshot("needs-input" if task.order.waits else "queued", 0), looked=False)
        return self._finish(resolved, order.base_url), asked

    def _failing(
        self, refusal: Refusal, wishes: Wishes | None, roles: Mapping[str, Any], request_id: str
    ) -> Ending | None:
        """How a task will fail of the problem wished for, if that is met while pictures are made; None: refused now."""
        met = replace(refusal, problem=self._contract.problem_for(refusal.problem, roles))
        asked_for = self._operation.always_task or (wishes is not None and wishes.problem == refusal.problem)
        if not asked_for or refusal.problem not in MAKING_PROBLEMS or self._contract.problem(met.problem).status < 400:
            return None
        poll = self._contract.poll_of(self._operation)
        if (
            poll is None
            or "failed" not in poll.task_states
            or not self._operation.becomes_task(self._mock.plan.asked(dict(roles)))
        ):
            return None
        return self._ending(met, request_id)

    def _doomed(self, roles: Mapping[str, Any], request_id: str) -> Ending | None:
        """How a task will fail that the contract says nothing comes of (`x-fails`)."""
        fails = self._operation.fails
        return self._ending(Refusal(fails.problem), request_id) if fails is not None and fails.is_asked(roles) else None

    def _ending(self, met: Refusal, request_id: str) -> Ending:
        return Ending("failed", str(self._scribe.failure(met, request_id).get("error-message") or met.problem))

    def _finish(self, resolved: Mapping[str, Any], base_url: str, at: float | None = None) -> Outcome:
        mock = self._mock
        now = mock.clock() if at is None else at
        return finished(resolved, mock.pictures, mock.settings.seed, base_url, now, self._contract.tokens)


def _unreadable(reason: str) -> Refusal:
    return Refusal("malformed-body", facts={"reason": reason, "value": "form or JSON"})


def masked(key: str) -> str:
    """A key with its middle hidden, fit for JSON: `sk-ab***yz`."""
    key = key.encode("utf-8", "replace").decode()
    return f"{key[:5]}***{key[-2:]}" if len(key) > 8 else "***"
