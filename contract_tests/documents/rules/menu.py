"""Rules about a page's menu: what it lists beside this page, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contract_tests.documents.defects import Flaw, document_rule, operation_rule
from contract_tests.documents.document import Document, MenuEntry
from contract_tests.documents.subject import Subject
from spec.violations import quoted_list

_WORD = re.compile(r"[a-zA-Z]{6,}")
_ACTIONS = re.compile(r"查询|提交|生成|编辑|获取|上传|query|submit|generate|fetch", re.IGNORECASE)
_HELP = re.compile(r"常见问题|帮助|\bfaq\b|\bhelp\b", re.IGNORECASE)
_FORMAT = re.compile(r"格式|协议|\bformat\b|\bprotocol\b|\bcompatible\b", re.IGNORECASE)
_CHAT = re.compile(r"聊天|对话|\bchat\b", re.IGNORECASE)
_DRAWS = re.compile(
    r"(生成|创建|画)\s*(图|画)|(图|画)[像片]?(生成|创建)|\b(generate|create|draw)\w*\b.{0,12}\b(image|picture)",
    re.IGNORECASE,
)


def _group(entry: MenuEntry) -> str:
    return " / ".join(entry.above) or "the top"


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


@document_rule("same-model-two-protocols", "note", "A model is offered one way, or the page says which way to take.")
def same_model_two_protocols(document: Document, _: Sequence[Subject]) -> Iterator[Flaw]:
    """One group of the menu offers the same thing in two formats."""
    by_group: dict[tuple[str, ...], list[MenuEntry]] = {}
    for entry in document.menu:
        if _FORMAT.search(entry.title):
            by_group.setdefault(entry.above, []).append(entry)
    for group, formats in by_group.items():
        if group and len(formats) > 1:
            titles = quoted_list([entry.title for entry in formats])
            yield Flaw(
                f"{group[-1]!r} is offered in {len(formats)} formats, {titles}; nothing says how they differ.",
                formats[0].place,
                "one format, or which one to take",
                titles,
            )


@operation_rule("page-titles-alike", "note", "Pages that make pictures say in their title whose models.")
def same_title_elsewhere(subject: Subject) -> Iterator[Flaw]:
    """Another group of the menu has a page with this page's title."""
    title = subject.documented.title.text
    same = [entry for entry in subject.document.menu if entry.leaf and entry.title == title]
    if title and len({entry.above for entry in same}) > 1:
        groups = quoted_list([_group(entry) for entry in same])
        yield Flaw(
            f"{len(same)} pages of the menu are called {title!r}, in {groups}; nothing says which model goes where.",
            same[1].place,
            "titles that differ, or the models of each",
            groups,
        )


@document_rule("image-through-chat-page", "note", "Where a chat answers with pictures, it is said how they come.")
def image_through_chat(document: Document, subjects: Sequence[Subject]) -> Iterator[Flaw]:
    """A page under chat makes pictures, beside an operation that is there for them."""
    pages = [
        entry
        for entry in document.menu
        if entry.leaf and _DRAWS.search(entry.title) and any(map(_CHAT.search, entry.above))
    ]
    if pages and any(subject.purpose for subject in subjects):
        yield Flaw(
            f"{pages[0].title!r} makes pictures too, in a chat: whether they come as links, Markdown or base64 inside "
            "the text is not said here.",
            pages[0].place,
            "how the pictures of a chat come, or one way to them",
            ", ".join(entry.title for entry in pages),
        )
