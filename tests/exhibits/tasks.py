"""Answers about tasks: what breaks a clause, what keeps all of them, where one cannot know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from faulty import (
    CHEAP,
    FAILED,
    LINK,
    LINKED,
    NOW,
    QUEUED,
    RUNNING,
    STREAMED,
    TASK_ID,
    Poll,
    asking,
    done,
    drawn,
    error,
    exchange,
    imagined,
    links,
    pictures,
    task,
)

from contract_tests.cases import WRONG_KEY, Case, json_case
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled
from exhibits import breaks, faithful, silent
from spec.profiles import PLAIN

REPLICATE = PLAIN.contract("replicate")


@breaks("task.accepted", "the pictures at once (1)")
def pictures_for_a_task() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), pictures(drawn()))


@breaks("task.accepted", "none that can be read", also=("wire.schema",))
def a_task_id_of_another_name() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), {"id": TASK_ID})


@breaks("task.accepted", "none that can be read", also=("wire.schema",))
def an_empty_task_id() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), {"task_id": ""})


@breaks("task.states", "'DONE'", also=("wire.schema",))
def a_status_word_of_its_own() -> Exchange:
    return task(RUNNING, done(status="DONE"))


@breaks("task.order", "running -> queued -> succeeded")
def a_task_that_goes_back() -> Exchange:
    return task(RUNNING, replace(QUEUED, progress="40%"), done())


@breaks("task.order", "failed -> running", also=("task.succeeds",))
def a_task_that_starts_again() -> Exchange:
    return task(FAILED, RUNNING)


@breaks("task.order", "succeeded -> failed -> succeeded", also=("task.succeeds",))
def a_task_that_ends_in_two_ways() -> Exchange:
    return task(done(), replace(FAILED, progress="100%"), done())


@breaks("task.same", "'another'")
def a_poll_that_speaks_of_another_task() -> Exchange:
    return task(replace(RUNNING, more=(("task_id", "another"),)), done())


@breaks("task.reason", "https://cdn.example")
def a_success_whose_link_stands_where_a_reason_belongs() -> Exchange:
    return task(RUNNING, done(more=(("fail_reason", "https://cdn.example/1.png"),)))


@breaks("task.succeeds", "failed: It was too hard.")
def a_task_that_fails() -> Exchange:
    return task(RUNNING, FAILED)


@breaks("task.succeeds", "failed: It was too hard.")
def a_task_that_fails_at_100_percent() -> Exchange:
    return task(RUNNING, replace(FAILED, progress="100%"))


@breaks("task.reason", "none", also=("task.succeeds",))
def a_task_that_fails_and_does_not_say_why() -> Exchange:
    return task(RUNNING, replace(FAILED, more=()))


@breaks("task.ends", "no end after 1 s")
def a_task_without_an_end() -> Exchange:
    return task(QUEUED, RUNNING, gave_up="no end after 1 s and 2 polls")


@breaks("task.ends", "500", also=("wire.accepted",))
def a_task_lost_on_the_way() -> Exchange:
    return task(RUNNING, Poll("", "", http=500))


@breaks("task.result", "none", also=("images.count",))
def a_success_without_pictures() -> Exchange:
    return task(RUNNING, done(data=None))


@breaks("task.progress", "40 -> 10 -> 100")
def progress_that_falls() -> Exchange:
    return task(RUNNING, replace(RUNNING, progress="10%"), done())


@breaks("task.progress", "100 percent while running")
def progress_too_early() -> Exchange:
    return task(replace(RUNNING, progress="100%"), done())


@breaks("task.progress", "50 percent")
def a_success_half_way() -> Exchange:
    return task(RUNNING, done(progress="50%"))


@breaks("task.progress", "150")
def progress_beyond_the_end() -> Exchange:
    return task(RUNNING, done(progress="150%"))


@breaks("task.times", "task-finished")
def finished_before_it_was_started() -> Exchange:
    return task(RUNNING, done(times=(int(NOW), int(NOW) + 5, int(NOW) + 2)))


@breaks("task.times", "1800000000000", also=("task.submitted-once",))
def task_times_in_milliseconds() -> Exchange:
    return task(QUEUED, done(times=(int(NOW) * 1000, int(NOW) * 1000 + 1000, int(NOW) * 1000 + 3000)))


@faithful
def a_task_for_a_streaming_request() -> Exchange:
    return exchange(asking(STREAMED, **{"async": "true"}), {"task_id": TASK_ID})


@faithful
def a_plain_task() -> Exchange:
    return task(QUEUED, RUNNING, RUNNING, done())


@faithful
def a_task_done_at_once() -> Exchange:
    return task(done(times=(int(NOW), int(NOW), int(NOW))))


@faithful
def a_task_unknown_for_a_while() -> Exchange:
    return task(Poll("UNKNOWN", "0%"), Poll("NOT_START", "0%", times=(0, 0, 0)), RUNNING, done())


@faithful
def a_task_with_fields_nobody_knows() -> Exchange:
    return task(done(more=(("id", 7), ("platform", "gpt"), ("properties", {"input": ""}))))


@faithful
def a_task_asked_for_too_often() -> Exchange:
    return task(RUNNING, Poll("", "", http=429), RUNNING, done())


@faithful
def a_task_with_a_link() -> Exchange:
    return task(RUNNING, done(data=links(LINK)), told=LINKED)


@silent("images.count")
def a_task_still_waiting() -> Exchange:
    return task(QUEUED)


@silent("task.result")
def a_failed_task_only() -> Exchange:
    return task(FAILED)


# --- other people's tasks ---------------------------------------------------------------------------


def looked_at(credential: str, body: object, status: int) -> Exchange:
    """Somebody else's look at a task."""
    submit = task(RUNNING)
    [poll] = submit.polls
    case = labelled(replace(poll.case, credential=WRONG_KEY))
    assert case is not None
    return exchange(replace(case, credential=credential), body, status, parent=submit)


@breaks("task.private", "200, and the task", also=("auth.enforced",))
def a_task_shown_to_a_key_that_is_none() -> Exchange:
    return looked_at(WRONG_KEY, RUNNING.body, 200)


@faithful
def a_key_that_is_none_turned_away() -> Exchange:
    return looked_at(WRONG_KEY, error("invalid_api_key", None), 401)


@breaks("task.stable", "others")
def another_picture_at_the_second_look() -> Exchange:
    return task(done(), done(data=pictures(drawn(index=1))))


@breaks("task.stable", "none", also=("task.result", "images.count"))
def no_picture_at_the_second_look() -> Exchange:
    return task(done(), done(data=None))


@faithful
def the_same_picture_at_the_second_look() -> Exchange:
    return task(RUNNING, done(), done())


@breaks("task.at-once", "40 s")
def a_task_accepted_when_it_was_nearly_done() -> Exchange:
    return replace(task(), seconds=40.0)


@silent("task.private", "task.stable", "task.at-once")
def pictures_without_a_task() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


# --- given up -----------------------------------------------------------------------------------------


def _prediction(state: str, **more: Any) -> dict[str, Any]:
    """An answer about a task of a family in which tasks can be given up."""
    urls = {"get": "https://api.example/e6je4zpg", "cancel": "https://api.example/e6je4zpg/cancel"}
    told = {"id": "e6je4zpg", "model": "black-forest-labs/flux-schnell", "urls": urls, "input": {"prompt": "A red fox"}}
    return {**told, "status": state, "output": None, "error": None, "created_at": "2027-01-15T08:00:00.000Z", **more}


def _given_up(answer: dict[str, Any], *polls: dict[str, Any]) -> Exchange:
    """A submit, the answer to giving the task up, and what the polls said."""
    asked = {"input": {"prompt": "A red fox", "output_format": "png"}}
    submit = exchange(
        json_case(REPLICATE, REPLICATE.operation("createFluxSchnell"), asked), _prediction("starting"), 201
    )
    place = {"prediction_id": "e6je4zpg"}
    cancel, look = (
        Case(REPLICATE, REPLICATE.operation(f"{verb}Prediction"), path_parameters=place) for verb in ("cancel", "get")
    )
    told = [(cancel, answer), *((look, poll) for poll in polls)]
    submit.polls = [exchange(case, body, parent=submit) for case, body in told]
    return submit


@breaks("task.canceled", "succeeded")
def a_task_that_was_given_up_and_made() -> Exchange:
    done = _prediction("succeeded", output=[LINK], completed_at="2027-01-15T08:00:09.000Z")
    return _given_up(_prediction("processing"), done, done)


@faithful
def a_task_that_was_given_up() -> Exchange:
    over = _prediction("canceled", completed_at="2027-01-15T08:00:01.000Z")
    return _given_up(over, over, over)


@silent("task.canceled")
@faithful
def a_task_that_had_ended_before_it_was_given_up() -> Exchange:
    done = _prediction("succeeded", output=[LINK], completed_at="2027-01-15T08:00:09.000Z")
    return _given_up(done, done, done)


def _come_to_nothing(status: str, progress: str, reason: str) -> Exchange:
    return imagined(doomed=True, status=status, progress=progress, imageUrl="", failReason=reason)


@breaks("task.result", "none: '[Invalid parameter]", also=("images.count", "images.reachable", "task.reason"))
def a_task_that_came_to_nothing_and_says_that_it_has_succeeded() -> Exchange:
    return _come_to_nothing("SUCCESS", "100%", "[Invalid parameter] --imageproof")


@breaks("task.reason", "none")
def a_task_that_came_to_nothing_and_does_not_say_why() -> Exchange:
    return _come_to_nothing("FAILURE", "", "")


@faithful
def a_task_that_came_to_nothing() -> Exchange:
    return _come_to_nothing("FAILURE", "", "[Invalid parameter] --imageproof")


@faithful
def a_request_of_which_nothing_would_have_come_made_all_the_same() -> Exchange:
    return imagined(doomed=True)


@faithful
def a_request_of_which_nothing_would_have_come_refused_at_once() -> Exchange:
    case = imagined(doomed=True).case
    return exchange(case, {"description": "[Invalid parameter]", "type": "upstream_error", "code": 4}, 400)


@breaks("task.states", "'Success'", also=("wire.schema",))
def an_end_in_other_letters_that_is_the_end_all_the_same() -> Exchange:
    return task(RUNNING, done(status="Success"))
