"""The command `proxy`."""

from __future__ import annotations

import json
import sys
import time
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import click
from rich.markup import escape
from yarl import URL

from spec.errors import SpecError
from spec.outputs import Output, make_sure, not_over
from spec.terminal import COULD_NOT_LOOK, USAGE, Told, fail, terminal

if TYPE_CHECKING:
    from mockserver.proxy.forwarding import Proxy
    from mockserver.proxy.passage import Passage


@click.command()
@click.argument("upstream", metavar="UPSTREAM", type=Told("spec.addresses:root_of"))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=4011, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--profile", metavar="NAME|FILE", help="Judge by what this provider documents.")
@click.option("--family", "families", metavar="NAME", multiple=True, help="Judge by this API only; may be repeated.")
@click.option("--model", "models", metavar="NAME", multiple=True, help="Know this model, too; may be repeated.")
@click.option(
    "--record",
    type=Output(),
    metavar="FILE.har",
    help="Where the exchanges are kept; a former recording is not written over. Pictures go to FILE.files.  "
    "[default: recording.har, or recording-2.har ...]",
)
@click.option("--no-record", is_flag=True, help="Keep nothing.")
@click.option(
    "--log",
    "log_file",
    type=Output(),
    metavar="FILE",
    help="Add every exchange with its violations to this file, one line of JSON each.",
)
@click.option(
    "--timeout",
    type=Told("mockserver.latency:duration"),
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="How long UPSTREAM may send nothing.",
)
def proxy(
    upstream: str,
    host: str,
    port: int,
    profile: str | None,
    families: tuple[str, ...],
    models: tuple[str, ...],
    record: Path | None,
    no_record: bool,
    log_file: Path | None,
    timeout: float,
) -> None:
    """Stand before the provider at UPSTREAM (as in OPENAI_BASE_URL): forward, judge, record.

    Requests go on at once, answers come back as they are, streams event by event. What breaks the contract, in either
    direction, stands in the header imageproof-violations and, in full, here. `imageproof serve --replay FILE.har` plays
    the recording. Keys pass through; they are neither shown nor kept.
    """
    from mockserver.proxy.forwarding import Proxy, ProxySettings
    from mockserver.serving import CannotListen, serve_until_told
    from spec.profiles import PLAIN, load_profile

    def ready(running: Proxy, url: str) -> None:
        console = terminal()
        console.print(f"[bold]imageproof[/] proxies [bold]{escape(upstream)}[/]; Ctrl-C stops it", soft_wrap=True)
        console.print(f"  export OPENAI_BASE_URL={url}/v1", soft_wrap=True)
        if running.settings.record_to is not None:
            console.print(f"  records to {escape(str(running.settings.record_to))}", soft_wrap=True)
        sys.stdout.flush()

    own = URL(upstream)
    if own.port == port and own.host in ("localhost", host):
        fail(f"{upstream} is where the proxy itself would listen: give it another --port", USAGE)
    try:
        settings = ProxySettings(
            upstream,
            None if no_record else new_recording(record),
            host,
            port,
            load_profile(profile) if profile else PLAIN,
            families,
            models,
            timeout,
        )
        with _Log(log_file) as log:
            serve_until_told(lambda: Proxy(settings, log.tell), ready)
    except SpecError as error:
        fail(error, USAGE)
    except CannotListen as error:
        fail(f"{error}. {error.advice}", COULD_NOT_LOOK)


def new_recording(record: Path | None, folder: Path = Path()) -> Path:
    """Where to record: as told, else the first of the usual names that is free. Raises Exists, OSError."""
    if record is None:
        names = (f"recording{f'-{number}' if number > 1 else ''}.har" for number in count(1))
        record = next(path for name in names if not (path := folder / name).exists())
        make_sure(record)
    not_over(record, "name another with --record, or use --no-record")
    return record


class _Log:
    """Tells of every exchange: to the terminal, and to a file where one is named. Raises OSError for the file."""

    def __init__(self, file: Path | None) -> None:
        self._console = terminal()
        self._file: IO[str] | None = file.open("a", encoding="utf-8") if file else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def tell(self, passage: Passage) -> None:
        """One line, and one for each violation."""
        if self._file is not None:
            self._file.write(json.dumps(passage.as_json(), ensure_ascii=False) + "\n")
            self._file.flush()
        when = time.strftime("%H:%M:%S", time.localtime(passage.at))
        count = len(passage.violations)
        verdict = f"{count} violation{'' if count == 1 else 's'}" if count else "conforms"
        if passage.trouble or not passage.operation:
            verdict = passage.trouble or "not judged: no operation of the contract"
        colour = "red" if passage.trouble else "yellow" if count else "dim"
        line = f"{when} {passage.method} {escape(passage.path)}  {passage.status or '-'}  {passage.seconds:.2f} s"
        self._console.print(f"{line}  [{colour}]{escape(verdict)}[/]", soft_wrap=True)
        for text in [*passage.violations, *([passage.note] if passage.note else [])]:
            self._console.print(f"  {escape(text)}", soft_wrap=True)
        sys.stdout.flush()
