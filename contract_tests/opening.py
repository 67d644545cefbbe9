"""Opening a run: options become contracts, a provider, a cap on what may be spent."""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import isfinite

from contract_tests.budget import Ledger
from contract_tests.findings import Findings
from contract_tests.options import Options, UsageError
from contract_tests.own_models import of_its_own
from contract_tests.provider import DUMMY_KEY, Provider
from contract_tests.reachability import unreachable
from contract_tests.report.saved import NoReport, load
from contract_tests.run import Run
from contract_tests.wanted import Wanted
from spec.addresses import is_loopback, root_of
from spec.contract import Contract
from spec.profiles import PLAIN, load_profile

LOOPBACK_IMAGES = 40
_MOMENT = 0.001  # seconds


def open_run(options: Options) -> Run:
    """A run ready to judge. Raises UsageError, SpecError."""
    _check_limits(options)
    try:
        root = root_of(options.url)
    except ValueError as error:
        raise UsageError(str(error)) from error
    key = _key(options, root)
    other = os.environ.get(options.other_key_variable, "").strip() if options.other_key_variable else ""
    if options.other_key_variable and not other:
        raise UsageError(f"--other-key-env: the variable {options.other_key_variable} is not set")
    profile = load_profile(options.profile) if options.profile else PLAIN
    wanted = Wanted(options.only, options.skip)
    wanted.check()
    most = options.max_images
    if most is None and options.budget is None:
        most = LOOPBACK_IMAGES if is_loopback(root) else 0
    contracts = profile.contracts(options.families)
    try:
        baseline = load(options.baseline) if options.baseline else None
    except NoReport as error:
        raise UsageError(f"--baseline: {error}") from error
    own = unlisted(contracts, options.models)
    if own:
        contracts = profile.contracts(options.families, own)
    recording = options.report_dir / options.recording if options.report_dir and not options.dry_run else None
    provider = Provider(
        root_of(options.url, [operation.path for contract in contracts for operation in contract.operations]),
        key,
        Ledger(most, options.budget, options.max_requests),
        options.timeout,
        options.task_timeout,
        options.key_variable,
        recording,
        other,
        options.per_second,
    )
    away = unreachable(root, options.timeout)
    if not away and not options.models:
        family, own = of_its_own(provider, profile, contracts)
        contracts = tuple(
            profile.contracts((family,), own)[0] if own and one.name == family else one for one in contracts
        )
    findings = Findings(wants=wanted.clause)
    run = Run(options, profile, contracts, provider, findings, wanted=wanted, own_models=own, baseline=baseline)
    run.folder = options.report_dir
    run.unreachable = away
    if away:
        findings.could_not_look["every request"] = away
    else:
        run.without_absent_families()
    return run


def _key(options: Options, root: str) -> str:
    """The key to be sent. Raises UsageError."""
    key = os.environ.get(options.key_variable, "").strip()
    if not key.isprintable() or " " in key:
        raise UsageError(f"the variable {options.key_variable} holds blanks or control characters, so it is no API key")
    if not key:
        if not is_loopback(root):
            raise UsageError(
                f"no API key: the variable {options.key_variable} is not set\n"
                f"  expected: export {options.key_variable}=..., or --api-key-env NAME for another variable"
            )
        return DUMMY_KEY
    return key


def _check_limits(options: Options) -> None:
    """Raises UsageError for a number that limits nothing: of no size at all, or below the least that makes sense."""
    limits = (
        ("--timeout", options.timeout, _MOMENT, "seconds, more than 0"),
        ("--task-timeout", options.task_timeout, _MOMENT, "seconds, more than 0"),
        ("--budget", options.budget, 0, "dollars, 0 or more"),
        ("--max-images", options.max_images, 0, "pictures, 0 or more"),
        ("--max-requests", options.max_requests, 1, "requests, 1 or more"),
        ("--rate", options.per_second, 1e-6, "requests per second, more than 0"),
    )
    for name, value, least, expected in limits:
        if value is not None and not (isfinite(value) and value >= least):
            raise UsageError(f"{name}: {value} is no limit; expected {expected}")


def unlisted(contracts: Iterable[Contract], models: Iterable[str]) -> tuple[str, ...]:
    """The models no contract lists, where models are listed at all."""
    listed = {model.name for contract in contracts for model in contract.models}
    return tuple(model for model in models if listed and model not in listed)
