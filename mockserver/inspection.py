"""What the mock has seen: its journal, one request as a whole, whether a request was made; and which drifts there are.

The page under `/_imageproof/` shows it to people, tests ask for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockserver.artist import Picture
from mockserver.calls import Calls, Wrong, as_json, body_of, number
from mockserver.configuration import seconds
from mockserver.curl import curl
from mockserver.journal import ANSWER, Entry, without_keys
from mockserver.verification import Pattern, Times, Verdict, judge
from spec.drifts import catalogue
from spec.errors import SpecError

if TYPE_CHECKING:
    from mockserver.app import Mock

_LIMIT, _MOST = 100, 1_000_000
_PICTURES = 4  # of a request, that a line of the journal shows
_EDGE = 160  # pixels of a thumbnail's longer side
_SUMMARY = ("model", "prompt", "count", "size")
_TEXT, _DEEP = 300, 6
_AGAIN = 0.05  # seconds
_LONGEST = 60.0
_WANTED = 'such as {"method": "POST", "path": "/v1/*", "body": {"n": 2}, "times": 1}'


class Inspection:
    """The calls that look at what one mock has seen."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock

    def calls(self) -> Calls:
        """Method, path, call, and whether anybody may call it."""
        return [
            ("GET", "/journal", self.journal, False),
            ("GET", "/journal/{id}", self.entry, False),
            ("POST", "/verify", self.verify, False),
            ("GET", "/drifts", self.drifts, False),
        ]

    async def journal(self, http: web.BaseRequest) -> Any:
        """The newest entries, oldest first: `operation`, `status`, `since` (Unix seconds), `limit`."""
        wanted = dict(http.query)
        if unknown := wanted.keys() - {"operation", "status", "since", "limit"}:
            raise Wrong(f"unknown filter {min(unknown)!r}", "query", "operation, status, since or limit")
        status = number(wanted, "status", int)
        since = number(wanted, "since", float)
        limit = number(wanted, "limit", int)
        limit = _LIMIT if limit is None else min(int(limit), _MOST)
        if wanted.keys() <= {"limit"}:
            kept = (await self._mock.state.holds())["journal"]
            shown = await self._mock.journal.newest(limit)
        else:
            found = [
                entry
                for entry in await self._mock.journal.entries()
                if (status is None or entry.status == status)
                and (since is None or entry.at >= since)
                and wanted.get("operation", entry.operation) == entry.operation
            ]
            kept, shown = len(found), found[-limit:] if limit else []
        lines = [self._line(entry) for entry in shown]
        await self._settle()
        return {"found": kept, "entries": lines}

    async def entry(self, http: web.BaseRequest) -> Any:
        """One request as a whole, with what it looked like as `curl`."""
        id_ = http.path.rpartition("/")[2]
        entries = await self._mock.journal.entries()
        entry = next((entry for entry in reversed(entries) if entry.request_id == id_), None)
        if entry is None:
            message = f"no request {id_!r}: it was not made, or it has made room for newer ones"
            raise Wrong(message, "path", "a request_id of GET /_imageproof/journal", 404)
        endpoint = self._mock.endpoint_of(entry)
        scheme = next(iter(endpoint.operation.schemes), None) if endpoint is not None else None
        head, _, body = entry.answer.partition(b"\r\n\r\n")
        told = {
            **self._line(entry, len(entry.made)),
            "asked": {role: _plain(value) for role, value in self._mock.asked_by(entry).items()},
            "media": entry.media,
            "size": entry.size,
            "cut": entry.cut,
            "body": entry.body.decode("utf-8", "replace"),
            "answer": {
                "head": without_keys(head.decode("utf-8", "replace")),
                "body": without_keys(body.decode("utf-8", "replace")),
                "cut": len(entry.answer) >= ANSWER,
            },
            "curl": curl(entry, f"{http.scheme}://{http.host}", scheme),
        }
        await self._settle()
        return told

    async def verify(self, http: web.BaseRequest) -> Any:
        """Whether requests that fit a pattern were made as often as `times` says: 200, or 406 and what came nearest."""
        given = await body_of(http, _WANTED)
        times = Times.read(given.pop("times")) if "times" in given else Times()
        try:
            within = seconds(given.pop("within", 0.0))
        except (SpecError, TypeError):
            raise Wrong("no time to wait", "/within", "seconds, or a duration such as 2s") from None
        pattern = Pattern(given, self._mock.asked_by)
        verdict = await self.verdict(pattern, times, min(within, _LONGEST))
        told = {
            "held": verdict.held,
            "found": len(verdict.found),
            "expected": str(times),
            "looked_at": verdict.kept,
            "forgotten": verdict.forgotten,
            "entries": [self._line(entry) for entry in verdict.found[-_LIMIT:]],
            "nearest": [
                {"entry": self._line(near.entry), "differs": [miss._asdict() for miss in near.misses]}
                for near in verdict.nearest
            ],
            "explanation": verdict.explain(),
        }
        await self._settle()
        return as_json(told, 200 if verdict.held else 406)

    async def verdict(self, pattern: Pattern, times: Times, within: float = 0.0) -> Verdict:
        """Look through the journal, again and again for so many seconds until it is as expected.

        An upper limit holds when they are over: only then has nothing more come.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        while True:
            entries = await self._mock.journal.entries()
            holds = await self._mock.state.holds()
            verdict = judge(pattern, times, entries, max(0, holds["requests"] - holds["journal"]))
            if verdict.settled or loop.time() >= until:
                return verdict
            await asyncio.sleep(_AGAIN)

    async def drifts(self, _: web.BaseRequest) -> Any:
        """Every drift there is, and whether it is switched on; of those with the same `switch` only one can be."""
        settings = self._mock.settings
        on = {use.drift.id: use.parameters for use in (*settings.profile.drifts, *settings.drifts)}
        return {
            id_: {
                "class": known.kind,
                "title": known.title,
                "contract": known.contract,
                "observed": known.observed,
                "switch": known.switch,
                "clause": known.clause,
                "with": {**known.defaults, **on.get(id_, {})},
                "on": id_ in on,
            }
            for id_, known in catalogue().items()
        }

    def _line(self, entry: Entry, pictures: int = _PICTURES) -> dict[str, Any]:
        """A request in short."""
        asked = self._mock.asked_by(entry)
        told = {name: getattr(entry, name) for name in _FIELDS}
        return {
            **told,
            "verdict": verdict_on(entry),
            "asked": {role: _plain(asked[role]) for role in _SUMMARY if asked.get(role) is not None},
            "made": len(entry.made),
            "pictures": self._pictures(entry.made[:pictures]),
        }

    def _pictures(self, made: Sequence[Picture | str]) -> list[dict[str, Any]]:
        """Where pictures can be seen, small and as they are."""
        return [
            {"thumbnail": one, "link": one}
            if isinstance(one, str)
            else {
                "thumbnail": self._link(small(one)),
                "link": self._link(one),
                "width": one.width,
                "height": one.height,
                "format": one.format,
            }
            for one in made
        ]

    def _link(self, picture: Picture) -> str:
        """A link that stays the same for half of the time for which links are good, so that browsers need one look."""
        now, lasts = self._mock.clock(), self._mock.settings.url_seconds
        return self._mock.pictures.promise(picture, now if lasts is None else now - now % (lasts / 2))

    async def _settle(self) -> None:
        if self._mock.state.unsettled:
            await self._mock.state.settle()


_FIELDS = [name for name in Entry.__slots__ if name not in ("media", "body", "size", "made", "answer")]


def verdict_on(entry: Entry) -> str:
    """What came of a request, in one word: `fault`, `left`, `refused`, `drift` or `valid`."""
    if entry.fault:
        return "fault"
    if entry.status == 0:
        return "left"
    if entry.problem:
        return "refused"
    return "drift" if entry.drifts else "valid"


def small(picture: Picture) -> Picture:
    """The same picture drawn small, which is quicker than drawing it and making it smaller."""
    scale = min(1.0, _EDGE / max(picture.width, picture.height))
    width, height = (max(1, round(edge * scale)) for edge in (picture.width, picture.height))
    layout = "grid" if picture.layout == "grid" else "small"  # of what moves the first frame
    return replace(picture, width=width, height=height, format="webp", compression=80, frames=1, layout=layout)


def _plain(value: Any, depth: int = 0) -> Any:
    """A role's value as JSON, long texts cut, and what lies deep left out."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
    if isinstance(value, Mapping | list) and depth > _DEEP:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _plain(held, depth + 1) for key, held in value.items()}
    if isinstance(value, list):
        return [_plain(held, depth + 1) for held in value]
    return value if isinstance(value, int | float | bool | None) else str(value)
