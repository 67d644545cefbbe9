"""The official Node client against the mock: tests/node/client.test.mjs, one test here per test there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from conftest import opened
from test_sdk_pictures import mask, picture

from mockserver.runner import MockServer
from mockserver.settings import Settings

NODE = Path(__file__).parent / "node"
NAMES = re.findall(r'^test\("([^"]+)"', (NODE / "client.test.mjs").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are given and left."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "given.png").write_bytes(picture((512, 512)))
    (folder / "mask.png").write_bytes(mask((512, 512)))
    return folder


@pytest.fixture(scope="module")
def slow() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, event_interval=0.3)) as server:
        yield server


@pytest.fixture(scope="module")
def report(_imageproof_server: MockServer, slow: MockServer, folder: Path) -> dict[str, str]:
    """What became of each test there: its name to its failure, empty where it passed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node; install Node.js 20 or newer, then `make sdks`")
    if not (NODE / "node_modules" / "openai").is_dir():
        pytest.skip("the Node client is not there; `make sdks` gets it")
    run = subprocess.run(
        [node, "--test", "--test-reporter=junit", "client.test.mjs"],
        cwd=NODE,
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith("OPENAI_")},
            "IMAGEPROOF_URL": _imageproof_server.url,
            "IMAGEPROOF_SLOW_URL": slow.url,
            "IMAGEPROOF_FOLDER": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stdout, run.stderr
    cases = ET.fromstring(run.stdout).iter("testcase")
    return {case.attrib["name"]: "".join(case.itertext()).strip() for case in cases}


@pytest.mark.parametrize("name", NAMES)
def test_the_node_client(report: dict[str, str], name: str) -> None:
    assert name in report, f"node did not get that far: {report}"
    assert not report[name], report[name]


def test_every_picture_the_node_client_got_is_what_it_should_be(report: dict[str, str], folder: Path) -> None:
    assert len(report) == len(NAMES)
    kept = list(folder.glob("*.kept"))
    assert len(kept) > 40
    for file in kept:
        image = opened(file.read_bytes())
        assert file.name.startswith(f"{image.format} {image.width}x{image.height} "), (file.name, image)


@pytest.mark.usefixtures("report")
def test_what_the_mask_covered_is_what_it_was(folder: Path) -> None:
    before, after = (opened((folder / name).read_bytes()).convert("RGB") for name in ("given.png", "edited.png"))
    kept, redrawn = (0, 0, 256, 512), (256, 0, 512, 512)
    assert after.crop(kept).tobytes() == before.crop(kept).tobytes()
    assert after.crop(redrawn).tobytes() != before.crop(redrawn).tobytes()
