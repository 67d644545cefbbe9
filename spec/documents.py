"""Contract documents as files: YAML in, one plain document out, every `$ref` resolved, every mistake with its place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from openapi_spec_validator import OpenAPIV32SpecValidator

from spec.errors import DocumentError, UnknownName
from spec.language import escape
from spec.shapes import merge

SPEC = files("spec")


class _Careful(yaml.constructor.SafeConstructor):
    """Refuses a key given twice, which plain YAML loses silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {key_node.value!r} is read as {key!r}; YAML wants quotes around it"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


class _Loader(_Careful, yaml.SafeLoader):
    """Safe YAML that says best what is wrong."""


class _Fast(_Careful, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same, eight times as fast where PyYAML comes with libyaml."""


@cache
def shipped() -> tuple[str, ...]:
    """The names of the contract documents that come with imageproof, one per family: the default ones first."""
    entries = [entry for entry in SPEC.iterdir() if entry.name.endswith(".yaml")]
    heads = {entry.name.removesuffix(".yaml"): entry.read_text("utf-8").splitlines() for entry in entries}
    named = sorted(name for name, lines in heads.items() if any(line.startswith("openapi:") for line in lines))
    return tuple(sorted(named, key=lambda name: _DEFAULT not in heads[name]))


def default_families() -> tuple[str, ...]:
    """The families that are meant where none is named."""
    return tuple(name for name in shipped() if _DEFAULT in (SPEC / f"{name}.yaml").read_text("utf-8").splitlines())


def confirmed_families() -> tuple[str, ...]:
    """The families that are tested where none is named: those whose contract is more than a proposal."""
    return tuple(name for name in shipped() if _PROPOSED not in (SPEC / f"{name}.yaml").read_text("utf-8").splitlines())


_DEFAULT = "x-default: true"
_PROPOSED = "x-contract: proposed"


def locate(kind: str, name: str, folder: str = "") -> Traversable:
    """A shipped document by name, or any file by path. Raises UnknownName or DocumentError."""
    if name.endswith((".yaml", ".yml", ".json")) or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise DocumentError(name, "", "no such file", f"a {kind} document, or the name of a shipped one")
        return path
    place = SPEC / folder if folder else SPEC
    entry = place / f"{name}.yaml"
    if not entry.is_file():
        files = (item.name.removesuffix(".yaml") for item in place.iterdir() if item.name.endswith(".yaml"))
        raise UnknownName(kind, name, files if folder else shipped())
    return entry


def read_text(entry: Traversable) -> str:
    """The text of a document. Raises DocumentError when it is not UTF-8."""
    try:
        return entry.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(entry.name, f"byte {error.start}", "this is not UTF-8", "a text in UTF-8") from error


def load_yaml(text: str, file: str) -> dict[str, Any]:
    """One YAML mapping. Raises DocumentError with line and column."""
    try:
        try:
            document = yaml.load(text, _Fast)  # noqa: S506 - a SafeLoader
        except (yaml.YAMLError, ValueError, RecursionError):
            document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise DocumentError(
            file, where, f"this is not YAML: {error.problem or error.context}", "a YAML mapping"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(file, "", f"this is not YAML: {error}", "a YAML mapping") from error
    if not isinstance(document, dict):
        raise DocumentError(
            file, "line 1", "it is empty" if document is None else "this is no mapping", "a YAML mapping"
        )
    return document


def check_openapi(document: Mapping[str, Any], file: str) -> None:
    """Refuse what is not valid OpenAPI 3.2, by the official schema. Raises DocumentError."""
    if document.get("openapi") != "3.2.0":
        raise DocumentError(file, "/openapi", f"openapi is {document.get('openapi')!r}", "openapi: 3.2.0")
    _check_references(document, file)
    try:
        error: Exception | None = next(iter(OpenAPIV32SpecValidator(document).iter_errors()), None)
    except Exception as crash:  # noqa: BLE001 - a document far enough from OpenAPI brings the validator itself down
        error = crash
    if error is not None:
        where = "".join(f"/{escape(str(part))}" for part in getattr(error, "absolute_path", ()))
        reason = (str(getattr(error, "message", error)).splitlines() or [repr(error)])[0][:300]
        raise DocumentError(file, where, f"not valid OpenAPI: {reason}", "a document the OpenAPI 3.2 schema accepts")


def _check_references(document: Mapping[str, Any], file: str) -> None:
    """Refuse references that lead nowhere, with their place; the official validator only crashes on them."""
    rest: list[tuple[Any, str, tuple[int, ...]]] = [(document, "", ())]
    while rest:
        node, pointer, above = rest.pop()
        if id(node) in above:
            raise DocumentError(file, pointer, "a YAML alias contains itself", "a document without recursion")
        if isinstance(node, dict):
            if isinstance(target := node.get("$ref"), str):
                follow(document, target, file, pointer)
            rest += [(inner, f"{pointer}/{escape(str(key))}", (*above, id(node))) for key, inner in node.items()]
        elif isinstance(node, list):
            rest += [(inner, f"{pointer}/{index}", (*above, id(node))) for index, inner in enumerate(node)]


def resolve(document: dict[str, Any], file: str) -> dict[str, Any]:
    """`document` with every local `$ref` replaced by what it names, siblings merged over it.

    Raises DocumentError for a dangling, remote or circular reference.
    """

    def visit(node: Any, pointer: str, trail: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [visit(item, f"{pointer}/{index}", trail) for index, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        if isinstance(target := node.get("$ref"), str):
            if target in trail:
                raise DocumentError(file, pointer, f"{target} refers to itself", "schemas without recursion")
            found = visit(follow(document, target, file, pointer), target.removeprefix("#"), (*trail, target))
            siblings = {
                key: visit(value, f"{pointer}/{escape(key)}", trail) for key, value in node.items() if key != "$ref"
            }
            return merge(found, siblings) if siblings else found
        return {key: visit(value, f"{pointer}/{escape(str(key))}", trail) for key, value in node.items()}

    resolved: dict[str, Any] = visit(document, "", ())
    return resolved


def follow(document: Mapping[str, Any], reference: str, file: str, pointer: str) -> Any:
    """What `#/a/b` names in `document`. Raises DocumentError when nothing is there."""
    node: Any = document
    if not reference.startswith("#/"):
        raise DocumentError(file, pointer, f"{reference!r} is not in this document", "a reference that starts with #/")
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            node = node[int(key)] if isinstance(node, list) else node[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise DocumentError(
                file, pointer, f"{reference} names nothing", "a reference to a part of this document"
            ) from error
    return node
