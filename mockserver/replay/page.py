"""What a recording has been asked so far: as JSON, and as a page without scripts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from aiohttp import web

from mockserver.inspector import secured
from mockserver.replay.meaning import Meaning
from mockserver.replay.tape import Tape
from spec.documents import SPEC

_MOST = 100  # requests that nothing fitted, the newest of them
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>imageproof: a recording</title><style>{style}</style></head><body>
<h1>{title}</h1>
<p class="note">{note}</p>
<table><thead><tr><th>Recorded</th><th>Request</th><th>Answer</th><th>Played</th></tr></thead><tbody>{rows}</tbody></table>
{unknown}
</body></html>
"""
_UNKNOWN = """<h2>Asked, and not recorded</h2>
<table><thead><tr><th>Request</th><th>The nearest that was</th></tr></thead><tbody>{rows}</tbody></table>"""


@dataclass(frozen=True, slots=True)
class Miss:
    """A request that nothing on the tape fits, and what came nearest."""

    method: str
    path: str
    nearest: str


class Tally:
    """What has been asked of a tape."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._misses: deque[Miss] = deque(maxlen=_MOST)

    def missed(self, asked: Meaning, nearest: str) -> None:
        """Note a request that nothing fits."""
        self._misses.append(Miss(asked.method, asked.path, nearest))

    def rewind(self) -> None:
        """Begin anew."""
        self._tape.rewind()
        self._misses.clear()

    def told(self) -> Mapping[str, Any]:
        """All of it: entries in the order in which they were recorded, and the newest requests that nothing fitted."""
        entries = [
            {
                "entry": each.number,
                "method": each.method,
                "path": each.url.path,
                "status": each.status,
                "played": played,
            }
            for each, played in self._tape.counted()
        ]
        misses = [{"method": one.method, "path": one.path, "nearest": one.nearest} for one in self._misses]
        return {"entries": entries, "not_recorded": misses}

    def page(self) -> web.Response:
        """The same for people."""
        told, style = self.told(), (SPEC / "pages.css").read_text("utf-8")
        played = sum(bool(each["played"]) for each in told["entries"])
        rows = _rows(
            (str(each["entry"]), f"{each['method']} {each['path']}", str(each["status"]), _times(each["played"]))
            for each in told["entries"]
        )
        missed = _rows((f"{each['method']} {each['path']}", each["nearest"]) for each in told["not_recorded"])
        html = _PAGE.format(
            style=style,
            title=f"{played} of {len(told['entries'])} recorded answers were played",
            note="POST /_imageproof/reset begins anew; GET /_imageproof/journal tells this as JSON.",
            rows=rows,
            unknown=_UNKNOWN.format(rows=missed) if missed else "",
        )
        return secured(html.encode(), style)


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)


def _times(count: int) -> str:
    return {0: "not yet", 1: "once"}.get(count, f"{count} times")
