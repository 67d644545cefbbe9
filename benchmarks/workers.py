"""Requests per second of the mock with several workers and Redis, as a ratio to a bare aiohttp handler with as many.

Both servers are processes that accept from one shared socket, loaded in turn by the client of throughput.py. The client
keeps a processor busy all by itself; where there are no more processors than workers, both servers compete with it.
Processor time is that of all processes of a server, for the mock with its Redis.

    python benchmarks/workers.py --redis redis://127.0.0.1:6379/0
    python benchmarks/workers.py                    # with the redis-server of the environment or the system
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

from throughput import BARE, Server, for_seconds, measured

BARE_WORKERS = (
    BARE.replace(
        "async def main():", "shared = socket.create_server(('127.0.0.1', 0), backlog=2048)\nasync def main():"
    )
    .replace("import sys,", "import os, socket, sys,")
    .replace('web.TCPSite(runner, "127.0.0.1", 0)', "web.SockSite(runner, shared)")
    .replace('    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)\n', "")
    .replace(
        "with asyncio.Runner",
        'print(f"listening on http://127.0.0.1:{shared.getsockname()[1]}", flush=True)\n'
        "import ctypes, signal\n"
        "for _ in range(WORKERS - 1):\n"
        "    if os.fork() == 0:\n"
        "        ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"  # ends with its parent
        "        break\n"
        "with asyncio.Runner",
    )
)
MOCK_WORKERS = """
from mockserver.workers import serve
from mockserver.settings import Settings
settings = Settings(port=0, workers=WORKERS, redis='REDIS', secret=b'benchmark')
serve(settings, lambda mock, url: print('listening on ' + url, flush=True))
"""


class Servers(Server):
    """A server of several processes, and one that works for it."""

    def __init__(self, source: str, helper: int | None) -> None:
        super().__init__(source)
        self._helper = [helper] if helper else []

    def busy(self) -> float:
        """Seconds of processor time all of them have spent so far."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        pids = [self.process.pid, *map(int, children.split()), *self._helper]
        times = [Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0] for pid in pids]
        return sum(map(int, times)) / 1e9


def own_redis() -> tuple[subprocess.Popen[bytes], str]:
    """A Redis for the benchmark alone, and its URL."""
    beside = Path(sys.executable).with_name("redis-server")
    found = str(beside) if beside.exists() else shutil.which("redis-server")
    if found is None:
        sys.exit("no redis-server here: start a Redis and name it with --redis redis://127.0.0.1:6379/0")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([found, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    return process, f"redis://127.0.0.1:{port}/0"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis", metavar="URL")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="per server and round")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    redis, url = (None, options.redis) if options.redis else own_redis()
    numbers, rates, costs = count(), list[float](), list[float]()
    servers: list[Servers] = []
    try:
        for source in (BARE_WORKERS, MOCK_WORKERS):
            text = source.replace("WORKERS", str(options.workers)).replace("REDIS", url)
            servers.append(Servers(text, redis.pid if redis and source is MOCK_WORKERS else None))
            time.sleep(1)
            measured(servers[-1], options.connections, for_seconds(1, numbers))
        for turn in range(options.rounds):
            bare, mock = (measured(it, options.connections, for_seconds(options.seconds, numbers)) for it in servers)
            rates.append(mock.rate / bare.rate)
            costs.append(bare.cost / mock.cost)
            print(
                f"round {turn + 1}: bare {bare.rate:6.0f}/s {bare.cost * 1e6:4.0f} us   "
                f"mock {mock.rate:6.0f}/s {mock.cost * 1e6:4.0f} us   ratio {rates[-1]:.2f}, by time {costs[-1]:.2f}",
                flush=True,
            )
    finally:
        for server in servers:
            server.stop()
        if redis:
            redis.terminate()
            redis.wait()
    print(
        f"median ratio with {options.workers} workers: {statistics.median(rates):.2f} "
        f"({min(rates):.2f} to {max(rates):.2f}), {statistics.median(costs):.2f} by processor time"
    )


if __name__ == "__main__":
    main()
