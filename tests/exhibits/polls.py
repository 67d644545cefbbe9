"""What the polls of one task say beside its state."""

from __future__ import annotations

from dataclasses import replace

from faulty import (
    CHEAP,
    FAILED,
    FLUX_ID,
    LINKED,
    NOW,
    QUEUED,
    RUNNING,
    asking,
    done,
    drawn,
    exchange,
    imagined,
    links,
    pictures,
    predicted,
    prediction,
    predictions,
    task,
)

from contract_tests.exchange import Exchange
from exhibits import breaks, faithful, silent

START = int(NOW)


@breaks("task.id-form", "' '")
def an_id_that_is_a_path() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), {"task_id": "tasks/7 8"})


@breaks("task.settled", "0")
def a_start_that_is_forgotten() -> Exchange:
    return task(RUNNING, done(), done(times=(START, 0, START + 3)))


@breaks("task.submitted-once", "1800000001")
def a_submission_that_moves_along() -> Exchange:
    return task(
        QUEUED, replace(RUNNING, times=(START + 1, START + 2, 0)), done(times=(START + 1, START + 2, START + 3))
    )


@breaks("task.finished-time", "while running")
def an_end_before_the_end() -> Exchange:
    return task(replace(RUNNING, times=(START, START + 1, START + 2)), done())


@breaks("task.finished-time", "0 in a task that has ended")
def an_end_without_a_time() -> Exchange:
    return task(RUNNING, done(times=(START, START + 1, 0)))


@breaks("task.no-result", "1", also=("task.succeeds",))
def a_failure_with_pictures() -> Exchange:
    return task(RUNNING, replace(FAILED, data=pictures(drawn())))


@faithful
def links_signed_anew_in_every_poll() -> Exchange:
    first, again = (done(data=links(f"https://cdn.example/fox.png?sig={sig}")) for sig in "ab")
    return task(RUNNING, first, again, told=LINKED)


@faithful
def an_id_of_many_signs() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), {"task_id": "task_01J-x.y~z:42@eu"})


@silent("task.submitted-once", "task.settled")
@faithful
def a_task_without_times() -> Exchange:
    times = (("submit_time", 0), ("start_time", 0), ("finish_time", 0))
    queued = replace(QUEUED, more=times)
    return task(queued)


@silent("task.id-form", "task.no-result", "task.finished-time")
@faithful
def pictures_at_once() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@breaks("task.links", "/predictions/another")
def a_link_to_another_task() -> Exchange:
    return predicted(urls={"get": "https://api.example/v1/predictions/another"})


@breaks("task.links", f"'/v1/predictions/{FLUX_ID}/cancel'", also=("wire.schema",))
def a_link_without_a_host() -> Exchange:
    get = f"https://api.example/v1/predictions/{FLUX_ID}"
    return predicted(urls={"get": get, "cancel": f"/v1/predictions/{FLUX_ID}/cancel"})


@breaks("task.seconds", "2000")
def work_in_milliseconds() -> Exchange:
    return predicted(metrics={"predict_time": 2000})


@faithful
def links_at_the_upstream_with_more_in_them() -> Exchange:
    get = f"https://upstream.example/eu/predictions/{FLUX_ID}?key=none"
    return predicted(urls={"get": get, "web": "https://upstream.example/p/1"}, metrics={"predict_time": 2.25})


@silent("task.links", "task.seconds")
@faithful
def a_task_without_links_or_seconds() -> Exchange:
    return task(RUNNING, done())


@silent("task.seconds")
@faithful
def a_prediction_that_tells_no_seconds() -> Exchange:
    return predicted(metrics={})


@breaks("task.kind", "'BLEND'")
def a_task_of_another_kind() -> Exchange:
    return imagined(action="BLEND")


@faithful
def a_task_of_its_kind() -> Exchange:
    return imagined()


@silent("task.kind")
@faithful
def a_task_that_does_not_say_what_it_is() -> Exchange:
    return imagined(action=None)


@silent("task.times", "task.seconds", "task.links", "images.count", "images.reachable", "task.result")
@faithful
def tasks_of_all_ages_in_a_list() -> Exchange:
    old = prediction(id="old", created_at="2026-01-01T00:00:00Z", metrics={"predict_time": 900})
    return predictions(prediction(), {**old, "status": "failed", "error": "No.", "output": None})


@breaks("wire.schema", "status")
def a_task_of_a_list_in_a_state_nobody_knows() -> Exchange:
    return predictions(prediction(status="archived"))
