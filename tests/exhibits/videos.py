"""Videos: one that is none, one that stands still, too short, late, or of another size than is told."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from faulty import Target, drawn, exchange
from PIL import Image

from contract_tests.cases import Case, json_case
from contract_tests.exchange import Exchange
from exhibits import breaks, faithful, silent
from mockserver.film import mp4
from spec.profiles import PLAIN

LUMA = PLAIN.contract("luma")
LINK = "https://cdn.example/fox.mp4"
COVER = "https://cdn.example/fox.jpg"
CREATED = "2027-01-15T08:00:00.000Z"
KLING = PLAIN.contract("kling")
#: a file of a video's kind in which there is none
STUB = b"".join(
    (len(data) + 8).to_bytes(4, "big") + name + data
    for name, data in (
        (b"ftyp", b"isom\0\0\2\0isomiso2mp41"),
        (b"moov", (108).to_bytes(4, "big") + b"mvhd" + bytes(14) + b"\x03\xe8\0\0\x13\x88" + bytes(80)),
        (b"mdat", bytes(64)),
    )
)
QUIET = ("videos.frames", "videos.moves", "videos.duration", "echo.edges", "echo.duration")


@cache
def _film(frames: int, still: bool = False, size: tuple[int, int] = (192, 108)) -> bytes:
    """A video of half a second per frame."""
    pictures = [drawn(*size, index=0 if still else index) for index in range(frames)]
    return mp4((Image.open(io.BytesIO(data)).convert("RGB") for data in pictures), size, 500)


def _generation(state: str, video: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"id": "9d4b7516", "prompt": "A red fox", "state": state, "created_at": CREATED, "video": video}


def _followed(
    *polls: dict[str, Any],
    data: bytes = b"",
    media: str = "video/mp4",
    link: str = LINK,
    more: dict[str, Target] | None = None,
) -> Exchange:
    """A submit, and what the polls said; the link leads to `data`."""
    asked = {"user_prompt": "A red fox", "aspect_ratio": "16:9"}
    submit = exchange(json_case(LUMA, LUMA.operation("createVideo"), asked), _generation("pending"))
    question = Case(LUMA, LUMA.operation("getVideo"), path_parameters={"task_id": "9d4b7516"})
    target = {link: Target(data, media), **(more or {})}
    submit.polls = [exchange(question, poll, parent=submit, targets=target) for poll in polls]
    return submit


def _made(data: bytes, media: str = "video/mp4", **told: Any) -> Exchange:
    return _followed(_generation("completed", {"url": LINK, **told}), data=data, media=media)


def _asked_for(found: Exchange, seconds: float) -> Exchange:
    """As of a family whose requests name a duration."""
    for poll in found.polls:
        poll.__dict__["asked"] = {**poll.asked, "duration": seconds}
    return found


def a_video() -> Exchange:
    """A submit, and a look at its task, which has ended."""
    return _made(_film(4))


def _covered(cover: Target, **told: Any) -> Exchange:
    """A video that is told with its cover."""
    done = {**_generation("completed", {"url": LINK}), "thumbnail": {"url": COVER, **told}}
    return _followed(done, data=_film(4), more={COVER: cover})


@breaks("videos.cover", "404")
def a_cover_that_is_not_there() -> Exchange:
    return _covered(Target(problem=f"GET {COVER} answers 404"))


@breaks("videos.cover", "it starts with")
def a_cover_that_is_a_page() -> Exchange:
    return _covered(Target(b"<html>Gone</html>", "text/html"))


@breaks("videos.cover-shape", "192x192")
def a_cover_of_another_shape() -> Exchange:
    return _covered(Target(drawn(192, 192)))


@breaks("echo.edges", "192")
def a_cover_of_another_size_than_is_told() -> Exchange:
    return _covered(Target(drawn(192, 108)), width=1920, height=1080)


@faithful
def a_cover_in_small() -> Exchange:
    return _covered(Target(drawn(96, 54)), width=96, height=54)


@silent("videos.cover", "videos.cover-shape")
@faithful
def a_video_without_a_cover() -> Exchange:
    return a_video()


@breaks("echo.aspect", "108x192")
def edges_that_are_told_the_other_way_round() -> Exchange:
    return _made(STUB, width=108, height=192)


@faithful
def edges_of_a_video_that_cannot_be_looked_at() -> Exchange:
    return _made(STUB, width=1360, height=752)


@silent("echo.aspect")
@faithful
def an_edge_alone() -> Exchange:
    return _made(STUB, width=108)


@breaks("videos.frames", "one frame of png", also=("images.extension",))
def a_still_for_a_video() -> Exchange:
    return _made(drawn(192, 108), "image/png")


@breaks("videos.moves", "4 frames, all alike")
def a_video_that_stands_still() -> Exchange:
    return _made(_film(4, still=True))


@breaks("videos.duration", "2.0 s")
def a_video_of_two_seconds_for_five() -> Exchange:
    return _asked_for(_made(_film(4)), 5)


@breaks("images.aspect", "108x192")
def a_tall_video_for_a_wide_one() -> Exchange:
    return _made(_film(4, size=(108, 192)))


@breaks("echo.edges", "108")
def a_height_that_was_asked_for_and_not_made() -> Exchange:
    return _made(_film(4), width=192, height=128)


@breaks("images.decodes", "it is to be mp4")
def half_a_video() -> Exchange:
    return _made(_film(4)[:300])


@breaks("task.result", "none", also=("images.count",))
def a_video_that_never_comes() -> Exchange:
    return _followed(_generation("completed"), _generation("completed"))


@faithful
def a_video_that_comes_a_little_later_than_its_state() -> Exchange:
    done = _generation("completed", {"url": LINK, "width": 192, "height": 108})
    return _asked_for(_followed(_generation("completed"), done, done, data=_film(10)), 5)


@faithful
def a_video_that_begins_black() -> Exchange:
    images = [Image.new("RGB", (192, 108)), Image.open(io.BytesIO(drawn(192, 108))).convert("RGB")]
    return _made(mp4(iter(images), (192, 108), 500))


@faithful
def a_video_as_a_gif() -> Exchange:
    images = [Image.open(io.BytesIO(drawn(192, 108, index=index))).convert("RGB") for index in range(3)]
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:])
    link = "https://cdn.example/fox.gif"
    return _followed(_generation("completed", {"url": link}), data=file.getvalue(), media="image/gif", link=link)


@silent(*QUIET)
@faithful
def a_generation_that_goes_on() -> Exchange:
    return _followed(_generation("processing"))


def _lasting(told: Any) -> Exchange:
    """Five seconds of video, and what the answer says of them."""
    made = {"task_id": "7", "task_status": "succeed", "task_result": {"videos": [{"url": LINK, "duration": told}]}}
    submitted = {"code": 0, "message": "", "data": {"task_id": "7", "task_status": "submitted"}}
    asked = {"prompt": "A red fox", "duration": "5", "aspect_ratio": "16:9"}
    submit = exchange(json_case(KLING, KLING.operation("createTextVideo"), asked), submitted)
    question = Case(KLING, KLING.operation("getTextVideo"), path_parameters={"task_id": "7"})
    target = {LINK: Target(_film(10), "video/mp4")}
    submit.polls = [exchange(question, {**submitted, "data": made}, parent=submit, targets=target)]
    return submit


@breaks("echo.duration", "10")
def twice_the_seconds_told() -> Exchange:
    return _lasting("10")


@breaks("echo.duration", "'long'")
def seconds_that_are_no_number() -> Exchange:
    return _lasting("long")


@faithful
def seconds_told_as_they_were_measured() -> Exchange:
    return _lasting("5.1s")
