"""The pictures a server has promised: drawn when somebody looks. A link holds its order; only long orders are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TypeVar

from mockserver.artist import MIME_TYPES, Artist, Picture
from mockserver.breath import Breath
from mockserver.clock import LAST_MOMENT
from mockserver.links import Links
from mockserver.packing import blobs_of, pack, pack_plain, unpack
from mockserver.stores import BlobStore

_told = attrgetter(*(field.name for field in fields(Picture)))


@dataclass(frozen=True, slots=True)
class File:
    """A promised picture, or what has become of it: `unknown`, `expired`, or `gone` to make room for others."""

    picture: Picture | None
    expires: float | None = None
    missing: str = ""


T = TypeVar("T")
R = TypeVar("R")
#: a picture of uploads.MOST_PIXELS takes half a gigabyte while it is worked on
_AT_ONCE = 2
_UNKNOWN = File(None, missing="unknown")


class Pictures:
    """Pictures by link. `url_seconds` is how long a link leads to its picture; None: for ever.

    What a link cannot hold, long orders and uploaded bytes, lies in `blobs`.
    """

    def __init__(self, artist: Artist, blobs: BlobStore, secret: bytes, url_seconds: float | None) -> None:
        self._artist = artist
        self._blobs = blobs
        self._url_seconds = url_seconds
        self._links = Links(secret)
        self.breath = Breath()
        self._studio = ThreadPoolExecutor(_AT_ONCE, "imageproof-studio")

    def promise(self, picture: Picture, at: float) -> str:
        """The path under which a picture made at that moment can be fetched; the same for the same ones."""
        blobs: dict[str, bytes] = {}
        packed = pack_plain(_told(picture)) if picture.base is None else pack(list(_told(picture)), blobs)
        expires = None if self._url_seconds is None else min(at + self._url_seconds, LAST_MOMENT)
        path, digest = self._links.write(packed, picture.format, expires)
        if digest:
            blobs[digest] = packed
        if blobs:
            self._blobs.keep(blobs)
        return path

    def kept(self, pictures: Sequence[Picture], clock: Callable[[], float]) -> Sequence[Picture | str]:
        """Pictures as the journal keeps them: those that start from uploads by their link, the others as they are."""
        if pictures[0].base is None:
            return pictures
        return [self.promise(picture, clock()) for picture in pictures]

    async def find(self, name: str, query: Mapping[str, str], now: float) -> File:
        """The picture a link leads to."""
        order = self._links.read(name, query)
        if order is None:
            return _UNKNOWN
        if order.expires is not None and now >= order.expires:
            return File(None, order.expires, "expired")
        packed = order.packed
        if order.digest:
            packed = (await self._blobs.find([order.digest])).get(order.digest, b"")
        wanted = blobs_of(packed)
        blobs = await self._blobs.find(wanted) if wanted else {}
        if not packed or len(blobs) < len(wanted):
            return File(None, order.expires, "gone")
        return File(Picture(*unpack(packed, blobs)), order.expires)

    def are_at_hand(self, pictures: Iterable[Picture]) -> bool:
        """Whether the base64 of these pictures is known: nothing has to be drawn for it."""
        return all(map(self._artist.has_base64, pictures))

    async def draw(self, pictures: Iterable[Picture]) -> None:
        """Draw pictures in a worker thread, so that their base64 is at hand afterwards."""
        for picture in pictures:
            if not self._artist.has_base64(picture):
                await self.work(self._artist.base64, picture)

    async def work(self, function: Callable[[T], R], on: T) -> R:
        """What comes of work on pixels, in one of few threads: at most so many pictures are in memory at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._studio, self.breath.during, function, on)

    def data(self, picture: Picture) -> bytes:
        """The bytes of a picture."""
        return self._artist.draw(picture)

    def base64(self, picture: Picture) -> str:
        """The bytes of a picture as bare base64."""
        return self._artist.base64(picture)


def mime_type(picture: Picture) -> str:
    """The media type of a picture's bytes."""
    return MIME_TYPES[picture.format]
