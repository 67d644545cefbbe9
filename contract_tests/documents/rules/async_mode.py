"""Rules about asking for a task instead of a picture, and about what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract_tests.documents.address import Address
from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.document import DocumentedParameter, MenuEntry
from contract_tests.documents.rules.samples import call_url
from contract_tests.documents.subject import Subject, plain_path
from spec.contract import Operation
from spec.violations import quoted_list

_TASK_PAGE = re.compile(r"(?=.*(任务|task))(?=.*(查询|状态|query|status|fetch))", re.IGNORECASE)
_WORDS = frozenset({"enum", "const", "pattern", "anyOf", "oneOf", "allOf"})
_APPEND = re.compile(r"后面|末尾|结尾|后缀|append|suffix|at the end", re.IGNORECASE)


def _switch(subject: Subject) -> DocumentedParameter | None:
    """The documented query parameter that asks for a task."""
    found = subject.parameter("async")
    return found[1] if found else None


def _poll(subject: Subject) -> Operation | None:
    """The contract's operation that follows a task, where the document does not describe it."""
    described = {(documented.method, plain_path(documented.path)) for documented in subject.document.operations}
    polls = (subject.contract.operation(link.operation) for link in subject.operation.links)
    return next((poll for poll in polls if (poll.method, plain_path(poll.path)) not in described), None)


def _task_pages(subject: Subject) -> list[MenuEntry]:
    return [entry for entry in subject.document.menu if entry.leaf and _TASK_PAGE.search(entry.title)]


@operation_rule("async-param-typed-string", "note", "A switch is a boolean, or lists its words.")
def async_param_typed_string(subject: Subject) -> Iterator[Flaw]:
    """The switch is any text."""
    switch = _switch(subject)
    if switch and switch.schema.get("type") == "string" and not switch.schema.keys() & _WORDS:
        shown = f"only {switch.sample.text!r} is shown" if switch.sample else "no value is shown"
        yield Flaw(
            f"{switch.name} is any text and {shown}: what 'false', '1' or an empty value do is not said.",
            switch.sample.place if switch.sample else switch.place,
            "boolean, or enum [true, false]",
            "string",
        )


@operation_rule(
    "async-response-undocumented", "error", "The answer to an async request is documented: where the id stands."
)
def async_response_undocumented(subject: Subject) -> Iterator[Flaw]:
    """Async mode is offered, and no documented answer has a task id."""
    switch = _switch(subject)
    if switch is None or "task-id" not in subject.operation.response_roles:
        return
    if not any("task-id" in subject.promised(response) for response in subject.documented.successes):
        yield Flaw(
            f"{switch.name} asks for a task, and no documented answer has its id: the pictures cannot be fetched.",
            switch.place,
            "an answer with task-id",
            "no field for it",
        )


@operation_rule("async-curl-shown-as-default", "note", "A call without optional parameters is shown.")
def async_curl_shown_as_default(subject: Subject) -> Iterator[Flaw]:
    """Every printed call asks for a task, though that is optional."""
    switch, samples = _switch(subject), subject.documented.samples
    if switch is None or switch.required or not samples:
        return
    urls = [call_url(sample) for sample in samples]
    if all(url and Address.of(url.text).asks(switch.name) for url in urls):
        yield Flaw(
            f"Every printed call sets {switch.name}, which is optional: a reader gets a task instead of pictures.",
            samples[0].place,
            "a call without it first",
            urls[0].text if urls[0] else "",
        )


@operation_rule(
    "poll-page-listed-not-linked", "warning", "The way to a task's result is named where tasks are started."
)
def poll_page_listed_not_linked(subject: Subject) -> Iterator[Flaw]:
    """Async mode is offered, and the operation that follows a task is not in the document."""
    switch, poll = _switch(subject), _poll(subject)
    if switch is None or poll is None:
        return
    above = next((entry.above for entry in subject.document.menu if entry.title == subject.documented.title.text), None)
    near = [entry for entry in _task_pages(subject) if entry.above == above]
    if near:
        message = f"The menu lists {near[0].title!r}, but neither its path nor its answer is on the page."
    else:
        message = f"{switch.name} starts a task, and the operation that follows it is not in the document."
    yield Flaw(message, near[0].place if near else switch.place, poll.label, "no such operation")


@operation_rule("poll-endpoint-per-family", "note", "The document says which of several task queries takes an id.")
def poll_endpoint_per_family(subject: Subject) -> Iterator[Flaw]:
    """The menu has several task queries, and none is tied to this operation."""
    pages = _task_pages(subject)
    if _switch(subject) and _poll(subject) and len(pages) > 1:
        yield Flaw(
            f"The menu has {len(pages)} pages that query tasks; nothing says which one takes the id from here.",
            pages[0].place,
            "a link to the one that does",
            ", ".join(entry.title for entry in pages),
        )


@operation_rule("async-flag-wording-ambiguous", "note", "The text names a query parameter as one.")
def async_flag_wording_ambiguous(subject: Subject) -> Iterator[Flaw]:
    """The text says to append the switch to the endpoint, which could be a path as well."""
    switch = _switch(subject)
    for text in subject.documented.prose if switch else ():
        if switch and switch.name in text.text and _APPEND.search(text.text) and not re.search(r"[?=]", text.text):
            yield Flaw(
                f"To append {switch.name} to the endpoint can mean a path suffix; it is a query parameter.",
                text.place,
                f"?{switch.name}={switch.sample.text if switch.sample else 'true'}",
                quoted_list([text.text]),
            )
