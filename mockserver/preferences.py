"""What a caller wishes for one request: the `Prefer` header (RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mockserver.faults import FaultUse, catalogue, fault_use
from mockserver.latency import duration
from spec.errors import SpecError
from spec.messages import combined

_PREFERENCE = re.compile(r'\s*([A-Za-z-]+)\s*(?:=\s*(?:"([^"]*)"|([^";,]*)))?\s*(?:[;,]|$)')
_NEXT = re.compile("[;,]|$")


def preferences(headers: Mapping[str, str]) -> dict[str, str]:
    """The `Prefer` header as a mapping: a preference without a value is `"true"`, an unreadable one is left out."""
    text = combined(headers, "prefer") or ""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PREFERENCE.match(text, place)
        if match is not None:
            found[match[1].lower()] = (match[2] or match[3] or "true").strip()
            place = match.end()
        elif (gap := _NEXT.search(text, place)) is not None:
            place = gap.end() if gap.end() > place else len(text)
    return found


@dataclass(slots=True)
class Wishes:
    """What is to happen to one request: a status or problem forced, a fault, a delay in seconds, a stream that fails.

    `stream_error` is how many unfinished pictures come before the failure.

    `unreadable` maps a preference that makes no sense to what was expected; `applied` lists those that were met, each
    written down where it is; `cause` is the fault as it was written.
    """

    code: str | None = None
    problem: str | None = None
    fault: FaultUse | None = None
    delay: float | None = None
    stream_error: int | None = None
    unreadable: dict[str, str] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    cause: str = ""

    @staticmethod
    def of(headers: Mapping[str, str]) -> Wishes:
        """The wishes of a request's headers."""
        found = preferences(headers)
        wishes = Wishes(found.get("code"), found.get("problem"))
        try:
            if "fault" in found:
                wishes.befall(fault_use(found["fault"]))
                wishes.applied.append(f'fault="{found["fault"]}"')
        except SpecError as error:
            wishes.unreadable["fault"] = f"{error}\nfaults: {', '.join(catalogue())}"
        try:
            if "delay" in found:
                wishes.delay = duration(found["delay"])
                wishes.applied.append(f"delay={found['delay']}")
        except SpecError as error:
            wishes.unreadable["delay"] = str(error)
        if "stream-error" in found:
            if found["stream-error"].isdecimal():
                wishes.stream_error = int(found["stream-error"])
            else:
                wishes.unreadable["stream-error"] = "how many events come first, such as stream-error=1"
        return wishes

    def __bool__(self) -> bool:
        """Whether something else than the usual answer is wished for."""
        return bool(self.code or self.problem or self.fault)

    def befall(self, use: FaultUse) -> None:
        """A fault befalls the request."""
        self.cause, self.problem = use.text, use.problem
        if use.problem is None:
            self.fault = use
