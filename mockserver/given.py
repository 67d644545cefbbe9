"""Pictures callers give: their bytes found, opened, and held to the contract's rules for them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from mockserver.artist import Picture
from mockserver.links import FILES
from mockserver.pictures import Pictures
from mockserver.uploads import BadPicture, Upload, opened
from spec.forms import File
from spec.inputs import Input, broken, violation
from spec.violations import Violation

_DATA_URL = re.compile(r"data:[\w/+.-]*(?:;[\w=+.-]+)*;base64,", re.ASCII | re.IGNORECASE)
_STAND_IN_EDGE = 1024
_URL_SAFE = str.maketrans("-_", "+/")  # an official client sends this alphabet (RFC 4648, section 5)


class Unusable(Exception):
    """A picture breaks the contract's rules for it."""

    def __init__(self, found: Violation) -> None:
        super().__init__(str(found))
        self.violation = found


async def open_all(inputs: Sequence[Input], pictures: Pictures, now: float) -> dict[str, list[Upload]]:
    """The pictures of a request by role, in order. Raises Unusable for the first that breaks its rule.

    A link to a picture of this mock is that picture. The mock calls nobody: any other link, and a file's id, stands for
    a picture drawn from its text.
    """
    found: dict[str, list[Upload]] = {}
    for given in inputs:
        try:
            upload = await pictures.work(opened, await _bytes_of(given, pictures, now))
        except BadPicture as error:
            raise Unusable(broken(given, str(error))) from None
        first = {role: uploads[0] for role, uploads in found.items()}
        if told := violation(given, upload, first):
            raise Unusable(told)
        found.setdefault(given.role, []).append(upload)
    return found


async def _bytes_of(given: Input, pictures: Pictures, now: float) -> bytes:
    if isinstance(given.value, File):
        return given.value.data
    text = str(given.value)
    if given.bare and "://" not in text:
        return await pictures.work(_decoded, text.translate(_URL_SAFE))
    if text.startswith("data:"):
        return await pictures.work(_embedded, text)
    picture: Picture | None = Picture(text, _STAND_IN_EDGE, _STAND_IN_EDGE, transparent=True)
    try:
        link = urlsplit(text) if text.startswith(("http://", "https://")) else None
    except ValueError:  # such as an IPv6 address that is none
        raise BadPicture("the link is no URL") from None
    if link is not None and link.path.startswith(FILES):
        name, query = link.path.removeprefix(FILES), dict(parse_qsl(link.query))
        picture = (await pictures.find(name, query, now)).picture
    if picture is None:
        raise BadPicture("there is no such picture here, or it is no longer kept")
    await pictures.draw([picture])
    return pictures.data(picture)


def _embedded(text: str) -> bytes:
    match = _DATA_URL.match(text)
    if match is None:
        raise BadPicture("the data URL does not say ;base64")
    return _decoded(text[match.end() :])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(f"it is not base64 ({error})") from None
