"""Every profile as the mock serves it, checked in full: `make families`, some minutes.

Held to its provider's own documents, only the drifts it lists are found; held to the contract, drifts by name.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from contract_tests.check import check
from contract_tests.options import Options
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import catalogue
from spec.profiles import Profile, load_profile, profile_names

_PICTURES = 12


def found_in(profile: Profile, held_to: str | None, folder: Path) -> dict[str, str]:
    """What a check of a served profile finds: clause -> drift, empty where it has no name."""
    console = Console(record=True, width=160)
    with MockServer(Settings(port=0, profile=profile, task_polls=2)) as server:
        families = profile.families or ("images",)
        check(Options(server.url, profile=held_to, families=families, max_images=_PICTURES, report_dir=folder), console)
    report = json.loads((folder / "report.json").read_bytes())
    return {finding["clause"]: finding["drift"] or "" for finding in report["findings"]}


@pytest.mark.parametrize("name", profile_names())
def test_held_to_its_own_documents_a_provider_shows_the_drifts_of_its_profile_alone(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    found = found_in(profile, name, tmp_path)
    listed = {use.drift.id for use in profile.drifts}
    assert set(found.values()) <= listed, found
    assert bool(found) == bool(listed), found


@pytest.mark.parametrize("name", [name for name in profile_names() if load_profile(name).drifts])
def test_held_to_the_contract_what_a_provider_does_otherwise_has_names(name: str, tmp_path: Path) -> None:
    found = found_in(load_profile(name), None, tmp_path)
    assert set(found.values()) & set(catalogue()), found
