"""Requests with one thing wrong: each breaks one parameter, is named by the contract, and nothing is left out."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from contract_tests.cases import KEY, WRONG_KEY, Case, Defect, json_case, most_images
from contract_tests.mutations import breaches, defects, labelled, mutants, sample, unknown_task
from contract_tests.planning import collect, refusals
from contract_tests.strategies import cases
from spec.contract import parse_contract
from spec.documents import SPEC, load_yaml
from spec.language import KEYWORD_PROBLEMS
from spec.profiles import PLAIN, load_profile, profile_names
from spec.units import size_rule_reason
from spec.validation import request_check
from spec.violations import quoted_list

IMAGES = PLAIN.contract("images")
CREATE = IMAGES.operation("createImage")
TASK = IMAGES.operation("getImageTask")
BODY = CREATE.body["application/json"]
PLANNED = refusals(IMAGES, CREATE, 0)
CONTRACTS = {"contract": IMAGES} | {name: load_profile(name).contract("images") for name in profile_names()}


def defect(case: Case) -> Defect:
    assert case.defect is not None
    return case.defect


def told(cases_: list[Case]) -> set[tuple[str, str]]:
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


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_constraint_of_a_body_is_broken_once(name: str) -> None:
    contract = CONTRACTS[name]
    operation = contract.operation("createImage")
    wanted = set(constraints(operation.body["application/json"]))
    broken = {
        (defect(case).param, defect(case).problem, rule)
        for case in refusals(contract, operation, 0)
        for rule in rules_of(case)
    }
    assert len(wanted) > 70
    assert wanted <= broken, wanted - broken


def test_everything_around_a_body_is_broken_once() -> None:
    problems = [defect(case).problem for case in PLANNED]
    assert problems.count("missing-credentials") == problems.count("invalid-credentials") == 1
    assert problems.count("wrong-media-type") == 1
    bodies = {case.body for case in PLANNED if defect(case).problem == "malformed-body"}
    assert b"" in bodies
    assert any(body.startswith(b"{") and not body.endswith(b"}") for body in bodies)
    assert any(b"NaN" in body for body in bodies)
    assert b"[1, 2]" in {case.body for case in PLANNED if defect(case).problem == "wrong-type"}
    assert told(refusals(IMAGES, TASK, 0)) == {("Authorization", "missing-credentials"), ("", "invalid-credentials")}


def test_every_reason_of_the_size_rule_is_given() -> None:
    rule = next(part["then"]["properties"]["size"]["x-size-rule"] for part in BODY["allOf"] if "2" in str(part["if"])
                and "x-size-rule" in part["then"].get("properties", {}).get("size", {}))  # fmt: skip
    sizes = [case.request.value["size"] for case in PLANNED if defect(case).problem == "bad-size"]
    reasons = {size_rule_reason(rule, size) for size in sizes}
    assert None not in reasons
    assert len(reasons) == len(sizes) == len(rule) + 1, "each field, and what is no size at all"


def test_rules_between_parameters_are_broken() -> None:
    def bodies(param: str, problem: str) -> list[dict[str, Any]]:
        return [
            case.request.value for case in PLANNED if (defect(case).param, defect(case).problem) == (param, problem)
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


# --- their order ------------------------------------------------------------------------------------


def test_each_constraint_is_broken_by_one_case_only() -> None:
    assert len({case.key for case in PLANNED}) == len(PLANNED)
    named = [(defect(case).param, defect(case).problem, defect(case).rule) for case in PLANNED]
    twice = {entry[1] for entry in named if named.count(entry) > 1}
    assert twice == {"malformed-body"}, "the same problem in three forms"


def test_what_cannot_cost_anything_comes_first_and_many_pictures_last() -> None:
    problems = [defect(case).problem for case in PLANNED]
    assert {"missing-credentials", "invalid-credentials", "malformed-body", "wrong-media-type"} == set(
        problems[: problems.index("wrong-media-type") + 1]
    )
    assert [most_images(case) for case in PLANNED[8:]] == sorted(most_images(case) for case in PLANNED[8:])
    assert most_images(PLANNED[-1]) == 11


def test_only_the_cases_about_the_key_do_without_it() -> None:
    for case in PLANNED:
        assert (KEY in (case.credential or "")) == (
            defect(case).problem not in ("missing-credentials", "invalid-credentials")
        )


def test_the_same_seed_breaks_the_same_requests() -> None:
    assert [case.key for case in refusals(IMAGES, CREATE, 0)] == [case.key for case in PLANNED]
    assert told(refusals(IMAGES, CREATE, 12345)) == told(PLANNED), "another seed names the same defects"
