"""Rules about the document as a whole: what should not be in it, and whether a contract knows what it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contract_tests.documents.defects import Flaw, document_rule
from contract_tests.documents.document import Document
from contract_tests.documents.json_text import Place
from contract_tests.documents.keys import keys_in, masked
from contract_tests.documents.subject import Subject

_LEFTOVERS = re.compile(
    r"x-apifox-[\w-]+|oasExtensions|x-stoplight\b|_postman_id|^\| (?:Module|Folder) \|", re.MULTILINE
)


@document_rule("no-known-operation", "error", "The document describes an operation that a contract knows.")
def no_known_operation(document: Document, subjects: Sequence[Subject]) -> Iterator[Flaw]:
    """Nothing in the document could be compared with a contract."""
    if not subjects:
        first = document.operations[0]
        more = f" and {len(document.operations) - 1} more" if len(document.operations) > 1 else ""
        yield Flaw(
            f"No contract knows {first.label}{more}: nothing could be compared.",
            first.place,
            "a method and path of a contract",
            first.label,
        )


@document_rule("operation-not-in-contract", "note", "Every operation can be compared with a contract.")
def operation_not_in_contract(document: Document, subjects: Sequence[Subject]) -> Iterator[Flaw]:
    """Some operations could not be compared."""
    known = {id(subject.documented) for subject in subjects}
    unknown = [documented for documented in document.operations if id(documented) not in known]
    if subjects and unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        yield Flaw(
            f"No contract knows {unknown[0].label}{more}: not compared.",
            unknown[0].place,
            "a method and path of a contract",
            ", ".join(documented.label for documented in unknown[:20]),
        )


@document_rule("exporter-internals-published", "note", "A page has facts about the API, none about its editor.")
def exporter_internals_published(document: Document, _: Sequence[Subject]) -> Iterator[Flaw]:
    """Fields of the editor are in the document."""
    found = [match for match in _LEFTOVERS.finditer(document.text) if match[0] not in document.native]
    if found:
        kinds = list(dict.fromkeys(match[0].strip("| ") for match in found))
        start = found[0].start()
        place = Place(document.text.count("\n", 0, start) + 1, start - document.text.rfind("\n", 0, start))
        yield Flaw(
            f"The editor's own fields are published: {', '.join(kinds)}.",
            place,
            "none of them",
            f"{len(found)} of them",
        )


@document_rule("key-published", "error", "A document holds no key that works.")
def key_published(document: Document, _: Sequence[Subject]) -> Iterator[Flaw]:
    """Something in the document looks like somebody's key; it is never shown whole."""
    for key in {match[0]: match for match in reversed(list(keys_in(document.text)))}.values():
        start = key.start()
        place = Place(document.text.count("\n", 0, start) + 1, start - document.text.rfind("\n", 0, start))
        yield Flaw(
            f"What looks like a key that works stands here, {masked(key[0])}: whoever reads this can spend on it.",
            place,
            "YOUR_API_KEY or a variable without a value; and the key revoked",
            masked(key[0]),
        )
