"""The drift catalogue as a page for people: `python -m contract_tests.recognisers.page` writes `docs/drifts.md`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from contract_tests.clauses import catalogue as clauses
from spec.drifts import Drift, Unplayed, catalogue, unplayed

PAGE = Path(__file__).parents[2] / "docs" / "drifts.md"
_HEAD = """# Drifts: how real providers deviate

{played} drifts, which the mock plays (`imageproof serve --drift ID`), the contract tests convict, and `imageproof
explain ID` explains. They stand for {covered} of the {records} records of the project's drift reference; the others,
and why they are not played, are at the end. Written by `python -m contract_tests.recognisers.page`.

Two drifts that set the same switch contradict each other, and are refused together.
"""


def page(drifts: Iterable[Drift], rest: Iterable[Unplayed]) -> str:
    """The page in Markdown: drifts by switch, then records of the reference without one, by reason."""
    known, left = sorted(drifts, key=lambda drift: (drift.kind, drift.switch)), list(rest)
    others = sum(len(part.records) for part in left)
    covered = len(records_of(known))
    text = [_HEAD.format(played=len(known), covered=covered, records=covered + others)]
    for kind in dict.fromkeys(drift.kind for drift in known):
        text.append(f"\n## {kind}\n\n| drift | what is seen | switch | convicted by |\n| --- | --- | --- | --- |\n")
        text += [_row(drift) for drift in known if drift.kind == kind]
    text.append("\n# Records without a drift\n")
    for part in left:
        text.append(f"\n## {part.reason}: {len(part.records)}\n\n{part.because}\n\n")
        text.append(", ".join(f"`{record}`" for record in sorted(part.records)) + "\n")
    return "".join(text)


def records_of(drifts: Iterable[Drift]) -> set[str]:
    """The records of the drift reference that drifts stand for."""
    return {record for drift in drifts for record in drift.records}


def _row(drift: Drift) -> str:
    level = clauses()[drift.clause].level
    other = [record for record in drift.records if record != drift.id]
    also = f"<br>also: {', '.join(other)}" if other else ""
    told = ", ".join(f"`{key}={value}`" for key, value in drift.defaults.items())
    cells = (
        f"`{drift.id}`{also}",
        drift.title,
        drift.switch + (f"<br>{told}" if told else ""),
        f"`{drift.clause}` {level}",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(catalogue().values(), unplayed()), "utf-8")


if __name__ == "__main__":
    main()
