"""The provider as the contract tests meet it: addresses, money, silence, tasks, links."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from faulty import CHEAP, asking_wrongly, drawn, pictures, prediction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from contract_tests.budget import BudgetSpent, Ledger
from contract_tests.cases import Case, json_case, most_images
from contract_tests.connection import CouldNotLook
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.planning import refusals
from contract_tests.provider import DUMMY_KEY, Provider
from contract_tests.raw import raw
from contract_tests.report.record import write
from contract_tests.run import Run
from contract_tests.three_ways.calls import calls
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.addresses import is_loopback, joined, root_of
from spec.profiles import PLAIN, load_profile
from spec.recordings.reading import read_har

IMAGES = PLAIN.contract("images")
CREATE = IMAGES.operation("createImage")
TASK = IMAGES.operation("getImageTask")
KEY = "sk-test-0123456789"


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic, compare=False)


@dataclass(frozen=True)
class Told:
    """One answer to give; a JSON value or bytes."""

    value: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.value if isinstance(self.value, bytes) else json.dumps(self.value).encode()


class Listener(ThreadingHTTPServer):
    """A provider of a few lines: `answer` says what comes back, `asked` keeps what came."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Asked], Told]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one packet for an answer, or each waits 40 ms for the first one to be acknowledged

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # the client has heard enough
            self.close_connection = True

    def _serve(self) -> None:
        assert isinstance(self.server, Listener)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): text for name, text in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.server.asked.append(asked)
        told = self.server.answer(asked)
        self.send_response(told.status)
        for name, text in {"content-type": "application/json", **told.headers}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(told.body)))
        self.end_headers()
        self.wfile.write(told.body)

    do_GET = do_POST = _serve  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def listening(answer: Callable[[Asked], Told]) -> Iterator[Listener]:
    """A running Listener."""
    with Listener(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)


@contextmanager
def asking(url: str, most: int | None = None, key: str = KEY, **more: Any) -> Iterator[Provider]:
    """A provider at a URL."""
    with Provider(url, key, Ledger(most), **more) as provider:
        yield provider


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def free_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def create(**body: Any) -> Case:
    """A request for pictures, cheap unless told otherwise."""
    return json_case(IMAGES, CREATE, {"model": "dall-e-2", "prompt": "A fox", "size": "256x256", **body})


def png(width: int = 256, height: int = 256) -> bytes:
    """A picture with more than one colour."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(out, "PNG")
    return out.getvalue()


def links(*urls: str) -> Told:
    """A documented success with these links."""
    return Told({"created": int(time.time()), "data": [{"url": url} for url in urls]})


# --- addresses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com/v1", "https://api.example.com"),
        ("https://api.example.com/v1/", "https://api.example.com"),
        (" https://api.example.com/v1\n", "https://api.example.com"),
        ("https://api.example.com/openai/v1", "https://api.example.com/openai"),
        ("https://api.example.com/openai/", "https://api.example.com/openai"),
        ("https://api.example.com/v1beta", "https://api.example.com/v1beta"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
        ("127.0.0.1:4010/v1", "http://127.0.0.1:4010"),
        ("localhost:4010", "http://localhost:4010"),
        ("api.example.com/v1", "https://api.example.com"),  # a key is not sent in the clear unasked
    ],
)
def test_a_base_url_is_understood_however_it_is_written(url: str, root: str) -> None:
    assert root_of(url) == root
    assert root_of(root) == root


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://one.example/openai/v1", "https://one.example"),
        ("https://one.example/openai/", "https://one.example"),
        ("https://one.example/eu/openai/v1", "https://one.example/eu"),
        ("https://one.example/v1", "https://one.example"),
        ("https://one.example/v2", "https://one.example/v2"),
    ],
)
def test_what_the_paths_of_a_contract_begin_with_may_stand_in_a_base_url(url: str, root: str) -> None:
    assert root_of(url, ["/openai/v1/images/generations", "/openai/deployments/{deployment}/images/edits"]) == root


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "https://",
        "ftp://api.example.com/v1",
        "file:///etc/passwd",
        "https://api.example.com:port/v1",
        "https://api.example.com:0/v1",
        "https://api.example.com:99999/v1",
        "https://[::1/v1",
        "https://api.example.com/v 1",
        f"https://api.example.com/v1?key={KEY}",
        f"https://api.example.com/v1#{KEY}",
        f"https://user:{KEY}@api.example.com/v1",
        f"https://{KEY}@api.example.com/v1",
    ],
)
def test_what_is_no_base_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL") as refusal:
        root_of(url)
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize(
    ("root", "here"),
    [
        ("http://127.0.0.1:4010", True),
        ("http://127.8.9.10", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://127.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://0.0.0.0:4010", False),
        ("http://192.168.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(root: str, here: bool) -> None:
    assert is_loopback(root) is here


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_every_form_of_the_url_reaches_the_same_path(mock: MockServer, suffix: str) -> None:
    with asking(mock.url + suffix) as provider:
        assert provider.send(create()).response.status == 200
    assert mock.journal[0].path == "/v1/images/generations"


def test_a_path_in_front_of_v1_is_kept() -> None:
    with listening(lambda _: Told({}, 404)) as server, asking(f"{server.url}/openai/v1/") as provider:
        provider.send(create())
    assert server.asked[0].path == "/openai/v1/images/generations"


# --- money ------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(cap=st.integers(0, 6), counts=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_no_run_costs_more_than_its_cap(mock: MockServer, cap: int, counts: list[int]) -> None:
    mock.reset()
    refused = delivered = 0
    with asking(mock.url, cap) as provider:
        for number, count in enumerate(counts):
            try:
                exchange = provider.send(create(n=count, prompt=f"Fox {number}"))
            except BudgetSpent:
                refused += 1
                assert delivered + count > cap  # not sent because it did not fit, for no other reason
            else:
                delivered += len(exchange.pictures)
            assert provider.ledger.images == delivered <= cap
    created = [entry for entry in mock.journal if entry.operation == "createImage"]
    assert len(created) == provider.ledger.requests == len(counts) - refused


def test_a_case_is_sent_once(mock: MockServer) -> None:
    with asking(mock.url, 1) as provider:
        first = provider.send(create())
        assert provider.send(create()) is first
        assert (provider.ledger.images, provider.ledger.requests) == (1, 1)
        with pytest.raises(BudgetSpent):
            provider.send(create(prompt="Another fox"))
    assert [entry.path for entry in mock.journal if entry.operation == "createImage"] == ["/v1/images/generations"]


def test_a_provider_that_delivers_on_broken_requests_is_paid_and_trusted_no_more() -> None:
    with listening(lambda _: links()) as server:
        picture = f"{server.url}/p.png"
        server.answer = lambda asked: links(picture) if asked.method == "POST" else Told(png())
        broken = Case(
            IMAGES, CREATE, create(n=99).body, "application/json", defect=next(iter(_defects("n", "above-maximum")))
        )
        with asking(server.url, 5) as provider:
            provider.send(broken)
            assert (provider.ledger.images, provider.ledger.refused_but_delivered) == (1, 1)
            again = Case(IMAGES, CREATE, create(n=98).body, "application/json", defect=broken.defect)
            assert most_images(again) == 98
            with pytest.raises(BudgetSpent):
                provider.send(again)


SUBMITTED = {"code": 1, "description": "Submit success", "result": "1730621718151844"}


@pytest.mark.parametrize(
    ("family", "operation", "told"),
    [
        ("midjourney", "submitImagine", Told(SUBMITTED)),
        ("replicate", "createFluxSchnell", Told(prediction(status="starting", output=None), 201)),
    ],
)
def test_broken_requests_that_become_tasks_are_paid_for_and_no_more_are_risked_than_may_be(
    family: str, operation: str, told: Told
) -> None:
    contract = PLAIN.contract(family)
    unsent = []
    with listening(lambda _: told) as server, asking(server.url, 1) as provider:
        for case in refusals(contract, contract.operation(operation), 0):
            try:
                provider.send(case)
            except BudgetSpent:
                unsent.append(case)
        assert (provider.ledger.images, provider.leaks.images, len(server.asked)) == (2, 2, 2), (
            "one that asks for something, and one that asks for nothing: nobody should have made a thing of that"
        )
        assert len(unsent) > 9
        provider.send(Case(contract, next(one for one in contract.operations if one.method == "get")))  # is free


def test_who_draws_what_is_wrong_is_still_asked_what_asks_for_nothing_to_be_drawn() -> None:
    wrong = [asking_wrongly({**CHEAP, f"imageproof_{number}": 1}) for number in range(4)]
    nothing = [case for case in raw(IMAGES, 0) if case.body and b'"prompt"' not in case.body and not most_images(case)]
    told = Told(pictures(drawn()))
    with listening(lambda asked: told if b'"prompt"' in asked.body else Told(refused("No."), 400)) as server:
        with asking(server.url, 12) as provider:
            for case in wrong[:3]:
                provider.send(case)
            with pytest.raises(BudgetSpent, match="3 pictures were made by requests that should have been refused"):
                provider.send(wrong[3])
            assert [provider.send(case).response.status for case in nothing[:3]] == [400] * 3
        server.answer = lambda _: told
        with asking(server.url, 12) as provider:
            for case in nothing[:3]:
                provider.send(case)
            with pytest.raises(BudgetSpent):
                provider.send(nothing[3])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("status", "images"), [(500, 2), (502, 2), (504, 2), (524, 2), (503, 0), (501, 0), (400, 0)])
def test_what_a_server_gave_up_on_may_have_been_made_all_the_same(status: int, images: int) -> None:
    with listening(lambda _: Told({}, status)) as server, asking(server.url) as provider:
        provider.send(create(n=2))
        tries = 1 if status in (501, 400) else 2  # what may be a moment's trouble is asked again, and paid for again
        assert (provider.ledger.images, len(server.asked)) == (images * tries, tries)


def test_a_refusal_with_the_status_of_a_success_costs_nothing() -> None:
    contract = PLAIN.contract("midjourney")
    case = json_case(contract, contract.operation("submitImagine"), {"prompt": "A fox"})
    told = Told({"code": 24, "description": "Sensitive word", "properties": {}})
    with listening(lambda _: told) as server, asking(server.url) as provider:
        assert not provider.send(case).succeeded
        assert provider.ledger.images == 0


def test_what_was_sent_is_paid_for_though_its_answer_could_not_be_dealt_with(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # where a folder is expected
    with (
        listening(lambda _: links()) as server,
        asking(server.url, record_to=tmp_path / "file" / "run.har") as provider,
    ):
        with pytest.raises(OSError, match="file"):
            provider.send(create(n=3))
        assert provider.ledger.images == 3


def _defects(param: str, problem: str) -> Iterator[Any]:
    for case in refusals(IMAGES, CREATE, 0):
        if case.defect is not None and (case.defect.param, case.defect.problem) == (param, problem):
            yield case.defect


# --- silence ----------------------------------------------------------------------------------------


def test_a_refused_connection_says_nothing_about_the_contract_and_costs_nothing() -> None:
    with asking(f"http://127.0.0.1:{free_port()}", 1) as provider:
        with pytest.raises(CouldNotLook, match="Connection refused") as error:
            provider.send(create())
        assert not error.value.arrived
        assert provider.ledger.images == 0


def test_an_answer_that_does_not_come_in_time_may_be_billed() -> None:
    with silent() as url, asking(url, 1, timeout=0.2) as provider:
        began = time.monotonic()
        with pytest.raises(CouldNotLook, match=r"no answer within 0\.2 s") as error:
            provider.send(create())
        assert time.monotonic() - began < 2
        assert error.value.arrived
        assert provider.ledger.images == 1


def test_after_three_requests_in_vain_nobody_is_asked_any_more() -> None:
    with asking(f"http://127.0.0.1:{free_port()}") as provider:
        for number in range(3):
            with pytest.raises(CouldNotLook, match="Connection refused"):
                provider.send(create(prompt=f"Fox {number}"))
        with pytest.raises(CouldNotLook, match="not asked"):
            provider.send(create(prompt="One fox too many"))
        assert provider.ledger.requests == 3


def test_a_refused_key_is_no_finding() -> None:
    refusal = {"error": {"message": "No such key.", "type": "invalid_request_error", "param": None, "code": None}}
    with listening(lambda _: Told(refusal, 401)) as server, asking(server.url) as provider:
        with pytest.raises(CouldNotLook, match=r"OPENAI_API_KEY is refused \(401\): No such key\."):
            provider.send(create())
        assert provider.ledger.images == 0


def test_a_key_that_is_not_set_is_named_when_one_is_needed() -> None:
    said = r"NOPE is not set: export NOPE=.*\(401\): Who\?"
    with (
        listening(lambda _: Told(refused("Who?"), 401)) as server,
        asking(server.url, key=DUMMY_KEY, key_variable="NOPE") as provider,
        pytest.raises(CouldNotLook, match=said),
    ):
        provider.send(create())


def test_not_now_is_asked_again_when_the_provider_says() -> None:
    answers = iter([Told({}, 429, {"retry-after": "1"}), Told({}, 404)])
    with listening(lambda _: next(answers)) as server, asking(server.url) as provider:
        assert provider.send(create()).response.status == 404
    first, second = server.asked
    assert second.at - first.at >= 1
    assert first == second


def refused(message: str, **more: Any) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}}


def test_who_may_not_use_one_model_is_let_in_with_another() -> None:
    verify = refused("Your organization must be verified to use the model `gpt-image-1`.")

    def answer(asked: Asked) -> Told:
        answer = Told(verify, 403) if b"gpt-image-1" in asked.body else links()
        return replace(answer, headers={"x-request-id": f"req_{len(server.asked)}"})

    with listening(answer) as server, closing(open_run(Options(server.url, max_images=9))) as run:
        for number in range(3):
            exchange, found, reason = run.judge(create(model="gpt-image-1", prompt=f"Fox {number}", size="1024x1024"))
            assert (exchange, found) == (None, [])
            assert "gpt-image-1" in reason
        assert run.judge(create())[0] is not None
    assert not run.findings.could_not_look


def test_who_has_no_money_left_is_still_asked_what_is_free() -> None:
    with listening(lambda _: Told(refused("Top up."), 402)) as server, asking(server.url) as provider:
        for number in range(4):
            with pytest.raises(CouldNotLook, match=r"not let in \(402\): Top up"):
                provider.send(create(prompt=f"Fox {number}"))
        assert len(server.asked) == 4


@contextmanager
def refusing(*statuses: int, budget: int = 9) -> Iterator[tuple[Run, Listener]]:
    """A run at a provider that answers with these statuses, one after the other, the last of them for ever."""
    left = list(statuses)

    def answer(_: Asked) -> Told:
        status = left.pop(0) if len(left) > 1 else left[0]
        return Told(pictures(drawn()) if status == 200 else refused("No."), status)

    with listening(answer) as server:
        provider = Provider(server.url, KEY, Ledger(budget))
        with closing(Run(Options(""), PLAIN, (), provider)) as run:
            yield run, server


REFUSALS = [case for case in refusals(IMAGES, CREATE, 0) if case.credential is not None]
PLAIN_MISTAKES = [case for case in REFUSALS if case.defect is not None and case.defect.problem == "wrong-type"]


def test_a_moment_s_trouble_is_asked_again_and_is_no_mistake_of_the_server_s() -> None:
    with refusing(502, 400) as (run, server):
        exchange, _, _ = run.judge(REFUSALS[0])
    assert exchange is not None
    assert (exchange.response.status, exchange.at_first, len(server.asked)) == (400, "answered 502", 2)
    assert "refusal.no-5xx" not in {finding.clause.id for finding in run.findings.all}
    assert any("answered 502" in reason for reason in run.findings.not_tested.values())


@pytest.mark.usefixtures("impatient")
def test_who_answers_mistakes_with_5xx_is_asked_twice_and_soon_believed_at_once() -> None:
    with refusing(500) as (run, server):
        found = [{finding.clause.id for finding in run.judge(case)[1]} for case in PLAIN_MISTAKES[:4]]
    assert all("refusal.no-5xx" in clauses for clauses in found)
    assert len(server.asked) == 4 + 2
    assert not run.findings.not_tested


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks again at once what is asked again."""
    monkeypatch.setattr("contract_tests.provider.MOMENT_SECONDS", 0.0)


def failing_at(*tries: int, budget: int = 30) -> AbstractContextManager[tuple[Run, Listener]]:
    """A provider of which these tries fail, and a run that may spend so much on it."""
    return refusing(*(500 if number in tries else 200 for number in range(1, 40)), budget=budget)


def paid(run: Run, how_many: int) -> dict[str, str]:
    for number in range(how_many):
        run.judge(create(prompt=f"Fox {number}"))
    run.look_back()
    return {finding.clause.id: finding.level for finding in run.findings.all if "steady" in finding.cause}


@pytest.mark.usefixtures("impatient")
def test_what_is_paid_for_and_fails_for_a_moment_is_asked_and_counted_once_more_and_is_no_must() -> None:
    with failing_at(3) as (run, server):
        assert paid(run, 6) == {"wire.steady": "SHOULD"}
        assert (len(server.asked), run.provider.ledger.images) == (7, 7)
        assert "wire.accepted" not in {finding.clause.id for finding in run.findings.all}


@pytest.mark.usefixtures("impatient")
def test_who_fails_every_third_time_breaks_a_must_once() -> None:
    with failing_at(*range(3, 40, 3)) as (run, _):
        assert paid(run, 9) == {"run.steady": "MUST"}
    [finding] = [one for one in run.findings.all if one.clause.id == "run.steady"]
    assert finding.broken.received == "answered 500 for 4 of 9"
    assert finding.others["wire.steady"] == 4


@pytest.mark.usefixtures("impatient")
def test_who_fails_again_does_not_accept_and_is_soon_believed_at_once() -> None:
    with refusing(500) as (run, server):
        assert paid(run, 4) == {}
        assert {"wire.accepted"} <= {finding.clause.id for finding in run.findings.all if finding.level == "MUST"}
        assert any("fails at every picture" in reason for reason in run.findings.not_tested.values())
    assert len(server.asked) == 3 + 2, "the third is believed at once, a fourth is not paid for"


@pytest.mark.usefixtures("impatient")
def test_where_no_more_may_be_spent_a_failure_is_doubtful_and_nothing_is_asked_again() -> None:
    with failing_at(3, budget=3) as (run, server):
        assert paid(run, 3) == {"wire.steady": "SHOULD"}
        assert (len(server.asked), run.provider.ledger.images) == (3, 3)


# --- what is optional -------------------------------------------------------------------------------


def test_a_version_in_the_address_stands_for_the_one_in_the_path() -> None:
    create = "/v1/images/generations"
    assert joined(root_of("https://ark.example/api/v3"), create) == "https://ark.example/api/v3/images/generations"
    assert (
        joined(root_of("https://one.example/openai/v1"), create) == "https://one.example/openai/v1/images/generations"
    )
    assert joined("https://v2.example", create) == "https://v2.example/v1/images/generations"
    assert joined("https://one.example/v2", "/mj/submit/imagine") == "https://one.example/v2/mj/submit/imagine"


def test_the_task_route_is_found_where_it_is_and_missed_where_it_is_not(mock: MockServer) -> None:
    with asking(mock.url) as provider:
        assert not provider.presence.lacks(IMAGES, TASK)
        assert not provider.presence.lacks(IMAGES, CREATE)  # not optional: never asked, never missed
        assert provider.ledger.images == 0
    with (
        MockServer(Settings(port=0, profile=load_profile("zhongzhuan"))) as server,
        asking(server.url) as provider,
    ):
        assert provider.presence.lacks(IMAGES, TASK)
        asked = provider.ledger.requests
        assert provider.presence.lacks(IMAGES, TASK)
        assert provider.ledger.requests == asked  # known by now


@pytest.mark.parametrize("name", ["editImage", "createImageVariation", "listModels", "getModel"])
def test_an_optional_operation_is_found_or_missed_without_costing_a_picture(mock: MockServer, name: str) -> None:
    with asking(mock.url) as provider:
        assert not provider.presence.lacks(IMAGES, IMAGES.operation(name))
        assert provider.ledger.images == 0
    nowhere = Told({"error": {"message": "Invalid URL", "type": "x", "param": None, "code": None}}, 404)
    with listening(lambda _: nowhere) as server, asking(server.url) as provider:
        assert provider.presence.lacks(IMAGES, IMAGES.operation(name))
        assert all(not asked.body for asked in server.asked)
    assert len(server.asked) == 2


def test_an_operation_of_one_model_is_absent_where_it_says_that_there_is_no_such_thing() -> None:
    flux = PLAIN.contract("replicate")

    def shop(asked: Asked) -> Told:
        if "flux-dev" in asked.path or "flux-2-flex" in asked.path or not asked.body:
            return Told({"detail": "- input is required", "status": 422, "title": "Input"}, 422)
        return Told({"detail": "No model.", "status": 404} if "flux-" in asked.path else b"404: Not Found", 404)

    with listening(shop) as server, asking(server.url) as provider:
        assert provider.presence.lacks(flux, flux.operation("createFluxPro"))
        assert not provider.presence.lacks(flux, flux.operation("createFluxDev"))
        assert not provider.presence.lacks(flux, flux.operation("createPredictionOfModel")), "one of three is there"


def test_a_family_is_absent_where_its_way_to_send_keys_opens_no_path() -> None:
    shut = Told({"error": {"message": "No key.", "type": "x", "param": None, "code": None}}, 401)
    with listening(lambda _: shut) as server, asking(server.url) as provider:
        assert provider.presence.lacks_family(PLAIN.contract("gemini"))
        assert not provider.presence.lacks(IMAGES, TASK), "of the family it has, the key may be wrong"


def test_an_operation_that_is_not_there_is_said_once_and_not_sent_to() -> None:
    def answer(asked: Asked) -> Told:
        found = asked.path == CREATE.path
        return Told({"error": {"message": "No.", "type": "x", "param": None, "code": None}}, 400 if found else 404)

    with listening(answer) as server:
        run = open_run(Options(server.url, max_images=8))
        try:
            edit = IMAGES.operation("editImage")
            first, *again = (run.absent(IMAGES, edit) for _ in range(3))
            assert first.startswith("this provider has no POST /v1/images/edits")
            assert again == [first, first]
            assert list(run.findings.not_tested) == ["editImage"]
        finally:
            run.close()
    asked_for = [asked.path for asked in server.asked if asked.method == "POST"]
    assert (asked_for.count(edit.path), asked_for.count("/v1/imageproof/no-such-path")) == (1, 1)


def test_who_makes_pictures_of_nothing_is_there_is_paid_for_them_and_found_out() -> None:
    with listening(lambda _: links("http://127.0.0.1:9/a.png")) as server:
        provider = Provider(server.url, KEY, Ledger(1))
        with closing(Run(Options(server.url), PLAIN, (IMAGES,), provider)) as run:
            assert not run.absent(IMAGES, IMAGES.operation("editImage"))
            assert (provider.ledger.images, provider.leaks.images, len(server.asked)) == (1, 0, 1)
            assert "0 left" in run.absent(IMAGES, IMAGES.operation("createImageVariation"))  # no more is risked
            found = run.look_back()
    assert "refusal.refused" in {finding.clause.id for finding in found}
    assert len(server.asked) == 1


# --- streams ----------------------------------------------------------------------------------------


def test_a_stream_is_read_event_by_event_and_its_pictures_are_looked_at(mock: MockServer) -> None:
    case = json_case(
        IMAGES,
        CREATE,
        {"model": "gpt-image-2", "prompt": "A fox", "size": "1024x640", "stream": True, "partial_images": 2},
    )
    with asking(mock.url, 1) as provider:
        exchange = provider.send(case)
        assert provider.ledger.images == 1
    assert exchange.streams
    assert exchange.wants_stream
    assert [event.kind for event in exchange.events][-1] == "completed"
    assert len(exchange.unfinished) == len(exchange.events_of("partial")) <= 2
    assert [(picture.width, picture.height, picture.problem) for picture in exchange.pictures] == [(1024, 640, "")]
    assert exchange.said("size") == (1024, 640)
    assert exchange.pictures_delivered == 1
    assert exchange.response.value == [event.value for event in exchange.events]


def test_a_stream_that_fails_is_a_failure_though_its_status_is_200() -> None:
    failure = {"type": "error", "error": {"message": "Out of paint", "type": "x", "param": None, "code": "y"}}
    body = f"event: error\ndata: {json.dumps(failure)}\n\n".encode()
    answer = Told(body, headers={"content-type": "text/event-stream"})
    case = json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "A fox", "stream": True})
    with listening(lambda _: answer) as server, asking(server.url) as provider:
        exchange = provider.send(case)
    assert exchange.failed_midway
    assert exchange.error("error-message") == "Out of paint"
    assert not exchange.owes_pictures
    assert provider.ledger.images == 2, "what was asked for may have been made, and billed, at both tries"


# --- tasks ------------------------------------------------------------------------------------------


def status(mock: MockServer, word: str) -> dict[str, Any]:
    """A poll's answer as the contract has it, with the status exchanged."""
    with asking(mock.url) as provider:
        submit = provider.send(_submit())
        provider.tasks.follow(submit)
    answer: dict[str, Any] = submit.polls[0].response.value
    name = next(m.pointer for m in submit.polls[0].meanings if m.role == "task-status").split("/")[1:]
    inner = answer
    for part in name[:-1]:
        inner = inner[part]
    inner[name[-1]] = word
    return answer


def _submit() -> Case:
    return Case(IMAGES, CREATE, create().body, "application/json", query={"async": "true"})


@pytest.fixture
def task(mock: MockServer) -> Iterator[Callable[[Told], Listener]]:
    """Starts a provider with the mock's own answer to a submit and one answer to every poll."""
    with asking(mock.url) as provider:
        submitted = provider.send(_submit()).response.value
    with listening(lambda _: Told({}, 404)) as server:

        def start(poll: Told) -> Listener:
            server.answer = lambda asked: Told(submitted) if asked.path.startswith(CREATE.path) else poll
            return server

        yield start


def test_a_task_that_never_ends_is_given_up_and_found(mock: MockServer, task: Callable[[Told], Listener]) -> None:
    server = task(Told(status(mock, "IN_PROGRESS")))
    run = open_run(Options(server.url, max_images=1, task_timeout=0.4))
    try:
        began = time.monotonic()
        exchange, _, reason = run.judge(_submit())
        assert exchange is not None, reason
        found = run.follow(exchange)
        assert time.monotonic() - began < 3
    finally:
        run.close()
    ends = [finding for finding in found if finding.clause.id == "task.ends"]
    assert len(ends) == 1
    assert ends[0].clause.level == "MUST"
    assert ends[0].broken.received.startswith("no end after 0.4 s and ")
    polls = [asked for asked in server.asked if "/tasks/" in asked.path]
    assert 2 <= len(polls) < 10  # patient, and not a storm


def test_a_poll_waits_as_long_as_the_last_answer_asks(mock: MockServer, task: Callable[[Told], Listener]) -> None:
    server = task(Told(status(mock, "IN_PROGRESS"), headers={"retry-after": "1"}))
    with asking(server.url, task_timeout=1.5) as provider:
        provider.tasks.follow(provider.send(_submit()))
    polls = [asked.at for asked in server.asked if asked.method == "GET"]
    assert len(polls) == 3  # at once, after the second that was asked for, and at the end
    assert polls[1] - polls[0] >= 1


def test_a_task_is_followed_to_its_pictures(mock: MockServer) -> None:
    with asking(mock.url) as provider:
        exchange = provider.send(_submit())
        provider.tasks.follow(exchange)
        provider.tasks.follow(exchange)  # has ended: nobody is asked again
    assert [poll.state for poll in exchange.polls][-1] == "succeeded"
    assert len(exchange.polls) == 4  # the third finds it ended, one more finds it still so
    assert [(picture.width, picture.problem) for picture in exchange.polls[-1].pictures] == [(256, "")]


# --- what comes back --------------------------------------------------------------------------------


def test_header_bytes_that_are_no_text_do_not_stop_the_report(tmp_path: Path) -> None:
    with listening(lambda _: Told({}, 200, {"x-served-by": "n\xf6de-\xff\xfe"})) as server:
        run = open_run(Options(server.url, max_images=1))
        try:
            run.judge(create())
            write(run, tmp_path)
        finally:
            run.close()
    data = json.loads((tmp_path / "report.json").read_bytes())
    kept = {finding["evidence"]["response"]["headers"]["x-served-by"] for finding in data["findings"]}
    assert kept == {"n\xf6de-\xff\xfe"}
    assert "x-served-by" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_key_goes_to_the_api_and_never_to_a_picture_link() -> None:
    with listening(lambda _: Told(png())) as elsewhere, listening(lambda _: Told({})) as server:
        moved = Told(b"", 302, {"location": f"{elsewhere.url}/final.png"})
        answers = {
            "/v1/images/generations": links(f"{server.url}/own.png", f"{elsewhere.url}/other.png", f"{server.url}/go"),
            "/own.png": Told(png()),
            "/go": moved,
        }
        server.answer = lambda asked: answers[asked.path]
        with asking(server.url) as provider:
            exchange = provider.send(create(n=3))
    assert [(picture.format, picture.problem) for picture in exchange.pictures] == [("png", "")] * 3
    api, *pictures = server.asked + elsewhere.asked
    assert api.headers["authorization"] == f"Bearer {KEY}"
    assert len(pictures) == 5  # one is looked at twice
    for asked in pictures:
        assert KEY not in f"{asked.path} {asked.headers}"


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"url": "/relative.png"}, "'/relative.png' is no absolute http URL"),
        ({"url": f"http://127.0.0.1:{free_port()}/p.png"}, "Connection refused"),
        ({"b64_json": base64.b64encode(png()).decode()[:-7] + "!"}, "it is not base64"),
        ({"b64_json": ""}, "it is empty"),
    ],
)
def test_a_picture_that_cannot_be_had_says_why(item: dict[str, str], problem: str) -> None:
    with (
        listening(lambda _: Told({"created": 1, "data": [item]})) as server,
        asking(server.url) as provider,
    ):
        (picture,) = provider.send(create()).pictures
    assert problem in picture.problem


#: links that lead nowhere, each refused by another reader of addresses
MADE_UP = ["http://host:99999/x.png", "http://[bad/x", "https://\u202e.example/x"]


def test_links_that_are_none_are_findings_and_recorded_as_they_came(tmp_path: Path) -> None:
    har = tmp_path / "run.har"
    with listening(lambda _: links(*MADE_UP)) as server, asking(server.url, record_to=har) as provider:
        exchange = provider.send(create(n=3))
        assert provider.ledger.images == 3
    assert all(picture.problem for picture in exchange.pictures)
    first, *rest = read_har(har)
    assert (first.status, first.missing) == (200, "")
    assert all(one.missing for one in rest)
    assert [call.operation.id for call in calls(har, [IMAGES])] == ["createImage"]


def test_who_stops_listening_is_not_asked_on_and_what_came_last_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract_tests.silence._RESTART_SECONDS", 0.1)
    hand_made = [one for one in raw(IMAGES, 0) if one.operation is CREATE and one.defect and one.defect.tolerated][:3]
    assert len(hand_made) == 3
    with listening(lambda _: Told({}, 400, {"connection": "close"})) as server:
        run = open_run(Options(server.url, max_images=0))
        provider = run.provider
        provider.send(hand_made[0])
    try:
        for case in hand_made[1:]:
            assert run.judge(case)[0] is None
        assert run.findings.not_tested == {}
        [reason] = set(run.findings.could_not_look.values())
        assert "is the server running?" in reason
        assert f"last POST {CREATE.path}: {hand_made[0].label} (400)" in reason
        assert f"nothing came to POST {CREATE.path}: {hand_made[1].label}" in reason
        assert provider.ledger.requests == len(server.asked) + 1  # whoever is gone is asked once
    finally:
        run.close()


def test_what_a_link_leads_to_may_be_no_text_at_all(tmp_path: Path) -> None:
    moved = Told(b"", 302, {"location": "http://b\xffd\xfe.example:99999/"})
    with listening(lambda _: moved) as server:
        picture = links(f"{server.url}/p.png")
        server.answer = lambda asked: picture if asked.body else moved
        with closing(open_run(Options(server.url, max_images=1, report_dir=tmp_path))) as run:
            _, found, _ = run.judge(create())
            data = write(run, tmp_path)
    assert "images.reachable" in {finding.clause.id for finding in found}
    assert "b\xffd\xfe.example" in json.dumps(data, ensure_ascii=False)


def test_a_stream_that_is_nested_without_end_is_judged_and_paid_for() -> None:
    deep = b"data: " + b'[{"a":' * 300 + b"1" + b"}]" * 300 + b"\n\n"
    case = json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "A fox", "stream": True})
    told = Told(deep, headers={"content-type": "text/event-stream"})
    with (
        listening(lambda _: told) as server,
        closing(Run(Options(""), PLAIN, (), Provider(server.url, KEY, Ledger(9)))) as run,
    ):
        _, found, _ = run.judge(case)
        assert (bool(found), run.provider.ledger.images) == (True, 1)


def test_a_closed_provider_leaves_no_thread_and_closes_twice() -> None:
    provider = Provider("http://127.0.0.1:1", KEY, Ledger(0))
    assert provider._connection._thread.is_alive()
    provider.close()
    provider.close()
    assert not provider._connection._thread.is_alive()
