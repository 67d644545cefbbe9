"""What is sent, and in what order: cheap first, much shown by few pictures."""

import subprocess
import sys
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import PROFILES

from contract_tests.cases import Case, expected_images
from contract_tests.places import put
from contract_tests.planning import collect, coverage, shows
from contract_tests.valid_cases import cases, pixels
from contract_tests.variations import varied, with_variations
from spec.language import IMAGE_ROLES
from spec.profiles import PLAIN, load_profile
from spec.request_check import request_check
from spec.shapes import shape_of
from spec.units import ratio_of

IMAGES = PLAIN.contract("images")
CREATE = IMAGES.operation("createImage")
MODELS = CREATE.body["application/json"]["properties"]["model"]["enum"]
STREAMS = frozenset({"stream", "partial-count"})


@cache
def planned(seed: int = 0) -> list[Case]:
    return coverage(IMAGES, CREATE, seed, unavailable=STREAMS)


def asked(cases_: list[Case], role: str) -> set[object]:
    return {case.asked.get(role) for case in cases_}


@pytest.mark.parametrize("seed", range(2))
def test_the_first_dozen_cases_show_what_matters_most(seed: int) -> None:
    dozen = planned(seed)[:12]
    assert asked(dozen, "output-format") == {"png", "jpeg", "webp", "gif", "svg"}
    assert {"image-url", "image-b64"} <= asked(dozen, "delivery") <= IMAGE_ROLES
    assert max(case.asked["count"] for case in dozen) >= 2
    assert "transparent" in asked(dozen, "background")
    sizes = [size for size in asked(dozen, "size") if isinstance(size, tuple)]
    assert any(width > height for width, height in sizes)
    assert any(width < height for width, height in sizes)
    assert sum(map(expected_images, dozen)) <= 16, "and they do not cost much more than a picture each"


def test_the_first_case_is_the_cheapest_with_count_and_size_said() -> None:
    first = planned()[0]
    assert expected_images(first) == 1
    assert set(first.request.value) == {"model", "prompt", "n", "size", "quality"}
    assert pixels(first) == min(pixels(case) for case in planned() if case.asked.get("output-format") != "gif")


def test_the_second_case_says_only_what_must_be_said() -> None:
    assert set(planned()[1].request.value) == {"model", "prompt"}


def test_every_case_of_a_plan_is_valid_and_none_is_planned_twice() -> None:
    check = request_check(IMAGES, CREATE)
    assert all(check.accepts(case.request) for case in planned())
    assert len({case.key for case in planned()}) == len(planned())


def test_every_case_shows_something_no_earlier_one_did() -> None:
    seen = [set().union(*(shows(case) for case in planned()[: index + 1])) for index in range(len(planned()))]
    assert all(before < after for before, after in pairwise(seen))
    half = len(seen) // 2
    assert len(seen[half]) > 0.6 * len(seen[-1]), "most is shown early"


def test_a_whole_plan_shows_every_model_and_every_listed_value() -> None:
    assert asked(planned(), "model") == set(MODELS)
    assert asked(planned(), "quality") >= {"low", "medium", "high", "auto", "xhigh", "max", "standard", "hd"}
    assert asked(planned(), "style") >= {"vivid", "natural"}
    assert asked(planned(), "background") >= {"transparent", "opaque", "auto"}
    assert asked(planned(), "size") >= {
        "auto",
        (256, 256),
        (512, 512),
        (1792, 1024),
        (1024, 1792),
        (3840, 2160),
        (480, 1440),
    }


def test_a_plan_pairs_models_with_what_else_is_asked() -> None:
    pairs = {pair for case in planned() for pair in shows(case) if len(pair) == 2}
    drawn = collect([cases(IMAGES, CREATE)] * 50, 6, 99)
    roles = ("output-format", "background", "delivery", "quality")
    possible = {pair for case in drawn for pair in shows(case) if len(pair) == 2 and pair[0][0] == "model"
                and pair[1][0] in roles}  # fmt: skip
    missed = possible - pairs
    assert len(possible) > 120
    assert len(missed) <= 0.1 * len(possible), sorted(map(str, missed))


def test_only_the_models_asked_for_are_planned() -> None:
    plan = coverage(IMAGES, CREATE, 0, models=["dall-e-2", "gpt-image-1"], unavailable=STREAMS)
    assert asked(plan, "model") == {"dall-e-2", "gpt-image-1"}
    assert asked(plan, "delivery") == {"image-url", "image-b64"}
    assert {2} <= asked(plan, "count")


def test_what_has_no_documented_answer_is_not_asked() -> None:
    assert asked(planned(), "stream") <= {False, None}
    assert asked(coverage(IMAGES, CREATE, 0), "stream") >= {True, False}


def test_the_same_seed_plans_the_same_cases_and_another_seed_others() -> None:
    again = coverage(IMAGES, CREATE, 0, unavailable=STREAMS)
    assert [case.key for case in again] == [case.key for case in planned()]
    assert [case.key for case in planned(1)] != [case.key for case in planned()]


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_can_be_planned(name: str) -> None:
    contract = load_profile(name).contract("images")
    operation = contract.operation("createImage")
    plan = coverage(contract, operation, 0, unavailable=STREAMS)
    assert all(request_check(contract, operation).accepts(case.request) for case in plan)
    schema = operation.body["application/json"]
    shapes = [shape_of(schema, {"model": model.name}) for model in contract.models]
    links = {"image-url"} if not all(shape.forbids("response_format") for shape in shapes) else set()
    assert {"image-b64"} | links <= asked(plan, "delivery")
    assert len({case.key for case in plan}) == len(plan)


def test_an_operation_without_a_body_is_planned_as_one_case() -> None:
    lookup = IMAGES.operation("getImageTask")
    (case,) = coverage(IMAGES, lookup, 0)
    assert request_check(IMAGES, lookup).accepts(case.request)


def test_what_is_drawn_does_not_depend_on_what_is_imported(tmp_path: Path) -> None:
    script = (
        "import importlib, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "[importlib.import_module(name) for name in sys.argv[2:]]\n"
        "from contract_tests.planning import coverage\n"
        "from spec.loading import load_contract\n"
        "contract = load_contract('images')\n"
        "print([case.body for case in coverage(contract, contract.operation('createImage'), 3)])\n"
    )
    words = [f"WORD_{number} = 'word-of-the-caller-{number}'; NUMBER_{number} = {number + 1}" for number in range(50)]
    (tmp_path / "callers_own_module.py").write_text("\n".join(words), encoding="utf-8")
    plans = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), *modules], capture_output=True, text=True, check=True
        ).stdout
        for modules in ([], ["callers_own_module", "mockserver.app"])
    }
    assert len(plans) == 1
    assert "word-of-the-caller" not in plans.pop()


@pytest.mark.parametrize(
    ("name", "most", "values", "pairs"),
    [("createImage", 12, 0.65, 0.31), ("createImage", 40, 0.95, 0.63), ("createImage", None, 1.0, 1.0),
     ("editImage", 12, 0.5, 0.21), ("editImage", 40, 0.9, 0.6), ("editImage", None, 1.0, 1.0)],
)  # fmt: skip
def test_few_pictures_show_many_values_and_pairs_of_them(
    name: str, most: int | None, values: float, pairs: float
) -> None:
    plan = with_variations(coverage(IMAGES, IMAGES.operation(name), 0, (), frozenset({"stream", "partial-count"})))
    every: set[Any] = set().union(*map(shows, plan))
    seen: set[Any] = set()
    images = 0
    for case in plan:
        images += expected_images(case)
        if most is None or images <= most:
            seen |= shows(case)
    for size, share in ((1, values), (2, pairs)):
        of_size = [one for one in every if len(one) == size]
        assert len(seen.intersection(of_size)) / len(of_size) >= share


@pytest.mark.parametrize("models", [(), ("gpt-image-1",), ("gpt-image-2",)])
def test_a_dozen_pictures_show_a_size_beside_coarse_grids_and_forty_more_pictures_at_once_than_many_make(
    models: tuple[str, ...],
) -> None:
    plan = with_variations(coverage(IMAGES, CREATE, 0, models, STREAMS))
    images = [*accumulate(map(expected_images, plan))]
    dozen = [case for case, made in zip(plan, images, strict=True) if made <= 12]
    half = [case for case, made in zip(plan, images, strict=True) if made <= 6]  # what a dozen leaves generations
    sizes = [size for size in asked(half, "size") if isinstance(size, tuple)]
    off_the_grid = [size for size in sizes if any(edge % 64 for edge in size)]
    assert off_the_grid or models == ("gpt-image-1",), "which has three sizes"
    some = [case for case, made in zip(plan, images, strict=True) if made <= 20]  # about half of the forty are its own
    assert max(case.asked["count"] for case in some) == 5
    assert max(case.asked["count"] for case in dozen) < 5, "and it is not what a dozen is spent on"


def test_what_stands_inside_of_objects_is_planned_and_varied_too() -> None:
    contract = PLAIN.contract("replicate")
    planned = with_variations(coverage(contract, contract.operation("createFluxSchnell"), 0))
    told = [case.asked for case in planned]
    assert {1, 2} <= {asked["count"] for asked in told}
    assert {"webp", "jpeg", "png"} <= {asked["output-format"] for asked in told}
    ratios = [ratio for asked in told if (ratio := ratio_of(asked["aspect-ratio"])) is not None]
    assert min(ratios) < 1 < max(ratios)
    assert len({asked["prompt"] for asked in told}) > 1
    assert len({asked.get("seed") for asked in told if "seed" in asked}) > 1


def test_what_stands_behind_a_prompt_is_planned_and_stays_there_in_other_words() -> None:
    contract = PLAIN.contract("midjourney")
    planned = with_variations(coverage(contract, contract.operation("submitImagine"), 0))
    wide = next(case for case in planned if case.asked.get("aspect-ratio") == "3:2")
    assert {case.asked.get("aspect-ratio") for case in planned} == {None, "3:2", "2:3"}
    assert wide.asked["prompt"].endswith(" --ar 3:2")
    assert wide.asked["prompt"] not in planned[0].asked["prompt"]
    other = varied(wide, "prompt")
    assert other is not None
    assert other.asked["prompt"].endswith(", with a red boat --ar 3:2")
    words = coverage(contract, contract.operation("submitShorten"), 0)
    assert not any("--ar" in case.asked["prompt"] for case in words), "no picture shows it"


@pytest.mark.parametrize(("family", "operation"), [("gemini", "generateContent"), ("chat", "createChatCompletion")])
def test_where_words_and_pictures_stand_in_one_list_a_picture_is_given_and_another_one(
    family: str, operation: str
) -> None:
    contract = PLAIN.contract(family)
    planned = with_variations(coverage(contract, contract.operation(operation), 0))
    given = [case for case in planned if "input-image" in case.asked]
    assert given[:2] == planned[1:3], "right behind the first"
    assert len({repr(case.asked["input-image"]) for case in given}) == len(given) == 2
    assert {case.asked["prompt"] for case in given} == {planned[0].asked["prompt"]}


def test_a_part_is_put_at_its_place_and_objects_around_it_are_made() -> None:
    body = {"parts": [{"text": "a"}, {"text": "b"}]}
    assert put(body, ("parts", 1, "text"), "c") == {"parts": [{"text": "a"}, {"text": "c"}]}
    assert put(body, ("config", "image", "ratio"), "1:1") == {**body, "config": {"image": {"ratio": "1:1"}}}


def test_what_no_caller_says_is_not_planned_either() -> None:
    flux = load_profile("flux").contract("images")
    counts = [(case.asked["model"], case.asked["count"]) for case in coverage(flux, flux.operation("createImage"), 0)]
    assert {model for model, count in counts if count > 1} == {"flux-schnell", "flux-dev"}, "the others make one"
