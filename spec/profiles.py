"""Profiles: one provider = contracts, an OpenAPI Overlay (what its documents change), and the drifts seen in it.

A profile may build on another one (`builds-on`): what that one changes is changed first, and its drifts are played,
too, unless the profile says something else for the same switch.

`profile_names` and `load_profile` find the shipped ones, `parse_profile` reads a text, `Profile.contracts` gives the
contracts as the provider documents them; `apply_overlay` is OpenAPI Overlay 1.0 by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from jsonpath_rfc9535 import JSONPathError, find

from spec.contract import Contract
from spec.documents import SPEC, default_families, load_yaml, locate, read_text, shipped
from spec.drifts import DriftUse, drift_uses
from spec.errors import DocumentError
from spec.loading import load_contract, load_contracts

_FIELDS = {"profile", "title", "sources", "builds-on", "families", "overlays", "drifts"}


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's behaviour. `overlays` are its own Overlay documents by contract name.

    `families` are the contracts it has, where they are not the default ones. `base` is the profile it builds on, whose
    overlays come first; `drifts` are all that are played, those of the base included.
    """

    name: str
    title: str
    sources: tuple[str, ...]
    overlays: Mapping[str, Mapping[str, Any]]
    drifts: tuple[DriftUse, ...]
    file: str = ""
    families: tuple[str, ...] = ()
    base: Profile | None = None

    def contracts(self, names: Sequence[str] = (), models: Sequence[str] = ()) -> tuple[Contract, ...]:
        """The named contracts, or those it has, as this provider documents them, with `models` offered besides.

        Raises DocumentError.
        """
        if not names:
            parts = [*(("overlays", name) for name in self.overlays), *(("families", name) for name in self.families)]
            for part, name in parts:
                if name not in shipped():
                    raise DocumentError(
                        self.file, f"/{part}", f"there is no contract {name!r}", f"one of {', '.join(shipped())}"
                    )
        return load_contracts(
            names or self.families or default_families(),
            lambda name, document: offering(self.applied_to(name, document), models),
        )

    def contract(self, name: str) -> Contract:
        """One contract as this provider documents it. Raises DocumentError."""
        return load_contract(name, self.applied_to)

    def all_overlays(self) -> dict[str, dict[str, Any]]:
        """Overlay documents by contract name, each with the actions of the base's before its own."""
        found = self.base.all_overlays() if self.base is not None else {}
        for name, overlay in self.overlays.items():
            before = found.get(name, {}).get("actions", ())
            found[name] = {**overlay, "actions": [*before, *overlay["actions"]]}
        return found

    def applied_to(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        """A contract's document as this provider has it. Raises DocumentError."""
        overlay = self.overlays.get(name)
        if self.base is not None:
            document = self.base.applied_to(name, document)
        return apply_overlay(document, overlay, self.file) if overlay else document


#: the contract as it stands, no drifts
PLAIN = Profile("contract", "the contract as it stands", (), {}, ())


def profile_names() -> list[str]:
    """The profiles that come with imageproof."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in (SPEC / "profiles").iterdir() if entry.name.endswith(".yaml")
    )


def load_profile(name: str) -> Profile:
    """A shipped profile by name, or one from a file. Raises UnknownName or DocumentError."""
    return _load(name, ())


def _load(name: str, builders: tuple[str, ...]) -> Profile:
    entry = locate("profile", name, "profiles")
    place = str(entry)
    if place in builders:
        raise DocumentError(
            entry.name, "/builds-on", "it builds on itself", "a profile that does not build on this one"
        )
    return parse_profile(read_text(entry), entry.name, (*builders, place))


def parse_profile(text: str, file: str, builders: tuple[str, ...] = ()) -> Profile:
    """A profile from its text, with the one it builds on.

    `file` is what errors call it, `builders` are the places of those that build on it, its own among them. Raises
    DocumentError or UnknownName.
    """
    document = load_yaml(text, file)
    _check_fields(document, file)
    overlays = document.get("overlays", {})
    if not isinstance(overlays, Mapping):
        raise DocumentError(file, "/overlays", "not a mapping", "overlays by contract name")
    for name, overlay in overlays.items():
        if (
            not isinstance(overlay, Mapping)
            or overlay.get("overlay") != "1.0.0"
            or not isinstance(overlay.get("actions"), list)
        ):
            raise DocumentError(
                file, f"/overlays/{name}", "not an OpenAPI Overlay", "overlay: 1.0.0 and a list of actions"
            )
    base = _load(document["builds-on"], builders) if "builds-on" in document else None
    return Profile(
        document["profile"],
        document["title"],
        tuple(document.get("sources", ())),
        overlays,
        _with_those_of(base, document.get("drifts", ()), file),
        file,
        tuple(map(str, document.get("families", base.families if base else ()))),
        base,
    )


def _with_those_of(base: Profile | None, told: Sequence[Any], file: str) -> tuple[DriftUse, ...]:
    """Drifts with those of the base, but one that is removed, or sets the same switch as one that is told."""
    inherited = {use.drift.id: use for use in (base.drifts if base else ())}
    removed = {index: use["id"] for index, use in enumerate(told) if isinstance(use, Mapping) and use.get("remove")}
    for index, id_ in removed.items():
        if inherited.pop(id_, None) is None:
            raise DocumentError(
                file,
                f"/drifts/{index}",
                f"{id_!r} cannot be removed",
                f"a drift of the profile this one builds on: {', '.join(inherited) or 'there is none'}",
            )
    uses = drift_uses(use for index, use in enumerate(told) if index not in removed)
    switches = {use.drift.switch for use in uses}
    return (*(use for use in inherited.values() if use.drift.switch not in switches), *uses)


def _check_fields(document: Mapping[str, Any], file: str) -> None:
    for key in document:
        if key not in _FIELDS:
            raise DocumentError(file, f"/{key}", f"unknown field {key!r}", f"one of {', '.join(sorted(_FIELDS))}")
    for key in ("profile", "title"):
        if not isinstance(document.get(key), str):
            raise DocumentError(file, f"/{key}", "missing", "a text")
    if not isinstance(document.get("builds-on", ""), str):
        raise DocumentError(file, "/builds-on", "not a profile", "the name of one, or its file")
    for key in ("sources", "families", "drifts"):
        if not isinstance(document.get(key, []), list):
            raise DocumentError(file, f"/{key}", "not a list", "a list")
    for index, use in enumerate(document.get("drifts", ())):
        if not isinstance(use, str) and not (
            isinstance(use, Mapping)
            and "id" in use
            and use.keys() <= {"id", "with", "source", "remove"}
            and isinstance(use.get("with", {}), Mapping)
        ):
            raise DocumentError(
                file, f"/drifts/{index}", "not a drift", "its id, or a mapping of id, with, source, remove"
            )


def offering(document: dict[str, Any], models: Sequence[str]) -> dict[str, Any]:
    """`document` with more models wherever it lists those a request may name."""
    if not models:
        return document
    changed: dict[str, Any] = orjson.loads(orjson.dumps(document))
    rest: list[Any] = [changed]
    while rest:
        node = rest.pop()
        if isinstance(node, dict) and node.get("x-role") == "model" and isinstance(node.get("enum"), list):
            node["enum"] += [model for model in models if model not in node["enum"]]
        rest += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return changed


def apply_overlay(document: Mapping[str, Any], overlay: Mapping[str, Any], file: str) -> dict[str, Any]:
    """`document` changed by an OpenAPI Overlay 1.0 (actions with target, update, remove, in order).

    Raises DocumentError when a target is no JSONPath (RFC 9535) or matches nothing: a profile that silently changes
    nothing would lie.
    """
    changed: dict[str, Any] = orjson.loads(orjson.dumps(document))  # aliases of YAML become copies
    for index, action in enumerate(overlay["actions"]):
        where = f"/actions/{index}/target"
        if (
            not isinstance(action, Mapping)
            or not isinstance(action.get("target"), str)
            or not ("update" in action or action.get("remove") is True)
        ):
            raise DocumentError(file, f"/actions/{index}", "not an action", "a target, and an update or `remove: true`")
        try:
            nodes = find(action["target"], changed)
        except JSONPathError as error:
            raise DocumentError(file, where, f"not a JSONPath: {error}", "an RFC 9535 query such as $.paths") from error
        if not nodes:
            raise DocumentError(file, where, f"{action['target']} matches nothing", "a part of the contract document")
        # each once, later items after earlier ones: removed backwards, nothing shifts under us
        locations = sorted(
            {node.location for node in nodes}, key=lambda found: [(isinstance(part, str), part) for part in found]
        )
        for location in reversed(locations) if action.get("remove") else locations:
            if action.get("remove"):
                if not location:
                    raise DocumentError(file, where, "the whole document cannot be removed", "a part of it")
                del _at(changed, location[:-1])[location[-1]]
            else:
                _update(_at(changed, location), action.get("update"), file, where)
    return changed


def _at(node: Any, location: Sequence[str | int]) -> Any:
    for part in location:
        node = node[part]
    return node


def _update(target: Any, update: Any, file: str, where: str) -> None:
    if isinstance(target, list):
        target.append(copy.deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, Mapping):
        for key, value in update.items():
            if isinstance(value, Mapping) and isinstance(target.get(key), dict):
                _update(target[key], value, file, where)
            elif isinstance(value, list) and isinstance(target.get(key), list):
                target[key].extend(copy.deepcopy(value))
            else:
                target[key] = copy.deepcopy(value)
    else:
        raise DocumentError(
            file, where, "the target is a single value", "an object or an array to update; remove it first otherwise"
        )
