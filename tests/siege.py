"""A siege: hostile connections against one mock, and what must hold while it lasts.

python tests/siege.py --minutes 3            # `make fuzz`: every kind in turn, counts and the seed at the end
python tests/siege.py --minutes 3 --seed 7   # the same once more
python tests/siege.py --kind chunks          # one kind only
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import multiprocessing
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import hostile_bodies  # noqa: F401 - its kinds register themselves
import hypothesis
from conftest import CHEAP, GENERATIONS, Answer, ask
from hostile import KEY, KINDS, MAX_BODY, SECRET, Hostile
from hypothesis import strategies as st

from mockserver.runner import MockServer
from mockserver.settings import MEBIBYTE, Settings

BOUND = 10.0
"""Seconds within which an answer, or the end of the connection, must come."""
PATIENCE = 1.0
"""Seconds after which a client takes the server to wait for more, and says that no more will come."""
GROWTH = {"descriptors": 12, "threads": 12, "tasks": 8, "MiB": 200, "MiB at most": 700}
"""How much more than at the start a server may hold once everybody has gone; its stores are bounded at 8 MiB each."""
_NEXT = 0.1  # seconds that a further answer may take
_AT_ONCE = 8
_TELLING = (b"Traceback", b'File "', b"exception")
_TELLING_LOG = ("Traceback", 'File "', "exception", "failed", "never retrieved", "was never awaited")
_CONNECTION_RESET = struct.pack("ii", 1, 0)


class Harmed(AssertionError):
    """The server did what it must never do."""


class Siege:
    """A mock in a process of its own, besieged; use it as a context."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.counts: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._process.start()
        self.port: int = self._line.recv()
        for _ in range(3):
            self._still_serves()
        self._start = self._look().holds
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()
        self._process.join(BOUND)
        self._process.kill()

    def stand(self, kind: str, connections: Sequence[Hostile]) -> None:
        """Let some connections of a kind come at once. Raises Harmed."""
        answers = asyncio.run(_besiege(self.port, connections, self._patience))
        for hostile, (took, received) in zip(connections, answers, strict=True):
            self.slowest[kind] = max(self.slowest.get(kind, 0.0), took)
            self.counts[f"{kind}: connections"] += 1
            if took > BOUND:
                raise Harmed(f"neither answered nor closed within {BOUND:g} s: {hostile!r}")
            if not received:
                self.counts[f"{kind}: no answer"] += 1
            for answer in answers_in(received, hostile):
                self.counts[f"{kind}: {answer.status}"] += 1
                check(answer, hostile)
            secret_free(received, "an answer")
        self._still_serves()
        log = "\n".join(self._look().log)
        if any(word in log for word in _TELLING_LOG):
            raise Harmed(f"the log tells of a failure: {log[-3000:]}, after {connections!r}")
        secret_free(log.encode(), "the log")

    def _still_serves(self) -> None:
        answer = ask(f"http://127.0.0.1:{self.port}{GENERATIONS}", {**CHEAP, "response_format": "url"}, key=KEY)
        if answer.status != 200 or not ask(answer.json["data"][0]["url"], key=None).body.startswith(b"\x89PNG"):
            raise Harmed(f"a good request is answered {answer.status}: {answer.body[:300]!r}")

    def _look(self) -> Look:
        if not self._process.is_alive():
            raise Harmed(f"the server has died: {self._process.exitcode}")
        self._line.send(None)
        if not self._line.poll(BOUND):
            raise Harmed(f"the server's process has not moved for {BOUND:g} s")
        look: Look = self._line.recv()
        return look

    def grown(self, within: float = BOUND) -> dict[str, int]:
        """How much more is held than at the start, once everybody has gone. Raises Harmed when it is too much."""
        until = time.monotonic() + within
        while True:
            now = self._look().holds
            grown = {name: now[name] - self._start[name] for name in now}
            if all(grown[name] <= GROWTH[name] for name in grown):
                return grown
            if time.monotonic() > until:
                raise Harmed(f"it holds too much after everybody has gone: {grown}, at most {GROWTH}")
            time.sleep(0.1)


# --- the besieged -----------------------------------------------------------------------------------


class Look(NamedTuple):
    """What can be seen of the server from inside: what it holds, and what was logged since the last look."""

    holds: dict[str, int]
    log: list[str]


def _serve(line: Connection) -> None:
    """The besieged process: serve, and tell about it as often as somebody asks."""
    store = 8 * MEBIBYTE
    told: list[str] = []
    logging.getLogger().addHandler(_Log(told))
    settings = Settings(
        port=0, api_key=KEY, secret=SECRET, max_body=MAX_BODY, task_polls=2, picture_cache=store, blob_store=store,
        task_store=store, journal_store=store,
    )  # fmt: skip
    with MockServer(settings) as server:
        line.send(server.port)
        with contextlib.suppress(EOFError):
            while True:
                line.recv()
                look = Look(_holds(server), told.copy())
                told.clear()
                line.send(look)


def _holds(server: MockServer) -> dict[str, int]:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    assert server._loop is not None
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks(server._loop)),
        "MiB": int(status.split("VmRSS:")[1].split()[0]) // 1024,
        "MiB at most": int(status.split("VmHWM:")[1].split()[0]) // 1024,
    }


class _Log(logging.Handler):
    """Everything any logger says, as lines of text with their tracebacks."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(f"{record.name}: {logging.Formatter().format(record)}")


# --- the client -------------------------------------------------------------------------------------


async def _besiege(port: int, connections: Sequence[Hostile], patience: float) -> list[tuple[float, bytes]]:
    return await asyncio.gather(*(_connection(port, hostile, patience) for hostile in connections))


async def _connection(port: int, hostile: Hostile, patience: float) -> tuple[float, bytes]:
    """Seconds it took from the last byte sent, and what was received."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    received = bytearray()
    reading = asyncio.create_task(_read(reader, received, hostile))
    with contextlib.suppress(ConnectionError, TimeoutError):  # it may refuse to listen; its answer is seen below
        await asyncio.wait_for(_send(writer, hostile, reading), BOUND)
    began = time.perf_counter()
    try:
        if hostile.ending == "abort":
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CONNECTION_RESET)
            writer.transport.abort()
        elif hostile.ending != "deaf":
            patience = 0.0 if hostile.ending == "half-close" else patience
            await asyncio.wait([reading], timeout=patience)
            if not reading.done():
                _end_sending(writer)
            await asyncio.wait([reading], timeout=BOUND - patience)
            if not reading.done():
                return BOUND + 1, bytes(received)
    finally:
        reading.cancel()
        writer.close()
    return time.perf_counter() - began, bytes(received)


def _end_sending(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # gone already
        writer.write_eof()


async def _send(writer: asyncio.StreamWriter, hostile: Hostile, reading: asyncio.Task[None]) -> None:
    step = hostile.step or len(hostile.sent) or 1
    for at in range(0, len(hostile.sent), step):
        writer.write(hostile.sent[at : at + step])
        await writer.drain()
        if hostile.pause:
            await asyncio.sleep(hostile.pause)
            if reading.done():
                return


async def _read(reader: asyncio.StreamReader, received: bytearray, hostile: Hostile) -> None:
    """Read until as many answers are there as there can be, none follows soon, or the connection ends."""
    found = 0
    with contextlib.suppress(ConnectionError, TimeoutError):
        while data := await asyncio.wait_for(reader.read(2**16), _NEXT if found else None):
            received += data
            found = len(list(answers_in(bytes(received), hostile)))
            if found >= hostile.answers:
                return


# --- what came back ---------------------------------------------------------------------------------


def answers_in(received: bytes, hostile: Hostile) -> Iterator[Answer]:
    """The whole answers in what was received; the last one may be cut."""
    rest = received
    while True:
        top, separator, rest = rest.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = top.decode("latin-1").split("\r\n")
        if not first.startswith("HTTP/"):
            raise Harmed(f"no answer: {first[:200]!r} to {hostile!r}")
        status = int(first.split(" ")[1])
        headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
        if status < 200:
            continue
        if hostile.bodiless or status in (204, 304):
            body, whole = b"", True
            if hostile.bodiless and not rest.startswith(b"HTTP/"):
                rest = b""  # a body nobody asked for, or one that was asked for by another method
        elif "chunked" in headers.get("transfer-encoding", ""):
            body, rest, whole = _dechunked(rest)
        else:
            size = int(headers.get("content-length", len(rest)))
            body, rest, whole = rest[:size], rest[size:], len(rest) >= size
        if not whole:
            return
        yield Answer(status, headers, body)


def _dechunked(rest: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        size, separator, after = rest.partition(b"\r\n")
        if not separator:
            return body, b"", False
        length = int(size, 16)
        body, rest = body + after[:length], after[length + 2 :]
        if length == 0:
            return body, rest, True


def check(answer: Answer, hostile: Hostile) -> None:
    """An answer is never a failure, and an error is one of the documented ones. Raises Harmed."""

    def harmed(what: str) -> Harmed:
        return Harmed(f"{what}: {answer.status} {answer.headers} {answer.body[:400]!r} to {hostile!r}")

    if hostile.wanted:
        return
    if answer.status >= 500:
        raise harmed("a failure nobody asked for")
    if any(word in answer.body for word in _TELLING):
        raise harmed("an answer tells what is inside")
    if answer.status < 400 or hostile.bodiless:
        return
    media = answer.headers.get("content-type", "")
    if media.startswith("application/json"):
        if not _is_documented(json.loads(answer.body)):
            raise harmed("an error that is not documented")
        if not answer.headers.get("x-request-id"):
            raise harmed("an error without a request id")
    elif not (
        media.startswith("application/xml")  # a file's
        or (answer.status == 400 and media.startswith("text/plain"))  # what is no HTTP
        or (answer.status == 404 and not answer.body)  # an unknown path's
    ):
        raise harmed("an error of an unknown kind")


_ENVELOPES = ({"message", "type", "param", "code"}, {"message", "where", "expected"})


def _is_documented(body: Any) -> bool:
    """Whether an error has one of the shapes of the contract or of the control API."""
    if set(body) == {"code", "message", "data"}:
        return bool(body["message"])
    error = body.get("error")
    return set(body) == {"error"} and set(error) in _ENVELOPES and bool(error["message"])


def secret_free(text: bytes, where: str) -> None:
    """No secret is in there, whole or most of it. Raises Harmed."""
    for secret in (KEY.encode()[3:], SECRET):
        if secret in text or secret[:12] in text:
            raise Harmed(f"{where} tells a secret: {text[-2000:]!r}")


# --- from the command line --------------------------------------------------------------------------


def turn(siege: Siege, kind: str, seed: int, examples: int) -> None:
    """Examples of one kind, drawn from a seed, as many at once as clients usually open. Raises Harmed."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.lists(KINDS[kind], min_size=_AT_ONCE // 2, max_size=_AT_ONCE))
    def stands(connections: list[Hostile]) -> None:
        siege.stand(kind, connections)

    stands()


def main() -> int:
    """Besiege a mock for some minutes; 1 when it was harmed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument(
        "--kind", choices=sorted(KINDS), action="append", help="may be given several times; default: all"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    until, harms, number = time.monotonic() + 60 * options.minutes, 0, options.seed
    with Siege() as siege:
        while time.monotonic() < until:
            for kind in options.kind or KINDS:
                number += 1
                try:
                    turn(siege, kind, number, 15)
                    siege.grown()
                except Harmed as error:
                    harms += 1
                    print(f"{kind}, seed {number}: {error}", flush=True)
                if time.monotonic() > until:
                    break
        grown = siege.grown(60)
    for name, count in sorted(siege.counts.items()):
        print(f"{count:>8} {name}")
    print("slowest:", ", ".join(f"{kind} {took:.2f} s" for kind, took in siege.slowest.items()))
    print(f"grown {grown}, seed {options.seed}, harmed {harms} times")
    return 1 if harms else 0


if __name__ == "__main__":
    sys.exit(main())
