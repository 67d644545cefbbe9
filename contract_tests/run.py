"""One run of the contract tests against one provider: options in, findings out."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from contract_tests.budget import BudgetSpent, Kept, Share
from contract_tests.capabilities import Capabilities
from contract_tests.cases import Case, expected_images
from contract_tests.connection import CouldNotLook
from contract_tests.exchange import Exchange
from contract_tests.failing import Failing
from contract_tests.findings import Finding, Findings
from contract_tests.lives import linked
from contract_tests.options import Options
from contract_tests.plan import Plan
from contract_tests.provider import Provider
from contract_tests.waits import trouble_of
from contract_tests.wanted import Wanted
from spec.contract import Contract, Operation
from spec.documents import default_families
from spec.profiles import Profile

_LONGEST_REASON = 300
_LOOKED_FOR = 6  # one of so many requests at most goes to find out which families there are
_FEW_TASKS = 3  # of fewer none is given up: all of them are needed to see them end


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of ours, of which nothing follows for the provider: where it was, in a line what, and its traceback."""

    place: str
    reason: str
    trace: str

    @classmethod
    def of(cls, place: str, error: BaseException, trace: str) -> Fault:
        """The fault that an exception is."""
        first = (str(error).splitlines() or [""])[0]
        return cls(place, f"{type(error).__name__}: {first}"[:_LONGEST_REASON], trace)


@dataclass(eq=False)
class Run:
    """A run in progress. `steps` count how the tests of a kind ended; `faults` are ours, not findings.

    `own_models` are models to ask for that no contract lists: the provider's own. `baseline` is a former report's data.
    `plan` is what is sent, as soon as it is known; `offer` what a small cap would buy, where nothing may be spent.
    """

    options: Options
    profile: Profile
    contracts: tuple[Contract, ...]
    provider: Provider
    findings: Findings = field(default_factory=Findings)
    started: float = field(default_factory=time.time)
    steps: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    own_models: tuple[str, ...] = ()
    interrupted: bool = False
    _intruded: set[str] = field(default_factory=set)
    unreachable: str = ""  # why nobody can be asked at all
    folder: Path | None = None  # where the report goes, and what failed is kept
    shares: dict[Any, Share] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)
    failing: Failing = field(default_factory=Failing)
    wanted: Wanted = field(default_factory=Wanted)
    plan: Plan = field(default_factory=Plan)
    offer: Plan | None = None
    _in_doubt: list[Exchange] = field(default_factory=list)
    _capabilities: dict[str, Capabilities] = field(default_factory=dict)
    baseline: Mapping[str, Any] | None = None
    submits: list[Exchange] = field(default_factory=list)  # whose tasks were followed

    def interrupt(self) -> None:
        """Note that somebody ended the run: what was seen so far is reported, and nothing more is sent."""
        self.interrupted = True
        self.findings.could_not_look["the rest of the cases"] = "interrupted"

    def capabilities_of(self, contract: Contract) -> Capabilities:
        """What the provider has of a family; asked when somebody wants to know."""
        if contract.name not in self._capabilities:
            wanted = tuple(name for name in self.options.models if name in {model.name for model in contract.models})
            self._capabilities[contract.name] = Capabilities(self.provider, (contract,), wanted, self.options.seed)
        return self._capabilities[contract.name]

    def judge(self, case: Case) -> tuple[Exchange | None, list[Finding], str]:
        """Send a case and judge the answer: the exchange, its findings, or why there is none.

        Where the provider refuses a parameter as unknown, the rest of the case is sent without it.
        """
        if known := self.provider.known(case):  # submitted beside another one
            return known, self.findings.judge(known), ""
        try:
            return self._sent_and_judged(case)
        finally:
            self.kept.done(case)

    def _sent_and_judged(self, case: Case) -> tuple[Exchange | None, list[Finding], str]:
        found: list[Finding] = []
        capabilities = self.capabilities_of(case.contract)
        while True:
            rest, reason = capabilities.around(case)
            if rest is None or (reason := capabilities.why_not(rest) or self._why_left(case)):
                return None, found, self._not_tested(case, reason)
            try:
                exchange = self.provider.send(rest)
            except BudgetSpent as error:
                return None, found, self._not_tested(case, str(error))
            except CouldNotLook as error:
                tolerated = case.defect is not None and case.defect.tolerated and not self.provider.silence.gone
                if tolerated:  # to hang up is one way to refuse
                    return None, found, self._not_tested(case, str(error))
                self.findings.could_not_look[_place(case)] = str(error)
                return None, found, str(error)
            self._note_unseen(exchange)
            found = list(dict.fromkeys([*found, *self._judged(exchange, capabilities)]))
            if not found and (reason := self._lacking(exchange, capabilities)):
                return None, found, self._not_tested(case, reason)
            if rest.defect is not None or not exchange.lacks_parameter:
                break
        self._count_share(case, exchange)
        self.failing.note(exchange)
        return exchange, found, ""

    def _judged(self, exchange: Exchange, capabilities: Capabilities) -> list[Finding]:
        """What an answer breaks, and those before it that were in doubt; what is in doubt itself has to wait."""
        doubtful = capabilities.in_doubt(exchange) and not exchange.lacks_model
        found = [] if doubtful else self.findings.judge(exchange)
        self._in_doubt += [exchange] if doubtful else []
        capabilities.learn(exchange)
        return found + self._out_of_doubt(capabilities)

    def _lacking(self, exchange: Exchange, capabilities: Capabilities) -> str:
        """Why an answer is none: its model is not there, or perhaps not; empty where it is one."""
        case = exchange.case
        if case.defect is None and exchange.lacks_model:
            return capabilities.why_not(case) or "refused for its model"
        if exchange in self._in_doubt and not exchange.lacks_parameter:
            return f"it is refused, and perhaps there is no {case.asked['model']} ({exchange.response.status})"
        return ""

    def _out_of_doubt(self, capabilities: Capabilities, *, at_last: bool = False) -> list[Finding]:
        """Judge what was refused of a model that is there after all; `at_last`, of any where none is."""
        settled = [one for one in self._in_doubt if capabilities.has_delivered(one.case.asked.get("model"))]
        if at_last and not capabilities.delivers:
            settled = [one for one in self._in_doubt if one.case.contract in capabilities.contracts]
        self._in_doubt = [one for one in self._in_doubt if one not in settled]
        for one in settled:
            self.findings.not_tested.pop(_place(one.case), None)
        return [finding for one in settled for finding in self.findings.judge(one)]

    def look_again(self, *submits: Exchange) -> list[Finding]:
        """Look once more at tasks that have succeeded, each once in a run, and judge what has become of them."""
        found: list[Finding] = []
        for submit in submits:
            if submit.seen_late:
                continue
            submit.seen_late = True
            try:
                poll = self.provider.tasks.look_again(submit)
            except (CouldNotLook, BudgetSpent):  # it was seen to end: nothing more is owed
                continue
            if poll is not None:
                found += [*self.findings.judge(poll), *self.findings.judge(submit, anew=True)]
        return found

    def _look_at_links_again(self) -> list[Finding]:
        """Look once more at one link of each operation: it is good for longer than a moment."""
        found = []
        for one in self.findings.first_results() if not self.interrupted else ():
            self.provider.look_again(one)
            found += self.findings.judge(one, anew=True)
        return found

    def look_back(self) -> list[Finding]:
        """Judge what only the end of a run can show."""
        again = self.look_again(*self.submits) if not self.interrupted else []
        left = [*again, *self._look_at_links_again()]
        left += [found for one in self._capabilities.values() for found in self._out_of_doubt(one, at_last=True)]
        left += [found for one in self.provider.presence.unasked for found in self.findings.judge(one)]
        return [*left, *self.findings.look_back()]

    def _not_tested(self, case: Case, reason: str) -> str:
        self.findings.not_tested[_place(case)] = reason
        return reason

    def unjudged(self, exchange: Exchange) -> str:
        """Why an answer shows nothing: no clause that is looked at applies to it. Empty where one does."""
        if not self.findings.silent_about(exchange):
            return ""
        return self._not_tested(exchange.case, "no clause that is looked at applies to the answer")

    def _note_unseen(self, exchange: Exchange) -> None:
        """Tell which pictures were fetched and not looked at, and why; and which answer did not count."""
        was_free = exchange.parent is not None or not expected_images(exchange.case)
        if exchange.at_first and not trouble_of(exchange) and was_free:
            reason = f"one of two was {exchange.at_first}: a moment's trouble, as the other was not"
            self.findings.not_tested[f"{_place(exchange.case)}, the first time"] = reason
        for picture in exchange.pictures:
            if picture.unseen:
                self.findings.not_tested["what videos show"] = picture.unseen

    def _why_left(self, case: Case) -> str:
        """Why a case is not asked, though it could be: nobody answers such, or no money goes to it."""
        share, provider = self.shares.get(case.key), self.provider
        spent = share.spent_for(expected_images(case)) if share is not None else ""
        unpaid = (
            spent
            or self.failing.why_not(case)
            or self.kept.why_not(case, provider.ledger)
            or provider.leaks.why_not(case)
        )
        return provider.silence.leaves(case) or unpaid

    def _count_share(self, case: Case, exchange: Exchange) -> None:
        share = self.shares.get(case.key)
        if share is not None and exchange.response.status < 400:
            share.images += expected_images(case)

    def companions(self, case: Case) -> list[Case]:
        """The task that is submitted together with this one: the next of its operation, where this is the first."""
        others = [one for one in self.planned.get("tasks", ()) if one.operation is case.operation]
        alone = "PYTEST_XDIST_WORKER" in os.environ  # there the other is another process's
        return others[1:2] if others and others[0].key == case.key and not alone else []

    def follow(self, exchange: Exchange, *beside: Exchange) -> list[Finding]:
        """Poll the task of an exchange to its end, others by turns with it, and judge every poll, then the whole."""
        submits = [exchange, *beside]
        self.submits += [one for one in submits if one not in self.submits]
        found = []
        try:
            if exchange.case.operation.id not in self._intruded and linked(exchange) is not None:
                self._intruded.add(exchange.case.operation.id)
                if not self.options.other_key_variable:
                    reason = "no other valid key was given (--other-key-env NAME)"
                    self.findings.not_tested["a task looked at with another valid key"] = reason
                found = [
                    finding for one in self.provider.tasks.intrude(exchange) for finding in self.findings.judge(one)
                ]
            given_up = self.provider.tasks.give_up(exchange) if self._is_given_up(exchange) else None
            try:
                self.provider.tasks.follow(*submits)
            finally:
                if given_up is not None:
                    exchange.polls.insert(0, given_up)
        except CouldNotLook as error:
            self.findings.could_not_look[f"{exchange.case.operation.id}: polling"] = str(error)
        except BudgetSpent as error:
            self.findings.not_tested[f"{exchange.case.operation.id}: polling"] = str(error)
        for submit in submits:
            for poll in submit.polls:
                self._note_unseen(poll)
            found += [finding for poll in submit.polls for finding in self.findings.judge(poll)]
            found += self.findings.judge(submit) if submit.polls else []
        return found

    def _is_given_up(self, exchange: Exchange) -> bool:
        """Whether this task is the one of its family that is given up: the last, where three or more are planned."""
        contract = exchange.case.contract
        tasks = [one for one in vars(self).get("planned", {}).get("tasks", ())
                 if one.contract is contract and not one.doomed]  # fmt: skip
        if len(tasks) < _FEW_TASKS or tasks[-1].key != exchange.case.key:
            return False
        target = contract.linked(exchange.case.operation, "cancel")
        return target is not None and self.offers(contract, target)

    @cached_property
    def planned(self) -> dict[str, list[Case]]:
        """Every case to be sent, by kind. Asks the provider what it has, with requests that cost nothing."""
        from contract_tests.suite_cases import plan

        return plan(self)

    def without_absent_families(self) -> None:
        """Leave out the families this provider does not have, each told once."""
        there: list[Contract] = []
        for contract in self.contracts:
            names = {model.name for model in contract.models}
            if names and self.options.models and names.isdisjoint(self.options.models):
                self.findings.not_tested[contract.name] = "it has none of the models asked for (--model)"
                continue
            if contract.name not in default_families() and self._is_asked_last(there):
                most = f"of at most {self.provider.ledger.most_requests} requests (--max-requests)"
                self.findings.not_tested[contract.name] = f"not looked for: {most} the rest is kept for what is there"
                continue
            try:
                lacks = contract.name not in default_families() and self.provider.presence.lacks_family(
                    contract, self.contracts
                )
            except BudgetSpent as error:
                self.findings.not_tested[contract.name] = str(error)
                continue
            except CouldNotLook as error:  # whether it has it nobody knows
                self.findings.could_not_look[contract.name] = str(error)
                continue
            if lacks:
                self._not_offered(contract.name, contract.name, contract.document["info"]["title"])
            else:
                there.append(contract)
        self.contracts = tuple(self._without_nowhere(there))

    def _is_asked_last(self, there: Sequence[Contract]) -> bool:
        """Whether to look for one family more would take from those that are there more than a part of the requests."""
        ledger, left = self.provider.ledger, default_families()
        known = bool(there) or any(contract.name in left for contract in self.contracts)
        return known and ledger.most_requests is not None and ledger.requests >= ledger.most_requests // _LOOKED_FOR

    def _without_nowhere(self, contracts: Sequence[Contract]) -> Iterator[Contract]:
        """The families of which anything is there: a wrong address is no provider, and nothing is said of one."""
        answers: dict[str, Exchange] = {}
        with suppress(CouldNotLook, BudgetSpent):
            for contract in contracts:
                if contract.name in default_families() and (answer := self.provider.presence.nowhere(contract)):
                    answers[contract.name] = answer
        for contract in contracts:
            if contract.name not in answers:
                yield contract
            elif len(answers) < len(contracts):
                self._not_offered(contract.name, contract.name, contract.document["info"]["title"])
            else:
                self.unreachable = _nothing_there(contract, self.provider.root, answers[contract.name])
                self.findings.could_not_look["every request"] = self.unreachable

    def models_of(self, contract: Contract) -> tuple[str, ...]:
        """The models of a family to plan with; empty where any may be asked for. What is left out is noted."""
        found = self.capabilities_of(contract).models
        if found.reason:
            self.findings.not_tested["models"] = found.reason
        return found.names

    def models_to_look_up(self, contract: Contract) -> tuple[str, ...]:
        """The models of a family that are there, those no contract knows, too; empty where nobody told of any."""
        known = self.models_of(contract)
        try:
            return known or tuple(self.capabilities_of(contract).listed)
        except (CouldNotLook, BudgetSpent):
            return ()

    def offers(self, contract: Contract, operation: Operation) -> bool:
        """Whether cases of an operation are worth planning; one that is absent is noted."""
        if self.capabilities_of(contract).has(contract, operation):
            return True
        self._note_absent(operation)
        return False

    def can_say(self, contract: Contract, operation: Operation, role: str) -> bool:
        """Whether requests to an operation may say a role; a parameter that is absent is noted."""
        if reason := self.capabilities_of(contract).lacks_parameter(contract, operation, role):
            self.findings.not_tested[f"{operation.id}: {role}"] = reason
        return not reason

    def absent(self, contract: Contract, operation: Operation) -> str:
        """Why an optional operation is not tested; empty when it is there."""
        operation = contract.operation(operation.id)  # not as a case may have it: by another method, on another path
        try:
            if not self.provider.presence.lacks(contract, operation):
                return ""
        except CouldNotLook as error:
            self.findings.could_not_look[operation.id] = str(error)
            return str(error)
        except BudgetSpent as error:
            self.findings.not_tested[operation.id] = str(error)
            return str(error)
        return self._note_absent(operation)

    def _note_absent(self, operation: Operation) -> str:
        return self._not_offered(
            operation.id, operation.label, f"{operation.label}. {operation.optional_because or ''}"
        )

    def _not_offered(self, place: str, name: str, told: str) -> str:
        """Note what this provider does not have at all, and why it is not tested."""
        self.findings.not_offered[place] = name
        self.findings.not_tested[place] = f"this provider has no {told}".strip()
        return self.findings.not_tested[place]

    def close(self) -> None:
        """Close connections."""
        self.provider.close()


def _nothing_there(contract: Contract, root: str, answer: Exchange) -> str:
    """Why nothing can be asked at an address where somebody else answers."""
    response, to = answer.response, answer.response.headers.get("location")
    said = answer.error("error-message")
    how = f" and sends to {to:.80}" if to else " with a web page" if response.media == "text/html" else ""
    how += f" ({said:.80})" if isinstance(said, str) and said else ""
    asked = f"{answer.case.operation.method.upper()} {answer.case.path} answers {response.status}{how}"
    sign_in = " must one sign in first?" if how else ""
    title = contract.document["info"]["title"]
    return f"no {title} API at {root}: {asked}, as any path does: is the URL right, prefix and all?{sign_in}"


def _place(case: Case) -> str:
    return f"{case.operation.id}: {case.label}"
