"""Callbacks: what becomes of a task is told to whoever asked to be told, at each change of its state.

The body is what a poll would be answered then. No document promises an order or a number of tries; deliveries are tried
a few times, and never leave this machine unless that is allowed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from mockserver.guard import is_loopback
from mockserver.settings import Reach
from mockserver.signing import signed
from mockserver.stores import StateLost
from spec.language import TERMINAL_STATES
from spec.messages import part_at

if TYPE_CHECKING:
    from mockserver.app import Mock
    from mockserver.endpoint import Endpoint
    from mockserver.tasks import Snapshot, Task

log = logging.getLogger("imageproof.mock")

TRIES = 4
_BACKOFF_SECONDS = 0.2  # before the second try; twice as long before each one after it
_ANSWER_SECONDS = 5.0
_LOOK_SECONDS = 0.5  # at the latest then a task is looked at: another process may have moved it on
_MOST_TASKS = 1000
_KEPT = 1000
_LONGEST_URL = 8190  # characters; servers take no longer ones
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """One state of a task, told or not: `status` is the receiver's last, 0 for none; `problem` says why it failed.

    `url` is without user, password and query, which may hold secrets, its first 500 characters; `at` is Unix seconds.
    """

    task: str
    state: str
    url: str
    at: float
    tries: int
    status: int
    problem: str = ""


class Callbacks:
    """The callbacks of one process: of tasks it has accepted itself, as long as it lives."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock
        self._watches: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._woken = asyncio.Event()
        self.deliveries: deque[Delivery] = deque(maxlen=_KEPT)

    def watch(self, task: Task, url: str, poll: Endpoint) -> None:
        """Tell a URL what becomes of a task, in the words of the operation that is polled."""
        problem = refused(url, self._mock.settings.callbacks)
        if not problem and len(self._watches) >= _MOST_TASKS:
            problem = f"{_MOST_TASKS} tasks have callbacks already"
        if problem:
            log.warning("no callbacks for task %s: %s", task.id, problem)
            self._note(task, "queued", url, 0, 0, problem)
            return
        wanted = task.order.asked.get("callback-events")
        watch = asyncio.get_running_loop().create_task(self._watch(task.id, wanted, url, poll))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    def wake(self) -> None:
        """Something may have moved tasks on: look now."""
        self._woken.set()
        self._woken = asyncio.Event()

    def clear(self) -> None:
        """Forget everything; what is on its way is cut off."""
        for watch in self._watches:
            watch.cancel()
        self.deliveries.clear()

    async def close(self) -> None:
        """End; what has not been told stays untold."""
        watches = list(self._watches)
        self.clear()
        await asyncio.gather(*watches, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _watch(self, id_: str, wanted: Any, url: str, poll: Endpoint) -> None:
        """Holds no more of a task than its id, so that it can make room for newer ones."""
        told, ended = "queued", False  # which is what the submit's answer has said
        try:
            while not ended:
                woken = self._woken
                seen = await self._mock.state.tasks.peek(id_)
                if seen is None:
                    return
                ended = seen[1].state in TERMINAL_STATES
                snapshot = self._mock.plan.snapshot(*seen)
                if snapshot.state != told:
                    told = snapshot.state
                    if _wanted(told, wanted):
                        await self._deliver(*seen, told, url, poll)
                elif not ended:
                    await self._wait(seen[0], woken)
        except StateLost as error:
            log.error("no more callbacks for task %s: %s", id_, error)  # noqa: TRY400
        except Exception:
            log.exception("no more callbacks for task %s", id_)

    async def _wait(self, task: Task, woken: asyncio.Event) -> None:
        """Until the task's state changes, somebody moves it on, or another process may have."""
        left = self._mock.state.tasks.pace.wait(task, self._mock.clock())
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), _LOOK_SECONDS if left is None else min(left, _LOOK_SECONDS))

    async def _deliver(self, task: Task, snapshot: Snapshot, state: str, url: str, poll: Endpoint) -> None:
        reply = await poll.told(task, snapshot, self._mock.control_id())
        callback, name = poll.contract.callback, f"msg_{task.id}_{state}"
        status, problem, body = 0, "", orjson.dumps(part_at(reply.value, callback.part))
        for tries in range(1, TRIES + 1):
            headers = {"Content-Type": reply.media, "User-Agent": "imageproof"}
            if callback.signing:
                headers |= signed(self._mock.callback_secret, name, self._mock.clock(), body)
            status, problem = await self._post(url, body, headers)
            if not problem or tries == TRIES:
                break
            await asyncio.sleep(_BACKOFF_SECONDS * 2 ** (tries - 1))
        self._note(task, state, url, tries, status, problem)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """The receiver's status, 0 for none, and what is wrong with it."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        try:
            # A redirect is not followed: it may lead to where callbacks must not go.
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, "" if answer.ok and answer.status < 300 else f"it answers {answer.status}"
        except TimeoutError:
            return 0, f"no answer within {_ANSWER_SECONDS:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return 0, f"it cannot be reached ({type(error).__name__})"

    def _note(self, task: Task, state: str, url: str, tries: int, status: int, problem: str) -> None:
        self.deliveries.append(
            Delivery(task.id, state, shown(url), self._mock.clock(), tries, status, problem[:_SHOWN])
        )


def _wanted(state: str, wanted: Any) -> bool:
    """Whether somebody who wants to hear of these changes, None for all, is told of this state."""
    return not isinstance(wanted, list) or bool(_CHANGES.get(state, frozenset()) & set(wanted))


#: what has happened when a task comes to a state, in the words of `callback-events`
_CHANGES = {
    "running": frozenset({"started", "progress"}),
    "succeeded": frozenset({"picture", "ended"}),
    "failed": frozenset({"ended"}),
    "canceled": frozenset({"ended"}),
}


def refused(url: str, reach: Reach) -> str:
    """Why nothing is sent to a URL, and what to do; empty when it may be sent."""
    try:
        parts = urlsplit(url)
        host, usable = parts.hostname or "", parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:  # a bad port, a bad IPv6 address
        host, usable = "", False
    if len(url) > _LONGEST_URL:
        return f"it is a URL of {len(url)} characters, and {_LONGEST_URL} are the most that servers take"
    if not host or not usable:
        return "it is no http or https URL"
    if reach == "loopback" and not is_loopback(host):
        return f"{host} is not this machine; `imageproof serve --callbacks any` sends callbacks to any host"
    return ""


def shown(url: str) -> str:
    """A URL without what may be secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "?"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()[:_SHOWN]
