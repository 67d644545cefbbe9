"""A recording as a server: status, headers, bytes, framing and order as they were recorded, the date aside."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from mockserver.caller import waits
from mockserver.connection import AtOnce
from mockserver.cors import Cors
from mockserver.latency import Latency
from mockserver.relay import AsItCame, end_to_end, explained
from mockserver.replay.meaning import Meaning, meaning_of
from mockserver.replay.page import Tally
from mockserver.replay.tape import Tape, Track
from mockserver.settings import MEBIBYTE
from spec import events
from spec.messages import media_type
from spec.recordings.reading import Recorded
from spec.recordings.redactor import Redactor
from spec.recordings.secrets import MASK, secrets_in, secrets_of

log = logging.getLogger("imageproof.replay")
HEADER = "imageproof-replay"
ROOT = "/_imageproof"
_EVENT = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)")
#: about the bytes that went over the wire, which are kept without their encoding; or about another day
_OF_THE_WIRE = ("content-encoding", "content-length", "date")


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How a recording is played: `latency` before each answer, `event_interval` seconds between events.

    `cors`: the origin whose pages may call it, `*` for any; None: what was recorded says that.
    """

    host: str = "127.0.0.1"
    port: int = 4010
    latency: Latency = Latency()  # noqa: RUF009 - it never changes
    event_interval: float = 0.0
    max_body: int = 64 * MEBIBYTE
    cors: str | None = None


class Player:
    """Plays a recording."""

    at_once = AtOnce()
    server_options: Mapping[str, Any] = {}

    def __init__(self, settings: ReplaySettings, recorded: Iterable[Recorded]) -> None:
        self.settings = settings
        self.tape = Tape(recorded)
        self._asked = Tally(self.tape)
        self._cors = Cors(settings.cors) if settings.cors else None
        self._random = random.Random(0)

    async def open(self) -> None:
        """Nothing needs to be opened."""

    async def close(self) -> None:
        """Nothing is left to do."""

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """The answer that was recorded to a request like this, or what is the nearest."""
        if http.path == ROOT or http.path.startswith(f"{ROOT}/"):
            return self._control(http)
        if self._cors is not None and http.method == "OPTIONS":
            return self._cors.preflight(http, self.tape.methods(http.path))
        try:
            asked = await _meaning(http)
        except web.HTTPRequestEntityTooLarge:
            return explained(413, f"imageproof: more than {self.settings.max_body:,} bytes", {HEADER: "no match"})
        except (web.RequestPayloadError, ConnectionError):
            return explained(400, "imageproof: the request broke off, or its framing is broken", {HEADER: "no match"})
        track = self.tape.find(asked)
        if track is None:
            return self._unknown(asked, http)
        recorded = track.next()
        if self.settings.latency:
            await waits(http, self.settings.latency.draw(self._random))
        return await self._play(http, track, recorded)

    def _control(self, http: web.BaseRequest) -> web.Response:
        """What has been asked so far, and beginning anew."""
        asked = (http.method, http.path.removeprefix(ROOT).removesuffix("/"))
        if asked == ("POST", "/reset"):
            self._asked.rewind()
            return web.Response(status=204)
        if asked == ("GET", "/journal"):
            return web.json_response(self._asked.told())
        if asked == ("GET", ""):
            return self._asked.page()
        known = f"GET {ROOT}/, GET {ROOT}/journal, POST {ROOT}/reset"
        return explained(404, f"imageproof: a recording has {known}", {HEADER: "no match"})

    def _unknown(self, asked: Meaning, http: web.BaseRequest) -> web.StreamResponse:
        nearest = self.tape.nearest(asked)
        told = f"The nearest is {nearest}" if nearest else "The recording holds no answer at all"
        self._asked.missed(asked, str(nearest or "nothing at all"))
        text = f"{asked.method} {asked.path} was not recorded so. {told}."
        log.warning(text)
        cors = {} if self._cors is None else self._cors.headers(http)
        return explained(404, f"imageproof: {text}", {HEADER: "no match", **cors})

    async def _play(self, http: web.BaseRequest, track: Track, recorded: Recorded) -> web.StreamResponse:
        headers = _headers(recorded)
        turn = min(track.played, len(track.recorded))
        headers[HEADER] = f"entry {recorded.number}, {turn} of {len(track.recorded)}"
        if self._cors is not None:
            for name in [name for name in headers if name.lower().startswith("access-control-")]:
                headers.popall(name, None)
            headers.update(self._cors.headers(http))
        parts = _parts(recorded, headers)
        response = AsItCame(status=recorded.status, reason=recorded.reason or None, headers=headers)
        if parts is None:
            parts = [recorded.answer]
            if not _is_head(recorded):
                response.content_length = len(recorded.answer)
        await response.prepare(http)
        for number, part in enumerate(parts):
            if number and self.settings.event_interval:
                await waits(http, self.settings.event_interval)
            if part and http.method != "HEAD":
                await response.write(part)
        await response.write_eof()
        return response


async def _meaning(http: web.BaseRequest) -> Meaning:
    """What a request means; its own secrets are masked as they were when it was recorded."""
    redact = Redactor()
    redact.learn(secrets_of(http.headers.items(), http.query.items()))
    query = [(redact.text(name), redact.text(value)) for name, value in http.query.items()]
    read = await http.read()
    redact.learn(secrets_in(read))
    body = redact.data(read)
    return meaning_of(http.method, redact.text(http.path), query, body, http.headers.get("content-type", ""))


def _headers(recorded: Recorded) -> CIMultiDict[str]:
    told = CIMultiDict(
        (name, text)
        for name, lines in recorded.headers
        for text in lines.splitlines() or [""]  # as browsers have several of one name
        if not name.startswith(":") and text != MASK
    )
    headers = end_to_end(told)
    of_the_wire = ("date",) if _is_head(recorded) else _OF_THE_WIRE
    for name in (*of_the_wire, *(name for name in headers if name.lower().startswith("imageproof-"))):
        headers.popall(name, None)
    return headers


def _is_head(recorded: Recorded) -> bool:
    """Whether the headers are about a body that was not sent (RFC 9110, 8.6)."""
    return recorded.method == "HEAD" or recorded.status == HTTPStatus.NOT_MODIFIED


def _parts(recorded: Recorded, headers: Mapping[str, str]) -> Sequence[bytes] | None:
    """The chunks of an answer that came in chunks: of a stream, one for each event; None for one with a length."""
    if media_type(headers.get("content-type", "")) == events.MEDIA_TYPE:
        return [part for part in _EVENT.split(recorded.answer) if part]
    chunked = any(name.lower() == "transfer-encoding" for name, _ in recorded.headers)
    return [recorded.answer] if chunked else None
