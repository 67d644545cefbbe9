"""What is shipped works: the wheel, installed into an empty environment outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "fixtures" / "documents" / "zhongzhuan-create-edit-image.txt"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # A copy: building leaves files behind that a later wheel would take along.
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "dist", "reports", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("imageproof-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment's commands."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    command = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*command, "--constraint", str(ROOT / "constraints.txt"), str(wheel)], check=True, capture_output=True
    )
    return binaries


@pytest.fixture(scope="module")
def served(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process = subprocess.Popen(
        [installed / "imageproof", "serve", "--port", "0", "--profile", "zhongzhuan"],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path_factory.mktemp("elsewhere"),
    )  # fmt: skip
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    yield next(line.split("=", 1)[1].strip() for line in lines if "OPENAI_BASE_URL" in line)
    process.terminate()
    assert process.wait(15) == 0
    process.stdout.close()


def test_the_wheel_holds_the_rooms_and_the_contract_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "spec", "mockserver", "contract_tests", "imageproof.py",
    }  # fmt: skip
    assert {
        "spec/images.yaml", "spec/drifts.yaml", "spec/profiles/zhongzhuan.yaml", "spec/README.md", "spec/py.typed",
        "contract_tests/report/report.html.j2", "contract_tests/suite/test_3_pictures.py",
    } <= names  # fmt: skip


def test_the_installed_check_convicts_the_installed_mock(installed: Path, served: str, tmp_path: Path) -> None:
    command = [
        str(installed / "imageproof"),
        "check",
        served,
        "--max-images",
        "2",
        "--report-dir",
        str(tmp_path / "report"),
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "chat-shaped-200" in result.stdout
    assert (tmp_path / "report" / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_installed_lint_names_the_pages_defects(installed: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_bytes(PAGE.read_bytes())
    result = subprocess.run(
        [installed / "imageproof", "lint", str(page)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "chat-shaped-200" in result.stdout


def test_the_installed_help_lists_every_command(installed: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [installed / "imageproof", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for command in ("serve", "check", "lint", "explain", "profiles", "demo"):
        assert f"  {command} " in result.stdout
