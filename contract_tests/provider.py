"""The provider under test: sends cases, counts what they cost, keeps what came back. Keys never leave this module.

Synchronous, because Hypothesis and pytest are; one aiohttp session on a loop of its own does the work.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import threading
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from yarl import URL

from contract_tests.budget import Ledger, Pace, price_of
from contract_tests.cases import KEY, OTHER_KEY, Case, expected_images, most_images
from contract_tests.exchange import Exchange
from contract_tests.lives import Watch, strangers
from contract_tests.seen import Seen, decode_base64, look, unreachable
from spec import events
from spec.addresses import root_of
from spec.contract import Contract, Operation
from spec.language import LINK_ROLES, TERMINAL_STATES
from spec.messages import Response, Undecodable, decode, is_json, media_type
from spec.reader import Meaning
from spec.recordings.secrets import Redactor
from spec.recordings.writing import Recording

T = TypeVar("T")
_LARGEST_ANSWER = 256 * 1024 * 1024
_LARGEST_TWICE = 16 * 1024 * 1024
_MEMO_BYTES = 512 * 1024 * 1024
_CONNECT_SECONDS = 15.0
_LONGEST_WAIT = 90.0
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds between tries, where nobody says when
_MARKDOWN_LINK = re.compile(r"!\[[^\]]*\]\(\s*<?([^\s)>]+)")
_SILENT = 3  # requests in a row that could not look: from then on nobody is asked any more


class CouldNotLook(Exception):
    """The provider could not be asked: no connection, no answer in time, no entry. Says nothing about its contract.

    `arrived`: whether the request may have arrived, and be billed, all the same.
    """

    def __init__(self, reason: str, arrived: bool = False) -> None:
        super().__init__(reason)
        self.arrived = arrived


class Provider:
    """One provider. `timeout` and `task_timeout` are seconds; `record_to` is where every exchange is written as HAR."""

    def __init__(
        self,
        url: str,
        key: str,
        ledger: Ledger,
        timeout: float = 180.0,
        task_timeout: float = 300.0,
        key_variable: str = "OPENAI_API_KEY",
        record_to: Path | None = None,
        other_key: str = "",
        per_second: float | None = None,
    ) -> None:
        self.pace = Pace(per_second)
        self._key_variable = key_variable
        self.root = root_of(url)
        self.ledger = ledger
        self.redact = Redactor([text for text in (key, other_key) if text])
        self._recording = Recording(record_to, self.redact) if record_to else None
        self._key, self._other_key = key, other_key
        self._timeout = timeout
        self._connect = min(timeout, _CONNECT_SECONDS)
        self._watch = Watch(self._send, _retry_after, task_timeout)
        self._memo = _Memo(_MEMO_BYTES)
        self._random = random.Random(0)
        self._absent: dict[tuple[str, str], bool] = {}
        self._nowhere: dict[tuple[str, str], Exchange] = {}  # by method: what a path answers that nobody has
        self._silence: list[str] = []  # why the last requests in a row could not look
        self._let_in = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="imageproof-provider", daemon=True)
        self._thread.start()
        self._session = self._run(self._open())

    async def _open(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=self._connect)
        return aiohttp.ClientSession(timeout=timeout, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar())

    def close(self) -> None:
        """Close connections and the loop; what is still under way is cut off."""
        if self._loop.is_closed():
            return
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        if self._recording is not None:
            self._recording.close()

    async def _shut(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._session.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def send(self, case: Case) -> Exchange:
        """Send a case, or give the answer it already had. Raises BudgetSpent, CouldNotLook.

        "Not now" (429, and 503 to a request that keeps the contract) is asked again when `Retry-After` says so.
        """
        if known := self._memo.get(case.key):
            return known
        self._refuse_in_vain()
        images = expected_images(case)
        # Whoever has answered one broken request with pictures may do so again.
        most = most_images(case) if self.ledger.refused_but_delivered else images
        self.ledger.ask(most, price_of(case, most).dollars)
        if case.defect is not None:
            self.ledger.ask_leak(most)
        try:
            exchange = self._patiently(case)
            self._check_entry(exchange)
        except CouldNotLook as error:
            if case.defect is None or not case.defect.tolerated:  # there it may be how the request is refused
                self._silence.append(str(error))
            # A connection that is cut does not stop the provider from making, and billing, what was asked for.
            self._pay(case, images if error.arrived else 0)
            raise
        except KeyboardInterrupt:  # what was sent may be billed, whether or not somebody waits for the answer
            self._pay(case, images)
            raise
        self._silence.clear()
        self._charge(exchange, images)
        self._memo.keep(case.key, exchange)
        return exchange

    def known(self, case: Case) -> Exchange | None:
        """The answer a case already had, None where it was not sent."""
        return self._memo.get(case.key)

    @property
    def trouble(self) -> str:
        """Why the last request got no answer; empty when it did."""
        return self._silence[-1] if self._silence else ""

    def _refuse_in_vain(self) -> None:
        """Raises CouldNotLook when nobody has answered for a while: 200 time-outs in a row help nobody."""
        if len(self._silence) >= _SILENT:
            raise CouldNotLook(f"not asked: {_SILENT} requests in a row were in vain, the last: {self._silence[-1]}")

    def _patiently(self, case: Case) -> Exchange:
        """Send a case; where the answer is "not now", again when it says, or after waits that double."""
        for pause in (*_PAUSES, None):
            exchange = self._send(case, None)
            status, wait = exchange.response.status, _retry_after(exchange)
            later = status == 429 or (status == 503 and case.defect is None and wait is not None)
            if not later or pause is None or exchange.out_of_quota:
                break
            wait = self._jittered(pause) if wait is None else wait
            if wait > _LONGEST_WAIT:
                break
            time.sleep(wait)
        return exchange

    def _jittered(self, seconds: float) -> float:
        """Up to a tenth more, so that several callers do not come back at once."""
        return seconds * self._random.uniform(1.0, 1.1)

    def _check_entry(self, exchange: Exchange) -> None:
        """Raises CouldNotLook when the caller is not let in: the key is refused, the quota is used up."""
        case, status = exchange.case, exchange.response.status
        if case.credential != KEY:
            return
        said = exchange.error("error-message") or exchange.response.body[:200].decode("utf-8", "replace")
        if status == 401 and (case.defect is None or not self._let_in):
            raise CouldNotLook(f"the key in {self._key_variable} is refused (401): {said}")
        if status == 429 or (case.defect is None and status in (402, 403)):
            raise CouldNotLook(f"not let in ({status}): {said}")
        self._let_in = True

    def _charge(self, exchange: Exchange, images: int) -> None:
        delivered = exchange.pictures_delivered if exchange.succeeded else 0
        if exchange.case.defect is None:
            # What was asked for is taken as made unless the provider refused.
            self._pay(exchange.case, max(images, delivered) if exchange.response.status < 400 else 0)
        elif delivered:
            self._pay(exchange.case, delivered)
            self.ledger.refused_but_delivered += 1
            self.ledger.leaked += delivered

    def _pay(self, case: Case, images: int) -> None:
        self.ledger.charge(images, price_of(case, images).dollars)

    def _send(self, case: Case, parent: Exchange | None) -> Exchange:
        url = f"{self.root}{case.path}"
        headers = {
            name: value.replace(KEY, self._key).replace(OTHER_KEY, self._other_key)
            for name, value in case.headers.items()
        }
        shown = {
            name: self.redact.text(value.replace(KEY, f"${self._key_variable}")) for name, value in case.headers.items()
        }
        self.ledger.ask_request()
        self.pace.wait()
        began, clock = time.time(), time.perf_counter()
        status, answer_headers, body, began_after = self._run(
            self._request(case.operation.method.upper(), url, headers, case.query, case.body, alone=_unreadable(case))
        )
        response = Response(status, self.redact.headers(answer_headers), self.redact.judged_data(body))
        value: Any = None
        if is_json(response.media) or body.lstrip()[:1] in (b"{", b"["):
            try:
                value = decode(body, "application/json")
            except Undecodable:
                value = None
        elif response.media == events.MEDIA_TYPE:
            value = events.parse(body).events
        response.value = self.redact.judged_value(value)
        exchange = Exchange(
            case,
            self.redact.text(_full(url, case.query)),
            shown,
            response,
            began,
            time.perf_counter() - clock,
            self.ledger.requests,
            parent,
            first_byte=began_after,
            repeats_key=self.redact.told(body, *map(str.encode, answer_headers.values())),
        )
        if exchange.succeeded and not exchange.case.operation.tells_tasks:  # those were looked at with their task
            exchange.pictures = self._seen_twice(self._look_at_all(exchange.image_meanings, value), value)
            exchange.unfinished = self._look_at_all(exchange.unfinished_meanings, value)
        return exchange

    def _look_at_all(self, found: Iterable[Meaning], value: Any) -> list[Seen]:
        # The link as it came: where it repeats the key, the redacted one leads nowhere.
        return [
            self._redacted(self._look(meaning.role, meaning.pointer, _at(value, meaning.pointer) or meaning.raw))
            for meaning in found
        ]

    def _seen_twice(self, pictures: list[Seen], value: Any) -> list[Seen]:
        """The pictures, the first one behind a link looked at again: a link is good for more than one look."""
        for place, picture in enumerate(pictures):
            if picture.role in LINK_ROLES and picture.format and len(picture.data) < _LARGEST_TWICE:
                raw = _at(value, picture.pointer) or picture.raw
                again = self._redacted(self._look(picture.role, picture.pointer, raw))
                if again.problem or again.data != picture.data:
                    other = f"{len(again.data)} other bytes ({again.format or 'no picture'})"
                    pictures[place] = replace(picture, again=again.problem or other)
                break
        return pictures

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        body: bytes,
        allow_redirects: bool = False,
        alone: bool = False,
    ) -> tuple[int, dict[str, str], bytes, float]:
        """Status, headers, body and the seconds until it began; recorded, whatever came. Raises CouldNotLook."""
        began, clock = time.time(), time.perf_counter()
        answer, trouble = None, "cut off"
        try:
            answer = await self._ask(method, url, headers, query, body, allow_redirects, alone)
            trouble = ""
        except CouldNotLook as error:
            trouble = str(error)
            raise
        finally:
            if self._recording is not None:
                sent = (method, _full(url, query), headers, body)
                self._recording.add(began, time.perf_counter() - clock, sent, answer and answer[:3], trouble)
        return answer

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        body: bytes,
        allow_redirects: bool,
        alone: bool,
    ) -> tuple[int, dict[str, str], bytes, float]:
        clock = time.perf_counter()
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                params=dict(query) or None,
                data=body or None,
                skip_auto_headers=("Content-Type", "Accept", "User-Agent"),
                allow_redirects=allow_redirects,
            ) as answer:
                data = await answer.content.read(_LARGEST_ANSWER)
                began_after = time.perf_counter() - clock
                while len(data) < _LARGEST_ANSWER and (more := await answer.content.read(_LARGEST_ANSWER - len(data))):
                    data += more
                if alone:  # a server may hang up on what it could not read, and not say so: nobody else shall notice
                    answer.close()
                told = {_text(name).lower(): _text(text) for name, text in answer.headers.items()}
                return answer.status, told, data, began_after
        except aiohttp.ConnectionTimeoutError:
            raise CouldNotLook(f"{method} {self.redact.text(url)}: no connection within {self._connect:g} s") from None
        except TimeoutError:
            reason = f"{method} {self.redact.text(url)}: no answer within {self._timeout:g} s"
            raise CouldNotLook(reason, arrived=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = self.redact.text(_reason(error))
            arrived = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL | ValueError)
            raise CouldNotLook(f"{method} {self.redact.text(url)}: {reason}", arrived) from None

    def _look(self, role: str, pointer: str, raw: Any) -> Seen:
        if not isinstance(raw, str) or not raw:
            return unreachable(role, pointer, str(raw), "it is empty" if raw == "" else f"it is no text but {raw!r}")
        if role == "image-markdown" and (link := _MARKDOWN_LINK.search(raw)):
            raw = link[1]
        if role == "image-b64" or raw.startswith("data:"):
            data, complaint = decode_base64(raw)
            return (
                look(role, pointer, raw, data) if data else unreachable(role, pointer, raw, complaint or "it is empty")
            )
        if not raw.startswith(("http://", "https://")):
            return unreachable(role, pointer, raw, f"{self.redact.text(raw)[:80]!r} is no absolute http URL")
        try:
            # No key: the link may lead to another host, and a link that needs one is of no use to a caller.
            status, headers, data, _ = self._run(self._request("GET", raw, {}, {}, b"", allow_redirects=True))
        except CouldNotLook as error:
            return unreachable(role, pointer, raw, str(error))
        if status != 200:
            return unreachable(role, pointer, raw, f"GET {self.redact.text(raw)[:120]} answers {status}")
        return look(role, pointer, raw, data, media_type(headers.get("content-type", "")))

    def _redacted(self, seen: Seen) -> Seen:
        text = self.redact.text
        return replace(
            seen, raw=text(seen.raw), problem=text(seen.problem), trouble=text(seen.trouble), notes=text(seen.notes)
        )

    def follow(self, *submits: Exchange) -> None:
        """Poll the tasks that answers link to, by turns, until each has ended; every poll is kept with its submit."""
        tasks = [(submit, target) for submit in submits if (target := self.linked(submit)) is not None]
        self._watch.follow(tasks)

    def intrude(self, submit: Exchange) -> list[Exchange]:
        """Look at a task with other keys and under ids beside its own; costs nothing."""
        target = self.linked(submit)
        return [self._send(case, submit) for case in strangers(target, bool(self._other_key))] if target else []

    def give_up(self, submit: Exchange) -> Exchange | None:
        """Give a task up; None where its answer does not say how, it has ended already, or that is refused."""
        target = self.linked(submit, "cancel") if submit.state not in TERMINAL_STATES else None
        answer = self._send(target, submit) if target is not None else None
        return answer if answer is not None and answer.succeeded else None

    def linked(self, exchange: Exchange, effect: str = "") -> Case | None:
        """The look at a task that an answer links to, or what has that effect on it; None where it names none."""
        case = exchange.case
        for link in case.operation.links:
            told = {name: _at(exchange.response.value, pointer) for name, pointer in link.parameters.items()}
            if case.contract.operation(link.operation).effect == effect and all(
                type(value) in (str, int) and value != "" for value in told.values()
            ):
                target = case.contract.operation(link.operation)
                places = {parameter.name: parameter.location for parameter in target.parameters}
                path, query = (
                    {name: str(value) for name, value in told.items() if places.get(name) == place}
                    for place in ("path", "query")
                )
                return Case(case.contract, target, path_parameters=path, query=query)
        return None

    def lacks(self, contract: Contract, operation: Operation) -> bool:
        """Whether an optional operation is absent: it answers as a path nobody has does.

        A request without a body asks for nothing, so it costs nothing; who delivers all the same is counted.
        """
        return operation.optional_because is not None and self._is_absent(contract, operation)

    def known_absent(self, contract: Contract, operation: Operation) -> bool:
        """Whether an operation was looked for and is not there. Sends nothing."""
        return self._absent.get((contract.name, operation.id), False)

    def lacks_family(self, contract: Contract) -> bool:
        """Whether a whole family is absent: what it begins with answers as a path nobody has does."""
        first = next((op for op in contract.operations if op.optional_because is None), contract.operations[0])
        return self._is_absent(contract, first)

    def _is_absent(self, contract: Contract, operation: Operation) -> bool:
        name = (contract.name, operation.id)
        known = self._absent.get(name)
        if known is None:
            self._refuse_in_vain()
            parameters = {
                p.name: next(iter(p.schema.get("enum", ["imageproof-no-such-thing"])))
                for p in operation.parameters
                if p.location == "path"
            }
            probe = Case(contract, operation, path_parameters=parameters)
            # Near it: a gateway may answer with its own web page wherever it has no API at all.
            root = operation.path.split("/")[1]
            nowhere = Case(contract, replace(operation, path=f"/{root}/imageproof/no-such-path"))
            try:
                there = self._patiently(probe)
                asked = [there]
                if (operation.method, root) not in self._nowhere:
                    self._nowhere[operation.method, root] = self._patiently(nowhere)
                    asked.append(self._nowhere[operation.method, root])
            except CouldNotLook as error:
                self._silence.append(str(error))
                raise
            for answer in asked:
                self._pay(answer.case, answer.pictures_delivered if answer.succeeded else 0)
            told, elsewhere = there.response, self._nowhere[operation.method, root].response
            # A gateway's own web page, or a server that fails whatever it is asked.
            nothing = told.status in (404, 405) or told.status >= 500 or told.media == "text/html"
            known = told.status == 501 or (nothing and _signature(told) == _signature(elsewhere))
            if known and parameters:  # it may be the thing named that is not there: a path that is has other methods
                other = self._send(Case(contract, replace(operation, method="patch"), path_parameters=parameters), None)
                known = other.response.status != 405 or elsewhere.status == 405
            self._absent[name] = known
        return known

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unreadable(case: Case) -> bool:
    return case.defect is not None and (bool(case.defect.tolerated) or case.defect.problem == "malformed-body")


class _Memo:
    """Answers already paid for, the newest up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._kept: dict[Any, Exchange] = {}

    def get(self, key: Any) -> Exchange | None:
        return self._kept.get(key)

    def keep(self, key: Any, exchange: Exchange) -> None:
        self._kept[key] = exchange
        self._bytes += _bytes_of(exchange)
        while self._bytes > self._most and len(self._kept) > 1:
            self._bytes -= _bytes_of(self._kept.pop(next(iter(self._kept))))


def _bytes_of(exchange: Exchange) -> int:
    return 2 * len(exchange.response.body) + sum(
        len(picture.data) for picture in (*exchange.pictures, *exchange.unfinished)
    )


def _signature(response: Response) -> tuple[int, Any]:
    """What an answer looks like, apart from texts that repeat the request."""

    def shape(value: Any) -> Any:
        return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value).__name__

    return response.status, shape(response.value) if response.value is not None else bool(response.body)


def _full(url: str, query: Mapping[str, str]) -> str:
    """The address with its query."""
    return str(URL(url).with_query(dict(query))) if query else url


def _text(header: str) -> str:
    """A header with what is not UTF-8 replaced: aiohttp smuggles such bytes in as lone surrogates."""
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    """Why there is no answer, as briefly as the system says it."""
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        number = error.os_error.errno or 0
        return os.strerror(number) if number > 0 else error.os_error.strerror or str(error)
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is no HTTP: {(error.message.splitlines() or [''])[0].rstrip(':')}"
    return str(error) or type(error).__name__


def _at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def _retry_after(exchange: Exchange) -> float | None:
    """Seconds the answer asks to wait, said in seconds, milliseconds or as a date; None when it does not."""
    headers = exchange.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if text.isascii() and text.replace(".", "", 1).isdecimal():
            return float(text) * unit
    try:
        when = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max((when - now).total_seconds(), 0.0)
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None
