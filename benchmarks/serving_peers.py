"""The mock next to other servers that validate by an OpenAPI document: processor time per answered request.

Every peer gets a small document of the same request and answer, which none of them can fail to understand; the mock has
its whole contract with all its rules. A peer that is not installed is named and left out. Measured as in throughput.py.

    python benchmarks/serving_peers.py
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from throughput import BARE, MOCK, Server, Speed, for_seconds, measured

NODE = Path(__file__).resolve().parent / "node"
ANSWER = {"created": 1795249071, "data": [{"revised_prompt": "x" * 59, "url": "http://127.0.0.1/a.png"}]}
TEXT = {"type": "string"}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "One operation", "version": "1"},
    "paths": {
        "/v1/images/generations": {
            "post": {
                "operationId": "createImage",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["model", "prompt"],
                                "additionalProperties": False,
                                "properties": {
                                    "model": {"type": "string", "enum": ["dall-e-2", "dall-e-3"]},
                                    "prompt": {"type": "string", "minLength": 1, "maxLength": 4000},
                                    "size": {"type": "string", "enum": ["1024x1024", "1792x1024", "1024x1792"]},
                                    "quality": {"type": "string", "enum": ["standard", "hd"]},
                                    "n": {"type": "integer", "minimum": 1, "maximum": 1},
                                },
                            }
                        }
                    },
                },
                "responses": {
                    "200": {
                        "description": "Pictures",
                        "content": {
                            "application/json": {
                                "example": ANSWER,
                                "schema": {
                                    "type": "object",
                                    "required": ["created", "data"],
                                    "properties": {
                                        "created": {"type": "integer"},
                                        "data": {
                                            "type": "array",
                                            "items": {
                                                "type": "object",
                                                "properties": {"url": TEXT, "revised_prompt": TEXT},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    }
                },
            }
        }
    },
}
CORE = (
    BARE.replace(
        "async def handle(request):\n    await request.read()\n    return web.Response(body=BODY,",
        f"""import json
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
OPENAPI = OpenAPI.from_dict(json.loads({json.dumps(DOCUMENT)!r}))
BODY = json.dumps({ANSWER!r}).encode()
async def handle(http):
    request = MockRequest("http://127.0.0.1", "post", "/v1/images/generations", data=await http.read())
    OPENAPI.validate_request(request)
    OPENAPI.validate_response(request, MockResponse(BODY, content_type="application/json"))
    return web.Response(body=BODY,""",
    )
)  # fmt: skip


class Program(Server):
    """A server that is a program of its own, listening on a port it is told or tells."""

    def __init__(self, command: list[str], port: int = 0) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if not port:
            assert self.process.stdout is not None  # noqa: S101 - for the type checker: stdout is a pipe
            port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.port = port
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.2)
            else:
                return
        self.stop()
        raise RuntimeError(f"{command[0]} does not listen within a minute")

    def busy(self) -> float:
        """Seconds of processor time of all its threads so far."""
        told = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def prism(document: str) -> Program | None:
    """Prism, which answers with the document's example."""
    program = shutil.which("prism") or shutil.which("prism", path=NODE / "node_modules" / ".bin")
    if program is None:
        return None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Program([program, "mock", "--multiprocess", "false", "-v", "error", "-p", str(port), document], port)


def backend(document: str) -> Program | None:
    """openapi-backend, with validation both ways switched on."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "openapi-backend").is_dir():
        return None
    return Program([node, str(NODE / "backend.cjs"), document])


PEERS = {"Prism": prism, "openapi-backend": backend}


@contextmanager
def servers() -> Iterator[dict[str, Server]]:
    """Every server that is installed, by name."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "one-operation.json"
        document.write_text(json.dumps(DOCUMENT), encoding="utf-8")
        found: dict[str, Server] = {}
        for name, source in (("bare handler", BARE), ("imageproof", MOCK), ("openapi-core", CORE)):
            found[name] = Server(source)
            stack.callback(found[name].stop)
        for name, start in PEERS.items():
            program = start(str(document))
            if program is None:
                print(f"{name}: not installed, left out", file=sys.stderr)
            else:
                stack.callback(program.stop)
                found[name] = program
        yield found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="per server and round")
    options = parser.parse_args()
    numbers, told = count(), dict[str, list[Speed]]()
    print("WireMock: needs Java and is installed by hand, left out", file=sys.stderr)
    with servers() as running:
        for _ in range(options.rounds + 1):
            for name, server in running.items():
                found = measured(server, 8, for_seconds(options.seconds, numbers))
                told.setdefault(name, []).append(found)
    bare = statistics.median(speed.cost for speed in told["bare handler"][1:])
    print(f"\n{'valid POST':24} us of processor per answer   bare handler = 1")
    for name, speeds in told.items():
        cost = statistics.median(speed.cost for speed in speeds[1:])
        print(f"{name:24} {cost * 1e6:28.0f}   {bare / cost:16.2f}")


if __name__ == "__main__":
    main()
