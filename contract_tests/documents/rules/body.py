"""Rules about the request body: which fields it declares, and which of them it demands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.subject import Subject
from spec.language import IMAGE_ROLES
from spec.violations import quoted_list

_DEFAULT = re.compile(r"默认|缺省|\bdefaults?\b", re.IGNORECASE)
_NO_DEFAULT = re.compile(r"(无|没有|不设)(默认|缺省)|\bno default", re.IGNORECASE)


@operation_rule("request-body-not-required", "error", "A body that must be sent is marked required.")
def request_body_not_required(subject: Subject) -> Iterator[Flaw]:
    """The body is marked optional."""
    body = subject.documented.body
    if body and body.required is False and subject.operation.body_required:
        demanded = list(subject.body.value.get("required", ()))
        inside = f", yet {quoted_list(demanded)} inside it are required" if demanded else ""
        yield Flaw(
            f"The request body is marked optional{inside}; without a body the call is refused.",
            body.required_place,
            "required: true",
            "required: false",
        )


@operation_rule("request-body-undocumented", "error", "A body that must be sent is described.")
def request_body_undocumented(subject: Subject) -> Iterator[Flaw]:
    """The contract demands a body, the document declares no field of it."""
    if subject.operation.body_required and not subject.declared:
        body = subject.documented.body
        yield Flaw(
            "The request body is not described: no field of it is declared.",
            body.place if body else subject.documented.place,
            ", ".join(field.name for field in subject.fields.values() if field.required_by_contract),
            "no field",
        )


@operation_rule("model-missing-from-schema", "error", "The field that chooses the model is declared.")
def model_missing_from_schema(subject: Subject) -> Iterator[Flaw]:
    """The contract demands a model, the documented fields have none."""
    field = subject.fields.get("model")
    if not subject.declared or field is None or field.declared or not field.required_by_contract:
        return
    shown = next(
        ((example, value[field.name]) for example, value in subject.request_values() if field.name in value), None
    )
    if shown:
        message = f"{field.name!r} is used in the example ({shown[1]!r}) and not declared among the fields."
    else:
        message = f"{field.name!r} is required and not declared among the fields."
    place = shown[0].at(f"/{field.name}") if shown else subject.body.at("/properties")
    yield Flaw(message, place, f"{field.name!r} declared and required", ", ".join(subject.declared))


@operation_rule("required-field-undocumented", "error", "Every field the contract demands is declared.")
def required_field_undocumented(subject: Subject) -> Iterator[Flaw]:
    """A field the contract demands, other than the model, is not declared."""
    for role, field in subject.fields.items():
        if subject.declared and role != "model" and field.required_by_contract and not field.declared:
            yield Flaw(
                f"{field.name!r} is required and not declared among the fields.",
                subject.body.at("/properties"),
                f"{field.name!r} declared and required",
                ", ".join(subject.declared),
            )


@operation_rule("required-field-optional", "warning", "Every field the contract demands is marked required.")
def required_field_optional(subject: Subject) -> Iterator[Flaw]:
    """A declared field that the contract demands is optional here."""
    for field in subject.fields.values():
        if field.declared and field.required_by_contract and field.required is False:
            yield Flaw(
                f"{field.name!r} is optional here; without it the call is refused.",
                subject.place(field),
                f"{field.name!r} required",
                "optional",
            )


@operation_rule("n-and-size-required", "warning", "Only what the contract demands is marked required.")
def n_and_size_required(subject: Subject) -> Iterator[Flaw]:
    """Fields the contract leaves optional (count, size, ...) are marked required."""
    needless = [
        field
        for field in subject.fields.values()
        if field.required and field.declared and not field.required_by_contract
    ]
    if needless:
        names = quoted_list([field.name for field in needless])
        demanded = [field.name for field in subject.fields.values() if field.required_by_contract]
        yield Flaw(
            f"Required here, optional by the contract: {names}.",
            needless[0].required_place,
            f"only {quoted_list(demanded)} required",
            f"{names} required",
        )


@operation_rule("no-response-format-documented", "warning", "The document says whether a link or base64 comes back.")
def no_response_format_documented(subject: Subject) -> Iterator[Flaw]:
    """The field that chooses the form of the answer is not declared, and no answer shows a form."""
    delivery = subject.fields.get("delivery")
    if delivery is None or delivery.declared or not subject.declared:
        return
    if not any(subject.promised(response) & IMAGE_ROLES for response in subject.documented.successes):
        yield Flaw(
            f"{delivery.name} is not declared and no answer shows a picture: a link or base64 may come back.",
            subject.body.at("/properties"),
            f"{delivery.name}, or an answer with a picture",
            ", ".join(subject.declared),
        )


@operation_rule("optional-fields-missing-dalle3", "note", "Every field the example's model takes is declared.")
def optional_fields_missing(subject: Subject) -> Iterator[Flaw]:
    """The model of the example takes fields that are not declared."""
    for _, _, model in subject.example_models():
        if model not in subject.models or not subject.declared or subject.shown_only:
            continue
        shape = subject.shape(model)
        missing = [
            field.name
            for field in subject.fields.values()
            if not field.declared and not field.required_by_contract and not shape.forbids(field.name)
        ]
        if missing:
            yield Flaw(
                f"{model} also takes {quoted_list(missing)}; none of them is declared."
                if len(missing) > 1
                else f"{model} also takes {missing[0]!r}, which is not declared.",
                subject.body.at("/properties"),
                quoted_list(missing),
                ", ".join(subject.declared),
            )
        return


@operation_rule("default-on-required-field", "note", "A field with a default is optional.")
def default_on_required_field(subject: Subject) -> Iterator[Flaw]:
    """A required field has a default, in its schema or in its description."""
    for field in subject.fields.values():
        said = _DEFAULT.search(field.description) and not _NO_DEFAULT.search(field.description)
        if field.required and field.declared and (field.says("default") or said):
            yield Flaw(
                f"{field.name!r} is required and has a default, which can then never apply.",
                subject.body.at(f"{field.declared.pointer}/{'description' if said else 'default'}"),
                "optional, or no default",
                "required with a default",
            )


@operation_rule("request-mediatype-empty", "note", "The body's media type is said once, or the same everywhere.")
def request_mediatype_empty(subject: Subject) -> Iterator[Flaw]:
    """One place names the body's media type, another leaves it empty or says something else."""
    media = subject.documented.body.media if subject.documented.body else ()
    if len({text.text for text in media}) > 1:
        said = ", ".join(f"{text.place.pointer.rpartition('/')[2]} {text.text!r}" for text in media)
        wrong = next((text for text in media if "/" not in text.text), media[-1])
        yield Flaw(f"The body's media type is said in two ways ({said}).", wrong.place, media[0].text, said)
