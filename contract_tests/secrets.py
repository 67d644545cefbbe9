"""Secrets stay secret: everything that is kept or shown goes through a Redactor first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

MASK = "<key>"
_SENSITIVE = frozenset(
    {"authorization", "cookie", "set-cookie", "api-key", "x-api-key", "mj-api-secret", "proxy-authorization"}
)
_SHORTEST = 6  # a shorter "key" would be found everywhere


class Redactor:
    """Replaces known secrets, and what looks like a key, by a mask."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {secret for secret in secrets if len(secret) >= _SHORTEST}
        self._secrets = sorted({*found, *(quote(secret, safe="") for secret in found)}, key=len, reverse=True)
        self._bytes = [secret.encode() for secret in self._secrets]

    def text(self, text: str) -> str:
        """`text` without secrets; user and password of a URL go too."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return re.sub(r"(https?://)[^/@\s]+@", r"\1", text)

    def data(self, data: bytes) -> bytes:
        """`data` without secrets."""
        for secret in self._bytes:
            if secret in data:
                data = data.replace(secret, MASK.encode())
        return data

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of an answer to keep: sensitive ones masked whole."""
        return {name: MASK if name.lower() in _SENSITIVE else self.text(value) for name, value in headers.items()}
