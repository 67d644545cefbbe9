"""Detours: a redirect that any client follows, with all that was asked, to the same path written otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urljoin, urlsplit

from yarl import URL

from contract_tests.connection import Outgoing, full
from spec.contract import Operation

#: with these a client keeps method and body; with the others only what has no body (RFC 9110, section 15.4)
_KEEPING, _OTHERS = (307, 308), (301, 302, 303)
_PORTS = {"http": 80, "https": 443}


def way_on(sent: Outgoing, status: int, headers: Mapping[str, str], operation: Operation) -> str:
    """Where a redirect leads that loses nothing of what was asked and stays at the provider; empty where none does."""
    kept = status in _KEEPING or (status in _OTHERS and sent.method == "GET")
    if not kept or str(status) in operation.answers:
        return ""
    asked = full(sent.url, sent.query)
    try:
        target = urljoin(asked, headers.get("location", ""))
        same = _origin(target) == _origin(asked) and URL(target).user is None
        leads = _names(target)[-len(_names(asked)) :] == _names(asked)
        whole = sorted(parse_qsl(urlsplit(target).query, True)) == sorted(parse_qsl(urlsplit(asked).query, True))
    except ValueError:
        return ""
    return target if same and leads and whole and target != asked else ""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """The key goes nowhere else (RFC 6454)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _names(url: str) -> list[str]:
    """The names of a path, whatever stands between them."""
    return [name.casefold() for name in urlsplit(url).path.split("/") if name]
