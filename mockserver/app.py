"""The mock: its contracts, state and settings, and the handler whose routes are the contracts' operations."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import count, product
from typing import Any

from aiohttp import web

from mockserver.admission import Admission, check_admission
from mockserver.artist import Artist
from mockserver.callbacks import Callbacks
from mockserver.caller import waits
from mockserver.clock import Clock
from mockserver.configuration import FIELDS
from mockserver.connection import AtOnce
from mockserver.control import Control
from mockserver.cors import Cors
from mockserver.drift import Plan
from mockserver.elsewhere import Elsewhere, is_control
from mockserver.endpoint import FAILED, Endpoint
from mockserver.faults import Faults, check_faults
from mockserver.files import file_answer
from mockserver.guard import Guard
from mockserver.ids import written
from mockserver.journal import Entry
from mockserver.links import FILES
from mockserver.pictures import Pictures
from mockserver.preferences import Wishes
from mockserver.replies import Refusal, Reply, Scribe
from mockserver.routes import Routes
from mockserver.settings import Settings
from mockserver.signing import secret_of
from mockserver.stores import StateLost, state_of
from mockserver.tasks import Pace, Task
from mockserver.usual import Usual
from spec.contract import Operation

log = logging.getLogger("imageproof.mock")
WRONG_KEY_PART = "sk-wrong"
Handler = Callable[[web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]
_NO_PARAMETERS: Mapping[str, str] = {}


class Mock:
    """One mock provider: its contracts, its state, and the handler that serves them."""

    server_options: Mapping[str, Any] = {}

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
        self.callback_secret = secret_of(settings.secret)
        self.era = 0  # counts resets: what was asked before one is no part of the journal after it
        self.callbacks = Callbacks(self)
        self._scribes = [(contract, Scribe(contract)) for contract in self.contracts]
        self._routes: Routes[Handler] = Routes()
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self.at_once = AtOnce(self.pictures.breath)
        for contract, scribe in self._scribes:
            for operation in contract.operations:
                endpoint = Endpoint(self, contract, scribe, operation)
                self._endpoints[contract.name, operation.id] = endpoint
                for prefix, path in product(("", *contract.prefixes), (operation.path, *operation.also)):
                    self._routes.add(operation.method, prefix + path, endpoint.handle)
                    if endpoint.usual is not None and "{" not in path:
                        self.at_once.add(operation.method, prefix + path, endpoint.usual.heard)
        self._routes.add("GET", f"{FILES}{{name}}", self._file)
        self._control = Control(self)
        self._elsewhere = Elsewhere(self, self._scribes, self._control)
        for method, path, handler in self._control.routes():
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
        self.at_once.allow(Usual.is_allowed(settings))
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
        self.callbacks.clear()
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
        await self.callbacks.close()
        await self.state.close()

    def request_id(self, template: str = "") -> str:
        """The next request id, in the shape a contract gives it (`x-ids`)."""
        if template:
            return written(template, self.settings.seed, next(self._ids), self.clock())
        return "req_%032x" % next(self._ids)  # noqa: UP031 - an f-string takes half as long again

    async def _file(self, http: web.BaseRequest, parameters: Mapping[str, str]) -> web.Response:
        answer = await file_answer(self.pictures, parameters["name"], http.query, self.clock())
        answer.headers["x-request-id"] = self.control_id()
        return answer

    def control_id(self) -> str:
        """An id for an answer under `/_imageproof/`, counted apart: looking at the mock changes nothing it answers."""
        return f"req_control_{next(self._control_ids):020x}"

    def poll_of(self, task: Task) -> Endpoint | None:
        """Where a task is asked about; None where the operation that accepted it links to nothing."""
        contract = next(contract for contract in self.contracts if contract.name == task.order.family)
        poll = contract.poll_of(contract.operation(task.order.operation))
        return None if poll is None else self._endpoints[contract.name, poll.id]

    def endpoint_of(self, entry: Entry) -> Endpoint | None:
        """The operation that answered a request of the journal; None for what belongs to none."""
        return self._endpoints.get((entry.family, entry.operation))

    def asked_by(self, entry: Entry) -> Mapping[str, Any]:
        """What a request of the journal asks, as far as it can be read: roles in our units."""
        endpoint = self.endpoint_of(entry)
        if endpoint is None:
            return {}
        _, parameters, _ = self._routes.find(entry.method, entry.path.partition("?")[0])
        return endpoint.asked_by(entry, parameters)

    def knows(self, key: str) -> bool:
        """Whether a key is valid: the one that was set, or any but those made to be tried as wrong."""
        wanted = self.settings.api_key
        return key == wanted if wanted is not None else WRONG_KEY_PART not in key

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
                if self.cors is not None and methods and http.method == "OPTIONS" and not is_control(path):
                    return self.cors.preflight(http, methods)
                name = "wrong-method" if methods else "unknown-route"
                return self._elsewhere.answer(http, Refusal(name, facts={"method": http.method, "path": path}), methods)
            return await handler(http, parameters)
        except StateLost as error:
            log.error("%s %s failed: %s", http.method, http.path, error)  # noqa: TRY400
            return self._elsewhere.answer(http, FAILED)
        except Exception:
            log.exception("%s %s failed", http.method, http.path)
            return self._elsewhere.answer(http, FAILED)

    def wishes(self, http: web.BaseRequest, operation: Operation) -> Wishes:
        """What is to happen to this request: its own wishes first, then the server's faults."""
        wishes = Wishes.of(http.headers)
        if self.faults is not None and not wishes and (use := self.faults.befalling(operation)) is not None:
            wishes.befall(use)
        return wishes

    async def prepare(self, reply: Reply, http: web.BaseRequest, wishes: Wishes | None) -> bool:
        """Say what a browser wants to hear and which wishes were met, and wait as long as an answer takes.

        Whether the caller waited, too.
        """
        if self.cors is not None:
            reply.headers.update(self.cors.headers(http))
        if wishes is not None and wishes.applied:
            reply.headers["Preference-Applied"] = ", ".join(wishes.applied)
        if wishes is not None and wishes.delay is not None:
            return await waits(http, wishes.delay)
        return not self.latency or await waits(http, self.settings.latency.draw(self._random))
