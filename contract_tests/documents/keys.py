"""Keys in a document: told from placeholders, and masked wherever something of the document is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

_KEY = re.compile(r"\b(?:(?:sk|rk|r8|hf|gsk|xai)[-_][A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,})")
_PLACEHOLDER = re.compile(r"your|x{3}|example|placeholder|dummy|fake|1234|abcd", re.IGNORECASE)
_KEPT = 5  # letters that tell which key it is


def keys_in(text: str) -> Iterator[re.Match[str]]:
    """What looks like a key that works: the prefix of a known kind, letters and digits by chance."""
    for match in _KEY.finditer(text):
        if not _PLACEHOLDER.search(match[0]) and sum(map(str.isdigit, match[0])) > 1 and len(set(match[0])) > 9:
            yield match


def masked(text: str) -> str:
    """`text` with every key cut to its first letters."""
    for key in {match[0] for match in keys_in(text)}:
        text = text.replace(key, f"{key[:_KEPT]}…")
    return text
