"""The drifts the mock plays; ids and what is seen: `spec/drifts.yaml`."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from functools import lru_cache
from math import sqrt
from typing import Any

from PIL import Image

from mockserver.artist import MIME_TYPES
from mockserver.drift.places import put
from mockserver.drift.registry import answers, asks, refuses
from mockserver.replies import Refusal, Reply
from mockserver.uploads import Upload, opened
from spec.contract import Operation
from spec.drifts import DriftUse
from spec.language import IMAGE_ROLES
from spec.reader import Reader
from spec.units import Size

SUBSCRIPTION_PIXELS = 1_572_864  # the area subscription-backed relays deliver, whatever was asked


@asks("n-ignored-single-image")
def one_picture_whatever_n(roles: dict[str, Any], _: DriftUse) -> dict[str, Any]:
    """Pretend that one picture was asked for."""
    return {**roles, "count": 1} if "count" in roles else roles


@asks("size-ignored-200-wrong-aspect")
def another_size(roles: dict[str, Any], _: DriftUse) -> dict[str, Any]:
    """The usual area in an aspect that was not asked for."""
    if not isinstance(roles.get("size"), tuple):
        return roles
    width, height = roles["size"]
    aspect = 1.2 if width <= height else 1 / 1.2
    edge = sqrt(SUBSCRIPTION_PIXELS * aspect)
    return {**roles, "size": (round(edge), round(edge / aspect))}


@asks("open-mask")
def everything_anew(roles: dict[str, Any], _: DriftUse) -> dict[str, Any]:
    """The model has the picture and the prompt only, and draws all of it anew: a mask that is open everywhere."""
    mask = roles.get("mask")
    return {**roles, "mask": _open_mask((mask.width, mask.height))} if isinstance(mask, Upload) else roles


@lru_cache(maxsize=8)
def _open_mask(size: Size) -> Upload:
    file = io.BytesIO()
    Image.new("RGBA", size, (0, 0, 0, 0)).save(file, "PNG")
    return opened(file.getvalue())


@asks("async-ignored-returns-sync")
def never_async(roles: dict[str, Any], _: DriftUse) -> dict[str, Any]:
    """Pretend that nothing was said about async."""
    return {role: value for role, value in roles.items() if role != "async"}


@refuses("missing-model-503")
def no_channel(refusal: Refusal, use: DriftUse) -> Refusal:
    """A missing model looks like an outage: the router's default model has no channel."""
    if refusal.problem != "missing-parameter" or refusal.role != "model":
        return refusal
    fields = {f"error-{name}": use.parameters.get(name) for name in ("message", "type", "code", "param")}
    return replace(refusal, status=503, fields=fields)


@answers("chat-shaped-200")
def chat_completion(reply: Reply, operation: Operation, _: DriftUse) -> Reply:
    """A chat completion instead of pictures."""
    if not _delivers(reply, operation):
        return reply
    words = {"role": "assistant", "content": "Of course. What should the picture show?"}
    value = {
        "id": "chatcmpl-123",
        "object": "chat.completion",
        "created": int(time.time()),
        "choices": [{"index": 0, "message": words, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
    }
    return _told_as_json(reply, value)


@answers("empty-object-200")
def empty_object(reply: Reply, operation: Operation, _: DriftUse) -> Reply:
    """`{}` instead of pictures."""
    return _told_as_json(reply, {}) if _delivers(reply, operation) else reply


@answers("data-url-inside-b64-json")
def data_url(reply: Reply, operation: Operation, _: DriftUse) -> Reply:
    """A data URL where bare base64 belongs."""
    if not reply.refuses and reply.media in operation.success.content:
        found = list(Reader(operation.success.content[reply.media]).read(reply.value))
        format_ = next((meaning.value for meaning in found if meaning.role == "output-format"), "png")
        for meaning in found:
            if meaning.role == "image-b64":
                put(reply.value, meaning, f"data:{MIME_TYPES[format_]};base64,{meaning.raw}")
    return reply


@answers("error-object-in-200")
def errors_are_fine(reply: Reply, _: Operation, __: DriftUse) -> Reply:
    """Every refusal carries status 200."""
    return replace(reply, status=200) if reply.status >= 400 and reply.media else reply


def _delivers(reply: Reply, operation: Operation) -> bool:
    """Whether this is a success of an operation that makes pictures from a prompt."""
    return not reply.refuses and "prompt" in operation.request_roles and bool(operation.response_roles & IMAGE_ROLES)


def _told_as_json(reply: Reply, value: Any) -> Reply:
    """Another body; who does not speak of pictures has no stream of them either."""
    return replace(reply, media="application/json", value=value)
