"""What a run is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KEY_VARIABLE = "OPENAI_API_KEY"


class UsageError(Exception):
    """The run was asked for wrongly; the text says how to ask rightly."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was told. `max_images` None: a default on loopback, nothing that costs elsewhere; times in seconds.

    `baseline` is a former report.json whose findings are accepted, `fail_on` the mildest level that fails the run, or
    `never`; `markdown` is a file the summary is added to. `budget` is in US dollars. `only` and `skip` are clauses,
    their tags (what stands before the dot) or kinds of cases.
    """

    url: str
    key_variable: str = KEY_VARIABLE
    profile: str | None = None
    max_images: int | None = None
    models: tuple[str, ...] = ()
    seed: int = 0
    report_dir: Path | None = None
    task_timeout: float = 300.0
    timeout: float = 180.0
    families: tuple[str, ...] = ()
    """Contracts by name; the default ones where none is named. The others need not be there."""
    baseline: Path | None = None
    fail_on: str = "MUST"
    markdown: Path | None = None
    recording: str = "run.har"
    other_key_variable: str = ""
    """The variable that holds somebody else's key, empty where there is none."""
    budget: float | None = None
    max_requests: int | None = None
    per_second: float | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    dry_run: bool = False
