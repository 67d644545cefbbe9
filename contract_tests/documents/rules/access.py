"""Rules about the key and the headers of a request and its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.document import DocumentedParameter
from contract_tests.documents.json_text import Place
from contract_tests.documents.subject import Subject
from spec.violations import quoted_list

_TEMPLATE = re.compile(r"\s*(\{\{[^}]*\}\}|\$\{[^}]*\}|<[^>]*>)\s*")
_EMPTY_HEADER = re.compile(r"""(?:-H|--header)\s+(['"])Authorization\s*[;:]\s*\1""", re.IGNORECASE)
_KEY_WORDS = re.compile(r"authorization|bearer", re.IGNORECASE)
_RESERVED = ("accept", "authorization", "content-type")


def _headers(subject: Subject) -> Iterator[DocumentedParameter]:
    return (parameter for parameter in subject.documented.parameters if parameter.location == "header")


def _header(subject: Subject, name: str) -> DocumentedParameter | None:
    return next((parameter for parameter in _headers(subject) if parameter.name.lower() == name), None)


@operation_rule("authorization-optional", "error", "An operation that needs a key marks Authorization as required.")
def authorization_optional(subject: Subject) -> Iterator[Flaw]:
    """The Authorization header is listed, but as optional."""
    header, security = _header(subject, "authorization"), subject.documented.security
    place = None
    if header and not header.required:
        place = header.required_place or header.place
    elif security and security.text == "optional":
        place = security.place
    if place and subject.operation.secured:
        yield Flaw(
            "Authorization is marked optional, yet a call without a key is refused.",
            place,
            "Authorization required, as Bearer and a key",
            "optional",
        )


@operation_rule("authorization-template-default", "error", "The page shows what a key looks like: Bearer and a key.")
def authorization_template_default(subject: Subject) -> Iterator[Flaw]:
    """The key's default is a bare template, or the printed call sends an empty header."""
    header = _header(subject, "authorization")
    for shown in (header.default, header.sample) if header else ():
        if shown and _TEMPLATE.fullmatch(shown.text):
            yield Flaw(
                f"Authorization is shown as {shown.text}: neither the scheme nor the form of a key is said.",
                shown.place,
                "Bearer YOUR_API_KEY",
                shown.text,
            )
    for sample in subject.documented.samples:
        if match := _EMPTY_HEADER.search(sample.text):
            line = sample.place.line + sample.text.count("\n", 0, match.start())
            yield Flaw(
                "The printed call sends an empty Authorization header; run as it is, it is refused.",
                Place(line, pointer=sample.place.pointer),
                "--header 'Authorization: Bearer YOUR_API_KEY'",
                match[0],
            )


@operation_rule("authorization-undocumented", "error", "An operation that needs a key says so.")
def authorization_undocumented(subject: Subject) -> Iterator[Flaw]:
    """Neither a header, nor a security scheme, nor a word about the key."""
    security = subject.documented.security
    if not subject.operation.secured or _header(subject, "authorization"):
        return
    if security.text == "none" if security else not _KEY_WORDS.search(subject.document.text):
        yield Flaw(
            "The operation needs a key, and nothing here says so.",
            subject.documented.place,
            "a bearer scheme that applies to this operation",
            "no security",
        )


@operation_rule("accept-header-required", "note", "Accept is no required header.")
def accept_header_required(subject: Subject) -> Iterator[Flaw]:
    """Accept is listed as required."""
    header = _header(subject, "accept")
    if header and header.required:
        yield Flaw(
            "Accept is marked required; every HTTP client sends it by itself and no answer depends on it.",
            header.required_place or header.place,
            "Accept not listed, or optional",
            "required",
        )


@operation_rule("reserved-header-parameters", "note", "Accept, Content-Type and Authorization are no parameters.")
def reserved_header_parameters(subject: Subject) -> Iterator[Flaw]:
    """Headers OpenAPI reserves are listed as ordinary parameters."""
    found = [parameter for parameter in _headers(subject) if parameter.name.lower() in _RESERVED]
    if found:
        names = quoted_list([parameter.name for parameter in found])
        yield Flaw(
            f"Listed among the header parameters, where OpenAPI tools ignore them: {names}.",
            found[0].place,
            "a security scheme for the key, media types for the rest",
            names,
        )


@operation_rule("response-headers-undeclared", "note", "Headers that every answer has are declared.")
def response_headers_undeclared(subject: Subject) -> Iterator[Flaw]:
    """No documented success declares any header, though the contract requires some."""
    required = [name for name, header in subject.operation.success.headers.items() if header.get("required")]
    successes = subject.documented.successes
    if required and successes and not any(response.headers for response in successes):
        yield Flaw(
            f"No header of the answer is declared; every answer has {quoted_list(required)}.",
            successes[0].place,
            quoted_list(required),
            "none",
        )
