"""The rules, one module per subject; importing this package registers all of them in `defects.RULES`."""

from contract_tests.documents.rules import (
    access,
    answers,
    async_mode,
    body,
    examples,
    limits,
    models,
    page,
    prose,
    samples,
)

__all__ = ["access", "answers", "async_mode", "body", "examples", "limits", "models", "page", "prose", "samples"]
