"""Requests per second of the mock's validated generations POST, as a ratio to a bare aiohttp handler.

The servers are processes of their own on one event loop (uvloop), loaded in turn by the same client; every prompt is
another one, and every answer of the mock is validated in, validated out and journaled, and carries a picture's URL.
The bare handler belongs to a `web.Application`, as people write them. The mock itself runs on aiohttp's low-level
`web.Server`, which has no routes and signals to look at and is faster; a row says how much. A last row asks for the
same picture of 1024x1024 as base64 again and again, and compares with a handler that sends as many prepared bytes.
The client never sleeps and has its messages nearly ready, so that the server is what is measured: a slow client would
flatter the slower server, a sleeping one charges the server for waking it. Machines are noisy, so the figure to quote
is the median of the pairwise ratios; where other programs compete for the processor, the one by processor time.

    python benchmarks/throughput.py                      # the ratio
    python benchmarks/throughput.py --memory 1000000     # resident memory over a million different requests
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, cast

import uvloop

PROMPT = "A lighthouse built of books above a calm sea, evening light"
NUMBER = b"000000000"  # in a message, what makes its prompt another one
REQUEST = {"model": "dall-e-3", "prompt": PROMPT, "size": "1024x1024", "quality": "standard", "n": 1}

BARE = """
import sys, asyncio, uvloop
from aiohttp import web
BODY = b'{"created":1795249071,"data":[{"revised_prompt":"' + b'x' * 59 + b'","url":"http://127.0.0.1:43581/_imageproof/files/456ec2dee48ead8a5007568cae4ada26.png"}]}'
async def handle(request):
    await request.read()
    return web.Response(body=BODY, content_type="application/json")
async def main():
    app = web.Application()
    app.router.add_post("/v1/images/generations", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""
LOW = BARE.replace(
    "runner = web.AppRunner(app, access_log=None)", "runner = web.ServerRunner(web.Server(handle, access_log=None))"
)
MOCK = """
from mockserver.runner import serve
from mockserver.settings import Settings
serve(Settings(port=0), lambda mock, url: print('listening on ' + url, flush=True))
"""


class Server:
    """A server process; `port` is where it listens."""

    def __init__(self, source: str) -> None:
        root = Path(__file__).resolve().parent.parent
        self.process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, cwd=root)
        assert self.process.stdout is not None  # noqa: S101 - for the type checker: stdout is a pipe
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def busy(self) -> float:
        """Seconds of processor time spent so far."""
        nanoseconds = Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii").split()[0]
        return int(nanoseconds) / 1e9

    def resident(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(10)


def message(**more: Any) -> bytes:
    """One request as it goes over the wire."""
    body = json.dumps({**REQUEST, "prompt": f"{PROMPT} {NUMBER.decode()}", **more}).encode()
    head = (
        "POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-benchmark\r\n"
        f"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it is answered."""

    def __init__(self, next_message: Callable[[], bytes | None], done: asyncio.Future[None]) -> None:
        self._next, self._done = next_message, done
        self._buffer = b""
        self._missing = 0  # bytes of an answer that has begun
        self.answers = self.length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first time."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class, no subclass of it
        self._ask()

    def _ask(self) -> None:
        request = self._next()
        if request is None:
            self._transport.close()
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and ask again."""
        if self._missing:
            self._missing -= len(data)
            if not self._missing:
                self.answers += 1
                self._ask()
            return
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        self.length = length
        if not head.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(RuntimeError(self._buffer.decode(errors="replace")))
            self._transport.close()
            return
        self._buffer, self._missing = b"", length - len(body)
        if self._missing:
            return
        self.answers += 1
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        """Report that this connection is through."""
        if not self._done.done():
            self._done.set_result(None)


async def load(port: int, connections: int, next_message: Callable[[], bytes | None]) -> tuple[int, float]:
    """How many answers came in how many seconds, with as many connections, until `next_message` gives None."""
    loop = asyncio.get_running_loop()

    def stay_awake() -> None:
        loop.call_soon(stay_awake)

    stay_awake()
    began = time.perf_counter()
    clients, waits = [], []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        _, client = await loop.create_connection(lambda done=done: Client(next_message, done), "127.0.0.1", port)  # type: ignore[misc]
        clients.append(client)
        waits.append(done)
    await asyncio.gather(*waits)
    return sum(client.answers for client in clients), time.perf_counter() - began


def numbered(numbers: Iterable[int]) -> Callable[[], bytes | None]:
    """Requests with a prompt of their own each, as long as there are numbers."""
    before, after = message().split(NUMBER)
    requests = (before + b"%09d" % number + after for number in numbers)
    return lambda: next(requests, None)


def for_seconds(seconds: float, numbers: Iterable[int]) -> Callable[[], bytes | None]:
    """Such requests until the time is up."""
    until, following = time.perf_counter() + seconds, numbered(numbers)
    return lambda: following() if time.perf_counter() < until else None


class Speed(NamedTuple):
    """How fast a server was: answers per second, and seconds of its processor's time per answer."""

    rate: float
    cost: float


def embedded(seconds: float) -> Callable[[], bytes | None]:
    """Requests for one and the same picture as base64 until the time is up."""
    until, request = time.perf_counter() + seconds, message(response_format="b64_json")
    return lambda: request if time.perf_counter() < until else None


async def length_of(port: int, request: bytes) -> int:
    """How many bytes the body of an answer has."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    requests = iter([request])
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: Client(lambda: next(requests, None), done), "127.0.0.1", port
    )
    await done
    return client.length


def measured(server: Server, connections: int, next_message: Callable[[], bytes | None]) -> Speed:
    """Load a server and look at it before and after."""
    before = server.busy()
    answers, seconds = uvloop.run(load(server.port, connections, next_message))
    return Speed(answers / seconds, (server.busy() - before) / answers)


class Row(NamedTuple):
    """What is compared in one line of the table: names of servers, and what they are asked."""

    label: str
    server: str
    bare: str
    requests: Callable[[float], Callable[[], bytes | None]]


def compare(rounds: int, seconds: float, connections: int) -> None:
    """Measure the servers of each row in turn, round by round, and print a table of median ratios."""
    numbers = count()

    def different(seconds: float) -> Callable[[], bytes | None]:
        return for_seconds(seconds, numbers)

    servers = {"application": Server(BARE), "low-level": Server(LOW), "mock": Server(MOCK)}
    rows = [
        Row("mock, a URL each / handler of web.Application", "mock", "application", different),
        Row("mock, a URL each / handler of web.Server", "mock", "low-level", different),
        Row("handler of web.Server / handler of web.Application", "low-level", "application", different),
        Row("mock, one picture in base64 / handler of as many bytes", "mock", "bytes", embedded),
    ]
    found: dict[str, list[tuple[float, float]]] = {row.label: [] for row in rows}
    try:
        size = uvloop.run(length_of(servers["mock"].port, message(response_format="b64_json")))
        servers["bytes"] = Server(BARE.replace("async def handle", f"BODY = bytes({size})\nasync def handle"))
        for row in rows:
            for name in (row.server, row.bare):
                measured(servers[name], connections, row.requests(1))
        for turn in range(rounds):
            for row in rows:
                bare, mock = (
                    measured(servers[name], connections, row.requests(seconds)) for name in (row.bare, row.server)
                )
                found[row.label].append((mock.rate / bare.rate, bare.cost / mock.cost))
                print(
                    f"round {turn + 1}: {row.bare} {bare.rate:6.0f}/s {bare.cost * 1e6:4.0f} us   {row.server} "
                    f"{mock.rate:6.0f}/s {mock.cost * 1e6:4.0f} us   ratio {mock.rate / bare.rate:.2f}",
                    flush=True,
                )
    finally:
        for server in servers.values():
            server.stop()
    print(f"\n{'median ratios of':56} requests per second   processor time")
    for label, ratios in found.items():
        rate, cost = (statistics.median(column) for column in zip(*ratios, strict=True))
        print(f"{label:56} {rate:19.2f}   {cost:14.2f}")


def memory(requests: int, connections: int) -> None:
    """Resident memory of the mock while `requests` different prompts are asked."""
    server = Server(MOCK)
    step = max(requests // 10, 1)
    try:
        for done in range(0, requests, step):
            reached = min(done + step, requests)
            uvloop.run(load(server.port, connections, numbered(range(done, reached))))
            print(f"{reached:>9} requests: {server.resident():7.1f} MiB", flush=True)
    finally:
        server.stop()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="per server and round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--memory", type=int, metavar="REQUESTS", help="measure memory instead")
    options = parser.parse_args()
    if options.memory:
        memory(options.memory, options.connections)
    else:
        compare(options.rounds, options.seconds, options.connections)


if __name__ == "__main__":
    main()
