"""The control API under `/_imageproof/`: look at the mock and change what it does while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockserver.calls import Call, Calls, Wrong, as_json, body_of, error_answer, number
from mockserver.configuration import FIELDS, Unreadable, changed, seconds, shown
from mockserver.faults import catalogue, described
from mockserver.guard import Denied
from mockserver.inspection import Inspection
from mockserver.inspector import page_calls
from mockserver.journal import without_keys
from mockserver.tasks import Ending, Snapshot, Task
from spec.errors import SpecError
from spec.language import STATES, TERMINAL_STATES

if TYPE_CHECKING:
    from mockserver.app import Mock

ROOT = "/_imageproof"
_PROMPT_SHOWN = _PATH_SHOWN = 200
_END = '{"state": "failed", "reason": "out of memory"}; state is failed or canceled, reason a text, optional'
_BY = '{"by": 30} in seconds, or a duration such as {"by": "2m"}; to the year 9999 at most'
_FIELDS = f"an object with any of {', '.join(FIELDS)}"
Handler = Callable[[web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]


class Control:
    """The control API of one mock. Each call answers JSON; a wrong one changes nothing."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock
        own: Calls = [(method, path, partial(call, self), open_) for method, path, call, open_ in _CALLS]
        self._calls = [*own, *Inspection(mock).calls(), *page_calls()]

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of every call, health among them."""
        return [(method, ROOT + path, self._handler(call, open_)) for method, path, call, open_ in self._calls]

    def elsewhere(self, http: web.BaseRequest, status: int, methods: frozenset[str] = frozenset()) -> web.Response:
        """The answer to what is no call: 404, 405 where the path has other `methods`, 500 where one broke."""
        known = ", ".join(f"{method} {ROOT}{path}" for method, path, *_ in self._calls)
        message, where, expected = {
            404: (f"there is no {http.path[:_PATH_SHOWN]!r}", "path", f"one of {known}"),
            405: (f"{http.method} is no call of this path", "method", f"one of {', '.join(sorted(methods))}"),
        }.get(status, ("the mock failed", "the server", "its log says why"))
        answer = error_answer(status, message, where, expected)
        if methods:
            answer.headers["Allow"] = ", ".join(sorted(methods))
        answer.headers["x-request-id"] = self._mock.control_id()
        return answer

    def _handler(self, call: Call, open_: bool) -> Handler:
        async def handle(http: web.BaseRequest, _: Mapping[str, str]) -> web.StreamResponse:
            try:
                if not open_:
                    self._mock.guard.check(http)
                found = await call(http)
                answer = found if isinstance(found, web.Response) else as_json(found)
            except Denied as error:
                answer = error_answer(error.status, error.message, error.header, error.expected)
                if error.status == 401:
                    answer.headers["WWW-Authenticate"] = 'Bearer realm="imageproof"'
            except Wrong as error:
                answer = error_answer(error.status, error.message, error.where, error.expected)
            except Unreadable as error:
                answer = error_answer(400, error.problem, f"/{error.where}", error.expected)
            except SpecError as error:
                message, _newline, expected = str(error).partition("\n")
                answer = error_answer(400, message, "body", expected.strip())
            answer.headers["x-request-id"] = self._mock.control_id()
            return answer

        return handle

    async def health(self, _: web.BaseRequest) -> Any:
        """Whether it runs, and as what."""
        mock = self._mock
        return {"status": "ok", "profile": mock.settings.profile.name, "drifts": list(mock.plan.ids)}

    async def state(self, _: web.BaseRequest) -> Any:
        """Everything about the mock: what it plays, how far its counters are, how much it holds."""
        mock = self._mock
        admission = mock.admission
        newest = await mock.journal.newest(1)
        return {
            "profile": mock.settings.profile.name,
            "workers": mock.settings.workers,
            "contracts": [contract.name for contract in mock.contracts],
            "settings": shown(mock.settings),
            "faults": mock.faults.counts() if mock.faults else [],
            "clock": self._time(),
            "last_request": newest[0].at if newest else None,
            "pictures_against_quota": admission.made if admission else 0,
            "holds": {**await mock.state.holds(), "keys_with_limits": len(admission.limits) if admission else 0},
        }

    async def settings(self, _: web.BaseRequest) -> Any:
        """What can be changed, as it is now."""
        return shown(self._mock.settings)

    async def patch(self, http: web.BaseRequest) -> Any:
        """Change some fields; the others stay."""
        self._steers_all()
        changes = await body_of(http, _FIELDS)
        self._mock.configure(changed(self._mock.settings, changes), changes)
        return shown(self._mock.settings)

    async def put(self, http: web.BaseRequest) -> Any:
        """Change some fields; the others are as they were when the mock started."""
        self._steers_all()
        self._mock.configure(changed(self._mock.started_with, await body_of(http, _FIELDS)))
        return shown(self._mock.settings)

    async def reset(self, _: web.BaseRequest) -> Any:
        """As it was when it started: settings, clock, tasks, pictures, journal, counters."""
        self._mock.reset()
        await self._mock.state.settle()
        return shown(self._mock.settings)

    async def faults(self, _: web.BaseRequest) -> Any:
        """The faults there are, with their parameters."""
        return {known.name: {"title": known.title, "written": described(known)} for known in catalogue().values()}

    async def tasks(self, http: web.BaseRequest) -> Any:
        """The tasks that are kept, the oldest first, `limit` of the newest; looking at them here moves none on."""
        if unknown := set(http.query) - {"limit"}:
            raise Wrong(f"unknown filter {min(unknown)!r}", "query", "limit")
        limit = number(http.query, "limit", int)
        store = self._mock.state.tasks
        ids = await store.ids()
        kept = ids if limit is None else ids[-int(limit) :] if limit else []
        found = [seen for id_ in kept if (seen := await store.peek(id_)) is not None]
        found.sort(key=lambda seen: seen[0].submitted)
        return {"found": len(ids), "tasks": [_task(*seen) for seen in found]}

    async def end_task(self, http: web.BaseRequest) -> Any:
        """End a task that runs: `state` failed or canceled, `reason` a text."""
        id_ = http.path.removeprefix(f"{ROOT}/tasks/")
        given = await body_of(http, _END)
        state, reason = given.get("state"), given.get("reason", "")
        if not set(given) <= {"state", "reason"} or state not in ("failed", "canceled") or not isinstance(reason, str):
            raise Wrong("this is no way to end a task", "body", _END)
        seen = await self._mock.state.tasks.peek(id_)
        if seen is None:
            raise Wrong(f"no task {id_!r}", "path", f"an id of GET {ROOT}/tasks", 404)
        task, snapshot = seen
        poll = self._mock.poll_of(task)
        known = frozenset[str]() if poll is None else poll.operation.task_states
        if state not in known:
            words = ", ".join(word for word in STATES if word in known) or "none: nothing asks about it"
            raise Wrong(f"the contract knows no task that is {state}", "/state", words, 409)
        if snapshot.state in TERMINAL_STATES:
            raise Wrong(f"task {id_} has {snapshot.state} already", "path", "a task that has not ended", 409)
        await self._mock.state.tasks.end(id_, Ending(state, reason, self._mock.clock()))
        self._mock.callbacks.wake()
        return _task(*(await self._mock.state.tasks.peek(id_) or seen))

    async def callbacks(self, _: web.BaseRequest) -> Any:
        """What this process has told of its tasks, and what it could not tell; the newest last."""
        told = [asdict(delivery) for delivery in self._mock.callbacks.deliveries]
        return {"found": len(told), "deliveries": told}

    async def clock(self, _: web.BaseRequest) -> Any:
        """What time it is for the mock."""
        return self._time()

    async def advance(self, http: web.BaseRequest) -> Any:
        """Move the clock on `by` seconds or a duration."""
        self._steers_all()
        given = await body_of(http, _BY)
        if set(given) != {"by"}:
            raise Wrong("one field moves the clock on", "body", _BY)
        try:
            self._mock.clock.advance(seconds(given["by"]))
        except (SpecError, TypeError, ValueError):
            raise Wrong(f"{given['by']!r} is no time to move on by", "/by", _BY) from None
        self._mock.callbacks.wake()
        return self._time()

    def _steers_all(self) -> None:
        """Raises Wrong where only one of several processes would change."""
        if self._mock.settings.workers > 1:
            message = f"{self._mock.settings.workers} processes serve here, and only one of them would change"
            raise Wrong(message, "the server", "the setting at the start of `imageproof serve`, or --workers 1", 409)

    def _time(self) -> dict[str, float]:
        return {"now": self._mock.clock(), "offset": self._mock.clock.offset}


#: method, path, call, and whether anybody may call it
_CALLS: list[tuple[str, str, Callable[[Control, web.BaseRequest], Awaitable[Any]], bool]] = [
    ("GET", "/health", Control.health, True),
    ("GET", "/state", Control.state, False),
    ("GET", "/settings", Control.settings, False),
    ("PATCH", "/settings", Control.patch, False),
    ("PUT", "/settings", Control.put, False),
    ("POST", "/reset", Control.reset, False),
    ("GET", "/faults", Control.faults, False),
    ("GET", "/tasks", Control.tasks, False),
    ("POST", "/tasks/{id}", Control.end_task, False),
    ("GET", "/callbacks", Control.callbacks, False),
    ("GET", "/clock", Control.clock, False),
    ("POST", "/clock/advance", Control.advance, False),
]


def _task(task: Task, snapshot: Snapshot) -> dict[str, Any]:
    """A task as the control API shows it; its owner's key stays here."""
    return {
        "id": task.id,
        "operation": task.order.operation,
        "state": snapshot.state,
        "progress": snapshot.progress,
        "reason": snapshot.reason,
        "submitted": task.submitted,
        "started": task.started,
        "finished": task.finished,
        "polls": task.polls,
        "prompt": without_keys(str(task.order.asked.get("prompt", "")))[:_PROMPT_SHOWN],
    }
