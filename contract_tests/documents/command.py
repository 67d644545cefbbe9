"""The command `lint`."""

from __future__ import annotations

import sys
from typing import Literal

import click

from spec.terminal import USAGE, fail, terminal


@click.command()
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--only", metavar="RULE", multiple=True, help="Show only these rules; may be repeated.")
def lint(documents: tuple[str, ...], form: Literal["text", "json"], only: tuple[str, ...]) -> None:
    """Read vendors' pages (Apifox export or page text, OpenAPI) and name their defects against the contract.

    Exits 0 without errors, 1 with at least one, 2 when a document cannot be read.
    """
    from contract_tests.documents.defects import catalogue as lint_rules
    from contract_tests.documents.lint import lint as find
    from contract_tests.documents.reading import DocumentUnreadable
    from contract_tests.documents.rendering import render
    from spec.contract import load_contracts
    from spec.documents import default_families
    from spec.errors import UnknownName

    if unknown := set(only) - set(lint_rules()):
        fail(UnknownName("rule", min(unknown), lint_rules()), USAGE)
    contracts = load_contracts(default_families())
    try:
        found = {document: find(document, contracts) for document in documents}
    except DocumentUnreadable as error:
        fail(error, USAGE)
    shown = {name: [defect for defect in defects if not only or defect.rule in only] for name, defects in found.items()}
    render(shown, form, terminal())
    sys.exit(any(defect.level == "error" for defects in shown.values() for defect in defects))
