"""Linting a vendor document: the way in for the command line and for Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contract_tests.documents.defects import Defect, find_defects
from contract_tests.documents.reading import read_document
from contract_tests.documents.rendering import render
from spec.contract import Contract

__all__ = ["lint", "render"]


def lint(path: str | Path, contracts: Sequence[Contract]) -> list[Defect]:
    """Every defect of the document in a file against the contracts, the worst first.

    Raises DocumentUnreadable, which says what is wrong with the file, where, and what was expected.
    """
    return find_defects(read_document(path), contracts)
