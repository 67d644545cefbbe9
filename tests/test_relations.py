"""What is asked otherwise must show: small providers that ignore one thing each, and faithful ones."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pytest
from faulty import CHEAP, IMAGES, MIDJOURNEY, TOKENS, Target, asking, drawn, editing, exchange, in_base64, pictures
from painter import painting
from PIL import Image

from contract_tests.budget import Ledger
from contract_tests.cases import Case, case_of, json_case
from contract_tests.clauses import CONFORMS, Broken, catalogue
from contract_tests.exchange import Exchange
from contract_tests.findings import Findings
from contract_tests.options import Options
from contract_tests.pairs import Pair
from contract_tests.pictures import PLAINEST, as_value
from contract_tests.pictures import Picture as Shape
from contract_tests.pictures import drawn as pictured
from contract_tests.provider import DUMMY_KEY, Provider
from contract_tests.run import Run
from contract_tests.variations import varied
from spec.forms import File
from spec.profiles import PLAIN

EDIT = IMAGES.operation("editImage")
LARGE = {**CHEAP, "size": "512x512"}
TWICE = {**CHEAP, "n": 2}
BY_LINK = {**CHEAP, "response_format": "url"}
OTHERWISE = {**CHEAP, "prompt": "A blue whale"}
EDITED = {"model": "gpt-image-1.5", "prompt": "A red fox in it", "size": "1024x1024"}
WIDE = {"model": "gpt-image-2", "prompt": "A red fox", "size": "1024x640"}
ASKED: dict[str, list[dict[str, Any]]] = {
    "size": [CHEAP, LARGE],
    "n": [CHEAP, TWICE],
    "response_format": [CHEAP, BY_LINK],
    "output_format": [{**WIDE, "output_format": "jpeg"}, {**WIDE, "output_format": "webp"}],
    "background": [{**WIDE, "background": "opaque"}, {**WIDE, "background": "transparent"}],
    "output_compression": [
        {**WIDE, "output_format": "jpeg", "output_compression": 100},
        {**WIDE, "output_format": "jpeg", "output_compression": 10},
    ],
    "prompt": [CHEAP, OTHERWISE],
}
CLAUSES = {
    "size": "meta.size",
    "n": "meta.count",
    "response_format": "meta.delivery",
    "output_format": "meta.output-format",
    "background": "meta.background",
    "output_compression": "meta.compression",
}


def run_of(url: str, wanted: Iterable[Case]) -> Findings:
    """What a provider's answers to these requests show, together too."""
    with Provider(url, DUMMY_KEY, Ledger(None)) as provider:
        run = Run(Options(url), PLAIN, (), provider)
        for case in wanted:
            sent, _, reason = run.judge(case)
            assert sent is not None, reason
        run.findings.look_back()
        return run.findings


def asked(*told: dict[str, Any]) -> list[Case]:
    return [asking(one) for one in told]


def ids(findings: Findings) -> list[str]:
    return [finding.clause.id for finding in findings.all]


# --- providers that ignore something ----------------------------------------------------------------


@pytest.mark.parametrize("name", CLAUSES)
def test_a_parameter_that_is_ignored_is_one_finding_that_names_it(name: str) -> None:
    with painting(ignores=frozenset({name})) as server:
        [finding] = run_of(server.url, asked(*ASKED[name])).all
    assert CLAUSES[name] in {finding.clause.id, *finding.others}
    if finding.drift is None:
        assert finding.clause.id == CLAUSES[name]
        assert len(finding.beside) == 1, "the first of the two is evidence as well"
    assert finding.operations == ["createImage"]


def test_an_ignored_compression_shows_in_two_pictures_that_have_nothing_else_in_common() -> None:
    told = [{**one, "prompt": f"Fox {at}"} for at, one in enumerate(ASKED["output_compression"])]
    with painting() as heard, painting(ignores=frozenset({"output_compression"})) as ignored:
        assert run_of(heard.url, asked(*told)).all == []
        assert ids(run_of(ignored.url, asked(*told))) == ["meta.compression"]


def laid_over(picture: bytes, paint: bytes) -> bytes:
    """Both pictures half and half, as an edit that draws everything anew and comes near."""
    below, above = (Image.open(io.BytesIO(data)).convert("RGB").resize((1024, 1024)) for data in (picture, paint))
    file = io.BytesIO()
    Image.blend(below, above, 0.5).save(file, "PNG")
    return file.getvalue()


def test_an_edit_is_more_like_the_picture_it_was_made_of_than_like_another_one() -> None:
    inputs = [pictured(Shape(alpha=False, transparent=False, turned=turned)) for turned in (False, True)]
    paint = [drawn(512, 512, index=at) for at in range(2)]
    edits = [exchange(editing(one), pictures(laid_over(one, new))) for one, new in zip(inputs, paint, strict=True)]
    unseen = [exchange(editing(one), pictures(new)) for one, new in zip(inputs, paint, strict=True)]
    judge = catalogue()["edit.based"].judge
    assert judge(Pair(*edits)) is CONFORMS
    found = judge(Pair(*unseen))
    assert isinstance(found, Broken)
    assert "to their own" in found.received
    assert judge(Pair(edits[0], exchange(editing(inputs[0], prompt="Another"), pictures(paint[0])))) is None


def uploaded(*given: bytes, came: Iterable[bytes] = ()) -> Exchange:
    """Pictures handed back as links that are named by what is in them."""
    operation = MIDJOURNEY.operation("uploadImages")
    case = json_case(MIDJOURNEY, operation, {"base64Array": [f"data:image/png;base64,{in_base64(p)}" for p in given]})
    targets = {f"https://cdn.example/{hash(data)}.png": Target(data) for data in came or given}
    links = [link for data in came or given for link, target in targets.items() if target.data == data]
    return exchange(case, {"code": 1, "description": "", "result": links, "properties": {}}, targets=targets)


def test_a_picture_handed_back_as_it_was_given_may_be_the_same_each_time() -> None:
    one, two = drawn(64, 64), drawn(64, 64, index=1)
    faithful, stub = Findings(), Findings()
    for answer in (uploaded(one, two), uploaded(two), uploaded(one, one), uploaded(one)):
        faithful.judge(answer)
    for answer in (uploaded(one, came=[two]), uploaded(two)):
        stub.judge(answer)
    faithful.look_back()
    assert ids(faithful) == []
    assert {"meta.input-image", "run.links"} <= faithful.tallies.keys()
    stub.look_back()
    assert sorted(ids(stub)) == ["meta.input-image", "run.links"]


def test_each_picture_that_was_given_costs_tokens() -> None:
    def billed(given: int, tokens: int, **told: Any) -> Exchange:
        files = [File(drawn(256, 256, index=at), "fox.png", "image/png") for at in range(given)]
        details = {"image_tokens": tokens, "text_tokens": 11}
        usage = {**TOKENS, "input_tokens": tokens + 11, "input_tokens_details": details}
        asked_for = case_of(IMAGES, EDIT, "multipart/form-data", {**EDITED, **told, "image": files})
        return exchange(asked_for, pictures(drawn(1024, 1024), usage=usage))

    judge = catalogue()["usage.references"].judge
    assert judge(Pair(billed(1, 300), billed(2, 600))) is CONFORMS
    assert judge(Pair(billed(2, 600), billed(1, 300, prompt="Other"))) is CONFORMS
    assert isinstance(judge(Pair(billed(3, 300), billed(1, 300))), Broken)
    for nothing in (billed(1, 300), billed(2, 300, n=2), billed(2, 300, model="gpt-image-1")):
        assert judge(Pair(billed(1, 300), nothing)) is None, "not another picture beside the first, or more than that"


def test_every_ignored_parameter_is_a_finding_of_its_own() -> None:
    everything = [one for name in ("size", "response_format", "prompt") for one in ASKED[name]]
    with painting(ignores=frozenset({"size", "response_format"})) as server:
        causes = {finding.cause for finding in run_of(server.url, asked(*everything)).all}
    assert causes == {"meta.size", "response-format-ignored"}


@pytest.mark.parametrize("repeats", [False, True])
def test_a_provider_that_heeds_everything_has_no_finding_whether_or_not_it_draws_the_same_again(repeats: bool) -> None:
    everything = {repr(one): one for told in ASKED.values() for one in told}
    with painting(repeats=repeats) as server:
        findings = run_of(server.url, asked(*everything.values(), {**OTHERWISE, "response_format": "url"}))
    assert findings.all == []
    held = {clause for clause, tally in findings.tallies.items() if tally.conforms}
    assert held >= {*CLAUSES.values(), "meta.prompt", "meta.constant", "run.request-ids", "run.links"}


def test_a_prompt_that_is_ignored_by_a_cache_shows_in_equal_pixels() -> None:
    with painting(repeats=True, forgets=frozenset({"prompt"})) as server:
        [finding] = run_of(server.url, asked(CHEAP, OTHERWISE)).all
    assert finding.clause.id == "meta.prompt"
    assert "for A red fox and for A blue whale" in finding.broken.received


def test_long_prompts_are_shown_where_they_differ() -> None:
    long = "A lighthouse built of books above a calm sea, evening light, "
    with painting(repeats=True, forgets=frozenset({"prompt"})) as server:
        [finding] = run_of(
            server.url, asked({**CHEAP, "prompt": f"{long}gulls"}, {**CHEAP, "prompt": f"{long}rain"})
        ).all
    assert "for …ning light, gulls and for …ning light, rain" in finding.broken.received
    assert "256x256" in finding.broken.received


STYLED = {"model": "dall-e-3", "prompt": "A red fox", "size": "1024x1024", "response_format": "b64_json"}


@pytest.mark.parametrize(("forgets", "found"), [(frozenset({"style"}), ["meta.style"]), (frozenset(), [])])
def test_a_style_that_changes_nothing_is_found(forgets: frozenset[str], found: list[str]) -> None:
    styles = [{**STYLED, "style": style} for style in ("vivid", "natural")]
    with painting(repeats=True, forgets=forgets) as server:
        findings = run_of(server.url, asked(*styles))
    assert [id_ for id_ in ids(findings) if id_.startswith("meta.")] == found


def test_one_request_id_for_all_answers_is_found() -> None:
    with painting(one_id=True) as server:
        assert ids(run_of(server.url, asked(CHEAP, OTHERWISE))) == ["run.request-ids"]


def test_always_the_same_picture_is_one_finding() -> None:
    wanted = asked(CHEAP, {**OTHERWISE, "size": "512x512"}, {**WIDE, "prompt": "Two chairs", "output_format": "webp"})
    with painting(constant=True) as server:
        [finding] = run_of(server.url, wanted).all
    assert finding.clause.id == "meta.constant"
    assert set(finding.others) >= {"images.size", "meta.prompt"}


@pytest.mark.parametrize(("role", "name"), [("input-image", "image"), ("mask", "mask")])
def test_a_picture_given_that_is_ignored_shows_in_equal_pixels(role: str, name: str) -> None:
    base = form(mask=role == "mask")
    other = varied(base, role)
    assert other is not None
    with painting(repeats=True, forgets=frozenset({name})) as server:
        [finding] = run_of(server.url, [base, other]).all
    assert f"meta.{role}" in {finding.clause.id, *finding.others}
    with painting(repeats=True) as server:
        assert run_of(server.url, [base, other]).all == []


def test_a_picture_that_is_its_own_mask_may_give_the_same_without_it() -> None:
    with painting(repeats=True, forgets=frozenset({"mask"})) as server:
        assert run_of(server.url, [form(), form(mask=True)]).all == []


def form(mask: bool = False) -> Case:
    """A small edit, as a form."""
    schema = EDIT.body["multipart/form-data"]["properties"]
    picture = as_value(PLAINEST, schema["mask"])
    told = {**CHEAP, "image": [picture], **({"mask": picture} if mask else {})}
    return case_of(IMAGES, EDIT, "multipart/form-data", told)
