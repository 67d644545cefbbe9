"""The command line: the door to the three rooms, and the commands that need more than one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.stopping import at_once

with at_once():  # what is loaded here takes a while
    import logging
    import tempfile
    from collections.abc import Iterator
    from contextlib import contextmanager
    from dataclasses import replace
    from pathlib import Path

    import click
    from rich.console import Console
    from rich.markup import escape

    from contract_tests.command import check
    from contract_tests.documents.command import lint
    from contract_tests.report.commands import compare, learn, report
    from mockserver.command import serve
    from mockserver.proxy.command import proxy
    from spec.errors import SpecError
    from spec.outputs import Output
    from spec.terminal import USAGE, Door, fail, terminal

if TYPE_CHECKING:
    from spec.drifts import Drift
    from spec.profiles import Profile


@click.group(cls=Door, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imageproof")
def main() -> None:
    """Mock server and contract tests for image-generation HTTP APIs."""


for command in (serve, proxy, check, report, compare, learn, lint):
    main.add_command(command)


@main.command()
@click.argument("name", required=False)
def explain(name: str | None) -> None:
    """Explain a clause, a drift, a fault or a lint rule by its id; without one, list them all."""
    from contract_tests.clauses import catalogue as clauses
    from contract_tests.clauses.page import described as described_clause
    from contract_tests.documents.defects import catalogue as rules
    from mockserver.faults import SELECTORS, described
    from mockserver.faults import catalogue as faults
    from spec.drifts import catalogue as drifts
    from spec.errors import UnknownName

    console = terminal()
    known = {"clauses": [*clauses()], "drifts": [*drifts()], "faults": [*faults()], "lint rules": [*rules()]}
    if name is None:
        for kind, ids in known.items():
            console.print(f"[bold]{kind}[/]\n  {escape(', '.join(ids))}", soft_wrap=True)
        return
    rule = rules().get(name)
    if clause := clauses().get(name):
        console.print(f"[bold]{clause.id}[/]  {clause.level}\n  {escape(clause.text)}", soft_wrap=True)
        for what, line in described_clause(clause):
            console.print(f"  {what}: {escape(line)}", soft_wrap=True)
    elif drift := drifts().get(name):
        _explain_drift(drift)
    elif fault := faults().get(name):
        console.print(f"[bold]{fault.name}[/]  fault\n  {escape(fault.title)}", soft_wrap=True)
        console.print(f"  written: {escape(described(fault))}; also {', '.join(SELECTORS)}", soft_wrap=True)
    elif rule is None:
        every = {id_ for ids in known.values() for id_ in ids}  # some drifts are lint rules, too
        fail(f"{UnknownName('clause, drift, fault or rule', name, every)}\n  `imageproof explain` lists all", USAGE)
    if rule is not None:
        console.print(f"[bold]{rule.id}[/]  lint rule, {rule.level}\n  {escape(rule.description)}", soft_wrap=True)


def _explain_drift(drift: Drift) -> None:
    console = terminal()
    console.print(f"[bold]{drift.id}[/]  {drift.kind}\n  {drift.title}", soft_wrap=True)
    console.print(
        f"  contract: {escape(drift.contract)}\n  observed: {escape(drift.observed)}\n"
        f"  convicted by: {drift.clause}\n  sets: {drift.switch}",
        soft_wrap=True,
    )
    if drift.defaults:
        told = ", ".join(f"{key}={value}" for key, value in drift.defaults.items())
        console.print(f"  with: {escape(told)}", soft_wrap=True)
    for place in drift.seen:
        console.print(f"  seen: {escape(place)}", soft_wrap=True)


@main.command()
@click.argument("name", required=False, metavar="[NAME|FILE]")
def profiles(name: str | None) -> None:
    """List the profiles that come with imageproof; or show all that is known of one, and from where."""
    from spec.profiles import load_profile, profile_names

    console = terminal()
    if name is None:
        names = profile_names()
        width = max(map(len, names))
        for each in names:
            profile = load_profile(each)
            base = f" [dim](builds on {profile.base.name})[/]" if profile.base is not None else ""
            console.print(f"[bold]{each:<{width}}[/] {escape(profile.title)}{base}", soft_wrap=True)
            for use in profile.drifts:
                console.print(f"{'':<{width}} [yellow]{use.drift.id}[/] {escape(use.source)}", soft_wrap=True)
        return
    try:
        _show(load_profile(name), console)
    except SpecError as error:
        fail(error, USAGE)


def _show_changes(profile: Profile, console: Console) -> None:
    """What a profile changes, after what the one it builds on does."""
    if profile.base is not None:
        _show_changes(profile.base, console)
    for contract, overlay in profile.overlays.items():
        console.print(f"  what {escape(profile.name)} changes in {escape(contract)}:", soft_wrap=True)
        for action in overlay["actions"]:
            if "description" in action:
                console.print(f"    {escape(action['description'].strip())}", soft_wrap=True)
            done = "removed" if action.get("remove") else "changed"
            console.print(f"      [dim]{done}: {escape(action['target'])}[/]", soft_wrap=True)


def _show(profile: Profile, console: Console) -> None:
    console.print(f"[bold]{escape(profile.name)}[/]  {escape(profile.title)}", soft_wrap=True)
    for source in profile.sources:
        console.print(f"  source: {escape(source)}", soft_wrap=True)
    _show_changes(profile, console)
    for use in profile.drifts:
        console.print(f"  drift: [yellow]{use.drift.id}[/] {escape(use.source)}", soft_wrap=True)
        for key, value in use.parameters.items():
            console.print(f"      [dim]{escape(key)}: {escape(value)}[/]", soft_wrap=True)


@contextmanager
def _silent(log: logging.Logger) -> Iterator[None]:
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@main.command()
@click.option("--profile", default="zhongzhuan", show_default=True, metavar="NAME|FILE")
@click.option("--report-dir", type=Output(folder=True), metavar="DIR", help="[default: a temporary folder]")
def demo(profile: str, report_dir: Path | None) -> None:
    """Serve a provider that drifts, catch it, and say how. Exits 0: finding the drift is the point."""
    from contract_tests.check import check as run_check
    from contract_tests.options import Options
    from mockserver.runner import MockServer
    from mockserver.settings import Settings
    from spec.profiles import load_profile

    console = terminal()
    try:
        settings = Settings(port=0, profile=load_profile(profile), task_seconds=0.3)
    except SpecError as error:
        fail(error, USAGE)
    folder = report_dir or Path(tempfile.mkdtemp(prefix="imageproof-demo-"))
    with MockServer(settings) as server, _silent(logging.getLogger("imageproof.wire")):  # HTTP is broken on purpose
        console.print(f"[bold]1.[/] serving {escape(settings.profile.title)}: {server.base_url}", soft_wrap=True)
        console.print(f"[bold]2.[/] imageproof check {server.base_url} --max-images 8", soft_wrap=True)
        code = run_check(replace(Options(server.base_url), max_images=8, report_dir=folder), console)
    if code != 1:
        fail(f"the demo expected drift and got exit code {code}", 1)


if __name__ == "__main__":
    main()
