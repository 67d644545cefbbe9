"""The mock: a handler of HTTP requests whose routes are the contract's operations.

One request: intake (decode, judge, read roles) -> outcome (pictures, or a task) -> reply (roles written, checked
against the contract) -> drift, if the provider has any -> journal.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import count
from typing import Any

from aiohttp import web

from mockserver.admission import Admission, check_admission
from mockserver.artist import Artist
from mockserver.clock import Clock
from mockserver.configuration import FIELDS
from mockserver.control import Control
from mockserver.cors import Cors
from mockserver.drift import Plan
from mockserver.faults import Faults, check_faults
from mockserver.files import file_answer
from mockserver.forced import Forcible
from mockserver.given import Unusable, open_all
from mockserver.guard import Guard
from mockserver.intake import Asked, Intake, key_of
from mockserver.journal import Entry
from mockserver.links import FILES
from mockserver.outcomes import Outcome, accepted, finished, listed, looked_at, partials, resolve
from mockserver.pictures import Pictures
from mockserver.preferences import Wishes
from mockserver.replies import Refusal, Reply, Scribe
from mockserver.routes import Routes
from mockserver.settings import Settings
from mockserver.stores import StateLost, state_of
from mockserver.streaming import send_events
from mockserver.tasks import Pace
from spec.contract import Contract, Operation
from spec.language import IMAGE_ROLES
from spec.messages import Request
from spec.roles import Source
from spec.violations import Violation

log = logging.getLogger("imageproof.mock")
RETRY_AFTER_SECONDS = 1
WRONG_KEY_PREFIX = "sk-wrong"
FAILED = Refusal("internal", facts={"reason": "the mock failed; its log says why"})
Handler = Callable[[web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]
_NO_PARAMETERS: Mapping[str, str] = {}


class Mock:
    """One mock provider: its contracts, its state, and the handler that serves them."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = self.started_with = settings
        self.clock = Clock(clock)
        self.contracts = settings.profile.contracts(settings.contracts, settings.models)
        self._control_ids = count(1)
        self.faults: Faults | None = None
        self.admission: Admission | None = None
        self.guard = Guard(settings.host, settings.control_token)
        self.cors = Cors(settings.cors) if settings.cors else None
        self.state = state_of(settings, self.clock)
        self.pictures = Pictures(
            Artist(settings.picture_cache), self.state.blobs, settings.secret, settings.url_seconds
        )
        self.journal = self.state.journal
        self.era = 0  # counts resets: what was asked before one is no part of the journal after it
        self._scribes = [(contract, Scribe(contract)) for contract in self.contracts]
        self._routes: Routes[Handler] = Routes()
        for contract, scribe in self._scribes:
            for operation in contract.operations:
                self._routes.add(operation.method, operation.path, Endpoint(self, contract, scribe, operation).handle)
        self._routes.add("GET", f"{FILES}{{name}}", self._file)
        for method, path, handler in Control(self).routes():
            self._routes.add(method, path, handler)
        self.reset()

    def configure(self, settings: Settings, touched: Collection[str] = FIELDS) -> None:
        """Go on with other settings; counters of the fields that were `touched` begin anew.

        Raises SpecError, and then nothing has changed.
        """
        plan = Plan((*settings.profile.drifts, *settings.drifts))
        check_faults(settings.faults, self.contracts)
        check_admission(settings, self.contracts)
        self.settings, self.plan, self.latency = settings, plan, bool(settings.latency)
        if "faults" in touched:
            self.faults = Faults(settings.faults, settings.seed) if settings.faults else None
        self.admission = Admission.of(settings, self.clock, self.admission, touched)
        self.state.tasks.pace = Pace(settings.task_seconds, settings.task_polls)

    def reset(self) -> None:
        """As it was when it started: settings and clock, nothing asked, nothing accepted.

        Links that hold their order stay good: what they say needs no memory.
        """
        self.clock.reset()
        self.configure(self.started_with)
        self.state.clear()
        self.era += 1
        self._ids = count((self.state.worker << 64) + 1)
        self._random = random.Random(self.settings.seed)

    async def open(self) -> None:
        """Begin, in the event loop that will serve. Raises StateLost."""
        await self.state.open()
        self._ids = count((self.state.worker << 64) + 1)

    async def close(self) -> None:
        """End; what is left to write is written."""
        await self.state.close()

    def request_id(self) -> str:
        """The next request id."""
        return "req_%032x" % next(self._ids)  # noqa: UP031 - an f-string takes half as long again

    async def _file(self, http: web.BaseRequest, parameters: Mapping[str, str]) -> web.Response:
        answer = await file_answer(self.pictures, parameters["name"], http.query, self.clock())
        answer.headers["x-request-id"] = self.control_id()
        return answer

    def control_id(self) -> str:
        """An id for an answer under `/_imageproof/`, counted apart: looking at the mock changes nothing it answers."""
        return f"req_control_{next(self._control_ids):020x}"

    def knows(self, key: str) -> bool:
        """Whether a key is valid: the one that was set, or any but those made to be tried as wrong."""
        wanted = self.settings.api_key
        return key == wanted if wanted is not None else not key.startswith(WRONG_KEY_PREFIX)

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Any request. Whatever breaks in here, the caller gets the documented 500."""
        try:
            direct = self._routes.direct(http.method, http.raw_path)
            if direct is not None:
                return await direct(http, _NO_PARAMETERS)
            # An escaped slash or percent sign belongs to a parameter, so it must get past the routes as it is.
            path = http.rel_url.path_safe if "%" in http.raw_path else http.path
            handler, parameters, methods = self._routes.find(http.method, path)
            if handler is None:
                if self.cors is not None and methods and http.method == "OPTIONS":
                    return self.cors.preflight(http, methods)
                name = "wrong-method" if methods else "unknown-route"
                return self._elsewhere(http, Refusal(name, facts={"method": http.method, "path": path}), methods)
            return await handler(http, parameters)
        except StateLost as error:
            log.error("%s %s failed: %s", http.method, http.path, error)  # noqa: TRY400
            return self._elsewhere(http, FAILED)
        except Exception:
            log.exception("%s %s failed", http.method, http.path)
            return self._elsewhere(http, FAILED)

    def _elsewhere(
        self, http: web.BaseRequest, refusal: Refusal, methods: frozenset[str] = frozenset()
    ) -> web.Response:
        """The documented answer to a problem that belongs to no operation, in the words of the nearest family."""
        request_id = self.request_id()
        contract, scribe = max(self._scribes, key=lambda pair: _nearness(pair[0], http.path))
        reply = scribe.refusal(self.plan.refusal(refusal), None, request_id)
        if methods:
            reply.headers["Allow"] = ", ".join(sorted(methods))
        if self.cors is not None:
            reply.headers.update(self.cors.headers(http))
        known = ", ".join(operation.label for operation in contract.operations)
        self.journal.add(
            Entry(
                request_id,
                self.clock(),
                http.method,
                http.raw_path,
                "",
                reply.status,
                0.0,
                reply.problem,
                f"known: {known}",
            )
        )
        return respond(reply, request_id)

    def wishes(self, http: web.BaseRequest, operation: Operation) -> Wishes:
        """What is to happen to this request: its own wishes first, then the server's faults."""
        wishes = Wishes.of(http.headers)
        if self.faults is not None and not wishes and (use := self.faults.befalling(operation.id)) is not None:
            wishes.befall(use)
        return wishes

    async def prepare(self, reply: Reply, http: web.BaseRequest, wishes: Wishes | None) -> None:
        """Say what a browser wants to hear and which wishes were met, and wait as long as an answer takes."""
        if self.cors is not None:
            reply.headers.update(self.cors.headers(http))
        if wishes is not None and wishes.applied:
            reply.headers["Preference-Applied"] = ", ".join(wishes.applied)
        if wishes is not None and wishes.delay is not None:
            await asyncio.sleep(wishes.delay)
        elif self.latency:
            await asyncio.sleep(self.settings.latency.draw(self._random))


class Endpoint:
    """One operation served."""

    def __init__(self, mock: Mock, contract: Contract, scribe: Scribe, operation: Operation) -> None:
        self._mock = mock
        self._contract = contract
        self._scribe = scribe
        self._operation = operation
        self._intake = Intake(contract, operation)
        said = operation.response_roles
        self._polls_a_task = "task-id" in operation.request_roles
        self._can_be_task = "task-id" in said
        self._must_be_task = self._can_be_task and not said & IMAGE_ROLES
        self._lists_models = "listed-model" in said
        self._can_stream = operation.success.events is not None and "stream" in operation.request_roles
        self._embeds = bool(said & (IMAGE_ROLES - {"image-url"}))
        self._forcible = Forcible(contract, operation)

    async def handle(self, http: web.BaseRequest, parameters: Mapping[str, str]) -> web.StreamResponse:
        """One request, from the wire to the wire."""
        began = time.perf_counter()
        mock, operation, era = self._mock, self._operation, self._mock.era
        request_id = mock.request_id()
        violation: Violation | None = None
        wishes = mock.wishes(http, operation) if mock.faults is not None or "prefer" in http.headers else None
        try:
            request = await self._intake.read(http, parameters, mock.settings.max_body)
            reply, violation = await self._reply(request, http, request_id, wishes)
        except web.HTTPRequestEntityTooLarge:
            reply = self._refuse(Refusal("body-too-large", facts={"limit": mock.settings.max_body}), request_id)
        except (web.RequestPayloadError, ConnectionError):
            reason = "it broke off, or it is not encoded as Content-Encoding says"
            reply = self._refuse(
                Refusal("malformed-body", facts={"reason": reason, "value": "form or JSON"}), request_id
            )
        except StateLost as error:
            log.error("%s failed: %s", operation.label, error)  # noqa: TRY400 - it is not ours, and the text says all
            reply = self._refuse(FAILED, request_id)
        except Exception:
            log.exception("%s failed", operation.label)
            reply = self._refuse(FAILED, request_id)
        if mock.plan.ids:
            reply = mock.plan.reply(reply, operation)
        if wishes is not None or mock.latency or mock.cors is not None:
            await mock.prepare(reply, http, wishes)
        fault = None if wishes is None else wishes.fault
        detail = str(violation) if violation else ""
        answer: web.StreamResponse | None = None
        if reply.streams and fault is None:
            answer, sent = await send_events(http, reply, mock.settings.event_interval)
            detail = sent
        if era == mock.era:
            mock.journal.add(
                Entry(
                    request_id,
                    mock.clock(),
                    http.method,
                    http.raw_path,
                    operation.id,
                    reply.status if fault is None else fault.status(reply.status),
                    time.perf_counter() - began,
                    reply.problem,
                    detail,
                    mock.plan.ids,
                    wishes.cause if wishes is not None else "",
                )
            )
        if answer is not None:
            return answer
        whole = respond(reply, request_id)
        return whole if fault is None else await fault.play(http, whole)

    async def _reply(
        self, request: Request, http: web.BaseRequest, request_id: str, wishes: Wishes | None
    ) -> tuple[Reply, Violation | None]:
        operation, mock = self._operation, self._mock
        token = key_of(request)
        refusal, violation = self._turned_away(token), None
        if refusal is None and not self._intake.accepts(request, token):
            violation = (await asyncio.to_thread(self._intake.check.explain, request))[0]
            refusal = Refusal.of(violation, operation)
        if refusal is not None:
            return self._refuse(refusal, request_id), violation
        asked = self._intake.asked(request)
        if self._intake.takes_pictures:
            violation = await self._take_pictures(request, asked)
            if violation is not None:
                return self._refuse(Refusal.of(violation, operation), request_id), violation
        if wishes is not None or mock.admission is not None:
            refusal = self._refused_on_demand(wishes, asked.roles, token or "")
            if refusal is not None:
                return self._refuse(refusal, request_id), None
        return await self._made(asked, token or "", f"{http.scheme}://{http.host}", request_id, wishes), None

    async def _take_pictures(self, request: Request, asked: Asked) -> Violation | None:
        """Open the pictures a request gives and put them in their places; or say which of them cannot be used."""
        try:
            given = await open_all(self._intake.inputs(request), self._mock.pictures, self._mock.clock())
        except Unusable as error:
            return error.violation
        asked.roles.update({role: found if role == "input-image" else found[0] for role, found in given.items()})
        return None

    async def _made(self, asked: Asked, token: str, base_url: str, request_id: str, wishes: Wishes | None) -> Reply:
        """What an accepted request brings."""
        operation, mock = self._operation, self._mock
        if self._lists_models:
            named = asked.roles.get("listed-model")
            models = [model for model in self._contract.models if named in (None, model.name)]
            return self._scribe.success(operation, listed(models), asked.roles, request_id)
        outcome, asked = await self._outcome(asked, token, base_url)
        if outcome is None:
            return self._refuse(Refusal("unknown-task"), request_id)
        if mock.admission is not None:
            outcome = outcome.and_also(mock.admission.limits.standing(token))
        if self._can_stream and asked.roles.get("stream") is True and outcome.pictures:
            return await self._stream(outcome, asked, request_id, wishes)
        if self._embeds and outcome.embeds:
            await mock.pictures.draw(outcome.pictures)
        reply = self._scribe.success(operation, outcome, asked.roles, request_id)
        if mock.state.unsettled:
            await mock.state.settle()
        return reply

    async def _stream(self, outcome: Outcome, asked: Asked, request_id: str, wishes: Wishes | None) -> Reply:
        """The events of one request: unfinished pictures, then the finished one; or a failure, where one is wished."""
        outcome = outcome.embedded()
        unfinished = partials(outcome)
        outcome = outcome.and_also({"partial-count": len(unfinished)})  # what is billed is what was delivered
        outcomes: list[Source] = [*unfinished, outcome]
        if wishes is not None and wishes.stream_error is not None:
            failure = Refusal("internal", facts={"reason": "it was asked for with Prefer"})
            outcomes = [*unfinished[: wishes.stream_error], self._scribe.failure(failure, request_id)]
        await self._mock.pictures.draw([picture for one in [*unfinished, outcome] for picture in one.pictures])
        return self._scribe.stream(self._operation, outcomes, asked.roles, request_id)

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
        if mock.admission is None or self._polls_a_task:
            return None
        return mock.admission.work(self._contract, token, roles)

    def _refuse(self, refusal: Refusal, request_id: str) -> Reply:
        # A problem with an answer of its own, such as an unknown path, is no operation's to say.
        operation = None if self._contract.problem(refusal.problem).answer else self._operation
        return self._scribe.refusal(self._mock.plan.refusal(refusal), operation, request_id, RETRY_AFTER_SECONDS)

    async def _outcome(self, asked: Asked, owner: str, base_url: str) -> tuple[Outcome | None, Asked]:
        """What comes of an accepted request; None for a task that does not exist."""
        mock = self._mock
        if self._polls_a_task:
            found = await mock.state.tasks.look(str(asked.roles["task-id"]), owner)
            if found is None:
                return None, asked
            task, snapshot = found
            result = None
            if snapshot.state == "succeeded":
                result = self._finish(task.resolved, task.base_url, task.finished)
            return looked_at(task, snapshot, result), Asked(dict(task.asked), ())
        roles = mock.plan.asked(asked.roles) if mock.plan.ids else asked.roles
        resolved = resolve(roles, asked.words)
        if self._must_be_task or (self._can_be_task and roles.get("async") is True):
            return accepted(await mock.state.tasks.submit(owner, asked.roles, resolved, base_url)), asked
        return self._finish(resolved, base_url), asked

    def _finish(self, resolved: Mapping[str, Any], base_url: str, at: float | None = None) -> Outcome:
        mock = self._mock
        now = mock.clock() if at is None else at
        return finished(resolved, mock.pictures, mock.settings.seed, base_url, now, self._contract.tokens)


def _nearness(contract: Contract, path: str) -> int:
    parts = path.split("/")

    def shared(template: str) -> int:
        return next((i for i, (a, b) in enumerate(zip(template.split("/"), parts, strict=False)) if a != b), len(parts))

    return max(shared(operation.path) for operation in contract.operations)


def masked(key: str) -> str:
    """A key with its middle hidden, fit for JSON: `sk-ab***yz`."""
    key = key.encode("utf-8", "replace").decode()
    return f"{key[:5]}***{key[-2:]}" if len(key) > 8 else "***"


def respond(reply: Reply, request_id: str) -> web.Response:
    """A reply as aiohttp sends it; the request id is always there."""
    headers = reply.headers
    headers.setdefault("x-request-id", request_id)
    if reply.media:
        headers["Content-Type"] = reply.media
    return web.Response(status=reply.status, body=reply.body(), headers=headers)
