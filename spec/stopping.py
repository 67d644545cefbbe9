"""Being stopped, by Ctrl-C or by the SIGTERM of a CI: once to end in order, twice to end at once, never a traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def at_once(told: str = "interrupted") -> Iterator[None]:
    """In this block whoever stops the process ends it there and then, told so in a line: exit code 130."""
    with _handled(_ending(told)):
        yield


@contextmanager
def in_order(told: str) -> Iterator[None]:
    """In this block the first to stop it raises KeyboardInterrupt, the second ends the process at once and is `told`.

    SIGTERM, with which CI stops a job, does what Ctrl-C does.
    """

    def first(_: int, __: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, _ending(told))
        raise KeyboardInterrupt

    with _handled(first):
        yield


def over() -> None:
    """Let nobody stop what has been stopped: the process only has to leave."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _ending(told: str) -> Handler:
    def end(_: int, __: FrameType | None) -> None:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"imageproof: {told}\n".encode())
        os._exit(_INTERRUPTED)

    return end


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """Signals that are ignored, as in the background, stay so; only the main thread may handle any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in heard.items():
            signal.signal(number, old)
