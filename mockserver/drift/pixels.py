"""Pictures inside answers, made into others: what a provider's last conversion does to them."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image


def redrawn(
    text: str,
    format: str = "",  # noqa: A002
    size: str = "",
    opaque: bool = False,
    raw: bool = False,
    noise_below: int = 0,
) -> Any:
    """A picture in bare base64, in another format (png, jpeg, webp) or size; `raw`: its bytes.

    Of fewer pixels than `noise_below` it is noise instead.
    """
    data = base64.b64decode(text)
    if format or size or opaque or noise_below:
        with Image.open(io.BytesIO(data)) as image:
            name = format or (image.format or "png").lower()
            told = image.convert("RGB" if name == "jpeg" or opaque else image.mode)
            if told.width * told.height < noise_below:
                told = Image.effect_noise(told.size, 96)
            if size:
                width, _, height = size.partition("x")
                told = told.resize((int(width), int(height)))
            file = io.BytesIO()
            told.save(file, name)
            data = file.getvalue()
    return data if raw else base64.b64encode(data).decode()
