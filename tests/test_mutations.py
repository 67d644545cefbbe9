"""Requests with one thing wrong: each breaks one parameter, is named by the contract, and nothing is left out."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import pytest
from conftest import PROFILES
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image

from contract_tests.cases import KEY, WRONG_KEY, Case, Defect, json_case, most_images
from contract_tests.mutations import breaches, defects, labelled, mutants, sample, unknown_task
from contract_tests.planning import collect, refusals
from contract_tests.raw import raw
from contract_tests.suite_cases import once
from contract_tests.valid_cases import cases
from spec.documents import SPEC, load_yaml
from spec.forms import split
from spec.language import KEYWORD_PROBLEMS, walk
from spec.loading import parse_contract
from spec.profiles import PLAIN, load_profile
from spec.request_check import request_check
from spec.units import size_rule_reason
from spec.violations import quoted_list

IMAGES = PLAIN.contract("images")
CREATE = IMAGES.operation("createImage")
TASK = IMAGES.operation("getImageTask")
BODY = CREATE.body["application/json"]


def planned() -> tuple[Case, ...]:
    """The refusals of one operation, as they are planned."""
    return refusals(IMAGES, CREATE, 0)


def defect(case: Case) -> Defect:
    assert case.defect is not None
    return case.defect


def told(cases_: Sequence[Case]) -> set[tuple[str, str]]:
    return {(defect(case).param, defect(case).problem) for case in cases_}


# --- one defect -------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])  # fmt: skip
@given(defects(IMAGES, CREATE))
def test_every_defect_breaks_one_parameter_and_carries_the_contracts_word_for_it(case: Case) -> None:
    found = defect(case)
    problem = IMAGES.problem(found.problem)
    assert (found.status, found.code) == (problem.status, problem.fields.get("error-code"))
    if found.problem == "invalid-credentials":
        assert WRONG_KEY in (case.credential or "")
        assert request_check(IMAGES, CREATE).accepts(case.request)
        return
    violations = request_check(IMAGES, CREATE).explain(case.request)
    assert {(violation.location, violation.param) for violation in violations} == {
        (violations[0].location, found.param)
    }
    assert found.problem == violations[0].problem


def test_a_valid_case_has_no_defect() -> None:
    for case in collect([cases(IMAGES, CREATE)] * 10, 3, 0):
        assert labelled(case) is None


def test_a_case_with_two_things_wrong_has_no_defect() -> None:
    assert labelled(json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "", "n": 0})) is None
    assert labelled(json_case(IMAGES, CREATE, {"model": "gpt-image-2", "n": 0})) is None
    one = labelled(json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x", "n": 0}))
    assert one is not None
    assert defect(one) == Defect(
        "below-minimum", "n", "0 where the minimum is 1", 400, "integer_below_min_value", "minimum 1"
    )
    assert defect(one).label == "n: below-minimum"


def test_places_that_are_broken_are_told_apart_without_openapi_core() -> None:
    assert breaches(json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x"})) == frozenset()
    tried = [
        {"model": "gpt-image-2", "prompt": "x", **more}
        for more in ({"n": 0}, {"n": 11}, {"size": "1x1"}, {"size": "1025x1024"}, {"other": 1}, {"another": 1})
    ]
    found = [breaches(json_case(IMAGES, CREATE, value)) for value in tried]
    assert all(found)
    assert len(set(found)) == len(found)


def test_a_property_is_sampled_with_everything_in_it() -> None:
    assert sample(BODY["properties"]["svg"]) == {"model": "x", "reasoning": {"effort": "none"}}
    assert sample({"type": ["integer", "null"], "minimum": 4}) == 4
    assert sample({"type": "array", "items": {"type": "boolean"}, "minItems": 2}) == [True, True]
    assert sample({"type": "string", "format": "uri"}).startswith("https://")
    assert sample({"type": ["string", "null"], "enum": [None, "b"]}) == "b"


# --- all defects ------------------------------------------------------------------------------------


def constraints(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, str]]:
    """(parameter, problem, rule) of every constraint of an object schema, read off the document."""
    prefix = f"{path}." if path else ""
    for name in schema.get("required", ()):
        yield f"{prefix}{name}", "missing-parameter", "required"
    if schema.get("additionalProperties") is False:
        yield f"{prefix}imageproof_unknown", "unknown-parameter", "additionalProperties"
    for name, inner in schema.get("properties", {}).items():
        yield from property_constraints(inner, f"{prefix}{name}")
    for part in (*schema.get("allOf", ()), *(schema[key] for key in ("then", "else") if key in schema)):
        yield from constraints(part, path)


def property_constraints(inner: Mapping[str, Any], name: str) -> Iterator[tuple[str, str, str]]:
    named = inner.get("x-problem", {})

    def problem(keyword: str) -> str:
        return named if isinstance(named, str) else named.get(keyword, KEYWORD_PROBLEMS.get(keyword, "invalid-request"))

    for keyword in inner.keys() & {"minimum", "maximum", "maxLength", "minLength", "minItems", "maxItems"}:
        yield name, problem(keyword), f"{keyword} {inner[keyword]}"
    if "enum" in inner:
        yield name, problem("enum"), f"enum {quoted_list(inner['enum'])}".strip()
    if "type" in inner:
        yield name, problem("type"), "type"
    if inner.get("not") == {}:
        yield name, problem("not"), "not"
    if inner.get("format") == "uri":
        yield name, problem("format"), "format"
    for field in inner.get("x-size-rule", {}):
        yield name, problem("x-size-rule"), field
    if "properties" in inner:
        yield from constraints(inner, name)
    if "items" in inner:
        yield from property_constraints(inner["items"], f"{name}[0]")


REASONS = {
    "multiple": "divisible",
    "max-edge": "longest edge",
    "max-ratio": "times the shorter",
    "min-pixels": "at least",
    "max-pixels": "at most 8294400",
}


def rules_of(case: Case) -> Iterator[str]:
    """How a planned defect's rule is called in `constraints`."""
    rule = defect(case).rule
    yield rule.partition(" ")[0] if rule.startswith(("type", "format")) else rule
    yield from (field for field, words in REASONS.items() if rule.startswith("x-size-rule") and words in rule)


@pytest.mark.parametrize("name", [PLAIN.name, *PROFILES])
def test_every_constraint_of_a_body_is_broken_once(name: str) -> None:
    contract = (PLAIN if name == PLAIN.name else load_profile(name)).contract("images")
    operation = contract.operation("createImage")
    wanted = set(constraints(operation.body["application/json"]))
    broken = {
        (defect(case).param, defect(case).problem, rule)
        for case in refusals(contract, operation, 0)
        for rule in rules_of(case)
    }
    assert len(wanted) > 60  # the fewest a profile has
    assert wanted <= broken, wanted - broken


#: problems that no request provokes by being wrong, or none that we send
_UNPROVOKED = {
    "body-too-large": "nobody's line shall carry so many bytes to be refused",
    "file-too-large": "nobody's line shall carry 4 or 50 MB to be refused",
    "unknown-task": "a lookup, not a refusal: asked for an id that was never given",
    "moderation-blocked": "nothing is sent that a safety system should refuse",
    "content-policy-violation": "nothing is sent that a safety system should refuse",
    **dict.fromkeys(("server-error", "internal", "overloaded", "overloaded-unnamed"), "the provider's own trouble"),
    **dict.fromkeys(
        ("rate-limited", "image-rate-limited", "token-rate-limited", "slow-down"), "nobody is asked more than they bear"
    ),
    **dict.fromkeys(
        (
            "billing-hard-limit",
            "quota-exhausted",
            "credit-balance-exhausted",
            "organization-spend-limit",
            "project-spend-limit",
            "organization-usage-limit",
            "forbidden",
            "unsupported-country",
        ),
        "a matter of the account",
    ),
}


def sent() -> list[Case]:
    """Everything that is sent to be refused in the images contract."""
    return [*once(refusals(IMAGES, operation, 0) for operation in IMAGES.operations), *raw(IMAGES, 0)]


def test_every_problem_a_request_can_provoke_is_provoked() -> None:
    assert {defect(case).problem for case in sent()} == IMAGES.document["x-problems"].keys() - _UNPROVOKED.keys()


def test_every_constraint_of_the_contract_is_broken_by_what_is_sent() -> None:
    """On one operation at least; a refusal is known by its rule and the last name of its parameter."""

    def known(param: str, problem: str, rule: str) -> tuple[str, str, str]:
        leaf = param.replace("[0]", "").replace("]", "").replace("[", ".").rpartition(".")[2]
        return "a file" if problem == "unsupported-file" else leaf, problem, rule

    broken = {known(defect(case).param, defect(case).problem, rule) for case in sent() for rule in rules_of(case)}
    wanted = {
        known(*one)
        for operation in IMAGES.operations
        for schema in operation.body.values()
        for one in constraints(schema)
    }
    left = {f"{name}: {rule}" for name, problem, rule in wanted - broken if problem not in _UNPROVOKED}
    assert len(wanted) > 100
    assert left == _UNBROKEN.keys(), left ^ _UNBROKEN.keys()


#: constraints that nothing sent breaks by itself
_UNBROKEN = {
    "bytes: type": "whatever a file holds are bytes",
    "media: type": "a part's Content-Type is a text",
    "media: required": "a part without Content-Type is a text, as RFC 7578, 4.4 has it",
    "image: minItems 1": "a form cannot say an empty list: it lacks the parameter",
    "file_id: type": "an alternative of image_url, for files that only the provider knows",
    "file_id: minLength 1": "an alternative of image_url, for files that only the provider knows",
    "image_url: maxLength 20971520": "nobody's line shall carry 20 MB to be refused",
}


def test_a_later_operation_is_not_sent_again_what_an_earlier_one_has_refused() -> None:
    create, edit = (refusals(IMAGES, IMAGES.operation(name), 0) for name in ("createImage", "editImage"))
    both = list(once([create, edit]))
    assert both[: len(create)] == [*create]
    again = both[len(create) :]
    assert {defect(case).problem for case in again} == {defect(case).problem for case in edit}
    assert len(again) < 0.7 * len(edit)
    assert ("n", "below-minimum") in told(again), "what every request has says most"


def test_what_is_sent_to_be_refused_stays_few() -> None:
    assert len(sent()) <= 300


def test_one_character_too_many_is_too_many_however_it_is_counted() -> None:
    for case in (one for one in planned() if defect(one).problem == "too-long" and defect(one).param == "prompt"):
        prompt = case.request.value["prompt"]
        assert defect(case).rule == f"maxLength {len(prompt) - 1}"
        assert max(prompt) > "\uffff"


def test_everything_around_a_body_is_broken_once() -> None:
    problems = [defect(case).problem for case in planned()]
    assert problems.count("missing-credentials") == problems.count("invalid-credentials") == 1
    assert problems.count("wrong-media-type") == 1
    bodies = {case.body for case in planned() if defect(case).problem == "malformed-body"}
    assert b"" in bodies
    assert any(body.startswith(b"{") and not body.endswith(b"}") for body in bodies)
    assert any(b"NaN" in body for body in bodies)
    assert b"[1, 2]" in {case.body for case in planned() if defect(case).problem == "wrong-type"}
    assert told(refusals(IMAGES, TASK, 0)) == {("Authorization", "missing-credentials"), ("", "invalid-credentials")}


def test_every_reason_of_the_size_rule_is_given() -> None:
    rule = next(part["x-size-rule"] for _, part in walk(BODY) if "max-edge" in part.get("x-size-rule", {}))
    values = [case.request.value for case in planned() if defect(case).problem == "bad-size"]
    sizes = [value["size"] for value in values if value.get("output_format") != "gif"]  # which has rules of its own
    reasons = {size_rule_reason(rule, size) for size in sizes}
    assert None not in reasons
    assert len(reasons) == len(sizes) == len(rule) + 1, "each field, and what is no size at all"


def test_rules_between_parameters_are_broken() -> None:
    def bodies(param: str, problem: str) -> list[dict[str, Any]]:
        return [
            case.request.value for case in planned() if (defect(case).param, defect(case).problem) == (param, problem)
        ]

    assert [(body["background"], body["output_format"]) for body in bodies("output_format", "combination")] == [
        ("transparent", "jpeg")
    ]
    assert [(body["stream"], body["n"]) for body in bodies("n", "stream-needs-one")] == [(True, 2)]
    assert {body["model"] for body in bodies("n", "above-maximum") if body["n"] == 2} == {"dall-e-3"}
    assert {"output_compression"} <= bodies("output_compression", "png-compression")[0].keys()


def test_defects_of_a_body_are_those_of_one_that_is_valid_without_them() -> None:
    valid = json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x"})
    bodies = [orjson.loads(case.body) for case in mutants(valid) if case.body[:1] == b"{" and case.body[-1:] == b"}"
              and b"NaN" not in case.body]  # fmt: skip
    changed = [{name for name in {*body, "model", "prompt"} if body.get(name) != valid.request.value.get(name)}
               for body in bodies]  # fmt: skip
    assert all(len(names) <= 1 for names in changed), [names for names in changed if len(names) > 1]


def test_parameters_of_the_query_are_broken_too() -> None:
    document = load_yaml((SPEC / "images.yaml").read_text("utf-8"), "images.yaml")
    document["paths"]["/v1/images/generations"]["post"]["parameters"] += [
        {"name": "fast", "in": "query", "required": True, "schema": {"type": "boolean"}},
        {"name": "many", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 3}},
        {"name": "word", "in": "query", "schema": {"type": "string", "enum": ["a", "b"]}},
    ]
    contract = parse_contract(document, "images.yaml", "images")
    found = told(refusals(contract, contract.operation("createImage"), 0))
    assert {
        ("fast", "missing-parameter"), ("fast", "wrong-type"), ("many", "below-minimum"), ("many", "above-maximum"),
        ("many", "wrong-type"), ("word", "not-allowed"),
    } <= found  # fmt: skip


def test_an_unknown_task_is_a_well_formed_request() -> None:
    case = unknown_task(IMAGES, TASK)
    assert request_check(IMAGES, TASK).accepts(case.request)
    assert defect(case).status == 400
    assert most_images(case) == 0


# --- forms and pictures -----------------------------------------------------------------------------

EDIT = IMAGES.operation("editImage")


def edits() -> tuple[Case, ...]:
    """The refusals of edits."""
    return refusals(IMAGES, EDIT, 0)


def variations() -> tuple[Case, ...]:
    """The refusals of variations."""
    return refusals(IMAGES, IMAGES.operation("createImageVariation"), 0)


def the(found: Sequence[Case], param: str, problem: str, rule: str = "") -> Case:
    """The one planned case with this defect."""
    [case] = [
        case
        for case in found
        if (defect(case).param, defect(case).problem) == (param, problem) and rule in defect(case).rule
    ]
    return case


def text_of(case: Case, name: str) -> bytes:
    [part] = [part for part in split(case.body, case.media or "") if part.name == name]
    assert part.filename is None
    return part.data


def test_every_constraint_of_a_form_is_broken_once() -> None:
    form = EDIT.body["multipart/form-data"]
    wanted = {  # what a form cannot say: another type of text, null, an empty list; and what would carry megabytes
        (param, problem, rule)
        for param, problem, rule in constraints(form)
        if not (problem == "wrong-type" and rule == "type") and rule != "minItems 1" and "x-file" not in param
    }
    broken = {(defect(case).param, defect(case).problem, rule) for case in edits() for rule in rules_of(case)}
    missed = {entry for entry in wanted - broken if ".media" not in entry[0] and ".bytes" not in entry[0]}
    assert not {entry for entry in missed if "imageproof_unknown" not in entry[0]}
    assert {param for param, *_ in broken if "unknown" in param} >= {"imageproof_unknown", "svg[imageproof_unknown]"}


def test_forms_are_broken_as_forms() -> None:
    malformed = [case for case in edits() if defect(case).problem == "malformed-body"]
    assert {defect(case).reason for case in malformed if "multipart" in case.label} >= {
        "it is empty", "its Content-Type names no boundary",
    }  # fmt: skip
    assert any("no whole form" in defect(case).reason for case in malformed)
    assert text_of(the(edits(), "n", "wrong-type"), "n") == b"1.5"
    assert text_of(the(edits(), "quality", "not-allowed", "no text"), "quality") == b""
    assert text_of(the(edits(), "image[0]", "wrong-type"), "image") == b"none"
    assert the(edits(), "image[0]", "unsupported-file").body.count(b"application/x-imageproof") == 1
    assert the(edits(), "image", "too-many", "maxItems 16").body.count(b"filename=") == 17
    assert the(edits(), "image", "missing-parameter").body.count(b"filename=") == 0
    assert the(variations(), "image", "missing-parameter")


@pytest.mark.parametrize(
    ("param", "problem", "broken"),
    [
        ("image[0]", "invalid-image", {"no picture", "it is gif", "square"}),
        ("images[0].image_url", "invalid-image", {"no picture", "it is gif"}),
        ("mask", "invalid-mask", {"no picture", "it is gif", "alpha channel", "128x128, and must be 256x256"}),
        ("mask.image_url", "invalid-mask", {"no picture", "it is gif", "alpha channel", "must be 256x256"}),
        ("markup", "invalid-mask", {"no picture", "it is gif", "transparent pixels", "must be 256x256"}),
    ],
)
def test_every_rule_for_a_picture_is_broken_once(param: str, problem: str, broken: set[str]) -> None:
    found = [case for case in edits() if (defect(case).param, defect(case).problem) == (param, problem)]
    assert all(request_check(IMAGES, EDIT).accepts(case.request) for case in found), "but for the picture it is right"
    assert len(found) == len(broken)
    for words in broken:
        assert [case for case in found if words in defect(case).reason], words


def test_a_square_is_demanded_of_the_model_that_needs_one() -> None:
    case = the(edits(), "image[0]", "invalid-image", "square")
    assert case.request.value["model"] == "dall-e-2"
    given = Image.open(io.BytesIO(case.request.value["image"][0].data))
    assert given.width != given.height


def test_what_both_kinds_of_body_share_is_broken_in_one_of_them() -> None:
    named = [(defect(case).param, defect(case).problem, defect(case).rule) for case in edits()]
    assert {entry[1] for entry in named if named.count(entry) > 1} <= {"malformed-body"}
    kinds = [case.request.media for case in edits()]
    assert kinds.count("application/json") > 30
    assert kinds.count("multipart/form-data") > 80
    assert the(edits(), "images", "missing-parameter").request.media == "application/json"
    assert {defect(case).problem for case in edits() if defect(case).rule == "oneOf"} == {"invalid-request"}


def test_refusals_are_small() -> None:
    assert max(len(case.body) for case in (*edits(), *variations())) < 100_000
    assert sum(len(case.body) for case in (*edits(), *variations())) < 1_000_000


@settings(max_examples=100, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])  # fmt: skip
@given(defects(IMAGES, EDIT))
def test_every_drawn_defect_of_a_form_is_named(case: Case) -> None:
    assert breaches(case)
    assert defect(case).status == IMAGES.problem(defect(case).problem).status


def test_an_unknown_model_is_asked_for_by_its_path() -> None:
    found = refusals(IMAGES, IMAGES.operation("getModel"), 0)
    case = the(found, "model", "unknown-model-id")
    assert (case.path, defect(case).status) == ("/v1/models/imageproof-no-such-value", 404)


# --- their order ------------------------------------------------------------------------------------


def test_each_constraint_is_broken_by_one_case_only() -> None:
    assert len({case.key for case in planned()}) == len(planned())
    named = [(defect(case).param, defect(case).problem, defect(case).rule) for case in planned()]
    twice = {entry[1] for entry in named if named.count(entry) > 1}
    assert twice == set()


def test_what_cannot_cost_anything_comes_first_and_many_pictures_last() -> None:
    problems = [defect(case).problem for case in planned()]
    assert {"missing-credentials", "invalid-credentials", "malformed-body", "wrong-media-type"} == set(
        problems[: problems.index("wrong-media-type") + 1]
    )
    assert [most_images(case) for case in planned()[8:]] == sorted(most_images(case) for case in planned()[8:])
    assert most_images(planned()[-1]) == 11


def test_only_the_cases_about_the_key_do_without_it() -> None:
    for case in planned():
        assert (KEY in (case.credential or "")) == (
            defect(case).problem not in ("missing-credentials", "invalid-credentials")
        )


def test_the_same_seed_breaks_the_same_requests() -> None:
    assert [case.key for case in refusals.__wrapped__(IMAGES, CREATE, 0)] == [case.key for case in planned()]
    assert told(refusals(IMAGES, CREATE, 12345)) == told(planned()), "another seed names the same defects"
