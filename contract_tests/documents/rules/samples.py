"""Rules about printed calls (curl)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contract_tests.documents.defects import Flaw, document_rule, operation_rule
from contract_tests.documents.document import Document, Text
from contract_tests.documents.json_text import Place
from contract_tests.documents.subject import Subject

_URL = re.compile(r"""['"]?((?:https?://|\{\{[^}]*\}\}|/)[^\s'"\\]*)['"]?""")
_FOLLOW = re.compile(r"(?<!\S)(--location|-[a-zA-Z]*L[a-zA-Z]*)(?!\S)")
_EXPLICIT = re.compile(r"(?<!\S)(--request|-X)[ =]?\s*['\"]?(POST|PUT|PATCH|DELETE)\b")


def call_url(sample: Text) -> Text | None:
    """The URL a printed call goes to, None when there is none."""
    match = _URL.search(sample.text)
    return Text(match[1], _place(sample, match.start(1))) if match else None


def _place(sample: Text, offset: int) -> Place:
    """The place of a character of a sample; one that stands in a JSON string has the place of the string."""
    if sample.place.pointer:
        return sample.place
    above = sample.text.count("\n", 0, offset)
    return Place(sample.place.line + above, offset - sample.text.rfind("\n", 0, offset))


@operation_rule("server-url-missing", "warning", "A printed call goes to a host.")
def server_url_missing(subject: Subject) -> Iterator[Flaw]:
    """The printed calls go to a bare path, and the document names no server."""
    if subject.document.servers:
        return
    for sample in subject.documented.samples:
        url = call_url(sample)
        if url and not url.text.startswith("http"):
            yield Flaw(
                "The printed call has no host, and the document names none: it cannot be run.",
                url.place,
                f"https://HOST{subject.documented.path}",
                url.text,
            )


@document_rule("no-host-no-server", "warning", "The document names its server.")
def no_host_no_server(document: Document, subjects: Sequence[Subject]) -> Iterator[Flaw]:
    """Neither a server nor a printed call, so that no host is named at all."""
    bare = [subject.documented for subject in subjects if not subject.documented.samples]
    if bare and not document.servers:
        yield Flaw(
            "Only the path is given: the document names no server.",
            bare[0].place,
            f"https://HOST{bare[0].path}",
            bare[0].path,
        )


@operation_rule("curl-location-with-explicit-post", "note", "A printed call sends a paid request once.")
def curl_location_with_explicit_post(subject: Subject) -> Iterator[Flaw]:
    """A printed call follows redirects with an explicit method."""
    for sample in subject.documented.samples:
        follow, explicit = _FOLLOW.search(sample.text), _EXPLICIT.search(sample.text)
        if follow and explicit:
            yield Flaw(
                f"The printed call has {follow[1]} and {explicit[1]} {explicit[2]}: after a redirect it sends the paid "
                f"{explicit[2]} again.",
                _place(sample, explicit.start()),
                "the call without both",
                f"{follow[1]} {explicit[0]}",
            )
