"""The GitHub Action and the recipes of docs/ci.md: they parse, and what their steps run works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mockserver.runner import MockServer

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
RECIPES = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "ci.md").read_text("utf-8"), re.DOTALL)


def run(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A step's shell as a runner starts it, with this environment's programs."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "OPENAI_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={**kept, "PATH": path, **more},
        capture_output=True,
        text=True,
        timeout=200,
    )


def step(name: str) -> Any:
    return next(step for step in ACTION["runs"]["steps"] if step.get("name") == name)


def test_the_action_gives_every_input_to_its_steps_as_a_variable() -> None:
    text = (ROOT / "action.yml").read_text("utf-8")
    assert ACTION["runs"]["using"] == "composite"
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])
    assert "${{" not in step("Check")["run"]
    assert all(each.get("shell") for each in ACTION["runs"]["steps"] if "run" in each)


def test_the_step_of_the_action_checks_writes_the_summary_and_says_the_verdict(
    mock: MockServer, tmp_path: Path
) -> None:
    values = {"IMAGEPROOF_URL": mock.base_url, "IMAGEPROOF_MAX_IMAGES": "0", "IMAGEPROOF_FAIL_ON": "MUST",
              "IMAGEPROOF_REPORT_DIR": "out put", "IMAGEPROOF_PROFILE": "", "IMAGEPROOF_BASELINE": "",
              "IMAGEPROOF_ARGUMENTS": "--model dall-e-2"}  # fmt: skip
    assert set(values) | {"OPENAI_API_KEY"} == set(step("Check")["env"])
    told = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    ran = run(step("Check")["run"], tmp_path, OPENAI_API_KEY="", **values, **told)
    report = json.loads((tmp_path / "out put" / "report.json").read_bytes())
    assert ran.returncode == int(report["failed"]), ran.stdout + ran.stderr
    assert (tmp_path / "output").read_text() == f"verdict={report['verdict']}\n"
    assert "imageproof: " in (tmp_path / "summary.md").read_text("utf-8")


@pytest.mark.parametrize("text", [text for kind, text in RECIPES if kind == "yaml"], ids=["github", "gitlab"])
def test_a_recipe_parses_and_names_what_there_is(text: str) -> None:
    recipe = yaml.safe_load(text)
    if "jobs" in recipe:
        told = recipe["jobs"]["check"]["steps"][-1]["with"]
        assert set(told) <= set(ACTION["inputs"])
    else:
        assert recipe["image-api"]["artifacts"]["reports"]["junit"] == "imageproof-report/junit.xml"
        assert recipe["image-api"]["script"][-1].startswith("imageproof check ")


def test_the_commands_for_a_baseline_work(mock: MockServer, tmp_path: Path) -> None:
    (script,) = (text for kind, text in RECIPES if kind == "sh")
    quick = script.replace('"$PROVIDER"', '"$PROVIDER" --max-images 0 --model dall-e-2 --family images')
    ran = run(quick, tmp_path, PROVIDER=mock.base_url)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    second = json.loads((tmp_path / "second" / "report.json").read_bytes())
    assert second["baseline"]["new"] == []
