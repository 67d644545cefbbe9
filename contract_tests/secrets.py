"""Secrets stay secret: everything that is kept or shown goes through a Redactor first."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "<key>"
#: headers that carry a secret whatever it is called: `Authorization`, `Set-Cookie`, `X-Api-Key`, `X-Goog-Api-Key` ...
_SENSITIVE = re.compile(r"(.*[-_])?(authorization|cookie|api-?key|key|token|secret)", re.IGNORECASE)
_SHORTEST = 6  # a shorter "key" would be found everywhere


class Redactor:
    """Replaces known secrets, and what looks like a key, by a mask."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        self._secrets = sorted(found, key=len, reverse=True)
        self._bytes = [secret.encode() for secret in self._secrets]

    def text(self, text: str) -> str:
        """`text` without secrets; user and password of a URL go too."""
        return re.sub(r"(https?://)[^/@\s]+@", r"\1", self._masked(text))

    def data(self, data: bytes) -> bytes:
        """`data` without secrets."""
        for secret in self._bytes:
            if secret in data:
                data = data.replace(secret, MASK.encode())
        return data

    def value(self, value: Any) -> Any:
        """A JSON value without secrets, names of properties included."""
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self._masked(name): self.value(inner) for name, inner in value.items()}
        return value

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of an answer to keep: sensitive ones masked whole."""
        return {
            self._masked(name): MASK if _SENSITIVE.fullmatch(name) else self.text(value)
            for name, value in headers.items()
        }

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, and as URLs, JSON, pages, Python and lower-cased header names write it."""
    for form in (secret, secret.lower()):
        yield repr(form.encode())[2:-1]
        yield from (form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1], html.escape(form))
        for quoted in (quote(form, safe=""), quote(form), quote_plus(form)):
            yield from (quoted, re.sub("%..", lambda escape: escape[0].lower(), quoted))
