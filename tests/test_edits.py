"""Edits and variations served: what is given is read, held to the contract, and shows in what comes back."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from conftest import Answer, ask, delivered, generate, opened
from PIL import Image, ImageChops, ImageDraw

from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.forms import File, Part, joined, parts_of

EDITS, VARIATIONS = "/v1/images/edits", "/v1/images/variations"
BOUNDARY = "e7c1f0a5b2d94c3e"
NEWER = "gpt-image-2.5-flare"
USER, REQUEST = "image_generation_user_error", "invalid_request_error"


def picture(size: tuple[int, int] = (256, 256), mode: str = "RGBA", form: str = "PNG", **more: Any) -> bytes:
    """A picture with something in it to recognise."""
    image = Image.new("RGB", size, "#204080")
    ImageDraw.Draw(image).ellipse((size[0] // 8, size[1] // 8, size[0] // 2, size[1] // 2), fill="#e0c040")
    file = io.BytesIO()
    image.convert(mode).save(file, form, **more)
    return file.getvalue()


def mask(size: tuple[int, int] = (256, 256), hole: tuple[int, int, int, int] = (64, 64, 128, 128)) -> bytes:
    """A mask: transparent in the hole, opaque elsewhere."""
    image = Image.new("RGBA", size, "black")
    image.paste((0, 0, 0, 0), hole)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def file(data: bytes, media: str = "image/png", name: str = "a.png") -> File:
    return File(data, name, media)


def post_form(server: MockServer, path: str, parts: list[Part], query: str = "") -> Answer:
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return ask(server.url + path + query, joined(parts, BOUNDARY), headers=headers)


def edit(server: MockServer, query: str = "", path: str = EDITS, **value: Any) -> Answer:
    """An edit as a form; `image` may be bytes."""
    told = {"image": [file(picture())], "prompt": "A red fox", "model": "gpt-image-1.5", **value}
    told = {name: file(inner) if isinstance(inner, bytes) else inner for name, inner in told.items()}
    return post_form(server, path, parts_of(told), query)


def edit_json(server: MockServer, **value: Any) -> Answer:
    told = {"images": [{"image_url": data_url(picture())}], "prompt": "A red fox", "model": "gpt-image-2", **value}
    return ask(server.url + EDITS, {name: inner for name, inner in told.items() if inner is not ...})


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def said(answer: Answer) -> tuple[int, Any, Any, Any]:
    error = answer.error
    return answer.status, error["type"], error["code"], error["param"]


def distance(first: Image.Image, second: Image.Image) -> float:
    """0 for the same pixels, 255 for black against white."""
    difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB").resize(first.size)).convert("L")
    total: int = sum(level * count for level, count in enumerate(difference.histogram()))
    return total / (first.width * first.height)


# --- what comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "size", "given", "made"),
    [
        ("gpt-image-2", "auto", (256, 256), (1254, 1254)),
        ("gpt-image-2", None, (1600, 900), (1672, 941)),
        ("gpt-image-2", "1024x1536", (1600, 900), (1024, 1536)),
        ("gpt-image-1.5", None, (1600, 900), (1536, 1024)),
        ("gpt-image-1.5", "auto", (900, 1600), (1024, 1536)),
        ("gpt-image-1", "auto", (300, 310), (1024, 1024)),
        ("dall-e-2", None, (256, 256), (1024, 1024)),
        ("dall-e-2", "512x512", (256, 256), (512, 512)),
    ],
)
def test_the_size_follows_the_first_picture_unless_it_is_said(
    mock: MockServer, model: str, size: str | None, given: tuple[int, int], made: tuple[int, int]
) -> None:
    answer = edit(
        mock, model=model, size=size, image=[file(picture(given)), *([] if model == "dall-e-2" else [file(picture())])]
    )
    assert [opened(data).size for data in delivered(answer)] == [made]
    assert answer.json.get("size", "") in ("", f"{made[0]}x{made[1]}")


def test_every_pixel_outside_the_mask_stays(mock: MockServer) -> None:
    given, hole = picture((1024, 1024)), (256, 300, 700, 800)
    answer = edit(mock, image=given, mask=mask((1024, 1024), hole), size="1024x1024", n=2)
    for data in delivered(answer):
        before, after = opened(given).convert("RGB"), opened(data).convert("RGB")
        assert ImageChops.difference(before, after).getbbox() is not None
        for image in (before, after):
            image.paste("black", hole)
        assert ImageChops.difference(before, after).getbbox() is None


def test_an_edit_starts_from_what_was_given(mock: MockServer) -> None:
    given = picture((1024, 1024))
    [edited] = delivered(edit(mock, image=given, size="1024x1024"))
    [fresh] = delivered(generate(mock, model="gpt-image-1.5", prompt="A red fox", size="1024x1024"))
    before = opened(given)
    assert 0 < distance(before, opened(edited)) < distance(before, opened(fresh)) / 2


def test_pictures_of_one_edit_differ_and_come_in_the_format_asked_for(mock: MockServer) -> None:
    pictures = delivered(edit(mock, n=3, output_format="webp", background="transparent", size="1024x1024"))
    assert len(set(pictures)) == 3
    assert {(opened(data).format, opened(data).mode) for data in pictures} == {("WEBP", "RGBA")}


def test_a_form_without_a_model_means_its_default(mock: MockServer) -> None:
    given = picture((1600, 900))
    named, unnamed = edit(mock, image=given), edit(mock, image=given, model=None)
    assert delivered(named) == delivered(unnamed)
    assert named.json.keys() == unnamed.json.keys()
    assert edit(mock, model=None, response_format="url").error["code"] == "unknown_parameter"


def test_json_and_form_ask_the_same(mock: MockServer) -> None:
    given = picture((300, 200))
    by_form = edit(mock, model="gpt-image-2", image=given)
    by_json = edit_json(mock, images=[{"image_url": data_url(given)}])
    assert delivered(by_form) == delivered(by_json)
    assert by_form.json["usage"] == by_json.json["usage"]


def test_a_link_to_a_picture_of_this_mock_is_that_picture(mock: MockServer) -> None:
    url = generate(mock, model="dall-e-3", prompt="A lighthouse", size="1024x1024").json["data"][0]["url"]
    by_link = edit_json(mock, images=[{"image_url": url}], size="1024x1024")
    by_data = edit_json(mock, images=[{"image_url": data_url(ask(url, key=None).body)}], size="1024x1024")
    assert delivered(by_link) == delivered(by_data)


def test_other_links_and_file_ids_stand_for_pictures_of_their_own(mock: MockServer) -> None:
    references = [
        {"image_url": "https://example.com/a.png"},
        {"image_url": "https://example.com/b.png"},
        {"file_id": "file-1"},
    ]
    made = [delivered(edit_json(mock, images=[reference])) for reference in references]
    assert len({tuple(pictures) for pictures in made}) == 3


def test_variations_are_alike_and_differ(mock: MockServer) -> None:
    given = picture((512, 512))
    answer = post_form(mock, VARIATIONS, parts_of({"image": file(given), "n": 2, "size": "512x512"}))
    first, second = (opened(data) for data in delivered(answer))
    assert first.size == second.size == (512, 512)
    assert distance(first, second) > 1


def test_an_edit_can_be_a_task(mock: MockServer) -> None:
    task = edit(mock, query="?async=true").json["task_id"]
    data = None
    while data is None:
        data = ask(f"{mock.url}/v1/images/tasks/{task}").json["data"]["data"]
    assert base64.b64decode(data["data"][0]["b64_json"]) == delivered(edit(mock))[0]


@pytest.mark.parametrize(
    ("given", "format_"),
    [
        (picture(mode="P"), "palette"),
        (picture(mode="L"), "gray"),
        (picture(mode="1"), "one bit"),
        (picture(mode="CMYK", form="JPEG"), "cmyk"),
        (picture(mode="RGB", form="JPEG"), "jpeg"),
        (picture(form="WEBP"), "webp"),
        (picture(mode="LA"), "gray and alpha"),
    ],
)
def test_any_kind_of_png_jpeg_and_webp_works(mock: MockServer, given: bytes, format_: str) -> None:
    del format_
    assert len(delivered(edit(mock, image=file(given, "application/octet-stream", "upload")))) == 1


# --- what is refused ----------------------------------------------------------------------------------

WRONG_FORMS: Mapping[str, tuple[dict[str, Any], tuple[int, Any, Any, Any]]] = {
    "no image": ({"image": None}, (400, REQUEST, "missing_required_parameter", "image")),
    "no prompt": ({"prompt": None}, (400, REQUEST, "missing_required_parameter", "prompt")),
    "empty prompt": ({"prompt": ""}, (400, REQUEST, "empty_string", "prompt")),
    "unknown part": ({"foo": "x"}, (400, REQUEST, "unknown_parameter", "foo")),
    "images": ({"images": "x"}, (400, REQUEST, "invalid_value", "images")),
    "unknown model": ({"model": "no-such"}, (400, USER, "invalid_value", "model")),
    "a model without edits": ({"model": "dall-e-3"}, (400, USER, "invalid_value", "model")),
    "n no integer": ({"n": "abc"}, (400, REQUEST, "invalid_type", "n")),
    "n a fraction": ({"n": "2.5"}, (400, REQUEST, "invalid_type", "n")),
    "n too large": ({"n": 11}, (400, REQUEST, "integer_above_max_value", "n")),
    "quality empty": ({"quality": ""}, (400, REQUEST, "invalid_value", "quality")),
    "quality hd": ({"quality": "hd"}, (400, REQUEST, "invalid_value", "quality")),
    "a text for a picture": ({"image": "x"}, (400, REQUEST, "invalid_type", "image[0]")),
    "a file for a text": ({"prompt": picture()}, (400, REQUEST, "invalid_type", "prompt")),
    "another kind of file": (
        {"image": file(b"x", "text/plain")},
        (400, REQUEST, "unsupported_file_mimetype", "image[0]"),
    ),
    "17 pictures": ({"image": [file(picture((16, 16)))] * 17}, (400, REQUEST, "array_above_max_length", "image")),
    "no picture": ({"image": b"nothing"}, (400, USER, "invalid_image_file", "image[0]")),
    "half a picture": ({"image": picture()[:200]}, (400, USER, "invalid_image_file", "image[0]")),
    "an empty picture": ({"image": b""}, (400, USER, "invalid_image_file", "image[0]")),
    "a gif": ({"image": picture(mode="P", form="GIF")}, (400, USER, "invalid_image_file", "image[0]")),
    "a second picture that is none": (
        {"image": [file(picture()), file(b"x")]},
        (400, USER, "invalid_image_file", "image[1]"),
    ),
    "dall-e-2 takes squares": (
        {"model": "dall-e-2", "image": picture((200, 100))},
        (400, USER, "invalid_image_file", "image[0]"),
    ),
    "dall-e-2 takes png": (
        {"model": "dall-e-2", "image": picture(form="WEBP")},
        (400, USER, "invalid_image_file", "image[0]"),
    ),
    "dall-e-2 takes one": (
        {"model": "dall-e-2", "image": [file(picture())] * 2},
        (400, REQUEST, "array_above_max_length", "image"),
    ),
    "a mask of another size": ({"mask": mask((128, 128))}, (400, USER, "invalid_value", "mask")),
    "a mask without alpha": ({"mask": picture(mode="RGB")}, (400, USER, "invalid_value", "mask")),
    "a mask that is none": ({"mask": b"x"}, (400, USER, "invalid_value", "mask")),
    "markup before 2.5": ({"markup": mask()}, (400, REQUEST, "unknown_parameter", "markup")),
    "mask and markup": (
        {"model": "gpt-image-2.5-flare", "mask": mask(), "markup": mask()},
        (400, USER, "invalid_value", "markup"),
    ),
    "fidelity on 2": (
        {"model": "gpt-image-2", "input_fidelity": "high"},
        (400, USER, "invalid_input_fidelity_model", "input_fidelity"),
    ),
    "fidelity on 2.5": (
        {"model": "gpt-image-2.5-flare", "input_fidelity": "high"},
        (400, REQUEST, "unknown_parameter", "input_fidelity"),
    ),
    "url of a gpt model": ({"response_format": "url"}, (400, REQUEST, "unknown_parameter", "response_format")),
    "several in a stream": ({"stream": True, "n": 2}, (400, USER, "unsupported_parameter", "input")),
    "the key of JSON": ({"images": picture()}, (400, REQUEST, "invalid_value", "images")),
    "mask and gif": (
        {"model": "gpt-image-2.6-flare", "mask": mask(), "output_format": "gif"},
        (400, USER, "invalid_value", "output_format"),
    ),
    "model before everything": (
        {"model": "x", "foo": "x", "prompt": "", "n": 99},
        (400, USER, "invalid_value", "model"),
    ),
    "unknown parts before the prompt": ({"foo": "x", "prompt": ""}, (400, REQUEST, "unknown_parameter", "foo")),
}


@pytest.mark.parametrize(("value", "expected"), WRONG_FORMS.values(), ids=WRONG_FORMS)
def test_a_wrong_form_is_refused(mock: MockServer, value: dict[str, Any], expected: tuple[int, Any, Any, Any]) -> None:
    answer = edit(mock, **value)
    assert said(answer) == expected
    assert "?" not in answer.error["message"]
    assert "x-file" not in answer.error["message"]


WRONG_JSON: Mapping[str, tuple[dict[str, Any], tuple[int, Any, Any, Any]]] = {
    "no images": ({"images": ...}, (400, REQUEST, "missing_required_parameter", "images")),
    "none": ({"images": []}, (400, REQUEST, "empty_array", "images")),
    "null": ({"images": None}, (400, REQUEST, "invalid_type", "images")),
    "an object": ({"images": {}}, (400, REQUEST, "invalid_type", "images")),
    "a text": ({"images": ["x"]}, (400, REQUEST, "invalid_type", "images[0]")),
    "neither link nor id": ({"images": [{}]}, (400, REQUEST, "invalid_value", "images[0]")),
    "link and id": (
        {"images": [{"image_url": "https://a.b", "file_id": "f"}]},
        (400, REQUEST, "invalid_value", "images[0]"),
    ),
    "the form's key": ({"image": "x"}, (400, REQUEST, "invalid_value", "image")),
    "the form's key as null": ({"image": None}, (400, REQUEST, "invalid_value", "image")),
    "mask and markup": (
        {"model": NEWER, "mask": {"image_url": data_url(mask())}, "markup": {"image_url": data_url(mask())}},
        (400, USER, "invalid_value", "markup"),
    ),
    "a markup that hides everything": (
        {"model": NEWER, "markup": {"image_url": data_url(picture())}},
        (400, USER, "invalid_value", "markup.image_url"),
    ),
    "the form's key in brackets": ({"image[]": "x"}, (400, REQUEST, "invalid_value", "image[]")),
    "no base64": (
        {"images": [{"image_url": "data:image/png;base64,!!"}]},
        (400, USER, "invalid_image_file", "images[0].image_url"),
    ),
    "no data": (
        {"images": [{"image_url": "data:image/png,xx"}]},
        (400, USER, "invalid_image_file", "images[0].image_url"),
    ),
    "no picture": (
        {"images": [{"image_url": data_url(b"x")}]},
        (400, USER, "invalid_image_file", "images[0].image_url"),
    ),
    "another kind of link": (
        {"images": [{"image_url": "ftp://a"}]},
        (400, REQUEST, "invalid_value", "images[0].image_url"),
    ),
    "a bare picture as a mask": ({"mask": {"image_url": "aGk="}}, (400, REQUEST, "invalid_value", "mask.image_url")),
    "no URL": ({"images": [{"image_url": "http://[x"}]}, (400, USER, "invalid_image_file", "images[0].image_url")),
    "a mask of another size": (
        {"mask": {"image_url": data_url(mask((8, 8)))}},
        (400, USER, "invalid_value", "mask.image_url"),
    ),
    "no model": ({"model": ...}, (400, REQUEST, "missing_required_parameter", "model")),
    "a model for forms": ({"model": "dall-e-2"}, (400, USER, "invalid_value", "model")),
    "n as text": ({"n": "2"}, (400, REQUEST, "invalid_type", "n")),
}


@pytest.mark.parametrize(("value", "expected"), WRONG_JSON.values(), ids=WRONG_JSON)
def test_wrong_json_is_refused(mock: MockServer, value: dict[str, Any], expected: tuple[int, Any, Any, Any]) -> None:
    assert said(edit_json(mock, **value)) == expected


def test_json_takes_markup_and_a_null_beside_a_mask(mock: MockServer) -> None:
    link = {"image_url": data_url(mask())}
    assert edit_json(mock, model=NEWER, markup=link).status == 200
    assert edit_json(mock, model=NEWER, mask=link, markup=None).status == 200


def test_null_is_as_if_it_were_not_there(mock: MockServer) -> None:
    names = ("mask", "n", "quality", "size", "stream", "partial_images", "output_compression")
    assert edit_json(mock, **dict.fromkeys(names)).json["data"] == edit_json(mock).json["data"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", f"multipart/form-data; boundary={BOUNDARY}"),
        (b"x", "multipart/form-data"),
        (joined(parts_of({"prompt": "x"}), BOUNDARY)[:-9], f"multipart/form-data; boundary={BOUNDARY}"),
    ],
)
def test_a_damaged_form_is_refused(mock: MockServer, body: bytes, content_type: str) -> None:
    answer = ask(mock.url + EDITS, body, headers={"content-type": content_type})
    assert (answer.status, answer.error["type"], answer.error["code"]) == (400, REQUEST, None)
    assert "multipart/form-data" in answer.error["message"]


def test_another_kind_of_body_is_refused(mock: MockServer) -> None:
    answer = ask(mock.url + EDITS, b"x", headers={"content-type": "text/plain"})
    assert (answer.status, answer.error["code"]) == (400, "unsupported_content_type")
    assert "'multipart/form-data' and 'application/json'" in answer.error["message"]


def test_a_file_larger_than_possible_is_refused(mock: MockServer) -> None:
    answer = edit(mock, model="dall-e-2", image=picture() + bytes(4 * 1024 * 1024))
    assert said(answer) == (400, REQUEST, "invalid_value", "image[0]")
    assert "4194303" in answer.error["message"]


# --- models -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reseller() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, models=("flux-1.1-pro",))) as server:
        yield server


def test_models_are_listed_and_can_be_looked_up(mock: MockServer) -> None:
    listed = ask(f"{mock.base_url}/models").json
    assert listed["object"] == "list"
    names = [model["id"] for model in listed["data"]]
    assert {"gpt-image-2", "dall-e-3"} <= set(names)
    assert len(set(names)) == len(names)
    for model in listed["data"]:
        assert ask(f"{mock.base_url}/models/{model['id']}").json == model


def test_an_unknown_model_is_not_found(mock: MockServer) -> None:
    answer = ask(f"{mock.base_url}/models/no-such-model")
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")


def test_a_model_named_besides_is_listed_and_serves_everything(reseller: MockServer) -> None:
    name = "flux-1.1-pro"
    assert name in [model["id"] for model in ask(f"{reseller.base_url}/models").json["data"]]
    assert opened(delivered(generate(reseller, model=name, prompt="x", size="640x480"))[0]).size == (640, 480)
    assert len(delivered(edit(reseller, model=name))) == 1
    streamed = generate(reseller, model=name, prompt="x", stream=True)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert generate(reseller, model="flux-2", prompt="x").status == 400
