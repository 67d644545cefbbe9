"""What a provider has of what the contract offers, found out with requests that cost nothing, before it is judged.

Which operations there are is asked of paths, which models of the provider's own list or, without one, of requests that
are refused for something else; which parameters it lacks is learned from its refusals. What is absent and may be is
told once, with the reason, and later cases are planned around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from contract_tests.absences import NOT_ABOUT_THE_REQUEST
from contract_tests.budget import BudgetSpent
from contract_tests.cases import Case, makes_pictures, with_value, without
from contract_tests.connection import CouldNotLook
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled
from contract_tests.planning import collect
from contract_tests.provider import Provider
from contract_tests.valid_cases import body_plan, cases
from spec.contract import Contract, Operation

_NO_MODEL = "imageproof-no-such-model"
_NO_VALUE = "imageproof-no-such-value"
_NAMED = 6  # names that are told of a list


@dataclass(frozen=True, slots=True)
class Models:
    """Models to plan with. `certain`: the provider said that it has them; else it may have some of them.

    `none`: it said that it has none that is known here. `reason` says how that is known, where it leaves something out.
    """

    names: tuple[str, ...]
    certain: bool
    reason: str = ""
    none: bool = False


@dataclass(eq=False)
class Capabilities:
    """What one provider has. `wanted` are the only models to ask for, where somebody named some."""

    provider: Provider
    contracts: Sequence[Contract]
    wanted: tuple[str, ...] = ()
    seed: int = 0
    _no_model: dict[str, str] = field(default_factory=dict)
    _no_parameter: dict[tuple[str, str], str] = field(default_factory=dict)
    _asked_about: set[tuple[str, str]] = field(default_factory=set)
    _delivered: set[str] = field(default_factory=set)

    # --- operations --------------------------------------------------------------------------------------------------

    def has(self, contract: Contract, operation: Operation) -> bool:
        """Whether the operation is there; what could not be asked for is taken to be."""
        try:
            return not self.provider.presence.lacks(contract, operation)
        except (CouldNotLook, BudgetSpent):
            return True

    def lacks_parameter(self, contract: Contract, operation: Operation, role: str) -> str:
        """Why no request to an operation can say a role; empty where it can. Sends a request with a broken value."""
        for media, schema in operation.body.items():
            for name in (n for n, inner in schema.get("properties", {}).items() if inner.get("x-role") == role):
                if (operation.id, name) not in self._asked_about:
                    self._asked_about.add((operation.id, name))
                    self._ask_about(contract, operation, media, name)
                if why := self._no_parameter.get((operation.id, name)):
                    return why
        return ""

    def _ask_about(self, contract: Contract, operation: Operation, media: str, name: str) -> None:
        models = [
            (n, self.models.names)
            for n, inner in operation.body[media].get("properties", {}).items()
            if inner.get("x-role") == "model" and self.models.names
        ]
        plan = body_plan(operation, media, tuple(models))
        pins = [{n: model} for n, names in models for model in names if plan.possible({n: model, name: True})] or [{}]
        for valid in collect([cases(contract, operation, pins[0], True, tuple(models), media)], 1, self.seed):
            broken = labelled(with_value(valid, {**valid.request.value, name: _NO_VALUE}))
            if broken is not None:
                with suppress(CouldNotLook, BudgetSpent):
                    self.learn(self.provider.send(broken))

    # --- models ------------------------------------------------------------------------------------------------------

    @cached_property
    def models(self) -> Models:
        """The models to ask for. Sends requests that cost nothing."""
        known = tuple(model.name for contract in self.contracts for model in contract.models)
        if self.wanted or not known:
            return Models(self.wanted, True)
        try:
            listed = self.listed
            if have := tuple(name for name in known if name in listed):
                left = [name for name in known if name not in listed]
                return Models(have, True, f"this provider does not list {_some(left)}" if left else "")
            return self.probed(known, listed)
        except (CouldNotLook, BudgetSpent):
            return Models((), True)

    @cached_property
    def listed(self) -> Mapping[str, None]:
        """The names in the provider's list of models, in its order; none where it has no list. Sends requests."""
        found: dict[str, None] = {}
        for contract in self.contracts:
            for operation in contract.operations:
                if "listed-model" in operation.response_roles - operation.request_roles and not any(
                    parameter.location == "path" for parameter in operation.parameters
                ):
                    if self.provider.presence.lacks(contract, operation):
                        continue
                    answer = self.provider.send(Case(contract, operation))
                    if answer.succeeded:
                        names = (m.value for m in answer.meanings if m.role == "listed-model")
                        found |= dict.fromkeys(name for name in names if isinstance(name, str))
        return found

    def probed(self, known: tuple[str, ...], listed: Mapping[str, None] = MappingProxyType({})) -> Models:
        """The models for which a request is refused for what is missing in it, and not for the model."""
        told = (
            f"this provider lists only models no contract knows ({_some(listed)}): name one with --model"
            if listed
            else ""
        )
        for probes in self._probes(known):
            answers = {name: self.provider.send(case) for name, case in probes.items()}
            nobody = answers.pop(_NO_MODEL)
            have = [name for name, answer in answers.items() if not answer.lacks_model]
            if nobody.lacks_model and not have:
                told = told or "this provider refuses every model a contract knows as unknown: name one with --model"
                return Models((), True, told, none=True)
            if nobody.lacks_model:
                left = [name for name in known if name not in have]
                told = told or (f"this provider refuses {_some(left)} as unknown" if left else "")
                return Models(tuple(have), True, told)
        return Models((), False, told)

    def _probes(self, known: tuple[str, ...]) -> Iterator[dict[str, Case]]:
        """Per operation one broken request per model, and one for a model nobody has: broken where nothing else is."""
        for contract in self.contracts:
            for operation in contract.operations:
                for media in operation.body if makes_pictures(operation) and operation.optional_because is None else ():
                    schema = operation.body[media]
                    names = [n for n, inner in schema.get("properties", {}).items() if inner.get("x-role") == "model"]
                    rest = [name for name in schema.get("required", ()) if name not in names]
                    if names and rest:
                        probes = {name: self._probe(contract, operation, media, names[0], name, rest) for name in known}
                        found = {name: case for name, case in probes.items() if case is not None}
                        if found:
                            some = next(iter(found.values()))
                            nobody = with_value(some, {**some.request.value, names[0]: _NO_MODEL})
                            yield {**found, _NO_MODEL: nobody}

    def _probe(
        self, contract: Contract, operation: Operation, media: str, name: str, model: str, rest: list[str]
    ) -> Case | None:
        """A request for a model without what else is required: refused by whoever keeps the contract."""
        pin = {name: model}
        if not body_plan(operation, media).possible(pin):
            return None
        [valid, *_] = collect([cases(contract, operation, pin, True, media=media)], 1, self.seed)
        broken = (labelled(without(valid, key)) for key in rest)
        return next((case for case in broken if case is not None), None)

    # --- learned from refusals ---------------------------------------------------------------------------------------

    def learn(self, exchange: Exchange) -> None:
        """Keep what an answer says about the provider's models and parameters."""
        case = exchange.case
        model = case.asked.get("model")
        if exchange.succeeded and case.defect is None and isinstance(model, str):
            self._delivered.add(model)
        if exchange.lacks_model and case.defect is None and isinstance(model, str) and model not in self._delivered:
            self._no_model.setdefault(model, _without_model(model, exchange))
        # What must be there is missed where it is used rightly, so that it is found there.
        if name := exchange.lacks_feature if case.defect is not None else exchange.lacks_parameter:
            self._no_parameter.setdefault((case.operation.id, name), _without_parameter(name, exchange))

    def in_doubt(self, exchange: Exchange) -> bool:
        """Whether a request that keeps the contract is refused for a model the provider may not have at all."""
        model = exchange.case.asked.get("model")
        refused = exchange.case.defect is None and 400 <= exchange.response.status < 500
        if not refused or exchange.response.status in NOT_ABOUT_THE_REQUEST or "models" not in vars(self):
            return False  # which models there are is asked when a run is planned, and not for this
        return isinstance(model, str) and model not in self._delivered and not self.models.certain

    @property
    def delivers(self) -> bool:
        """Whether any model was seen to deliver."""
        return bool(self._delivered)

    def has_delivered(self, model: Any) -> bool:
        """Whether this model was seen to deliver."""
        return model in self._delivered

    def why_not(self, case: Case) -> str:
        """Why a case cannot show anything here; empty where it can."""
        model = case.asked.get("model")
        if case.defect is None and isinstance(model, str) and model in self._no_model:
            return self._no_model[model]
        return ""

    def around(self, case: Case) -> tuple[Case | None, str]:
        """The case without parameters this provider is known to refuse, and why; None where nothing is left to show."""
        told = case.request.value if isinstance(case.request.value, dict) else {}
        reason = ""
        for (operation, name), why in self._no_parameter.items():
            if case.defect is None and operation == case.operation.id and (name in told or name in case.query):
                left = without(case, name)
                # A stream or a task that is not asked for is another request.
                changed = any(case.asked.get(role) is True and not left.asked.get(role) for role in ("stream", "async"))
                if changed or labelled(left) is not None:
                    return None, why
                case, reason = left, why
                told = case.request.value if isinstance(case.request.value, dict) else {}
        return case, reason


def _without_model(model: str, exchange: Exchange) -> str:
    return f"this provider does not have the model {model} ({exchange.response.status}{_said(exchange)})"


def _without_parameter(name: str, exchange: Exchange) -> str:
    return f"{exchange.case.operation.label} has no {name} here ({exchange.response.status}{_said(exchange)})"


def _said(exchange: Exchange) -> str:
    said = exchange.error("error-message")
    return f": {said[:160]}" if isinstance(said, str) and said else ""


def _some(names: Sequence[str] | Mapping[str, None]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more
