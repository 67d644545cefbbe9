"""Rules about the limits of a field: how many, how long, which sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract_tests.documents.defects import Flaw, operation_rule
from contract_tests.documents.subject import Field, Subject
from spec.violations import quoted_list

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const")
_RANGE = re.compile(
    r"(\d+)\s*(?:到|至|和|-|–|~|～|to|and)\s*(\d+)|(?:最小值?|min\w*)\D{0,4}(\d+)\D{0,8}(?:最大值?|max\w*)\D{0,4}(\d+)",
    re.IGNORECASE,
)
_LENGTH = re.compile(r"(\d[\d,]{1,8})\s*(?:个)?\s*(?:字符|字|characters?|chars?)", re.IGNORECASE)
_SIZE = re.compile(r"(?<![\dx])\d{2,5}\s*[x×*]\s*\d{2,5}(?!\d)")


def _bounds(subject: Subject, role: str) -> tuple[Field, str] | None:
    """A declared number without bounds, and the range the contract has for it."""
    field = subject.field(role)
    if field is None or "maximum" not in field.contract or field.says(*_BOUNDS):
        return None
    return field, f"{field.contract.get('minimum', 0)} to {field.contract['maximum']}"


@operation_rule("n-integer-no-bounds", "note", "A number has its least and greatest value.")
def n_integer_no_bounds(subject: Subject) -> Iterator[Flaw]:
    """The count has no bounds, neither in its schema nor in words."""
    found = _bounds(subject, "count")
    if found and not re.search(r"\d", found[0].description):
        yield Flaw(
            f"{found[0].name!r} has no bounds: how many pictures one call may ask for is not said.",
            subject.place(found[0]),
            found[1],
            "an integer",
        )


def described_range(field: Field) -> tuple[int, int] | None:
    """The least and the greatest value of a number by words, None where there are none."""
    match = _RANGE.search(field.description)
    if match is None:
        return None
    least, most = filter(None, match.groups())
    return int(least), int(most)


@operation_rule("n-range-claim-no-bounds", "note", "Bounds stand in the schema, not only in the text.")
def n_range_claim_no_bounds(subject: Subject) -> Iterator[Flaw]:
    """The text gives a range for the count, the schema none."""
    found = _bounds(subject, "count")
    if found and (told := described_range(found[0])) and found[0].declared:
        least, most = told
        yield Flaw(
            f"The text says {least} to {most} for {found[0].name!r}, the schema has no minimum or maximum.",
            subject.body.at(f"{found[0].declared.pointer}/description"),
            f"minimum: {least}, maximum: {most}",
            "an integer",
        )


@operation_rule("n-required-dalle3-only-one", "warning", "A required field leaves the model shown a choice.")
def n_required_with_one_value(subject: Subject) -> Iterator[Flaw]:
    """The count is required and unbounded, and the example's model takes one value only."""
    found = _bounds(subject, "count")
    if found is None or not found[0].required:
        return
    field = found[0]
    only = {
        model: subject.shape(model).properties[field.name].get("maximum")
        for _, _, model in subject.example_models()
        if model in subject.models
    }
    least = field.contract.get("minimum")
    if only and all(most == least for most in only.values()):
        yield Flaw(
            f"{field.name!r} is required and unbounded; {quoted_list(list(only))}, the model shown, takes {least}.",
            field.required_place,
            f"optional; {least} for this model",
            "required, any integer",
        )


def described_length(field: Field) -> int | None:
    """The longest text a field may have, by its schema or by words."""
    if lengths := field.says("maxLength"):
        return int(max(lengths))
    match = _LENGTH.search(field.description)
    return int(match[1].replace(",", "")) if match else None


@operation_rule("prompt-limit-1000", "warning", "A limit is given for the models it holds for.")
def prompt_limit(subject: Subject) -> Iterator[Flaw]:
    """One flat limit on the prompt that is below what some of the models take."""
    field = subject.field("prompt")
    limit = described_length(field) if field else None
    if field is None or field.declared is None or limit is None or subject.models_named(field.description):
        return
    higher: dict[int, list[str]] = {}
    for model in subject.documented_models:
        most = subject.shape(model).properties[field.name].get("maxLength")
        if most is not None and most > limit:
            higher.setdefault(most, []).append(model)
    if higher:
        known = "; ".join(f"{most} for {_some(models)}" for most, models in sorted(higher.items()))
        part = "maxLength" if field.says("maxLength") else "description"
        yield Flaw(
            f"{field.name!r} is limited to {limit} characters whatever the model; the contract takes {known}.",
            subject.body.at(f"{field.declared.pointer}/{part}"),
            "the limit of each model",
            str(limit),
        )


def _some(models: list[str]) -> str:
    return models[0] if len(models) == 1 else f"{models[0]} and {len(models) - 1} more"


@operation_rule("prompt-length-undocumented", "note", "A text that is limited says how long it may be.")
def prompt_length_undocumented(subject: Subject) -> Iterator[Flaw]:
    """The prompt has no limit here, the contract has one."""
    field = subject.field("prompt")
    if (
        field
        and "maxLength" in field.contract
        and described_length(field) is None
        and not re.search(r"\d", field.description)
    ):
        lengths = sorted(
            {subject.shape(model).properties[field.name].get("maxLength", 0) for model in subject.documented_models}
        )
        known = ", ".join(map(str, lengths or [field.contract["maxLength"]]))
        yield Flaw(
            f"How long {field.name!r} may be is not said; the contract's limits are {known}, by model.",
            subject.place(field),
            known,
            "no limit",
        )


@operation_rule("size-text-not-enum", "note", "Sizes are listed in the schema, not only in the text.")
def size_text_not_enum(subject: Subject) -> Iterator[Flaw]:
    """Sizes stand in the description, and the schema takes any text."""
    field = subject.field("size")
    if field is None or field.declared is None or field.says("enum", "const", "pattern"):
        return
    sizes = list(dict.fromkeys(_SIZE.findall(field.description)))
    if len(sizes) > 1:
        yield Flaw(
            f"{len(sizes)} sizes stand in the text of {field.name!r}, and the schema takes any text.",
            subject.body.at(f"{field.declared.pointer}/description"),
            "an enum or a pattern",
            ", ".join(sizes),
        )


@operation_rule("size-required-dalle3-only-sample", "note", "A required size comes with the sizes each model takes.")
def size_required_one_sample(subject: Subject) -> Iterator[Flaw]:
    """The size is required, one size is shown, and most models refuse it."""
    field = subject.field("size")
    shown = {str(value[field.name]) for _, value in subject.request_values() if field.name in value} if field else set()
    if field is None or not field.required or field.listed or _SIZE.search(field.description) or len(shown) != 1:
        return
    size = shown.pop()
    refusing = [model for model in subject.documented_models if not _takes(subject, field, model, size)]
    if refusing:
        yield Flaw(
            f"{field.name!r} is required and the only size shown, {size}, is refused by {len(refusing)} of "
            f"{len(subject.documented_models)} models.",
            field.required_place,
            "optional, or the sizes of each model",
            str(size),
        )


def _takes(subject: Subject, field: Field, model: str, size: object) -> bool:
    return subject.operation.compile(subject.shape(model).properties[field.name]).is_valid(size)


@operation_rule("size-example-vs-model", "warning", "The size in an example is one the example's model takes.")
def size_example_vs_model(subject: Subject) -> Iterator[Flaw]:
    """An example's size is refused by its model, or is given for a model the sizes are not listed for."""
    field = subject.fields.get("size")
    for example, value, model in subject.example_models():
        size = value.get(field.name) if field else None
        if field is None or size is None:
            continue
        if model in subject.models and not _takes(subject, field, model, size):
            yield Flaw(
                f"{model} refuses the example's size {size}.",
                example.at(f"/{field.name}"),
                "a size of this model",
                str(size),
            )
        listed = subject.models_named(field.description)
        if model not in subject.models and listed and model not in field.description:
            yield Flaw(
                f"The example asks {model} for {size}; the text has sizes for {quoted_list(listed)} and their like.",
                example.at(f"/{field.name}"),
                f"the sizes of {model}",
                f"{size} with {model}",
            )
