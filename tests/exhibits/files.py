"""Pictures as files: cut, moving, unseen, of noise, twice."""

from __future__ import annotations

import io
import random
from functools import cache
from typing import Any

from faulty import (
    CHEAP,
    GPT,
    LINK,
    LINKED,
    STREAMED,
    TASK_ID,
    Target,
    asking,
    asking_wrongly,
    drawn,
    exchange,
    in_base64,
    links,
    pictures,
    refusal,
)
from PIL import Image

from contract_tests.exchange import Exchange
from exhibits import WIDE, breaks, faithful, silent

FREE = {"model": "gpt-image-2", "prompt": "A red fox"}
MOVING = {**GPT, "model": "gpt-image-2.6-flare", "output_format": "gif", "frame_count": 4}
QUIET = (
    *("images.ends", "images.still", "images.frames", "images.opaque", "images.visible", "images.real"),
    *("images.not-noise", "images.aspect", "images.same-picture", "images.one-way", "images.revised-prompt"),
)


def _saved(image: Image.Image, format_: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **more)
    return file.getvalue()


@cache
def _noise(width: int, height: int) -> bytes:
    return _saved(Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height)))


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGBA")


def _with_alpha(alpha: int) -> bytes:
    image = _opened(drawn(*WIDE))
    image.putalpha(alpha)
    return _saved(image)


def _moving(frames: int, format_: str = "GIF") -> bytes:
    drawings = [_opened(drawn(*WIDE, index=index)).convert("RGB") for index in range(frames)]
    return _saved(drawings[0], format_, save_all=True, append_images=drawings[1:])


def _with_ratio(found: Exchange, ratio: str) -> Exchange:
    """As of a family whose requests name an aspect ratio."""
    found.__dict__["asked"] = {**found.asked, "aspect-ratio": ratio, "size": "auto"}
    return found


@breaks("images.ends", "no IEND chunk")
def a_png_without_its_end() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()[:-12]))


@breaks("images.ends", "no trailer")
def a_gif_without_its_end() -> Exchange:
    return exchange(asking(MOVING), pictures(_moving(4)[:-1]))


@breaks("images.ends", "bytes behind it: b'<!-- cached -->'")
def a_page_s_comment_behind_a_png() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn() + b"<!-- cached -->"))


@faithful
def a_jpeg_filled_up_with_noughts() -> Exchange:
    asked = {"model": "gpt-image-1.5", "prompt": "A red fox", "size": "1024x1024", "output_format": "jpeg"}
    return exchange(asking(asked), pictures(drawn(1024, 1024, "jpeg") + b"\0" * 512))


@breaks("images.still", "3 frames of png")
def a_moving_png() -> Exchange:
    return exchange(asking(GPT), pictures(_moving(3, "PNG")))


@breaks("images.frames", "2")
def half_an_animation() -> Exchange:
    return exchange(asking(MOVING), pictures(_moving(2)))


@breaks("images.opaque", "an alpha of 90")
def an_opaque_picture_that_shines_through() -> Exchange:
    return exchange(asking({**GPT, "background": "opaque"}), pictures(_with_alpha(90)))


@breaks("images.visible", "every pixel of alpha 0")
def a_picture_nobody_sees() -> Exchange:
    return exchange(asking(GPT), pictures(_with_alpha(0)))


@breaks("images.real", "1x1 pixels", also=("images.not-blank",))
def a_dot() -> Exchange:
    return exchange(asking(FREE), pictures(_saved(Image.new("RGB", (1, 1)))))


@breaks("images.not-noise", "nothing in common")
def a_random_canvas() -> Exchange:
    return exchange(asking(CHEAP), pictures(_noise(256, 256)))


@breaks("images.aspect", "1024x640")
def a_wide_picture_for_a_tall_one() -> Exchange:
    return _with_ratio(exchange(asking(GPT), pictures(drawn(*WIDE))), "9:16")


@breaks("images.same-picture", "another one")
def a_link_to_another_picture_than_its_base64() -> Exchange:
    value = pictures(drawn())
    value["data"][0]["url"] = LINK
    other = _saved(Image.linear_gradient("L").convert("RGB"))
    return exchange(asking(CHEAP), value, targets={LINK: Target(other)})


@breaks("images.one-way", "image-b64")
def a_link_and_then_base64() -> Exchange:
    value = links(LINK)
    value["data"].append({"b64_json": in_base64(drawn(index=1))})
    return exchange(asking({**LINKED, "n": 2}), value)


@breaks("images.revised-prompt", "''")
def an_empty_revised_prompt() -> Exchange:
    value = links(LINK)
    value["data"][0]["revised_prompt"] = ""
    told = {"model": "dall-e-3", "prompt": "A red fox"}
    return exchange(asking(told), value, targets={LINK: Target(drawn(1024, 1024))})


@faithful
def an_opaque_picture_with_an_alpha_channel() -> Exchange:
    return exchange(asking({**GPT, "background": "opaque"}), pictures(_with_alpha(254), background="opaque"))


@faithful
def an_animation() -> Exchange:
    return exchange(asking(MOVING), pictures(_moving(4)))


@faithful
def a_jpeg_with_something_behind_its_end() -> Exchange:
    return exchange(asking({**GPT, "output_format": "jpeg"}), pictures(drawn(*WIDE, "jpeg") + bytes(64)))


@faithful
def a_picture_of_nearly_the_ratio() -> Exchange:
    return _with_ratio(exchange(asking(GPT), pictures(drawn(1024, 592))), "16:9")


@faithful
def a_link_to_the_same_picture_in_another_encoding() -> Exchange:
    value = pictures(_saved(_opened(drawn())))
    value["data"][0]["url"] = LINK
    return exchange(asking(CHEAP), value, targets={LINK: Target(drawn())})


@faithful
def two_ways_for_each_of_two_pictures() -> Exchange:
    value = pictures(drawn(), drawn(index=1))
    value["data"][0]["url"], value["data"][1]["url"] = LINK, LINK + "?2"
    return exchange(asking({**CHEAP, "n": 2}), value, targets={LINK + "?2": Target(drawn(index=1))})


@silent(*QUIET)
@faithful
def a_tasks_id_for_pictures() -> Exchange:
    return exchange(asking(STREAMED, **{"async": "true"}), {"task_id": TASK_ID})


@silent(*QUIET)
@faithful
def a_refusal_for_pictures() -> Exchange:
    case = asking_wrongly({**CHEAP, "n": 98})
    return exchange(case, refusal(case.defect), 400)
