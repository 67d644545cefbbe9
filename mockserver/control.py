"""The control API under `/_imageproof/`: look at the mock and change what it does while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from mockserver.configuration import FIELDS, Unreadable, changed, seconds, shown
from mockserver.faults import catalogue, described
from mockserver.guard import Denied
from mockserver.tasks import Ending, Snapshot, Task
from spec.errors import SpecError
from spec.language import STATES, TERMINAL_STATES

if TYPE_CHECKING:
    from mockserver.app import Mock

ROOT = "/_imageproof"
_JOURNAL_LIMIT = 100
_MAX_BODY = 1024 * 1024
_PROMPT_SHOWN = 200
_END = '{"state": "failed", "reason": "out of memory"}; state is failed or canceled, reason a text, optional'
_BY = '{"by": 30} in seconds, or a duration such as {"by": "2m"}'
Handler = Callable[[web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]
Call = Callable[["Control", web.BaseRequest], Awaitable[Any]]


class Wrong(Exception):
    """A call that cannot be met: what was wrong, where, what was expected."""

    def __init__(self, message: str, where: str, expected: str, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.where, self.expected, self.status = message, where, expected, status


class Control:
    """The control API of one mock. Each call answers JSON; a wrong one changes nothing."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of every call, health among them."""
        return [(method, ROOT + path, self._handler(call, open_)) for method, path, call, open_ in _CALLS]

    def _handler(self, call: Call, open_: bool) -> Handler:
        async def handle(http: web.BaseRequest, _: Mapping[str, str]) -> web.StreamResponse:
            try:
                if not open_:
                    self._mock.guard.check(http)
                answer = _json(await call(self, http))
            except Denied as error:
                answer = _error(error.status, error.message, error.header, error.expected)
                if error.status == 401:
                    answer.headers["WWW-Authenticate"] = 'Bearer realm="imageproof"'
            except Wrong as error:
                answer = _error(error.status, error.message, error.where, error.expected)
            except Unreadable as error:
                answer = _error(400, error.problem, f"/{error.where}", error.expected)
            except SpecError as error:
                message, _newline, expected = str(error).partition("\n")
                answer = _error(400, message, "body", expected.strip())
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
        return {
            "profile": mock.settings.profile.name,
            "contracts": [contract.name for contract in mock.contracts],
            "settings": shown(mock.settings),
            "faults": mock.faults.counts() if mock.faults else [],
            "clock": self._time(),
            "pictures_against_quota": admission.made if admission else 0,
            "holds": {**await mock.state.holds(), "keys_with_limits": len(admission.limits) if admission else 0},
        }

    async def settings(self, _: web.BaseRequest) -> Any:
        """What can be changed, as it is now."""
        return shown(self._mock.settings)

    async def patch(self, http: web.BaseRequest) -> Any:
        """Change some fields; the others stay."""
        self._steers_all()
        changes = await _body(http)
        self._mock.configure(changed(self._mock.settings, changes), changes)
        return shown(self._mock.settings)

    async def put(self, http: web.BaseRequest) -> Any:
        """Change some fields; the others are as they were when the mock started."""
        self._steers_all()
        self._mock.configure(changed(self._mock.started_with, await _body(http)))
        return shown(self._mock.settings)

    async def reset(self, _: web.BaseRequest) -> Any:
        """As it was when it started: settings, clock, tasks, pictures, journal, counters."""
        self._mock.reset()
        await self._mock.state.settle()
        return shown(self._mock.settings)

    async def journal(self, http: web.BaseRequest) -> Any:
        """The newest entries, oldest first: `operation`, `status`, `since` (Unix seconds), `limit`."""
        wanted = dict(http.query)
        if unknown := wanted.keys() - {"operation", "status", "since", "limit"}:
            raise Wrong(f"unknown filter {min(unknown)!r}", "query", "operation, status, since or limit")
        status = _number(wanted, "status", int)
        since = _number(wanted, "since", float)
        limit = _number(wanted, "limit", int)
        limit = _JOURNAL_LIMIT if limit is None else int(limit)
        found = [
            asdict(entry)
            for entry in await self._mock.journal.entries()
            if (status is None or entry.status == status)
            and (since is None or entry.at >= since)
            and wanted.get("operation", entry.operation) == entry.operation
        ]
        return {"found": len(found), "entries": found[-limit:] if limit else []}

    async def faults(self, _: web.BaseRequest) -> Any:
        """The faults there are, with their parameters."""
        return {known.name: {"title": known.title, "written": described(known)} for known in catalogue().values()}

    async def tasks(self, _: web.BaseRequest) -> Any:
        """Every task that is kept, the oldest first; looking at them here moves none of them on."""
        store = self._mock.state.tasks
        found = [seen for id_ in await store.ids() if (seen := await store.peek(id_)) is not None]
        found.sort(key=lambda seen: seen[0].submitted)
        return {"found": len(found), "tasks": [_task(*seen) for seen in found]}

    async def end_task(self, http: web.BaseRequest) -> Any:
        """End a task that runs: `state` failed or canceled, `reason` a text."""
        id_ = http.path.removeprefix(f"{ROOT}/tasks/")
        given = await _body(http, _END)
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
        given = await _body(http)
        if set(given) != {"by"}:
            raise Wrong("one field moves the clock on", "body", _BY)
        try:
            self._mock.clock.advance(seconds(given["by"]))
        except (SpecError, TypeError):
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
_CALLS: list[tuple[str, str, Call, bool]] = [
    ("GET", "/health", Control.health, True),
    ("GET", "/state", Control.state, False),
    ("GET", "/settings", Control.settings, False),
    ("PATCH", "/settings", Control.patch, False),
    ("PUT", "/settings", Control.put, False),
    ("POST", "/reset", Control.reset, False),
    ("GET", "/journal", Control.journal, False),
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
        "prompt": str(task.order.asked.get("prompt", ""))[:_PROMPT_SHOWN],
    }


async def _body(http: web.BaseRequest, expected: str = "") -> dict[str, Any]:
    """The JSON object of a call. Raises Wrong."""
    data = b""
    try:
        async for part in http.content.iter_any():
            data += part
            if len(data) > _MAX_BODY:
                raise Wrong("the body is too large", "body", f"at most {_MAX_BODY} bytes", 413)
    except (web.RequestPayloadError, ConnectionError):
        reason = "the body broke off, or it is not encoded as Content-Encoding says"
        raise Wrong(reason, "body", "a whole body, encoded as it says") from None
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Wrong(f"the body is not JSON: {error.msg}", f"line {error.lineno}", expected or _fields()) from None
    if not isinstance(value, dict):
        raise Wrong(f"a {type(value).__name__} where an object belongs", "body", expected or _fields())
    return value


def _fields() -> str:
    return f"an object with any of {', '.join(FIELDS)}"


def _number(wanted: Mapping[str, str], name: str, kind: Callable[[str], float]) -> float | None:
    if name not in wanted:
        return None
    try:
        value = kind(wanted[name])
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise Wrong(f"{name}={wanted[name]!r} is no number", f"query {name}", "a number from 0 up")
    return value


def _json(value: Any, status: int = 200) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(status=status, body=body, content_type="application/json")


def _error(status: int, message: str, where: str, expected: str) -> web.Response:
    return _json({"error": {"message": message, "where": where, "expected": expected}}, status)
