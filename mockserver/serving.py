"""Running any server of ours: in the foreground until a signal, or in a thread of its own for use from Python."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from aiohttp import web

from mockserver.connection import AtOnce, Server

DRAIN_SECONDS = 10.0
ANSWER_SECONDS = 5.0
T = TypeVar("T")


class CannotListen(Exception):
    """The address cannot be used; the text says which and why, `advice` what to do where it came from options."""

    advice = "Choose another with --port, or --port 0 for a free one."

    @classmethod
    def of(cls, settings: Listening, error: OSError) -> CannotListen:
        """What the system said, in a sentence."""
        reason = "the port is taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
        found = cls(f"cannot listen on {settings.host}:{settings.port}: {reason}")
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            found.advice = "Name an address of this machine with --host."
        return found


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is here."""
    if sys.platform != "win32":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


class Listening(Protocol):
    """Where an application listens, and how many bytes of a body it reads."""

    @property
    def host(self) -> str:
        """Name or address."""

    @property
    def port(self) -> int:
        """0 for a free one."""

    @property
    def max_body(self) -> int:
        """In bytes."""


class Application(Protocol):
    """What can be served: a mock, a proxy, a recording.

    `at_once` says who answers what needs no waiting; `server_options` are aiohttp's for this one.
    """

    server_options: Mapping[str, Any]

    @property
    def at_once(self) -> AtOnce:
        """Empty where everything waits."""

    @property
    def settings(self) -> Listening:
        """Where it listens."""

    async def open(self) -> None:
        """Begin, in the loop that serves."""

    async def close(self) -> None:
        """End, when nothing is asked any more."""

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer any request."""


App = TypeVar("App", bound=Application)


def http_runner(application: Application) -> web.ServerRunner:
    """An application behind aiohttp's HTTP, not listening yet; it drains when it is cleaned up."""
    loop, max_body = asyncio.get_running_loop(), application.settings.max_body

    def request(*parts: Any) -> web.BaseRequest:
        return web.BaseRequest(*parts, loop=loop, client_max_size=max_body)  # type: ignore[misc]

    server = Server(application.handle, application.at_once, request_factory=request, **application.server_options)
    return web.ServerRunner(server, handle_signals=False, shutdown_timeout=DRAIN_SECONDS)


async def start(application: Application) -> tuple[web.ServerRunner, int]:
    """Start listening; the runner to clean up and the port (a free one for port 0). Raises CannotListen, StateLost."""
    settings = application.settings
    await application.open()
    runner = http_runner(application)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, reuse_address=True)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        await application.close()
        raise CannotListen.of(settings, error) from error
    port: int = runner.addresses[0][1]
    return runner, port


def serve_until_told(build: Callable[[], App], ready: Callable[[App, str], Any]) -> None:
    """Serve until SIGINT or SIGTERM, then let running requests finish; a second signal does not wait for them.

    `ready(application, url)` is called once it listens. Raises CannotListen, and whatever opening it raises.
    """

    async def run() -> None:
        application = build()
        runner, port = await start(application)
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
        ready(application, url_of(application.settings.host, port))
        try:
            await stop.wait()
        finally:
            await runner.cleanup()
            await application.close()

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


class ThreadedServer(Generic[App]):
    """An application in a thread of its own.

    `start` returns when it listens and raises CannotListen when it cannot. Stopped, it can be started again; with
    port 0 it will have another port then.
    """

    def __init__(self, application: App) -> None:
        self.application = application
        self.port = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The root, as `http://127.0.0.1:PORT`."""
        return url_of(self.application.settings.host, self.port)

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL wants: the root with `/v1`."""
        return f"{self.url}/v1"

    def start(self) -> Self:
        """Start the thread and wait until it listens; nothing new when it already does. Raises CannotListen."""
        if self._loop is not None:
            return self
        self._failure = None
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, name="imageproof", daemon=True)
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

    def result_of(self, work: Coroutine[Any, Any, T], takes: float = 0.0) -> T:
        """What comes of some work that takes so many seconds in the server's thread; without one, here."""
        if self._loop is None:
            return asyncio.run(work)
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(takes + ANSWER_SECONDS)
        except TimeoutError as error:
            raise TimeoutError(f"the server's thread did not answer within {takes + ANSWER_SECONDS:g} s") from error

    def _run(self) -> None:
        async def run() -> None:
            try:
                runner, self.port = await start(self.application)
                self._stop = asyncio.Event()
                self._loop = asyncio.get_running_loop()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the thread that waits
                self._failure = error
                return
            finally:
                self._ready.set()
            await self._stop.wait()
            await runner.cleanup()
            await self.application.close()

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(run())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
