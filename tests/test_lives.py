"""Tasks as they are lived: two at once, looked at by others, one that never ends; providers that get one wrong."""

from __future__ import annotations

import base64
import io
import itertools
import json
import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from faulty import CHEAP, LINKED, RUNNING, asking, broken, done, drawn, exchange, task
from PIL import Image
from test_provider import Asked, Listener, Told, listening

from contract_tests import lives
from contract_tests.budget import Ledger
from contract_tests.cases import Case, json_case
from contract_tests.connection import CouldNotLook
from contract_tests.exchange import Exchange
from contract_tests.findings import Findings
from contract_tests.lives import Watch
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.provider import DUMMY_KEY, Provider
from contract_tests.run import Run
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.profiles import PLAIN

ONE = asking(CHEAP, **{"async": "true"})
OTHER = asking({**CHEAP, "prompt": "A blue whale", "size": "512x512"}, **{"async": "true"})
OTHERS_KEY = "sk-somebody-else"


@dataclass
class Studio:
    """Accepts tasks and shows them to their owner; each flag is one thing it gets wrong."""

    swaps: bool = False
    shows_everybody: bool = False
    shows_other_keys: bool = False
    stuck: bool = False
    redraws: bool = False
    guesses: bool = False
    forgets: bool = False
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: Any = field(default_factory=itertools.count)

    def __call__(self, asked: Asked) -> Told:
        """Answer one request."""
        told = self._answer(asked)
        return Told(told.value, told.status, {"x-request-id": f"req_{next(self.numbers)}"})

    def _answer(self, asked: Asked) -> Told:
        key = asked.headers.get("authorization", "")
        if (not key or "wrong" in key) and not self.shows_everybody:
            return _error(401, "invalid_api_key")
        if asked.method == "POST":
            id_ = f"task{len(self.tasks)}aa"
            self.tasks[id_] = {**json.loads(asked.body), "key": key, "looks": 0, "at": int(time.time())}
            return Told({"task_id": id_})
        id_ = asked.path.rpartition("/")[2]
        found = self.tasks.get(id_) or (next(iter(self.tasks.values())) if self.guesses else None)
        anybody = self.shows_everybody or self.shows_other_keys
        if found is None or (found["key"] != key and not anybody):
            return Told({"code": "task_not_exist", "message": "No."}, 400)
        found["looks"] += 1
        return Told(self._task(id_, found))

    def _task(self, id_: str, found: dict[str, Any]) -> dict[str, Any]:
        ended = found["looks"] in ((3, 4) if self.forgets else range(3, 99)) and not self.stuck
        drawn = next(other for other in self.tasks.values() if other is not found) if self.swaps else found
        seed = next(self.numbers) if self.redraws else drawn["prompt"]
        data = {"created": found["at"], "data": [{"b64_json": _picture(seed, drawn["size"])}]} if ended else None
        times = {"submit_time": found["at"], "start_time": found["at"], "finish_time": found["at"] if ended else 0}
        state = {"status": "SUCCESS", "progress": "100%"} if ended else {"status": "IN_PROGRESS", "progress": "10%"}
        told = {"task_id": id_, "action": "generate", "fail_reason": "", **times, **state, "data": data}
        return {"code": "success", "message": "", "data": told}


def _error(status: int, code: str) -> Told:
    return Told({"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": code}}, status)


def _picture(seed: Any, size: str) -> str:
    width, height = map(int, size.split("x"))
    file = io.BytesIO()
    Image.frombytes("RGB", (8, 8), random.Random(str(seed)).randbytes(192)).resize((width, height)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def lived(studio: Studio, task_timeout: float = 10.0, others: bool = False) -> tuple[Findings, list[Asked]]:
    """Two tasks at once, and what their lives show; everything that was asked."""
    options = Options("", other_key_variable="SOMEBODY" if others else "")
    with listening(studio) as server, closing(_provider(server, task_timeout, others)) as provider:
        run = Run(options, PLAIN, (), provider)
        one, other = (run.judge(case)[0] for case in (ONE, OTHER))
        assert one is not None
        assert other is not None
        run.follow(one, other)
        run.look_back()
        return run.findings, server.asked


def _provider(server: Listener, task_timeout: float, others: bool) -> Provider:
    return Provider(
        server.url, DUMMY_KEY, Ledger(None), task_timeout=task_timeout, other_key=OTHERS_KEY if others else ""
    )


def test_two_faithful_tasks_have_no_finding_and_are_looked_at_by_turns() -> None:
    findings, asked = lived(Studio(), others=True)
    assert findings.all == []
    held = {clause for clause, tally in findings.tallies.items() if tally.conforms}
    assert held >= {"task.private", "task.stable", "task.at-once", "task.apart", "task.unknown", "run.task-ids"}
    looks = [one.path[-7:] for one in asked if one.method == "GET" and one.path.endswith(("task0aa", "task1aa"))]
    assert "task1aa" in looks[: looks.index("task0aa", -2 - len(looks) // 2)]


@pytest.mark.parametrize(
    ("build", "clause"),
    [
        (lambda: Studio(swaps=True), "task.apart"),
        (lambda: Studio(shows_everybody=True), "auth.enforced"),
        (lambda: Studio(shows_other_keys=True), "task.private"),
        (lambda: Studio(redraws=True), "task.stable"),
        (lambda: Studio(guesses=True), "task.unknown"),
        (lambda: Studio(guesses=True, shows_other_keys=True), "task.unknown"),
        (lambda: Studio(forgets=True), "task.order"),
    ],
)
def test_what_goes_wrong_between_tasks_is_one_finding(build: Callable[[], Studio], clause: str) -> None:
    findings, _ = lived(build(), others=True)
    assert [finding.clause.id for finding in findings.all] == [clause]


@pytest.mark.parametrize(("lasts", "found"), [(2, ["images.stable"]), (3, [])])
def test_a_link_is_looked_at_once_more_when_everything_else_is_done(lasts: int, found: list[str]) -> None:
    looks = itertools.count(1)

    def gallery(asked: Asked) -> Told:
        if asked.method == "POST":
            link = f"http://{asked.headers['host']}/fox.png"
            return Told({"created": int(time.time()), "data": [{"url": link}]}, headers={"x-request-id": "req_1"})
        shown = next(looks) <= lasts
        return Told(drawn() if shown else b"", 200 if shown else 404, {"content-type": "image/png"})

    with listening(gallery) as server, closing(_provider(server, 10.0, others=False)) as provider:
        run = Run(Options(""), PLAIN, (), provider)
        assert run.judge(asking(LINKED))[1] == []
        assert [one.clause.id for one in run.look_back()] == found
    assert run.findings.tallies["images.stable"].conforms == 1 - len(found)


def test_without_another_key_it_is_said_what_was_not_looked_at() -> None:
    findings, asked = lived(Studio(shows_other_keys=True))
    assert findings.all == []
    assert any("--other-key-env" in reason for reason in findings.not_tested.values())
    assert OTHERS_KEY not in {one.headers.get("authorization", "").removeprefix("Bearer ") for one in asked}


def test_a_task_that_never_ends_is_one_finding_and_later_ones_are_hardly_waited_for() -> None:
    studio = Studio(stuck=True)
    with listening(studio) as server, closing(_provider(server, 1.0, others=False)) as provider:
        provider.tasks.timeout = 0.5
        run = Run(Options(""), PLAIN, (), provider)
        for case in (ONE, OTHER):
            submit = run.judge(case)[0]
            assert submit is not None
            run.follow(submit)
        [finding] = run.findings.all
    assert (finding.clause.id, finding.count) == ("task.ends", 2)


def test_pictures_that_may_come_after_the_state_are_looked_for_until_they_are_there() -> None:
    luma = PLAIN.contract("luma")
    told = {"id": "a", "prompt": "A red fox", "state": "completed", "created_at": None}
    done = {**told, "video": {"url": "https://cdn.example/fox.mp4"}}
    submit = exchange(
        json_case(luma, luma.operation("createVideo"), {"user_prompt": "A red fox"}), {**told, "state": "pending"}
    )
    answers = [{**told, "video": None}, {**told, "video": None}, done, done]
    _watch(submit, *answers)
    assert [poll.pictures_delivered for poll in submit.polls] == [0, 0, 1, 1]
    assert not broken(submit).keys() & {"task.result", "images.count"}


# --- polls that are answered otherwise ----------------------------------------------------------------


def _watch(submit: Exchange, *answers: Any, seconds: float = 5.0) -> Exchange:
    """The submit, followed; a poll is answered with the next of the answers: a body, or a status with none."""
    left = iter(answers)

    def ask(case: Case, parent: Exchange) -> Exchange:
        told = next(left)
        is_status = isinstance(told, int)
        return exchange(case, {} if is_status else told, told if is_status else 200, parent=parent)

    Watch(ask, ask, seconds).follow(submit)
    return submit


DONE = task(done()).polls[0].response.value
NOT_DONE = task(RUNNING).polls[0].response.value


def test_a_poll_that_is_answered_later_is_no_end_of_a_task() -> None:
    submit = _watch(task(), 502, DONE, 429, DONE)
    assert [(poll.response.status, poll.at_first) for poll in submit.polls] == [(200, "answered 502"), (200, "")]
    assert "task.ends" not in broken(submit)


def test_a_poll_that_fails_twice_in_a_row_ends_its_task() -> None:
    submit = _watch(task(), NOT_DONE, 502, 500)
    assert broken(submit)["task.ends"].received == "500"


def test_polls_that_are_never_answered_say_nothing_about_the_task() -> None:
    submit = task()
    with pytest.raises(CouldNotLook, match=r"answered 429.* within 0\.1 s"):
        _watch(submit, *[429] * 9, seconds=0.1)
    assert not broken(submit)


@pytest.mark.parametrize(
    ("answers", "looks", "strange"),
    [
        # In other letters it is known for what it is: what has ended is looked at once more.
        ([{"status": "in_progress"}, {"status": "success"}, {"status": "success"}], 3, True),
        ([{"status": "Failure", "data": None}] * 2, 2, True),
        ([{"status": "GENERATED"}], 1, True),
        ([{"status": "UNKNOWN", "data": None}, {}, {}], 3, False),
    ],
    ids=["in small letters", "failed", "of its own, with the pictures", "known to say nothing"],
)
def test_a_word_nobody_knows_is_waited_for_no_longer_than_it_says_anything(
    answers: list[dict[str, Any]], looks: int, strange: bool
) -> None:
    submit = _watch(task(), *(task(done(more=tuple(one.items()))).polls[0].response.value for one in answers))
    assert len(submit.polls) == looks
    assert ("task.states" in broken(submit.polls[-1])) == strange
    assert not submit.gave_up


def test_a_task_that_says_what_nobody_understands_is_left_when_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "_STRANGE_SECONDS", 0.15)
    began, submit = time.monotonic(), task()

    def ask(case: Case, parent: Exchange) -> Exchange:
        elapsed = min(int((time.monotonic() - began) * 10), 4)
        return exchange(case, task(replace(RUNNING, status="DRAWING", progress=f"{elapsed}%")).polls[0].response.value,
                        parent=parent)  # fmt: skip

    watch = Watch(ask, ask, 9.0)
    watch.follow(submit)
    assert (submit.polls[-1].said("task-progress"), submit.gave_up, watch.stuck) == (4, "", True)
    assert time.monotonic() - began < 3


def test_the_last_of_several_tasks_is_given_up_and_ends_so() -> None:
    contract = PLAIN.contract("replicate")
    create = contract.operation("createFluxSchnell")
    cases = [json_case(contract, create, {"input": {"prompt": f"A fox {number}"}}) for number in range(3)]
    with MockServer(Settings(port=0, contracts=("replicate",), task_polls=2)) as server:
        run = open_run(Options(server.url, families=("replicate",)))
        run.__dict__["planned"] = {"tasks": cases}
        submits = [submit for case in cases if (submit := run.judge(case)[0]) is not None]
        found = [run.follow(submit) for submit in submits]
        run.close()
    assert [submit.polls[-1].state for submit in submits] == ["succeeded", "succeeded", "canceled"]
    assert (found, run.findings.tallies["task.canceled"].conforms) == ([[], [], []], 1)
