"""Moves on refusals: another status, other words in the error's fields."""

from __future__ import annotations

from dataclasses import replace

from mockserver.drift.registry import refuses
from mockserver.replies import Refusal
from spec.drifts import DriftUse


@refuses("refuse")
def refuse(refusal: Refusal, use: DriftUse) -> Refusal:
    """Another `status` and other `error` fields for some `problems`, all but some (`but`), or those `of` a role.

    `told` names fields whose text is a parameter of the drift, `body` is said instead of the documented one. A status
    that a drift has given already stays: what is refused in a way of its own is no mistake of the usual kind.
    """
    told = use.parameters
    if refusal.problem not in told.get("problems", (refusal.problem,)) or refusal.problem in told.get("but", ()):
        return refusal
    if told.get("of", refusal.role) != refusal.role:
        return refusal
    said = {f"error-{name}": text for name, text in told.get("error", {}).items()}
    said |= {f"error-{name}": told[name] for name in told.get("told", ())}
    return replace(
        refusal,
        status=refusal.status or int(told.get("status", 0)) or None,
        fields={**(refusal.fields or {}), **said},
        body=told.get("body", refusal.body),
    )
