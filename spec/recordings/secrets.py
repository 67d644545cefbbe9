"""Secrets stay secret: everything that is kept or shown goes through a Redactor first."""

from __future__ import annotations

import base64
import contextlib
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from itertools import product
from typing import Any, AnyStr
from urllib.parse import unquote

from spec.recordings.pictures import is_binary, without_secrets

MASK = "<key>"
#: headers that carry a secret whatever it is called: `Authorization`, `Set-Cookie`, `X-Api-Key`, `X-Goog-Api-Key` ...
_SENSITIVE = re.compile(r"(.*[-_])?(authorization|cookie|api-?key|key|token|secret|password)", re.IGNORECASE)
_PARAMETER = re.compile(r"(([^?&=#]+)=)([^&#]*)")
_MOST_LEARNED = 256
_SCHEMES = frozenset({"basic", "bearer", "digest", "key", "token"})  # words before a key
_WORD = re.compile(r"[A-Za-z]{1,19}")  # what people use for a key where none is needed
#: each begins with a literal: only then does the engine skip fast over the megabytes of a picture
_IN_BODIES = tuple(
    map(
        re.compile,
        (
            rb'"(?i:api_?key|access_?token|secret_?key|password|authorization)"\s*:\s*"([^"\\\s]{6,512})"',
            rb'name="(?i:api_?key|key|token|secret|password)"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{6,512})\r\n--',
            rb"sk-[\w-]{20,512}",
        ),
    )
)
_SHORTEST = 6  # a shorter "key" would be found everywhere
_SHORTEST_PICTURE = 256  # letters of base64
_SHORTEST_BASE64 = 8  # letters; fewer stand somewhere in every large picture by chance
_RUN = rf"[A-Za-z0-9+/=_-]{{{_SHORTEST_BASE64},}}"  # what may be base64
_PNG_RUN = b"iVBORw0KGgo"  # begins base64 of what may hold compressed texts
_RUNS, _DATA_RUNS = re.compile(_RUN), re.compile(_RUN.encode())
_TELLING = 12  # a longer one is nowhere by chance


def is_sensitive(name: str) -> bool:
    """Whether a header or parameter of this name carries a secret."""
    return _SENSITIVE.fullmatch(name) is not None


def secrets_of(headers: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]] = ()) -> Iterator[str]:
    """The secrets that the headers and the query of a message carry: keys, tokens, cookies, passwords.

    `Authorization: Bearer KEY` gives KEY, `Basic` also the password inside.
    """
    for name, value in (*headers, *query):
        if not is_sensitive(name):
            continue
        if name.lower().endswith("cookie"):
            pairs = value.split(";") if name.lower() == "cookie" else [value.partition(";")[0]]
            yield from (pair.partition("=")[2].strip() for pair in pairs)
            continue
        word, _, rest = value.strip().partition(" ")
        if rest or word.lower() not in _SCHEMES:
            yield rest.strip() or word
        if word.lower() == "basic":
            with contextlib.suppress(ValueError):
                told = base64.b64decode(rest, validate=True).decode("utf-8", "replace")
                yield from (told, told.partition(":")[2])


def secrets_in(body: bytes) -> Iterator[str]:
    """What in a body is called a key, or looks like one, as some clients and answers have it."""
    for pattern in _IN_BODIES:
        for found in pattern.finditer(body):
            yield found[found.lastindex or 0].decode("utf-8", "replace")


class Redactor:
    """Replaces known secrets by a mask, however they are written: as they are, escaped, or inside base64.

    What is judged keeps the base64 of pictures whole, or a picture whose metadata holds the key would not decode. It
    goes through `text`, `data` or `value` before it is shown or written.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._given = frozenset(secret for secret in secrets if len(secret) >= _SHORTEST)
        self._learned: list[str] = []
        self._know()

    def learn(self, secrets: Iterable[str]) -> None:
        """Replace these, too, from now on; of those learned, the last few hundred."""
        new = [secret for secret in secrets if len(secret) >= _SHORTEST and secret not in self._learned]
        if new:
            self._learned = [*self._learned, *dict.fromkeys(new)][-_MOST_LEARNED:]
            self._know()

    def _know(self) -> None:
        # A mere word, learned from a header, is masked where it stands alone: it may be part of many others.
        words = {secret for secret in self._learned if _WORD.fullmatch(secret)} - self._given
        known = sorted({*self._given, *self._learned} - words, key=len, reverse=True)
        written = [*map(_written, known), *(rf"(?<![\w/-]){_written(word)}(?![\w/-])" for word in sorted(words))]
        self._patterns = [re.compile(pattern) for pattern in written]
        self._data_patterns = [re.compile(pattern.encode()) for pattern in written]
        self._telling = [re.compile(_written(secret).encode()) for secret in known if len(secret) >= _TELLING]
        self._encoded = sorted({form for secret in known for form in _inside_base64(secret)}, key=len, reverse=True)
        self._encoded_data = [form.encode() for form in self._encoded]

    def text(self, text: str) -> str:
        """`text` without secrets; user and password of a URL go too."""
        return re.sub(r"(https?://)[^/@\s]+@", r"\1", self._masked(text))

    def data(self, data: bytes) -> bytes:
        """`data` without secrets; a picture that held some in its metadata still is that picture."""
        if any(form in data for form in (_PNG_RUN, *self._encoded_data)):
            data = _DATA_RUNS.sub(self._recoded, data)
        if is_binary(data):
            return without_secrets(data, self.judged_data, self._alike)
        return self.judged_data(data)

    def _recoded(self, run: re.Match[bytes]) -> bytes:
        """Base64 without secrets: the same picture where it is one, else without their letters."""
        told = run[0]
        if not told.startswith(_PNG_RUN) and not any(form in told for form in self._encoded_data):
            return told
        altchars = b"-_" if b"-" in told or b"_" in told else b"+/"
        with contextlib.suppress(ValueError):
            held = base64.b64decode(told, altchars, validate=True)
            if is_binary(held):
                told = base64.b64encode(without_secrets(held, self._alike, self._alike), altchars)
        return _masked_in(told, self._encoded_data, MASK.encode())

    def _alike(self, data: bytes) -> bytes:
        """`data` without secrets, and as long as before."""
        for pattern in self._data_patterns:
            data = pattern.sub(lambda found: MASK.encode().ljust(len(found[0]), b"*"), data)
        return data

    def url(self, url: str) -> str:
        """A URL without secrets: a parameter that is called like one loses its value, too."""
        return _PARAMETER.sub(
            lambda found: found[1] + (MASK if is_sensitive(unquote(found[2])) else found[3]), self.text(url)
        )

    def told(self, *texts: bytes) -> bool:
        """Whether one of the texts holds a secret, and not a word that somebody uses for a key."""
        return any(pattern.search(text) for pattern in self._telling for text in texts)

    def value(self, value: Any) -> Any:
        """A JSON value without secrets, names of properties included."""
        return _mapped(value, self._masked)

    def judged_data(self, data: bytes) -> bytes:
        """The body of an answer, as clauses see it."""
        if any(form in data for form in self._encoded_data):
            data = _DATA_RUNS.sub(partial(_unless_picture, forms=self._encoded_data, mask=MASK.encode()), data)
        for pattern in self._data_patterns:
            data = pattern.sub(MASK.encode(), data)
        return data

    def judged_value(self, value: Any) -> Any:
        """The value of an answer, as clauses see it."""
        return _mapped(value, self._judged)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of an answer to keep: sensitive ones masked whole."""
        return {
            self._masked(name): MASK if _SENSITIVE.fullmatch(name) else self.text(value)
            for name, value in headers.items()
        }

    def _masked(self, text: str) -> str:
        return self._judged(_masked_in(text, self._encoded, MASK))

    def _judged(self, text: str) -> str:
        if any(form in text for form in self._encoded):
            text = _RUNS.sub(partial(_unless_picture, forms=self._encoded, mask=MASK), text)
        for pattern in self._patterns:
            text = pattern.sub(MASK, text)
        return text


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every text changed, names of properties included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {change(name): _mapped(inner, change) for name, inner in value.items()}
    return value


def _unless_picture(run: re.Match[AnyStr], forms: Iterable[AnyStr], mask: AnyStr) -> AnyStr:
    return run[0] if len(run[0]) >= _SHORTEST_PICTURE else _masked_in(run[0], forms, mask)


def _masked_in(text: AnyStr, forms: Iterable[AnyStr], mask: AnyStr) -> AnyStr:
    for form in forms:
        text = text.replace(form, mask)
    return text


def _written(secret: str) -> str:
    """A pattern for a secret, each letter as it is or as JSON, URLs (even twice), pages or Python escape it."""
    return "".join(map(_letter, secret))


@cache
def _letter(letter: str) -> str:
    """Every way to write one letter, small or capital: the names of headers are lower-cased."""
    cases = [case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1]
    forms = [form for case in dict.fromkeys(cases) for form in _forms(case)]
    return f"(?:{'|'.join(dict.fromkeys(forms))})"


def _forms(letter: str) -> Iterator[str]:
    # Every form begins with a literal: only then does the engine skip fast over the megabytes of a picture.
    yield re.escape(letter)
    if not letter.isalnum():
        yield rf"\\\\*{re.escape(letter)}"
    units, octets = letter.encode("utf-16-be").hex(), [f"{octet:02x}" for octet in letter.encode()]
    yield "".join(rf"\\\\*u{_hex(units[at : at + 4])}" for at in range(0, len(units), 4))
    yield "".join(rf"\\\\*x{_hex(octet)}" for octet in octets)
    yield "".join(f"%(?:25)*{_hex(octet)}" for octet in octets)
    yield f"&#0*{ord(letter)};"
    yield f"&#[xX]0*{_hex(f'{ord(letter):x}')};"
    if (named := html.escape(letter)) != letter:
        yield re.escape(named)
    if ord(letter) in range(0x80, 0x100):
        yield rf"\x{ord(letter):02x}"  # in data: as Latin-1 writes it
    if not letter.isascii():
        yield re.escape(letter.encode().decode("latin-1"))  # UTF-8 that somebody read as Latin-1


def _hex(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def _inside_base64(secret: str) -> Iterator[str]:
    """What of a secret stands in base64 that contains it, wherever among three bytes it begins."""
    told = dict.fromkeys((secret.encode(), secret.encode("latin-1", "replace")))
    for data, before in product(told, range(3)):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        # The first and the last letters depend on what is next to the secret.
        inner = encoded[(0, 2, 3)[before] : len(encoded) - (1 if (before + len(data)) % 3 else 0)]
        if len(inner) >= _SHORTEST_BASE64:
            yield from dict.fromkeys((inner, inner.replace("+", "-").replace("/", "_")))
