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
        self._direct: dict[tuple[str, str], T] = {}
        self._fixed: dict[str, dict[str, T]] = {}
        self._templates: list[tuple[re.Pattern[str], dict[str, T]]] = []

    def add(self, method: str, path: str, target: T) -> None:
        """Serve a path; the first target of a method and path stays."""
        if "{" not in path:
            self._fixed.setdefault(path, {}).setdefault(method.upper(), target)
            self._direct.setdefault((method.upper(), path), target)
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

    def direct(self, method: str, path: str) -> T | None:
        """The target of a path without parameters: what nearly every request needs, and no more work than that."""
        return self._direct.get((method, path))

    def find(self, method: str, path: str) -> tuple[T | None, Mapping[str, str], frozenset[str]]:
        """The target and its path parameters; without one, the methods this path knows (none for an unknown path).

        `path` may still have escaped what must not part a parameter (`%2F`). HEAD is served by GET, as HTTP has it.
        """
        methods = self._fixed.get(path)
        if methods is not None and (target := _served(methods, method)) is not None:
            return target, _NO_PARAMETERS, _NONE
        known = set(methods or ())
        for pattern, methods in self._templates:
            if match := pattern.fullmatch(path):
                if (target := _served(methods, method)) is not None:
                    return target, {name: unquote(value) for name, value in match.groupdict().items()}, _NONE
                known.update(methods)
        if "GET" in known:
            known.add("HEAD")
        return None, _NO_PARAMETERS, frozenset(known)


def _served(methods: Mapping[str, T], method: str) -> T | None:
    target = methods.get(method)
    return methods.get("GET") if target is None and method == "HEAD" else target


_NONE: frozenset[str] = frozenset()
