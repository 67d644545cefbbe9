"""What the contract allows is said with its reason; what an answer is sent for is never excused."""

from __future__ import annotations

from typing import Any

import pytest
from allowances import allowance
from faulty import CREATE, FLUX, FLUX_POLL, IMAGES, MODELS, NOW, TASK, prediction
from mutants import EACH, Mutant

from mockserver.replies import Reply
from spec.contract import Contract, Operation

USAGE = {"input_tokens": 1, "input_tokens_details": {"text_tokens": 1}, "output_tokens": 2, "total_tokens": 3}
MADE = {"created": int(NOW), "data": [{"url": "https://a/1.png"}, {"url": "https://a/2.png"}], "usage": USAGE}
TOLD = {"task_id": "t", "status": "SUCCESS", "progress": "100%", "submit_time": 1, "fail_reason": "", "data": MADE}
LISTED = {"object": "list", "data": [{"id": "a", "object": "model", "created": 1}]}
HEADERS = {"x-content-type-options": "nosniff"}
WRONG = {"error": {"message": "No.", "type": None, "param": None, "code": None}}


def reason(
    value: Any, mutant: Mutant, of: tuple[Contract, Operation] = (IMAGES, CREATE), status: int = 200, problem: str = ""
) -> str:
    return allowance(
        *of, Reply(status, {"x-content-type-options": "nosniff"}, "application/json", value, problem), mutant
    )


def body(path: str, kind: str) -> Mutant:
    return Mutant("body", tuple(EACH if step == "*" else step for step in path.split("/") if step), kind)


ENVELOPE = {"code": "success", "data": TOLD}


@pytest.mark.parametrize(
    ("value", "mutant", "of", "told"),
    [
        (MADE, body("/usage", "dropped"), (IMAGES, CREATE), "optional"),
        (MADE, body("/usage/input_tokens_details", "empty"), (IMAGES, CREATE), "nothing else is said"),
        (MADE, body("/data", "reversed"), (IMAGES, CREATE), "another order"),
        (ENVELOPE, body("/data/submit_time", "zero"), (IMAGES, TASK), "default"),
        (ENVELOPE, body("/data/fail_reason", "other text"), (IMAGES, TASK), "own words"),
        (prediction(), body("/started_at", "null"), (FLUX, FLUX_POLL), "null is allowed"),
        (prediction(), body("/input/prompt", "dropped"), (FLUX, FLUX_POLL), "nothing else is said"),
        (MADE, Mutant("header", ("X-Content-Type-Options",), "dropped"), (IMAGES, CREATE), "optional"),
        (MADE, Mutant("header", ("Cache-Control",), "empty"), (IMAGES, CREATE), "says nothing of this header"),
    ],
)
def test_what_the_contract_leaves_open_is_allowed(
    value: Any, mutant: Mutant, of: tuple[Contract, Operation], told: str
) -> None:
    assert told in reason(value, mutant, of)


@pytest.mark.parametrize(
    ("value", "mutant", "of"),
    [
        (ENVELOPE, body("/data/task_id", "other text"), (IMAGES, TASK)),
        (MADE, body("/usage/total_tokens", "huge"), (IMAGES, CREATE)),
        (MADE, body("/data/*/url", "empty"), (IMAGES, CREATE)),
        (ENVELOPE, body("/data/status", "other text"), (IMAGES, TASK)),
        (LISTED, body("/data/*/id", "padded"), (IMAGES, MODELS)),
        (prediction(), body("/input/prompt", "cut off"), (FLUX, FLUX_POLL)),
        (MADE, Mutant("header", ("X-Content-Type-Options",), "other text"), (IMAGES, CREATE)),
        (MADE, Mutant("status", ("500",), "from 200"), (IMAGES, CREATE)),
    ],
)
def test_what_an_answer_is_sent_for_is_not_excused(value: Any, mutant: Mutant, of: tuple[Contract, Operation]) -> None:
    assert reason(value, mutant, of) == ""


def test_a_word_of_an_error_is_open_only_where_the_contract_gives_the_problem_none() -> None:
    code = body("/error/code", "text")
    assert "left open" in reason(WRONG, code, status=401, problem="missing-credentials")
    assert reason(WRONG, code, status=401, problem="invalid-credentials") == ""


def test_events_have_an_order() -> None:
    events = [{"event": "a", "data": {}}, {"event": "b", "data": {}}]
    reply = Reply(200, {}, "text/event-stream", events)
    assert allowance(IMAGES, CREATE, reply, body("", "reversed")) == ""
