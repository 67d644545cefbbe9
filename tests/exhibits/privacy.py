"""Answers that tell too much, and those that only look like it."""

from __future__ import annotations

import io

from faulty import CHEAP, asking, asking_wrongly, drawn, error, exchange, links, pictures, refusal
from PIL import Image, PngImagePlugin

from contract_tests.cases import WRONG_KEY
from contract_tests.exchange import Exchange
from exhibits import TOO_MANY, breaks, faithful, refused, silent


def _annotated(text: str) -> bytes:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("parameters", text)
    file = io.BytesIO()
    with Image.open(io.BytesIO(drawn())) as image:
        image.save(file, "PNG", pnginfo=notes)
    return file.getvalue()


def _saying(message: str) -> Exchange:
    case = asking_wrongly(TOO_MANY)
    told = refusal(case.defect)
    told["error"]["message"] = message
    return refused(case, told)


@breaks("privacy.key", "the key that was sent")
def an_answer_with_the_callers_key() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(), debug="<key>"), repeats_key=True)


@breaks("auth.no-echo", "all of it")
def a_wrong_key_repeated() -> Exchange:
    case = asking_wrongly(CHEAP, credential=WRONG_KEY)
    return refused(case, error("invalid_api_key", None, f"Incorrect API key: {WRONG_KEY}"), 401)


@breaks("error.no-upstream", "dial tcp", also=("wire.accepted",))
def a_failed_connection() -> Exchange:
    told = 'Post "http://imagine:8080/run": dial tcp 10.0.3.7:8080: connect: refused'
    return exchange(asking(CHEAP), error(None, None, told[told.index("dial") :]), 500)


@breaks("error.no-upstream", "10.0.3.7:8080")
def an_inner_address() -> Exchange:
    return _saying("upstream 10.0.3.7:8080 does not answer")


@breaks("wire.no-paths", "/app/outputs/fox.png")
def a_path_beside_the_picture() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(), file_path="/app/outputs/fox.png"))


@breaks("images.no-leak", "/home/comfy/models")
def a_path_in_a_pictures_texts() -> Exchange:
    return exchange(asking(CHEAP), pictures(_annotated("model /home/comfy/models/sd.safetensors, steps 20")))


@breaks("images.no-leak", "the key that was sent")
def a_key_in_a_pictures_texts() -> Exchange:
    return exchange(asking(CHEAP), pictures(_annotated("api_key=<key>")))


@silent("privacy.key", "auth.no-echo", "images.no-leak", "wire.no-paths", "wire.fresh")
@faithful
def a_missing_key_refused_with_an_example() -> Exchange:
    message = "No key was given. Send 'Authorization: Bearer <key>'; see https://docs.example/keys."
    return refused(asking_wrongly(CHEAP, credential=None), error(None, None, message), 401)


@faithful
def a_wrong_key_masked() -> Exchange:
    case = asking_wrongly(CHEAP, credential=WRONG_KEY)
    return refused(case, error("invalid_api_key", None, f"Incorrect API key: {WRONG_KEY[:4]}***0000"), 401)


@faithful
def a_refusal_that_quotes_the_request() -> Exchange:
    case = asking_wrongly({**TOO_MANY, "prompt": "dial tcp 10.0.0.1:80 and SQLSTATE"})
    told = refusal(case.defect)
    told["error"]["message"] = (
        "n is too large, beside 'dial tcp 10.0.0.1:80 and SQLSTATE'; see https://docs.example:443/n"
    )
    return refused(case, told)


@faithful
def a_picture_with_a_provenance_mark() -> Exchange:
    return exchange(asking(CHEAP), pictures(_annotated("C2PA 2.1, https://contentcredentials.org/ by gpt-image-2")))


@faithful
def a_route_beside_the_picture() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(), self="/v1/images/1", note="a path like /app/ is none here"))


@silent("error.no-upstream")
@faithful
def a_plain_success_with_a_link() -> Exchange:
    return exchange(asking({**CHEAP, "response_format": "url"}), links("https://cdn.example/outputs/fox.png"))
