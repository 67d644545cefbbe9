"""Every image method of the official client, with every kind of file: what comes back is decoded and measured."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openai
import pytest
from conftest import ask, opened
from official import KEY, Sdk
from PIL import Image, ImageDraw

from mockserver.runner import MockServer

PROMPT = "A lighthouse built of books"


@cache
def picture(size: tuple[int, int] = (256, 256), mode: str = "RGB", kind: str = "PNG") -> bytes:
    """A picture with something to recognise in every part of it."""
    red = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", [red, red.transpose(Image.Transpose.ROTATE_180), Image.new("L", size, 90)])
    file = io.BytesIO()
    image.convert(mode).save(file, kind)
    return file.getvalue()


@cache
def mask(size: tuple[int, int] = (256, 256)) -> bytes:
    """Opaque but for the right half, which is to be redrawn."""
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, *size), (0, 0, 0, 0))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def decoded(answer: Any) -> list[Image.Image]:
    """The pictures of an answer, from base64 or fetched."""
    files = [ask(item.url, key=None).body if item.url else base64.b64decode(item.b64_json) for item in answer.data]
    return [opened(file) for file in files]


def test_the_models_are_listed_and_each_can_be_looked_up(sdk: Sdk) -> None:
    models = sdk.all_of(sdk.client.models.list())
    assert {"gpt-image-2", "gpt-image-1.5", "dall-e-2"} <= {model.id for model in models}
    assert {model.object for model in models} == {"model"}
    assert sdk.done(sdk.client.models.retrieve("gpt-image-2")) in models
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.done(sdk.client.models.retrieve("gpt-image-nine"))
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"model": "dall-e-2", "n": 3, "size": "512x512"}, [("PNG", (512, 512), "RGB")] * 3),
        ({"model": "dall-e-3", "response_format": "b64_json"}, [("PNG", (1024, 1024), "RGB")]),
        ({"model": "gpt-image-1.5", "n": 2, "output_format": "jpeg"}, [("JPEG", (1024, 1536), "RGB")] * 2),
        (
            {"model": "gpt-image-2.6-flare", "size": "1024x640", "output_format": "webp", "output_compression": 30},
            [("WEBP", (1024, 640), "RGB")],
        ),
        ({"model": "gpt-image-1", "background": "transparent"}, [("PNG", (1024, 1536), "RGBA")]),
        (
            {"model": "gpt-image-1", "background": "transparent", "output_format": "webp"},
            [("WEBP", (1024, 1536), "RGBA")],
        ),
    ],
)
def test_pictures_are_made_as_asked(sdk: Sdk, asked: dict[str, Any], expected: Any) -> None:
    answer = sdk.done(sdk.images.generate(prompt=PROMPT, **asked))
    pictures = decoded(answer)
    assert [(image.format, image.size, image.mode) for image in pictures] == expected
    if asked.get("background") == "transparent":
        assert answer.background == "transparent"
        low, _ = pictures[0].getchannel("A").getextrema()
        assert low == 0


def test_a_gif_moves(sdk: Sdk) -> None:
    asked: dict[str, Any] = {"output_format": "gif", "frame_count": 4, "frame_duration_ms": 120, "size": "320x320"}
    [image] = decoded(sdk.done(sdk.images.generate(model="gpt-image-2.6-sunburst", prompt=PROMPT, extra_body=asked)))
    assert (image.format, image.size, getattr(image, "n_frames", 1)) == ("GIF", (320, 320), 4)
    assert image.info["duration"] == 120


def test_an_svg_is_a_drawing_of_the_size_asked_for(sdk: Sdk) -> None:
    asked: dict[str, Any] = {"output_format": "svg", "svg": {"model": "gpt-5.2"}, "size": "1024x1024"}
    answer = sdk.done(sdk.images.generate(model="gpt-image-2.6-sunburst", prompt=PROMPT, extra_body=asked))
    root = ET.fromstring(base64.b64decode(answer.data[0].b64_json))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height")) == ("1024", "1024")
    assert answer.model_dump()["svg_usage"]["total_tokens"] > 0, "whoever writes it is billed, too"


FILES: dict[str, Callable[[Path], Any]] = {
    "a path": lambda path: path,
    "an open file": lambda path: path.open("rb"),
    "bytes": lambda path: path.read_bytes(),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "name, bytes, type": lambda path: ("fox.png", path.read_bytes(), "image/png"),
    "a list of one": lambda path: [path],
    "a list of many kinds": lambda path: [path, path.read_bytes(), ("b.webp", picture(kind="WEBP"), "image/webp")],
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_every_kind_can_be_edited(sdk: Sdk, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "füchse im schnee.png"
    path.write_bytes(picture((512, 512)))
    given = FILES[kind](path)
    try:
        answer = sdk.done(sdk.images.edit(model="gpt-image-2", image=given, prompt=PROMPT, size="1024x1024"))
    finally:
        if isinstance(given, io.BufferedReader):
            given.close()
    assert [(image.format, image.size) for image in decoded(answer)] == [("PNG", (1024, 1024))]
    counted = {"a list of many kinds": 1024 + 1024 + 256}.get(kind, 1024)
    assert answer.usage.input_tokens_details.image_tokens == counted


@pytest.mark.parametrize(
    ("model", "size"), [("dall-e-2", (256, 256)), ("gpt-image-1", (1024, 1536)), ("gpt-image-2", (1024, 640))]
)
def test_what_the_mask_covers_stays_as_it_was(sdk: Sdk, model: str, size: tuple[int, int]) -> None:
    given = picture(size, mode="RGBA" if model == "dall-e-2" else "RGB")
    answer = sdk.done(
        sdk.images.edit(
            model=model,
            image=("given.png", given, "image/png"),
            mask=("mask.png", mask(size), "image/png"),
            prompt=PROMPT,
            size="x".join(map(str, size)),
        )
    )
    [edited] = decoded(answer)
    kept, redrawn = (0, 0, size[0] // 2, size[1]), (size[0] // 2, 0, *size)
    before, after = opened(given).convert("RGB"), edited.convert("RGB")
    assert after.crop(kept).tobytes() == before.crop(kept).tobytes()
    assert after.crop(redrawn).tobytes() != before.crop(redrawn).tobytes()


def test_an_edit_takes_what_a_generation_takes(sdk: Sdk) -> None:
    answer = sdk.done(
        sdk.images.edit(
            model="gpt-image-1.5",
            image=picture(),
            prompt=PROMPT,
            n=2,
            size="1536x1024",
            quality="high",
            background="transparent",
            output_format="webp",
            output_compression=40,
            input_fidelity="high",
            user="somebody",
        )
    )
    assert [(image.format, image.size, image.mode) for image in decoded(answer)] == [("WEBP", (1536, 1024), "RGBA")] * 2
    assert (answer.quality, answer.background, answer.output_format) == ("high", "transparent", "webp")


def test_nested_form_fields_arrive(sdk: Sdk) -> None:
    asked: dict[str, Any] = {"output_format": "svg", "svg": {"model": "gpt-5.2", "reasoning": {"effort": "low"}}}
    answer = sdk.done(sdk.images.edit(model="gpt-image-2.6-flare", image=picture(), prompt=PROMPT, extra_body=asked))
    assert answer.output_format == "svg"
    asked["svg"]["reasoning"] = {"effort": "heroic"}
    with pytest.raises(openai.BadRequestError, match="heroic"):
        sdk.done(sdk.images.edit(model="gpt-image-2.6-flare", image=picture(), prompt=PROMPT, extra_body=asked))


def test_an_edit_can_be_asked_for_in_json(sdk: Sdk) -> None:
    link = "data:image/png;base64," + base64.b64encode(picture((512, 512))).decode()
    body = {"model": "gpt-image-2", "prompt": PROMPT, "images": [{"image_url": link}], "size": "1024x1024"}
    answer: Any = sdk.done(sdk.client.post("/images/edits", body=body, cast_to=object))
    assert opened(base64.b64decode(answer["data"][0]["b64_json"])).size == (1024, 1024)
    assert answer["usage"]["input_tokens_details"]["image_tokens"] == 1024


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variations_are_made(sdk: Sdk) -> None:
    answer = sdk.done(
        sdk.images.create_variation(image=picture(), model="dall-e-2", n=2, size="256x256", response_format="b64_json")
    )
    first, second = decoded(answer)
    assert (first.size, second.size) == ((256, 256), (256, 256))
    assert first.tobytes() != second.tobytes()


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"image": ("a.txt", b"a fox", "text/plain")}, "unsupported_file_mimetype", "image"),
        ({"image": b"a fox"}, "invalid_image_file", "image"),
        ({"image": [picture()] * 17}, "array_above_max_length", "image"),
        ({"image": picture((100, 50)), "model": "dall-e-2"}, "invalid_image_file", "image"),
        ({"mask": mask((64, 64))}, "invalid_value", "mask"),
        ({"mask": picture()}, "invalid_value", "mask"),
        ({"model": "gpt-image-2", "input_fidelity": "high"}, "invalid_input_fidelity_model", "input_fidelity"),
        ({"extra_body": {"watermark": True}}, "unknown_parameter", "watermark"),
        ({"prompt": "x" * 32001}, "string_above_max_length", "prompt"),
    ],
)
def test_a_wrong_edit_is_refused_and_says_where(sdk: Sdk, wrong: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.done(sdk.images.edit(**{"model": "gpt-image-1.5", "image": picture(), "prompt": PROMPT, **wrong}))
    assert (caught.value.code, str(caught.value.param).partition("[")[0]) == (code, param)
    assert caught.value.request_id == caught.value.response.headers["x-request-id"]


def test_a_task_is_polled_to_its_end(sdk: Sdk) -> None:
    raw = sdk.done(
        sdk.images.with_raw_response.edit(
            model="gpt-image-1.5", image=picture(), prompt=PROMPT, size="1024x1024", extra_query={"async": "true"}
        )
    )
    task = f"/images/tasks/{raw.http_response.json()['task_id']}"
    polls: list[Any] = [sdk.done(sdk.client.get(task, cast_to=object))["data"] for _ in range(3)]
    assert [poll["status"] for poll in polls] == ["NOT_START", "IN_PROGRESS", "SUCCESS"]
    assert opened(base64.b64decode(polls[-1]["data"]["data"][0]["b64_json"])).size == (1024, 1024)


def test_the_raw_answer_has_the_headers_of_the_real_one(sdk: Sdk) -> None:
    raw = sdk.done(sdk.images.with_raw_response.edit(model="gpt-image-2", image=picture(), prompt=PROMPT))
    assert raw.status_code == 200
    assert raw.headers["x-request-id"] == raw.request_id
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert int(raw.headers["content-length"]) == len(raw.content)
    assert raw.parse()._request_id == raw.request_id


def test_an_answer_can_be_read_as_it_comes(sdk: Sdk) -> None:
    manager = sdk.images.with_streaming_response.generate(model="gpt-image-2", prompt=PROMPT)
    with sdk.within(manager) as response:
        assert response.headers["openai-version"] == "2020-10-01"
        body = b"".join(sdk.all_of(response.iter_bytes()))
    assert len(body) == int(response.headers["content-length"])
    assert body.startswith(b'{"created":')


def test_what_the_client_sends_besides_is_what_the_server_judges(sdk: Sdk, imageproof_mock: MockServer) -> None:
    sent: list[Any] = []
    client = sdk.connected(sent=sent, max_retries=0)
    sdk.done(
        client.images.generate(
            model="my",
            prompt="p",
            extra_body={"model": "dall-e-2", "size": "256x256"},
            extra_query={"async": "false", "trace": "7"},
            extra_headers={"Prefer": "delay=1ms"},
        )
    )
    [entry] = imageproof_mock.journal
    assert (entry.status, entry.path) == (200, "/v1/images/generations?async=false&trace=7")
    assert sent[0].headers["authorization"] == f"Bearer {KEY}"
    assert sent[0].headers["user-agent"].endswith(f"/Python {openai.VERSION}")
