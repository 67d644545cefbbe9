"""Redirects: followed where any client follows them with all that was asked, told once; the key goes nowhere else."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from faulty import CREATE, IMAGES, drawn, pictures
from test_provider import KEY, Asked, Told, asking, create, listening

from contract_tests.budget import Ledger
from contract_tests.cases import Case
from contract_tests.connection import Outgoing
from contract_tests.detours import way_on
from contract_tests.findings import Finding
from contract_tests.options import Options
from contract_tests.provider import Provider
from contract_tests.raw import raw
from contract_tests.report.evidence import curl
from contract_tests.run import Run
from spec.profiles import PLAIN

PATH, URL = "/v1/images/generations", "https://api.example/v1/images/generations"


@pytest.mark.parametrize(
    ("method", "status", "location", "query", "leads"),
    [
        ("POST", 308, f"{PATH}/", {}, f"{URL}/"),
        ("POST", 307, f"{URL}/?async=true", {"async": "true"}, f"{URL}/?async=true"),
        ("POST", 308, f"//api.example:443/openai{PATH}", {}, f"https://api.example:443/openai{PATH}"),
        ("GET", 301, f"{PATH}/", {}, f"{URL}/"),
        ("POST", 301, f"{PATH}/", {}, ""),
        ("POST", 303, f"{PATH}/", {}, ""),
        ("POST", 308, f"{PATH}/", {"async": "true"}, ""),
        ("POST", 308, f"https://other.example{PATH}/", {}, ""),
        ("POST", 308, f"http://api.example{PATH}/", {}, ""),
        ("POST", 308, f"https://api.example:8443{PATH}/", {}, ""),
        ("POST", 308, f"https://me@api.example{PATH}/", {}, ""),
        ("POST", 307, "/login", {}, ""),
        ("POST", 307, "/login?next=/v1/images/generations", {}, ""),
        ("POST", 307, "https://[", {}, ""),
        ("POST", 307, PATH, {}, ""),
        ("POST", 200, f"{PATH}/", {}, ""),
    ],
)
def test_a_redirect_is_followed_only_where_nothing_is_lost(
    method: str, status: int, location: str, query: dict[str, str], leads: str
) -> None:
    assert way_on(Outgoing(method, URL, query=query), status, {"location": location}, CREATE) == leads
    assert way_on(Outgoing(method, URL), status, {}, CREATE) == ""


def judged(location: str, status: int = 308) -> tuple[list[Finding], list[Asked], Case, str]:
    """What is found where every path without a slash sends elsewhere; what was asked, and the command to see it."""

    def answer(asked: Asked) -> Told:
        told = {"x-request-id": f"req_{len(server.asked)}"}
        if not asked.path.endswith("/"):
            return Told({}, status, {**told, "location": location})
        return Told({**pictures(drawn()), "created": int(time.time())}, headers=told)

    with listening(answer) as server, closing(Run(Options(""), PLAIN, (), Provider(server.url, KEY, Ledger(2)))) as run:
        case = create(response_format="b64_json")
        exchange, found, _ = run.judge(case)
        assert run.provider.ledger.images == (exchange is not None and exchange.succeeded)
        assert exchange is not None
        return found, server.asked, case, curl(exchange)


def test_a_redirect_to_the_path_with_a_slash_is_followed_and_told_by_itself() -> None:
    found, asked, case, command = judged(f"{PATH}/")
    assert [(one.clause.id, one.level) for one in found] == [("wire.detour", "SHOULD")]
    first, second = asked
    assert (second.path, second.method, second.body) == (f"{PATH}/", "POST", case.body)
    assert first.headers == second.headers
    assert " -L " in command


@pytest.mark.parametrize(("location", "status"), [(f"{PATH}/", 302), (f"https://other.example{PATH}/", 308)])
def test_a_redirect_that_loses_something_is_not_followed_and_costs_nothing(location: str, status: int) -> None:
    found, asked, _, _ = judged(location, status)
    assert ([one.clause.id for one in found], len(asked)) == (["wire.redirect"], 1)


def test_where_no_path_should_be_a_redirect_is_the_answer() -> None:
    case = next(one for one in raw(IMAGES, 0) if one.defect is not None and one.defect.rule == "two slashes")
    with listening(lambda _: Told({}, 308, {"location": f"{PATH}/"})) as server, asking(server.url) as provider:
        exchange = provider.send(case)
        assert (len(server.asked), exchange.response.status, exchange.detour) == (1, 308, "")


def test_redirects_in_a_circle_end() -> None:
    def answer(asked: Asked) -> Told:
        return Told({}, 308, {"location": asked.path.rstrip("/") if asked.path.endswith("//") else f"{asked.path}/"})

    with listening(answer) as server, asking(server.url) as provider:
        assert provider.send(Case(IMAGES, CREATE)).response.status == 308
        assert len(server.asked) == provider.ledger.requests == 4
