"""What can be changed while the mock runs: fields of Settings, read from JSON and shown as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mockserver.faults import fault_uses
from mockserver.latency import Latency, duration, latency
from mockserver.limits import rate_limit
from mockserver.settings import Settings
from spec.drifts import drift_uses
from spec.errors import SpecError, UnknownName


class Unreadable(SpecError):
    """A change cannot be read: `where` is the field, `expected` what would have been right."""

    def __init__(self, where: str, problem: str, expected: str) -> None:
        self.where, self.problem, self.expected = where, problem, expected
        super().__init__(f"{where}: {problem}\n  expected: {expected}")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to change. `read` takes JSON (raises TypeError, ValueError or SpecError), `show` gives it back."""

    expected: str
    read: Callable[[Any], Any]
    show: Callable[[Settings], Any]


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(value)
    return list(value)


def _texts(value: Any) -> tuple[str, ...]:
    items = _items(value)
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise TypeError(value)
    return tuple(items)


def _references(value: Any) -> list[Any]:
    items = _items(value)
    if not all(isinstance(item, str | Mapping) for item in items):
        raise TypeError(value)
    return items


def seconds(value: Any) -> float:
    """Seconds as a number or a duration as text. Raises TypeError or SpecError."""
    if isinstance(value, str):
        return duration(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise TypeError(value)
    return float(value)


def _latency(value: Any) -> Latency:
    if isinstance(value, Latency):
        return value
    if isinstance(value, str):
        return latency(value)
    same = seconds(value)
    return Latency(same, same)


def _count(least: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise TypeError(value)
        return value

    return read


def _drift_texts(settings: Settings) -> list[str]:
    return [
        use.drift.id
        + "".join(f"{',' if i else ':'}{key}={value}" for i, (key, value) in enumerate(use.parameters.items()))
        for use in (*settings.profile.drifts, *settings.drifts)
    ]


FIELDS: Mapping[str, Field] = {
    "drifts": Field(
        'a list such as ["n-ignored-single-image"]; it replaces the profile\'s own',
        lambda value: drift_uses(_references(value)),
        _drift_texts,
    ),
    "faults": Field(
        'a list such as ["html:status=502,first=10"]',
        lambda value: fault_uses(_references(value)),
        lambda settings: [use.text for use in settings.faults],
    ),
    "latency": Field('a duration, "200ms-2s" or "p50=800ms,p99=8s"', _latency, lambda settings: str(settings.latency)),
    "rate_limits": Field(
        'a list such as ["60rpm", "5ipm"]',
        lambda value: tuple(map(rate_limit, _texts(value))),
        lambda settings: [str(limit) for limit in settings.rate_limits],
    ),
    "blocked": Field('a list of words such as ["weapon"]', _texts, lambda settings: list(settings.blocked)),
    "quota_images": Field("an integer from 0 up, or null", _count(0), lambda settings: settings.quota_images),
    "task_seconds": Field("seconds, or a duration such as 3s", seconds, lambda settings: settings.task_seconds),
    "task_polls": Field("an integer from 1 up, or null", _count(1), lambda settings: settings.task_polls),
}


def shown(settings: Settings) -> dict[str, Any]:
    """What can be changed, as it is now."""
    return {name: field.show(settings) for name, field in FIELDS.items()}


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Settings with changes applied (field -> JSON value). Raises UnknownName or Unreadable; all or nothing."""
    values: dict[str, Any] = {}
    for name, value in changes.items():
        field = FIELDS.get(name)
        if field is None:
            raise UnknownName("field", name, FIELDS)
        try:
            values[name] = field.read(value)
        except SpecError as error:
            raise Unreadable(name, str(error).replace("\n  ", "; "), field.expected) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise Unreadable(name, f"{value!r} is not understood", field.expected) from error
    if "drifts" in values:
        values["profile"] = replace(settings.profile, drifts=())
    return replace(settings, **values)
