"""The provider under test: sends cases, counts what they cost, keeps what came back. Keys never leave this module.

Synchronous, because Hypothesis and pytest are; one aiohttp session on a loop of its own does the work.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from contract_tests.budget import Ledger
from contract_tests.cases import KEY, Case
from contract_tests.exchange import Exchange
from contract_tests.secrets import Redactor
from contract_tests.seen import Seen, decode_base64, look, unreachable
from spec.contract import Contract, Operation
from spec.language import TERMINAL_STATES
from spec.messages import Response, Undecodable, decode, is_json, media_type

T = TypeVar("T")
_LARGEST_ANSWER = 256 * 1024 * 1024
_FIRST_POLL_SECONDS = 0.05


class CouldNotLook(Exception):
    """The provider could not be asked: no connection, no answer in time. Says nothing about its contract."""


def root_of(url: str) -> str:
    """The root of a provider from what people have in OPENAI_BASE_URL, with or without `/v1`.

    Raises ValueError when it is no http URL.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https URL; expected something like https://api.example.com/v1")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def is_loopback(root: str) -> bool:
    """Whether the provider is on this machine."""
    host = urlsplit(root).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


class Provider:
    """One provider. `timeout` and `task_timeout` are seconds."""

    def __init__(
        self,
        url: str,
        key: str,
        ledger: Ledger,
        timeout: float = 180.0,
        task_timeout: float = 300.0,
        key_variable: str = "OPENAI_API_KEY",
    ) -> None:
        self._key_variable = key_variable
        self.root = root_of(url)
        self.ledger = ledger
        self.redact = Redactor([key])
        self.exchanges: list[Exchange] = []
        self._key = key
        self._timeout = timeout
        self._task_timeout = task_timeout
        self._memo: dict[Any, Exchange] = {}
        self._absent: dict[str, bool] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="imageproof-provider", daemon=True)
        self._thread.start()
        self._session = self._run(self._open())

    async def _open(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=self._timeout, connect=min(self._timeout, 15))
        return aiohttp.ClientSession(timeout=timeout, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar())

    def close(self) -> None:
        """Close connections and the loop."""
        self._run(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def send(self, case: Case) -> Exchange:
        """Send a case, or give the answer it already had. Raises BudgetSpent, CouldNotLook."""
        if known := self._memo.get(case.key):
            return known
        images = expected_images(case)
        self.ledger.ask(images)
        exchange = self._send(case, None)
        self._charge(exchange, images)
        self._memo[case.key] = exchange
        return exchange

    def _charge(self, exchange: Exchange, images: int) -> None:
        if exchange.case.defect is None:
            # Pictures asked for are taken as made unless the provider refused: a cut connection is billed too.
            self.ledger.charge(images if exchange.response.status < 400 else 0)
        elif exchange.succeeded and exchange.image_meanings:
            self.ledger.charge(len(exchange.image_meanings))
            self.ledger.refused_but_delivered += 1

    def _send(self, case: Case, parent: Exchange | None) -> Exchange:
        url = f"{self.root}{case.path}"
        headers = {name: value.replace(KEY, self._key) for name, value in case.headers.items()}
        shown = {
            name: self.redact.text(value.replace(KEY, f"${self._key_variable}")) for name, value in case.headers.items()
        }
        began, clock = time.time(), time.perf_counter()
        self.ledger.requests += 1
        status, answer_headers, body = self._run(
            self._request(case.operation.method.upper(), url, headers, case.query, case.body)
        )
        response = Response(status, self.redact.headers(answer_headers), self.redact.data(body))
        if is_json(response.media) or response.body[:1] in (b"{", b"["):
            try:
                response.value = decode(response.body, "application/json")
            except Undecodable:
                response.value = None
        full = str(URL(url).with_query(dict(case.query))) if case.query else url
        exchange = Exchange(
            case,
            self.redact.text(full),
            shown,
            response,
            began,
            time.perf_counter() - clock,
            len(self.exchanges) + 1,
            parent,
        )
        self.exchanges.append(exchange)
        if exchange.succeeded and exchange.image_meanings:
            exchange.pictures = [
                self._look(meaning.role, meaning.pointer, meaning.raw) for meaning in exchange.image_meanings
            ]
        return exchange

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                params=dict(query) or None,
                data=body or None,
                skip_auto_headers=("Content-Type", "Accept", "User-Agent"),
                allow_redirects=False,
            ) as answer:
                data = await answer.content.read(_LARGEST_ANSWER)
                while len(data) < _LARGEST_ANSWER and (more := await answer.content.read(_LARGEST_ANSWER - len(data))):
                    data += more
                return answer.status, {name.lower(): text for name, text in answer.headers.items()}, data
        except TimeoutError as error:
            raise CouldNotLook(f"{method} {self.redact.text(url)}: no answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            reason = self.redact.text(str(error)) or type(error).__name__
            raise CouldNotLook(f"{method} {self.redact.text(url)}: {reason}") from error

    def _look(self, role: str, pointer: str, raw: Any) -> Seen:
        if not isinstance(raw, str) or not raw:
            return unreachable(role, pointer, str(raw), "it is empty" if raw == "" else f"it is no text but {raw!r}")
        if role == "image-b64" or raw.startswith("data:"):
            data, complaint = decode_base64(raw)
            return (
                look(role, pointer, raw, data) if data else unreachable(role, pointer, raw, complaint or "it is empty")
            )
        if not raw.startswith(("http://", "https://")):
            return unreachable(role, pointer, raw, f"{raw[:80]!r} is no absolute http URL")
        try:
            # No key: the link may lead to another host, and a link that needs one is of no use to a caller.
            status, headers, data = self._run(self._request("GET", urljoin(self.root, raw), {}, {}, b""))
        except CouldNotLook as error:
            return unreachable(role, pointer, raw, str(error))
        if status != 200:
            return unreachable(role, pointer, raw, f"GET {raw[:120]} answers {status}")
        return look(role, pointer, raw, data, media_type(headers.get("content-type", "")))

    def follow(self, exchange: Exchange) -> None:
        """Poll the task an answer links to until it has ended; every poll is kept with the exchange."""
        target = self._linked(exchange)
        if target is None or exchange.polls:
            return
        until, wait = time.monotonic() + self._task_timeout, _FIRST_POLL_SECONDS
        while True:
            poll = self._send(target, exchange)
            exchange.polls.append(poll)
            if not poll.succeeded or poll.said("task-status") in TERMINAL_STATES:
                return
            if time.monotonic() > until:
                exchange.gave_up = f"no end after {self._task_timeout:g} s and {len(exchange.polls)} polls"
                return
            time.sleep(max(wait, _retry_after(poll)))
            wait = min(wait * 1.5, 5.0)

    def _linked(self, exchange: Exchange) -> Case | None:
        case = exchange.case
        for link in case.operation.links:
            parameters = {name: _at(exchange.response.value, pointer) for name, pointer in link.parameters.items()}
            if all(isinstance(value, str | int) and value != "" for value in parameters.values()):
                path = {name: str(value) for name, value in parameters.items()}
                return Case(case.contract, case.contract.operation(link.operation), path_parameters=path)
        return None

    def lacks(self, contract: Contract, operation: Operation) -> bool:
        """Whether an optional operation is absent: it answers as a path nobody has does. Costs nothing."""
        if operation.optional_because is None:
            return False
        known = self._absent.get(operation.id)
        if known is None:
            parameters = {p.name: "imageproof-no-such-thing" for p in operation.parameters if p.location == "path"}
            probe = Case(contract, operation, path_parameters=parameters)
            nowhere = Case(contract, replace(operation, path="/v1/imageproof/no-such-path"))
            answers = [self._send(case, None).response for case in (probe, nowhere)]
            known = self._absent[operation.id] = answers[0].status in (404, 405, 501) and _signature(
                answers[0]
            ) == _signature(answers[1])
        return known

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def expected_images(case: Case) -> int:
    """How many pictures a case costs where the contract is kept."""
    if case.defect is not None or "prompt" not in case.asked:
        return 0
    count = case.asked.get("count", 1)
    return count if isinstance(count, int) else 1


def _signature(response: Response) -> tuple[int, Any]:
    """What an answer looks like, apart from texts that repeat the request."""

    def shape(value: Any) -> Any:
        return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value).__name__

    return response.status, shape(response.value) if response.value is not None else bool(response.body)


def _at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def _retry_after(exchange: Exchange) -> float:
    text = exchange.response.headers.get("retry-after", "")
    return min(float(text), 30.0) if text.isdigit() else 0.0
