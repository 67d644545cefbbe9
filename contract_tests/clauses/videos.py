"""Clauses about pictures that move: a promised video is one, moves, and lasts as long as was asked for."""

from __future__ import annotations

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
