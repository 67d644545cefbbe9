"""report.md, the summary a CI shows, and finding.md, the page of one exhibit: made from a report's data alone.

What a provider wrote stands in code spans and fences, where it can neither format nor mention anybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from contract_tests import pace
from contract_tests.report.baseline import new_findings
from contract_tests.report.evidence import visible
from contract_tests.report.score import AS_FAR_AS_LOOKED, pictures_spent, told, verdict

_MOST_FINDINGS = 25
_LONGEST = 240
_TICKS = re.compile("`+")
_FILES = """`./replay.sh` sends the same bytes; for a look at a task it submits the task once more and looks at that.
The key is read from the environment. `request.http` and `answer.http` are what was said, `request.body` and `answer.*`
the bodies, `uploads/` and `pictures/` the files in them."""
MARKS = {"conforms": "✅", AS_FAR_AS_LOOKED: "⚠️", "drifts": "❌", "could not look": "⚠️"}


def summary(data: Mapping[str, Any]) -> str:
    """The result of a run: verdict, score, findings, what changed, what was not looked at and what it cost."""
    return "\n\n".join(filter(None, (_head(data), _findings(data), _changes(data), _untold(data), _foot(data)))) + "\n"


def finding_page(finding: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """One finding for the person who has to mend it: what was promised, what came, why it matters, how to see it."""
    evidence = finding["evidence"]
    where = [
        f"- contract: {finding['family']}, {finding['operation']}: {code(finding['rests_on'])}",
        f"- clause: {code(finding['clause'])} ({finding['level']})",
    ]
    if finding["pointer"]:
        where.append(f"- in the answer: {code(finding['pointer'])}")
    if finding["also_broken"]:
        where.append(f"- also breaks: {', '.join(map(code, finding['also_broken']))}")
    if finding["drift_seen"]:
        where.append(f"- also seen at: {code('; '.join(finding['drift_seen']))}")
    lines = [
        f"# {finding['level']} {finding['cause']}",
        plain(finding["title"]),
        f"{code(finding['label'])} at {code(data['provider'])}, {_answered(evidence)}; seen {_times(finding)}.",
        _fenced(f"expected  {_line(finding['expected'])}\nreceived  {_line(finding['received'])}"),
        "\n".join(where),
        f"Promised: {code(finding['promised'])}",
        _why(finding),
        "## Send it again",
        _FILES,
    ]
    return "\n\n".join(filter(None, lines)) + "\n"


def _answered(evidence: Mapping[str, Any]) -> str:
    answered = evidence["response"]["status"] or "nothing"
    return f"exchange {evidence['number']}, answered {answered} in {evidence['seconds']} s"


def _why(finding: Mapping[str, Any]) -> str:
    told = (("Why it matters", finding["why"]), ("What to do", finding["remedy"]))
    return "\n\n".join(f"{what}: {plain(text)}" for what, text in told if text)


def _head(data: Mapping[str, Any]) -> str:
    name, provider = verdict(data), code(data["provider"])
    held, covered = told(data["score"])
    interrupted = " Interrupted: this is what was seen." if data["interrupted"] else ""
    return (
        f"## {MARKS.get(name, '')} imageproof: {name}\n\n{provider}, profile {code(data['profile'])}."
        f"{interrupted}\n\n**Score:** {held}; {covered}."
    )


def _findings(data: Mapping[str, Any]) -> str:
    found = data["findings"]
    if not found:
        return ""
    new = new_findings(data)
    rows = [
        f"| {number} | {finding['level']}{'' if finding in new else ' (known)'} "
        f"| {cell(finding['cause'])} | {cell(finding['label'])} "
        f"| {cell(finding['expected'])} | {cell(finding['received'])} | {_times(finding)} |"
        for number, finding in enumerate(found[:_MOST_FINDINGS], 1)
    ]
    more = f"\n\n… and {len(found) - _MOST_FINDINGS} more in the report." if len(found) > _MOST_FINDINGS else ""
    head = "| | level | finding | operation | expected | received | seen |\n| -: | - | - | - | - | - | - |\n"
    return f"### {len(found)} finding{'s' if len(found) != 1 else ''}\n\n{head}" + "\n".join(rows) + more


def _changes(data: Mapping[str, Any]) -> str:
    baseline = data["baseline"]
    if baseline is None:
        return ""
    kinds = (("new", "new"), ("known", "known"), ("fixed", "fixed"), ("not_looked_at_again", "not looked at again"))
    lines = []
    for kind, words in kinds:
        named = [code(f"{one['cause']} on {one['operation']}") for one in baseline[kind][:_MOST_FINDINGS]]
        lines += [f"\n- {words}: {', '.join(named)}"] if named else []
    changes = "".join(lines) or "\n- nothing found, before or now"
    return f"### Next to the baseline {code(baseline['file'])}\n{changes}"


def _untold(data: Mapping[str, Any]) -> str:
    absent = data.get("not_offered", {})
    tried = {place: reason for place, reason in data["not_tested"].items() if place not in absent}
    groups = [
        f"- {kind}: {code(reason.split('; this case')[0])}{f' ({count} cases)' if count > 1 else ''}"
        for kind, name in (
            ("a fault of ours", "faults"),
            ("could not look", "could_not_look"),
            ("not tested", "not_tested"),
        )
        for reason, count in _counted(tried if name == "not_tested" else data.get(name, {})).items()
    ]
    groups += [f"- not offered: {', '.join(map(code, absent.values()))}"] if absent else []
    return "### Not looked at\n\n" + "\n".join(groups[:_MOST_FINDINGS]) if groups else ""


def _counted(reasons: Mapping[str, str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason in reasons.values():
        told = reason.split("; this case")[0]
        counts[told] = counts.get(told, 0) + 1
    return counts


def _foot(data: Mapping[str, Any]) -> str:
    spent = f"{data['requests']} requests, {pictures_spent(data)}, {data['seconds']} s"
    fails = "This fails the run" if data["failed"] else "This does not fail the run"
    slowed = f" {said[0].upper()}{said[1:]}." if (said := pace.told(data.get("pace", pace.UNKNOWN))) else ""
    return f"Spent: {spent}; seed {data['seed']}.{slowed} {fails} (`--fail-on {data['fail_on']}`)."


def _times(finding: Mapping[str, Any]) -> str:
    times = finding["count"] or sum(finding["also_broken"].values())
    return "once" if times == 1 else f"{times} times"


def _line(text: str) -> str:
    return " ".join(visible(text).split())


def code(text: str) -> str:
    """A text of any letters as a code span."""
    line = _line(text)
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    fence = "`" * (max((len(run) for run in _TICKS.findall(line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: str) -> str:
    """A code span in a table, where even code may not hold a bar."""
    return code(text).replace("|", "\\|")


def plain(text: str) -> str:
    """Our own sentences, which may quote a name or two."""
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", _line(text))


def _fenced(text: str) -> str:
    fence = "`" * max(3, max((len(run) for run in _TICKS.findall(text)), default=0) + 1)
    return f"{fence}\n{text}\n{fence}"
