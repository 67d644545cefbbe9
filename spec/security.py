"""How the caller's key travels: which header carries it, and what stands before it there.

Read from a document's security schemes (OpenAPI 3.2, Security Scheme Object). In the language are `http` schemes of one
word and a key (`Authorization: Bearer KEY`) and `apiKey` in a header (`X-Api-Key: KEY`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spec.errors import DocumentError
from spec.language import escape

_EXPECTED = "type: http and scheme: bearer (or another word before a key), or type: apiKey, in: header and name"
_NO_KEYS = frozenset({"basic", "digest", "mutual", "negotiate"})  # what these send is no key as it is


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to send a key: the header's name, and the word before the key, "" where it stands alone."""

    header: str
    word: str = ""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key in a message's headers (names in lower case, or in any); None when there is none."""
        text = headers.get(self.header.lower())
        if text is None:
            return None
        if self.word:
            word, _, text = text.partition(" ")
            if word.lower() != self.word.lower():
                return None
        return text.strip() or None

    def text(self, key: str) -> str:
        """The header's text with this key."""
        return f"{self.word} {key}" if self.word else key


BEARER = Scheme("Authorization", "Bearer")


def key_in(schemes: Iterable[Scheme], headers: Mapping[str, str]) -> str | None:
    """The first key that headers carry in one of these ways."""
    for scheme in schemes:
        if (key := scheme.key(headers)) is not None:
            return key
    return None


def schemes_of(
    document: Mapping[str, Any], operation: Mapping[str, Any], file: str, pointer: str
) -> tuple[Scheme, ...]:
    """The ways in which an operation takes its key, one of them is enough; none where it needs no key.

    `document` has no references any more. Raises DocumentError for a way that is not in the language.
    """
    where = f"{pointer}/security" if "security" in operation else "/security"
    named = document.get("components", {}).get("securitySchemes", {})
    schemes = []
    for index, requirement in enumerate(operation.get("security", document.get("security", ()))):
        if not requirement:  # works without a key, too
            return ()
        if len(requirement) > 1:
            raise DocumentError(
                file, f"{where}/{index}", "several keys at once are not in the language", "one scheme per alternative"
            )
        [name] = requirement
        if name not in named:
            raise DocumentError(
                file, f"{where}/{index}", f"there is no security scheme {name!r}", f"one of {', '.join(named)}"
            )
        schemes.append(_scheme(named[name], file, f"/components/securitySchemes/{escape(name)}"))
    return tuple(schemes)


def _scheme(told: Mapping[str, Any], file: str, pointer: str) -> Scheme:
    match told:
        case {"type": "apiKey", "in": "header", "name": str(name)}:
            return Scheme(name)
        case {"type": "http", "scheme": str(word)} if word.islower() and word.isalpha() and word not in _NO_KEYS:
            return Scheme("Authorization", word.capitalize())
    raise DocumentError(file, pointer, "this security scheme is not in the language", _EXPECTED)
