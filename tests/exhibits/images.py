"""Answers about pictures: what breaks a clause, what keeps all of them, where one cannot know."""

from __future__ import annotations

from typing import Any

from faulty import (
    CHEAP,
    GPT,
    LINK,
    LINKED,
    RUNNING,
    Target,
    asking,
    blank,
    chatted,
    done,
    drawn,
    exchange,
    framed,
    imagined,
    in_base64,
    larger,
    links,
    noisy,
    pictures,
    quartered,
    task,
)

from contract_tests.exchange import Exchange
from exhibits import WIDE, breaks, faithful, silent


@breaks("images.count", "1")
def one_picture_of_two() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(drawn()))


@breaks("images.count", "2")
def two_pictures_for_one() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(), drawn(index=1)))


@breaks("images.count", "0", also=("wire.schema",))
def no_pictures() -> Exchange:
    return exchange(asking(CHEAP), pictures())


@breaks("images.count", "1")
def one_picture_of_two_in_a_task() -> Exchange:
    return task(RUNNING, done(), told={**CHEAP, "n": 2})


@breaks("images.delivery", "image-b64")
def base64_for_a_link() -> Exchange:
    return exchange(asking(LINKED), pictures(drawn()))


@breaks("images.delivery", "image-url")
def a_link_for_base64() -> Exchange:
    return exchange(asking(CHEAP), links(LINK))


@breaks("images.reachable", "answers 404")
def a_dead_link() -> Exchange:
    return exchange(asking(LINKED), links(LINK), targets={LINK: Target(problem="GET it answers 404")})


@silent("images.size")
@breaks("images.decodes", "it starts with 89 50 4e 47")
def a_picture_cut_off() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()[: len(drawn()) // 2]))


@breaks("images.decodes", "it starts with")
def a_page_behind_a_link() -> Exchange:
    page = Target(b"<!doctype html><title>Log in</title>", "text/html")
    return exchange(asking(LINKED), links(LINK), targets={LINK: page})


@breaks("images.size", "64x64")
def a_thumbnail() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(64, 64)))


@breaks("images.size", "640x1024", also=("echo.size",))
def a_picture_turned_round() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(640, 1024), size="1024x640"))


@breaks("images.size", "640x1024")
def a_picture_turned_round_and_called_so() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(640, 1024), size="640x1024"))


@breaks("images.format", "png")
def png_for_webp() -> Exchange:
    return exchange(asking({**GPT, "output_format": "webp"}), pictures(drawn(*WIDE), output_format="png"))


@breaks("images.media-type", "application/octet-stream")
def a_link_to_octets() -> Exchange:
    return exchange(asking(LINKED), links(LINK), targets={LINK: Target(drawn(), "application/octet-stream")})


@breaks("images.media-type", "no Content-Type")
def a_link_to_something_unnamed() -> Exchange:
    return exchange(asking(LINKED), links(LINK), targets={LINK: Target(drawn(), "")})


@breaks("images.alpha", "every pixel opaque")
def an_opaque_background() -> Exchange:
    return exchange(asking({**GPT, "background": "transparent"}), pictures(drawn(*WIDE)))


@breaks("images.not-blank", "every pixel alike")
def a_placeholder() -> Exchange:
    return exchange(asking(CHEAP), pictures(blank()))


@breaks("images.distinct", "/data/0/b64_json and /data/1/b64_json")
def the_same_picture_twice() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(drawn(), drawn()))


@breaks("images.unlike", "of 255 between /data/0/b64_json and /data/1/b64_json")
def the_same_picture_with_noise() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(drawn(), noisy(drawn())))


@breaks("images.not-blank", "every pixel alike")
def two_placeholders() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(blank(), blank()))


JPEG = {**GPT, "output_format": "jpeg"}


@breaks("images.compression", "quantised as by 99")
def compression_ignored() -> Exchange:
    hard = asking({**JPEG, "output_compression": 10})
    return exchange(hard, pictures(drawn(*WIDE, format_="jpeg"), output_format="jpeg"))


@breaks("images.compression", "quantised as by 1")
def compression_read_the_other_way_round() -> Exchange:
    mild = asking({**JPEG, "output_compression": 95})
    return exchange(mild, pictures(drawn(*WIDE, format_="jpeg", compression=5), output_format="jpeg"))


@faithful
def a_picture_compressed_a_little_less_than_asked() -> Exchange:
    hard = asking({**JPEG, "output_compression": 10})
    return exchange(hard, pictures(drawn(*WIDE, format_="jpeg", compression=50), output_format="jpeg"))


@silent("images.compression")
@faithful
def a_compression_nobody_asked_for() -> Exchange:
    return exchange(asking(JPEG), pictures(drawn(*WIDE, format_="jpeg", compression=10), output_format="jpeg"))


@breaks("echo.size", "1024x640")
def another_size_named() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE), size="1024x1024"))


@breaks("echo.format", "png")
def another_format_named() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE), output_format="jpeg"))


@silent(
    "images.alpha",
    "stream.content-type",
    "auth.enforced",
    "refusal.refused",
    "refusal.no-5xx",
    "error.status",
    "error.envelope",
    "error.no-leak",
)
@faithful
def plain_pictures() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(drawn(), drawn(index=1)))


@silent("images.distinct", "images.unlike")
@faithful
def a_plain_link() -> Exchange:
    return exchange(asking(LINKED), links(LINK))


@faithful
def both_representations_of_one_picture() -> Exchange:
    value = pictures(drawn())
    value["data"][0]["url"] = LINK
    return exchange(asking(CHEAP), value)


@faithful
def a_link_of_another_host_with_a_query() -> Exchange:
    signed = "https://bucket.r2.example/a%20fox.png?sig=x%2By&exp=1800000000"
    return exchange(asking(LINKED), links(signed))


@faithful
def a_revised_prompt() -> Exchange:
    value = links(LINK)
    value["data"][0]["revised_prompt"] = "A red fox in the snow, oil on canvas"
    told = {"model": "dall-e-3", "prompt": "A red fox"}
    return exchange(asking(told), value, targets={LINK: Target(drawn(1024, 1024))})


@silent("images.size")
@faithful
def no_size_asked_and_any_delivered() -> Exchange:
    value = pictures(drawn(320, 200), size="320x200")
    return exchange(asking({"model": "gpt-image-2", "prompt": "A red fox"}), value)


def _in_format(format_: str, **told: Any) -> Exchange:
    asked = {**GPT, "model": "gpt-image-2.6-flare", "output_format": format_, **told}
    data = drawn(*WIDE, format_, transparent="background" in told)
    return exchange(asking(asked), pictures(data, output_format=format_, size="1024x640"))


@faithful
def a_jpeg() -> Exchange:
    return _in_format("jpeg")


@faithful
def a_gif() -> Exchange:
    asked = {**GPT, "model": "gpt-image-2.6-flare", "output_format": "gif"}
    return exchange(asking(asked), pictures(drawn(*WIDE, "gif", frames=9), output_format="gif"))


@faithful
def an_svg() -> Exchange:
    return _in_format("svg")


@faithful
def a_transparent_webp() -> Exchange:
    return _in_format("webp", background="transparent")


@breaks("images.link", "data:image/png", also=("images.media-type",))
def a_data_url_for_a_link() -> Exchange:
    url = f"data:image/png;base64,{in_base64(drawn())}"
    return exchange(asking(LINKED), links(url), targets={url: Target(drawn(), media="")})


@silent("images.link")
@faithful
def a_picture_in_base64_and_no_link() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@silent("images.format")
@faithful
def a_jpeg_from_a_model_that_knows_no_formats() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(format_="jpeg")))


FOUR = tuple(drawn(index=index) for index in range(4))


@breaks("images.grid", "one: nothing parts it in the middle")
def one_picture_where_four_are_owed() -> Exchange:
    return imagined(larger(drawn(index=3)))


@breaks("images.grid", "numbers 2 and 4 are the same")
def four_pictures_of_which_two_are_the_same() -> Exchange:
    return imagined(quartered(FOUR[0], FOUR[1], FOUR[2], noisy(FOUR[1])))


@faithful
def four_pictures_in_one() -> Exchange:
    return imagined(quartered(*FOUR))


@faithful
def four_pictures_on_one_white_ground() -> Exchange:
    return imagined(quartered(*map(framed, FOUR)))


@silent("images.grid")
@faithful
def one_picture_where_one_is_owed() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@breaks("images.finished", "none")
def a_stream_that_never_says_why_it_ended() -> Exchange:
    return chatted("[DONE]", finish=None)


@faithful
def a_stream_that_ends_for_a_reason() -> Exchange:
    return chatted("[DONE]", finish="length")


@silent("images.finished")
@faithful
def an_answer_that_has_no_place_for_a_reason() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))
