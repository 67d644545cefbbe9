"""What a secret is: what it is called in headers, queries and bodies, and what it looks like."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

MASK = "<key>"
#: a key by its looks; it begins with a literal
LOOKS_LIKE_A_KEY = r"sk-(?<!\wsk-)[A-Za-z0-9_-]{16,512}"

_SECRETS = ("authorization", "cookie", "hmac", "jwt", "passphrase", "passwd", "password", "pwd", "secret")
_CREDENTIALS = ("auth", "credential", "credentials", "sig", "signature", "token")
_OWNERS = (
    *("access", "account", "api", "app", "auth", "bearer", "client", "id", "master", "private", "refresh"),
    *("secret", "security", "service", "session", "shared", "signing", "subscription", "user"),
)
_BEFORE = r"[^\s\"=&]{0,64}"
_OWNER = f"(?:{'|'.join(_OWNERS)})"


def _called(*words: str) -> str:
    """A pattern for names that end with one of the words, however they are joined: `X-AuthToken`, `clientsecret`."""
    capital = "|".join(word.capitalize() for word in words)
    small = rf"(?:{_BEFORE}[\W_])?(?i:{_OWNER}{{0,3}}(?:{'|'.join(words)}))"
    return rf"(?:{small}|{_BEFORE}[A-Za-z0-9](?:{capital}))(?:[-_]?\d{{1,4}})?"


_NAME = re.compile(_called("key", *_SECRETS, *_CREDENTIALS))
#: keys that say what belongs together, and nothing else
_NO_SECRET = re.compile(r"(?i)(?:.*[\W_])?(?:cache|idempotency|partition|public|sort|surrogate|websocket)[\W_]?key")
_PARAMETER = re.compile(r"(([^?&=#]+)=)([^&#]*)")
_SCHEMES = frozenset({"basic", "bearer", "digest", "key", "token"})  # words before a key

#: in JSON a `key` or a `token` is often none, unless it says whose it is, or the token has a digit in it
_MEMBER = re.compile(rf"{_called(*_SECRETS)}|{_BEFORE}(?i:{_OWNER}[-_]?(?:key|{'|'.join(_CREDENTIALS)}))")
_MEMBER_WITH_A_DIGIT = re.compile(_called(*_CREDENTIALS))
#: each begins with a literal: only then does the engine skip fast over the megabytes of a picture
_MEMBERS = re.compile(rb'"([^\s"\\]{3,80})"\s{0,9}:\s{0,9}"([^"\\\s]{6,512})"')
_FIELDS = re.compile(rb'name="([^\s"]{3,80})"\r\n(?:[^\r\n]{1,999}\r\n){0,9}\r\n([^\r\n]{6,512})\r\n--')
_FORM = re.compile(rb"[\w.%+\[\]-]{1,80}=[^&\s]*(?:&[\w.%+\[\]-]{1,80}=[^&\s]*)*")
_LARGEST_FORM = 65536  # bytes
_LOOKS = re.compile(LOOKS_LIKE_A_KEY.encode())


@lru_cache(1024)
def is_sensitive(name: str) -> bool:
    """Whether a header or parameter of this name carries a secret."""
    return _NAME.fullmatch(name) is not None and _NO_SECRET.fullmatch(name) is None


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
    for found in _MEMBERS.finditer(body):
        if (told := _is_sensitive_member(found[1])) or (told is None and re.search(rb"\d", found[2])):
            yield found[2].decode("utf-8", "replace")
    for found in _FIELDS.finditer(body):
        if is_sensitive(found[1].decode("latin-1")):
            yield found[2].decode("utf-8", "replace")
    if len(body) <= _LARGEST_FORM and _FORM.fullmatch(body):
        fields = parse_qsl(body.decode("latin-1"), encoding="utf-8", errors="replace")
        yield from (value for name, value in fields if is_sensitive(name))
    for found in _LOOKS.finditer(body):
        yield found[0].decode()


@lru_cache(1024)
def _is_sensitive_member(name: bytes) -> bool | None:
    """Whether a member of JSON carries a secret; None: if there is a digit in it."""
    told = name.decode("latin-1")
    if _MEMBER.fullmatch(told):
        return _NO_SECRET.fullmatch(told) is None
    return None if _MEMBER_WITH_A_DIGIT.fullmatch(told) else False


def masked_parameters(url: str, mask: str = MASK) -> str:
    """A URL, or a path and its query, in which parameters that are called like secrets have no values."""
    return _PARAMETER.sub(lambda found: found[1] + (mask if is_sensitive(unquote(found[2])) else found[3]), url)
