"""The provider under test: sends cases, counts what they cost, keeps what came back. Keys never leave this module."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from contract_tests.budget import BudgetSpent, Ledger, price_of
from contract_tests.cases import KEY, OTHER_KEY, Case, expected_images
from contract_tests.connection import Connection, CouldNotLook, Incoming, Outgoing, full
from contract_tests.detours import way_on
from contract_tests.exchange import Exchange
from contract_tests.leaks import Leaks
from contract_tests.lives import Watch
from contract_tests.memo import Memo
from contract_tests.pace import Pace, Paces
from contract_tests.presence import Presence
from contract_tests.silence import Silence, told
from contract_tests.viewing import Viewer
from contract_tests.waits import (
    MOMENT_SECONDS,
    doubt_of,
    is_not_now,
    is_turned_away,
    next_try,
    retry_after,
    trouble_of,
)
from spec import events
from spec.addresses import joined, root_of
from spec.messages import Response, Undecodable, decode, is_json
from spec.recordings.redactor import Redactor
from spec.recordings.writing import Recording

#: sent where there is no key: loopback may need none
DUMMY_KEY = "sk-imageproof-any"
_MEMO_BYTES = 512 * 1024 * 1024
_LONGEST_WAIT = 90.0
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds between tries, where nobody says when
_MOST_DETOURS = 3  # redirects of one request
_STEADY = 2  # mistakes of its own that a provider has repeated: from then on it is believed at once


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
        self.pace = Paces(Pace(per_second))
        self._key_variable = key_variable
        self.root = root_of(url)
        self.ledger = ledger
        self.leaks = Leaks(ledger)
        self.redact = Redactor([text for text in (key, other_key) if text])
        self._key, self._other_key = key, other_key
        recording = Recording(record_to, self.redact) if record_to else None
        self._connection = Connection(timeout, self.redact, recording)
        self._viewer = Viewer(self._connection)
        self._memo = Memo(_MEMO_BYTES)
        self._random = random.Random(0)
        self.silence = Silence(self.root)
        self._let_in = False
        self._steady = self._repeated = 0  # mistakes that were made again: what costs nothing, what is paid for
        #: the lives of its tasks, and which operations it has at all
        self.tasks = Watch(self._send, self._patiently, task_timeout, bool(other_key))
        self.presence = Presence(self.probe)

    def close(self) -> None:
        """Close connections; what is still under way is cut off."""
        self._connection.close()

    def send(self, case: Case) -> Exchange:
        """Send a case, or give the answer it already had. Raises BudgetSpent, CouldNotLook.

        "Not now" (429, and 503 to a request that keeps the contract) is asked again when `Retry-After` says so.
        """
        if known := self._memo.get(case.key):
            return known
        images, most = expected_images(case), self.leaks.could_cost(case)
        self.ledger.ask(most, price_of(case, most))
        self.leaks.ask(case)
        exchange = self._paid(case, images)
        if images and doubt_of(exchange) and self._repeated < _STEADY:
            exchange = self._paid_once_more(exchange, images)
        self._check_entry(exchange)
        self.silence.heard(exchange)
        self._memo.keep(case.key, exchange)
        return exchange

    def _paid_once_more(self, exchange: Exchange, images: int) -> Exchange:
        """Ask again, once, for what was paid for in vain, if it can be paid again: a moment's trouble is no breach."""
        case = exchange.case
        exchange.unsettled = True
        try:
            self.ledger.ask(images, price_of(case, images))
            time.sleep(max(MOMENT_SECONDS, min(retry_after(exchange) or 0.0, _LONGEST_WAIT)))
            again = self._paid(case, images)
        except (BudgetSpent, CouldNotLook):
            return exchange
        again.at_first = doubt_of(exchange)
        self._repeated += bool(doubt_of(again))
        return again

    def known(self, case: Case) -> Exchange | None:
        """The answer a case already had, None where it was not sent."""
        return self._memo.get(case.key)

    def probe(self, case: Case) -> Exchange:
        """Send what asks for nothing, whatever was answered before; who delivers all the same is paid.

        Raises BudgetSpent, CouldNotLook.
        """
        most = self.leaks.could_cost(case)
        self.ledger.ask(most, price_of(case, most))
        return self._paid(case, 0)

    def look_again(self, exchange: Exchange) -> None:
        """Look once more at the first picture that an answer links to, as long after it as this is."""
        exchange.pictures = self._viewer.twice(list(exchange.pictures), exchange.response.value)

    def _paid(self, case: Case, images: int) -> Exchange:
        """Send a case that asks for so many pictures; whatever comes of it, what may be billed is counted.

        What costs nothing and gets no answer is asked once more: it counts where both do.
        """
        self.silence.check()
        exchange = self._once(case, images)
        if not exchange.broken or exchange.at_first or images or self.silence.is_sure(case):
            return exchange
        time.sleep(MOMENT_SECONDS)
        again = self._once(case, images)
        again.at_first = trouble_of(exchange)
        return again

    def _once(self, case: Case, images: int) -> Exchange:
        began, clock = time.time(), time.perf_counter()
        try:
            exchange = self._patiently(case)
        except BudgetSpent:
            raise
        except CouldNotLook as error:
            # A connection that is cut does not stop the provider from making, and billing, what was asked for.
            self._pay(case, images if error.arrived else 0)
            is_refusal = case.defect is not None and bool(case.defect.tolerated)  # to hang up is one way to refuse
            if self.silence.last_answered and (gone := self.silence.stays_away(case)):
                raise CouldNotLook(gone, error.arrived) from error
            if not is_refusal and error.arrived and self._answers_others():
                nothing = Incoming(0, {}, b"", broken=error.reason)
                return self._exchange(case, nothing, began, time.perf_counter() - clock)
            if not is_refusal:
                self.silence.add(str(error))
            raise
        except BaseException:  # Ctrl-C, a fault of ours: what was sent may be billed, whether or not somebody reads it
            self._pay(case, images)
            raise
        self._charge(exchange, images)
        self.silence.last_answered = f"{told(case)} ({exchange.response.status})"
        if exchange.broken and case.defect is not None and case.defect.tolerated:
            raise CouldNotLook(f"{told(case)}: {exchange.broken}", arrived=True)
        return exchange

    def _answers_others(self) -> bool:
        """Whether a host that has not answered one request answers at all: of others nothing is said."""
        if not self.silence.last_answered:
            return False
        self.ledger.ask_request()
        try:
            self._connection.ask(Outgoing("GET", joined(self.root, "/imageproof-nowhere")))
        except CouldNotLook:
            return False
        return True

    def _patiently(self, case: Case, parent: Exchange | None = None) -> Exchange:
        """Send a case; what costs nothing and is answered 5xx once more: it may be a moment's trouble."""
        exchange = self._in_turn(case, parent)
        asks_again = case.defect is not None or case.operation.method.upper() == "GET"
        trouble = trouble_of(exchange)
        if not trouble or not asks_again or self.leaks.could_cost(case) or self._steady >= _STEADY:
            return exchange
        time.sleep(MOMENT_SECONDS)
        again = self._in_turn(case, parent)
        again.at_first = trouble
        self._steady += bool(trouble_of(again))
        return again

    def _in_turn(self, case: Case, parent: Exchange | None) -> Exchange:
        """Send a case; where the answer is "not now", again when it says, or after waits that double."""
        for number, pause in enumerate((*_PAUSES, None)):
            exchange = self._send(case, parent)
            if not is_not_now(exchange) or pause is None or exchange.out_of_quota:
                break
            wait = next_try(exchange, number, self._jittered(pause))
            if wait > _LONGEST_WAIT:
                break
            time.sleep(wait)
        return exchange

    def _jittered(self, seconds: float) -> float:
        """Up to a tenth more, so that several callers do not come back at once."""
        return seconds * self._random.uniform(1.0, 1.1)

    def _check_entry(self, exchange: Exchange) -> None:
        """Raises CouldNotLook when the caller is not let in: the key is refused, the quota is used up.

        Who was refused for a model or a parameter that is not for this key was let in.
        """
        case, status = exchange.case, exchange.response.status
        if case.credential != KEY:
            return
        said = exchange.error("error-message") or exchange.response.body[:200].decode("utf-8", "replace")
        reason = ""
        if status == 401 and (case.defect is None or not self._let_in):
            reason = f"{self._refused_key()} (401): {said}"
        elif status == 429:
            reason = f"not let in (429): {said}"
        if reason and not exchange.out_of_quota:  # what is only not paid for does not stop what costs nothing
            self.silence.add(reason)
        if case.defect is None and (status == 402 or (status == 403 and not _is_lacking(exchange))):
            reason = f"not let in ({status}): {said}"
        if reason:
            raise CouldNotLook(reason)
        self._let_in = True

    def _refused_key(self) -> str:
        name = self._key_variable
        if self._key != DUMMY_KEY:
            return f"the key in {name} is refused"
        return f"a key is needed, and {name} is not set: export {name}=..., or name another variable (--api-key-env)"

    def _charge(self, exchange: Exchange, images: int) -> None:
        """Pay what an answer brings or begins; what was asked for is taken as made unless the answer says no."""
        case, made = exchange.case, exchange.pictures_made
        self._pay(case, max(made, 0 if exchange.says_no else images))
        self.leaks.note(exchange)
        if made and not images:
            self.ledger.refused_but_delivered += 1

    def _pay(self, case: Case, images: int) -> None:
        self.ledger.charge(images, price_of(case, images))

    def _send(self, case: Case, parent: Exchange | None = None) -> Exchange:
        url = joined(self.root, case.path)
        headers = {
            name: value.replace(KEY, self._key).replace(OTHER_KEY, self._other_key)
            for name, value in case.headers.items()
        }
        makes = bool(expected_images(case))
        began, clock = time.time(), time.perf_counter()
        sent = Outgoing(case.operation.method.upper(), url, headers, case.query, case.body, alone=_unreadable(case))
        answer, detour = self._followed(case, sent, makes=makes)
        exchange = self._exchange(case, answer, began, time.perf_counter() - clock, parent)
        exchange.detour = self.redact.text(detour)
        self.pace.heed(makes=makes, turned_away=is_turned_away(exchange), told=retry_after(exchange))
        return exchange

    def _followed(self, case: Case, sent: Outgoing, *, makes: bool) -> tuple[Incoming, str]:
        """The answer at the end of redirects that every client follows, and the first of those, empty without any.

        Where a path that nobody should have is asked for, a redirect is the answer.
        """
        detour = ""
        for left in reversed(range(_MOST_DETOURS + 1)):
            self.ledger.ask_request()
            self.pace.wait(makes=makes)
            answer = self._connection.ask(sent)
            target = way_on(sent, answer.status, answer.headers, case.operation) if left else ""
            if not target or (case.defect is not None and case.defect.tolerated):
                break
            detour = detour or f"{answer.status} to {answer.headers['location']}"
            sent = replace(sent, url=target, query={})
        return answer, detour

    def _exchange(
        self, case: Case, answer: Incoming, began: float, seconds: float, parent: Exchange | None = None
    ) -> Exchange:
        """What was sent and what came back, decoded, its pictures looked at, without secrets."""
        body = answer.body
        shown = {
            name: self.redact.text(value.replace(KEY, f"${self._key_variable}")) for name, value in case.headers.items()
        }
        response = Response(answer.status, self.redact.headers(answer.headers), self.redact.judged_data(body))
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
            self.redact.text(full(joined(self.root, case.path), case.query)),
            shown,
            response,
            began,
            seconds,
            self.ledger.requests,
            parent,
            first_byte=answer.began_after,
            repeats_key=self.redact.told(body, *map(str.encode, answer.headers.values())),
            broken=answer.broken,
        )
        if exchange.succeeded and not exchange.case.operation.tells_tasks:  # those were looked at with their task
            exchange.pictures = self._viewer.look_at_all(exchange.image_meanings, value)
            if parent is None or not any(poll.pictures for poll in parent.polls):  # else this is another look itself
                exchange.pictures = self._viewer.twice(list(exchange.pictures), value)
            exchange.unfinished = self._viewer.look_at_all(exchange.unfinished_meanings, value)
            exchange.covers = self._viewer.look_at_all(exchange.cover_meanings, value)
        return exchange

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unreadable(case: Case) -> bool:
    return case.defect is not None and (bool(case.defect.tolerated) or case.defect.problem == "malformed-body")


def _is_lacking(exchange: Exchange) -> bool:
    return exchange.lacks_model or bool(exchange.lacks_parameter)
