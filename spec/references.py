"""References to catalogued things as people write them: `NAME` or `NAME:KEY=VALUE,KEY=VALUE`."""

from __future__ import annotations

from spec.errors import SpecError


def split_reference(kind: str, text: str) -> tuple[str, dict[str, str]]:
    """The name and the parameters. Raises SpecError when the text cannot be read."""
    name, _, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair]
    if any(not equals for _, equals, _ in pairs):
        raise SpecError(f"{kind} {text!r} cannot be read\n  expected: ID or ID:KEY=VALUE,KEY=VALUE")
    return name.strip(), {key.strip(): value.strip() for key, _, value in pairs}
