"""Token usage by the shipped contract: every published figure, what always holds, and what `x-usage` may not say."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_contract import README, SMALL, YAML_BLOCKS, Edit, at, drop, edited, put, refusal

from mockserver.artist import Artist
from mockserver.outcomes import Outcome, finished
from mockserver.pictures import Pictures
from mockserver.stores import BlobsInMemory
from spec.documents import load_yaml
from spec.errors import DocumentError
from spec.loading import load_contract
from spec.tokens import SHAPE, Tokens, check_usage
from spec.units import Size

IMAGES = load_contract("images")
TOKENS = IMAGES.tokens
MODELS: list[str] = at(IMAGES.document, "/components/schemas/GenerationRequest/properties/model/enum")
OLD = ["gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest"]
TWO = ["gpt-image-2", "gpt-image-2-2026-04-21"]
NEWER = [model for model in MODELS if model.startswith("gpt-image-2.5-")]
NEWEST = [model for model in MODELS if model.startswith("gpt-image-2.6-")]
COUNTED = [*OLD, *TWO, *NEWER, *NEWEST]
QUALITIES = ["low", "medium", "high", "xhigh", "max"]
SQUARE: Size = (1024, 1024)


def used(model: str = "gpt-image-2", **more: Any) -> dict[str, int]:
    """Usage roles of one square picture of low quality, unless told otherwise."""
    asked: dict[str, Any] = {"prompt": "A red fox", "count": 1, "size": SQUARE, "quality": "low", **more}
    counted = TOKENS.count(model=model, **asked)
    assert counted is not None
    return counted


def qualities(model: str) -> list[str]:
    return QUALITIES if model in (*NEWER, *NEWEST) else QUALITIES[:3]


# --- what is published (reference section 8) --------------------------------------------------------

TABLE = {"low": (272, 408, 400), "medium": (1056, 1584, 1568), "high": (4160, 6240, 6208)}
PRESETS: list[Size] = [SQUARE, (1024, 1536), (1536, 1024)]
GRIDS = (16, 24, 48, 64, 96)
BY_GRID: dict[Size, tuple[int, ...]] = {
    (1024, 1024): (196, 439, 1756, 3122, 7024),
    (1536, 1024): (158, 343, 1372, 2459, 5488),
    (1024, 1536): (158, 343, 1372, 2459, 5488),
    (2048, 1152): (157, 367, 1413, 2511, 5650),
    (2048, 2048): (397, 892, 3568, 6343, 14272),
    (2880, 2880): (659, 1483, 5930, 10542, 23719),
    (3840, 2160): (371, 865, 3336, 5930, 13342),
    (2160, 3840): (371, 865, 3336, 5930, 13342),
}
PATCHES: dict[Size, int] = {
    (1024, 1024): 1024,
    (1536, 1024): 1536,
    (1280, 720): 920,
    (2048, 2048): 1521,
    (3840, 2160): 1508,
    (400, 400): 625,
    (256, 256): 256,
    (64, 64): 16,
    (6000, 4000): 1536,
}


@pytest.mark.parametrize("model", OLD)
@pytest.mark.parametrize("quality", TABLE)
def test_the_older_models_cost_what_the_table_says(model: str, quality: str) -> None:
    assert tuple(used(model, size=size, quality=quality)["usage-output"] for size in PRESETS) == TABLE[quality]


def test_a_size_without_a_row_costs_what_its_orientation_does() -> None:
    sizes: list[Size] = [(512, 512), (640, 1024), (1024, 640)]
    assert tuple(used("gpt-image-1", size=size)["usage-output"] for size in sizes) == TABLE["low"]


def grid_of(model: str) -> dict[str, int]:
    if model in TWO:
        return {"low": 16, "medium": 48, "high": 96}
    low, medium = (16, 24) if model in NEWER else (32, 48)  # reported, and unconfirmed
    return {"low": low, "medium": medium, "high": 48, "xhigh": 64, "max": 96}


@pytest.mark.parametrize("size", BY_GRID, ids=str)
@pytest.mark.parametrize("model", [*TWO, *NEWER, *NEWEST])
def test_the_newer_models_cost_what_the_grid_of_their_quality_does(model: str, size: Size) -> None:
    published = dict(zip(GRIDS, BY_GRID[size], strict=True))
    for quality, grid in grid_of(model).items():
        if grid in published:
            assert used(model, size=size, quality=quality)["usage-output"] == published[grid], quality


def test_the_newest_models_cost_three_to_four_times_as_much_where_they_are_reported_to() -> None:
    for quality in ("low", "medium"):
        older, newer = (used(model, quality=quality)["usage-output"] for model in (NEWER[0], NEWEST[0]))
        assert 3 * older <= newer <= 4 * older


def test_pictures_are_rounded_together() -> None:
    assert used(count=2)["usage-output"] == 391  # not 392
    assert used("gpt-image-1", count=2, quality="medium")["usage-output"] == 2112


@pytest.mark.parametrize("size", PATCHES, ids=str)
@pytest.mark.parametrize("model", [*TWO, *NEWER, *NEWEST])
def test_a_picture_given_to_newer_models_costs_its_patches(model: str, size: Size) -> None:
    for given_ in (size, size[::-1]):
        assert used(model, inputs=[given_])["usage-input-image"] == PATCHES[size]


@pytest.mark.parametrize(
    ("size", "tokens", "faithful"),
    [(SQUARE, 194, 194 + 4160), ((1536, 1024), 323, 323 + 6240), ((1024, 1536), 323, 323 + 6240)],
    ids=str,
)
@pytest.mark.parametrize("model", OLD)
def test_a_picture_given_to_older_models_costs_its_tiles(model: str, size: Size, tokens: int, faithful: int) -> None:
    for fidelity, wanted in ((None, tokens), ("low", tokens), ("high", faithful)):
        assert used(model, inputs=[size], fidelity=fidelity)["usage-input-image"] == wanted


def test_thin_and_large_pictures() -> None:
    for size, tokens in {(1536, 16): 48 * 16, (16, 1536): 48 * 16, (1, 1): 1, (900, 300): 32 * 11}.items():
        assert used(inputs=[size])["usage-input-image"] == tokens, size
    assert used("gpt-image-1", inputs=[(4096, 1024)])["usage-input-image"] == 65 + 4 * 129
    assert used("gpt-image-1", inputs=[(1025, 1024)])["usage-input-image"] == 65 + 2 * 129


@pytest.mark.parametrize(
    ("model", "each"), [("gpt-image-1", 100), ("gpt-image-2", 77), (NEWER[0], 77), (NEWEST[0], 77)]
)
def test_unfinished_pictures_cost_when_they_are_delivered(model: str, each: int) -> None:
    plain = used(model)
    for partials in range(4):
        told = used(model, partials=partials)
        assert told["usage-output"] - plain["usage-output"] == partials * each
        assert told["usage-input"] == plain["usage-input"]


@pytest.mark.parametrize(("model", "each"), [("gpt-image-1.5", 0), ("gpt-image-2", 0), (NEWER[1], 10), (NEWEST[1], 10)])
def test_what_goes_in_counts_once_per_picture_that_comes_out(model: str, each: int) -> None:
    one = used(model, inputs=[SQUARE, SQUARE])
    assert one["usage-input-text"] == used(model)["usage-input-text"] + 2 * each
    three = used(model, inputs=[SQUARE, SQUARE], count=3)
    for role in ("usage-input", "usage-input-text", "usage-input-image"):
        assert three[role] == 3 * one[role]


# GPT-4o's launch page shows one greeting in many languages, with its tokens (figures as remembered: unconfirmed).
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, my name is GPT-4o. I'm a new type of language model, it's nice to meet you!", 24),
        ("Hallo, mein Name is GPT-4o. Ich bin ein neues KI-Sprachmodell. Es ist schön, dich kennenzulernen.", 29),
        ("你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!", 24),
        ("こんにちは、私の名前はGPT-4oです。私は新しいタイプの言語モデルです。初めまして!", 26),
        ("안녕하세요, 제 이름은 GPT-4o입니다. 저는 새로운 유형의 언어 모델입니다, 만나서 반갑습니다!", 27),
    ],
    ids=["English", "German", "Chinese", "Japanese", "Korean"],
)
def test_text_is_estimated_within_a_fifth(text: str, tokens: int) -> None:
    assert used(prompt=text)["usage-input-text"] - 6 == pytest.approx(tokens, rel=0.2)


def test_a_character_beyond_ascii_costs_more() -> None:
    plain, chinese, emoji, lone = (
        used(prompt=letter * 400)["usage-input-text"] for letter in ("a", "狐", "🦊", "\ud800")
    )
    assert (plain, chinese, emoji, lone) == (106, 306, 406, 306)


@pytest.mark.parametrize(
    "more",
    [
        {"model": "dall-e-3", "quality": "standard"},
        {"model": None},
        {"model": "gpt-image-2", "quality": "xhigh"},
        {"model": "gpt-image-1", "quality": "auto"},
        {"model": "gpt-image-2", "size": (0, 1024)},
        {"model": "gpt-image-2", "inputs": [(1024, 0)]},
    ],
    ids=str,
)
def test_nothing_is_counted_without_a_rule(more: dict[str, Any]) -> None:
    assert TOKENS.count(**{"prompt": "A red fox", "count": 1, "size": SQUARE, "quality": "low", **more}) is None


def test_a_family_without_rules_counts_nothing() -> None:
    assert SMALL.tokens.count(model="any", prompt="", count=1, size=SQUARE, quality="low") is None


# --- what always holds ------------------------------------------------------------------------------

EDGES = st.integers(1, 8000)
SIZES = st.tuples(EDGES, EDGES)
REQUESTS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(COUNTED),
        "prompt": st.text(),
        "count": st.integers(1, 10),
        "size": SIZES,
        "quality": st.sampled_from(QUALITIES[:3]),
        "inputs": st.lists(SIZES, max_size=4),
        "fidelity": st.sampled_from([None, "low", "high"]),
        "partials": st.integers(0, 3),
    }
)


@given(request=REQUESTS)
def test_counts_add_up_and_are_never_negative(request: dict[str, Any]) -> None:
    told = used(**request)
    assert all(type(tokens) is int and tokens >= 0 for tokens in told.values())
    assert told["usage-total"] == told["usage-input"] + told["usage-output"]
    assert told["usage-input"] == told["usage-input-text"] + told["usage-input-image"]
    assert told["usage-output"] == told["usage-output-text"] + told["usage-output-image"]


@given(request=REQUESTS, further=SIZES, text=st.text())
def test_more_never_costs_less(request: dict[str, Any], further: Size, text: str) -> None:
    told = used(**request)
    for more in (
        {"count": request["count"] + 1},
        {"prompt": request["prompt"] + text},
        {"inputs": [*request["inputs"], further]},
        {"partials": request["partials"] + 1},
        {"fidelity": "high"},
    ):
        dearer = used(**{**request, **more})
        assert all(dearer[role] >= told[role] for role in told), more


@given(request=REQUESTS)
def test_n_pictures_cost_n_times_one_but_for_rounding(request: dict[str, Any]) -> None:
    plain = {**request, "partials": 0}
    n, one = request["count"], used(**{**plain, "count": 1})
    told = used(**plain)
    assert told["usage-input"] == n * one["usage-input"]
    assert n * one["usage-output"] - n < told["usage-output"] <= n * one["usage-output"]


@given(model=st.sampled_from(COUNTED), size=SIZES)
def test_better_quality_never_costs_less(model: str, size: Size) -> None:
    costs = [used(model, size=size, quality=quality)["usage-output"] for quality in qualities(model)]
    assert costs == sorted(costs)


@given(size=SIZES)
def test_a_picture_given_never_costs_more_than_the_limit_and_lies_on_either_side(size: Size) -> None:
    lying, standing = (used(inputs=[one])["usage-input-image"] for one in (size, size[::-1]))
    assert 1 <= lying == standing <= 1536


# --- the language -----------------------------------------------------------------------------------

FIRST = "/x-usage/0"
TILES = f"{FIRST}/input-image/tiles"
GRID = "/x-usage/1/output/grid"

# fmt: off
BROKEN: dict[str, tuple[Edit, str, str, str]] = {
    "a-mapping": (put("/x-usage", {}), "/x-usage", 'not of type "array"', "a list of rules"),
    "null": (put("/x-usage", None), "/x-usage", 'not of type "array"', "a list of rules"),
    "no-rules": (put("/x-usage", []), "/x-usage", "[]", "a list of rules"),
    "rule-is-text": (put(f"{FIRST}", "x"), "/x-usage/5", 'not of type "object"', "a mapping of model, text, output"),
    "unknown-word": (put(f"{FIRST}/txt", {}), FIRST, "'txt'", "model, text, output, and perhaps input-image"),
    "no-model": (drop(f"{FIRST}/model"), FIRST, '"model" is a required', "model, text, output"),
    "no-text": (drop(f"{FIRST}/text"), FIRST, '"text" is a required', "model, text, output"),
    "no-output": (drop(f"{FIRST}/output"), FIRST, '"output" is a required', "model, text, output"),
    "model-is-a-name": (
        put(f"{FIRST}/model", "gpt-image-1"), f"{FIRST}/model", 'not of type "object"', "a JSON Schema of the model",
    ),
    "model-with-a-typo": (
        put(f"{FIRST}/model/patern", "x"), f"{FIRST}/model/patern", "keyword 'patern'", "pattern",
    ),
    "model-is-no-schema": (
        put(f"{FIRST}/model/pattern", 1), f"{FIRST}/model/pattern", 'not of type "string"', "a JSON Schema",
    ),
    "no-bytes": (
        drop(f"{FIRST}/text/bytes-per-token"), f"{FIRST}/text", '"bytes-per-token" is a required',
        "bytes-per-token, and perhaps per-picture, per-input-image",
    ),
    "bytes-of-nothing": (
        put(f"{FIRST}/text/bytes-per-token", 0), f"{FIRST}/text/bytes-per-token", "0", "a number above 0",
    ),
    "half-a-token": (
        put(f"{FIRST}/text/per-picture", 0.5), f"{FIRST}/text/per-picture", "0.5", "a whole number of tokens",
    ),
    "negative-tokens": (
        put(f"{FIRST}/per-partial", -1), f"{FIRST}/per-partial", "-1", "a whole number of tokens",
    ),
    "fidelity-of-nothing": (drop(f"{FIRST}/input-image"), FIRST, '"input-image" is a required', "input-image"),
    "unknown-way-in": (
        put(f"{FIRST}/input-image", {"pixels": {}}), f"{FIRST}/input-image", "'pixels'", "one of tiles, patches",
    ),
    "two-ways-out": (
        put(f"{FIRST}/output/grid", {"longer-edge": {"low": 1}, "add-pixels": 0, "per-pixels": 1}), f"{FIRST}/output",
        "1 property", "one of table, grid",
    ),
    "no-way-out": (put(f"{FIRST}/output", {}), f"{FIRST}/output", "1 property", "one of table, grid"),
    "tiles-of-nothing": (put(f"{TILES}/tile", 0), f"{TILES}/tile", "0", "a whole number, 1 or more"),
    "tiles-without-base": (drop(f"{TILES}/base"), TILES, '"base" is a required', "shorter-edge, tile, base, per-tile"),
    "orientation-missing": (
        drop(f"{FIRST}/output/table/low/portrait"), f"{FIRST}/output/table/low", '"portrait" is a required',
        "square, portrait, landscape",
    ),
    "no-quality": (put(f"{FIRST}/output/table", {}), f"{FIRST}/output/table", "{}", "quality -> a mapping of square"),
    "fidelity-is-a-number": (
        put(f"{FIRST}/fidelity/high", 4160), f"{FIRST}/fidelity/high", 'not of type "object"', "square, portrait",
    ),
    "grid-is-text": (
        put(f"{GRID}/longer-edge/low", "16"), f"{GRID}/longer-edge/low", 'not of type "integer"', "a whole number",
    ),
    "per-no-pixels": (put(f"{GRID}/per-pixels", 0), f"{GRID}/per-pixels", "0", "a whole number, 1 or more"),
    "scaled-up": (
        put("/x-usage/1/input-image/patches/least-scale", 2), "/x-usage/1/input-image/patches/least-scale", "2",
        "above 0, at most 1",
    ),
    "ratio-below-one": (
        put("/x-usage/1/input-image/patches/max-ratio", 0.3), "/x-usage/1/input-image/patches/max-ratio", "0.3",
        "a number, 1 or more",
    ),
}
# fmt: on


@pytest.mark.parametrize("name", BROKEN)
def test_rules_that_are_not_understood_are_refused(name: str) -> None:
    edit, location, problem, expected = BROKEN[name]
    error = refusal(edited(edit))
    assert error.location == location
    assert problem in error.problem
    assert expected in error.expected


def test_a_document_needs_no_rules() -> None:
    document = edited(drop("/x-usage"))
    assert "x-usage" not in document
    check_usage("images.yaml", at(IMAGES.document, "/x-usage"))


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield node, key
        yield from _places(inner)


@given(data=st.data())
def test_any_rules_are_refused_or_count(data: st.DataObject) -> None:
    rules = copy.deepcopy(IMAGES.document["x-usage"])
    whole, key = data.draw(st.sampled_from(list(_places(rules))))
    whole[key] = data.draw(st.sampled_from([None, True, 0, 1, 1.0, 0.1, 10**30, -1, 1e308, "text", [], {}, {"x": 1}]))
    try:
        check_usage("mine.yaml", rules)
    except DocumentError:
        return
    for model in ("gpt-image-1", "gpt-image-2"):
        told = Tokens(rules).count(
            model=model, prompt="狐", count=2, size=SQUARE, quality="low", inputs=[(700, 300)], fidelity="high"
        )
        assert told is None or all(type(tokens) is int for tokens in told.values())


def fields(shape: Mapping[str, Any]) -> set[str]:
    """Every word of x-usage."""
    inner = [*shape.get("properties", {}).values(), *(shape[key] for key in ("items",) if key in shape)]
    if isinstance(shape.get("additionalProperties"), dict):
        inner.append(shape["additionalProperties"])
    return set(shape.get("properties", {})).union(*map(fields, inner))


def test_readme_has_every_word_of_x_usage() -> None:
    section = README.split("\n## Token usage\n")[1].split("\n## ")[0]
    assert fields(SHAPE) <= set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", section, flags=re.DOTALL)))


def test_readme_s_rules_count_as_the_shipped_ones_do() -> None:
    [block] = [block for block in YAML_BLOCKS if block.startswith("x-usage:")]
    rules = load_yaml(block, "README.md")["x-usage"]
    check_usage("README.md", rules)
    for model in ("gpt-image-1", NEWER[0].replace("2.5", "2")):
        told = Tokens(rules).count(model=model, prompt="", count=2, size=SQUARE, quality="low", inputs=[SQUARE])
        assert told is not None
        assert (
            told["usage-output-image"] == used(COUNTED[0] if model in OLD else "gpt-image-2", count=2)["usage-output"]
        )


# --- an outcome -------------------------------------------------------------------------------------


class Upload:
    width, height = 1536, 1024


def outcome(**roles: Any) -> Outcome:
    resolved = {"model": "gpt-image-1", "prompt": "A red fox", "quality": "low", "size": SQUARE, **roles}
    return finished(resolved, Pictures(Artist(0), BlobsInMemory(0), b"", None), 0, "http://mock", 0.0, TOKENS)


def test_an_outcome_counts_the_pictures_it_was_given() -> None:
    assert outcome().get("usage-input-image") == 0
    given_ = outcome(**{"input-image": [Upload(), Upload()]})
    assert given_.get("usage-input-image") == 2 * 323
    faithful = outcome(**{"input-image": [Upload()], "fidelity": "high"})
    assert faithful.get("usage-input-image") == 323 + 6240


def test_an_outcome_counts_unfinished_pictures_that_were_delivered_not_those_asked_for() -> None:
    asked = outcome(**{"partial-count": 3})
    assert asked.get("usage-output") == 272
    assert asked.and_also({"partial-count": 2}).get("usage-output") == 272 + 2 * 100
