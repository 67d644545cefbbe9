"""A video's bytes, decoded to the last frame.

That takes PyAV, which `imageproof[video]` brings; without it no more can be said than what kind of file it is.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec

from PIL import Image, ImageChops

#: why a video could not be looked at, where the library for it is missing
NO_DECODER = "videos were fetched, but not looked at: that takes PyAV (pip install 'imageproof[video]')"
#: the formats of files that are known as videos
FORMATS = ("mp4", "webm")
#: frames are compared as so many cells a side; what differs by this much, of 255, is no movement
_CELLS, _LOST = 32, 8
_WEBM = b"\x1a\x45\xdf\xa3"


class NoFilm(Exception):
    """A file of a video's kind in which there is none: a stub, of which nothing can be said."""


@dataclass(frozen=True, slots=True)
class Footage:
    """What is in a video: its first frame, how many there are, whether another differs from it, and seconds."""

    first: Image.Image
    frames: int
    moves: bool
    seconds: float


def format_of(data: bytes) -> str:
    """`mp4` or `webm` by how the file begins; empty for anything else."""
    if data[4:8] == b"ftyp":
        return "mp4"
    return "webm" if data[:4] == _WEBM else ""


def _differ(one: Image.Image, other: Image.Image) -> bool:
    """Whether some cell of two frames differs by more than what an encoder loses."""
    return any(most > _LOST for _, most in ImageChops.difference(one, other).getextrema())  # type: ignore[misc]


def can_decode() -> bool:
    """Whether the library for it is there."""
    return find_spec("av") is not None


def decoded(data: bytes) -> Footage:
    """Decode a video to its last frame. Raises NoFilm, ValueError, or what the decoder makes of broken bytes."""
    import av

    first: Image.Image | None = None
    start, frames, moves, end = None, 0, False, 0.0
    with av.open(io.BytesIO(data), "r") as container:
        if not container.streams.video:
            raise NoFilm("videos were fetched, and hold no film to look at")
        for frame in container.decode(video=0):
            small = frame.to_image(width=_CELLS, height=_CELLS)
            if first is None or start is None:
                first, start = frame.to_image(), small
            frames += 1
            moves = moves or _differ(start, small)
            end = max(end, frame.time or 0.0)
        seconds = container.duration / av.time_base if container.duration else end
    if first is None:
        raise ValueError("it has no frames")
    return Footage(first, frames, moves, seconds)
