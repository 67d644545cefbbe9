"""The command `serve`."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.markup import escape
from rich.padding import Padding

from spec.errors import SpecError
from spec.terminal import COULD_NOT_LOOK, USAGE, Told, fail, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from mockserver.app import Mock
    from mockserver.faults import FaultUse
    from mockserver.latency import Latency
    from mockserver.limits import RateLimit
    from mockserver.settings import Settings
    from spec.contract import Contract


class ServeCommand(click.Command):
    """`serve`, whose help ends with the faults there are; with --replay it plays a recording instead."""

    def invoke(self, ctx: click.Context) -> Any:
        """Serve the mock, or a recording."""
        recording = ctx.params.pop("replay")
        if recording is None:
            return super().invoke(ctx)
        from mockserver.replay.command import play

        return play(ctx, recording)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The faults, with their parameters."""
        from mockserver.faults import SELECTORS, catalogue, described

        with formatter.section("Faults, and what each takes"):
            formatter.write_dl([(described(known), known.title) for known in catalogue().values()])
        with formatter.section("Every fault also takes"):
            formatter.write_dl([(name, parameter.expected) for name, parameter in SELECTORS.items()])


@click.command(cls=ServeCommand)
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
@click.option(
    "--model",
    "models",
    type=Told("spec.terminal:said"),
    metavar="NAME",
    multiple=True,
    help="Offer this model, too; may be repeated.",
)
@click.option("--seed", default=0, show_default=True, help="The same seed and prompt draw the same picture.")
@click.option(
    "--api-key",
    type=Told("spec.terminal:said"),
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
@click.option(
    "--cors", type=Told("mockserver.cors:origin"), metavar="ORIGIN|*", help="Let web pages of this origin call the API."
)
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
    "--replay",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.har",
    help="Play this recording instead: of `imageproof proxy`, of `imageproof check` (run.har), or a browser's.",
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
    from mockserver.control import ROOT
    from mockserver.serving import CannotListen
    from mockserver.settings import NO_LATENCY, Settings
    from mockserver.stores import StateLost, Unusable
    from spec.documents import shipped
    from spec.drifts import drift_uses
    from spec.profiles import PLAIN, load_profile

    def faults_and_limits(settings: Settings) -> list[str]:
        return [f"fault: {use.text}" for use in settings.faults] + [f"limit: {limit}" for limit in settings.rate_limits]

    def ready(mock: Mock, url: str) -> None:
        console = terminal()
        console.print(
            f"[bold]imageproof[/] serves [bold]{escape(mock.settings.profile.title)}[/]; Ctrl-C stops it",
            soft_wrap=True,
        )
        console.print(f"  export OPENAI_BASE_URL={url}/v1", soft_wrap=True)
        console.print(f"  export OPENAI_API_KEY={'<the key you set>' if api_key else 'any'}", soft_wrap=True)
        _tell_operations(mock.contracts, console)
        if mock.plan.ids:
            console.print(f"  drifts: [yellow]{', '.join(mock.plan.ids)}[/]", soft_wrap=True)
        for what in faults_and_limits(mock.settings):
            console.print(f"  {escape(what)}", soft_wrap=True)
        made_up = f"#token={mock.guard.token}" if mock.guard.token and not control_token else ""
        console.print(f"  inspector: {url}{ROOT}/{made_up}", soft_wrap=True)
        if mock.guard.token is not None:
            known = "<the token you set>" if control_token else mock.guard.token
            console.print(f"  control token: {escape(known)}", soft_wrap=True)
        sys.stdout.flush()

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
        fail(error, USAGE)
    except StateLost as error:
        fail(f"{error}. Start it, or name another with --redis.", COULD_NOT_LOOK)
    except CannotListen as error:
        fail(f"{error}. {error.advice}", COULD_NOT_LOOK)


def _tell_operations(contracts: Sequence[Contract], console: Console) -> None:
    """What is served: every operation of the first family, and which others there are."""
    first, *others = contracts
    for operation in first.operations:
        console.print(f"  [dim]{operation.label:<34}[/] {escape(operation.summary)}", soft_wrap=True)
    if others:
        names = ", ".join(contract.name for contract in others)
        console.print(Padding(f"[dim]and {len(others)} more families:[/] {escape(names)}", (0, 0, 0, 2)))


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
