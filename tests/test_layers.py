"""The house's walls: imports run one way, modules import alone, and no family is named in Python."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("spec", "mockserver", "contract_tests")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for room in ROOMS for path in (ROOT / room).rglob("*.py")
)
#: who may import whom; the plugin may start the mock as the default target
ALLOWED = {"spec": set[str](), "mockserver": {"spec"}, "contract_tests": {"spec"}}
EXCEPTIONS = {("contract_tests.plugin", "mockserver")}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
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
    script = (
        "import importlib, sys, warnings\n"
        "warnings.simplefilter('error')\n"
        "for name in sys.argv[1:]:\n"
        "    [sys.modules.pop(known) for known in list(sys.modules) if known.split('.')[0] in "
        f"{ROOMS!r}]\n"
        "    importlib.import_module(name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *MODULES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "word", ["midjourney", "replicate", "kling", "ideogram", "gemini", "luma", "flux", "/v1/images", "dall-e"]
)
def test_no_python_of_the_three_rooms_names_a_family(word: str) -> None:
    named = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if word in _code_of(path).lower()
    ]
    assert not named


def _code_of(path: Path) -> str:
    """The source without comments and bare texts (docstrings), where a family may serve as an example."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.unparse(tree)
