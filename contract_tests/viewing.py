"""Looking at the pictures an answer brings: those in it are decoded, those behind links fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from contract_tests.connection import Connection, CouldNotLook, Outgoing
from contract_tests.seen import Seen, decode_base64, look, unreachable
from spec.language import LINK_ROLES
from spec.messages import media_type, part_at
from spec.reader import Meaning

_LARGEST_TWICE = 16 * 1024 * 1024
_MARKDOWN_LINK = re.compile(r"!\[[^\]]*\]\(\s*<?([^\s)>]+)")


@dataclass(eq=False)
class Viewer:
    """Looks at pictures; what is behind links comes over the connection. Nothing it tells holds a secret."""

    connection: Connection

    def look_at_all(self, found: Iterable[Meaning], value: Any) -> list[Seen]:
        """Every picture these meanings of a body stand for; `value` is the body as it came."""
        # The link as it came: where it repeats the key, the redacted one leads nowhere.
        return [
            self._redacted(self._look(meaning.role, meaning.pointer, part_at(value, meaning.pointer) or meaning.raw))
            for meaning in found
        ]

    def twice(self, pictures: list[Seen], value: Any) -> list[Seen]:
        """The pictures, the first one behind a link looked at again: a link is good for more than one look."""
        for place, picture in enumerate(pictures):
            if picture.role in LINK_ROLES and picture.format and len(picture.data) < _LARGEST_TWICE:
                raw = part_at(value, picture.pointer) or picture.raw
                again = self._redacted(self._look(picture.role, picture.pointer, raw))
                if again.problem or again.data != picture.data:
                    other = f"{len(again.data)} other bytes ({again.format or 'no picture'})"
                    pictures[place] = replace(picture, again=again.problem or other)
                break
        return pictures

    def _look(self, role: str, pointer: str, raw: Any) -> Seen:
        if not isinstance(raw, str) or not raw:
            return unreachable(role, pointer, str(raw), "it is empty" if raw == "" else f"it is no text but {raw!r}")
        if role == "image-markdown":
            if not (link := _MARKDOWN_LINK.search(raw)):
                return unreachable(role, pointer, raw, f"no ![...](link) in {self.connection.redact.text(raw)[:80]!r}")
            raw = link[1]
        if role == "image-b64" or raw.startswith("data:"):
            data, complaint = decode_base64(raw)
            return (
                look(role, pointer, raw, data) if data else unreachable(role, pointer, raw, complaint or "it is empty")
            )
        if not raw.startswith(("http://", "https://")):
            return unreachable(role, pointer, raw, f"{self.connection.redact.text(raw)[:80]!r} is no absolute http URL")
        try:
            # No key: the link may lead to another host, and a link that needs one is of no use to a caller.
            answer = self.connection.ask(Outgoing("GET", raw, allow_redirects=True))
        except CouldNotLook as error:
            return unreachable(role, pointer, raw, str(error))
        if answer.status != 200 or answer.broken:
            told = f"GET {self.connection.redact.text(raw)[:120]}"
            return unreachable(role, pointer, raw, f"{told} {answer.broken or f'answers {answer.status}'}")
        return look(role, pointer, raw, answer.body, media_type(answer.headers.get("content-type", "")))

    def _redacted(self, seen: Seen) -> Seen:
        text = self.connection.redact.text
        return replace(
            seen, raw=text(seen.raw), problem=text(seen.problem), trouble=text(seen.trouble), notes=text(seen.notes)
        )
