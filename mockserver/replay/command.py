"""`imageproof serve --replay`: what of the options a recording can have, and its server."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click
from click.core import ParameterSource
from rich.markup import escape

from mockserver.latency import Latency
from mockserver.replay.player import ROOT, Player, ReplaySettings
from mockserver.serving import CannotListen, serve_until_told
from spec.errors import SpecError
from spec.recordings.reading import read_har
from spec.terminal import COULD_NOT_LOOK, USAGE, fail, terminal

_TAKEN = ("host", "port", "latency", "event_interval", "cors")


def play(context: click.Context, file: Path) -> None:
    """Play a recording until Ctrl-C, with the options of `serve`; ends the program where it cannot."""
    _refuse_others(context)
    host, port, latency, interval, cors = (context.params[name] for name in _TAKEN)
    try:
        recorded = read_har(file)
        settings = ReplaySettings(host, port, latency or Latency(), interval, cors=cors)
        serve_until_told(lambda: Player(settings, recorded), lambda player, url: _ready(player, file, url))
    except SpecError as error:
        fail(error, USAGE)
    except CannotListen as error:
        fail(f"{error}. {error.advice}", COULD_NOT_LOOK)


def _refuse_others(context: click.Context) -> None:
    """End the program where options were given that mean nothing beside --replay."""
    given = [
        each
        for each in context.command.params
        if context.get_parameter_source(each.name or "") is ParameterSource.COMMANDLINE
    ]
    others = ", ".join(each.opts[0] for each in given if each.name not in (*_TAKEN, "replay"))
    if others:
        known = ", ".join(f"--{name.replace('_', '-')}" for name in _TAKEN)
        fail(f"a recording is played as it is: --replay does not go with {others}, but with {known}", USAGE)


def _ready(player: Player, file: Path, url: str) -> None:
    console, tape = terminal(), player.tape
    console.print(
        f"[bold]imageproof[/] plays {len(tape)} exchanges of [bold]{escape(str(file))}[/]; Ctrl-C stops it",
        soft_wrap=True,
    )
    console.print(f"  export OPENAI_BASE_URL={url}/v1", soft_wrap=True)
    console.print("  export OPENAI_API_KEY=any", soft_wrap=True)
    console.print(f"  what is played: {url}{ROOT}/", soft_wrap=True)
    for what, count in Counter(f"{each.method} {each.url.path}" for each in tape.recorded).items():
        console.print(f"  [dim]{escape(what):<46}[/] {count}", soft_wrap=True)
    for each in tape.missing:
        place = f"entry {each.number}, {each.method} {each.url.path}"
        console.print(f"  left out: {escape(place)}: {each.missing}", soft_wrap=True)
    sys.stdout.flush()
