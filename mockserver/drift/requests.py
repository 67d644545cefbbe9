"""Moves on requests: what is wrong is overlooked, what is right is refused, what is said is not heard."""

from __future__ import annotations

from typing import Any

from mockserver.drift.registry import Wish, asks, forgives, rejects
from mockserver.replies import Refusal
from spec.contract import Operation
from spec.drifts import DriftUse
from spec.messages import Request
from spec.patterns import matches

SOMEBODY = "sk-somebody"
_DROP, _LIMIT = "drop", "limit"


@forgives("forgive")
def forgive(request: Request, refusal: Refusal, operation: Operation, use: DriftUse) -> bool:
    """Mend some problems `of` a role, `by` dropping the parameter, by the limit it breaks, or by another value.

    `takes` names a role the operation must take; a missing key is somebody's.
    """
    told = use.parameters
    if refusal.problem not in told["problems"] or told.get("of", refusal.role) != refusal.role:
        return False
    if not operation.request_roles >= set(told.get("takes", ())):
        return False
    if refusal.problem in ("missing-credentials", "invalid-credentials"):
        scheme = operation.schemes[0]
        kept = {name.lower(): text for name, text in request.headers.items()}
        request.headers = {**kept, scheme.header.lower(): scheme.text(SOMEBODY)}
        return True
    name = refusal.param.partition("[")[0].partition(".")[0]
    if not isinstance(request.value, dict) or not name:
        return False
    by = told["by"]
    value = refusal.facts.get("limit") if by == _LIMIT else by
    if by == _DROP:
        request.value = {key: inner for key, inner in request.value.items() if key != name}
    else:
        request.value = {**request.value, name: value}
    return value is not None


@rejects("reject")
def reject(wish: Wish, operation: Operation, use: DriftUse) -> Refusal | None:
    """Refuse what looks like `when`: as a `problem` of the contract at the parameter of a `role`, or in other words.

    `when` is a pattern of `asked` (role -> value; a size is its text), `given` (roles said) and `takes` (roles known),
    `media` (of the body), `parts` (what a form calls what it holds) and `pictures` (how many are given).
    """
    told = use.parameters
    size = wish.asked.get("size")
    asked = {**wish.asked, **({"size": f"{size[0]}x{size[1]}"} if isinstance(size, tuple) else {})}
    plain = {role: value for role, value in asked.items() if isinstance(value, str | int | float | bool | None)}
    facts = {
        "asked": plain,
        "given": list(wish.given),
        "takes": sorted(operation.request_roles),
        "media": wish.media,
        "parts": wish.parts,
        "pictures": len(asked.get("input-image") or ()),
    }
    if "prompt" not in operation.request_roles or not matches(told.get("when", {}), facts):
        return None
    role = told.get("role")
    return Refusal(
        told.get("problem", "invalid-request"),
        wish.given.get(role, "") if role else "",
        role,
        {"reason": told.get("reason", "it is not supported")},
        int(told["status"]) if "status" in told else None,
        {f"error-{name}": text for name, text in told.get("error", {}).items()},
        body=told.get("body"),
    )


@asks("ask")
def ask(roles: dict[str, Any], use: DriftUse) -> dict[str, Any]:
    """Hear something else: `drop` roles that were said, `put` others in their place, `add` even those that were not.

    Of several pictures only the `first` is heard. `when` is a pattern of the roles and of the number of `pictures`.
    """
    told = use.parameters
    plain = {role: v for role, v in roles.items() if isinstance(v, str | int | bool)}
    if not matches(told.get("when", {}), {**plain, "pictures": len(roles.get("input-image") or ())}):
        return roles
    if not roles.keys() >= set(told.get("having", ())):
        return roles
    kept = {role: value for role, value in roles.items() if role not in told.get("drop", ())}
    put = {role: value for role, value in told.get("put", {}).items() if role in roles}
    first = {role: value[:1] for role, value in kept.items() if role in told.get("first", ())}
    return {**kept, **first, **put, **told.get("add", {})}


@asks("lose")
def lose(roles: dict[str, Any], use: DriftUse) -> dict[str, Any]:
    """Make fewer pictures than `count` says, where there are `least` or more."""
    count = roles.get("count")
    short = isinstance(count, int) and count >= int(use.parameters["least"])
    return {**roles, "count": count - int(use.parameters["fewer"])} if short and isinstance(count, int) else roles
