"""Rules about the models a document names."""

from __future__ import annotations

from collections.abc import Iterator

from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.subject import Subject
from spec.violations import quoted_list


@operation_rule("model-free-string", "note", "The models are listed, or a list is pointed at.")
def model_free_string(subject: Subject) -> Iterator[Flaw]:
    """The model is any text, and the text names none."""
    field = subject.field("model")
    if field is None or not subject.models or field.says("enum", "const", "pattern"):
        return
    if not subject.models_named(subject.prose) and "/models" not in subject.prose:
        yield Flaw(
            f"{field.name!r} is any text: which models there are is not said.",
            subject.place(field),
            "an enum, or a link to the list of models",
            "string",
        )


@operation_rule("grok-model-not-in-prose", "note", "The model of an example is one the document speaks of.")
def model_not_in_prose(subject: Subject) -> Iterator[Flaw]:
    """The example uses a model the contract does not know, and the text speaks of others only."""
    named = subject.models_named(subject.prose)
    for example, _, model in subject.example_models():
        known = (*subject.models, *subject.fields["model"].listed)
        if named and model not in known and model not in subject.prose:
            yield Flaw(
                f"The example uses {model}, which the text never mentions; it speaks of {quoted_list(named)}.",
                example.at(f"/{subject.fields['model'].name}"),
                "a model the text describes",
                model,
            )
