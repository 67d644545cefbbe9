"""Hostile connections: what no well-meaning client sends, by kind. Hypothesis draws each as bytes and manners.

`hostile_bodies.py` adds the kinds that are about bodies: JSON, forms, pictures.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from conftest import CHEAP, GENERATIONS
from hypothesis import strategies as st

from mockserver.artist import Artist, Picture
from mockserver.pictures import Pictures
from mockserver.settings import MEBIBYTE
from mockserver.stores import BlobsInMemory

KEY = "sk-besieged-Zk3Rw8Qm5Vt1"
SECRET = b"besieged-N7hX2cLp9Yd4"
MAX_BODY = 2 * MEBIBYTE
EDITS, VARIATIONS, TASKS, MODELS = "/v1/images/edits", "/v1/images/variations", "/v1/images/tasks", "/v1/models"
PATHS = (GENERATIONS, EDITS, VARIATIONS, f"{TASKS}/1", MODELS, "/_imageproof/health", "/_imageproof/settings", "/")
GOOD = orjson.dumps({**CHEAP, "response_format": "url"})

Headers = list[tuple[str, str | bytes]]
Kind = Callable[[st.DrawFn], "Hostile"]
KINDS: dict[str, st.SearchStrategy[Hostile]] = {}


@dataclass(frozen=True)
class Hostile:
    """One connection: what is sent, and with what manners."""

    sent: bytes
    answers: int = 1
    """As many answers at most."""
    bodiless: bool = False
    """Answers have no body, whatever their Content-Length says (HEAD)."""
    step: int = 0
    """Bytes sent at once, 0: all."""
    pause: float = 0.0
    """Seconds between two steps."""
    ending: str = "read"
    """`read` answers, then close; after sending `half-close`, `abort` (RST), or be `deaf`: close without reading."""
    wanted: bool = False
    """It asks for a failure: a 5xx or an answer that breaks off is what it gets."""

    def __repr__(self) -> str:
        shown = self.sent if len(self.sent) < 1500 else self.sent[:1200] + b" ... " + self.sent[-200:]
        return f"Hostile({len(self.sent)} bytes {shown!r}, {self.ending}, step={self.step})"


def kind(name: str) -> Callable[[Kind], Kind]:
    """A way to be hostile."""

    def register(draw_one: Kind) -> Kind:
        KINDS[name] = st.composite(draw_one)()
        return draw_one

    return register


# --- pieces -----------------------------------------------------------------------------------------


def head(
    method: str | bytes, target: str | bytes, headers: Iterable[tuple[Any, Any]], version: str = "HTTP/1.1"
) -> bytes:
    """The head of a request, as wrong as its parts."""
    lines = [b" ".join([_raw(method), _raw(target), version.encode()])]
    lines += [_raw(name) + b": " + _raw(text) for name, text in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def request(
    body: bytes = b"", target: str | bytes = GENERATIONS, method: str | bytes = "POST", media: str = "application/json",
    more: Headers | None = None,
) -> bytes:  # fmt: skip
    """A request that is right as far as its parts are."""
    headers: Headers = [("Host", "127.0.0.1"), ("Authorization", f"Bearer {KEY}")]
    if body:
        headers += [("Content-Type", media), ("Content-Length", str(len(body)))]
    return head(method, target, [*headers, *(more or [])]) + body


junk = st.binary(max_size=40)
odd_text = st.text(max_size=40)
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
length = st.sampled_from([1, 100, 4000, 8100, 8200, 20_000, 70_000, 300_000])


# --- request line -----------------------------------------------------------------------------------

_TRICKS = (
    "..", ".", "%2e%2e", "%2f", "%00", "", "%", "%zz", "%ff%fe", "%c0%af", "%ed%a0%80", "~", ";x=1", "%0d%0a", "\\",
    "%25", "%252f", "files", "_imageproof", "v1", "images", "generations", "tasks", "é", "\udc80", "*", "{task_id}",
)  # fmt: skip
_METHODS = (
    "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "Get", "BREW", "M-SEARCH",
    "PRI", "X" * 300, "P\x00ST", "", "GET\t", "PO ST", "\u00e9", "\udcff",
)  # fmt: skip


@kind("paths")
def paths(draw: st.DrawFn) -> Hostile:
    """Segments that climb, escape, are no UTF-8, or are very long."""
    target = "/" + "/".join(draw(st.lists(st.sampled_from(_TRICKS), max_size=8)))
    form = draw(st.sampled_from(["origin", "absolute", "authority", "long", "under", "star"]))
    if form == "absolute":
        host = draw(st.sampled_from(["127.0.0.1", "[::1", "a:99999", "user:pw@x", "", "[v1.x]:1", "x:y"]))
        target = f"{draw(st.sampled_from(['http', 'https', 'file', 'HTTP', 'x']))}://{host}{target}"
    elif form == "authority":
        target = draw(
            st.sampled_from(["127.0.0.1:80", ":80", "a:b:c", "//x", "///", "http:", "http://", "?", "#", "x"])
        )
    elif form == "long":
        target += "a" * draw(length)
    elif form == "under":
        target = draw(st.sampled_from(PATHS)) + target
    elif form == "star":
        target = "*"
    return Hostile(request(GOOD, target, draw(st.sampled_from(["GET", "POST", "OPTIONS"]))))


@kind("methods")
def methods(draw: st.DrawFn) -> Hostile:
    """Methods nobody serves, and those that have rules of their own."""
    method, target = draw(st.sampled_from(_METHODS) | visible), draw(st.sampled_from(PATHS))
    body = GOOD if draw(st.booleans()) else b""
    if draw(st.booleans()):
        method = draw(st.sampled_from(["HEAD", "OPTIONS"]))
    version = draw(
        st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.", "http/1.1", "", "X/1.1"])
    )
    told = [("Host", "x"), ("Content-Length", str(len(body))), ("Authorization", f"Bearer {KEY}")]
    return Hostile(head(method, target, told, version) + body, bodiless=method == "HEAD")


@kind("queries")
def queries(draw: st.DrawFn) -> Hostile:
    """Queries with everything that is special in them."""
    pieces = ["async", "=", "&", "true", "false", "%", "%00", "+", ";", "[]", "%ff", "?", "#", "a", "é", "\udc80", "&&"]
    text = "".join(draw(st.lists(st.sampled_from(pieces), max_size=14)))
    if draw(st.booleans()):
        text = "&".join([text or "x=1"] * draw(st.sampled_from([1, 2, 50, 1500])))
    return Hostile(request(GOOD, f"{draw(st.sampled_from(PATHS))}?{text}", draw(st.sampled_from(["GET", "POST"]))))


# --- headers and framing ----------------------------------------------------------------------------

_NAMES = (
    "Host", "Authorization", "Content-Type", "Content-Length", "Transfer-Encoding", "Expect", "Connection", "Upgrade",
    "Origin", "Cookie", "Range", "If-None-Match", "Accept-Encoding", "X-Request-ID", "Prefer", "Content-Encoding",
    "X y", "", "\x00", "é", "Trailer", "Forwarded", "X-HTTP-Method-Override", "Sec-WebSocket-Key", "TE", ":path",
)  # fmt: skip
_VALUES = (
    "", "0", "-1", "+5", "1e3", "0x10", "9" * 30, "5, 5", "chunked", "chunked, chunked", "gzip, chunked", "identity",
    "xchunked", "100-continue", "200-maybe", "close", "upgrade, keep-alive", "h2c", "websocket", "null", "bytes=0-",
    "application/json", "application/json; charset=utf-16", "multipart/form-data", "text/plain;;=", "Bearer", "Bearer ",
    "Basic eDp5", f"Bearer  {KEY}", "Bearer \x00\x7f", "Bearer é", "Bearer sk-wrong-\udcff", "evil.example", "[::1",
    "a\rb",
    "a\nX-Injected: yes", "\x0b", "\x1f", "\xff", "\t \t", 'a="\\', "respond-async", "*",
)  # fmt: skip


@kind("headers")
def headers(draw: st.DrawFn) -> Hostile:
    """Headers missing, doubled, folded, with control bytes, or very long."""
    told: Headers = [("Host", "127.0.0.1"), ("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
    told += [("Content-Length", str(len(GOOD)))]
    told = [pair for pair in told if draw(st.integers(0, 6))]
    told += draw(st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_VALUES) | odd_text | junk), max_size=6))
    if draw(st.integers(0, 3)) == 0:
        told.append((draw(st.sampled_from(_NAMES)), "x" * draw(length)))
    if draw(st.integers(0, 7)) == 0:
        told += [(f"X-{number}", "1") for number in range(draw(length) // 10)]
    if draw(st.integers(0, 7)) == 0:
        told.append(("X-Folded", "a\r\n b\r\n\tc"))
    sent = head("POST", GENERATIONS, draw(st.permutations(told)) if len(told) < 20 else told) + GOOD
    return Hostile(sent.replace(b"\r\n", b"\n") if draw(st.integers(0, 9)) == 0 else sent, answers=3)


@kind("secrets")
def secrets(draw: st.DrawFn) -> Hostile:
    """A key in places and shapes that make error messages quote it."""
    name = draw(st.sampled_from(["Authorization", "authorization ", "Authorization\x00", " Authorization", "Cookie"]))
    text = draw(
        st.sampled_from(["Bearer {}\x00", "Bearer {}\r", "{}", "Bearer {}\x01", "bearer\t{}", "{}\n{}", "Basic {}\x7f"])
    )
    told: Headers = [("Host", "x"), (name, text.replace("{}", KEY)), ("Content-Length", str(len(GOOD)))]
    return Hostile(head("POST", GENERATIONS, told) + GOOD, answers=2)


@kind("lengths")
def lengths(draw: st.DrawFn) -> Hostile:
    """Content-Length that is wrong, doubled, or beside Transfer-Encoding."""
    right = len(GOOD)
    numbers = [
        "0",
        "-1",
        "1",
        str(right - 1),
        str(right + 5),
        "99999999999999999999",
        "+1",
        "0x5",
        " ",
        "1_0",
        "¹",
        str(MAX_BODY + 1),
    ]
    told: Headers = [("Host", "x"), ("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
    told += [("Content-Length", draw(st.sampled_from([*numbers, str(right)]))) for _ in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        told.append(
            (
                "Transfer-Encoding",
                draw(st.sampled_from(["chunked", "CHUNKED", "gzip, chunked", "chunked, gzip", "x", ""])),
            )
        )
    if draw(st.booleans()):
        told.append(("Expect", draw(st.sampled_from(["100-continue", "100-Continue", "x", ""]))))
    return Hostile(head("POST", GENERATIONS, told) + GOOD, answers=9)


_CHUNKED: Headers = [("Host", "x"), ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]


@kind("chunks")
def chunks(draw: st.DrawFn) -> Hostile:
    """Chunk sizes that are none, extensions, trailers, no last chunk."""
    sizes = [
        "{:x}",
        "{:X}",
        "0{:x}",
        "-{:x}",
        "{:x};a=b",
        '{:x};"',
        "{:x} ",
        " {:x}",
        "0x{:x}",
        "ffffffffffffffffff",
        "g",
        "",
        "{:x};" + "a" * 9000,
    ]
    cut = draw(st.integers(1, len(GOOD)))
    body = b""
    for part in (GOOD[:cut], GOOD[cut:]):
        size = draw(st.sampled_from(sizes) | st.just("{:x}")).format(len(part))
        body += size.encode() + draw(st.sampled_from([b"\r\n", b"\n", b"\r\n", b"\r"])) + part + b"\r\n"
    body += draw(st.sampled_from([
        b"0\r\n\r\n", b"", b"0\r\n", b"0\r\nX-Trailer: 1\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"00000\r\n\r\n",
        b"0\r\n" + b"X: y\r\n" * 5000 + b"\r\n", b"0\r\nX: " + b"y" * 90_000 + b"\r\n\r\n",
        b"1\r\na\r\n" * 9000 + b"0\r\n\r\n",
    ]))  # fmt: skip
    return Hostile(head("POST", GENERATIONS, [*_CHUNKED, ("Authorization", f"Bearer {KEY}")]) + body, answers=3)


@cache
def _zeros(coding: str, size: int) -> bytes:
    return gzip.compress(bytes(size), 9) if coding == "gzip" else zlib.compress(bytes(size), 9)


@kind("encodings")
def encodings(draw: st.DrawFn) -> Hostile:
    """Content-Encoding: bombs, damage, codings nobody knows, several at once."""
    coding = draw(
        st.sampled_from(["gzip", "deflate", "br", "zstd", "identity", "x-gzip", "gzip, gzip", "bogus", "", "GZIP"])
    )
    packed = draw(st.sampled_from([
        gzip.compress(GOOD), zlib.compress(GOOD), GOOD, b"", gzip.compress(GOOD)[:-6],
        gzip.compress(gzip.compress(GOOD)),
        gzip.compress(GOOD) + b"more", gzip.compress(GOOD) * 2, b"\x1f\x8b", _zeros("gzip", 64 * MEBIBYTE),
        _zeros("deflate", 64 * MEBIBYTE), gzip.compress(_zeros("gzip", 64 * MEBIBYTE)),
    ]))  # fmt: skip
    if packed and draw(st.booleans()):
        at = draw(st.integers(0, min(len(packed), 60) - 1))
        packed = packed[:at] + draw(junk) + packed[at + 1 :]
    media = draw(st.sampled_from(["application/json", "multipart/form-data; boundary=x"]))
    target = draw(st.sampled_from([GENERATIONS, EDITS, "/_imageproof/settings"]))
    method = "PATCH" if target.startswith("/_") else "POST"
    return Hostile(request(packed, target, method, media, [("Content-Encoding", coding)]), answers=2)


# --- wishes, pipelines and manners ------------------------------------------------------------------

_WISHES = (
    "code", "problem", "fault", "delay", "stream-error", "=", ",", ";", '"', "500", "200", "99999999999999999999",
    "-1", "nan", "1e999", "0", "0.01", "ms", "²", "rate-limited", "internal", "html", "html:status=502", "reset:at=2",
    "é",
    "truncated:at=nan", "status=", ":", "empty", "cut-body", " ", "\x00", "[" * 50, "respond-async", "handling=lenient",
)  # fmt: skip


@kind("preferences")
def preferences(draw: st.DrawFn) -> Hostile:
    """The Prefer header abused."""
    text = "".join(draw(st.lists(st.sampled_from(_WISHES), max_size=12)))
    if draw(st.booleans()):
        name = draw(st.sampled_from(["code", "problem", "fault", "stream-error"]))
        text = f"{name}={draw(st.sampled_from(_WISHES))}"
    text *= draw(st.sampled_from([1, 1, 1, 30]))
    target, method = draw(st.sampled_from([(GENERATIONS, "POST"), (MODELS, "GET"), (f"{TASKS}/1", "GET")]))
    return Hostile(request(GOOD, target, method, more=[("Prefer", text[:7000])]), wanted=True)


@kind("pipelines")
def pipelines(draw: st.DrawFn) -> Hostile:
    """Several requests at once, good and bad ones mixed."""
    good, missing = request(GOOD), request(target="/nowhere", method="GET")
    parts = draw(
        st.lists(
            st.sampled_from([good, good, missing, b"\r\n", b"GARBAGE\r\n\r\n", request(b"{", GENERATIONS)]),
            min_size=1,
            max_size=30,
        )
    )
    sent = b"".join(parts) * draw(st.sampled_from([1, 1, 10]))
    return Hostile(
        sent,
        answers=max(1, sent.count(b" HTTP/1.1\r\n")),
        ending=draw(st.sampled_from(["read", "read", "abort", "deaf"])),
    )


@kind("manners")
def manners(draw: st.DrawFn) -> Hostile:
    """Clients that are slow, stop in the middle, hang up, or do not listen."""
    streamed = {"model": "gpt-image-2", "prompt": "x", "size": "1024x640", "stream": True, "partial_images": 2}
    several = {**CHEAP, "n": 2, "response_format": "b64_json"}
    body = draw(st.sampled_from([GOOD, GOOD, orjson.dumps(several), orjson.dumps(streamed)]))
    sent = request(body)
    if draw(st.integers(0, 3)) == 0:
        sent = request(target=draw(st.sampled_from(links())), method="GET")
    if draw(st.booleans()):
        sent = sent[: draw(st.integers(1, len(sent)))]
    step = draw(st.sampled_from([0, 0, max(1, len(sent) // 7)]))
    return Hostile(sent, step=step, pause=0.01, ending=draw(st.sampled_from(["half-close", "abort", "deaf", "read"])))


# --- what the mock has handed out -------------------------------------------------------------------


@cache
def links() -> tuple[str, ...]:
    """Good links: one that holds its order, one that has expired, one whose order nobody has kept."""
    shop = Pictures(Artist(), BlobsInMemory(MEBIBYTE), SECRET, 3600)
    short, long = Picture("A red fox", 64, 64), Picture("A red fox " * 200, 64, 64)
    return shop.promise(short, 4_000_000_000), shop.promise(short, 0), shop.promise(long, 4_000_000_000)


@kind("links")
def tampered_links(draw: st.DrawFn) -> Hostile:
    """Links and task ids with something changed."""
    link = draw(st.sampled_from([*links(), f"{TASKS}/3dad96708a77485e97ac7ef652796d7b?x=1"]))
    path, _, query = link.partition("?")
    if draw(st.booleans()):
        query = "&".join(
            draw(st.lists(st.sampled_from([*query.split("&"), "o=", "se=", "o=~", "se=x", "o=AAAA", "x"]), max_size=4))
        )
    link = f"{path}?{query}"
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(len("/_imageproof/files/"), len(link)))
        link = (
            link[:at]
            + draw(st.sampled_from(["", "A", "~", "%00", "%ff", "..", "/", "é", "\udc80", "=", "&o=x"]))
            + link[at + 1 :]
        )
    return Hostile(request(target=link, method=draw(st.sampled_from(["GET", "GET", "HEAD", "POST"]))), bodiless=True)


@kind("control")
def control(draw: st.DrawFn) -> Hostile:
    """The control API called by strangers, and with nonsense."""
    strange = {
        "host": ["evil.example", "127.0.0.1.evil.example", "[::1", "", "127.0.0.1:1\x00", "localhost@evil", "LOCALHOST"]
    }
    told: Headers = [("Host", draw(st.sampled_from([*strange["host"], "127.0.0.1", "127.0.0.1", "127.0.0.1"])))]
    if draw(st.booleans()):
        told.append(
            ("Origin", draw(st.sampled_from(["null", "http://evil.example", "http://127.0.0.1", "", "://", "\xff"])))
        )
    method, path = draw(st.sampled_from([
        ("GET", "state"), ("GET", "journal"), ("PATCH", "settings"), ("PUT", "settings"), ("POST", "clock/advance"),
        ("GET", "tasks"), ("GET", "drifts"), ("GET", "journal/%00"), ("POST", "verify"), ("GET", ""),
        ("GET", "clock"), ("DELETE", "settings"), ("OPTIONS", "settings"), ("GET", "files/"), ("GET", "files/../state"),
    ]))  # fmt: skip
    queries = [
        "status=x",
        "limit=-1",
        "limit=1e9",
        "since=nan",
        "since=inf",
        "a=b",
        "limit=99999999999999999999",
        "limit=²",
        "operation=%ff",
    ]
    query = draw(st.sampled_from(["", "", *queries]))
    scalar = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20)
    # Nothing here can be met: what is changed for good would change what comes after it.
    fields = ["no_such_field", "by", "drifts", "faults", "latency", "rate_limits", "blocked"]
    value = draw(
        st.dictionaries(st.sampled_from(fields), st.lists(scalar, min_size=1, max_size=2) | scalar, max_size=3)
    )
    body = (
        orjson.dumps({**value, "no_such_field": 1}, default=str, option=orjson.OPT_NON_STR_KEYS)
        if method != "GET"
        else b""
    )
    if draw(st.integers(0, 4)) == 0:
        body = draw(
            st.sampled_from([b"[" * 100_000, b"\xff", b'{"by": NaN}', b'{"by": 1e999}', b'"x"', b"{}" * 600_000])
        )
    told += [("Content-Length", str(len(body))), ("Content-Type", "application/json")]
    target = f"/_imageproof/{path}" + (f"?{query}" if query else "")
    return Hostile(head(method, target, told) + body, answers=2)
