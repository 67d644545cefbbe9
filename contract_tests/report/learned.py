"""A profile learned from a report: what was seen of a provider, so that the mock can behave like it.

Each line says what it rests on. What cannot be played, a finding nobody has a name for or one of two drifts that
exclude each other, stands in comments: nothing is lost silently.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from contract_tests.profile_text import checked, comment, removing, section, yaml_lines
from contract_tests.report.evidence import visible
from contract_tests.report.score import percent
from spec.documents import default_families
from spec.drifts import Drift, catalogue
from spec.errors import SpecError
from spec.profiles import parse_profile

_Finding = Mapping[str, Any]


def learned_profile(data: Mapping[str, Any], name: str) -> str:
    """The text of a profile called `name` of the provider a report is of. Raises SpecError when it cannot be served."""
    played, left = _chosen(data["findings"])
    overlays, unsaid = _overlays(data)
    families = list(dict.fromkeys(operation["family"] for operation in data["operations"]))
    when = time.strftime("%Y-%m-%d", time.gmtime(data["started"]))
    source = f"report of {visible(data['provider'])}, {when}"
    head: dict[str, Any] = {
        "profile": name,
        "title": f"What was seen of {visible(data['provider'])} on {when}",
        "sources": [f"{source}, profile {data['profile']}, seed {data['seed']}, {data['requests']} requests"],
    }
    if families and tuple(families) != default_families():
        head["families"] = families
    if overlays:
        head["overlays"] = overlays
    lines = [
        *comment(f"Learned by `imageproof profile`. {_coverage(data)}"),
        *yaml_lines(head),
        *(["drifts:"] if played else []),
        *(line for drift, finding in played for line in _drift(drift, finding, source)),
        *section("Seen too, but the mock cannot play it:", (_unplayed(finding, why) for finding, why in left)),
        *section("Of the contract, but this provider lacks it, which could not be written:", unsaid),
        *section("Not looked at, so nothing is known of it:", _unseen(data)),
    ]
    text = "\n".join(lines) + "\n"
    parse_profile(text, f"{name}.yaml").contracts()
    return text


def _chosen(findings: Collection[_Finding]) -> tuple[list[tuple[Drift, _Finding]], list[tuple[_Finding, str]]]:
    """The drifts that can be played together, in the catalogue's order, and the findings that are left, with why.

    Of two that exclude each other the one seen more often is played, but none that is a special case of another that
    was seen. One family's finding is every family's drift.
    """
    played: dict[str, tuple[Drift, _Finding]] = {}
    left: list[tuple[_Finding, str]] = []
    seen = {finding["drift"] for finding in findings}
    for finding in sorted(findings, key=lambda one: (_narrows(one, seen), -_times(one))):
        drift = catalogue().get(finding["drift"] or "")
        if drift is None:
            unknown = f"this imageproof knows no drift {finding['drift']}" if finding["drift"] else "it has no name"
            left.append((finding, unknown))
            continue
        other = played.setdefault(drift.switch, (drift, finding))[0]
        if other.id != drift.id:
            left.append((finding, f"it excludes {other.id}, which explains more"))
    places = {id_: place for place, id_ in enumerate(catalogue())}
    return sorted(played.values(), key=lambda one: places[one[0].id]), left


def _narrows(finding: _Finding, seen: set[str | None]) -> bool:
    """Whether its drift is a special case of another that was seen."""
    drift = catalogue().get(finding["drift"] or "")
    return drift is not None and not seen.isdisjoint(drift.narrows)


def _drift(drift: Drift, finding: _Finding, source: str) -> Iterator[str]:
    """One drift with the parameters that were seen; those the evidence does not show are named."""
    where = ", ".join(one["label"] for one in finding["operations"])
    use: dict[str, Any] = {"id": drift.id}
    seen = {key: value for key, value in finding.get("parameters", {}).items() if key in drift.defaults}
    if seen:
        use["with"] = seen
    use["source"] = f"{source}: {finding['clause']}, {_seen(finding)} on {visible(where)}"
    first, *rest = yaml_lines(use)
    yield f"  - {first}"
    yield from (f"    {line}" for line in rest)
    unseen = [f"{key}={value}" for key, value in drift.defaults.items() if key not in seen]
    if unseen:
        yield from comment(f"not seen, so the catalogue's own: {', '.join(unseen)}", "    ")


def _overlays(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[list[str]]]:
    """The overlays of the profile it was held to, with every operation removed that the provider lacks.

    And a note for each operation that the contract cannot do without.
    """
    overlays = {name: {**overlay} for name, overlay in data.get("overlays", {}).items()}
    unsaid = []
    for operation in data["operations"]:
        if operation.get("absent"):
            family = operation["family"]
            former = overlays.get(family)
            overlay = former or {"overlay": "1.0.0", "info": {"title": "What this provider lacks", "version": "1"}}
            try:
                actions = removing(operation, former)
                overlays[family] = {**overlay, "actions": [*overlay.get("actions", ()), *actions]}
                checked(family, overlays)
            except SpecError as error:
                overlays = {**overlays, family: former} if former else _without(overlays, family)
                unsaid.append([f"{operation['label']}: {error}"])
    return overlays, unsaid


def _without(overlays: Mapping[str, Any], family: str) -> dict[str, Any]:
    return {name: overlay for name, overlay in overlays.items() if name != family}


def _unplayed(finding: _Finding, why: str) -> list[str]:
    where = ", ".join(one["label"] for one in finding["operations"])
    return [
        f"{finding['level']} {finding['cause']}: {finding['title']}",
        f"  {_seen(finding)} on {where}; {why}",
        f"  expected {finding['expected']}",
        f"  received {finding['received']}",
    ]


def _unseen(data: Mapping[str, Any]) -> Iterator[list[str]]:
    """Reasons for which cases were left out, each once, with how many cases it kept from being sent."""
    for kind in ("faults", "could_not_look", "not_tested"):
        places: dict[str, list[str]] = {}
        for place, reason in data.get(kind, {}).items():
            places.setdefault(reason.split("; this case")[0], []).append(place)
        for reason, kept in places.items():
            yield [f"{kept[0]}{f' and {len(kept) - 1} more' if len(kept) > 1 else ''}: {reason}"]


def _coverage(data: Mapping[str, Any]) -> str:
    clauses = data["score"]["coverage"]["clauses"]
    return f"{clauses['looked_at']} of {clauses['all']} clauses were looked at ({percent(clauses['share'])})."


def _times(finding: _Finding) -> int:
    return int(finding["count"] or sum(finding["also_broken"].values()))


def _seen(finding: _Finding) -> str:
    times = _times(finding)
    return "seen once" if times == 1 else f"seen {times} times"
