"""Where a command writes: looked at before it does anything, so that nothing is paid for that cannot be kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from spec.errors import SpecError


class Exists(SpecError):
    """A file that is not written over is there already."""


class InUse(SpecError):
    """Somebody else is writing in a folder."""


def make_sure(path: Path, *, folder: bool = False) -> None:
    """Raises OSError where a file, or files in a folder, could not be written. Leaves nothing behind."""
    file = path / ".imageproof" if folder else path
    made = [parent for parent in file.parents if not parent.exists()]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        is_new = not file.exists()
        if is_new or file.is_file():  # a pipe would wait for its reader
            file.open("ab").close()
        if is_new:
            file.unlink()
    finally:
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


def not_over(path: Path, option: str) -> None:
    """Raises Exists where a file is there already; `option` is what the caller may say instead."""
    if path.exists():
        raise Exists(f"{path} exists, and is not written over: {option}")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have a folder for oneself while something is written there. Raises InUse where another process has it.

    The system lets go of it when the process ends, however that is; nothing is left behind. Where it cannot hold a
    folder (Windows, some network drives) nobody is kept out.
    """
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder):
            yield
    finally:
        for parent in made:  # where nothing was written after all
            with suppress(OSError):
                parent.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(f"{folder}: another run is writing there: wait for it, or name another folder") from None
        yield
    finally:
        os.close(descriptor)


class Output(click.Path):
    """An option that names a file to be written, or a folder: refused where that could not be done.

    `suffixes` are the endings a file's name may have; any without them.
    """

    def __init__(self, *, folder: bool = False, suffixes: Iterable[str] = ()) -> None:
        super().__init__(file_okay=not folder, dir_okay=folder, path_type=Path)
        self._folder, self._suffixes = folder, tuple(suffixes)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or failure with what is in the way."""
        path = Path(str(super().convert(value, param, ctx)))
        if self._suffixes and path.suffix not in self._suffixes:
            self.fail(f"{path}: its name must end in {' or '.join(self._suffixes)}", param, ctx)
        try:
            make_sure(path, folder=self._folder)
        except OSError as error:
            self.fail(f"{path} cannot be written: {error.strerror or error}; name another place", param, ctx)
        return path
