"""The mock: a handler of HTTP requests whose routes are the contract's operations.

One request: intake (decode, judge, read roles) -> outcome (pictures, or a task) -> reply (roles written, checked
against the contract) -> drift, if the provider has any -> journal.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

from aiohttp import web

from mockserver.artist import Artist
from mockserver.drift import Plan
from mockserver.files import file_answer
from mockserver.intake import Asked, Intake, key_of, preferences
from mockserver.journal import Entry
from mockserver.links import FILES
from mockserver.outcomes import Outcome, accepted, finished, looked_at, resolve
from mockserver.pictures import Pictures
from mockserver.replies import Refusal, Reply, Scribe
from mockserver.routes import Routes
from mockserver.settings import Settings
from mockserver.stores import InMemory, State, StateLost
from spec.contract import Contract, Operation
from spec.language import IMAGE_ROLES
from spec.messages import Request
from spec.violations import Violation

log = logging.getLogger("imageproof.mock")
RETRY_AFTER_SECONDS = 1
WRONG_KEY_PREFIX = "sk-wrong"
FAILED = Refusal("internal", facts={"reason": "the mock failed; its log says why"})
Handler = Callable[[web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]
_NO_PARAMETERS: Mapping[str, str] = {}


class Mock:
    """One mock provider: its contracts, its state, and the handler that serves them."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time, state: State | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.contracts = settings.profile.contracts(settings.contracts)
        self.plan = Plan((*settings.profile.drifts, *settings.drifts))
        self.state = state or InMemory(settings, clock)
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
        self._routes.add("GET", "/_imageproof/health", self._health)
        self.reset()

    def reset(self) -> None:
        """Forget tasks, uploads and the journal, and start counting again.

        Links that hold their order stay good: what they say needs no memory.
        """
        self.state.clear()
        self.era += 1
        self._ids = count((self.state.worker << 64) + 1)
        self._random = random.Random(self.settings.seed)

    def request_id(self) -> str:
        """The next request id."""
        return "req_%032x" % next(self._ids)  # noqa: UP031 - an f-string takes half as long again

    async def _health(self, _: web.BaseRequest, __: Mapping[str, str]) -> web.Response:
        return web.json_response({"status": "ok", "profile": self.settings.profile.name, "drifts": list(self.plan.ids)})

    async def _file(self, http: web.BaseRequest, parameters: Mapping[str, str]) -> web.Response:
        return await file_answer(self.pictures, parameters["name"], http.query, self.clock())

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

    async def delay(self) -> None:
        """Wait as long as the settings say an answer takes."""
        latency = self.settings.latency
        if latency.most > 0:
            await asyncio.sleep(self._random.uniform(latency.least, latency.most))


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
        self._embeds = bool(said & (IMAGE_ROLES - {"image-url"}))
        self._forcible = forcible(contract, operation)

    async def handle(self, http: web.BaseRequest, parameters: Mapping[str, str]) -> web.StreamResponse:
        """One request, from the wire to the wire."""
        began = time.perf_counter()
        mock, operation, era = self._mock, self._operation, self._mock.era
        request_id = mock.request_id()
        violation: Violation | None = None
        try:
            request = await self._intake.read(http, parameters, mock.settings.max_body)
            reply, violation = await self._reply(request, http, request_id)
        except web.HTTPRequestEntityTooLarge:
            reply = self._refuse(Refusal("body-too-large", facts={"limit": mock.settings.max_body}), request_id)
        except (web.RequestPayloadError, ConnectionError):
            reason = "it broke off, or it is not encoded as Content-Encoding says"
            reply = self._refuse(Refusal("malformed-body", facts={"reason": reason}), request_id)
        except StateLost as error:
            log.error("%s failed: %s", operation.label, error)  # noqa: TRY400 - it is not ours, and the text says all
            reply = self._refuse(FAILED, request_id)
        except Exception:
            log.exception("%s failed", operation.label)
            reply = self._refuse(FAILED, request_id)
        if mock.plan.ids:
            reply = mock.plan.reply(reply, operation)
        if mock.settings.latency.most:
            await mock.delay()
        if era == mock.era:
            mock.journal.add(
                Entry(
                    request_id,
                    mock.clock(),
                    http.method,
                    http.raw_path,
                    operation.id,
                    reply.status,
                    time.perf_counter() - began,
                    reply.problem,
                    str(violation) if violation else "",
                    mock.plan.ids,
                )
            )
        return respond(reply, request_id)

    async def _reply(self, request: Request, http: web.BaseRequest, request_id: str) -> tuple[Reply, Violation | None]:
        operation, mock = self._operation, self._mock
        token = key_of(request)
        if operation.secured and token is not None and not mock.knows(token):
            return self._refuse(Refusal("invalid-credentials", facts={"value": masked(token)}), request_id), None
        if not self._intake.accepts(request, token):
            violation = (await asyncio.to_thread(self._intake.check.explain, request))[0]
            return self._refuse(Refusal.of(violation, operation), request_id), violation
        if "prefer" in request.headers and (code := preferences(request.headers).get("code")):
            forced = self._forced(code, token or "", request_id)
            if forced is not None:
                return forced, None
        outcome, asked = await self._outcome(self._intake.asked(request), token or "", f"{http.scheme}://{http.host}")
        if outcome is None:
            return self._refuse(Refusal("unknown-task"), request_id), None
        if self._embeds and outcome.embeds:
            await mock.pictures.draw(outcome.pictures)
        reply = self._scribe.success(operation, outcome, asked.roles, request_id)
        if mock.state.unsettled:
            await mock.state.settle()
        return reply, None

    def _refuse(self, refusal: Refusal, request_id: str) -> Reply:
        return self._scribe.refusal(self._mock.plan.refusal(refusal), self._operation, request_id, RETRY_AFTER_SECONDS)

    def _forced(self, code: str, token: str, request_id: str) -> Reply | None:
        """The answer to `Prefer: code=N`: a documented problem of that status; None for the usual success."""
        if code == self._operation.success.status:
            return None
        name = self._forcible.get(code)
        if name is None:
            documented = ", ".join(sorted([self._operation.success.status, *self._forcible]))
            fields = {
                "error-message": f"Prefer asks for status {code!r}; {self._operation.label} can answer {documented}.",
                "error-type": "imageproof_preference",
                "error-param": "Prefer",
                "error-code": "undocumented_status",
            }
            return self._refuse(Refusal("invalid-request", fields=fields), request_id)
        facts = {
            "reason": "it was asked for with Prefer",
            "value": masked(token),
            "limit": self._mock.settings.max_body,
        }
        reply = self._refuse(Refusal(name, facts=facts), request_id)
        reply.headers["Preference-Applied"] = f"code={code}"
        return reply

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


def forcible(contract: Contract, operation: Operation) -> dict[str, str]:
    """Status -> the problem that stands for it when a caller prefers that status; documented statuses only.

    Never an unknown path, which is not an operation's to say, nor a missing key, where one was given.
    """
    found: dict[str, str] = {}
    polls = "task-id" in operation.request_roles
    names = ["unknown-task"] if polls and "unknown-task" in contract.problems else []
    for name in [*names, *contract.problems]:
        problem = contract.problems[name]
        if problem.answer is None and name != "missing-credentials" and operation.answer(problem.status):
            found.setdefault(str(problem.status), name)
    return found


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
