"""Rules about what a document says in words: titles and descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.json_text import Place
from contract_tests.documents.schemas import specimen
from contract_tests.documents.subject import Subject
from spec.language import IMAGE_ROLES, walk

_TOKEN_CHANCES = re.compile(
    r"log-?prob|(标记|词元|令牌|\btokens?\b).{0,40}概率|概率.{0,40}(标记|词元|令牌|\btokens?\b)|"
    r"probabilit\w+ of .{0,40}tokens?|token probabilit",
    re.IGNORECASE,
)
_COMPLETIONS = re.compile(
    r"预测的?.{0,6}(完成|补全)|为.{2,20}创建完成[。.]?$|[一多几每][个条次份]补全|(文本|对话|聊天)补全|"
    r"predicted completion|"
    r"\b(creates?|returns?|generates?)\s(an?|the|one or more|model|text|chat|\s)*completions?\b",
    re.IGNORECASE | re.MULTILINE,
)
_EDIT = re.compile(r"编辑|修图|\bedit(s|ing)?\b", re.IGNORECASE)
_CREATE = re.compile(r"创建|生成|\b(create|generate)\b", re.IGNORECASE)
_AND = re.compile(r"[/／、&+]|和|与|及|\band\b", re.IGNORECASE)
_IMAGES_REFERENCE = re.compile(r"https?://\S*openai\.com/\S*images?\b\S*")
_RESIDUE = re.compile(r"\n\s*\n\s*\Z|[ \t][、，。；：]")


def _draws(subject: Subject) -> bool:
    """Whether the operation is there for pictures."""
    return bool(subject.operation.response_roles & IMAGE_ROLES)


def _start(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23]}…"


@operation_rule("endpoint-description-from-completions", "warning", "The description speaks of pictures.")
def description_from_completions(subject: Subject) -> Iterator[Flaw]:
    """The description is that of text completions."""
    for text in (subject.documented.title, *subject.documented.prose) if _draws(subject) else ():
        if _COMPLETIONS.search(text.text) or _TOKEN_CHANCES.search(text.text):
            yield Flaw(
                f"{_start(text.text)!r} is about predicted completions, not pictures.",
                text.place,
                "what the pictures are made from",
                text.text,
            )


@operation_rule("logprobs-promised-not-modelled", "note", "What the description promises is in the answer.")
def logprobs_promised(subject: Subject) -> Iterator[Flaw]:
    """The description promises probabilities of tokens that no answer has."""
    described = [response.schema.value for response in subject.documented.successes if response.schema]
    if any("prob" in name for schema in described for _, part in walk(schema) for name in part.get("properties", ())):
        return
    for text in subject.documented.prose:
        if _TOKEN_CHANCES.search(text.text):
            yield Flaw(
                f"{_start(text.text)!r} promises probabilities of tokens; no answer has a field for them.",
                text.place,
                "a field for them, or no promise",
                text.text,
            )


@operation_rule("title-says-edit-path-says-generate", "warning", "The title says what the path does.")
def title_says_edit(subject: Subject) -> Iterator[Flaw]:
    """The title speaks of editing, and the operation takes no picture."""
    title = subject.documented.title
    takes_pictures = subject.operation.request_roles & {"input-image", "mask"}
    if _EDIT.search(title.text) and _draws(subject) and not takes_pictures:
        yield Flaw(
            f"The title {title.text!r} speaks of editing; {subject.operation.label} takes no picture to edit.",
            title.place,
            subject.operation.summary or "a title about making pictures",
            title.text,
        )


@operation_rule("one-page-two-operations", "note", "One page describes one operation.")
def one_page_two_operations(subject: Subject) -> Iterator[Flaw]:
    """The title joins two operations."""
    title = subject.documented.title
    if _EDIT.search(title.text) and _CREATE.search(title.text) and _AND.search(title.text):
        yield Flaw(
            f"One page, {title.text!r}, for two operations: which fields belong to which is not said.",
            title.place,
            "a page for each",
            title.text,
        )


@operation_rule("official-doc-link-mismatch", "note", "The page agrees with the page it links to.")
def official_link_mismatch(subject: Subject) -> Iterator[Flaw]:
    """The text links to the reference of images, the schema is none of an image answer."""
    schemas = [specimen(response.schema.value) for response in subject.documented.successes if response.schema]
    if not _draws(subject) or not schemas or any(subject.meanings(value) & subject.purpose for value in schemas):
        return
    for text in subject.documented.prose:
        if match := _IMAGES_REFERENCE.search(text.text):
            yield Flaw(
                "The text links to the reference of the images operation; the schema below has no picture.",
                Place(text.place.line, text.place.column + match.start(), text.place.pointer),
                "the linked answer",
                match[0],
            )


@operation_rule("size-newlines-in-description", "note", "Descriptions are clean text.")
def residue_in_description(subject: Subject) -> Iterator[Flaw]:
    """A description ends in blank lines, or has spaces before its punctuation."""
    for pointer, part in walk(subject.body.value):
        description = part.get("description", "")
        if _RESIDUE.search(description):
            wrong = (
                "ends in blank lines" if re.search(r"\n\s*\n\s*\Z", description) else "has spaces before punctuation"
            )
            yield Flaw(
                f"The description of {pointer.rpartition('/')[2]!r} {wrong}: left over from an import.",
                subject.body.at(f"{pointer}/description"),
                "clean text",
                repr(description[-40:]),
            )


@operation_rule("operation-ids-missing", "note", "An operation has a stable id.")
def operation_id_missing(subject: Subject) -> Iterator[Flaw]:
    """The operation has a title only."""
    documented = subject.documented
    if not documented.id:
        yield Flaw(
            f"The operation has no id, only the title {documented.title.text!r}; generated names change with it.",
            documented.title.place,
            f"an id such as {subject.operation.id}",
            "none",
        )
