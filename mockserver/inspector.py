"""The inspector: one page under `/_imageproof/` that shows what the control API tells, and switches what it can.

It loads nothing from elsewhere and holds no data of its own, so anybody may have it; what it shows it asks for, with
the token where one is needed. No other site can put it into a frame to make people click what they do not see.
"""

from __future__ import annotations

import base64
from functools import cache
from hashlib import sha256
from pathlib import Path

from aiohttp import web

from mockserver.calls import Calls
from spec.documents import SPEC

_PAGES = Path(__file__).parent / "pages"
_NONE = "'none'"


def page_calls() -> Calls:
    """The page, with and without the slash at its end."""
    return [("GET", path, page, True) for path in ("/", "")]


async def page(_: web.BaseRequest) -> web.Response:
    """The page."""
    return secured(*_assembled())


def secured(html: bytes, style: str, script: str = "") -> web.Response:
    """A page of ours, and the policy by which a browser runs nothing else than what is in it."""
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script) if script else _NONE}; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
    return web.Response(body=html, headers=headers, content_type="text/html", charset="utf-8")


@cache
def _assembled() -> tuple[bytes, str, str]:
    """The page in one piece, its style and its script."""
    style = (SPEC / "pages.css").read_text("utf-8") + (_PAGES / "inspector.css").read_text("utf-8")
    script = (_PAGES / "inspector.js").read_text("utf-8")
    html = (_PAGES / "inspector.html").read_text("utf-8")
    return html.replace("{{ style }}", style).replace("{{ script }}", script).encode(), style, script


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
