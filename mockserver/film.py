"""Films: pictures one behind the other as a video file.

That takes PyAV, which `imageproof[video]` brings; without it what moves is a gif.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.util import find_spec

from PIL import Image

#: the format of a picture that moves, by what is installed
MOVING = "gif" if find_spec("av") is None else "mp4"
_RATE = 1000  # time is counted in milliseconds, as a frame's is


def mp4(frames: Iterator[Image.Image], size: tuple[int, int], frame_ms: int) -> bytes:
    """The frames, all of this size, as H.264 in MP4, each shown so long: the same bytes for the same frames.

    Edges are even numbers of pixels. Raises ImportError where PyAV is not installed.
    """
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=round(_RATE / frame_ms) if frame_ms else 1)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"  # what every player can show
        stream.options = {"preset": "ultrafast", "threads": "1"}
        for image in frames:
            film.mux(stream.encode(av.VideoFrame.from_image(image)))
        film.mux(stream.encode())
    return file.getvalue()
