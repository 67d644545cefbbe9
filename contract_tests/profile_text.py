"""The text of a profile that a program writes: YAML, comments, and overlay actions tried before they stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from jsonpath_rfc9535 import find

from contract_tests.report.evidence import visible
from spec.contract import Contract
from spec.loading import load_contract
from spec.profiles import parse_profile

_LONGEST = 200


def comment(text: str, indent: str = "") -> list[str]:
    """One line of comment, whatever the text holds."""
    line = yaml.reader.Reader.NON_PRINTABLE.sub("?", re.sub(r"[\r\n\t\x85]+", " ", visible(text)))
    return [f"{indent}# {line if len(line) <= _LONGEST else f'{line[:_LONGEST]}…'}"]


def section(title: str, notes: Iterable[list[str]]) -> Iterator[str]:
    """Notes in comments under a title; nothing where there are none."""
    told = list(notes)
    if told:
        yield from ("", *comment(title))
        for note in told:
            for line in note:
                yield from comment(f"  {line}")


def yaml_lines(value: Mapping[str, Any]) -> list[str]:
    """A mapping as lines of YAML."""
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=110).splitlines()


def checked(family: str, overlays: Mapping[str, Any]) -> Contract:
    """A contract as overlays make it. Raises SpecError."""
    text = yaml.safe_dump({"profile": "learned", "title": "learned", "overlays": dict(overlays)}, allow_unicode=True)
    profile = parse_profile(text, "the profile to be")
    return profile.contract(family) if overlays else load_contract(family)


def removing(operation: Mapping[str, Any], former: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Actions that take an operation out of its contract, with the links that lead to it. Raises SpecError."""
    contract = checked(operation["family"], {operation["family"]: former} if former else {})
    known = contract.operation(operation["id"])
    told = f"{operation['label']} answers as a path nobody has."
    actions = [{"description": told, "target": f"$.paths['{known.path}'].{known.method.lower()}", "remove": True}]
    links = f"$..links[?@.operationId=='{known.id}']"
    return [*actions, {"target": links, "remove": True}] if find(links, dict(contract.document)) else actions
