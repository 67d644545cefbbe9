"""What requests for pictures cost at most, in US dollars, by `spec/prices.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from spec.documents import SPEC, load_yaml, read_text
from spec.tokens import Tokens
from spec.units import Size

_FILE = "prices.yaml"
_MILLION = 1_000_000
#: taken where the size is the provider's choice: what the dearest published pictures have
_LARGEST: tuple[Size, ...] = ((1024, 1024), (1024, 1536), (1536, 1024))


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one request. `confirmed`: a published price, not a guess; not `known`: nobody knows, it is none."""

    dollars: float
    confirmed: bool
    known: bool = True


@dataclass(frozen=True, slots=True)
class Prices:
    """The price list; `date` says how old it is, `unknown` what is made (`x-makes`) of which it knows no price."""

    date: str
    rules: Sequence[Mapping[str, Any]]
    unknown: frozenset[str] = frozenset()

    def at_most(
        self,
        asked: Mapping[str, Any],
        images: int,
        tokens: Tokens,
        inputs: Sequence[Size] = (),
        qualities: Any = (),
        makes: str = "pictures",
    ) -> Price:
        """What a request costs at most that asks (role -> value) for so many pictures and gives pictures of `inputs`.

        `qualities` are those the model may choose from where none is asked for.
        """
        if not images:
            return Price(0.0, True)
        if makes in self.unknown:
            return Price(0.0, False, known=False)
        model = asked.get("model")
        rule = next(rule for rule in self.rules if re.fullmatch(rule["model"], str(model or "")))
        size = asked.get("size")
        sizes = [size] if isinstance(size, tuple) else list(_LARGEST)
        wanted = asked.get("quality")
        qualities = [wanted] if isinstance(wanted, str) and wanted != "auto" else [*qualities] or ["high"]
        found = [
            dollars
            for size in sizes
            for quality in qualities
            for dollars in (_dollars(rule, asked, images, size, quality, tokens, inputs),)
        ]
        return Price(max(found), not rule.get("unconfirmed", False))


def _dollars(
    rule: Mapping[str, Any],
    asked: Mapping[str, Any],
    images: int,
    size: Size,
    quality: str,
    tokens: Tokens,
    inputs: Sequence[Size],
) -> float:
    if per_million := rule.get("per-million"):
        fidelity, partials = asked.get("fidelity"), asked.get("partial-count")
        counted = tokens.count(
            model=asked.get("model"),
            prompt=str(asked.get("prompt") or ""),
            count=images,
            size=size,
            quality=quality,
            inputs=inputs,
            fidelity=fidelity if isinstance(fidelity, str) else None,
            partials=partials if isinstance(partials, int) else 0,
        )
        if counted is not None:
            return float(sum(counted[role] * price for role, price in per_million.items()) / _MILLION)
    listed = rule.get("per-picture") or {}
    rows = [listed[quality]] if quality in listed else list(listed.values())
    pixels = size[0] * size[1]
    dearest = [next((price for most, price in row if pixels <= most), row[-1][1]) for row in rows]
    return images * max(dearest, default=0.0)


@cache
def prices() -> Prices:
    """The price list that comes with imageproof."""
    document = load_yaml(read_text(SPEC / _FILE), _FILE)
    return Prices(document["date"], document["prices"], frozenset(document["unknown"]))
