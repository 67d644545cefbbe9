"""The addresses a document prints: taken apart without complaint, whatever stands there."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ADDRESS = re.compile(r"(?:(https?)://([^/?#]*))?([^?#]*)(?:\?([^#]*))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL or the path of one; `server` is scheme and authority, empty without a host."""

    server: str
    path: str
    query: str

    @classmethod
    def of(cls, text: str) -> Address:
        """The parts of a printed address."""
        match = _ADDRESS.match(text.strip())
        scheme, authority, path, query = match.groups("") if match else ("", "", text, "")
        return cls(f"{scheme}://{authority}" if authority else "", path, query)

    @property
    def host(self) -> str:
        """The host, empty without one."""
        return self.server.partition("://")[2].rpartition("@")[2].partition(":")[0].lower()

    def asks(self, name: str) -> bool:
        """Whether the query has a parameter of this name."""
        return name in (pair.partition("=")[0] for pair in self.query.split("&"))
