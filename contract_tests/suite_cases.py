"""Which cases each shipped test is given: planned from the contract, by what an operation means, never by its name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from math import inf
from typing import Any

from contract_tests import followups
from contract_tests.budget import Kept, Share, beyond_caps, price_of
from contract_tests.cases import (
    CREDENTIALS,
    Case,
    expected_images,
    most_images,
    needs_issued,
    with_value,
)
from contract_tests.clauses.registry import KINDS
from contract_tests.mutations import unknown_task
from contract_tests.plan import Plan
from contract_tests.planning import coverage, refusals, streamed
from contract_tests.purposes import delivers, looks_up, needs_nothing, operations_of, streams, submits, tells_models
from contract_tests.raw import raw
from contract_tests.readings import is_often_let_pass
from contract_tests.replay import kept
from contract_tests.run import Run
from contract_tests.variations import varied, with_a_stream, with_variations
from spec.contract import Contract, Operation
from spec.units import outward

_MOST_TASKS = 2  # where tasks are another way to the same pictures
_MOST_STREAMS = 4
_MOST_TEXTS = 2
_RESERVE_PER_MODEL = 3
_EVERYWHERE = frozenset({"model", "prompt", "count", "size"})
_ONLY_IN_STREAMS = frozenset({"stream", "partial-count"})


#: pictures that are enough to see every family of clauses
_SMALL_CAP = 12
_AGAIN = 1 / 3  # of the budget, at most, for what failed before


def cases_of(kind: str, run: Run, *, at_last: bool = False) -> list[Case]:
    """The cases of a kind: replay (what failed before), refusals, lookups, pictures, streams, tasks or followups.

    `at_last`: of the refusals those that could alone make more pictures than may be risked before the paid cases.
    """
    if not run.wanted.kind(kind):
        return []
    planned = run.planned[kind]
    may_wait = kind == "refusals" and bool(run.plan.paid)
    return [case for case in planned if (may_wait and run.provider.leaks.endangers(case)) is at_last]


def plan(run: Run) -> dict[str, list[Case]]:
    """Every case that is to be sent, by kind; the run learns what that costs, and what a small cap would buy."""
    found = {kind: [case for case in make(run) if kind == "replay" or run.wanted.case(kind, case)]
             for kind, make in _FREE.items() if run.wanted.kind(kind)}  # fmt: skip
    free = [case for cases in found.values() for case in cases]
    slots = _allotted(run, again := found.get("replay", []))
    questions = found.pop("followups", [])
    for slot in slots:
        found.setdefault(slot.kind, []).extend((*slot.chosen, *slot.reserve))
    found.setdefault("followups", []).extend(questions)  # when there is most to tell
    run.plan = Plan.of([*free, *(case for slot in slots for case in slot.chosen)], again)
    if slots and not run.plan.paid:
        others = _slots(run)
        _allot(others, _SMALL_CAP, None, again)
        run.offer = Plan.of(case for slot in others for case in slot.chosen)
        kinds = ", ".join(dict.fromkeys(slot.kind for slot in others if slot.chosen))
        run.findings.not_tested["what costs money"] = (
            f"nothing may be spent, so no {kinds} were asked for: --max-images {_SMALL_CAP} costs {run.offer.cost}"
        )
    return {kind: found.get(kind, []) for kind in KINDS}


# --- what costs nothing ----------------------------------------------------------------------------------------------


def _refusals(run: Run) -> list[Case]:
    """First what cannot cost anything, operation by operation; last what providers may read in ways of their own.

    What they may read as it is meant comes late, too: it is not refused by most who look at all else, and pictures that
    are made of it would be taken for a sign that no more of such requests can be afforded.
    """
    offered = [(contract, operation) for contract, operation in operations_of(run.contracts)
               if run.offers(contract, operation)]  # fmt: skip
    order, seed = [operation.id for _, operation in offered], run.options.seed
    found = [case for contract in run.contracts
             for case in once(refusals(contract, operation, seed, run.models_of(contract))
                               for one, operation in offered if one is contract)]  # fmt: skip
    found += [case for contract in run.contracts
              for case in raw(contract, seed, run.models_of(contract)) if case.operation.id in order]  # fmt: skip
    turn = _turns(found)
    return sorted(
        found, key=lambda case: (_certainty(case), order.index(case.operation.id), most_images(case), turn[case.key])
    )


def _turns(cases: Iterable[Case]) -> dict[Any, int]:
    """Key -> how many before it are wrong in the same parameter: who lets one pass must be asked of others, too."""
    before: Counter[tuple[str, str]] = Counter()
    found = {}
    for case in cases:
        place = (case.operation.id, case.defect.param if case.defect else "")
        found[case.key] = before[place]
        before[place] += 1
    return found


def once(operations: Iterable[Sequence[Case]]) -> Iterator[Case]:
    """What operations refuse, without most of what one before has refused: who checks the first seldom forgets another.

    Of each problem one such case stays, about what every request has if it can be, and all about keys.
    """
    before: set[tuple[str, str, str]] = set()
    for cases in operations:
        defects = {case.key: (one.problem, one.param, one.rule) for case in cases if (one := case.defect)}
        again: dict[str, Case] = {}
        for case in sorted((one for one in cases if defects[one.key] in before), key=_how_special):
            again.setdefault(defects[case.key][0], case)
        kept = {case.key for case in again.values()}
        for case in cases:
            told = defects[case.key]
            if told not in before or case.key in kept or told[0] in CREDENTIALS:
                yield case
        before.update(defects.values())


def _how_special(case: Case) -> bool:
    schema = case.operation.body.get(case.request.media, {})
    param = case.defect.param if case.defect else ""
    return schema.get("properties", {}).get(param, {}).get("x-role") not in _EVERYWHERE


def _certainty(case: Case) -> int:
    """What nobody may let pass comes first: who makes pictures of what may be let pass is soon asked for no more."""
    defect = case.defect
    if defect is None or defect.tolerated or defect.lenient:
        return 5 if defect is not None and defect.tolerated else 4
    if not most_images(case):
        return 0
    return 1 if defect.problem in CREDENTIALS else 3 if is_often_let_pass(case) else 2


def _lookups(run: Run) -> list[Case]:
    found = []
    for contract, operation in operations_of(run.contracts):
        if not run.offers(contract, operation):
            continue
        if looks_up(operation) and not operation.body:
            found.append(unknown_task(contract, operation))
        if tells_models(operation):
            found.append(_known_model(contract, operation, run.models_to_look_up(contract)))
        elif needs_nothing(operation):
            found.append(Case(contract, operation))
    return found


def _known_model(contract: Contract, operation: Operation, models: tuple[str, ...]) -> Case:
    """A question for the models, or for one that is likely to be there: listed, or not about to be shut down."""
    lasting = [model.name for model in contract.models if model.shutdown is None]
    named = [*models, *lasting, *(model.name for model in contract.models)][0]
    path = {p.name: named for p in operation.parameters if p.location == "path" and p.role == "listed-model"}
    return Case(contract, operation, path_parameters=path)


def _failed_before(run: Run) -> list[Case]:
    """What an earlier run has kept, the most severe first; what is paid for only within a third of the budget."""
    if run.folder is None:
        return []
    found, reason = kept(run, run.folder)
    if reason:
        run.findings.not_tested["what failed before"] = reason
    ledger = run.provider.ledger
    images, dollars = (inf if cap is None else cap * _AGAIN for cap in (ledger.most_images, ledger.most_dollars))
    chosen = []
    for failure in found:
        case, cost = failure.case, expected_images(failure.case)
        price = price_of(case).dollars if cost else 0.0
        if not run.wanted.clause(failure.clause) or cost > images or price > dollars:
            continue
        images, dollars = images - cost, dollars - price
        chosen.append(case)
    return chosen


def _questions(run: Run) -> list[Case]:
    """What is asked about tasks, where there are going to be any."""
    if not run.wanted.kind("tasks"):
        return []
    return [case for contract, operation in operations_of(run.contracts) if run.offers(contract, operation)
            for case in followups.questions(contract, operation, run.options.seed)]  # fmt: skip


_FREE: dict[str, Callable[[Run], list[Case]]] = {
    "replay": _failed_before,
    "refusals": _refusals,
    "lookups": _lookups,
    "followups": _questions,
}


# --- what is paid for ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Slot:
    """One way to pictures of one operation. `weight`: how much of the money it is worth, next to the others.

    `most`: not more than so many cases. `reserve` is asked where the provider lacks the models of those chosen.
    """

    kind: str
    operation: Operation
    planned: list[Case]
    most: int | None = None
    weight: float = 0.0
    chosen: list[Case] = field(default_factory=list)
    reserve: list[Case] = field(default_factory=list)

    @property
    def images(self) -> int:
        """How many pictures the chosen cases ask for."""
        return sum(map(expected_images, self.chosen))

    @property
    def first(self) -> list[Case]:
        """The chosen cases that show what no others do: another prompt; a mask, and another picture given."""
        least = (3 if "input-image" in self.operation.request_roles else 2) if self.kind == "pictures" else 1
        return self.chosen[:least]

    @property
    def next(self) -> Case | None:
        """The first case that is not chosen yet."""
        return self.planned[len(self.chosen)] if len(self.chosen) < len(self.planned[: self.most]) else None

    @property
    def claim(self) -> float:
        """What the next picture is worth (highest averages, as seats are given to parties)."""
        case = self.next
        return self.weight / (self.images + max(expected_images(case), 1)) if case else 0.0


def _allotted(run: Run, again: list[Case]) -> list[_Slot]:
    """Every slot with its cases chosen so that all, with what is sent `again`, fit the budget; the rest is noted."""
    slots, ledger = _slots(run), run.provider.ledger
    _allot(slots, ledger.most_images, ledger.most_dollars, again)
    first = {case.key: case for slot in slots for case in slot.first if expected_images(case)}
    run.kept = Kept(first, frozenset(case.key for slot in slots for case in slot.chosen) - first.keys())
    if ledger.most_images is not None:
        run.provider.leaks.spare = max(ledger.most_images - run.kept.images, 0)
    caps = [
        f"at most {ledger.most_images} picture{'s' if ledger.most_images != 1 else ''} may be made (--max-images)"
        if ledger.most_images is not None
        else "",
        f"at most ${ledger.most_dollars:.2f} may be spent (--budget)" if ledger.most_dollars is not None else "",
    ]
    for slot in slots:
        if slot.planned and not run.capabilities_of(slot.planned[0].contract).models.certain:
            _keep_in_reserve(slot, run)
    run.kept.others |= {case.key for slot in slots for case in slot.reserve}
    for slot in slots:
        if left := len(slot.planned[: slot.most]) - len(slot.chosen):
            place = f"{slot.operation.id}: {left} more cases of {slot.kind}"
            beyond = slot.next and beyond_caps(price_of(slot.next), ledger.most_images, ledger.most_dollars)
            run.findings.not_tested[place] = beyond or ", and ".join(filter(None, caps))
            if most := _more_at_once(slot):
                place = f"{slot.operation.id}: more than {most} picture{'s' if most > 1 else ''} at once"
                run.findings.not_tested[place] = ", and ".join(filter(None, caps))
    return slots


def _more_at_once(slot: _Slot) -> int:
    """The most pictures the chosen cases ask for at once, where others of the plan ask for more; 0 where none do."""
    if slot.kind != "pictures" or not slot.chosen:
        return 0
    most = max(map(expected_images, slot.chosen))
    return most if most < max(map(expected_images, slot.planned)) else 0


def _keep_in_reserve(slot: _Slot, run: Run) -> None:
    """Whoever may lack models is asked for others in their stead, as long as the slot's share of the money lasts."""
    share = Share(slot.images)
    asked = Counter(case.asked.get("model") for case in slot.chosen)
    for case in slot.planned[len(slot.chosen) :]:
        model = case.asked.get("model")
        if slot.chosen and asked[model] < _RESERVE_PER_MODEL:
            asked[model] += 1
            slot.reserve.append(case)
    run.shares.update((case.key, share) for case in (*slot.chosen, *slot.reserve))


def _allot(slots: list[_Slot], most_images: int | None, most_dollars: float | None, again: list[Case]) -> None:
    """Give each picture of the budget to the slot with the highest claim; one that cannot afford its next is done.

    What is sent `again` takes its part first, and is not paid for twice.
    """
    able, paid = list(slots), {case.key for case in again}
    images, dollars = (inf if cap is None else cap for cap in (most_images, most_dollars))
    images -= sum(map(expected_images, again))
    dollars -= sum(price_of(case).dollars for case in again if expected_images(case))
    while able:
        slot = max(able, key=lambda one: one.claim)
        case = slot.next
        if case is None:
            able.remove(slot)
            continue
        price = price_of(case)
        cost = (0, 0.0) if case.key in paid else (expected_images(case), price.dollars)
        if cost[0] > images or cost[1] > dollars or beyond_caps(price, most_images, most_dollars):
            able.remove(slot)
        else:
            images -= cost[0]
            dollars -= cost[1]
            slot.chosen.append(case)


def _slots(run: Run) -> list[_Slot]:
    """Every way to pictures of every operation: what comes first in its document is worth most."""
    found = [replace(slot, planned=[case for case in slot.planned if run.wanted.case(slot.kind, case)])
             for slot in _ways(run)]  # fmt: skip
    found += _following(run, found)
    ranks: defaultdict[tuple[str, str], Iterator[int]] = defaultdict(count)  # by family and kind
    weight = 0.0
    for slot in found:
        own = not (slot.planned and slot.planned[0].doomed)
        # What comes to nothing is half of what the rest of the same operation is worth.
        weight = _WEIGHTS[slot.kind] / 2 ** next(ranks[slot.operation.family, slot.kind]) if own else weight / 2
        slot.weight = weight
    return found


def _ways(run: Run) -> Iterator[_Slot]:
    """Pictures, streams and tasks."""
    seed = run.options.seed
    for contract, operation in operations_of(run.contracts):
        models = run.models_of(contract)
        if not run.offers(contract, operation) or needs_issued(operation) or not _has_model(operation, models):
            continue
        if "model" in operation.request_roles and run.capabilities_of(contract).models.none:
            continue
        wants = {kind for kind in _WEIGHTS if run.wanted.kind(kind)}
        planned = _planned(contract, operation, seed, models) if delivers(operation) or submits(operation) else []
        in_streams = streams(operation) and "streams" in wants and run.can_say(contract, operation, "stream")
        if delivers(operation) and "pictures" in wants:
            whole = with_a_stream(planned) if in_streams else planned
            yield _Slot("pictures", operation, whole, None if operation.makes != "text" else _MOST_TEXTS)
        if in_streams:
            yield _Slot("streams", operation, _streamed(contract, operation, seed, models), _MOST_STREAMS)
        if "tasks" not in wants or (submits(operation) and not _can_poll(run, contract, operation)):
            continue
        if submits(operation) and delivers(operation):
            cheapest = _told_apart(sorted(planned, key=expected_images))
            second = [varied(case, "count") or case for case in cheapest[1:2]]  # more than one picture, in another task
            tasks = [*cheapest[:1], *second, *cheapest[2:]]
            yield _Slot("tasks", operation, [_as_task(case) for case in tasks], _MOST_TASKS)
        elif submits(operation):  # there is no other way to a picture
            yield _Slot("tasks", operation, planned)
            if doomed := followups.doomed(contract, operation, seed):
                yield _Slot("tasks", operation, doomed)


def _following(run: Run, ways: Iterable[_Slot]) -> Iterator[_Slot]:
    """What follows up on the tasks among these ways."""
    if not run.wanted.kind("followups"):
        return
    tasks = [slot.planned[0] for slot in ways if slot.kind == "tasks" and slot.planned]
    for contract, operation in operations_of(run.contracts):
        if needs_issued(operation) and run.offers(contract, operation):
            own = [case for case in tasks if case.contract is contract]
            yield _Slot("followups", operation, followups.offers(contract, operation, run.options.seed, own))


def _has_model(operation: Operation, models: tuple[str, ...]) -> bool:
    """Whether an operation that is there for one model is there for one of those to be asked."""
    return not models or operation.asks.get("model", models[0]) in models


_WEIGHTS = {"pictures": 8.0, "streams": 2.5, "tasks": 2.5, "followups": 2.0}


def _can_poll(run: Run, contract: Contract, operation: Operation) -> bool:
    """Whether what becomes of a task can be asked."""
    poll = contract.poll_of(operation)
    return poll is None or run.offers(contract, poll)


@lru_cache(maxsize=32)
def _planned(contract: Contract, operation: Operation, seed: int, models: tuple[str, ...]) -> list[Case]:
    return with_variations(coverage(contract, operation, seed, models, _ONLY_IN_STREAMS))


@lru_cache(maxsize=32)
def _streamed(contract: Contract, operation: Operation, seed: int, models: tuple[str, ...]) -> list[Case]:
    return streamed(contract, operation, seed, models)


def _told_apart(cases: list[Case]) -> list[Case]:
    """The same cases, none with its predecessor's prompt, so that nobody's picture can pass for another's."""
    found: list[Case] = []
    for case in cases:
        alike = bool(found) and case.asked.get("prompt") == found[-1].asked.get("prompt")
        found.append((varied(case, "prompt") or case) if alike else case)
    return found


def _as_task(case: Case) -> Case:
    """The same request, with a task wanted for an answer."""
    for parameter in case.operation.parameters:
        if parameter.role == "async":
            return replace(case, query={**case.query, parameter.name: str(_word_for_true(parameter.schema))})
    value = dict(case.request.value)
    for name, inner in case.operation.body[case.request.media].get("properties", {}).items():
        if inner.get("x-role") == "async":
            value[name] = _word_for_true(inner)
    return with_value(case, value)


def _word_for_true(schema: Any) -> Any:
    convert = outward("async", schema)
    return convert(True) if convert else True
