"""Clauses about pictures that move: a promised video is one, moves, lasts as was asked for, and has its cover."""

from __future__ import annotations

from contract_tests.clauses.files import RATIO_TOLERANCE
from contract_tests.clauses.images import decoded
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from contract_tests.seen import Seen


def _videos(exchange: Exchange) -> list[Seen]:
    return [picture for picture in decoded(exchange) if picture.role == "video-url"]


@clause("videos.frames", "MUST", "x-role: video-url")
def frames(exchange: Exchange) -> Verdict:
    """A video is a file with more than one frame.

    Why: a still costs a fiftieth of a video, and players refuse it.
    How: the frames of every video, decoded to the last one.
    Do: link to the video, and to its cover where covers belong.
    """
    videos = _videos(exchange)
    if not videos:
        return None
    bad = next((video for video in videos if video.frames < 2), None)
    return Broken("a video", f"one frame of {bad.format}", bad.pointer) if bad else CONFORMS


@clause("videos.moves", "SHOULD", "x-role: video-url")
def moves(exchange: Exchange) -> Verdict:
    """Something moves in a video.

    Why: a frame that is only held is a still at the price of a video.
    How: some frame, made small, differs from the first one.
    Do: answer with an error when nothing was animated.
    """
    videos = [video for video in _videos(exchange) if video.frames > 1]
    if not videos:
        return None
    bad = next((video for video in videos if not video.moves), None)
    return Broken("frames that differ", f"{bad.frames} frames, all alike", bad.pointer) if bad else CONFORMS


@clause("videos.duration", "SHOULD", "x-role: duration")
def duration(exchange: Exchange) -> Verdict:
    """A video lasts as long as was asked for.

    Why: seconds are what is paid for.
    How: the seconds of every video against those asked for, within a fifth or one second.
    Do: make as many seconds as asked for, or refuse them.
    """
    asked = exchange.asked.get("duration")
    videos = [video for video in _videos(exchange) if video.seconds]
    if not isinstance(asked, int | float) or not videos:
        return None
    bad = next((video for video in videos if abs(video.seconds - asked) > max(1.0, 0.2 * asked)), None)
    return Broken(f"{asked:g} s", f"{bad.seconds:.1f} s", bad.pointer) if bad else CONFORMS


def covers(exchange: Exchange) -> list[Seen]:
    """The covers of an answer that owes a video, as far as they decode."""
    return [cover for cover in exchange.covers if cover.width and cover.height] if exchange.owes_pictures else []


@clause("videos.cover", "SHOULD", "x-role: cover-url")
def cover(exchange: Exchange) -> Verdict:
    """The cover of a video is a picture, and can be fetched by whoever holds its link.

    Why: it is what people see until the video plays.
    How: every cover's link is fetched without a key, and its bytes decode.
    Do: store it beside the video, for as long.
    """
    if not exchange.covers or not exchange.owes_pictures:
        return None
    bad = next((one for one in exchange.covers if one.problem or one.trouble), None)
    return Broken("a picture", bad.problem or bad.trouble, bad.pointer) if bad else CONFORMS


@clause("videos.cover-shape", "SHOULD", "x-role: cover-url")
def cover_shape(exchange: Exchange) -> Verdict:
    """The cover of a video has its shape.

    Why: a cover of another shape jumps when the video begins.
    How: width by height of the cover against those of the video, within 8 percent.
    Do: make it of a frame.
    """
    videos = [video for video in _videos(exchange) if video.width and video.height]
    if not videos or not covers(exchange):
        return None
    wanted = videos[0].width / videos[0].height
    for one in covers(exchange):
        if abs(one.width / one.height / wanted - 1) > RATIO_TOLERANCE:
            shape = f"the shape of {videos[0].width}x{videos[0].height}"
            return Broken(shape, f"{one.width}x{one.height}", one.pointer)
    return CONFORMS
