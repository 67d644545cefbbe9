"""What came of a request, as a source of meanings for the contract's Writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from string import hexdigits
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from mockserver.artist import Picture
from mockserver.descriptions import descriptions
from mockserver.pictures import Pictures, mime_type
from mockserver.resolution import base_of, drawn_for
from mockserver.tasks import Snapshot, Task
from spec.contract import Model
from spec.language import IMAGE_ROLES, TERMINAL_STATES
from spec.tokens import Tokens
from spec.writer import Source, Values


class Outcome:
    """Roles of one outcome in our units; what it does not know itself, it answers from what was resolved."""

    __slots__ = ("_lists", "_resolved", "_roles", "_used", "pictures", "shop")

    def __init__(
        self,
        roles: dict[str, Any],
        resolved: Mapping[str, Any],
        pictures: Sequence[Picture] = (),
        shop: Shop | None = None,
        lists: Mapping[str, Sequence[Source]] | None = None,
    ) -> None:
        self._lists = lists or {}
        self._roles = roles
        self._resolved = resolved
        self.pictures = pictures
        self.shop = shop
        self._used: Mapping[str, int] | None = None

    @property
    def embeds(self) -> bool:
        """Whether an answer may hold pictures themselves, not only where they are."""
        return self.shop is not None and self.shop.delivery != "image-url"

    def each(self, kind: str) -> Sequence[Source]:
        """One source per picture or task, made anew: kept, each picture's would hold the outcome that holds it."""
        if kind == "images":
            return [Delivery(self, picture) for picture in self.pictures]
        return self._lists.get(kind, ())

    def get(self, role: str) -> Any:
        """The value of a role; outside a list the image roles mean the first picture."""
        value = self._roles.get(role)
        if value is None:
            value = self._resolved.get(role)
            if value is None and self.pictures:
                if role in _OWN_ROLES:
                    return Delivery(self, self.pictures[0]).get(role)
                return self._usage().get(role) if role.startswith("usage-") else None
        return value

    def _usage(self) -> Mapping[str, int]:
        """Token counts, worked out once a contract has a place for them; empty where it has no rule for them."""
        if self._used is None and self.shop is not None:
            picture, resolved = self.pictures[0], self._resolved
            used = self.shop.tokens.count(
                model=resolved.get("model"),
                prompt=picture.prompt,
                count=len(self.pictures),
                size=(picture.width, picture.height),
                quality=str(resolved.get("quality", "")),
                inputs=[(one.width, one.height) for one in resolved.get("input-image", ())],
                fidelity=resolved.get("fidelity"),
                partials=self._roles.get("partial-count", 0),  # delivered; what was asked for stands in `resolved`
            )
            self._used = used or {}
        return self._used or {}

    def and_also(self, roles: Mapping[str, Any]) -> Outcome:
        """The same outcome, knowing more."""
        return self.showing(self.pictures, roles)

    def showing(self, pictures: Sequence[Picture], roles: Mapping[str, Any]) -> Outcome:
        """The same outcome with other pictures, knowing more."""
        return Outcome({**self._roles, **roles}, self._resolved, pictures, self.shop, self._lists)

    def with_lists(self, lists: Mapping[str, Sequence[Source]]) -> Outcome:
        """The same outcome with more lists (`spec.language.REPEATS`)."""
        return Outcome(self._roles, self._resolved, self.pictures, self.shop, {**self._lists, **lists})

    def embedded(self) -> Outcome:
        """The same outcome with its pictures in the answer itself, as events carry them."""
        shop = self.shop._replace(delivery=None) if self.shop else None
        return Outcome(self._roles, self._resolved, self.pictures, shop, self._lists)


class Shop(NamedTuple):
    """Where and when pictures are handed out: store, root of its URLs, representation asked for, and its tokens."""

    store: Pictures
    base_url: str
    delivery: str | None
    tokens: Tokens
    at: float


class Delivery:
    """One picture on its way to the caller, in the representation asked for."""

    __slots__ = ("_outcome", "_picture")

    def __init__(self, outcome: Outcome, picture: Picture) -> None:
        self._outcome = outcome
        self._picture = picture

    def each(self, _: str) -> Sequence[Source]:
        """Only itself: lists inside one picture's part speak of that picture."""
        return (self,)

    def get(self, role: str) -> Any:
        """The picture's own roles, None for a representation that was not asked for; or the outcome's."""
        if role == "revised-prompt":
            return self._picture.prompt or None
        if role not in _OWN_ROLES:
            return self._outcome.get(role)
        shop = self._outcome.shop
        if shop is None or (shop.delivery is not None and role != shop.delivery):
            return None
        if role in ("image-url", "video-url"):
            told = role == ("video-url" if self._picture.layout == "video" else "image-url")
            return shop.base_url + shop.store.promise(self._picture, shop.at) if told else None
        if role == "cover-url":
            return shop.base_url + shop.store.promise(_cover(self._picture), shop.at)
        if role == "image-markdown":
            return markdown(self._picture, shop.base_url + shop.store.promise(self._picture, shop.at))
        if role == "image-data-url":
            return f"data:{mime_type(self._picture)};base64,{shop.store.base64(self._picture)}"
        return shop.store.base64(self._picture) if role == "image-b64" else None


def _cover(picture: Picture) -> Picture:
    """The first frame of a picture that moves."""
    return replace(picture, format="png", frames=1, frame_ms=0, layout="")


def markdown(picture: Picture, link: str) -> str:
    """A picture as relays of chat models tell it: the call of the tool, how far it is, the picture, a link to it."""
    call = orjson.dumps({"prompt": picture.prompt, "size": f"{picture.width}x{picture.height}"}).decode()
    steps = "\n".join(f"> 进度 **{percent}%**" for percent in (25, 75, 100))
    return f"{call}\n\n{steps}\n\n![image]({link})\n\n[下载⏬]({link})"


_OWN_ROLES = IMAGE_ROLES | {"cover-url", "revised-prompt"}


def partials(outcome: Outcome) -> list[Outcome]:
    """One outcome per unfinished picture asked for of a stream: the finished one becoming sharp."""
    wanted = int(outcome.get("partial-count") or 0)
    return [
        outcome.showing([replace(picture, sharpness=(index + 1) / (wanted + 1))], {"partial-index": index})
        for picture in outcome.pictures[:1]
        for index in range(wanted)
    ]


def listed(models: Sequence[Model]) -> Values:
    """The outcome of asking which models there are; of one model where one was named."""
    told = [
        {
            "listed-model": model.name,
            "listed-model-created": model.created,
            "listed-model-owner": model.owner,
            "listed-model-shutdown": model.shutdown,
        }
        for model in models
    ]
    return Values(told[0] if told else {}, models=[Values(one) for one in told])


def finished(
    resolved: Mapping[str, Any], pictures: Pictures, seed: int, base_url: str, now: float, tokens: Tokens
) -> Outcome:
    """The outcome of a request whose pictures are there."""
    ordered = drawn_for(resolved, seed)
    roles: dict[str, Any] = {"created": now}
    if ordered:
        roles["size"] = (ordered[0].width, ordered[0].height)
        roles["width"], roles["height"] = roles["size"]
        if ordered[0].layout == "video":
            roles["duration"] = ordered[0].frames * ordered[0].frame_ms / 1000
        roles["output-format"] = ordered[0].format
    lists: dict[str, Sequence[Source]] | None = None
    if resolved.get("makes") == "text":
        told = descriptions(
            str(resolved.get("prompt", "")), [one.digest for one in base.images] if (base := base_of(resolved)) else []
        )
        roles["description"] = "\n\n".join(f"{number}. {text}" for number, text in enumerate(told, 1))
        lists = {"descriptions": [Values({"description": text}) for text in told]}
    return Outcome(roles, resolved, ordered, Shop(pictures, base_url, resolved.get("delivery"), tokens, now), lists)


def _seed_of(task: str) -> int:
    """A seed from a task's id, whatever shape that has."""
    return int(task[:7], 16) if set(task) <= set(hexdigits) else crc32(task.encode())


def looked_at(task: Task, snapshot: Snapshot, result: Outcome | None, links: Mapping[str, str]) -> Outcome:
    """The outcome of polling a task; `result` is there once it has succeeded, `links` are its own addresses by role."""
    roles: dict[str, Any] = {
        **links,
        "task-id": task.id,
        "task-status": snapshot.state,
        "task-progress": snapshot.progress,
        "task-submitted": task.submitted,
        "task-started": task.started,
        "task-finished": task.finished if snapshot.state in TERMINAL_STATES else None,
        "task-failure": snapshot.reason or None,
        "task-log": _log(snapshot),
        "seed": task.order.resolved.get("seed", _seed_of(task.id)),
        "task-seconds": None if task.finished is None else round(task.finished - (task.started or task.submitted), 3),
        **snapshot.otherwise,
    }
    if result is None:
        told = {role: value for role, value in task.order.asked.items() if role in _HANDED_BACK}
        return Outcome(roles, told)
    return result.and_also(roles)


#: what a task says of its request from the beginning
_HANDED_BACK = frozenset({"model", "prompt", "caller-tag", "asked-input", "task-kind"})
_STEPS = 28


def _log(snapshot: Snapshot) -> str:
    """What the work has written so far: a progress bar as tqdm draws it, line by line."""
    steps = [step for step in (1, 7, 14, 21, _STEPS) if step * 100 <= snapshot.progress * _STEPS]
    return "".join(f"{step * 100 // _STEPS:3d}%|{'#' * (step * 10 // _STEPS):<10}| {step}/{_STEPS}\n" for step in steps)
