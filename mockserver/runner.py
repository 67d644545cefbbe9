"""Running a mock: in the foreground until a signal, or in a thread of its own for use from Python."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from mockserver.app import Mock
from mockserver.configuration import changed
from mockserver.connection import Server
from mockserver.inspection import Inspection
from mockserver.journal import Entry
from mockserver.settings import Settings
from mockserver.verification import NotSo, Times, pattern_of

DRAIN_SECONDS = 10.0
ANSWER_SECONDS = 5.0
T = TypeVar("T")


class CannotListen(Exception):
    """The address cannot be used; the text says which and why."""

    @classmethod
    def of(cls, settings: Settings, error: OSError) -> CannotListen:
        """What the system said, in a sentence."""
        reason = "the port is taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
        return cls(f"cannot listen on {settings.host}:{settings.port}: {reason}")


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is here."""
    if sys.platform != "win32":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def http_runner(mock: Mock) -> web.ServerRunner:
    """A mock behind aiohttp's HTTP, not listening yet; it drains when it is cleaned up."""
    loop, max_body = asyncio.get_running_loop(), mock.settings.max_body

    def request(*parts: Any) -> web.BaseRequest:
        return web.BaseRequest(*parts, loop=loop, client_max_size=max_body)  # type: ignore[misc]

    server = Server(mock.handle, mock.at_once.get, request_factory=request)
    return web.ServerRunner(server, handle_signals=False, shutdown_timeout=DRAIN_SECONDS)


async def start(mock: Mock) -> tuple[web.ServerRunner, int]:
    """Start listening; the runner to clean up and the port (a free one for port 0). Raises CannotListen, StateLost."""
    settings = mock.settings
    await mock.open()
    runner = http_runner(mock)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, reuse_address=True)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        await mock.close()
        raise CannotListen.of(settings, error) from error
    port: int = runner.addresses[0][1]
    return runner, port


def serve(settings: Settings, ready: Callable[[Mock, str], Any]) -> None:
    """Serve until SIGINT or SIGTERM, then let running requests finish; a second signal does not wait for them.

    `ready(mock, url)` is called once it listens. Raises CannotListen, StateLost.
    """

    async def run() -> None:
        mock = Mock(settings)
        runner, port = await start(mock)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def drain(number: int) -> None:
            if stop.is_set():
                os._exit(128 + number)  # asked twice: nothing is worth waiting for
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows raises KeyboardInterrupt instead
                loop.add_signal_handler(number, drain, number)
        keep_for_good()
        ready(mock, url_of(settings.host, port))
        try:
            await stop.wait()
        finally:
            await runner.cleanup()
            await mock.close()

    with asyncio.Runner(loop_factory=new_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(run())


def keep_for_good() -> None:
    """Tell the garbage collector that what was loaded so far stays: contracts and code need no looking through."""
    gc.collect()
    gc.freeze()


def url_of(host: str, port: int) -> str:
    """The root of a server that listens there, as this machine can reach it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class MockServer:
    """A mock in a thread of its own.

    >>> with MockServer(Settings(port=0)) as server:
    ...     server.url
    'http://127.0.0.1:...'

    `start` returns when it listens and raises CannotListen when it cannot. Stopped, it can be started again; with
    port 0 it will have another port then. `clock` tells the mock what time it is, in Unix seconds.
    """

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings(port=0)
        self.mock = Mock(self.settings, clock)
        self.port = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The root, as `http://127.0.0.1:PORT`."""
        return url_of(self.settings.host, self.port)

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL wants: the root with `/v1`."""
        return f"{self.url}/v1"

    @property
    def journal(self) -> list[Entry]:
        """What was asked since the last reset, oldest first."""
        return self._result_of(self.mock.state.journal.entries())

    def requests(self, **wanted: Any) -> list[Entry]:
        """What was asked and fits, oldest first.

        >>> server.requests(operation="createImage", status=200, model="gpt-image-2", prompt=re.compile("fox"))

        `method`, `path` (stars stand for anything), `operation`, `status`, `problem`, `fault`, `drift` and `request_id`
        are about the request, every other name about its body; `body`, `query` and `asked` take dictionaries, `asked`
        by role. A value is meant as it is; patterns are searched for; `{"contains": ...}` and other words are told in
        docs/inspector.md. Raises SpecError for what cannot be understood.
        """
        pattern = pattern_of(wanted, self.mock.asked_by)
        return [entry for entry in self.journal if not pattern.misses(entry)]

    def verify(
        self,
        *,
        times: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        within: float = 0.0,
        **wanted: Any,
    ) -> list[Entry]:
        """The requests that fit, as `requests` takes it; at least one, unless another number is given.

        Looks again for `within` seconds. Raises NotSo, an AssertionError that tells which request came nearest.
        """
        pattern, expected = pattern_of(wanted, self.mock.asked_by), Times.of(times, at_least, at_most)
        inspection = Inspection(self.mock)
        verdict = self._result_of(inspection.verdict(pattern, expected, within), within)
        if not verdict.held:
            raise NotSo(verdict.explain())
        return list(verdict.found)

    def start(self) -> Self:
        """Start the thread and wait until it listens; nothing new when it already does. Raises CannotListen."""
        if self._loop is not None:
            return self
        self._failure = None
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, name="imageproof-mock", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Let running requests finish and end the thread; nothing when it has ended or never began."""
        loop, self._loop = self._loop, None
        if loop is not None and self._stop is not None and self._thread is not None:
            loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(DRAIN_SECONDS + 5)

    def reset(self) -> None:
        """As it was when it started: settings and clock, no tasks, uploads and journal; done when this returns."""

        async def forget() -> None:
            self.mock.reset()
            await self.mock.state.settle()

        self._result_of(forget())

    def configure(self, **changes: Any) -> None:
        """Change drifts, faults, latency, rate_limits, blocked, quota_images, task_seconds or task_polls.

        >>> server.configure(faults=["html:status=502,first=10"], drifts=[])

        Values as the control API takes them; what is not named stays. Raises SpecError, and then nothing has changed.
        """

        async def change() -> None:
            self.mock.configure(changed(self.mock.settings, changes), changes)

        self._result_of(change())

    def advance(self, seconds: float) -> None:
        """Move the mock's clock on: tasks go on, rate limits let in again. Raises ValueError below 0."""

        async def advance() -> None:
            self.mock.clock.advance(seconds)
            self.mock.callbacks.wake()

        self._result_of(advance())

    def _result_of(self, work: Coroutine[Any, Any, T], takes: float = 0.0) -> T:
        """What comes of some work in the server's thread; without one, here."""
        if self._loop is None:
            return asyncio.run(work)
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(takes + ANSWER_SECONDS)
        except TimeoutError as error:
            raise TimeoutError(f"the mock's thread did not answer within {takes + ANSWER_SECONDS:g} s") from error

    def _run(self) -> None:
        async def run() -> None:
            try:
                runner, self.port = await start(self.mock)
                self._stop = asyncio.Event()
                self._loop = asyncio.get_running_loop()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the thread that waits
                self._failure = error
                return
            finally:
                self._ready.set()
            await self._stop.wait()
            await runner.cleanup()
            await self.mock.close()

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(run())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
