"""`imageproof check` as people run it: exit codes, reports, strange folders, Ctrl-C, replay; and the other commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from test_provider import CREATE, IMAGES, KEY, Asked, Listener, Told, asking, free_port, listening

from contract_tests.cases import Case
from contract_tests.planning import refusals
from contract_tests.report.evidence import curl
from imageproof import main
from mockserver.runner import MockServer
from mockserver.settings import Latency, Settings
from spec.drifts import drift_uses
from spec.outputs import held, make_sure

DOCUMENTS = Path(__file__).parent.parent / "fixtures" / "documents"
CHEAP = ("--model", "dall-e-2", "--family", "images")  # what is planned for fourteen models takes seconds
ALONE = ("--family", "images")


def command(*arguments: str) -> list[str]:
    """The installed program."""
    program = shutil.which("imageproof", path=str(Path(sys.executable).parent))
    assert program, "imageproof is not installed next to this Python"
    return [program, *arguments]


def environment(**more: str) -> dict[str, str]:
    """This environment without what could lead the program to a provider."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "OPENAI_"))}
    return {**kept, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **more}


def imageproof(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=90,
    )


def report_of(folder: Path) -> Any:
    """report.json of the folder a check was run in."""
    return json.loads((folder / "reports" / "report.json").read_bytes())


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder in which every pytest would stop."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\nrequired_plugins = nothing-known\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nminversion = '999'\n")
    (tmp_path / "tox.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    trap = "from pathlib import Path\n\nPath('trapped').touch()\nraise SystemExit('trapped')\n"
    for name in ("conftest.py", "test_trap.py", "sitecustomize.py", "contract_tests.py", "pytest.py"):
        (tmp_path / name).write_text(trap)
    return tmp_path


# --- exit codes -------------------------------------------------------------------------------------


def test_a_provider_that_conforms_from_a_folder_with_a_pytest_setup_of_its_own(mock: MockServer, hostile: Path) -> None:
    before = {path.name for path in hostile.iterdir()}
    result = imageproof(
        "check",
        mock.base_url,
        "--max-images",
        "3",
        *CHEAP,
        folder=hostile,
        PYTEST_ADDOPTS="--no-such-option",
        PYTEST_PLUGINS="no_such_plugin",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "CONFORMS" in result.stdout
    assert "of at most 3 pictures" in result.stdout
    assert result.stderr == ""
    assert {path.name for path in hostile.iterdir()} - before == {"reports"}
    report = report_of(hostile)
    assert (report["verdict"], report["findings"], report["could_not_look"]) == ("conforms", [], {})
    assert 0 < report["images"] <= 3
    assert report["requests"] >= len(mock.journal) - report["images"] > 50  # pictures are fetched besides
    paid = ("createImage", "editImage", "createImageVariation")
    tried = [entry.status for entry in mock.journal if entry.operation in paid]
    assert tried.count(200) == report["images"]


def test_a_drift_is_one_finding_with_everything_that_proves_it(tmp_path: Path) -> None:
    served = Settings(port=0, drifts=drift_uses(["error-object-in-200"]), task_polls=2)
    with MockServer(served) as server:
        result = imageproof("check", server.url, "--max-images", "1", *CHEAP, folder=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "DRIFTS" in result.stdout
    assert "error-object-in-200" in result.stdout
    report = report_of(tmp_path)
    (finding,) = [finding for finding in report["findings"] if finding["drift"] == "error-object-in-200"]
    assert finding["level"] == "MUST"
    assert "createImage" in {operation["id"] for operation in finding["operations"]}
    assert finding["clause"] in {clause["id"] for clause in report["clauses"]}
    assert finding["expected"]
    assert finding["received"]
    assert finding["count"] > 0
    evidence = finding["evidence"]
    assert (tmp_path / "reports" / evidence["folder"] / "replay.sh").is_file()
    assert evidence["response"]["status"] == 200
    assert evidence["curl"].startswith(("curl ", "printf "))
    assert report["images"] <= 1
    assert report["requests"] > 50
    page = (tmp_path / "reports" / "report.html").read_text(encoding="utf-8")
    assert "error-object-in-200" in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ftp://api.example.com/v1",), "no http or https URL"),
        (("http://127.0.0.1:9/v1", "--profile", "zhongzhua"), "nearest known: zhongzhuan"),
        (("http://127.0.0.1:9/v1", "--max-pictures", "3"), "No such option"),
        (("http://127.0.0.1:9/v1", "--max-images", "-1"), "--max-images"),
        (("http://127.0.0.1:9/v1", "--timeout", "0"), "--timeout"),
        (("http://127.0.0.1:9/v1", "--budget", "nan"), "not a valid number"),
        (("http://127.0.0.1:9/v1", "--only", "images.count", "--skip", "images"), "leave no clause"),
        (("http://127.0.0.1:9/v1", "--only", "refusals", "--skip", "refusals"), "leave nothing to be sent"),
        ((), "Missing argument 'URL'"),
    ],
)
def test_a_wrong_call_is_told_what_is_right(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["check", *arguments])
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert not list(tmp_path.iterdir())  # no report of nothing


def test_without_a_key_nobody_but_this_machine_is_asked(tmp_path: Path) -> None:
    with listening(lambda _: Told({}, 404)) as server:
        elsewhere = f"http://0.0.0.0:{server.server_port}/v1"  # leads here, and is no loopback address
        result = imageproof("check", elsewhere, "--max-images", "1", folder=tmp_path)
        assert result.returncode == 2, result.stdout + result.stderr
        assert "OPENAI_API_KEY is not set" in result.stderr
        assert "--api-key-env" in result.stderr
        assert server.asked == []
        with asking(elsewhere) as provider:  # or the line above would show nothing
            provider.send(refusals(IMAGES, CREATE, 0)[0])
        assert len(server.asked) == 1
    assert not list(tmp_path.iterdir())


def test_a_model_of_the_providers_own_can_be_checked(tmp_path: Path) -> None:
    with MockServer(Settings(port=0, models=("house-model",), task_polls=2)) as server:
        result = imageproof("check", server.url, "--max-images", "2", "--model", "house-model", *ALONE, folder=tmp_path)
        asked = [entry.operation for entry in server.journal if entry.status == 200]
    assert result.returncode == 0, result.stdout + result.stderr
    assert "house-model is in no contract: taken for a model of the provider's own" in result.stdout
    assert "createImage" in asked
    report = report_of(tmp_path)
    assert report["findings"] == []
    assert report["images"] > 0


def test_a_model_the_provider_does_not_have_is_no_pass(tmp_path: Path) -> None:
    with MockServer(Settings(port=0, task_polls=2)) as server:
        result = imageproof("check", server.url, "--max-images", "2", "--model", "house-model", *ALONE, folder=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert report_of(tmp_path)["images"] == 0


def test_nothing_listens(tmp_path: Path) -> None:
    result = imageproof("check", f"http://127.0.0.1:{free_port()}/v1", *CHEAP, folder=tmp_path)
    assert result.returncode == 3, result.stdout + result.stderr
    assert "COULD NOT LOOK" in result.stdout
    assert "nothing found" not in result.stdout
    assert "Connection refused" in result.stdout
    assert "is the server running?" in result.stdout
    assert "has no" not in result.stdout  # nothing is said about what nobody saw
    assert "Traceback" not in result.stdout + result.stderr
    report = report_of(tmp_path)
    assert (report["verdict"], report["requests"], report["images"]) == ("could not look", 0, 0)
    assert (report["not_tested"], report["not_offered"]) == ({}, {})


# --- the same again ---------------------------------------------------------------------------------


def test_the_same_seed_sends_the_same_requests(tmp_path: Path) -> None:
    def sent(seed: str) -> list[tuple[str, str, bytes]]:
        refusal = {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}
        with listening(lambda _: Told(refusal, 400)) as server:
            result = imageproof("check", server.url, "--seed", seed, "--max-images", "3", *CHEAP, folder=tmp_path)
            assert result.returncode == 1, result.stdout + result.stderr
            return [(asked.method, asked.path, asked.body) for asked in server.asked]

    first = sent("7")
    assert len(first) > 50
    assert sent("7") == first


# --- Ctrl-C -----------------------------------------------------------------------------------------


def started(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """The program under way."""
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # Whoever started these tests in the background has SIGINT ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "stopped by CI"])
def test_who_is_stopped_reports_what_was_seen_so_far(number: signal.Signals, tmp_path: Path) -> None:
    with MockServer(Settings(port=0, latency=Latency(0.1, 0.1))) as server:
        process = started("check", server.url, "--max-images", "3", *CHEAP, folder=tmp_path)
        until = time.monotonic() + 40
        while len(server.journal) < 30 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stdout + stderr
    assert "interrupted" in stdout
    assert "Traceback" not in stdout + stderr
    report = report_of(tmp_path)
    assert report["interrupted"] is True
    assert report["verdict"] != "conforms"
    assert 30 <= report["requests"] < 110
    assert any(clause["conforms"] for clause in report["clauses"])
    assert (tmp_path / "reports" / "report.html").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
def test_who_is_stopped_before_anything_was_judged_is_told_so_in_a_line(tmp_path: Path) -> None:
    def slow(_: Asked) -> Told:
        time.sleep(0.5)
        return Told({}, 404)

    with listening(slow) as server:
        process = started("check", server.url, folder=tmp_path)
        while not server.asked and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    told = stdout + stderr
    assert (process.returncode, "interrupted" in told, "Traceback" in told) == (130, True, False)
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "reports" / "report.json").exists()


def test_the_help_says_what_the_exit_codes_mean() -> None:
    told = " ".join(CliRunner().invoke(main, ["check", "--help"]).output.split())
    for part in ("Exits 0 when it conforms", "1 when it drifts", "2 when called wrongly", "3 when", "Ctrl-C", "130"):
        assert part in told


# --- commands to replay -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def capture() -> Iterator[Listener]:
    """A server that keeps what it is sent."""
    with listening(lambda _: Told({}, 400)) as server:
        yield server


def _relevant(asked: Asked) -> tuple[str, str, Mapping[str, str | None], bytes]:
    headers = {name: asked.headers.get(name) for name in ("accept", "authorization", "content-type")}
    return asked.method, asked.path, headers, asked.body


ODD = {
    "no UTF-8": b'{"prompt": "\xff\xfe\\ 100% \'quoted\' $(id) `id`"}',
    "no text at all": bytes(range(256)),
    "a zero byte": b"\0",
    "a file name": b"@/etc/hostname",
    "an option": b"--help",
    "line ends": b'{"prompt":\r\n"a"}\n\n',
    "what nobody sees": '{"prompt": "\u202e\u200b\x7f"}'.encode(),
    "another script": '{"prompt": "狐狸 🦊 it\'s"}'.encode(),
    "long": b'{"prompt": "' + 300_000 * b"x" + b'"}',
}


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="curl or bash is not installed")
def test_the_command_of_a_finding_sends_the_same_bytes_again(capture: Listener) -> None:
    odd = [Case(IMAGES, CREATE, body, "application/json") for body in ODD.values()]
    no_media = Case(IMAGES, CREATE, b'{"model": "dall-e-2"}', None)
    query = Case(IMAGES, CREATE, b"{}", "application/json", query={"async": "tr ue&'[a-z]{b,c}"})
    planned = refusals(IMAGES, CREATE, 0)
    cases = [*odd, no_media, query, *planned[:: max(1, len(planned) // 20)]]
    capture.asked.clear()
    with asking(capture.url) as provider:
        script = "\n".join(f"{curl(provider.send(case))} >&2 || exit 1" for case in cases)
    sent = [_relevant(asked) for asked in capture.asked]
    capture.asked.clear()
    replay = subprocess.run(
        ["bash", "--norc"], input=script.encode(), env={**os.environ, "OPENAI_API_KEY": KEY}, capture_output=True
    )
    assert replay.returncode == 0, replay.stderr[-2000:]
    again = [_relevant(asked) for asked in capture.asked]
    assert len(again) == len(sent) == len(cases)
    for case, first, second in zip(cases, sent, again, strict=True):
        assert second == first, case
    assert KEY not in script


# --- its peers --------------------------------------------------------------------------------------


def test_the_demo_finds_the_drift_it_serves(tmp_path: Path) -> None:
    result = imageproof("demo", "--report-dir", "found", folder=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "MUST  chat-shaped-200" in result.stdout
    assert (tmp_path / "found" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("lint", str(DOCUMENTS / "zhongzhuan-create-edit-image.txt")), 1, "chat-shaped-200"),
        (("lint", str(DOCUMENTS / "chat-bp-images-generations.txt")), 1, "error"),
        (("lint", str(DOCUMENTS / "no-such-page.txt")), 2, "no-such-page.txt"),
        (("lint", "--only", "no-such-rule", str(DOCUMENTS / "README.md")), 2, "unknown rule"),
        (("lint",), 2, "Missing argument"),
        (("explain", "images.count"), 0, "broken by: "),
        (("explain", "n-ignored-single-image"), 0, "convicted by: images.count"),
        (("explain", "images.coun"), 2, "images.count"),
        (("explain",), 0, "lint rules"),
        (("profiles",), 0, "zhongzhuan"),
        (("profiles", "zhongzhuan"), 0, "drift: chat-shaped-200 response schema and example of the page"),
        (("profiles", "openai"), 0, "removed: $.paths['/v1/images/variations']"),
        (("profiles", "opnai"), 2, "nearest known: openai"),
        (("demo", "--profile", "zhongzhua"), 2, "zhongzhuan"),
        (("check", "--help"), 0, "Usage"),
        (("nonsense",), 2, "No such command"),
        (("check", "http://127.0.0.1:9/v1", "--family", "nosuch"), 2, "known: chat, gemini, ideogram, images, kling"),
        (("serve", "--profile", "missing.yaml"), 2, "missing.yaml: no such file"),
        (("serve", "--cors", "foo"), 2, "is no origin"),
        (("serve", "--api-key", " "), 2, "--api-key"),
        (("serve", "--host", "nosuch.invalid", "--port", "0"), 3, "with --host"),
    ],
)
def test_every_command_says_how_it_went_by_its_exit_code(arguments: tuple[str, ...], code: int, told: str) -> None:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    assert told in result.output


@pytest.mark.parametrize(
    "command",
    [
        ("check", "http://127.0.0.1:9/v1", "--report-dir"),
        ("check", "http://127.0.0.1:9/v1", "--markdown"),
        ("report", "report.json", "-o"),
        ("compare", "report.json", "-o"),
        ("compare", "report.json", "--badge"),
        ("profile", "report.json", "-o"),
        ("lint", str(DOCUMENTS / "README.md"), "-o"),
        ("proxy", "http://127.0.0.1:9/v1", "--record"),
        ("proxy", "http://127.0.0.1:9/v1", "--log"),
        ("demo", "--report-dir"),
    ],
    ids=lambda command: " ".join((command[0], command[-1])),
)
def test_where_nothing_can_be_written_nothing_is_done(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(main, [*command, str(tmp_path / "file" / "below.svg" / "below.yaml")])
    assert result.exit_code == 2, result.output
    assert "below.yaml" in result.stderr
    assert command[-1] in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows holds no folders")
def test_two_runs_do_not_write_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "reports"
    with held(folder):
        result = CliRunner().invoke(main, ["check", "http://127.0.0.1:9", "--report-dir", str(folder)])
        assert (result.exit_code, list(folder.iterdir())) == (2, [])
        assert f"{folder}: another run is writing there" in result.stderr
    assert list(tmp_path.iterdir()) == []
    with held(folder), suppress(KeyError), held(tmp_path):
        (folder / "report.json").touch()
        raise KeyError
    assert list(folder.iterdir()) == [folder / "report.json"]


def test_what_can_be_written_is_found_out_without_a_trace(tmp_path: Path) -> None:
    make_sure(tmp_path / "new" / "folder", folder=True)
    make_sure(tmp_path / "new" / "file.har")
    assert list(tmp_path.iterdir()) == []


def test_a_file_edited_by_hand_is_not_written_over(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text("# edited")
    page = str(DOCUMENTS / "zhongzhuan-create-edit-image.txt")
    result = CliRunner().invoke(main, ["profile", page, "-o", str(profile)])
    assert (result.exit_code, profile.read_text()) == (2, "# edited")
    assert "--force" in result.stderr
    assert CliRunner().invoke(main, ["profile", page, "-o", str(profile), "--force"]).exit_code == 0
    assert "edited" not in profile.read_text()


def test_lint_speaks_json_to_programs() -> None:
    page = DOCUMENTS / "zhongzhuan-create-edit-image.txt"
    result = CliRunner().invoke(main, ["lint", "--format", "json", "--only", "chat-shaped-200", str(page)])
    assert result.exit_code == 1
    assert "chat-shaped-200" in json.dumps(json.loads(result.stdout))


def test_explain_knows_clauses_drifts_and_lint_rules() -> None:
    runner = CliRunner()
    for name, told in (
        ("images.count", "As many pictures come as were asked for."),
        ("missing-model-503", "convicted by: refusal.no-5xx"),
        ("trailing-comma-example", "lint rule"),
        ("chat-shaped-200", "lint rule"),
    ):
        result = runner.invoke(main, ["explain", name])
        assert result.exit_code == 0
        assert told in result.output


def test_a_profile_title_that_looks_like_markup_is_printed_as_it_is(tmp_path: Path) -> None:
    profile = tmp_path / "odd.yaml"
    profile.write_text('profile: odd\ntitle: "odd [/] title"\ndrifts: [chat-shaped-200]\n', encoding="utf-8")
    result = CliRunner().invoke(main, ["profiles", str(profile)], env={"COLUMNS": "100"})
    assert (result.exit_code, "odd [/] title" in result.output) == (0, True), result.output
