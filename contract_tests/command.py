"""The command `check`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from spec import stopping
from spec.errors import SpecError
from spec.outputs import Output
from spec.terminal import INTERRUPTED, USAGE, Number, Told, fail, terminal

_SECONDS = Number(0, min_open=True)


@click.command()
@click.argument("url")
@click.option(
    "--api-key-env",
    metavar="NAME",
    default="OPENAI_API_KEY",
    show_default=True,
    help="The variable that holds the key.",
)
@click.option(
    "--other-key-env",
    metavar="NAME",
    default="",
    help="The variable that holds another valid key, to see that it is shown nobody else's tasks.",
)
@click.option("--profile", metavar="NAME|FILE", help="Hold the provider to what its own documents say.")
@click.option(
    "--family",
    "families",
    metavar="NAME",
    multiple=True,
    help="Test only this API; may be repeated.  [default: those the provider has]",
)
@click.option(
    "--max-images",
    type=click.IntRange(0),
    metavar="N",
    help="Most pictures the run may cost.  [default: 40 on loopback, else 0]",
)
@click.option("--budget", type=Number(0), metavar="USD", help="Most dollars the run may cost, by list prices.")
@click.option("--max-requests", type=click.IntRange(1), metavar="N", help="Most requests the run may send.")
@click.option(
    "--rate", type=Told("contract_tests.pace:rate"), metavar="N", help="Most requests per second, or as 60/min."
)
@click.option(
    "--only",
    metavar="CLAUSE|TAG",
    multiple=True,
    help="Look only at this: a clause, a tag (images of images.count), or refusals, pictures, streams ...; repeatable.",
)
@click.option("--skip", metavar="CLAUSE|TAG", multiple=True, help="Do not look at this; repeatable.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent and what it costs at most, and stop.")
@click.option(
    "--model",
    "models",
    metavar="NAME",
    multiple=True,
    help="Ask only these models, the contract's or the provider's own; repeatable.",
)
@click.option("--report-dir", type=Output(folder=True), metavar="DIR", default="reports", show_default=True)
@click.option("--seed", default=0, show_default=True, help="The same seed sends the same cases.")
@click.option("--timeout", type=_SECONDS, metavar="SECONDS", default=180, show_default=True, help="For an answer.")
@click.option("--task-timeout", type=_SECONDS, metavar="SECONDS", default=300, show_default=True, help="For a task.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A former report.json: what it knows is accepted, only what is new fails.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["MUST", "SHOULD", "never"]),
    default="MUST",
    show_default=True,
    help="The mildest level of a finding that exits 1.",
)
@click.option(
    "--markdown",
    type=Output(),
    envvar="GITHUB_STEP_SUMMARY",
    metavar="FILE",
    help="Add the summary to this file.  [default: $GITHUB_STEP_SUMMARY]",
)
def check(
    url: str,
    api_key_env: str,
    other_key_env: str,
    profile: str | None,
    families: tuple[str, ...],
    max_images: int | None,
    budget: float | None,
    max_requests: int | None,
    rate: float | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    dry_run: bool,
    models: tuple[str, ...],
    report_dir: Path,
    seed: int,
    timeout: float,
    task_timeout: float,
    baseline: Path | None,
    fail_on: str,
    markdown: Path | None,
) -> None:
    """Test the provider at URL (as in OPENAI_BASE_URL) against the contract.

    What costs nothing is sent first; the plan, with what it costs at most, is printed before anything is paid for.
    Elsewhere than on this machine nothing is paid for unless --max-images or --budget says how much.

    Exits 0 when it conforms, as far as was looked at (what was not is told), 1 when it drifts (as --fail-on and
    --baseline say), 2 when called wrongly, 3 when the provider could not be asked. Ctrl-C ends the run early: what was
    seen so far is reported, and it exits 130.
    """
    with stopping.at_once("interrupted; nothing was sent"):
        from contract_tests.check import check as run_check
        from contract_tests.options import Options, UsageError
        from spec.documents import confirmed_families
    options = Options(
        url,
        api_key_env,
        profile,
        max_images,
        models,
        seed,
        report_dir,
        task_timeout,
        timeout,
        baseline=baseline,
        fail_on=fail_on,
        markdown=markdown,
        families=families or confirmed_families(),
        other_key_variable=other_key_env,
        budget=budget,
        max_requests=max_requests,
        per_second=rate,
        only=only,
        skip=skip,
        dry_run=dry_run,
    )
    try:
        code = run_check(options, terminal())
    except (UsageError, SpecError) as error:
        fail(error, USAGE)
    if code == INTERRUPTED:
        stopping.over()
    sys.exit(code)
