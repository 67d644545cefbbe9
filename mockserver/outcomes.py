"""What came of a request, as a source of meanings for the contract's Writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.artist import Picture
from mockserver.pictures import Pictures
from mockserver.tasks import Snapshot, Task
from mockserver.usage import usage_of
from spec.language import IMAGE_ROLES
from spec.units import Size

DEFAULT_SIZE: Size = (1024, 1024)


class Outcome:
    """Roles of one outcome in our units; what it does not know itself, it answers from what was resolved."""

    __slots__ = ("_resolved", "_roles", "images")

    def __init__(self, roles: Mapping[str, Any], resolved: Mapping[str, Any], images: Sequence[Delivery] = ()) -> None:
        self._roles = roles
        self._resolved = resolved
        self.images = images
        for image in images:
            image.outcome = self

    def get(self, role: str) -> Any:
        """The value of a role; outside a list the image roles mean the first picture."""
        value = self._roles.get(role)
        if value is None:
            value = self._resolved.get(role)
            if value is None and self.images:
                return self._usage().get(role) if role.startswith("usage-") else self.images[0].own(role)
        return value

    def _usage(self) -> Mapping[str, Any]:
        """Token counts, worked out when a contract has a place for them."""
        picture = self.images[0].picture
        size = (picture.width, picture.height)
        return usage_of(picture.prompt, len(self.images), size, str(self._resolved.get("quality", "")))


class Delivery:
    """One picture on its way to the caller, in the representation asked for."""

    __slots__ = ("_delivery", "_pictures", "_url", "outcome", "picture")

    def __init__(self, picture: Picture, pictures: Pictures, base_url: str, delivery: str | None) -> None:
        self.picture = picture
        self._pictures = pictures
        self._delivery = delivery
        self._url = base_url
        self.outcome: Outcome | None = None

    @property
    def images(self) -> Sequence[Delivery]:
        """Only itself: lists inside one picture's part speak of that picture."""
        return (self,)

    def own(self, role: str) -> Any:
        """The roles only a picture has; None for a representation that was not asked for."""
        if role in IMAGE_ROLES:
            if self._delivery is not None and role != self._delivery:
                return None
            if role == "image-url":
                return self._url + self._pictures.promise(self.picture)
            return self._pictures.base64(self.picture) if role == "image-b64" else None
        return self.picture.prompt if role == "revised-prompt" else None

    def get(self, role: str) -> Any:
        """The picture's own roles, or the outcome's."""
        if role in _OWN_ROLES or self.outcome is None:
            return self.own(role)
        return self.outcome.get(role)


_OWN_ROLES = IMAGE_ROLES | {"revised-prompt"}


def resolve(asked: Mapping[str, Any], words: Sequence[tuple[str, Mapping[Any, Any]]]) -> dict[str, Any]:
    """What was asked with words such as `auto` replaced by what they stand for."""
    resolved = dict(asked)
    for role, table in words:
        value = resolved.get(role)
        if value in table:
            resolved[role] = table[value]
    return resolved


def pictures_of(resolved: Mapping[str, Any], seed: int) -> list[Picture]:
    """The pictures a resolved request asks for, all different."""
    size = resolved.get("size")
    width, height = size if isinstance(size, tuple) else (resolved.get("width"), resolved.get("height"))
    if width is None or height is None:
        width, height = DEFAULT_SIZE
    count = resolved.get("count", 1)
    named = [resolved.get("model"), resolved.get("quality")]
    label = " · ".join(str(word) for word in named if word)
    return [
        Picture(
            prompt=resolved.get("prompt", ""),
            width=width,
            height=height,
            format=resolved.get("output-format", "png"),
            compression=resolved.get("compression", 100),
            transparent=resolved.get("background") == "transparent",
            index=index,
            seed=seed,
            label=f"{label} · {index + 1} of {count}" if count > 1 else label,
        )
        for index in range(count)
    ]


def finished(resolved: Mapping[str, Any], pictures: Pictures, seed: int, base_url: str, now: float) -> Outcome:
    """The outcome of a request whose pictures are there."""
    delivery = resolved.get("delivery")
    images = [Delivery(picture, pictures, base_url, delivery) for picture in pictures_of(resolved, seed)]
    first = images[0].picture
    return Outcome({"created": now, "size": (first.width, first.height)}, resolved, images)


def accepted(task: Task) -> Outcome:
    """The outcome of a request that became a task."""
    return Outcome(
        {"task-id": task.id, "task-submitted": task.submitted, "task-status": "queued", "task-progress": 0}, {}
    )


def looked_at(task: Task, snapshot: Snapshot, result: Outcome | None) -> Outcome:
    """The outcome of polling a task; `result` is there once it has succeeded."""
    roles = {
        "task-id": task.id,
        "task-status": snapshot.state,
        "task-progress": snapshot.progress,
        "task-submitted": task.submitted,
        "task-started": task.started,
        "task-finished": task.finished,
    }
    if result is None:
        return Outcome(roles, {})
    return Outcome(
        {"created": result.get("created"), "size": result.get("size"), **roles}, task.resolved, result.images
    )
