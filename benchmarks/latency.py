"""How long cheap requests wait while pictures are drawn, and what an edit of a large picture costs.

Cheap requests, whose answers are a URL, are sent one after the other by a client of their own process, first to an idle
server, then while other connections make it draw pictures of 1024x1024 without a pause. The edit uploads a picture of
about 4 MB as a form; its processor time is compared with decoding that picture and encoding the answer, nothing else.

    python benchmarks/latency.py
"""

from __future__ import annotations

import argparse
import io
import os
import socket
import statistics
import threading
import time
from itertools import count

from PIL import Image
from throughput import MOCK, NUMBER, Server, message

from mockserver.png import png

EDGE = 1180  # pixels of noise, which no encoder makes smaller: 4 MB


class Caller:
    """One keep-alive connection, asked by blocking calls."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> float:
        """Seconds until the whole answer is there. Raises RuntimeError for any status but 200."""
        began = time.perf_counter()
        self._wire.sendall(request)
        found = b""
        while b"\r\n\r\n" not in found:
            found += self._wire.recv(65536)
        head, _, body = found.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(found.decode(errors="replace")[:1000])
        missing = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]) - len(body)
        while missing:
            missing -= len(self._wire.recv(min(missing, 1 << 20)))
        return time.perf_counter() - began


def numbered(request: bytes, number: int) -> bytes:
    """The request with a prompt of its own."""
    return request.replace(NUMBER, b"%09d" % number)


def waits(port: int, requests: int, numbers: count[int]) -> list[float]:
    """Seconds that cheap requests took, one after the other, the quickest first."""
    caller, request = Caller(port), message()
    return sorted(caller.ask(numbered(request, next(numbers))) for _ in range(requests))


def drawing(port: int, stop: threading.Event, numbers: count[int], drawn: list[float]) -> None:
    """Ask for pictures that nobody has asked for until told to stop."""
    caller, request = Caller(port), message(response_format="b64_json")
    while not stop.is_set():
        drawn.append(caller.ask(numbered(request, next(numbers))))


def percentile(found: list[float], percent: float) -> float:
    """Milliseconds that so many of the sorted waits stay below."""
    return found[min(int(len(found) * percent / 100), len(found) - 1)] * 1000


def beside_drawing(server: Server, requests: int, painters: int) -> None:
    """Print how long cheap requests wait, idle and beside so many connections that have pictures drawn."""
    numbers = count()
    waits(server.port, requests // 10, numbers)
    idle = waits(server.port, requests, numbers)
    stop, drawn = threading.Event(), list[float]()
    threads = [threading.Thread(target=drawing, args=(server.port, stop, numbers, drawn)) for _ in range(painters)]
    for thread in threads:
        thread.start()
    busy = waits(server.port, requests, numbers)
    stop.set()
    for thread in threads:
        thread.join()
    print(f"cheap requests: idle p50 {percentile(idle, 50):.2f} ms, p99 {percentile(idle, 99):.2f} ms")
    print(
        f"while {len(drawn)} pictures are drawn for {painters} connections: p50 {percentile(busy, 50):.2f} ms, "
        f"p99 {percentile(busy, 99):.2f} ms, {percentile(busy, 99) / percentile(idle, 99):.1f} times as long"
    )


def form(picture: bytes, number: int) -> bytes:
    """An edit of a picture as a form."""
    fields = {"model": "gpt-image-1", "prompt": f"a calmer sea {number:09d}", "size": "1024x1024"}
    parts = "".join(
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    )
    file = '--edge\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    body = parts.encode() + file.encode() + picture + b"\r\n--edge--\r\n"
    head = (
        "POST /v1/images/edits HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-benchmark\r\n"
        f"Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def edits(server: Server, times: int) -> None:
    """Print what edits of a picture of 4 MB cost the server, and what decoding and encoding cost alone."""
    caller, costs, alone = Caller(server.port), [], []
    for number in range(times):
        noise = Image.frombytes("RGB", (EDGE, EDGE), os.urandom(EDGE * EDGE * 3))
        buffer = io.BytesIO()
        noise.save(buffer, "PNG", compress_level=1)
        before = server.busy()
        caller.ask(form(buffer.getvalue(), number))
        costs.append(server.busy() - before)
        began = time.process_time()
        with Image.open(buffer) as picture:
            png(picture.convert("RGB").resize((1024, 1024)))
        alone.append(time.process_time() - began)
    cost, least = statistics.median(costs) * 1000, statistics.median(alone) * 1000
    size = len(buffer.getvalue()) / 1e6
    print(
        f"an edit of a picture of {size:.1f} MB as a form: {cost:.0f} ms of processor time; decoding it, scaling it "
        f"and encoding the answer alone: {least:.0f} ms"
    )


class Whole(Server):
    """A server whose threads all count."""

    def busy(self) -> float:
        """Seconds of processor time spent so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - no path to build on
            told = file.read().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000, help="cheap ones, each time")
    parser.add_argument("--painters", type=int, default=2, help="connections that have pictures drawn")
    parser.add_argument("--edits", type=int, default=10)
    options = parser.parse_args()
    server = Whole(MOCK)
    try:
        beside_drawing(server, options.requests, options.painters)
        edits(server, options.edits)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
