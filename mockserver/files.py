"""Files: promised pictures as a blob store hands them out, and what it says when a link leads nowhere.

A blob store speaks for itself, not for the API that wrote the link: XML, and no documented error of a contract.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from mockserver.links import http_date
from mockserver.pictures import File, Pictures, mime_type

_FOR_EVER = 365 * 24 * 3600
_XML = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message>'
    "<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
)


async def file_answer(pictures: Pictures, name: str, query: Mapping[str, str], now: float) -> web.Response:
    """A picture; 403 when its link has expired, 410 when it made room for others, 404 when it was never promised."""
    file = await pictures.find(name, query, now)
    if file.picture is None:
        return _missing(file, now)
    await pictures.draw([file.picture])
    seconds = _FOR_EVER if file.expires is None else max(0, int(file.expires - now))
    headers = {"Cache-Control": f"public, max-age={seconds}", "Access-Control-Allow-Origin": "*"}
    if file.expires is not None:
        headers["Expires"] = http_date(file.expires)
    return web.Response(body=pictures.data(file.picture), content_type=mime_type(file.picture), headers=headers)


def _missing(file: File, now: float) -> web.Response:
    status, code, message, detail = _MISSING[file.missing]
    if file.expires is not None:
        detail = detail.format(expiry=http_date(file.expires), current=http_date(now))
    text = _XML.format(code=code, message=message, detail=detail)
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    return web.Response(status=status, text=text, content_type="application/xml", headers=headers)


_MISSING = {
    "expired": (
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the link is used before it expires.",
        "Signature not valid in the specified time frame: Expiry [{expiry}] - Current [{current}]",
    ),
    "gone": (
        410,
        "BlobGone",
        "The specified blob is no longer kept; it made room for newer ones.",
        "The link itself is valid.",
    ),
    "unknown": (
        404,
        "BlobNotFound",
        "The specified blob does not exist.",
        "No such link was handed out, or it was changed on its way here.",
    ),
}
