"""Running a mock: in the foreground until a signal, or in a thread of its own for use from Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mockserver.app import Mock
from mockserver.configuration import changed
from mockserver.inspection import Inspection
from mockserver.journal import Entry
from mockserver.serving import ThreadedServer, serve_until_told
from mockserver.settings import Settings
from mockserver.verification import NotSo, Times, pattern_of
from spec.errors import SpecError


def serve(settings: Settings, ready: Callable[[Mock, str], Any]) -> None:
    """Serve until SIGINT or SIGTERM, then let running requests finish; a second signal does not wait for them.

    `ready(mock, url)` is called once it listens. Raises CannotListen, StateLost.
    """
    serve_until_told(lambda: Mock(settings), ready)


class MockServer(ThreadedServer[Mock]):
    """A mock in a thread of its own.

    >>> with MockServer(Settings(port=0)) as server:
    ...     server.url
    'http://127.0.0.1:...'

    `clock` tells the mock what time it is, in Unix seconds.
    """

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings(port=0)
        super().__init__(Mock(self.settings, clock))
        self.mock = self.application

    @property
    def journal(self) -> list[Entry]:
        """What was asked since the last reset, oldest first."""
        return self.result_of(self.mock.state.journal.entries())

    def requests(self, **wanted: Any) -> list[Entry]:
        """What was asked and fits, oldest first.

        >>> server.requests(operation="createImage", status=200, model="gpt-image-2", prompt=re.compile("fox"))

        `method`, `path` (stars stand for anything), `operation`, `family`, `status`, `problem`, `fault`, `drift` and
        `request_id` are about the request, every other name about its body; `body`, `query` and `asked` take
        dictionaries, `asked` by role. A value is meant as it is; patterns are searched for; `{"contains": ...}` and
        other words are told in docs/inspector.md. Raises SpecError for what cannot be understood.
        """
        pattern = pattern_of(wanted, self.mock.asked_by)
        return [entry for entry in self.journal if not pattern.misses(entry)]

    def verify(
        self,
        *,
        times: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        within: float = 0.0,
        **wanted: Any,
    ) -> list[Entry]:
        """The requests that fit, as `requests` takes it; at least one, unless another number is given.

        Looks again for `within` seconds. Raises NotSo, an AssertionError that tells which request came nearest.
        """
        __tracebackhide__ = True  # a test that fails shows its own line and the sentence
        try:
            pattern, expected = pattern_of(wanted, self.mock.asked_by), Times.of(times, at_least, at_most)
        except (SpecError, ValueError) as error:
            raise error.with_traceback(None) from None
        verdict = self.result_of(Inspection(self.mock).verdict(pattern, expected, within), within)
        if not verdict.held:
            raise NotSo(verdict.explain())
        return list(verdict.found)

    def reset(self) -> None:
        """As it was when it started: settings and clock, no tasks, uploads and journal; done when this returns."""

        async def forget() -> None:
            self.mock.reset()
            await self.mock.state.settle()

        self.result_of(forget())

    def configure(self, **changes: Any) -> None:
        """Change drifts, faults, latency, rate_limits, blocked, quota_images, task_seconds or task_polls.

        >>> server.configure(faults=["html:status=502,first=10"], drifts=[])

        Values as the control API takes them; what is not named stays. Raises SpecError, and then nothing has changed.
        """

        async def change() -> None:
            self.mock.configure(changed(self.mock.settings, changes), changes)

        __tracebackhide__ = True
        try:
            self.result_of(change())
        except SpecError as error:
            raise error.with_traceback(None) from None

    def advance(self, seconds: float) -> None:
        """Move the mock's clock on: tasks go on, rate limits let in again. Raises ValueError below 0."""

        async def advance() -> None:
            self.mock.clock.advance(seconds)
            self.mock.callbacks.wake()

        self.result_of(advance())
