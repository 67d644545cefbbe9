"""Secrets stay secret: everything that is kept or shown goes through a Redactor first."""

from __future__ import annotations

import base64
import contextlib
import html
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache, partial
from itertools import product
from typing import Any, AnyStr

from spec.recordings.pictures import is_binary, without_secrets
from spec.recordings.secrets import MASK, is_sensitive, masked_parameters

_MOST_LEARNED = 64
_SHORTEST = 6  # a shorter "key" would be found everywhere
_TELLING = 12  # a longer one is nowhere by chance
_WORD = re.compile(r"[A-Za-z]{1,19}")  # what people use for a key where none is needed
_SHORTEST_PICTURE = 256  # letters of base64
_SHORTEST_BASE64 = 8  # letters; fewer stand somewhere in every large picture by chance
_RUN = rf"[A-Za-z0-9+/=_-]{{{_SHORTEST_BASE64},}}"  # what may be base64
_PNG_RUN = b"iVBORw0KGgo"  # begins base64 of what may hold compressed texts
_RUNS, _DATA_RUNS = re.compile(_RUN), re.compile(_RUN.encode())
_MARKS = (b"\\", b"%", b"&")  # one of them begins every escape
#: a letter of ASCII as `_forms` has it; each way begins with a literal, which is found fast
_ESCAPE = re.compile(
    rb"\\\\*(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([^A-Za-z0-9]))|%(?:25)*([0-9A-Fa-f]{2})"
    rb"|&(?:#0*([0-9]{1,3})|#[xX]0*([0-9A-Fa-f]{1,2})|(amp|lt|gt|quot));"
)
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"'}


class Redactor:
    """Replaces known secrets by a mask, however they are written: as they are, escaped, or inside base64.

    What is judged keeps the base64 of pictures whole, or a picture whose metadata holds the key would not decode. It
    goes through `text`, `data` or `value` before it is shown or written.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._given = _long_enough(secrets).keys()
        self._learned: dict[str, None] = {}
        self._lock = threading.Lock()
        self._know()

    def learn(self, secrets: Iterable[str]) -> None:
        """Replace these, too, from now on; of those learned, the last few dozen."""
        told = _long_enough(secrets)
        with self._lock:
            known = self._learned
            self._learned = dict.fromkeys([*(each for each in known if each not in told), *told][-_MOST_LEARNED:])
            if known.keys() != self._learned.keys():
                self._know()

    def also(self, secrets: Iterable[str]) -> Redactor:
        """One that replaces these, too, which are of one exchange and need not be remembered."""
        other = Redactor(self._given)
        other._learned = {**self._learned, **_long_enough(secrets)}
        other._know()
        return other

    def _know(self) -> None:
        # A mere word, learned from a header, is masked where it stands alone: it may be part of many others.
        words = {secret for secret in self._learned if _WORD.fullmatch(secret)} - self._given
        known = sorted({*self._given, *self._learned} - words, key=len, reverse=True)
        self._secrets = [*(_secret(secret) for secret in known), *(_secret(word, True) for word in sorted(words))]
        self._encoded = sorted({form for secret in self._secrets for form in secret.encoded}, key=len, reverse=True)
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
        for secret in self._in(data):
            data = secret.data_pattern.sub(lambda found: MASK.encode().ljust(len(found[0]), b"*"), data)
        return data

    def url(self, url: str) -> str:
        """A URL without secrets: a parameter that is called like one loses its value, too."""
        return masked_parameters(self.text(url))

    def told(self, *texts: bytes) -> bool:
        """Whether one of the texts holds a secret, and not a word that somebody uses for a key."""
        return any(
            len(secret.text) >= _TELLING and secret.data_pattern.search(text)
            for text in texts
            for secret in self._in(text)
        )

    def value(self, value: Any) -> Any:
        """A JSON value without secrets, names of properties included."""
        return _mapped(value, self._masked)

    def judged_data(self, data: bytes) -> bytes:
        """The body of an answer, as clauses see it."""
        if any(form in data for form in self._encoded_data):
            data = _DATA_RUNS.sub(partial(_unless_picture, forms=self._encoded_data, mask=MASK.encode()), data)
        for secret in self._in(data):
            data = secret.data_pattern.sub(MASK.encode(), data)
        return data

    def judged_value(self, value: Any) -> Any:
        """The value of an answer, as clauses see it."""
        return _mapped(value, self._judged)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of an answer to keep: sensitive ones masked whole."""
        return {self._masked(name): MASK if is_sensitive(name) else self.text(value) for name, value in headers.items()}

    def _masked(self, text: str) -> str:
        return self._judged(_masked_in(text, self._encoded, MASK))

    def _judged(self, text: str) -> str:
        if any(form in text for form in self._encoded):
            text = _RUNS.sub(partial(_unless_picture, forms=self._encoded, mask=MASK), text)
        for secret in self._in(text.encode("utf-8", "surrogatepass")):
            text = secret.pattern.sub(MASK, text)
        return text

    def _in(self, data: bytes) -> list[_Secret]:
        """The secrets that may stand in some data, found by a search that costs little where there are none."""
        if not self._secrets:
            return []
        small = data.lower()
        plain = [small, _ESCAPE.sub(_unescaped, small)] if any(mark in small for mark in _MARKS) else [small]
        return [secret for secret in self._secrets if secret.may_stand_in(plain)]


def _long_enough(secrets: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(secret for secret in secrets if len(secret) >= _SHORTEST)


class _Secret:
    """One secret, how it may stand in a text, and how in base64; one that is `alone` is a word of its own there."""

    def __init__(self, text: str, alone: bool) -> None:
        self.text = text
        self.encoded = () if alone else tuple(_inside_base64(text))
        self._alone = alone
        # What has letters that escapes are made of, or several encodings, only its pattern can find.
        self._sought = None if re.search(r"[\\%&]|[^\0-\x7f]", text) else text.lower().encode()

    def may_stand_in(self, plain: Sequence[bytes]) -> bool:
        """Whether it may stand in a text, given in small letters, as it is and without its escapes."""
        return self._sought is None or any(self._sought in text for text in plain)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """It, in a text."""
        return re.compile(self._written)

    @cached_property
    def data_pattern(self) -> re.Pattern[bytes]:
        """It, in data."""
        return re.compile(self._written.encode())

    @property
    def _written(self) -> str:
        written = "".join(map(_letter, self.text))
        # A part of a name (`/pictures/`, `picture-book`) or of a host (`api.openai.com`) is something else.
        return rf"(?<![\w/-])(?<!\w\.){written}(?![\w/-])(?!\.\w)" if self._alone else written


@lru_cache(4 * _MOST_LEARNED)
def _secret(text: str, alone: bool = False) -> _Secret:
    return _Secret(text, alone)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """The letter of ASCII that an escape stands for; of any other, none that a secret has."""
    four, two, itself, octet, decimal, digits, name = escape.groups()
    if itself or name:
        return itself or _NAMED[name]
    code = int(decimal) if decimal else int(four or two or octet or digits, 16)
    return bytes([code]).lower() if code < 0x80 else b"?"


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


@cache
def _letter(letter: str) -> str:
    """Every way to write one letter, small or capital, as JSON, URLs (even twice), pages or Python escape it.

    The names of headers are lower-cased.
    """
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
