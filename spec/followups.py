"""Follow-ups: what may be asked of a task that has succeeded, each by a word of its own (`x-follow-ups`).

A rule says which kinds of task offer it, with which word (`{part}` and `{token}` filled in), and what it makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spec.errors import DocumentError
from spec.language import MAKES

_FIELDS: dict[str, type] = {
    "action": str,
    "label": str,
    "emoji": str,
    "parts": int,
    "after": list,
    "kind": str,
    "makes": str,
    "waits": bool,
}
_PLACES = re.compile(r"\{(\w+)\}")


#: stands for what tells a task from others, where no task is meant yet
ANY_TASK = "{token}"


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that may be asked of one task. `part` counts from 1, 0: of the whole; `waits`: it needs input first."""

    action: str
    label: str
    emoji: str
    part: int
    kind: str
    makes: str
    waits: bool

    def is_said_by(self, word: str) -> bool:
        """Whether some task would offer this one by such a word, where it holds a ANY_TASK."""
        return re.fullmatch(".+".join(map(re.escape, self.action.split(ANY_TASK))), word) is not None

    def is_meant(self, asked: Mapping[str, Any]) -> bool:
        """Whether a request (role -> value) means it: by its word, or by what kind of task it makes of which part."""
        if "action" in asked:
            return bool(self.action == asked["action"])
        return bool(self.kind == asked.get("task-kind") and self.part in (0, asked.get("part")))


class FollowUps:
    """The follow-ups of one family, by its rules."""

    def __init__(self, rules: Sequence[Mapping[str, Any]] = ()) -> None:
        self._rules = rules

    def offered(self, kind: str, token: str) -> Iterator[Offer]:
        """What a task of this kind offers; `token` tells it from other tasks."""
        for rule in self._rules:
            if kind in rule["after"]:
                parts = range(1, rule["parts"] + 1) if "parts" in rule else (0,)
                yield from (_offer(rule, part, token) for part in parts)


def _offer(rule: Mapping[str, Any], part: int, token: str) -> Offer:
    action, label, emoji = (rule.get(name, "").format(part=part, token=token) for name in ("action", "label", "emoji"))
    makes, waits = rule.get("makes", "pictures"), rule.get("waits", False)
    return Offer(action, label, emoji, part, rule["kind"], makes, waits)


def check_follow_ups(file: str, rules: Any) -> None:
    """Refuse rules that are not understood. Raises DocumentError."""
    expected = f"a list of mappings: {', '.join(_FIELDS)}; action, after and kind are needed"
    for index, rule in enumerate(rules if isinstance(rules, list) else [rules]):
        where = f"/x-follow-ups/{index}"
        if not isinstance(rule, Mapping) or not {"action", "after", "kind"} <= rule.keys() <= _FIELDS.keys():
            raise DocumentError(file, where, "the follow-up is not understood", expected)
        for name, told in rule.items():
            unknown = set(_PLACES.findall(told)) - {"part", "token"} if isinstance(told, str) else None
            if not isinstance(told, _FIELDS[name]) or unknown or (name == "makes" and told not in MAKES):
                raise DocumentError(file, f"{where}/{name}", f"{told!r} is not understood", expected)
