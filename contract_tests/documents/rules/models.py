"""Rules about the models a document names."""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Iterator

from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.subject import Subject
from spec.violations import quoted_list

_OLD = 365 * 86_400  # seconds after which a model that has a successor is no news
_TOGETHER = 30 * 86_400  # models of one month came together


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


@operation_rule("doc-stale-for-gpt-image", "note", "A page that was changed knows the models of that time.")
def stale_models(subject: Subject) -> Iterator[Flaw]:
    """The page was changed when every model it names was old and had successors, of which it names none."""
    changed, born = subject.document.changed, subject.contract.document.get("x-models", {})
    day = _day(changed.text) if changed else None
    field = subject.field("model")
    named = {*subject.models_named(subject.prose), *(model for _, _, model in subject.example_models())}
    named |= {model for model in field.listed if isinstance(model, str)} if field else set()
    if changed is None or day is None or not named or not named <= born.keys():
        return
    last = max(born[model]["created"] for model in named)
    since = [model for model, told in born.items() if last + _TOGETHER < told["created"] < day]
    if since and last < day - _OLD:
        yield Flaw(
            f"Changed on {changed.text[:10]}, and names only {quoted_list(sorted(named))}; since then had come "
            f"{quoted_list(since)}.",
            changed.place,
            quoted_list(since),
            quoted_list(sorted(named)),
        )


def _day(text: str) -> int | None:
    """Unix seconds of a date at the start of a text."""
    try:
        return timegm(time.strptime(text[:10], "%Y-%m-%d"))
    except ValueError:
        return None
