"""The official Python client, called the same way whether it is the plain or the asynchronous one."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import openai

from mockserver.journal import Entry
from mockserver.runner import MockServer

KEY = "sk-imageproof"
NOTICED_SECONDS = 5.0


def journal_of(server: MockServer, least: int) -> list[Entry]:
    """A server's journal once it has `least` entries: that a caller went away is noticed a moment later."""
    until = time.monotonic() + NOTICED_SECONDS
    while len(server.journal) < least and time.monotonic() < until:
        time.sleep(0.02)
    return server.journal


class Sdk:
    """One flavour of the client, `plain` or `asynchronous`, pointed at a server; close() ends it.

    `done` gives the result of a call, awaited where it has to be; `images` are the image methods of a client that
    retries nothing.
    """

    def __init__(self, flavour: str, base_url: str) -> None:
        self._kind: Any = {"plain": openai.OpenAI, "asynchronous": openai.AsyncOpenAI}[flavour]
        self._http: Any = {"plain": openai.DefaultHttpxClient, "asynchronous": openai.DefaultAsyncHttpxClient}[flavour]
        self._is_async = flavour == "asynchronous"
        self._runner = asyncio.Runner()
        self.client = self._kind(base_url=base_url, api_key=KEY, max_retries=0)
        self._clients: list[Any] = [self.client]
        self.images = self.client.images

    def connected(self, *, sent: list[Any] | None = None, **options: Any) -> Any:
        """Another client; every request it puts on the wire and every answer's head are added to `sent`."""
        if sent is not None:
            hooks = [self._recorder(sent)]
            options["http_client"] = self._http(event_hooks={"request": hooks, "response": hooks})
        client = self.client.with_options(**options)
        if sent is not None:
            self._clients.append(client)
        return client

    def _recorder(self, sent: list[Any]) -> Callable[[Any], Any]:
        async def record(message: Any) -> None:
            sent.append(message)

        return record if self._is_async else sent.append

    def done(self, result: Any) -> Any:
        """What a call gives."""
        if not inspect.isawaitable(result):
            return result

        async def awaited() -> Any:
            return await result

        return self._runner.run(awaited())

    def all_of(self, items: Any) -> list[Any]:
        """Everything a stream or a list of pages yields."""
        if not hasattr(items, "__aiter__"):
            return list(items)

        async def collected() -> list[Any]:
            return [item async for item in items]

        return self._runner.run(collected())

    def next(self, stream: Any) -> Any:
        """The next event of a stream."""
        return self.done(anext(stream)) if hasattr(stream, "__anext__") else next(stream)

    @contextmanager
    def within(self, manager: Any) -> Iterator[Any]:
        """Inside one of the client's context managers."""
        if not hasattr(manager, "__aenter__"):
            with manager as value:
                yield value
            return
        value = self.done(manager.__aenter__())
        try:
            yield value
        finally:
            self.done(manager.__aexit__(None, None, None))

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """The results of calls made at the same time; an exception is the result of a call that raises."""
        if not self._is_async:
            with ThreadPoolExecutor(len(calls)) as pool:
                return [future.exception() or future.result() for future in [pool.submit(call) for call in calls]]

        async def gathered() -> list[Any]:
            return await asyncio.gather(*(call() for call in calls), return_exceptions=True)

        return self._runner.run(gathered())

    def close(self) -> None:
        """Close every client and the event loop."""
        for client in self._clients:
            self.done(client.close())
        self._runner.close()
