"""What belongs to no operation: paths nobody documents, methods a path does not have, requests that broke the mock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from aiohttp import web

from mockserver.control import ROOT, Control
from mockserver.journal import ANSWER, Entry, address
from mockserver.replies import Refusal, Scribe
from mockserver.response import beginning, whole
from spec.contract import Contract

if TYPE_CHECKING:
    from mockserver.app import Mock

log = logging.getLogger("imageproof.mock")
_NEARLY = 0.9
_TOLD = 200  # letters of a path
_HINTS = 5  # then whoever asks knows, or means it


class Elsewhere:
    """The answers of one mock to what none of its operations takes."""

    def __init__(self, mock: Mock, scribes: Sequence[tuple[Contract, Scribe]], control: Control) -> None:
        self._mock = mock
        self._scribes = scribes
        self._control = control
        self._hinted: set[tuple[str, str]] = set()

    def answer(
        self, http: web.BaseRequest, refusal: Refusal, methods: frozenset[str] = frozenset()
    ) -> web.StreamResponse:
        """The documented answer to a problem that belongs to no operation, in the words of the nearest family.

        Below the control API's root in its own words: that is no request to the provider. A browser that is shown the
        mock's address is led to its page.
        """
        if is_control(http.path):
            status = {"unknown-route": 404, "wrong-method": 405}.get(refusal.problem, 500)
            return self._control.elsewhere(http, status, methods)
        if http.path == "/" and http.method == "GET" and "text/html" in http.headers.get("Accept", ""):
            return web.Response(status=302, headers={"Location": f"{ROOT}/"})
        contract, scribe = max(self._scribes, key=lambda pair: _nearness(pair[0], http.path))
        request_id = self._mock.request_id(contract.ids.get("request-id", ""))
        reply = scribe.refusal(self._mock.plan.refusal(refusal), None, request_id)
        if methods:
            reply.headers["Allow"] = ", ".join(sorted(methods))
        if self._mock.cors is not None:
            reply.headers.update(self._mock.cors.headers(http))
        if refusal.problem == "unknown-route":
            self._hint(http)
        known = ", ".join(operation.label for operation in contract.operations)
        answer = whole(reply, request_id)
        self._mock.journal.add(
            Entry(
                request_id,
                self._mock.clock(),
                http.method,
                address(http.raw_path),
                "",
                reply.status,
                0.0,
                reply.problem,
                f"known: {known}",
                answer=beginning(answer, ANSWER),
            )
        )
        return answer

    def _hint(self, http: web.BaseRequest) -> None:
        """Say in the log what was perhaps meant: the answer, as the real one, has not a word about it."""
        asked = (http.method, http.path)
        if asked in self._hinted or len(self._hinted) >= _HINTS:
            return
        self._hinted.add(asked)
        if near := self._meant(*asked):
            told = address(http.raw_path)[:_TOLD]
            log.warning("%s %s: nothing is served there; perhaps %s is meant", http.method, told, near)

    def _meant(self, method: str, path: str) -> str:
        """The operation that was perhaps meant: one that ends alike, or reads nearly so; empty where none does."""
        labels = [operation.label for contract, _ in self._scribes for operation in contract.operations]
        end = path.rstrip("/").rpartition("/")[2]
        alike = [label for label in labels if label.startswith(f"{method} ") and label.endswith(f"/{end}")]
        return next(iter(alike or get_close_matches(f"{method} {path}", labels, n=1, cutoff=_NEARLY)), "")


def is_control(path: str) -> bool:
    """Whether a path is the mock's own, not its provider's."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def _nearness(contract: Contract, path: str) -> int:
    parts = path.split("/")

    def shared(template: str) -> int:
        return next((i for i, (a, b) in enumerate(zip(template.split("/"), parts, strict=False)) if a != b), len(parts))

    return max(shared(operation.path) for operation in contract.operations)
