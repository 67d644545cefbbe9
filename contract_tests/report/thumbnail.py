"""A delivered picture, small enough to stand in a report; drawn anew, so that no byte of the provider's is in it."""

from __future__ import annotations

import base64
import io

from PIL import Image

from contract_tests.seen import Seen

_EDGE = 240  # pixels
_QUALITY = 70


def thumbnail(picture: Seen) -> str:
    """A data URL of a WebP; empty where there is nothing to see (an SVG is not drawn)."""
    if picture.trouble or picture.problem or not picture.data or picture.format == "svg":
        return ""
    try:
        with Image.open(io.BytesIO(picture.data)) as image:
            image.draft("RGB", (_EDGE, _EDGE))
            small = image.convert("RGBA" if picture.alpha else "RGB")
        small.thumbnail((_EDGE, _EDGE))
        small.info.clear()  # or colour profiles and metadata would go along
        drawn = io.BytesIO()
        small.save(drawn, "WEBP", quality=_QUALITY)
    except (OSError, ValueError, SyntaxError):
        return ""
    return f"data:image/webp;base64,{base64.b64encode(drawn.getvalue()).decode()}"
