"""The catalogue of clauses as a page for people: `python -m contract_tests.clauses.page` writes `docs/clauses.md`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from contract_tests.clauses.registry import LEVELS, Clause, catalogue
from spec.drifts import catalogue as drifts

PAGE = Path(__file__).parents[2] / "docs" / "clauses.md"
_TITLES = {
    "wire": "The message",
    "created": "Times",
    "usage": "What is billed",
    "images": "Pictures",
    "edit": "Pictures made from pictures",
    "echo": "What the answer says of its pictures",
    "auth": "Keys",
    "privacy": "What must not be told",
    "refusal": "What is wrong is refused",
    "error": "Errors",
    "stream": "Event streams",
    "task": "Tasks",
    "models": "Models",
    "meta": "Two answers compared",
    "run": "The run as a whole",
}
_HEAD = """# What every provider is asked

{count} clauses: {levels}. Written by `python -m contract_tests.clauses.page` from the code that judges.

MUST: the contract or HTTP itself says so, and a faithful provider cannot break it; one broken is drift.
SHOULD: callers rely on it. MAY: a hint. Each clause speaks of meanings (`x-role`) and holds for every family of APIs;
one that nothing in a run applied to is reported as not tested. `imageproof explain ID` says the same in a terminal.
"""


def page(clauses: Iterable[Clause]) -> str:
    """The page in Markdown: an overview by tag, then each clause."""
    known = list(clauses)
    order = {tag: place for place, tag in enumerate(_TITLES)}
    known.sort(key=lambda clause: (order.get(clause.tag, len(order)), clause.tag))
    counted = (f"{sum(clause.level == level for clause in known)} {level}" for level in LEVELS)
    text = [_HEAD.format(count=len(known), levels=", ".join(counted))]
    tagged = [(tag, list(group)) for tag, group in groupby(known, lambda clause: clause.tag)]
    for tag, group in tagged:
        text.append(f"\n## {_TITLES.get(tag, tag.capitalize())}\n\n| clause | level | demand |\n| --- | --- | --- |\n")
        text += [f"| [`{one.id}`](#{_anchor(one)}) | {one.level} | {_cell(one.text)} |\n" for one in group]
    text.append("\n# One by one\n")
    text += [_told(one) for _, group in tagged for one in group]
    return "".join(text)


def described(clause: Clause) -> list[tuple[str, str]]:
    """What is known of a clause besides id, level and text, as pairs of a name and a line; empty lines left out."""
    named = [drift.id for drift in drifts().values() if drift.explains(clause.id)]
    lines = [
        ("why", clause.why),
        ("rests on", clause.rests_on),
        ("judged", clause.how),
        ("broken by", ", ".join(named)),
        ("do", clause.remedy),
    ]
    return [(name, line) for name, line in lines if line]


def _told(clause: Clause) -> str:
    lines = "".join(f"- {name}: {f'`{line}`' if name == 'rests on' else line}\n" for name, line in described(clause))
    return f"\n## {clause.id}\n\n**{clause.level}** {clause.text}\n\n{lines}"


def _anchor(clause: Clause) -> str:
    """The anchor GitHub gives a heading: dots go, everything else stays."""
    return clause.id.replace(".", "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(catalogue().values()), "utf-8")


if __name__ == "__main__":
    main()
