"""Linting vendor documents: the way in for the command line and for Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from contract_tests.documents.defects import Defect, find_defects, known_operation
from contract_tests.documents.document import Document
from contract_tests.documents.reading import read_document
from contract_tests.documents.rendering import render
from spec.contract import Contract
from spec.documents import default_families, shipped
from spec.loading import load_contracts

__all__ = ["contracts_for", "lint", "render"]


def lint(path: str | Path, contracts: Sequence[Contract] = ()) -> list[Defect]:
    """Every defect of the document in a file against the contracts, the worst first.

    Without contracts, against those that `contracts_for` finds. Raises DocumentUnreadable, which says what is wrong
    with the file, where, and what was expected.
    """
    document = read_document(path)
    return find_defects(document, contracts or contracts_for([document]))


def contracts_for(documents: Iterable[Document]) -> tuple[Contract, ...]:
    """The default contracts; the other families' too where a document has an operation that those do not know."""
    contracts = load_contracts(default_families())
    operations = [operation for document in documents for operation in document.operations]
    if all(known_operation(operation, contracts) for operation in operations):
        return contracts
    return load_contracts(shipped())
