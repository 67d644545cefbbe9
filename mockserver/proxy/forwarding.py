"""The proxy as a server: each request goes on at once, its answer comes back at once; what passes is judged, kept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from mockserver.connection import AtOnce
from mockserver.intake import invite_body
from mockserver.proxy.judging import Headers, Judge, readable, request_of, response_of
from mockserver.proxy.passage import HEADER, Passage, brief, header_text
from mockserver.proxy.upstream import Copy, Trouble, Upload, Upstream
from mockserver.relay import AsItCame, end_to_end, explained
from mockserver.settings import MEBIBYTE
from mockserver.wire import cut_off
from spec.messages import Request, is_json, media_type
from spec.profiles import PLAIN, Profile
from spec.recordings.blobs import Blobs
from spec.recordings.redactor import Redactor
from spec.recordings.secrets import secrets_in, secrets_of
from spec.recordings.writing import Recording
from spec.violations import Violation

log = logging.getLogger("imageproof.proxy")
ERROR_HEADER = "imageproof-proxy-error"
_MOST_WAITING = 512 * MEBIBYTE
_LEFT = "the caller went away before the end; the request upstream was given up"
_NO_FORWARD_PROXY = (
    "this proxy is a base URL of its provider, no HTTP proxy for any host: leave it out of HTTP_PROXY and HTTPS_PROXY"
)


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """How a proxy is set up. `upstream` is the root of a provider; `silence` how many seconds it may send nothing.

    A JSON document is held back for up to `held` seconds, so that its head can say what is wrong with it; what takes
    longer goes on as it comes. Bodies of more than `max_body` bytes pass, but are neither judged nor recorded.
    """

    upstream: str
    record_to: Path | None = None
    host: str = "127.0.0.1"
    port: int = 4011
    profile: Profile = PLAIN
    contracts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    silence: float = 600.0
    held: float = 2.0
    max_body: int = 64 * MEBIBYTE
    recorded_bytes: int = 4096 * MEBIBYTE


class Proxy:
    """Stands before a provider. `told` hears of every exchange when it has ended."""

    #: the request upstream ends with the caller's; an encoded body is passed on as it is
    at_once = AtOnce()
    server_options: Mapping[str, Any] = {"handler_cancellation": True, "auto_decompress": False}

    def __init__(self, settings: ProxySettings, told: Callable[[Passage], None] = lambda _: None) -> None:
        self.settings = settings
        self.told = told
        self.judge = Judge(settings.profile.contracts(settings.contracts, settings.models))
        self.redact = Redactor()
        self.recording: Recording | None = None
        if (path := settings.record_to) is not None:
            blobs = Blobs(path.with_suffix(".files"))
            self.recording = Recording(path, self.redact, settings.max_body, settings.recorded_bytes, blobs)
        # Threads of their own: nobody who looks up an address waits for them, and exchanges are kept in order.
        self.judging = ThreadPoolExecutor(1, "imageproof-judge")
        self.keeping = ThreadPoolExecutor(1, "imageproof-keep")
        self.waiting = 0  # bytes of bodies that are still to be recorded
        self._after: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Begin, in the loop that serves."""
        self.upstream = Upstream(self.settings.upstream, self.settings.silence)

    async def close(self) -> None:
        """End; what has passed is judged and written first."""
        await asyncio.gather(*self._after, return_exceptions=True)
        await self.upstream.close()
        self.judging.shutdown()
        self.keeping.shutdown()
        if self.recording is not None:
            self.recording.close()

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Pass one request on, and its answer back."""
        passing = _Passing(self, http)
        try:
            return await passing.pass_on()
        except Trouble as trouble:
            return passing.refused(trouble)
        except (asyncio.CancelledError, ConnectionError):
            passing.ended(_LEFT)
            raise
        except Exception:
            log.exception("%s failed", http.method)
            return passing.refused(Trouble(500, "the proxy failed; its log says why"))

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """What goes on whether or not the caller stays."""
        task = asyncio.create_task(work)
        self._after.add(task)
        task.add_done_callback(self._after.discard)


class _Passing:
    """One request on its way, and its answer."""

    def __init__(self, proxy: Proxy, http: web.BaseRequest) -> None:
        self._proxy, self._http = proxy, http
        self._place = None if http.method == "HEAD" else proxy.judge.place(http.method, http.rel_url)
        self._upload = Upload(http, proxy.settings.max_body)
        self._download = Copy(proxy.settings.max_body)
        self._began = time.perf_counter()
        self._verdict: asyncio.Task[list[str]] | None = None
        self._bodies: dict[str, bytes | None] = {}
        self._secrets: list[str] = []
        self._learn(secrets_of(http.headers.items(), http.query.items()))
        self._request: Request | None = None
        self._begun = self._over = False
        operation = self._place.operation.id if self._place else ""
        self._passage = Passage(time.time(), http.method, proxy.redact.url(http.raw_path), operation)

    async def pass_on(self) -> web.StreamResponse:
        """The answer, once all of it has been sent. Raises Trouble; ConnectionError where the caller has gone."""
        if not self._http.raw_path.startswith("/"):
            raise Trouble(400, _NO_FORWARD_PROXY)
        if "expect" in self._http.headers:
            await invite_body(self._http, sys.maxsize)
        self._verdict = asyncio.create_task(self._judge_request())
        with self._watched():
            answer = await self._proxy.upstream.send(self._http, self._upload)
        try:
            return await self._pass_back(answer)
        finally:
            answer.close()

    async def _pass_back(self, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        self._passage.status = answer.status
        held: list[bytes] = []
        whole = is_json(media_type(answer.headers.get("content-type", ""))) and await self._hold(answer, held)
        violations = await self._judge_answer(answer) if whole else None
        headers = end_to_end(answer.headers)
        headers[HEADER] = await self._header(violations)
        response = AsItCame(status=answer.status, reason=answer.reason, headers=headers)
        await response.prepare(self._http)
        self._begun = True
        for part in held:
            await response.write(part)
        while not whole and (part := await self._part(answer)):
            await response.write(part)
        self._over = True
        self._proxy.in_background(self._keep(answer, violations))
        await response.write_eof()
        return response

    async def _hold(self, answer: aiohttp.ClientResponse, held: list[bytes]) -> bool:
        """Wait a little for the end of a document, so that its head can say what is wrong with it; whether it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._proxy.settings.held):
                while self._download.size <= self._proxy.settings.max_body:
                    if not (part := await self._part(answer)):
                        return True
                    held.append(part)
        return False

    async def _part(self, answer: aiohttp.ClientResponse) -> bytes:
        """What has come of the body; nothing at its end. Raises Trouble."""
        with self._watched():
            part: bytes = await answer.content.readany()
        self._download.add(part)
        return part

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """What goes wrong upstream in here is told as Trouble."""
        try:
            yield
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            received = self._download.size if self._passage.status else None
            raise self._proxy.upstream.trouble(error, self._upload, received) from error

    async def _header(self, violations: list[str] | None) -> str:
        if self._place is None:
            return f"not judged; no operation of the contract is {self._http.method} here"
        await self._request_judged()
        self._passage.answer = violations or []
        return header_text(self._passage.violations, "the answer's are in the log" if violations is None else "")

    async def _judge_request(self) -> list[str]:
        """What is wrong with the request, once it has come to its end."""
        await self._upload.ended.wait()
        place, http = self._place, self._http
        body = self._readable(self._upload.copy, http.headers, "request")
        if place is None or body is None:
            return []
        self._request = request_of(place, http.method, http.rel_url, http.headers, body)
        return await self._told(self._proxy.judge.request, place, self._request)

    async def _judge_answer(self, answer: aiohttp.ClientResponse) -> list[str]:
        """What is wrong with an answer that has come to its end."""
        await self._request_judged()
        body = self._readable(self._download, answer.headers, "answer")
        if self._place is None or self._request is None or body is None:
            return []
        response = response_of(answer.status, answer.headers, body)
        return await self._told(self._proxy.judge.answer, self._place, self._request, response)

    async def _request_judged(self) -> None:
        if self._verdict is not None and self._upload.ended.is_set():
            self._passage.request = await self._verdict

    async def _told(self, judge: Callable[..., list[Violation]], *message: Any) -> list[str]:
        """Violations as texts without secrets."""
        proxy = self._proxy
        return await asyncio.get_running_loop().run_in_executor(
            proxy.judging, lambda: [proxy.redact.text(str(violation)) for violation in judge(*message)]
        )

    def _learn(self, secrets: Iterable[str]) -> None:
        """Secrets of this exchange, which others may repeat."""
        told = list(secrets)
        self._secrets += told
        self._proxy.redact.learn(told)

    def _readable(self, copy: Copy, headers: Headers, name: str) -> bytes | None:
        """A body as it is judged and kept; None, and a note, where it cannot be read. Its secrets are known then."""
        if name in self._bodies:
            return self._bodies[name]
        most = self._proxy.settings.max_body
        body = None if copy.data is None else readable(copy.data, headers, most)
        if body is None:
            why = f"longer than {most:,} bytes, or its Content-Encoding cannot be read"
            self._passage.note = f"the {name}'s body was neither judged nor kept: it is {why}"
        else:
            self._learn(secrets_in(body))
        self._bodies[name] = body
        return body

    async def _keep(self, answer: aiohttp.ClientResponse, violations: list[str] | None) -> None:
        """Judge what was not judged yet, record the exchange and tell of it."""
        passage, proxy = self._passage, self._proxy
        passage.seconds = time.perf_counter() - self._began
        try:
            if self._upload.ended.is_set():
                await self._request_judged()
                passage.answer = await self._judge_answer(answer) if violations is None else violations
                if (recording := proxy.recording) is not None:
                    await self._recorded(recording, answer)
            else:
                self._give_up()
                passage.note = "answered before the request had come to its end: neither judged nor recorded"
        except OSError as error:
            passage.note = f"not recorded: {error.strerror or error}"
        except Exception:
            log.exception("%s could not be judged or recorded", passage.method)
            passage.note = "not judged or not recorded: the proxy failed; its log says why"
        proxy.told(passage)

    async def _recorded(self, recording: Recording, answer: aiohttp.ClientResponse) -> None:
        """Record the exchange when its turn comes, unless too much waits for its own already."""
        proxy, size = self._proxy, self._upload.copy.size + self._download.size
        if proxy.waiting and proxy.waiting + size > _MOST_WAITING:
            self._passage.note = f"not recorded: {proxy.waiting:,} bytes of others wait to be written already"
            return
        proxy.waiting += size
        try:
            await asyncio.get_running_loop().run_in_executor(proxy.keeping, self._record, recording, answer)
        finally:
            proxy.waiting -= size
        self._passage.recorded = True

    def _record(self, recording: Recording, answer: aiohttp.ClientResponse) -> None:
        proxy, http = self._proxy, self._http
        sent = self._readable(self._upload.copy, http.headers, "request")
        came = self._readable(self._download, answer.headers, "answer")
        if self._place is not None and came is not None:
            self._learn(proxy.judge.secrets(self._place, response_of(answer.status, answer.headers, came)))
        recording.add(
            self._passage.at,
            self._passage.seconds,
            (http.method, str(proxy.upstream.url(http)), http.headers, sent),
            (answer.status, answer.headers, came),
            reason=answer.reason,
            # What an answer's head hands out, cookies above all, is new each time: it is not remembered.
            secrets=[*self._secrets, *secrets_of(answer.headers.items())],
        )

    def refused(self, trouble: Trouble) -> web.StreamResponse:
        """What the caller gets in place of an answer; an answer that has begun is broken off as upstream broke it."""
        self.ended(str(trouble))
        if self._begun:
            return cut_off(self._http)
        return explained(trouble.status, f"imageproof proxy: {trouble}", {ERROR_HEADER: brief(str(trouble))})

    def ended(self, trouble: str) -> None:
        """The exchange has come to no good end: tell of it, record nothing."""
        self._give_up()
        if not self._over:
            self._over = True
            self._passage.trouble = trouble
            self._passage.seconds = time.perf_counter() - self._began
            self._proxy.told(self._passage)

    def _give_up(self) -> None:
        if self._verdict is not None:
            self._verdict.cancel()
