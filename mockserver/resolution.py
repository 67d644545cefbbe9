"""Resolution: what a request's roles come to where they leave a choice, and the pictures they order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import sqrt
from typing import Any

from mockserver.artist import LONGEST_FRAME, Picture
from mockserver.film import MOVING
from mockserver.retouching import Base
from mockserver.uploads import Upload
from spec.units import LikeInput, Size, ratio_of

DEFAULT_SIZE: Size = (1024, 1024)


def _seeded(own: int, asked: Any) -> int:
    """The server's seed, moved on by the one asked for: same seed, same picture."""
    return own + asked if isinstance(asked, int) else own


def resolve(asked: Mapping[str, Any], words: Sequence[tuple[str, Mapping[Any, Any]]]) -> dict[str, Any]:
    """What was asked with words such as `auto` replaced by what they stand for."""
    resolved = dict(asked)
    for role, table in words:
        value = resolved.get(role)
        if value in table:
            meant = table[value]
            resolved[role] = _like_first(meant, resolved) if isinstance(meant, LikeInput) else meant
    return resolved


def _like_first(meant: LikeInput, resolved: Mapping[str, Any]) -> Size:
    """The size that follows from the first picture given."""
    given: Sequence[Upload] = resolved.get("input-image", ())
    return meant.of((given[0].width, given[0].height)) if given else DEFAULT_SIZE


def drawn_for(resolved: Mapping[str, Any], seed: int) -> list[Picture]:
    """The pictures that come of a resolved request, by what it makes (`spec.language.MAKES`)."""
    makes = resolved.get("makes")
    if makes is None:
        return pictures_of(resolved, seed)
    base = base_of(resolved)
    if makes in ("copies", "text"):
        given = base.images if base is not None else ()
        return [Picture("", one.width, one.height, base=Base((one,)), layout="copy") for one in given]
    drawn = pictures_of(resolved, seed)
    if makes == "grid":
        return [replace(one, width=2 * one.width, height=2 * one.height, layout="grid") for one in drawn]
    if makes == "video":
        return [_moving(one, resolved.get("duration", _SECONDS)) for one in drawn[:1]]
    if makes == "part":
        return [replace(one, index=int(resolved["part"]) - 1) for one in drawn[:1]]
    return drawn


_SECONDS = 5
_FRAMES_PER_SECOND = 4  # a file that plays and is drawn in half a second, nobody's idea of smooth


def _moving(picture: Picture, seconds: float) -> Picture:
    """The picture as a video so long, without what a video cannot have: odd edges, holes."""
    return replace(
        picture,
        width=max(2, picture.width // 2 * 2),
        height=max(2, picture.height // 2 * 2),
        format=MOVING,
        transparent=False,
        frames=max(1, round(seconds * _FRAMES_PER_SECOND)),
        frame_ms=1000 // _FRAMES_PER_SECOND,
        layout="video",
    )


def pictures_of(resolved: Mapping[str, Any], seed: int) -> list[Picture]:
    """The pictures a resolved request asks for, all different."""
    prompt = resolved.get("prompt", "")
    told = [seed, *map(resolved.get, _SHAPING)]
    try:
        blanks = _blanks(*told)
    except TypeError:  # a list among them, which cannot be remembered
        blanks = _blanks.__wrapped__(*told)
    pictures = [blank.saying(prompt) for blank in blanks]
    if "input-image" in resolved and (base := base_of(resolved)) is not None:
        for picture in pictures:
            picture.base = base
    return pictures


#: the roles that decide how pictures are, besides the prompt and what they start from
_SHAPING = ("size", "width", "height", "aspect-ratio", "pixels", "count", "model", "quality", "output-format",
            "compression", "background", "seed", "frame-count", "frame-duration")  # fmt: skip


@lru_cache(maxsize=4096, typed=True)
def _blanks(
    own_seed: int, size: Any, width: Any, height: Any, ratio: Any, pixels: Any, count: Any, model: Any, quality: Any,
    format_: Any, compression: Any, background: Any, seed: Any, frames: Any, frame_ms: Any,
) -> list[Picture]:  # fmt: skip
    """The pictures that a request with these roles makes (`_SHAPING`), none of them with a prompt yet."""
    if isinstance(size, tuple):
        width, height = size
    if width is None or height is None:
        wanted = ratio_of(ratio)
        width, height = DEFAULT_SIZE if wanted is None else _shaped(wanted, _PIXELS if pixels is None else pixels)
    count = 1 if count is None else int(count)  # JSON Schema takes 2.0 for an integer, too
    label = " · ".join([str(word) for word in (model, quality) if word])
    labels = [f"{label} · {number} of {count}" for number in range(1, count + 1)] if count > 1 else [label]
    return [
        Picture(
            "", width, height,
            format="png" if format_ is None else format_,
            compression=100 if compression is None else int(compression),
            transparent=background == "transparent",
            index=index,
            seed=_seeded(own_seed, seed),
            label=label,
            frames=1 if frames is None else int(frames),
            frame_ms=0 if frame_ms is None else min(int(frame_ms), LONGEST_FRAME),
        )
        for index, label in enumerate(labels)
    ]  # fmt: skip


_PIXELS = DEFAULT_SIZE[0] * DEFAULT_SIZE[1]
_STEP = 16


def _shaped(ratio: float, pixels: int) -> Size:
    """The size of this ratio with about so many pixels, its edges as models make them: multiples of 16."""
    width, height = sqrt(pixels * ratio), sqrt(pixels / ratio)
    return max(1, round(width / _STEP)) * _STEP, max(1, round(height / _STEP)) * _STEP


def base_of(resolved: Mapping[str, Any]) -> Base | None:
    """What the pictures start from, where the caller gave any; without a prompt they are variations."""
    given: Sequence[Upload] = resolved.get("input-image", ())
    if not given:
        return None
    return Base(tuple(given), resolved.get("mask"), resolved.get("markup"), vary="prompt" not in resolved)
