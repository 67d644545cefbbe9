"""A small provider that draws another picture each time, as real ones do, and can ignore what it is asked."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from test_provider import Asked, Listener, Told, listening

from spec.forms import MEDIA_TYPE as FORM
from spec.forms import split

_MODES = {"png": "RGBA", "webp": "RGBA", "jpeg": "RGB", "gif": "P"}


@dataclass
class Painter:
    """Answers requests for pictures. `ignores`: names of parameters; `constant`: always the same bytes.

    `forgets`: what its drawing does not depend on, while it draws the same for the same request.
    """

    ignores: frozenset[str] = frozenset()
    forgets: frozenset[str] = frozenset()
    repeats: bool = False
    constant: bool = False
    one_id: bool = False
    url: str = ""
    shelf: dict[str, bytes] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, asked: Asked) -> Told:
        """Answer one request."""
        if asked.method == "GET":
            return Told(self.shelf[asked.path], headers={"content-type": "image/png"})
        value = self._value(asked)
        number = next(self.numbers)
        count = 1 if "n" in self.ignores else value.get("n") or 1
        found = [self._picture(value, number * 10 + index) for index in range(int(count))]
        by_link = value.get("response_format", "url") == "url" and value["model"].startswith("dall-e")
        if "response_format" in self.ignores:
            by_link = False
        items = [{"url": self._link(data)} if by_link else {"b64_json": _text(data)} for data in found]
        headers = {"x-request-id": "req_1" if self.one_id else f"req_{number}"}
        return Told({"created": int(time.time()), "data": items}, headers=headers)

    def _value(self, asked: Asked) -> dict[str, Any]:
        media = asked.headers["content-type"]
        if not media.startswith(FORM):
            told: dict[str, Any] = json.loads(asked.body)
            return told
        parts = split(asked.body, media)
        return {part.name: part.data if part.filename else part.data.decode() for part in parts}

    def _picture(self, value: dict[str, Any], number: int) -> bytes:
        if self.constant:
            value, number = {"prompt": "", "model": ""}, 0
        seen = {name: told for name, told in value.items() if name not in self.forgets}
        known = hashlib.sha256(repr(sorted(seen.items())).encode()).hexdigest()
        noise = random.Random(f"{known} {number % 10}" if self.repeats else number)
        size = value.get("size") or "1024x1024"
        width, height = map(int, ("640x640" if "size" in self.ignores else size).split("x"))
        format_ = value.get("output_format") or "png"
        if "output_format" in self.ignores:
            format_ = "png"
        clear = value.get("background") == "transparent" and "background" not in self.ignores
        small = Image.frombytes("RGB", (16, 16), noise.randbytes(768)).resize((width, height))
        small = self._laid_over(seen, small)
        if clear:
            small.putalpha(128)
        file = io.BytesIO()
        level = value.get("output_compression")
        level = 80 if level is None or "output_compression" in self.ignores else level
        small.save(file, format_.upper(), quality=level)
        return file.getvalue()

    def _laid_over(self, seen: dict[str, Any], paint: Image.Image) -> Image.Image:
        """New paint over the picture that was given, where there is one, thick where a mask is open."""
        if not isinstance(seen.get("image"), bytes):
            return paint
        given = Image.open(io.BytesIO(seen["image"])).convert("RGB").resize(paint.size)
        if not isinstance(seen.get("mask"), bytes):
            return Image.blend(given, paint, 0.5)
        return Image.composite(given, paint, Image.open(io.BytesIO(seen["mask"])).getchannel("A").resize(paint.size))

    def _link(self, data: bytes) -> str:
        path = f"/cdn/{len(self.shelf)}.png"
        self.shelf[path] = data
        return self.url + path


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def painting(**more: Any) -> Iterator[Listener]:
    """A running Painter."""
    painter = Painter(**more)
    with listening(painter) as server:
        painter.url = server.url
        yield server
