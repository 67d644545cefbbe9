"""Routes: method and path -> the operation that serves it, and the parameters its path carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")
_NO_PARAMETERS: Mapping[str, str] = {}


class Routes(Generic[T]):
    """Path templates (`/v1/tasks/{id}`) and their targets; a fixed path wins over a template."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, T]] = {}
        self._templates: list[tuple[re.Pattern[str], dict[str, T]]] = []

    def add(self, method: str, path: str, target: T) -> None:
        """Serve a path; the first target of a method and path stays."""
        if "{" not in path:
            self._fixed.setdefault(path, {}).setdefault(method.upper(), target)
            return
        pattern = re.compile(
            "".join(
                f"(?P<{part[1:-1]}>[^/]+)" if part[:1] == "{" else re.escape(part)
                for part in re.split(r"(\{\w+\})", path)
            )
        )
        for known, methods in self._templates:
            if known.pattern == pattern.pattern:
                methods.setdefault(method.upper(), target)
                return
        self._templates.append((pattern, {method.upper(): target}))

    def find(self, method: str, path: str) -> tuple[T | None, Mapping[str, str], frozenset[str]]:
        """The target, its path parameters, and the methods this path knows (empty when the path is unknown).

        HEAD is served by GET, as HTTP has it.
        """
        methods = self._fixed.get(path)
        if methods is not None:
            target = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
            return target, _NO_PARAMETERS, _NONE if target is not None else frozenset(methods)
        for pattern, methods in self._templates:
            if match := pattern.fullmatch(path):
                target = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
                return target, {name: unquote(value) for name, value in match.groupdict().items()}, frozenset(methods)
        return None, _NO_PARAMETERS, _NONE


_NONE: frozenset[str] = frozenset()
