"""The pictures a server has promised: drawn when somebody looks, kept by what determines them."""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b

from mockserver.artist import MIME_TYPES, Artist, Picture

FILES = "/_imageproof/files/"


class Pictures:
    """Pictures by file name. Holds orders, not pixels: about 200 bytes each, the oldest make room."""

    def __init__(self, artist: Artist, limit: int) -> None:
        self._artist = artist
        self._limit = limit
        self._orders: OrderedDict[str, Picture] = OrderedDict()
        self._weight = 0

    def promise(self, picture: Picture) -> str:
        """The path under which the picture can be fetched; the same picture has the same path."""
        name = f"{picture_id(picture)}.{picture.format}"
        if name not in self._orders:
            self._orders[name] = picture
            weight = self._weight + _weight(picture)
            while weight > self._limit:
                weight -= _weight(self._orders.popitem(last=False)[1])
            self._weight = weight
        return FILES + name

    def __len__(self) -> int:
        return len(self._orders)

    def order(self, name: str) -> Picture | None:
        """The picture of a file name, None when it was never promised or has been dropped."""
        return self._orders.get(name)

    async def draw(self, pictures: Iterable[Picture]) -> None:
        """Draw pictures in a worker thread, so that their bytes are at hand afterwards."""
        for picture in pictures:
            await asyncio.to_thread(self._artist.draw, picture)

    def data(self, picture: Picture) -> bytes:
        """The bytes of a picture."""
        return self._artist.draw(picture)

    def base64(self, picture: Picture) -> str:
        """The bytes of a picture as bare base64."""
        return base64.b64encode(self._artist.draw(picture)).decode()

    def clear(self) -> None:
        """Forget every promise."""
        self._orders.clear()
        self._weight = 0


def picture_id(picture: Picture) -> str:
    """32 hex digits that stand for everything that determines a picture."""
    told = (
        f"{picture.width}x{picture.height} {picture.compression} {picture.transparent} {picture.index} {picture.seed} "
        f"{picture.frames} {picture.frame_ms} {picture.label}\0{picture.prompt}"
    )
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _weight(picture: Picture) -> int:
    return 400 + 2 * len(picture.prompt)


def mime_type(picture: Picture) -> str:
    """The media type of a picture's bytes."""
    return MIME_TYPES[picture.format]
