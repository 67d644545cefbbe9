"""Links to pictures: unsafe, inner, good for one look, called what they are not."""

from __future__ import annotations

from dataclasses import replace

from faulty import CHEAP, LINK, LINKED, Target, asking, drawn, exchange, links, pictures

from contract_tests.exchange import Exchange
from exhibits import breaks, faithful, silent


def _link(url: str, asked_at: str = "https://api.example/v1/images/generations", **target: str) -> Exchange:
    found = exchange(asking(LINKED), links(url), targets={url: Target(drawn(), **target)})
    return replace(found, url=asked_at)


@breaks("images.https", "http://cdn.example/fox.png")
def an_unsafe_link() -> Exchange:
    return _link("http://cdn.example/fox.png")


@breaks("images.public", "https://10.0.3.7/fox.png")
def a_link_to_an_inner_address() -> Exchange:
    return _link("https://10.0.3.7/fox.png")


@breaks("images.public", "https://minio/fox.png")
def a_link_to_an_inner_name() -> Exchange:
    return _link("https://minio/fox.png")


@breaks("images.stable", "answers 404")
def a_link_good_for_one_look() -> Exchange:
    return _link(LINK, again="GET it answers 404")


@breaks("images.extension", "png")
def a_png_called_webp() -> Exchange:
    return _link("https://cdn.example/fox.webp")


@silent("images.https", "images.public")
@faithful
def an_unsafe_inner_link_of_an_api_on_this_machine() -> Exchange:
    return _link("http://127.0.0.1:4010/files/fox.png", asked_at="http://127.0.0.1:4010/v1/images/generations")


@silent("images.extension")
@faithful
def a_link_without_a_suffix() -> Exchange:
    return _link("https://cdn.example/v1.2/files/7f3a?type=webp")


@faithful
def a_link_in_capitals() -> Exchange:
    return _link("HTTPS://CDN.example/FOX.PNG")


@silent("images.https", "images.public", "images.stable", "images.extension")
@faithful
def base64_and_no_link() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))
