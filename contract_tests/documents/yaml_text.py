"""YAML inside a document: its value, and where each part of it stands."""

from __future__ import annotations

from typing import Any

import yaml

from contract_tests.documents.json_text import Part, Place
from spec.language import escape

_DEEPEST = 64
_MOST_PARTS = 500_000
_LARGEST = 2**63
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(Exception):
    """A text is no YAML: `reason` is half a sentence, `place` is where."""

    def __init__(self, reason: str, place: Place) -> None:
        self.reason, self.place = reason, place
        super().__init__(reason)


def yaml_part(text: str) -> Part:
    """A YAML text with JSON's kinds of values only: keys are texts, dates are kept as they are written.

    Raises YamlError.
    """
    places: dict[str, Place] = {}
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        value = _value(loader, root, "", root, places, 0) if root else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1)
        raise YamlError(str(error.problem or error.context), place) from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise YamlError(str(error).splitlines()[0][:200], Place(1)) from error
    finally:
        loader.dispose()
    return Part(value, places or {"": Place(1)})


def _value(loader: Any, node: yaml.Node, pointer: str, where: yaml.Node, places: dict[str, Place], depth: int) -> Any:
    """The value of a node; `where` is the node it is found by: its key, or itself."""
    mark = where.start_mark
    if depth > _DEEPEST or len(places) > _MOST_PARTS:
        raise YamlError("it is nested too deeply, or refers to itself", Place(mark.line + 1, mark.column + 1))
    places[pointer] = Place(mark.line + 1, mark.column + 1, pointer)
    if isinstance(node, yaml.MappingNode):
        return {
            str(key.value): _value(loader, inner, f"{pointer}/{escape(str(key.value))}", key, places, depth + 1)
            for key, inner in node.value
            if isinstance(key, yaml.ScalarNode)
        }
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(loader, inner, f"{pointer}/{index}", inner, places, depth + 1)
            for index, inner in enumerate(node.value)
        ]
    if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:str"):
        return str(node.value).encode("utf-8", "replace").decode()
    built = loader.construct_object(node)
    if isinstance(built, int) and not -_LARGEST <= built < _LARGEST:
        return float(built)
    return built if isinstance(built, int | float | bool | None) else str(node.value)
