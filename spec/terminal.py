"""What every command of the program shares: the console, how it ends in error, options read by a function."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from typing import Any, NoReturn

import click
from rich.console import Console

from spec.errors import SpecError

USAGE, COULD_NOT_LOOK, INTERRUPTED = 2, 3, 130


def terminal() -> Console:
    """Where a person reads: nothing is coloured but what says so itself."""
    return Console(highlight=False, soft_wrap=False)


def fail(text: object, code: int) -> NoReturn:
    """End the program with one sentence on stderr and this exit code."""
    click.echo(f"imageproof: {text}", err=True)
    sys.exit(code)


def release() -> str:
    """The version of imageproof that is installed; 0.0.0 where it runs without having been."""
    try:
        return version("imageproof")
    except PackageNotFoundError:
        return "0.0.0"


class Number(click.FloatRange):
    """A number that is one: neither NaN nor infinite."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read, or fail with what was expected."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


class Door(click.Group):
    """A group of commands: a file that cannot be read or written ends each of them in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Do what was asked."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.filename is None:
                raise
            fail(f"{error.filename}: {error.strerror}", USAGE)


def said(text: str) -> str:
    """A text that says something. Raises ValueError for one that does not."""
    if not text.strip():
        raise ValueError("it is empty")
    return text


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
