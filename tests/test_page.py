"""report.html: one file that loads nothing, escapes everything, and never shows as good what was not looked at."""

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser
from io import StringIO
from typing import Any
from urllib.parse import unquote

import pytest
from rich.console import Console

from contract_tests.report.markdown import summary
from contract_tests.report.page import page
from contract_tests.report.score import verdict
from contract_tests.report.terminal import show

VOID = {"br", "img", "input", "meta"}
EVIL = (
    "</script></style></title></code><img src=http://evil.example/x onerror=alert(1)><script>alert(2)</script>"
    "\"' on=1 {{ 7 * 7 }}\u202e\x00"
)
#: words the page chooses a colour, a sentence or an order by; the provider does not write them
OUR_WORDS = {"level", "verdict", "fail_on", "thumbnail"}


#: a picture of one pixel
TINY = "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="


def finding(**changes: Any) -> dict[str, Any]:
    return {
        "cause": "n-ignored-single-image",
        "operations": [{"id": "createImage", "label": "POST /v1/images/generations"}],
        "promised": "n pictures for n asked",
        "why": "Whoever pays for three gets one.",
        "remedy": "Make as many as n says, or refuse it.",
        "clause": "images.count",
        "level": "MUST",
        "title": "Several pictures asked for, one delivered",
        "operation": "createImage",
        "label": "POST /v1/images/generations",
        "family": "images",
        "drift": "n-ignored-single-image",
        "drift_seen": ["Wei-Shaw/sub2api#2586", "ai-dynamo/dynamo PR 12970"],
        "known_from": "the vendor's page",
        "expected": "3 pictures",
        "received": "1 picture",
        "pointer": "/data",
        "rests_on": "x-role: count",
        "count": 2,
        "also_broken": {"images.distinct": 1},
        "evidence": {
            "folder": "findings/01-n-ignored-single-image",
            "number": 7,
            "request": {
                "method": "POST",
                "url": "http://127.0.0.1:9/v1/images/generations",
                "headers": {"authorization": "Bearer $OPENAI_API_KEY"},
                "body": '{\n  "n": 3\n}',
            },
            "response": {
                "status": 200,
                "headers": {"x-request-id": "req_1"},
                "body": '{\n  "data": []\n}',
                "bytes": 14,
            },
            "seconds": 0.002,
            "pictures": [
                {
                    "pointer": "/data/0/b64_json",
                    "role": "image-b64",
                    "format": "png",
                    "width": 1024,
                    "height": 1536,
                    "bytes": 31337,
                    "problem": "",
                    "file": "pictures/1.png",
                    "thumbnail": TINY,
                },
                {
                    "pointer": "/data/1/url",
                    "role": "image-url",
                    "format": "",
                    "width": 0,
                    "height": 0,
                    "bytes": 0,
                    "problem": "GET http://127.0.0.1:9/1.png answers 404",
                    "file": "",
                    "thumbnail": "",
                },
            ],
            "curl": """curl -sS http://127.0.0.1:9/v1/images/generations --data-binary '{"n": 3, "user": "a<b>&c"}'""",
        },
        "cases": {"n=3": 2},
        "beside": [],
        **changes,
    }


def clause(id_: str, conforms: int, drifts: int, level: str = "MUST") -> dict[str, Any]:
    return {
        "id": id_,
        "level": level,
        "text": f"The text of {id_}.",
        "rests_on": "responses",
        "conforms": conforms,
        "drifts": drifts,
        "held": [{"family": "images", "id": "createImage"}] if conforms else [],
    }


def report(**changes: Any) -> dict[str, Any]:
    return {
        "imageproof": 1,
        "provider": "https://api.example.com",
        "profile": "contract",
        "started": 1795250964,
        "seconds": 8.1,
        "seed": 42,
        "verdict": "drifts",
        "interrupted": False,
        "fail_on": "MUST",
        "failed": True,
        "steps": {"refusals": {"passed": 90}, "pictures": {"failed": 2, "skipped": 1}},
        "requests": 1093,
        "images": 9,
        "max_images": 40,
        "refused_but_delivered": 0,
        "score": {
            "levels": {
                "MUST": {"hold": 1, "looked_at": 2, "share": 0.5},
                "SHOULD": {"hold": 0, "looked_at": 1, "share": 0.0},
                "MAY": {"hold": 0, "looked_at": 0, "share": None},
            },
            "coverage": {
                "clauses": {"looked_at": 3, "all": 4, "share": 0.75},
                "operations": {"looked_at": 1, "all": 2, "share": 0.5},
                "problems": {"looked_at": 12, "all": 19, "share": 0.6315},
            },
        },
        "operations": [
            {"family": "images", "id": "createImage", "label": "POST /v1/images/generations", "looked_at": True},
            {"family": "images", "id": "getImageTask", "label": "GET /v1/images/tasks/{task_id}", "looked_at": False},
        ],
        "baseline": None,
        "clauses": [
            clause("images.count", 1, 2),
            clause("images.distinct", 0, 1, "SHOULD"),
            clause("wire.json", 9, 0),
            clause("task.ends", 0, 0),
        ],
        "findings": [
            finding(),
            finding(
                cause="images.distinct",
                clause="images.distinct",
                level="SHOULD",
                drift=None,
                drift_seen=[],
                known_from="",
                pointer="",
                title="The text of images.distinct.",
                also_broken={},
                count=1,
            ),
        ],
        "not_tested": {"getImageTask": "this provider has no GET /v1/images/tasks/{task_id}."},
        "could_not_look": {"createImage: n=2": "no answer within 180 s"},
        **changes,
    }


def clean(**changes: Any) -> dict[str, Any]:
    return report(
        verdict="conforms",
        failed=False,
        findings=[],
        not_tested={},
        could_not_look={},
        clauses=[clause("wire.json", 9, 0), clause("task.ends", 0, 0)],
        **changes,
    )


class Page(HTMLParser):
    """A page taken apart: complains of tags that are not balanced."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in <{tag}>"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(text for name, text in self.texts if name not in ("script", "style")).split())


def poisoned(value: Any, key: str = "") -> Any:
    """`value` with hostile text in every string and every key the page does not choose by."""
    if isinstance(value, str):
        return value + EVIL if value and key not in OUR_WORDS else value
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    if isinstance(value, dict):
        free = key in ("headers", "also_broken", "not_tested", "could_not_look")
        return {name + EVIL if free else name: poisoned(inner, name) for name, inner in value.items()}
    return value


ALL = [report(), clean(), report(verdict="could not look", findings=[], max_images=None), poisoned(report())]


@pytest.mark.parametrize("data", ALL, ids=["drifts", "conforms", "could not look", "hostile"])
def test_it_is_one_whole_file_that_loads_nothing(data: dict[str, Any]) -> None:
    html = page(data)
    parsed = Page(html)
    assert html.startswith("<!doctype html>")
    assert len(html.encode()) < 200_000
    assert len(parsed.all("title")) == len(parsed.all("h1")) == 1
    loading = {"link", "iframe", "object", "embed", "base", "image", "use", "audio", "video"}
    assert not {tag for tag, _ in parsed.tags} & loading
    for tag, attributes in parsed.tags:
        assert not {"srcset", "style", "action", "xlink:href"} & set(attributes), tag
        assert (attributes.get("src") or "data:image/webp;base64,").startswith("data:image/webp;base64,"), tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or "#").startswith("#"), tag
    assert "url(" not in (style := parsed.inside("style")[0])
    assert "@import" not in style


@pytest.mark.parametrize("data", ALL, ids=["drifts", "conforms", "could not look", "hostile"])
def test_its_own_policy_allows_its_own_script_and_style_and_nothing_else(data: dict[str, Any]) -> None:
    parsed = Page(page(data))
    policy = next(meta["content"] for meta in parsed.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        assert len(parsed.inside(tag)) == len(parsed.all(tag)) == 1
        digest = base64.b64encode(hashlib.sha256(parsed.inside(tag)[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("data", ALL[:3], ids=["drifts", "conforms", "could not look"])
def test_every_anchor_leads_somewhere(data: dict[str, Any]) -> None:
    parsed = Page(page(data))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {unquote(attributes["href"] or "")[1:] for attributes in parsed.all("a")}
    assert links <= set(ids)


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    harmless, hostile = Page(page(report())), Page(page(poisoned(report())))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    assert hostile.inside("script") == harmless.inside("script")
    seen = " ".join(EVIL.replace("\u202e", "\\u202e").replace("\x00", "\\u0000").split())
    assert hostile.text.count(seen) > 60  # shown, every time, to the last character


def test_hostile_text_shows_in_every_field_by_itself() -> None:
    def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
        if isinstance(value, str) and path[-1] not in OUR_WORDS:
            yield path
        elif isinstance(value, (dict, list)):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                yield from places(inner, (*path, key))

    # Only in report.json: what a clause rests on (a finding shows its own), kinds of cases, ids the labels stand for.
    hidden = {("clauses", "rests_on"), ("findings", "cause"), ("findings", "operations", "id")}
    hidden |= {("clauses", "held", "family"), ("clauses", "held", "id")}  # for the next run, as its baseline
    unshown = [path for path in places(report()) if tuple(key for key in path if isinstance(key, str)) in hidden]
    for path in places(report()):
        data = copy.deepcopy(report())
        parent = data
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = "<i>hostile</i>"
        html = page(data)
        assert "<i>" not in html
        assert ("&lt;i&gt;hostile&lt;/i&gt;" in html.lower()) is (path not in unshown), path


def test_characters_that_cannot_be_written_or_seen_are_spelled_out() -> None:
    html = page(report(provider="a\ud800b\u202ec\x1b[0md\r\ne"))
    html.encode()
    assert "a\\ud800b\\u202ec\\u001b[0md\ne" in html


@pytest.mark.parametrize("verdict", ["conforms", "drifts", "could not look"])
def test_the_verdict_is_shown(verdict: str) -> None:
    parsed = Page(page(clean() if verdict == "conforms" else report(verdict=verdict)))
    assert parsed.inside("strong")[0] == verdict.capitalize()
    assert {"class": f"badge {verdict.replace(' ', '-')}"} in parsed.all("strong")
    assert parsed.inside("title")[0].startswith(f"{verdict}: https://api.example.com")


@pytest.mark.parametrize("steps", [{"refusals": {"passed": 90}}, {"pictures": {"skipped": 4}}])
def test_nobody_simply_conforms_of_whom_no_picture_was_judged(steps: dict[str, Any]) -> None:
    data = {**clean(), "steps": steps, "images": 3, "usd_at_most": 0.42, "unpriced": 1}
    parsed = Page(page(data))
    assert parsed.inside("strong")[0] == "Conforms as far as looked"
    assert "No picture was judged." in parsed.text
    assert "imageproof: conforms as far as looked" in summary(data)
    screen = StringIO()
    show(data, Console(file=screen, width=100), None)
    told = " ".join(screen.getvalue().split())
    assert "CONFORMS AS FAR AS LOOKED https" in told
    assert "at most about $0.42 by list prices, and 1 of a price that is not known, 8.1 s" in told
    assert verdict({**data, "steps": {"streams": {"passed": 1}}}) == "conforms"
    assert verdict({**data, "verdict": "drifts"}) == "drifts"


def test_the_head_says_when_and_what_it_cost() -> None:
    text = Page(page(report(refused_but_delivered=2))).text
    assert "2026-11-21 08:49 UTC" in text
    assert "1,093 in 8.1 s" in text
    assert "9 of at most 40" in text
    assert "Profile contract Seed 42" in text
    assert "2 requests that should have been refused made pictures" in text
    assert "12 of at most 12, and 1 that came unasked" in Page(page(report(images=13, max_images=12))).text
    assert "0, no cap" in Page(page(report(images=0, max_images=None))).text


def test_each_finding_has_its_anchor_its_facts_and_a_command_to_copy() -> None:
    data = report()
    parsed = Page(page(data))
    articles = [attributes["id"] for attributes in parsed.all("article")]
    assert articles == ["finding-1", "finding-2"]
    commands = [text for text in parsed.inside("code") if text.startswith("curl")]
    assert commands == [found["evidence"]["curl"] for found in data["findings"]]
    buttons = parsed.all("button")
    assert len(buttons) == 2
    assert [image["src"] for image in parsed.all("img")] == [TINY, TINY]
    assert all("hidden" in button for button in buttons)  # no dead button where scripts do not run
    for fact in (
        "n-ignored-single-image",
        "Several pictures asked for, one delivered",
        "3 pictures",
        "1 picture",
        "2 times",
        "/data",
        "x-role: count",
        "POST /v1/images/generations",
        "Wei-Shaw/sub2api#2586",
        "ai-dynamo/dynamo PR 12970",
        "images.distinct once",
        "in the profile contract: the vendor's page",
        "HTTP 200",
        "req_1",
        '"n": 3',
        "1024 × 1536 PNG, 31,337 bytes",
        "GET http://127.0.0.1:9/1.png answers 404",
        "Bearer $OPENAI_API_KEY",
    ):
        assert fact in parsed.text


def test_a_finding_without_a_name_does_not_read_as_if_its_clause_held() -> None:
    assert Page(page(report())).inside("h3") == [
        "Several pictures asked for, one delivered",
        "Broken: The text of images.distinct.",
    ]


def test_what_backticks_mark_is_code_and_what_was_asked_adds_up() -> None:
    told = finding(title="a 200 has `<created>` and `data[]`", cases={"n=3": 2, "n=1": 1})
    shown = page({**report(), "findings": [told]})
    assert "a 200 has <code>&lt;created&gt;</code> and <code>data[]</code>" in shown
    assert "2 times; through other clauses once" in shown


def test_a_finding_only_other_clauses_show_is_not_seen_zero_times() -> None:
    text = Page(page(report(findings=[finding(count=0)]))).text
    assert "through other clauses only" in text
    assert "0 times" not in text


def test_what_is_too_long_is_cut_and_a_cut_command_cannot_be_copied() -> None:
    long = finding()
    long["evidence"]["curl"] = "curl " + "x" * 500_000
    long["evidence"]["response"]["body"] = "y" * 500_000
    html = page(report(findings=[long]))
    assert len(html) < 100_000
    assert "500,005 characters; all of it is in report.json" in html
    assert "500,000 characters; all of it is in report.json" in html
    assert not Page(html).all("button")


def test_clauses_that_were_not_tested_are_called_that_and_are_not_green() -> None:
    html = page(report())
    rows = {row.split('"', 1)[0]: row.split("</tr>")[0] for row in html.split('<tr id="clause-')[1:]}
    assert list(rows) == ["images.count", "images.distinct", "wire.json", "task.ends"]
    assert '<span class="mark not-tested">not tested</span>' in rows["task.ends"]
    assert "conforms" not in rows["task.ends"]
    assert ">0<" not in rows["task.ends"]
    assert '<span class="mark conforms">conforms</span>' in rows["wire.json"]
    assert '<span class="mark must">drifts</span>' in rows["images.count"]
    assert '<span class="mark should">drifts</span>' in rows["images.distinct"]
    assert 'href="#finding-1">1</a>, <a href="#finding-2">2</a>' in rows["images.distinct"]
    assert "1 of 4 clauses was not tested" in Page(html).text


def test_a_report_without_findings_says_what_it_does_not_know() -> None:
    parsed = Page(page(clean()))
    assert not parsed.all("article")
    assert "Everything that was tested is as the contract says. 1 of 2 clauses was not tested." in parsed.text
    assert "None. Nothing that was tested departs from the contract." in parsed.text
    assert "No case was left out. 1 clause still could not be tested" in parsed.text


def test_a_report_that_looked_at_nothing_praises_nothing() -> None:
    nothing = report(verdict="could not look", findings=[], clauses=[clause("wire.json", 0, 0)], not_tested={})
    parsed = Page(page(nothing))
    assert "nothing can be said about this provider" in parsed.text
    assert "Could not look: no answer within 180 s" in parsed.text
    assert "as the contract says" not in parsed.text
    assert not [tag for tag, attributes in parsed.tags if "conforms" in (attributes.get("class") or "")]


def test_why_nobody_could_be_asked_at_all_stands_above_all() -> None:
    why = "no Images API at http://127.0.0.1:9: is the URL right?"
    nothing = report(verdict="could not look", findings=[], not_tested={}, could_not_look={"every request": why})
    assert f"Nothing can be said about this provider: {why}" in Page(page(nothing)).text


def test_what_only_other_clauses_show_is_counted_by_them() -> None:
    told = finding(count=0, also_broken={"usage.output": 3, "usage.input": 1})
    [listed] = re.findall(r'<li>.*href="#finding-1".*</li>', page(report(findings=[told, finding()])))
    assert ">4 times<" in listed


def test_what_is_not_offered_is_a_line_of_the_summary_and_no_more() -> None:
    absent = {"gemini": "Gemini", "kling": "Kling"}
    told = summary(report(not_offered=absent, not_tested={**dict.fromkeys(absent, "there is none"), "n": "spent"}))
    assert "- not offered: `Gemini`, `Kling`" in told
    assert "- not tested: `spent`" in told
    assert "there is none" not in told


def test_reasons_are_told_once() -> None:
    spent = {
        f"case {n}": f"more pictures than are left of 40; this case may make {n}, with 0 left" for n in range(1, 6)
    }
    text = Page(page(report(not_tested=spent))).text
    assert text.count("more pictures than are left of 40") == 1
    assert "5 cases" in text
    assert all(case in text for case in spent)


def test_a_report_read_back_from_its_json_makes_the_same_page() -> None:
    assert page(json.loads(json.dumps(report()))) == page(report())
