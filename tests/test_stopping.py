"""Being stopped: once to end in order, twice to end at once, and never what is not to be heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from spec import stopping

_TWICE = """
import os, signal, time
from spec import stopping
with stopping.in_order("that was all"):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    except KeyboardInterrupt:
        print("in order", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")


def test_who_is_stopped_twice_ends_at_once_and_says_so() -> None:
    result = subprocess.run([sys.executable, "-c", _TWICE], capture_output=True, text=True, timeout=10)
    assert (result.returncode, result.stdout) == (130, "in order\n")
    assert result.stderr == "imageproof: that was all\n"


def test_what_is_not_heard_before_is_not_heard_inside_and_all_is_as_before_afterwards() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    heard = signal.getsignal(signal.SIGINT)
    try:
        with stopping.at_once(), stopping.in_order(""):
            os.kill(os.getpid(), signal.SIGTERM)
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == (signal.SIG_IGN, heard)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_may_be_told_too_and_hears_nothing() -> None:
    done: list[bool] = []

    def work() -> None:
        with stopping.in_order(""):
            stopping.over()
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(5)
    assert done == [True]
    assert signal.getsignal(signal.SIGTERM) != signal.SIG_IGN
