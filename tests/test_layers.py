"""The house's walls: imports run one way, modules import alone, and no family is named in Python."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("spec", "mockserver", "contract_tests")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
)
#: who may import whom; the plugin may start the mock as the default target
ALLOWED = {"spec": set[str](), "mockserver": {"spec"}, "contract_tests": {"spec"}}
EXCEPTIONS = {("contract_tests.plugin", "mockserver")}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _imports(path: Path) -> set[str]:
    tree = _tree(path)
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in named}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        foreign = (_imports(path) & {*ROOMS, "imageproof", "tests", "benchmarks"}) - {room} - ALLOWED[room]
        assert not {name for name in foreign if (module, name) not in EXCEPTIONS}, module


def test_import_linter_is_told_the_same_rule_and_finds_it_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_imports_alone_without_a_warning() -> None:
    """All are imported once; who stands in a circle of imports also by itself, as only there the order matters."""
    script = (
        "import importlib, sys, warnings\n"
        "warnings.simplefilter('error')\n"
        "for name in sys.argv[1:]:\n"
        "    if name.endswith('!'):\n"
        "        [sys.modules.pop(known) for known in list(sys.modules) if known.split('.')[0] in "
        f"{ROOMS!r}]\n"
        "    importlib.import_module(name.rstrip('!'))\n"
    )
    graph = {module: _imported_at_once(module) for module in MODULES}
    circular = [f"{module}!" for module in MODULES if module in _reached(graph, module)]
    result = subprocess.run(
        [sys.executable, "-c", script, *MODULES, *circular], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def _imported_at_once(module: str) -> set[str]:
    """The modules of the rooms that are imported when this one is, the packages they lie in included."""
    place = ROOT.joinpath(*module.split("."))
    file = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
    named, rest = {module}, list[ast.AST](_tree(file).body)
    while rest:
        node = rest.pop()
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            rest += ast.iter_child_nodes(node)
    around = {".".join(name.split(".")[:length]) for name in named for length in range(1, name.count(".") + 2)}
    return (around & set(MODULES)) - {module}


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    rest = [start]
    while rest:
        new = graph[rest.pop()] - found
        found |= new
        rest += new
    return found


@pytest.mark.parametrize(
    "word", ["midjourney", "replicate", "kling", "ideogram", "gemini", "luma", "flux", "/v1/images", "dall-e"]
)
def test_no_python_of_the_three_rooms_names_a_family(word: str) -> None:
    named = [
        str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.py") if word in _code_of(path)
    ]
    assert not named


@cache
def _code_of(path: Path) -> str:
    """The source without comments and bare texts (docstrings), where a family may serve as an example."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.unparse(tree).lower()
