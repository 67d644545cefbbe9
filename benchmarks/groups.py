"""Groups: of every operation and every way it answers few cases that show what the answer is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract_tests.cases import Case, expected_images
from contract_tests.exchange import Exchange
from contract_tests.followups import filled, follow_up
from contract_tests.run import Run
from contract_tests.suite_cases import cases_of
from contract_tests.valid_cases import pixels

_LISTED = 2  # tasks: enough to lose one, or to change their order
_ENOUGH_TO_GIVE_ONE_UP = 3


@dataclass(frozen=True)
class Group:
    """Cases sent together, in this order, and the operations whose answers they bring.

    `planned` are the tasks of a run that has more than these cases to send: of several the last is given up.
    """

    name: str
    cases: tuple[Case, ...]
    refuses: bool = False
    planned: tuple[Case, ...] = ()

    @property
    def only_asks(self) -> bool:
        """Whether its last case asks about the tasks before it, and leaves them as they are."""
        last = self.cases[-1]
        return last.about is not None and not expected_images(last) and not last.operation.effect


def sent(run: Run, case: Case) -> Exchange | None:
    """Send a case and judge the answer, and the polls of its task; None where it cannot be sent, or not be read."""
    if case.about is not None:
        return follow_up(run, case)[0]
    exchange, _, _ = run.judge(case)
    if exchange is not None and exchange.wants_task:
        run.follow(exchange)
    return exchange


def groups(run: Run, refusals: int) -> Iterator[Group]:
    """The groups that try a provider, each operation's refusals at most so many. Makes the tasks that are followed."""
    kinds = {kind: cases_of(kind, run) for kind in _CHOOSERS}
    tasks = [case for operation in _operations(kinds["tasks"]) for case in _least(kinds["tasks"], operation)]
    lookups = {"lookups": kinds.pop("lookups")}
    yield from _answered(kinds, refusals)
    yield from _following(run, tasks, cases_of("followups", run))
    yield from _given_up(tasks)
    yield from _answered(lookups, refusals)  # last: asked for without tasks, a list has nothing to tell


def _answered(kinds: Mapping[str, list[Case]], refusals: int) -> Iterator[Group]:
    for operation in _operations([case for cases in kinds.values() for case in cases]):
        for kind, cases in kinds.items():
            if chosen := tuple(_CHOOSERS[kind]([case for case in cases if case.operation is operation])):
                refuses = kind == "refusals"
                yield Group(f"{operation.id} {kind}", chosen[:refusals] if refuses else chosen, refuses)


def _operations(cases: list[Case]) -> list[Any]:
    return list(dict.fromkeys(case.operation for case in cases))


def _following(run: Run, tasks: list[Case], questions: list[Case]) -> Iterator[Group]:
    """Of every operation that follows tasks the first case that can be sent, after all that it takes."""
    if not questions:
        return
    made: dict[int, Case] = {}  # what an exchange of the run was planned as
    found: dict[str, Group] = {}
    for case in (*tasks, *questions):
        if case.about and case.operation.id not in found and (told := filled(case, run.submits)):
            before = {one.key: one for one in _taken(told, made)}.values()
            found[case.operation.id] = Group(f"{case.operation.id} followups", (*before, case))
        exchange = sent(run, case)
        if exchange is not None:
            made[id(exchange)] = case
    yield from found.values()


def _taken(case: Case, made: Mapping[int, Case]) -> Iterator[Case]:
    """What has to be sent so that there is what a case is about, as it was planned."""
    for submit in case.about.submits[:_LISTED] if case.about else ():
        yield from _taken(submit.case, made)
        yield made[id(submit)]


def _given_up(tasks: list[Case]) -> Iterator[Group]:
    """Of each way to give tasks up one that is given up."""
    found: dict[str, Case] = {}
    for case in tasks:
        if target := case.contract.linked(case.operation, "cancel"):
            found.setdefault(target.id, case)
    for name, case in found.items():
        yield Group(f"{name} cancels", (case,), planned=(case,) * _ENOUGH_TO_GIVE_ONE_UP)


def _refused(cases: list[Case]) -> list[Case]:
    """One for each problem; those of which the answer has most to tell come first: a parameter, a code."""
    found: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: not (case.defect and case.defect.param)):
        if case.defect is not None:
            found.setdefault(case.defect.problem, case)
    return sorted(found.values(), key=lambda case: case.defect is None or case.defect.code is None)


def _pictured(cases: list[Case]) -> list[Case]:
    """Two small pictures in each way they are delivered, or one where there is no other."""
    found: dict[Any, Case] = {}
    for case in sorted(cases, key=lambda case: (case.asked.get("count", 1) != 2, len(case.asked), pixels(case))):
        found.setdefault((case.asked.get("delivery"),), case)
    return list(found.values())


def _streamed(cases: list[Case]) -> list[Case]:
    return sorted(cases, key=lambda case: (-(case.asked.get("partial-count") or 0), pixels(case)))[:1]


def _small(cases: list[Case]) -> list[Case]:
    return sorted(cases, key=lambda case: (expected_images(case), pixels(case)))[:1]


def _least(cases: list[Case], operation: Any) -> list[Case]:
    return _small([case for case in cases if case.operation is operation])


_CHOOSERS: dict[str, Callable[[list[Case]], list[Case]]] = {
    "refusals": _refused,
    "lookups": list,
    "pictures": _pictured,
    "streams": _streamed,
    "tasks": _small,
}
