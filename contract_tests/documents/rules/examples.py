"""Rules about printed examples: whether they parse, whether they fit what is declared and what the contract takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jsonschema_rs

from contract_tests.documents.address import Address
from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.document import Example
from contract_tests.documents.json_text import Part
from contract_tests.documents.schemas import describes_nothing
from contract_tests.documents.subject import Subject, is_picture_link
from spec.language import escape, types_of
from spec.messages import is_json
from spec.reader import Reader
from spec.violations import Violation, from_schema_error

_PLACEHOLDER = re.compile(
    r"lorem ipsum|\bfoo\b|\{\{|<[a-z_ ]+>|\byour[ _-]prompt\b|^\s*(string|prompt|text|xxx+|test)\s*$", re.IGNORECASE
)
_SINGLE_LETTER = re.compile(r"(?<![\w'’-])[B-HJ-Z](?![\w'’-])")
_RESERVED_HOST = re.compile(r"(^|\.)(example|test|invalid|localhost)(\.(com|net|org))?$")
#: moments that the original's documentation prints and that are copied from there
_STOCK_MOMENTS = frozenset({1589478378, 1677652288})
_KEY = re.compile(r"^[\w-]{1,64}$")


def _printed(subject: Subject) -> Iterator[tuple[str, Example, Part | None, bool]]:
    """(what it is, the example, its documented schema, whether it is JSON by its media type)."""
    body = subject.documented.body
    if body:
        json = not body.media or any(map(is_json, (text.text for text in body.media)))
        yield from (("request example", example, body.schema, json) for example in body.examples)
    for response in subject.documented.responses:
        json = not response.media or any("json" in text.text for text in response.media)
        yield from ((f"{response.status} example", example, response.schema, json) for example in response.examples)


@operation_rule("trailing-comma-example", "error", "An example of JSON is JSON.")
def trailing_comma_example(subject: Subject) -> Iterator[Flaw]:
    """An example has a comma before a closing bracket."""
    for name, example, _, json in _printed(subject):
        if json and example.fault and example.fault.trailing_comma:
            yield Flaw(
                f"The {name} is not JSON: {example.fault.reason}; sent as printed, it is refused.",
                example.fault.place,
                "no comma after the last member",
                ",",
            )


@operation_rule("example-not-json", "error", "An example of JSON is JSON.")
def example_not_json(subject: Subject) -> Iterator[Flaw]:
    """An example cannot be parsed at all."""
    for name, example, schema, json in _printed(subject):
        wants_text = schema is not None and types_of(schema.value) == {"string"}
        if json and not wants_text and example.fault and not example.fault.trailing_comma and example.text.strip():
            yield Flaw(
                f"The {name} is not JSON: {example.fault.reason}.", example.fault.place, "JSON", example.text[:40]
            )


@operation_rule("examples-are-strings", "note", "An example of an object is stored as an object.")
def examples_are_strings(subject: Subject) -> Iterator[Flaw]:
    """Examples are stored as text although the schema says object."""
    found = [
        (name, example)
        for name, example, schema, _ in _printed(subject)
        if example.quoted
        and isinstance(example.value, dict | list)
        and (schema is None or types_of(schema.value) != {"string"})
    ]
    if found:
        yield Flaw(
            f"{' and '.join(dict.fromkeys(name for name, _ in found)).capitalize()} stored as escaped text: converted, "
            "the page gives a string where the schema says object.",
            found[0][1].place,
            "a JSON value",
            "a JSON string",
        )


@operation_rule("image-field-undocumented", "warning", "Every field an example uses is declared.")
def image_field_undocumented(subject: Subject) -> Iterator[Flaw]:
    """An example passes a picture in a field that is not declared."""
    for example, name, value in _undeclared(subject):
        if _is_picture(subject, name, value):
            yield Flaw(
                f"The example passes a picture in {name!r}, which is not declared.",
                example.at(f"/{escape(name)}"),
                f"{name!r} declared, with what it takes",
                ", ".join(subject.declared),
            )


@operation_rule("example-field-undocumented", "warning", "Every field an example uses is declared.")
def example_field_undocumented(subject: Subject) -> Iterator[Flaw]:
    """An example uses a field that is not declared and is neither the model nor a picture."""
    model = subject.fields.get("model")
    for example, name, value in _undeclared(subject):
        if not _is_picture(subject, name, value) and not (model and name == model.name):
            yield Flaw(
                f"The example uses {name!r}, which is not declared.",
                example.at(f"/{escape(name)}"),
                f"{name!r} declared",
                ", ".join(subject.declared),
            )


def _undeclared(subject: Subject) -> Iterator[tuple[Example, str, object]]:
    if not subject.declared:
        return
    for example, value in subject.request_values():
        for name, found in value.items():
            if name not in subject.declared and _KEY.match(name):
                yield example, name, found


def _is_picture(subject: Subject, name: str, value: object) -> bool:
    field = subject.fields.get("input-image")
    values = value if isinstance(value, list) else [value]
    return (field is not None and field.name == name) or any(map(is_picture_link, values))


@operation_rule("image-url-third-party-host", "note", "A picture in an example is on a host that will always have it.")
def image_url_third_party_host(subject: Subject) -> Iterator[Flaw]:
    """An example links to a picture on somebody's real host."""
    servers = {Address.of(server.text).host for server in subject.document.servers}
    for example, value in subject.request_values():
        for name, found in value.items():
            for link in filter(is_picture_link, found if isinstance(found, list) else [found]):
                host = Address.of(link).host
                if host and host not in servers and not _RESERVED_HOST.search(host):
                    yield Flaw(
                        f"The example's {name!r} is on {host}: it works as long as that host keeps the file, "
                        "and has the server fetch a foreign link.",
                        example.at(f"/{escape(name)}"),
                        "a reserved host such as cdn.example, or a data URL",
                        str(link),
                    )


@operation_rule("placeholder-prompt-example", "note", "An example's prompt is one that could be sent.")
def placeholder_prompt_example(subject: Subject) -> Iterator[Flaw]:
    """An example's prompt is a pattern."""
    field = subject.fields.get("prompt")
    for example, value in subject.request_values():
        prompt = value.get(field.name) if field else None
        if field and isinstance(prompt, str):
            letters = set(_SINGLE_LETTER.findall(prompt))
            if len(letters) > 1 or _PLACEHOLDER.search(prompt):
                yield Flaw(
                    f"The example's prompt is a pattern, {prompt[:60]!r}, not a prompt.",
                    example.at(f"/{field.name}"),
                    "a prompt that could be sent",
                    prompt[:120],
                )


@operation_rule("stale-fixed-created", "note", "An example's time is not copied from elsewhere.")
def stale_fixed_created(subject: Subject) -> Iterator[Flaw]:
    """An example's time is the one printed in the original's documentation."""
    for response in subject.documented.successes:
        for example in response.examples:
            for meaning in Reader(subject.answer).read(example.value):
                if meaning.role == "created" and isinstance(meaning.raw, int) and meaning.raw in _STOCK_MOMENTS:
                    yield Flaw(
                        f"The example's {meaning.raw} is the moment printed in OpenAI's own pages, copied from there.",
                        example.at(meaning.pointer),
                        "the time of a real answer",
                        str(meaning.raw),
                    )


@operation_rule("example-breaks-own-schema", "error", "An example keeps the schema beside it.")
def example_breaks_own_schema(subject: Subject) -> Iterator[Flaw]:
    """An example does not fit the document's own schema."""
    for name, example, schema, _ in _printed(subject):
        if schema is None or example.part is None or describes_nothing(schema.value):
            continue
        try:
            validator = jsonschema_rs.Draft202012Validator(schema.value)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
            continue  # a pattern that is no regular expression: nothing can be held against the example
        error = next(validator.iter_errors(example.value), None)
        if error is not None:
            pointer = "".join(f"/{escape(str(part))}" for part in error.instance_path)
            yield Flaw(
                f"The {name} breaks its own schema: {error.message[:160]}.",
                example.at(pointer),
                "an example that keeps the schema",
                error.message[:300],
            )


@operation_rule("request-example-refused", "error", "An example of a request is accepted.")
def request_example_refused(subject: Subject) -> Iterator[Flaw]:
    """The contract refuses an example whose model it knows; fields it does not know are left to the other rules."""
    size = subject.fields.get("size")
    for example, value, model in subject.example_models():
        if model not in subject.models:
            continue
        refused = [
            violation
            for violation in _refusals(subject, value)
            if violation.keyword != "additionalProperties" and not (size and violation.param == size.name)
        ]
        if refused:
            yield Flaw(
                f"The contract refuses the request example: {refused[0].param or 'the body'}: {refused[0].reason}.",
                example.at(refused[0].pointer),
                "a request the contract takes",
                "; ".join(map(str, refused[:5])),
            )


def _refusals(subject: Subject, value: object) -> Iterator[Violation]:
    for error in subject.operation.compile(subject.request).iter_errors(value):
        path = list(error.schema_path)
        yield from from_schema_error(
            subject.request, str(path[-1]), list(error.instance_path), path, error.instance, "body"
        )


@operation_rule("doc-example-stream-true-json-answer", "warning", "A streamed request shows a streamed answer.")
def stream_example_with_json_answer(subject: Subject) -> Iterator[Flaw]:
    """The example asks for a stream, and only JSON is documented as the answer."""
    field = subject.fields.get("stream")
    media = {text.text for response in subject.documented.successes for text in response.media}
    for example, value in subject.request_values():
        if field and value.get(field.name) is True and media and "text/event-stream" not in media:
            yield Flaw(
                "The example asks for a stream, and no streamed answer is documented.",
                example.at(f"/{field.name}"),
                "text/event-stream",
                ", ".join(sorted(media)),
            )
