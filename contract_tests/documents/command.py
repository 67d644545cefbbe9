"""The command `lint`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec.outputs import Output
from spec.terminal import USAGE, fail, terminal

if TYPE_CHECKING:
    from contract_tests.documents.rendering import Form

_BY_NAME: dict[str, Form] = {".json": "json", ".md": "markdown", ".sarif": "sarif"}


@click.command()
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown", "sarif"]), default="text", show_default=True
)
@click.option(
    "-o",
    "--output",
    type=Output(),
    metavar="FILE",
    help="Write there too; as JSON, Markdown or SARIF by the name (.json, .md, .sarif), or by --format.",
)
@click.option("--only", metavar="RULE", multiple=True, help="Show only these rules; may be repeated.")
def lint(documents: tuple[str, ...], form: Form, output: Path | None, only: tuple[str, ...]) -> None:
    """Read vendors' pages (Apifox export or page text, OpenAPI, Postman) and name their defects against the contract.

    Exits 0 without errors, 1 with at least one, 2 when a document cannot be read.
    """
    from contract_tests.documents.defects import catalogue as lint_rules
    from contract_tests.documents.defects import find_defects
    from contract_tests.documents.lint import contracts_for
    from contract_tests.documents.reading import DocumentUnreadable, read_document
    from contract_tests.documents.rendering import render, written
    from spec.errors import UnknownName

    if unknown := set(only) - set(lint_rules()):
        fail(UnknownName("rule", min(unknown), lint_rules()), USAGE)
    kind = form if output is None or form != "text" else _BY_NAME.get(output.suffix)
    if kind is None:
        fail(
            f"-o {output}: the name does not say what to write; end it in {', '.join(_BY_NAME)}, or add --format", USAGE
        )
    try:
        read = {name: read_document(name) for name in documents}
    except DocumentUnreadable as error:
        fail(error, USAGE)
    contracts = contracts_for(read.values())
    found = {name: find_defects(document, contracts) for name, document in read.items()}
    shown = {name: [defect for defect in defects if not only or defect.rule in only] for name, defects in found.items()}
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(written(shown, kind), encoding="utf-8", newline="\n")
    render(shown, form if output is None else "text", terminal())
    sys.exit(any(defect.level == "error" for defects in shown.values() for defect in defects))
