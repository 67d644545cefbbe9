"""Problems that are forced rather than met: what `Prefer: code=N` and `Prefer: problem=NAME` make of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockserver.preferences import Wishes
from mockserver.replies import Refusal
from spec.contract import Contract, Operation

#: what a message says of a limit that nobody has reached
_FACTS: Mapping[str, Any] = {
    "reason": "it was asked to fail",
    "per-minute": 60,
    "used": 60,
    "requested": 1,
    "path": "this path",
    "method": "This method",
}


class Forcible:
    """The problems one operation can be made to answer: by documented status, and by name."""

    def __init__(self, contract: Contract, operation: Operation) -> None:
        self._operation = operation
        self._names = sorted(contract.problems)
        self._by_status = forcible(contract, operation)

    def refusal(self, wishes: Wishes, facts: Mapping[str, Any]) -> Refusal | None:
        """How the request is refused if these are its wishes; None for the usual answer."""
        for name, expected in wishes.unreadable.items():
            return _unmet(wishes, f"Prefer: {name} cannot be met: {_in_one_line(expected)}.", "unreadable_preference")
        if wishes.problem is not None:
            if wishes.problem not in self._names:
                known = ", ".join(self._names)
                return _unmet(
                    wishes,
                    f"Prefer asks for problem {wishes.problem!r}; {self._operation.label} knows {known}.",
                    "unknown_problem",
                )
            if not wishes.cause:
                wishes.applied.append(f"problem={wishes.problem}")
            return Refusal(wishes.problem, facts={**_FACTS, **facts})
        code = wishes.code
        if code is None or code == self._operation.success.status:
            return None
        if code not in self._by_status:
            documented = ", ".join(sorted([self._operation.success.status, *self._by_status]))
            return _unmet(
                wishes,
                f"Prefer asks for status {code!r}; {self._operation.label} can answer {documented}.",
                "undocumented_status",
            )
        wishes.applied.append(f"code={code}")
        return Refusal(self._by_status[code], facts={**_FACTS, **facts})


def _unmet(wishes: Wishes, message: str, code: str) -> Refusal:
    wishes.applied.clear()
    fields = {
        "error-message": message,
        "error-type": "imageproof_preference",
        "error-param": "Prefer",
        "error-code": code,
    }
    return Refusal("invalid-request", fields=fields)


def _in_one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines())


def forcible(contract: Contract, operation: Operation) -> dict[str, str]:
    """Status -> the problem that stands for it when a caller prefers that status; documented statuses only.

    Never an unknown path, which is not an operation's to say, nor a missing key, where one was given.
    """
    found: dict[str, str] = {}
    polls = "task-id" in operation.request_roles
    names = ["unknown-task"] if polls and "unknown-task" in contract.problems else []
    for name in [*names, *contract.problems]:
        problem = contract.problems[name]
        if problem.answer is None and name != "missing-credentials" and operation.answer(problem.status):
            found.setdefault(str(problem.status), name)
    return found
