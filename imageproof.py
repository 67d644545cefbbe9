"""The command line: serve, check, report, compare, profile, lint, explain, profiles, demo."""

from __future__ import annotations

import logging
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click
from rich.console import Console
from rich.markup import escape

from spec.errors import SpecError

if TYPE_CHECKING:
    from mockserver.app import Mock
    from mockserver.faults import FaultUse
    from mockserver.latency import Latency
    from mockserver.limits import RateLimit
    from mockserver.settings import Settings
    from spec.profiles import Profile

USAGE, COULD_NOT_LOOK, INTERRUPTED = 2, 3, 130


class Told(click.ParamType[Any, Any]):
    """An option read by a function that raises SpecError with what was expected; its module is loaded when needed."""

    name = "TEXT"

    def __init__(self, reader: str) -> None:
        self._module, _, self._function = reader.partition(":")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read, or fail with what was expected."""
        if not isinstance(value, str):
            return value
        try:
            return getattr(import_module(self._module), self._function)(value)
        except (SpecError, ValueError) as error:
            self.fail("; ".join(line.strip() for line in str(error).splitlines()), param, ctx)


class ServeCommand(click.Command):
    """`serve`, whose help ends with the faults there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The faults, with their parameters."""
        from mockserver.faults import SELECTORS, catalogue, described

        with formatter.section("Faults, and what each takes"):
            formatter.write_dl([(described(known), known.title) for known in catalogue().values()])
        with formatter.section("Every fault also takes"):
            formatter.write_dl([(name, parameter.expected) for name, parameter in SELECTORS.items()])


def _console() -> Console:
    return Console(highlight=False, soft_wrap=False)


def _fail(text: object, code: int) -> NoReturn:
    click.echo(f"imageproof: {text}", err=True)
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imageproof")
def main() -> None:
    """Mock server and contract tests for image-generation HTTP APIs."""


@main.command(cls=ServeCommand)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=4010, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--profile", metavar="NAME|FILE", help="Behave like one provider; `imageproof profiles` lists them.")
@click.option(
    "--drift",
    "drifts",
    metavar="ID",
    multiple=True,
    help="Deviate from the contract (ID:KEY=VALUE sets a parameter); may be repeated.",
)
@click.option("--family", "families", metavar="NAME", multiple=True, help="Serve only this API; may be repeated.")
@click.option("--model", "models", metavar="NAME", multiple=True, help="Offer this model, too; may be repeated.")
@click.option("--seed", default=0, show_default=True, help="The same seed and prompt draw the same picture.")
@click.option(
    "--api-key",
    metavar="KEY",
    envvar="IMAGEPROOF_API_KEY",
    help="The only valid key; without it any is, but sk-wrong...",
)
@click.option(
    "--latency",
    type=Told("mockserver.latency:latency"),
    metavar="DURATION",
    help="250ms, a range 200ms-2s, or percentiles p50=800ms,p99=8s.",
)
@click.option(
    "--fault",
    "faults",
    type=Told("mockserver.faults:fault_use"),
    metavar="NAME",
    multiple=True,
    help="Break answers on their way (NAME:KEY=VALUE,first=2); may be repeated. They are listed below.",
)
@click.option(
    "--rate-limit",
    "rate_limits",
    type=Told("mockserver.limits:rate_limit"),
    metavar="LIMIT",
    multiple=True,
    help="60rpm (requests) or 5ipm (images) per minute and key; may be repeated.",
)
@click.option("--block", "blocked", metavar="WORD", multiple=True, help="Refuse prompts with this word; repeatable.")
@click.option("--quota-images", type=click.IntRange(0), metavar="N", help="After N pictures the quota is used up.")
@click.option("--cors", metavar="ORIGIN|*", help="Let web pages of this origin call the API.")
@click.option(
    "--control-token",
    metavar="TOKEN",
    envvar="IMAGEPROOF_CONTROL_TOKEN",
    help="Needed to steer the running mock.  [default: none on loopback, else a random one]",
)
@click.option(
    "--event-interval",
    type=Told("mockserver.latency:duration"),
    default=0.0,
    metavar="DURATION",
    help="Between the events of a stream.",
)
@click.option(
    "--task-time",
    type=Told("mockserver.latency:duration"),
    default="3s",
    show_default=True,
    metavar="DURATION",
    help="How long a task takes.",
)
@click.option(
    "--task-polls", type=click.IntRange(1), metavar="N", help="A task is done at its Nth poll, whatever the time."
)
@click.option(
    "--callbacks",
    type=click.Choice(["loopback", "any"]),
    default="loopback",
    show_default=True,
    help="How far callbacks of tasks may go: to this machine only, or to any host.",
)
@click.option(
    "--url-expiry",
    type=Told("mockserver.latency:duration"),
    default="60m",
    show_default=True,
    metavar="DURATION",
    help="How long a picture's link leads to it; 0: for ever.",
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes; more than one need --redis."
)
@click.option(
    "--redis",
    "redis_url",
    metavar="URL",
    envvar="IMAGEPROOF_REDIS_URL",
    help="Keep tasks, uploads and the journal in this Redis, as redis://HOST:6379/0.",
)
def serve(
    host: str,
    port: int,
    profile: str | None,
    drifts: tuple[str, ...],
    families: tuple[str, ...],
    models: tuple[str, ...],
    seed: int,
    api_key: str | None,
    latency: Latency | None,
    faults: tuple[FaultUse, ...],
    rate_limits: tuple[RateLimit, ...],
    blocked: tuple[str, ...],
    quota_images: int | None,
    cors: str | None,
    control_token: str | None,
    event_interval: float,
    task_time: float,
    task_polls: int | None,
    callbacks: Literal["loopback", "any"],
    url_expiry: float,
    workers: int,
    redis_url: str | None,
) -> None:
    """Serve the mock until Ctrl-C."""
    from mockserver.runner import CannotListen
    from mockserver.settings import NO_LATENCY, Settings
    from mockserver.stores import StateLost, Unusable
    from spec.documents import shipped
    from spec.drifts import drift_uses
    from spec.profiles import PLAIN, load_profile

    def faults_and_limits(settings: Settings) -> list[str]:
        return [f"fault: {use.text}" for use in settings.faults] + [f"limit: {limit}" for limit in settings.rate_limits]

    def ready(mock: Mock, url: str) -> None:
        console = _console()
        console.print(
            f"[bold]imageproof[/] serves [bold]{escape(mock.settings.profile.title)}[/]; Ctrl-C stops it",
            soft_wrap=True,
        )
        console.print(f"  export OPENAI_BASE_URL={url}/v1", soft_wrap=True)
        console.print(f"  export OPENAI_API_KEY={'<the key you set>' if api_key else 'any'}", soft_wrap=True)
        for contract in mock.contracts:
            for operation in contract.operations:
                console.print(f"  [dim]{operation.label:<46}[/] {operation.summary}", soft_wrap=True)
        if mock.plan.ids:
            console.print(f"  drifts: [yellow]{', '.join(mock.plan.ids)}[/]", soft_wrap=True)
        for what in faults_and_limits(mock.settings):
            console.print(f"  {escape(what)}", soft_wrap=True)
        if mock.guard.token is not None:
            known = "<the token you set>" if control_token else mock.guard.token
            console.print(f"  control token: {escape(known)}", soft_wrap=True)
        sys.stdout.flush()

    advice: dict[type[Exception], str] = {
        StateLost: "Start it, or name another with --redis.",
        CannotListen: "Choose another with --port, or --port 0 for a free one.",
    }
    try:
        settings = Settings(
            host=host,
            port=port,
            profile=load_profile(profile) if profile else PLAIN,
            drifts=drift_uses(drifts),
            contracts=families or (() if profile else shipped()),
            models=models,
            seed=seed,
            api_key=api_key,
            latency=latency or NO_LATENCY,
            faults=faults,
            rate_limits=rate_limits,
            blocked=blocked,
            quota_images=quota_images,
            control_token=control_token,
            cors=cors,
            event_interval=event_interval,
            task_seconds=task_time,
            task_polls=task_polls,
            callbacks=callbacks,
            url_seconds=url_expiry or None,
            secret=secrets.token_bytes(32),
            workers=workers,
            redis=redis_url,
        )
        _serve_with(settings)(settings, ready)
    except (SpecError, Unusable) as error:
        _fail(error, USAGE)
    except (StateLost, CannotListen) as error:
        _fail(f"{error}. {advice[type(error)]}", COULD_NOT_LOOK)


def _serve_with(settings: Settings) -> Callable[[Settings, Callable[[Mock, str], Any]], None]:
    """What serves with as many processes. Raises Unusable."""
    from mockserver.stores import Unusable

    if settings.workers == 1:
        from mockserver.runner import serve
    elif sys.platform == "win32":
        raise Unusable("several processes need Unix; on Windows leave --workers out")
    elif settings.redis is None:
        raise Unusable(
            f"{settings.workers} processes share their state in Redis: name one with --redis redis://localhost:6379/0 "
            "(or IMAGEPROOF_REDIS_URL), or leave --workers out"
        )
    else:
        try:
            from mockserver.workers import serve
        except ImportError as error:
            raise Unusable("several processes need gunicorn: pip install 'imageproof[redis,workers]'") from error
    return serve


@main.command()
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
@click.option(
    "--budget", type=click.FloatRange(0), metavar="USD", help="Most dollars the run may cost, by list prices."
)
@click.option("--max-requests", type=click.IntRange(1), metavar="N", help="Most requests the run may send.")
@click.option(
    "--rate", type=Told("contract_tests.budget:rate"), metavar="N", help="Most requests per second, or as 60/min."
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
@click.option(
    "--report-dir", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"), show_default=True
)
@click.option("--seed", default=0, show_default=True, help="The same seed sends the same cases.")
@click.option("--timeout", default=180.0, show_default=True, help="Seconds an answer may take.")
@click.option("--task-timeout", default=300.0, show_default=True, help="Seconds a task may take.")
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
    type=click.Path(dir_okay=False, path_type=Path),
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
    try:
        from contract_tests.check import check as run_check
        from contract_tests.run import Options, UsageError
        from spec.documents import shipped
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
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
        families=families or shipped(),
        other_key_variable=other_key_env,
        budget=budget,
        max_requests=max_requests,
        per_second=rate,
        only=only,
        skip=skip,
        dry_run=dry_run,
    )
    try:
        sys.exit(run_check(options, _console()))
    except (UsageError, SpecError) as error:
        _fail(error, USAGE)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="REPORT.JSON")
@click.option(
    "-o",
    "--report-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write.  [default: beside the file]",
)
def report(file: Path, report_dir: Path | None) -> None:
    """Write report.html, report.md and junit.xml anew from a report.json."""
    from contract_tests.report.rendering import write
    from contract_tests.report.saved import NoReport, load

    try:
        write(load(file), report_dir or file.parent)
    except NoReport as error:
        _fail(error, USAGE)


@main.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="REPORT.JSON..."
)
@click.option(
    "-o",
    "--report-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="Where to write.",
)
@click.option(
    "--badge",
    "badge_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.SVG",
    help="Draw the badge of the provider, when all reports are of one.",
)
def compare(files: tuple[Path, ...], report_dir: Path, badge_file: Path | None) -> None:
    """Hold reports of several providers, or of one over time, side by side.

    Writes comparison.html, comparison.md and comparison.json: the providers, the worst first, by clauses, with links to
    the evidence that lies beside the reports; and what appeared and was fixed where a provider has several reports.
    """
    from contract_tests.report.badge import badge
    from contract_tests.report.comparison import compare as side_by_side
    from contract_tests.report.comparison import read
    from contract_tests.report.rendering import write_comparison
    from contract_tests.report.saved import NoReport
    from contract_tests.report.terminal import show_comparison

    try:
        reports = read(files)
    except NoReport as error:
        _fail(error, USAGE)
    providers = sorted({report.data["provider"] for report in reports})
    if badge_file is not None and len(providers) > 1:
        _fail(f"a badge is of one provider; these reports are of {len(providers)}: {', '.join(providers)}", USAGE)
    data = side_by_side(reports, report_dir)
    write_comparison(data, report_dir)
    if badge_file is not None:
        badge_file.parent.mkdir(parents=True, exist_ok=True)
        badge_file.write_bytes(badge(max(reports, key=lambda report: report.data["started"]).data))
    show_comparison(data, _console(), report_dir)


@main.command("profile")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="REPORT.JSON")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE.YAML",
    help="Where to write.",
)
def learn(file: Path, output: Path) -> None:
    """Turn a report into a profile, so that the mock behaves like the provider the report is of.

    `imageproof serve --profile FILE.YAML` plays it. Findings that have no name in the catalogue stand in comments.
    """
    from contract_tests.report.learned import learned_profile
    from contract_tests.report.saved import NoReport, load

    if output.suffix not in (".yaml", ".yml"):
        _fail(f"-o {output}: a profile's name ends with .yaml, or `serve --profile` takes it for a shipped one", USAGE)
    try:
        text = learned_profile(load(file), output.stem)
    except (NoReport, SpecError) as error:
        _fail(error, USAGE)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(f"imageproof serve --profile {output}")


@main.command()
@click.argument("documents", nargs=-1, required=True, metavar="DOCUMENT...")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--only", metavar="RULE", multiple=True, help="Show only these rules; may be repeated.")
def lint(documents: tuple[str, ...], form: Literal["text", "json"], only: tuple[str, ...]) -> None:
    """Read vendors' pages (Apifox export or page text, OpenAPI) and name their defects against the contract.

    Exits 0 without errors, 1 with at least one, 2 when a document cannot be read.
    """
    from contract_tests.documents.defects import catalogue as lint_rules
    from contract_tests.documents.lint import lint as find
    from contract_tests.documents.reading import DocumentUnreadable
    from contract_tests.documents.rendering import render
    from spec.contract import load_contracts
    from spec.documents import default_families
    from spec.errors import UnknownName

    if unknown := set(only) - set(lint_rules()):
        _fail(UnknownName("rule", min(unknown), lint_rules()), USAGE)
    contracts = load_contracts(default_families())
    try:
        found = {document: find(document, contracts) for document in documents}
    except DocumentUnreadable as error:
        _fail(error, USAGE)
    shown = {name: [defect for defect in defects if not only or defect.rule in only] for name, defects in found.items()}
    render(shown, form, _console())
    sys.exit(any(defect.level == "error" for defects in shown.values() for defect in defects))


@main.command()
@click.argument("name")
def explain(name: str) -> None:
    """Explain a clause, a drift, a fault or a lint rule by its id."""
    from contract_tests.clauses import catalogue as clauses
    from contract_tests.clauses.page import described as described_clause
    from contract_tests.documents.defects import catalogue as rules
    from mockserver.faults import SELECTORS, described
    from mockserver.faults import catalogue as faults
    from spec.drifts import catalogue as drifts
    from spec.errors import UnknownName

    console = _console()
    rule = rules().get(name)
    if clause := clauses().get(name):
        console.print(f"[bold]{clause.id}[/]  {clause.level}\n  {escape(clause.text)}", soft_wrap=True)
        for what, line in described_clause(clause):
            console.print(f"  {what}: {escape(line)}", soft_wrap=True)
    elif drift := drifts().get(name):
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
    elif fault := faults().get(name):
        console.print(f"[bold]{fault.name}[/]  fault\n  {escape(fault.title)}", soft_wrap=True)
        console.print(f"  written: {escape(described(fault))}; also {', '.join(SELECTORS)}", soft_wrap=True)
    elif rule is None:
        known = [*clauses(), *drifts(), *faults(), *rules()]
        _fail(UnknownName("clause, drift, fault or rule", name, known), USAGE)
    if rule is not None:
        console.print(f"[bold]{rule.id}[/]  lint rule, {rule.level}\n  {escape(rule.description)}", soft_wrap=True)


@main.command()
@click.argument("name", required=False, metavar="[NAME|FILE]")
def profiles(name: str | None) -> None:
    """List the profiles that come with imageproof; or show all that is known of one, and from where."""
    from spec.profiles import load_profile, profile_names

    console = _console()
    if name is None:
        names = profile_names()
        width = max(map(len, names))
        for each in names:
            profile = load_profile(each)
            console.print(f"[bold]{each:<{width}}[/] {escape(profile.title)}", soft_wrap=True)
            for use in profile.drifts:
                console.print(f"{'':<{width}} [yellow]{use.drift.id}[/] {escape(use.source)}", soft_wrap=True)
        return
    try:
        _show(load_profile(name), console)
    except SpecError as error:
        _fail(error, USAGE)


def _show(profile: Profile, console: Console) -> None:
    console.print(f"[bold]{escape(profile.name)}[/]  {escape(profile.title)}", soft_wrap=True)
    for source in profile.sources:
        console.print(f"  source: {escape(source)}", soft_wrap=True)
    for contract, overlay in profile.overlays.items():
        console.print(f"  what it changes in {escape(contract)}:", soft_wrap=True)
        for action in overlay["actions"]:
            if "description" in action:
                console.print(f"    {escape(action['description'].strip())}", soft_wrap=True)
            done = "removed" if action.get("remove") else "changed"
            console.print(f"      [dim]{done}: {escape(action['target'])}[/]", soft_wrap=True)
    for use in profile.drifts:
        console.print(f"  drift: [yellow]{use.drift.id}[/] {escape(use.source)}", soft_wrap=True)


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
@click.option("--report-dir", type=click.Path(file_okay=False, path_type=Path), help="[default: a temporary folder]")
def demo(profile: str, report_dir: Path | None) -> None:
    """Serve a provider that drifts, catch it, and say how. Exits 0: finding the drift is the point."""
    from contract_tests.check import check as run_check
    from contract_tests.run import Options
    from mockserver.runner import MockServer
    from mockserver.settings import Settings
    from spec.profiles import load_profile

    console = _console()
    try:
        settings = Settings(port=0, profile=load_profile(profile), task_seconds=0.3)
    except SpecError as error:
        _fail(error, USAGE)
    folder = report_dir or Path(tempfile.mkdtemp(prefix="imageproof-demo-"))
    with MockServer(settings) as server, _silent(logging.getLogger("imageproof.wire")):  # HTTP is broken on purpose
        console.print(f"[bold]1.[/] serving {escape(settings.profile.title)}: {server.base_url}", soft_wrap=True)
        console.print(f"[bold]2.[/] imageproof check {server.base_url} --max-images 8", soft_wrap=True)
        code = run_check(replace(Options(server.base_url), max_images=8, report_dir=folder), console)
    if code != 1:
        _fail(f"the demo expected drift and got exit code {code}", 1)


if __name__ == "__main__":
    main()
