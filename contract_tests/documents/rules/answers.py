"""Rules about what an operation answers: its documented statuses, schemas and example answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.document import DocumentedResponse
from contract_tests.documents.schemas import describes_nothing, property_path, schema_at, specimen
from contract_tests.documents.subject import Subject
from spec.events import MEDIA_TYPE as EVENT_STREAM
from spec.language import IMAGE_ROLES, Schema, escape, types_of, walk
from spec.response_check import ResponseCheck
from spec.violations import Violation, quoted_list
from spec.writer import alternatives_of

#: fields that hold one of a few fixed words wherever they occur
_WORD_FIELDS = ("finish_reason", "object", "role")
_OTHER_USAGE = re.compile(r"(prompt|completion)_tokens")


def _is_completion(value: Any) -> bool:
    """Whether a value looks like a chat completion."""
    return isinstance(value, Mapping) and (
        isinstance(value.get("choices"), list) or str(value.get("object", "")).startswith("chat.completion")
    )


def _wanted(subject: Subject) -> str:
    return f"an answer with {' or '.join(sorted(subject.purpose))}"


def _judged(subject: Subject) -> Iterator[DocumentedResponse]:
    """The documented successes, where the contract's success has a body with pictures or a task."""
    return iter(subject.documented.successes if subject.purpose else ())


@operation_rule("chat-shaped-200", "error", "The schema of a success has room for the pictures.")
def chat_shaped_200(subject: Subject) -> Iterator[Flaw]:
    """A documented success is a chat completion by its schema."""
    for response in _judged(subject):
        if response.schema is None:
            continue
        fullest = specimen(response.schema.value)
        if _is_completion(fullest) and not subject.meanings(fullest) & subject.purpose:
            pointer = "/properties/choices" if "choices" in fullest else "/properties/object"
            yield Flaw(
                f"The {response.status} schema is a chat completion: it has choices[] and no field for a picture.",
                response.schema.at(pointer),
                _wanted(subject),
                ", ".join(fullest),
            )


@operation_rule("chat-example-200", "error", "The example of a success shows pictures.")
def chat_example_200(subject: Subject) -> Iterator[Flaw]:
    """An example of a success is a chat completion."""
    for response in _judged(subject):
        for example in response.examples:
            if _is_completion(example.value) and not subject.meanings(example.value) & subject.purpose:
                yield Flaw(
                    f"The {response.status} example is a chat completion; a picture is nowhere in it.",
                    example.at("/object" if "object" in example.value else "/choices"),
                    _wanted(subject),
                    ", ".join(example.value),
                )


@operation_rule("empty-object-example", "error", "A success is described and shown with its fields.")
def empty_object_example(subject: Subject) -> Iterator[Flaw]:
    """A success is `{}`, by its example or by its schema."""
    for response in _judged(subject):
        for example in response.examples:
            if example.value in ({}, []):
                yield Flaw(
                    f"The {response.status} example is {example.text.strip()}: it shows no field of the answer.",
                    example.place,
                    _wanted(subject),
                    example.text.strip(),
                )
        if response.schema and describes_nothing(response.schema.value):
            yield Flaw(
                f"The {response.status} schema is an object without any field.",
                response.schema.at(),
                _wanted(subject),
                "object {0}",
            )


@operation_rule("no-picture-in-200", "error", "A success says where the pictures, or the task's id, stand.")
def no_picture_in_200(subject: Subject) -> Iterator[Flaw]:
    """The documented successes have fields, but none that the contract knows for a picture or a task."""
    described = [(response, fields) for response in _judged(subject) if (fields := _fields(response))]
    if described and not any(subject.promised(response) & subject.purpose for response in _judged(subject)):
        response, fields = described[0]
        shown = "schema" if response.schema else "example"
        yield Flaw(
            f"The {response.status} {shown} has no field in which a picture can come.",
            response.examples[0].place if response.examples and not response.schema else response.place,
            _wanted(subject),
            ", ".join(fields) if isinstance(fields, dict) else type(fields).__name__,
        )


def _fields(response: DocumentedResponse) -> Any:
    """What a documented answer holds, as far as it is described; None where nothing is, or where it is a chat's."""
    if response.schema:
        fields = None if describes_nothing(response.schema.value) else specimen(response.schema.value)
    else:
        fields = next((example.value for example in response.examples if example.value), None)
    return None if _is_completion(fields) else fields


@operation_rule("success-undocumented", "error", "A success is described, by a schema or an example.")
def success_undocumented(subject: Subject) -> Iterator[Flaw]:
    """No success is documented, or none with a body."""
    successes = subject.documented.successes
    if subject.purpose and not any(map(_is_described, successes)):
        yield Flaw(
            "What a success answers is not documented.",
            successes[0].place if successes else subject.documented.place,
            _wanted(subject),
            "no schema, no example",
        )


def _is_described(response: DocumentedResponse) -> bool:
    return bool(response.schema or response.examples) or EVENT_STREAM in (text.text for text in response.media)


@operation_rule("response-example-breaks-contract", "error", "An example of a success keeps the contract.")
def response_example_breaks_contract(subject: Subject) -> Iterator[Flaw]:
    """An example shows pictures or a task, but not in the contract's form."""
    for response in _judged(subject):
        for example in response.examples:
            if not subject.meanings(example.value) & subject.purpose:
                continue
            if violations := _violations(subject, example.value):
                worst = violations[0]
                yield Flaw(
                    f"The {response.status} example breaks the contract: {worst.param or 'all'}: {worst.reason}.",
                    example.at(worst.pointer),
                    "an answer as the contract describes it",
                    "; ".join(map(str, violations[:5])),
                )


def _violations(subject: Subject, value: Any) -> list[Violation]:
    """In what an answer breaks the alternative it comes closest to."""
    check = ResponseCheck(subject.operation)
    tried = [list(check.schema_violations(branch, value)) for branch in alternatives_of(subject.answer)]
    return min(tried, key=len)


@operation_rule("chat-usage-on-images", "error", "Token counts have the names the contract gives them.")
def chat_usage_on_images(subject: Subject) -> Iterator[Flaw]:
    """The documented usage object has chat's names and none of the contract's."""
    for path, wanted in _counters(subject.answer).items():
        for response in _judged(subject):
            found = schema_at(response.schema.value, path) if response.schema else None
            names = list(found[0].get("properties", ())) if found else []
            others = [name for name in names if _OTHER_USAGE.fullmatch(name)]
            if others and response.schema and found and not set(names) & wanted - {"total_tokens"}:
                yield Flaw(
                    f"The {response.status} schema counts {quoted_list(others)}: chat's names, not the Images API's.",
                    response.schema.at(f"{found[1]}/properties/{others[0]}"),
                    ", ".join(sorted(wanted)),
                    ", ".join(names),
                )


def _counters(schema: Schema) -> dict[tuple[str, ...], set[str]]:
    """The objects in a schema that count usage: path -> names of their counters."""
    return {
        tuple(property_path(pointer).split(".")): {
            name for name, inner in part["properties"].items() if str(inner.get("x-role", "")).startswith("usage-")
        }
        for pointer, part in walk(schema)
        if any(inner.get("x-role") == "usage-input" for inner in part.get("properties", {}).values())
    }


@operation_rule(
    "choices-without-required-members", "note", "Items of a list say which of their fields are always there."
)
def choices_without_required_members(subject: Subject) -> Iterator[Flaw]:
    """A list's items have fields but require none, in a schema that requires fields elsewhere."""
    for response in _judged(subject):
        parts = list(walk(response.schema.value)) if response.schema else []
        if response.schema is None or not any(part.get("required") for _, part in parts):
            continue
        for pointer, part in parts:
            items = part.get("items", {})
            if items.get("properties") and not items.keys() & {"required", "anyOf", "oneOf", "allOf", "minProperties"}:
                name = property_path(f"{pointer}/items")
                yield Flaw(
                    f"The items of {name} require no field: {name.removesuffix('[]')}: [{{}}] keeps this schema.",
                    response.schema.at(f"{pointer}/items"),
                    "required on the items",
                    "no required",
                )


@operation_rule("object-string-unconstrained", "note", "A field with a few fixed words lists them.")
def object_string_unconstrained(subject: Subject) -> Iterator[Flaw]:
    """Fields that hold fixed words are any text."""
    for response in _judged(subject):
        found = [
            f"{pointer}/properties/{escape(name)}"
            for pointer, part in (walk(response.schema.value) if response.schema else ())
            for name, inner in part.get("properties", {}).items()
            if name in _WORD_FIELDS
            and types_of(inner) == {"string"}
            and not inner.keys() & {"enum", "const", "pattern"}
        ]
        if found and response.schema:
            names = ", ".join(map(property_path, found))
            yield Flaw(
                f"{names}: any text is allowed where only a few words occur.",
                response.schema.at(found[0]),
                "const or enum",
                "string",
            )


@operation_rule("only-200-documented", "warning", "Refusals are documented, with the body of an error.")
def only_200_documented(subject: Subject) -> Iterator[Flaw]:
    """No answer but success is documented."""
    documented = subject.documented.responses
    refusals = sorted(status for status in subject.operation.answers if status[0] in "45")
    if documented and refusals and not any(response.refuses for response in documented):
        statuses = list(dict.fromkeys(response.status for response in documented))
        yield Flaw(
            f"Documented is {quoted_list(statuses)} alone: no refusal.",
            documented[0].place,
            ", ".join(refusals),
            ", ".join(statuses),
        )


@operation_rule("response-name-ok-desc-empty", "note", "An answer's description says something.")
def response_description_empty(subject: Subject) -> Iterator[Flaw]:
    """The description of a success is there, and empty."""
    for response in subject.documented.successes:
        if response.description and not response.description.text.strip():
            yield Flaw(
                f"The description of {response.status} is empty.",
                response.description.place,
                "a sentence",
                '""',
            )


@operation_rule("content-type-vs-mediatype-empty", "note", "An answer names its media type.")
def response_media_type(subject: Subject) -> Iterator[Flaw]:
    """The media type of a success is empty, or no media type."""
    for response in subject.documented.successes:
        wrong = [text for text in response.media if "/" not in text.text]
        if wrong and (response.schema or response.examples):
            said = ", ".join(f"{text.place.pointer.rpartition('/')[2]} {text.text!r}" for text in response.media)
            yield Flaw(
                f"The media type of {response.status} is not named ({said}); converted, it becomes an empty one.",
                wrong[-1].place,
                "application/json",
                said,
            )


@operation_rule(
    "doc-example-url-for-gpt-image-1", "warning", "An example answer has the form the example's model gives."
)
def example_delivery(subject: Subject) -> Iterator[Flaw]:
    """The only model shown delivers base64 alone, the example answer shows links."""
    delivery = subject.fields.get("delivery")
    models = {model for _, _, model in subject.example_models() if model in subject.models}
    if delivery is None or len(models) != 1:
        return
    model = models.pop()
    fixed = subject.shape(model).properties[delivery.name]
    role = delivery.contract.get("x-words", {}).get(fixed.get("default"))
    if fixed.get("not") != {} or role not in IMAGE_ROLES:
        return
    examples = [example for response in _judged(subject) for example in response.examples]
    shown = [(example, roles) for example in examples if (roles := subject.meanings(example.value) & IMAGE_ROLES)]
    if shown and not any(role in roles for _, roles in shown):
        example, roles = shown[0]
        yield Flaw(
            f"The example answer shows {', '.join(sorted(roles))}; the example's model {model} always gives {role}.",
            example.place,
            role,
            ", ".join(sorted(roles)),
        )
