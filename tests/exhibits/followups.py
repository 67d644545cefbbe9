"""What takes up a task's offer, what lists say of tasks, and words in place of pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from faulty import (
    FLUX_ID,
    LINK,
    NOW,
    described,
    done,
    drawn,
    exchange,
    followed,
    imagined,
    larger,
    listed,
    prediction,
    predictions,
    pressed,
    quartered,
    task,
)

from contract_tests.cases import About, json_case
from contract_tests.exchange import Exchange
from exhibits import breaks, faithful, silent
from exhibits.videos import LUMA, a_video

FOUR = tuple(drawn(index=index) for index in range(4))
BUTTON = {"customId": "MJ::JOB::upsample::1::abc", "label": "U1"}


#: a task in a list that has an envelope of its own
ENVELOPED: dict[str, Any] = {
    "task_id": "9d4b7516", "action": "LUMA_VIDEO", "status": "SUCCESS", "fail_reason": "", "progress": "100%",
    "submit_time": int(NOW), "start_time": int(NOW) - 1, "finish_time": int(NOW) + 3,
    "data": {"id": "9d4b7516", "state": "completed", "video": {"url": "https://cdn.example/fox.mp4?signed=anew"}},
}  # fmt: skip


def generations(*told: dict[str, Any]) -> Exchange:
    """Videos asked for by the id of one that has ended."""
    about = a_video()
    case = json_case(LUMA, LUMA.operation("listTasks"), {"ids": [about.said("task-id")]})
    body = {"code": "success", "message": "", "data": list(told)}
    return exchange(replace(case, about=About((about,))), body)


def _grid() -> dict[str, Any]:
    return {"id": "1730621718151844", "action": "IMAGINE", "status": "SUCCESS", "progress": "100%", "imageUrl": LINK}


@breaks("task.follow-up", "'1730621718151844', the task that offered it")
def a_button_that_answers_with_its_own_task() -> Exchange:
    return pressed(result="1730621718151844")


@breaks("task.follow-up", "the pixels it began with", also=("task.part",))
def a_button_that_brings_the_grid_again() -> Exchange:
    return pressed(picture=quartered(*FOUR))


@faithful
def a_button_that_brings_a_picture_of_its_own() -> Exchange:
    return pressed()


@breaks("task.part", "picture 3")
def a_button_that_brings_another_of_the_four() -> Exchange:
    return pressed(picture=FOUR[2], grid_of=FOUR)


@breaks("task.part", "all four")
def a_button_that_brings_all_four_larger() -> Exchange:
    return pressed(picture=larger(quartered(*FOUR)), grid_of=FOUR)


@faithful
def a_button_that_brings_its_quarter_larger() -> Exchange:
    return pressed(picture=larger(FOUR[0]), grid_of=FOUR)


@silent("task.part")
@faithful
def a_button_that_draws_its_quarter_anew() -> Exchange:
    return pressed(picture=drawn(512, 512, index=7), grid_of=FOUR)


@breaks("task.offers-once", "'MJ::JOB::upsample::1::abc' twice")
def a_button_that_is_there_twice() -> Exchange:
    return imagined(buttons=[BUTTON, {**BUTTON, "label": "Upscale"}])


@breaks("wire.schema", "customId")
def a_button_that_sends_an_object() -> Exchange:
    return imagined(buttons=[{**BUTTON, "customId": {"id": "abc"}}, {**BUTTON, "customId": {"id": "abc", "n": 2}}])


@faithful
def buttons_nobody_knows() -> Exchange:
    return imagined(buttons=[BUTTON, {"customId": "MJ::BOOKMARK::abc", "emoji": "heart"}])


@silent("task.follow-up", "task.offers-once", "words.said", "list.asked", "list.own", "list.agrees")
@faithful
def a_task_that_offers_nothing() -> Exchange:
    return task(done())


@breaks("words.said", "''")
def an_empty_description() -> Exchange:
    return described("")


@faithful
def a_description() -> Exchange:
    return described("A red fox, from the side.")


@breaks("list.asked", "0 without it")
def a_list_without_the_task_it_was_asked_for() -> Exchange:
    return listed(about=imagined())


@breaks("list.asked", "'1730621718151844' 2 times")
def a_list_with_a_task_twice() -> Exchange:
    return listed(_grid(), _grid(), about=imagined())


@breaks("list.asked", "'another' 1 times")
def a_list_with_somebody_elses_task() -> Exchange:
    return listed(_grid(), {**_grid(), "id": "another"}, about=imagined())


@silent("list.own")
@faithful
def a_list_that_tells_little() -> Exchange:
    return listed(_grid() | {"imageUrl": "https://cdn.example/fox.png?signed=anew"}, about=imagined())


@breaks("list.own", "1 tasks without it")
def a_list_without_what_was_just_submitted() -> Exchange:
    return predictions(prediction(id="old"), about=followed())


@breaks("list.own", f"'{FLUX_ID}' 2 times")
def a_list_of_everything_twice() -> Exchange:
    return predictions(prediction(), prediction(), about=followed())


@breaks("list.agrees", "'failed'")
def a_list_that_says_how_another_task_ended() -> Exchange:
    return predictions(prediction(status="failed"), about=followed())


@breaks("list.agrees", "none")
def a_list_without_pictures() -> Exchange:
    return predictions(prediction(output=None), about=followed())


@breaks("list.agrees", "'another'")
def a_list_that_names_another_task_inside_of_its_envelope() -> Exchange:
    return generations({**ENVELOPED, "data": {**ENVELOPED["data"], "id": "another"}})


@breaks("list.agrees", "2")
def a_list_in_which_a_button_is_there_twice() -> Exchange:
    return listed(_grid() | {"buttons": [BUTTON, BUTTON]}, about=imagined(buttons=[BUTTON]))


@breaks("list.times", "1800000000000")
def a_list_in_milliseconds() -> Exchange:
    return generations({**ENVELOPED, "finish_time": int(NOW) * 1000})


@breaks("list.times", "1800000001")
def a_list_in_which_a_task_ends_before_it_begins() -> Exchange:
    return generations({**ENVELOPED, "start_time": int(NOW) + 3, "finish_time": int(NOW) + 1})


@faithful
def a_list_in_an_envelope_of_its_own() -> Exchange:
    return generations(ENVELOPED)


@silent("list.asked")
@faithful
def a_list_of_more_than_this_task_in_whole_seconds() -> Exchange:
    older = prediction(id="old", status="failed", error="No.", output=None)
    return predictions(prediction(metrics={"predict_time": 2.4}), older, about=followed())


@silent("list.asked", "list.own", "list.agrees", "list.times")
@faithful
def a_list_of_nobody_knows_what() -> Exchange:
    return predictions(prediction(id="old"))
