"""Several processes that serve as one: gunicorn starts, restarts and ends them, Redis holds their state."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from aiohttp import web
from gunicorn.app.base import BaseApplication
from gunicorn.workers.base import Worker

from mockserver.app import Mock
from mockserver.serving import DRAIN_SECONDS, CannotListen, http_runner, keep_for_good, new_loop, url_of
from mockserver.settings import Settings
from mockserver.stores import StateLost

_HEARTBEAT_SECONDS = 1.0
_ENDINGS = (signal.SIGTERM, signal.SIGQUIT)
_BACKLOG = 2048


class MockWorker(Worker):  # type: ignore[misc]
    """One process: the mock on an event loop of its own, listening on the socket all of them share."""

    def init_signals(self) -> None:
        """To be ended before the loop runs, and takes them, is an end like any other."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in _ENDINGS:
            signal.signal(number, lambda *_: sys.exit(0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody; the first process tells the others

    def run(self) -> None:
        """Serve until told to stop."""
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(self._serve(self.wsgi))

    async def _serve(self, mock: Mock) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in _ENDINGS:
            loop.add_signal_handler(number, stop.set)
        while not await self._opened(mock) and not stop.is_set():
            await self._beat(stop)
        keep_for_good()
        runner = http_runner(mock)
        await runner.setup()
        for shared in self.sockets:
            await web.SockSite(runner, shared.sock, backlog=_BACKLOG).start()
        while not stop.is_set() and self.ppid == os.getppid():
            await self._beat(stop)
        await runner.cleanup()
        await mock.close()

    async def _opened(self, mock: Mock) -> bool:
        """Whether the state is there; a process that was restarted may have to wait for it."""
        try:
            await mock.open()
        except StateLost as error:
            self.log.warning("a process waits: %s", error)
            return False
        return True

    async def _beat(self, stop: asyncio.Event) -> None:
        """Tell the first process that this one is alive, and wait a little."""
        self.notify()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _HEARTBEAT_SECONDS)


class _Server(BaseApplication):  # type: ignore[misc]
    """What gunicorn is told."""

    def __init__(self, mock: Mock, listening: socket.socket, ready: Callable[[Any], None]) -> None:
        self._mock = mock
        self._options = {
            "bind": f"fd://{listening.fileno()}",
            "workers": mock.settings.workers,
            "worker_class": MockWorker,
            "preload_app": True,  # contracts are compiled once, before the processes part
            "graceful_timeout": int(DRAIN_SECONDS) + 2,
            "loglevel": "warning",
            "control_socket_disable": True,
            "when_ready": ready,
        }
        super().__init__()

    def load_config(self) -> None:
        """Hand over the options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Mock:
        """What every process serves."""
        return self._mock


def serve(settings: Settings, ready: Callable[[Mock, str], Any]) -> None:
    """Serve with `settings.workers` processes until SIGINT or SIGTERM, then let running requests finish.

    `ready(mock, url)` is called once, in the first process. Ends the program. Raises CannotListen and StateLost.
    """
    mock = Mock(settings)
    asyncio.run(_reach(mock))
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CannotListen.of(settings, error) from error
    url = url_of(settings.host, listening.getsockname()[1])
    _Server(mock, listening, lambda _: ready(mock, url)).run()


async def _reach(mock: Mock) -> None:
    """Whether the state can be reached at all, before any process is started."""
    await mock.open()
    await mock.close()
