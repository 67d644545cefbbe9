"""Requests that bring drifts to light, each with a name, and which of them each drift is looked for with."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from faulty import CHEAP, CREATE, GPT, IMAGES, LINKED, STREAMED, TASK, asking, asking_in_vain, asking_wrongly, drawn
from PIL import Image

from contract_tests.cases import WRONG_KEY, Case, case_of, json_case
from contract_tests.mutations import labelled
from spec.drifts import Drift
from spec.forms import File

EDIT = IMAGES.operation("editImage")
FORM, JSON = "multipart/form-data", "application/json"
DALLE3: dict[str, Any] = {
    "model": "dall-e-3",
    "prompt": "A red fox",
    "size": "1024x1024",
    "response_format": "b64_json",
}
CHINESE = "\u72d0" * 340


def _edit(several: int = 1, media: str = FORM, **told: Any) -> Case:
    data = [drawn(256, 256, index=index) for index in range(several)]
    if media == FORM:
        given: dict[str, Any] = {"image": [File(one, "fox.png", "image/png") for one in data]}
    else:
        given = {"images": [{"image_url": f"data:image/png;base64,{base64.b64encode(one).decode()}"} for one in data]}
    value = {"model": "gpt-image-2", "prompt": "In winter", "size": "1024x640", "quality": "low", **given, **told}
    case = case_of(IMAGES, EDIT, media, value)
    assert labelled(case) is None, labelled(case)
    return case


def _holed(width: int, height: int) -> bytes:
    """A mask that opens the middle of a picture."""
    mask, file = Image.new("RGBA", (width, height), (0, 0, 0, 255)), io.BytesIO()
    mask.paste((0, 0, 0, 0), (width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    mask.save(file, "PNG")
    return file.getvalue()


def _wrong_edit() -> Case:
    case = labelled(case_of(IMAGES, EDIT, FORM, {"model": "gpt-image-2", "prompt": "In winter"}))
    assert case is not None
    return case


@cache
def cases() -> Mapping[str, Case]:
    """Every case by its name: the good ones first."""
    gpt = {**GPT, "quality": "low"}
    streamed = {**STREAMED, "quality": "low"}
    cheap = {"model": "dall-e-2", "prompt": "A red fox", "size": "256x256"}
    keyless = asking_wrongly(CHEAP, credential=None)
    poll = Case(IMAGES, TASK, path_parameters={"task_id": "none"}, credential=None)
    return {
        "base64": asking(CHEAP),
        "link": asking(LINKED),
        "unsaid": asking(cheap),
        "two": asking({**CHEAP, "n": 2}),
        "two links": asking({**LINKED, "n": 2}),
        "three": asking({**CHEAP, "n": 3}),
        "pixels": asking(gpt),
        "odd": asking({**gpt, "size": "1040x656"}),
        "large": asking({**gpt, "size": "1536x1024"}),
        "jpeg": asking({**gpt, "output_format": "jpeg"}),
        "transparent": asking({**gpt, "background": "transparent"}),
        "512": asking({**CHEAP, "size": "512x512"}),
        "style": asking({**DALLE3, "style": "natural"}),
        "chinese": asking({**CHEAP, "prompt": CHINESE}),
        "stream": asking(streamed),
        "edit": _edit(),
        "edit two": _edit(n=2),
        "edit in JSON": _edit(media=JSON),
        "edit of two": _edit(2),
        "masked edit": _edit(mask=File(_holed(256, 256), "mask.png", "image/png"), size="1024x1024"),
        "edit stream": _edit(stream=True, partial_images=1),
        "task": asking(CHEAP, **{"async": "true"}),
        "task with a link": asking(LINKED, **{"async": "true"}),
        "no key": keyless,
        "wrong key": asking_wrongly(CHEAP, credential=WRONG_KEY),
        "no model": asking_wrongly({"prompt": "A red fox"}),
        "other model": asking_wrongly({**CHEAP, "model": "no-such-model"}),
        "too many": asking_wrongly({**CHEAP, "n": 11}),
        "n as text": asking_wrongly({**CHEAP, "n": "abc"}),
        "unknown": asking_wrongly({**CHEAP, "colour": "red"}),
        "bad size": asking_wrongly({**gpt, "size": "1000x1000"}),
        "bad format": asking_wrongly({**CHEAP, "response_format": "urlb64_json"}),
        "partials": asking_wrongly({**streamed, "partial_images": 9}),
        "malformed": replace(labelled(replace(json_case(IMAGES, CREATE, CHEAP), body=b"{")) or keyless),
        "no picture": _wrong_edit(),
        "no task": asking_in_vain(),
        "no key for a task": labelled(poll) or keyless,
    }


#: what each drift is looked for with, where it is not what its switch is
OWN: dict[str, tuple[str, ...]] = {
    "error-object-in-200": ("base64", "too many"),
    "chat-shaped-200": ("base64", "link"),
    "moderated-slot-empty": ("two", "base64"),
    "data-guarantee-only-one-item": ("two", "base64"),
    "response-format-ignored": ("link", "base64"),
    "url-when-b64-expected": ("base64", "pixels", "link"),
    "result-b64-stripped-async": ("task",),
    "url-null-200": ("link",),
    "url-field-is-array": ("link",),
    "response-format-url-gives-data-url": ("link", "base64"),
    "relative-image-url": ("link", "base64"),
    "xinference-path-as-url": ("link", "base64"),
    "file-url-not-immediately-accessible": ("link", "base64"),
    "reference-image-ignored-200": ("edit", "pixels"),
    "multi-image-edit-truncated": ("edit", "edit of two"),
    "mask-ignored": ("masked edit", "edit"),
    "edits-only-image-field": ("edit of two", "edit"),
    "unsupported-size-garbage-image": ("base64", "pixels"),
    "mixed-representation-fallback": ("two links", "link"),
    "url-extension-vs-bytes": ("link", "base64"),
    "partial-results-silently-dropped": ("three", "two"),
    "size-rounded-to-64": ("odd",),
    "size-clamped-and-rounded": ("large",),
    "output-format-forced-png": ("jpeg", "pixels"),
    "webp-transparent-unsupported": ("transparent", "pixels"),
    "n-garbage-becomes-one": ("n as text", "too many"),
    "invalid-size-500": ("bad size", "too many"),
    "missing-image-500-typeerror": ("no picture", "no model"),
    "error-param-indexed": ("no picture", "no model"),
    "malformed-json-500": ("malformed", "too many"),
    "prompt-limit-counted-in-bytes": ("chinese", "base64"),
    "default-response-format-unsupported": ("unsaid", "link"),
    "pixel-floor-seedream": ("base64", "large"),
    "client-default-512-refused": ("512", "base64"),
    "arbitrary-size-only-enum-at-relay": ("pixels", "base64"),
    "edit-stream-labelled-generation": ("edit stream", "stream"),
    "stream-breaks-plain-client": ("pixels",),
    "task-result-link-dead": ("task with a link", "link"),
    "relay-version-header": ("base64", "too many"),
}
_PLAIN = ("base64", "pixels", "link")
_REFUSALS = ("no key", "too many", "unknown", "bad size")
BY_SWITCH: dict[str, tuple[str, ...]] = {
    "body": ("base64", "pixels"), "usage": ("pixels", "base64"), "echo": ("pixels", "base64"),
    "created": ("base64", "pixels"), "n": ("two", "base64"), "size": ("pixels",), "format": ("pixels",),
    "null-style": ("base64",), "representation": ("base64",), "media-type": ("base64",), "bytes": ("base64",),
    "link": ("link",), "async": ("task", "base64"), "async-answer": ("task", "base64"), "items": ("two",),
    "envelope": _REFUSALS, "auth-envelope": _REFUSALS, "validation-status": _REFUSALS, "error-type": _REFUSALS,
    "error-code": _REFUSALS, "error-param": _REFUSALS, "error-message": _REFUSALS,
    "missing-model": ("no model", "base64"), "n-range": ("too many", "two"), "model": ("other model", "base64"),
    "partials-range": ("partials", "stream"), "unknown-fields": ("unknown", "base64"),
    "bad-size": ("bad size", "pixels"), "bad-delivery": ("bad format", "base64"), "missing-key": ("no key", "base64"),
    "wrong-key": ("wrong key", "base64"), "poll-key": ("no key for a task", "no key", "task"),
    "unknown-model": ("other model", "base64"),
    "unknown-task": ("no task", "task"), "reject-size": ("base64", "pixels"),
    "reject-delivery": ("link", "unsaid", "pixels"), "reject-style": ("style", "base64"),
    "reject-format": ("jpeg", "pixels"), "reject-n": ("two", "base64"), "reject-stream": ("stream", "pixels"),
    "reject-json-edits": ("edit in JSON", "edit"), "reject-form-edits": ("edit", "edit in JSON"),
    "reject-several": ("edit of two", "edit"), "reject-model": _PLAIN, "edge": _PLAIN,
}  # fmt: skip


def cases_for(drift: Drift) -> list[Case]:
    """The requests this drift is looked for with: one that shows it, and others of its kind."""
    named = OWN.get(drift.id) or BY_SWITCH.get(drift.switch)
    if named is None:
        named = ("stream", "pixels") if drift.switch.startswith(("stream", "partials")) else ("task",)
    return [cases()[name] for name in named]
