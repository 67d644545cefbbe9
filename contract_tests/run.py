"""One run of the contract tests against one provider: options in, findings out."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from contract_tests.budget import BudgetSpent, Ledger
from contract_tests.cases import Case, makes_pictures
from contract_tests.exchange import Exchange
from contract_tests.findings import Finding, Findings
from contract_tests.provider import CouldNotLook, Provider, is_loopback, root_of
from spec.contract import Contract, Operation
from spec.language import IMAGE_ROLES
from spec.profiles import PLAIN, Profile, load_profile

#: loopback needs no key; something must be sent all the same
DUMMY_KEY = "sk-imageproof-any"
LOOPBACK_IMAGES = 40
KEY_VARIABLE = "OPENAI_API_KEY"


class UsageError(Exception):
    """The run was asked for wrongly; the text says how to ask rightly."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was told. `max_images` None: a default on loopback, nothing that costs elsewhere; times in seconds."""

    url: str
    key_variable: str = KEY_VARIABLE
    profile: str | None = None
    max_images: int | None = None
    models: tuple[str, ...] = ()
    seed: int = 0
    report_dir: Path | None = None
    task_timeout: float = 300.0
    timeout: float = 180.0


@dataclass(eq=False)
class Run:
    """A run in progress. `steps` count how the tests of a kind ended; `crashes` are faults of ours, not findings.

    `own_models` are models to ask for that no contract lists: the provider's own.
    """

    options: Options
    profile: Profile
    contracts: tuple[Contract, ...]
    provider: Provider
    findings: Findings = field(default_factory=Findings)
    started: float = field(default_factory=time.time)
    steps: dict[str, Counter[str]] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)
    own_models: tuple[str, ...] = ()
    interrupted: bool = False

    def judge(self, case: Case) -> tuple[Exchange | None, list[Finding], str]:
        """Send a case and judge the answer: the exchange, its findings, or why there is none."""
        rule = case.defect.rule if case.defect else ""
        place = f"{case.operation.id}: {case.label}" + (f" ({rule})" if rule else "")
        try:
            exchange = self.provider.send(case)
        except BudgetSpent as error:
            self.findings.not_tested[place] = str(error)
            return None, [], str(error)
        except CouldNotLook as error:
            self.findings.could_not_look[place] = str(error)
            return None, [], str(error)
        found = self.findings.judge(exchange)
        if exchange.lacks_model and not found:
            reason = f"this provider does not have the model {case.asked.get('model')}"
            self.findings.not_tested[place] = reason
            return None, [], reason
        return exchange, found, ""

    def follow(self, exchange: Exchange) -> list[Finding]:
        """Poll the task of an exchange to its end and judge every poll, then the whole."""
        try:
            self.provider.follow(exchange)
        except CouldNotLook as error:
            self.findings.could_not_look[f"{exchange.case.operation.id}: polling"] = str(error)
        found = [finding for poll in exchange.polls for finding in self.findings.judge(poll)]
        return [*found, *(self.findings.judge(exchange) if exchange.polls else [])]

    def absent(self, contract: Contract, operation: Operation) -> str:
        """Why an optional operation is not tested; empty when it is there."""
        try:
            if not self.provider.lacks(contract, operation):
                return ""
        except CouldNotLook as error:
            self.findings.could_not_look[operation.id] = str(error)
            return str(error)
        reason = f"this provider has no {operation.label}. {operation.optional_because or ''}".strip()
        self.findings.not_tested[operation.id] = reason
        return reason

    def close(self) -> None:
        """Close connections."""
        self.provider.close()


def open_run(options: Options) -> Run:
    """A run ready to judge. Raises UsageError, SpecError."""
    try:
        root = root_of(options.url)
    except ValueError as error:
        raise UsageError(str(error)) from error
    key = os.environ.get(options.key_variable, "").strip()
    if not key.isprintable() or " " in key:
        raise UsageError(f"the variable {options.key_variable} holds blanks or control characters, so it is no API key")
    if not key:
        if not is_loopback(root):
            raise UsageError(
                f"no API key: the variable {options.key_variable} is not set\n"
                f"  expected: export {options.key_variable}=..., or --api-key-env NAME for another variable"
            )
        key = DUMMY_KEY
    profile = load_profile(options.profile) if options.profile else PLAIN
    most = options.max_images
    if most is None:
        most = LOOPBACK_IMAGES if is_loopback(root) else 0
    contracts = profile.contracts()
    own = unlisted(contracts, options.models)
    if own:
        contracts = profile.contracts(models=own)
    provider = Provider(options.url, key, Ledger(most), options.timeout, options.task_timeout, options.key_variable)
    return Run(options, profile, contracts, provider, own_models=own)


def unlisted(contracts: Iterable[Contract], models: Iterable[str]) -> tuple[str, ...]:
    """The models no contract lists, where models are listed at all."""
    listed = {model.name for contract in contracts for model in contract.models}
    return tuple(model for model in models if listed and model not in listed)


def delivers(operation: Operation) -> bool:
    """Whether the operation can answer with the pictures it makes."""
    return makes_pictures(operation) and bool(operation.response_roles & IMAGE_ROLES)


def streams(operation: Operation) -> bool:
    """Whether the operation can answer with events when asked to."""
    return delivers(operation) and "stream" in operation.request_roles and operation.success.events is not None


def submits(operation: Operation) -> bool:
    """Whether the operation can answer with a task: when asked to, or always."""
    asked_to = "async" in operation.request_roles or not operation.response_roles & IMAGE_ROLES
    return asked_to and makes_pictures(operation) and "task-id" in operation.response_roles


def looks_up(operation: Operation) -> bool:
    """Whether the operation asks about a task by its id."""
    return "task-id" in operation.request_roles


def tells_models(operation: Operation) -> bool:
    """Whether the operation tells which models there are, or of one of them."""
    return "listed-model" in operation.response_roles


def operations_of(contracts: Iterable[Contract]) -> list[tuple[Contract, Operation]]:
    """Every operation with its contract."""
    return [(contract, operation) for contract in contracts for operation in contract.operations]
