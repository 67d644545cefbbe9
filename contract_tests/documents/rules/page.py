"""Rules about the document as a whole: its menu, its editor's leftovers, whether a contract knows what it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contract_tests.documents.defects import Flaw, document_rule, operation_rule
from contract_tests.documents.document import Document
from contract_tests.documents.json_text import Place
from contract_tests.documents.subject import Subject

_WORD = re.compile(r"[a-zA-Z]{6,}")
_ACTIONS = re.compile(r"查询|提交|生成|编辑|获取|上传|query|submit|generate|fetch", re.IGNORECASE)
_HELP = re.compile(r"常见问题|帮助|\bfaq\b|\bhelp\b", re.IGNORECASE)
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


@operation_rule("help-center-instead-of-errors", "note", "Errors have a reference, not only a list of questions.")
def help_center_instead_of_errors(subject: Subject) -> Iterator[Flaw]:
    """No refusal is documented, and the menu has a help page in its place."""
    responses = subject.documented.responses
    page = next((entry for entry in subject.document.menu if entry.leaf and _HELP.search(entry.title)), None)
    if page and responses and not any(response.refuses for response in responses):
        yield Flaw(
            f"No error is documented; the menu has {page.title!r} instead.",
            page.place,
            "the refusals and their bodies",
            page.title,
        )


@document_rule("get-post-labels-inconsistent", "note", "The menu shows the method of every operation, or of none.")
def labels_inconsistent(document: Document, _: Sequence[Subject]) -> Iterator[Flaw]:
    """Pages whose titles speak of the same action have a method here and none there."""
    pages = [(entry, set(map(str.lower, _ACTIONS.findall(entry.title)))) for entry in document.menu if entry.leaf]
    labelled = set().union(*(actions for entry, actions in pages if entry.method))
    bare = [entry for entry, actions in pages if not entry.method and actions & labelled]
    if bare:
        count = sum(entry.method is not None for entry, _ in pages)
        yield Flaw(
            f"{count} pages of the menu show a method, {len(bare)} of the same kind do not, {bare[0].title!r} first.",
            bare[0].place,
            "the method beside every operation",
            ", ".join(entry.title for entry in bare),
        )


@document_rule("menu-typo-generte", "note", "Titles are spelled right.")
def menu_typo(document: Document, _: Sequence[Subject]) -> Iterator[Flaw]:
    """A word of the menu is another of its words with one inner letter missing."""
    words = {word.lower(): entry for entry in document.menu for word in _WORD.findall(entry.title)}
    for word in words:
        for gap in range(3, len(word) - 2):
            misspelled = word[:gap] + word[gap + 1 :]
            if misspelled in words:
                entry = words[misspelled]
                message = f"{entry.title!r} looks misspelled: another title has {word!r}."
                yield Flaw(message, entry.place, word, misspelled)


@document_rule("exporter-internals-published", "note", "A page has facts about the API, none about its editor.")
def exporter_internals_published(document: Document, _: Sequence[Subject]) -> Iterator[Flaw]:
    """Fields of the editor are in the document."""
    found = list(_LEFTOVERS.finditer(document.text))
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
