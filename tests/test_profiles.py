import copy
from collections.abc import Mapping
from typing import Any

import pytest
from conftest import PROFILES

from spec.contract import Contract
from spec.documents import SPEC, load_yaml
from spec.drifts import catalogue, drift, drift_use, drift_uses, parse_catalogue
from spec.errors import DocumentError, SpecError, UnknownName
from spec.language import IMAGE_ROLES
from spec.loading import load_contract
from spec.profiles import PLAIN, apply_overlay, load_profile, parse_profile, profile_names
from spec.reader import Reader

IMAGES = load_contract("images")
ZHONGZHUAN = load_profile("zhongzhuan")
DOCUMENT = load_yaml((SPEC / "images.yaml").read_text("utf-8"), "images.yaml")
SMALL: dict[str, Any] = {
    "info": {"title": "Small", "version": "1"},
    "tags": ["a", "b", "c", "d"],
    "paths": {
        "/a": {"get": {"tags": ["x"], "parameters": [{"name": "p"}, {"name": "q"}]}},
        "/b": {"get": {"tags": []}},
    },
}


def changed(*actions: Mapping[str, Any], document: Mapping[str, Any] = SMALL) -> dict[str, Any]:
    return apply_overlay(document, {"overlay": "1.0.0", "actions": actions}, "profile.yaml")


def refusal(*actions: Any) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        changed(*actions)
    assert caught.value.file == "profile.yaml"
    return caught.value


def profile_refusal(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse_profile(f"profile: p\ntitle: t\n{text}", "p.yaml")
    assert caught.value.file == "p.yaml"
    return caught.value


def request_of(contract: Contract) -> Mapping[str, Any]:
    return contract.operation("createImage").body["application/json"]


# --- the shipped profiles ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", profile_names())
def test_shipped_profile_loads_with_its_contracts_and_sources(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.sources
    assert profile.contracts()
    assert all(use.source for use in profile.drifts)


def test_both_seed_gateways_are_there() -> None:
    assert {"chat-bp", "zhongzhuan"} <= set(profile_names())


def test_chat_bp_requires_what_its_page_marks_required() -> None:
    profile = load_profile("chat-bp")
    contract = profile.contract("images")
    assert set(request_of(contract)["required"]) == {"model", "prompt", "size", "n"}
    assert [use.drift.id for use in profile.drifts] == ["empty-object-200"]
    assert {"createImage", "editImage", "getImageTask"} <= {operation.id for operation in contract.operations}


def test_zhongzhuan_changes_what_its_page_changes() -> None:
    contract = ZHONGZHUAN.contract("images")
    request = request_of(contract)
    create = contract.operation("createImage")
    assert set(request["required"]) == {"model", "prompt", "size", "n"}
    assert "grok-3-image" in request["properties"]["model"]["enum"]
    assert "gpt-image-2" in request["properties"]["model"]["enum"]
    assert [operation.id for operation in contract.operations] == ["createImage", "listModels", "getModel"]
    assert (create.parameters, create.links) == ((), ())
    assert [use.drift.id for use in ZHONGZHUAN.drifts] == ["chat-shaped-200"]


def test_what_an_overlay_adds_has_its_meaning() -> None:
    body = {"model": "grok-3-image", "prompt": "x", "n": 1, "size": "auto", "image": "https://a.example/i.png"}
    create = ZHONGZHUAN.contract("images").operation("createImage")
    schema = create.body["application/json"]
    assert create.compile(schema).is_valid(body)
    assert Reader(schema).asked(body)[0]["input-image"] == ["https://a.example/i.png"]
    assert not create.compile(schema).is_valid({**body, "image": "no link"})


def test_the_default_is_what_gateways_sell() -> None:
    compatible = load_profile("openai-compatible")
    assert compatible.contract("images").document == IMAGES.document
    assert compatible.drifts == ()


def test_the_original_has_neither_dall_e_nor_variations_nor_tasks() -> None:
    contract = load_profile("openai").contract("images")
    gone = {"dall-e-2", "dall-e-3", "gpt-image-1"}
    assert {model.name for model in contract.models} == {model.name for model in IMAGES.models} - gone
    assert [operation.id for operation in contract.operations] == ["createImage", "editImage", "listModels", "getModel"]
    assert all(operation.optional_because is None for operation in contract.operations)
    for name in ("createImage", "editImage"):
        operation = contract.operation(name)
        assert (operation.parameters, operation.links) == ((), ())
        assert "task-id" not in operation.response_roles
        assert operation.response_roles & IMAGE_ROLES == {"image-b64"}
    files = contract.operation("editImage").body["multipart/form-data"]["properties"]
    claims = [files["image"]["items"], files["mask"], files["markup"]]
    assert all("application/octet-stream" not in file["properties"]["media"]["enum"] for file in claims)


@pytest.mark.parametrize("name", [*PROFILES, None])
def test_a_model_of_ones_own_is_offered_wherever_models_are_listed(name: str | None) -> None:
    profile = load_profile(name) if name else PLAIN
    [contract] = profile.contracts(["images"], ["house-model"])
    assert "house-model" in {model.name for model in contract.models}
    for operation in contract.operations:
        for schema in operation.body.values():
            listed = schema["properties"]["model"]["enum"]
            assert ("house-model" in listed) == ("gpt-image-2" in listed)  # variations know no model but one
        for parameter in operation.parameters:
            assert parameter.role != "listed-model" or "house-model" in parameter.schema["enum"]


def test_overlays_do_not_leak_into_the_contract() -> None:
    load_profile("zhongzhuan").contract("images")
    after = load_contract("images")
    assert after.document == IMAGES.document
    assert set(request_of(after)["required"]) == {"model", "prompt"}
    assert "grok-3-image" not in request_of(after)["properties"]["model"]["enum"]


def test_no_profile_is_the_contract_as_it_stands() -> None:
    assert PLAIN.contract("images").document == IMAGES.document
    assert PLAIN.drifts == ()


def test_a_profile_may_be_a_file(tmp_path: Any) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("profile: mine\ntitle: Mine\ndrifts: [n-ignored-single-image]\n", "utf-8")
    assert [use.drift.id for use in load_profile(str(file)).drifts] == ["n-ignored-single-image"]


# --- profiles that build on each other ----------------------------------------------------------------

BASE = """profile: base
title: Base
families: [images]
drifts: [missing-model-503, n-ignored-single-image]
overlays:
  images:
    overlay: 1.0.0
    actions:
      - {target: $.info, update: {title: Base, version: "7"}}
      - {target: "$.paths['/v1/images/variations']", remove: true}
"""


@pytest.fixture
def built(tmp_path: Any) -> Any:
    """A profile that builds on `BASE`, from the rest of its text."""
    (tmp_path / "base.yaml").write_text(BASE, "utf-8")
    head = f"profile: mine\ntitle: Mine\nbuilds-on: {tmp_path / 'base.yaml'}\n"
    return lambda text="": parse_profile(head + text, "mine.yaml")


def test_what_the_base_changes_is_changed_first(built: Any) -> None:
    mine = built("overlays: {images: {overlay: 1.0.0, actions: [{target: $.info, update: {title: Mine}}]}}")
    [contract] = mine.contracts()
    assert contract.document["info"]["title"] == "Mine"
    assert contract.document["info"]["version"] == "7"
    assert "/v1/images/variations" not in contract.document["paths"]
    assert (mine.base.name, mine.families) == ("base", ("images",))
    assert [action["target"] for action in mine.all_overlays()["images"]["actions"]] == [
        "$.info", "$.paths['/v1/images/variations']", "$.info",
    ]  # fmt: skip
    assert len(mine.base.overlays["images"]["actions"]) == 2


def test_an_overlay_may_be_the_bases_alone(built: Any) -> None:
    assert built().contracts()[0].document["info"]["version"] == "7"


def test_a_drift_of_ones_own_takes_the_place_of_the_bases_on_the_same_switch(built: Any) -> None:
    played = built("drifts: [missing-model-defaults-dalle2, chat-shaped-200]").drifts
    assert [use.drift.id for use in played] == [
        "n-ignored-single-image", "missing-model-defaults-dalle2", "chat-shaped-200",
    ]  # fmt: skip


def test_a_drift_of_the_base_can_be_removed(built: Any) -> None:
    assert [use.drift.id for use in built("drifts: [{id: missing-model-503, remove: true}]").drifts] == [
        "n-ignored-single-image"
    ]


@pytest.mark.parametrize("text", ["drifts: [{id: chat-shaped-200, remove: true}]"])
def test_removing_what_the_base_does_not_have_is_refused(built: Any, text: str) -> None:
    with pytest.raises(DocumentError, match="'chat-shaped-200' cannot be removed") as caught:
        built(text)
    assert (caught.value.file, caught.value.location) == ("mine.yaml", "/drifts/0")


def test_a_profile_cannot_build_on_itself(tmp_path: Any) -> None:
    for name, base in (("a", "b"), ("b", "a")):
        text = f"profile: {name}\ntitle: {name}\nbuilds-on: {tmp_path}/{base}.yaml\n"
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    with pytest.raises(DocumentError, match="/builds-on: it builds on itself"):
        load_profile(f"{tmp_path}/a.yaml")


def test_an_unknown_base_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="nearest known: one-api"):
        parse_profile("profile: p\ntitle: t\nbuilds-on: one-apy\n", "p.yaml")


# --- overlays, as OpenAPI Overlay 1.0 has them ------------------------------------------------------


def test_an_object_is_merged_recursively() -> None:
    after = changed({"target": "$", "update": {"info": {"version": "2", "summary": "s"}, "x-new": {"a": 1}}})
    assert after["info"] == {"title": "Small", "version": "2", "summary": "s"}
    assert after["x-new"] == {"a": 1}
    assert after["paths"] == SMALL["paths"]


def test_a_list_gets_the_update_as_one_more_entry() -> None:
    assert changed({"target": "$.tags", "update": "e"})["tags"] == ["a", "b", "c", "d", "e"]
    assert changed({"target": "$.tags", "update": ["e"]})["tags"] == ["a", "b", "c", "d", ["e"]]


def test_lists_inside_a_merged_object_are_concatenated() -> None:
    assert changed({"target": "$", "update": {"tags": ["e"]}})["tags"] == ["a", "b", "c", "d", "e"]


def test_a_value_is_replaced_through_the_object_around_it() -> None:
    assert changed({"target": "$.info", "update": {"title": {"long": "x"}}})["info"]["title"] == {"long": "x"}


def test_every_match_is_changed() -> None:
    after = changed({"target": "$.paths.*.get", "update": {"deprecated": True}})
    assert [item["get"]["deprecated"] for item in after["paths"].values()] == [True, True]


def test_matches_do_not_share_what_they_are_given() -> None:
    after = changed(
        {"target": "$.paths.*.get", "update": {"x": {"list": []}}},
        {"target": "$.paths['/a'].get.x.list", "update": 1},
    )
    assert [item["get"]["x"]["list"] for item in after["paths"].values()] == [[1], []]


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("$.tags[0]", ["b", "c", "d"]),
        ("$.tags[0,2]", ["b", "d"]),
        ("$.tags[2,0]", ["b", "d"]),
        ("$.tags[1,1]", ["a", "c", "d"]),
        ("$.tags[-1]", ["a", "b", "c"]),
        ("$.tags[*]", []),
        ("$.tags[?@ > 'b']", ["a", "b"]),
    ],
)
def test_removing_items_removes_those_and_no_others(target: str, left: list[str]) -> None:
    assert changed({"target": target, "remove": True})["tags"] == left


def test_removing_properties_by_filter_and_by_descent() -> None:
    one = changed({"target": "$.paths['/a'].get.parameters[?@.name == 'p']", "remove": True})
    assert one["paths"]["/a"]["get"]["parameters"] == [{"name": "q"}]
    assert changed({"target": "$..tags", "remove": True})["paths"]["/b"] == {"get": {}}
    nested = {"x": {"x": {"x": 1}}, "y": 2}
    assert changed({"target": "$..x", "remove": True}, document=nested) == {"y": 2}


def test_remove_wins_over_update() -> None:
    assert "info" not in changed({"target": "$.info", "remove": True, "update": {"title": "x"}})


def test_remove_false_is_an_update() -> None:
    assert changed({"target": "$.info", "remove": False, "update": {"title": "x"}})["info"]["title"] == "x"


def test_actions_build_on_each_other() -> None:
    after = changed(
        {"target": "$.paths", "update": {"/c": {"get": {}}}},
        {"target": "$.paths['/c']", "update": {"post": {}}},
        {"target": "$.paths['/c'].get", "remove": True},
    )
    assert after["paths"]["/c"] == {"post": {}}


def test_the_document_given_stays_as_it_was() -> None:
    before = copy.deepcopy(DOCUMENT)
    update = {"n": {"maximum": 1}}
    after = apply_overlay(
        DOCUMENT,
        {"actions": [{"target": "$.components.schemas.GenerationRequest.properties", "update": update}]},
        "p",
    )
    assert after["components"]["schemas"]["GenerationRequest"]["properties"]["n"]["maximum"] == 1
    assert before == DOCUMENT


def test_an_alias_of_yaml_is_changed_in_one_place_only() -> None:
    document = load_yaml("a: &x {k: 1}\nb: *x\n", "f.yaml")
    assert changed({"target": "$.a", "update": {"k": 2}}, document=document) == {"a": {"k": 2}, "b": {"k": 1}}


@pytest.mark.parametrize("target", ["$.nothing", "$.tags[9]", "$..[?@.name == 'z']", "$.paths['/z']"])
def test_a_target_that_matches_nothing_is_refused(target: str) -> None:
    error = refusal({"target": "$.info", "update": {}}, {"target": target, "remove": True})
    assert error.location == "/actions/1/target"
    assert f"{target} matches nothing" in error.problem


@pytest.mark.parametrize("target", ["info", "", "$.", "$.tags[", "$[?", "/info", "$.tags[01]"])
def test_a_target_that_is_no_jsonpath_is_refused(target: str) -> None:
    error = refusal({"target": target, "update": {}})
    assert error.location == "/actions/0/target"
    assert "not a JSONPath" in error.problem
    assert "RFC 9535" in error.expected


@pytest.mark.parametrize(
    "action",
    [
        {"target": "$.info"},
        {"update": {}},
        {"target": 5, "update": {}},
        {"target": "$.info", "remove": False},
        5,
        None,
    ],
)
def test_an_action_that_does_nothing_is_refused(action: Any) -> None:
    assert refusal(action).location == "/actions/0"


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ({"target": "$.info.title", "update": "x"}, "a single value"),
        ({"target": "$.info", "update": "x"}, "a single value"),
        ({"target": "$", "remove": True}, "the whole document"),
    ],
)
def test_what_cannot_be_changed_is_refused(action: dict[str, Any], problem: str) -> None:
    assert problem in refusal(action).problem


# --- broken profiles --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("drift: []", "/drift"),
        ("builds-on: [openai]", "/builds-on"),
        ("sources: a page", "/sources"),
        ("drifts: chat-shaped-200", "/drifts"),
        ("drifts: [5]", "/drifts/0"),
        ("drifts: [{name: chat-shaped-200}]", "/drifts/0"),
        ("drifts: [chat-shaped-200, {id: chat-shaped-200, seen: x}]", "/drifts/1"),
        ("drifts: [{id: chat-shaped-200, with: 5}]", "/drifts/0"),
        ("overlays: [images]", "/overlays"),
        ("overlays: {images: 5}", "/overlays/images"),
        ("overlays: {images: {overlay: 2.0.0, actions: []}}", "/overlays/images"),
        ("overlays: {images: {overlay: 1.0.0}}", "/overlays/images"),
        ("title: again", "line 3, column 1"),
    ],
)
def test_broken_profile_is_refused_with_its_place(text: str, location: str) -> None:
    assert profile_refusal(text).location == location


@pytest.mark.parametrize("key", ["profile", "title"])
def test_a_profile_has_a_name_and_a_title(key: str) -> None:
    text = "\n".join(f"{name}: x" for name in ("profile", "title") if name != key)
    with pytest.raises(DocumentError, match=f"/{key}: missing"):
        parse_profile(text, "p.yaml")


def test_an_overlay_of_no_contract_is_refused() -> None:
    profile = parse_profile("profile: p\ntitle: t\noverlays: {imges: {overlay: 1.0.0, actions: []}}\n", "p.yaml")
    with pytest.raises(DocumentError, match="imges"):
        profile.contracts()


def test_an_overlay_that_breaks_the_contract_is_refused() -> None:
    profile = parse_profile(
        "profile: p\ntitle: t\noverlays:\n  images:\n    overlay: 1.0.0\n    actions:\n"
        "      - {target: $.components.schemas.GenerationRequest.properties.n, update: {x-role: cuont}}\n",
        "p.yaml",
    )
    with pytest.raises(DocumentError, match="unknown role 'cuont'"):
        profile.contract("images")


def test_an_unknown_profile_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown profile 'zhongzuan'\n  nearest known: zhongzhuan"):
        load_profile("zhongzuan")


def test_a_profile_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(DocumentError, match="no such file"):
        load_profile("no-such/profile.yaml")


# --- the drift catalogue ----------------------------------------------------------------------------


def test_every_drift_is_told_in_full() -> None:
    for entry in catalogue().values():
        assert entry.title
        assert entry.contract
        assert entry.observed
        assert entry.seen


def test_a_drift_explains_its_clause_and_what_breaks_on_the_way() -> None:
    chat = drift("chat-shaped-200")
    assert chat.explains(chat.clause)
    assert chat.explains("images.count")
    assert not chat.explains("auth.missing-key")


def test_an_unknown_drift_is_refused_with_the_nearest() -> None:
    for use in ("chat-shapd-200", {"id": "chat-shapd-200"}):
        with pytest.raises(UnknownName, match=r"unknown drift 'chat-shapd-200'\n  nearest known: chat-shaped-200"):
            drift_use(use)
    with pytest.raises(UnknownName, match=r"known: .* and \d+ more"):
        parse_profile("profile: p\ntitle: t\ndrifts: [nothing-like-it]", "p.yaml")


def test_a_drift_may_have_parameters_and_the_rest_stay_as_catalogued() -> None:
    defaults = drift("missing-model-503").defaults
    use = drift_use("missing-model-503:code=no_channel,type=")
    assert use.parameters == {**defaults, "code": "no_channel", "type": ""}
    assert drift_use("missing-model-503").parameters == defaults
    assert drift_use({"id": "missing-model-503", "with": {"code": 7}}).parameters == {**defaults, "code": "7"}


def test_an_unknown_parameter_of_a_drift_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"'cdoe'\n  nearest known: code"):
        drift_use("missing-model-503:cdoe=x")
    with pytest.raises(UnknownName, match="takes no parameters"):
        drift_use("n-ignored-single-image:n=2")


def test_a_reference_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SpecError, match="KEY=VALUE"):
        drift_use("missing-model-503:code")


def test_the_last_use_of_a_drift_counts() -> None:
    uses = drift_uses(["missing-model-503:code=a", "chat-shaped-200", "missing-model-503:code=b"])
    assert [(use.drift.id, use.parameters.get("code")) for use in uses] == [
        ("missing-model-503", "b"),
        ("chat-shaped-200", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "one: 5",
        "one: {title: x}",
        "one: {class: a, title: b, clause: c, contract: d, observed: e, seen: [f], more: g}",
    ],
)
def test_an_incomplete_drift_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="/one: the entry is not complete"):
        parse_catalogue(text, "drifts.yaml")
