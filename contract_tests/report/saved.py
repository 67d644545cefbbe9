"""A report.json read back, for a baseline, a comparison, or to be rendered anew."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

#: counts up when a field changes its meaning or goes; new fields do not change it
VERSION = 1


class NoReport(Exception):
    """A file is no report of ours; the text says which, and what was expected."""


def is_report(path: Path) -> bool:
    """Whether a file is, or wants to be, a report.json: its name says so, or its first words."""
    if path.name == "report.json":
        return True
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError:
        return False
    return re.match(rb'\s*\{\s*"imageproof"\s*:', start) is not None


def load(path: Path) -> dict[str, Any]:
    """The data of a report.json, which keeps report.schema.json. Raises NoReport."""
    try:
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise NoReport(f"{path} cannot be read: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        raise NoReport(f"{path} is no JSON: {error}; expected a report.json that `imageproof check` wrote") from error
    if not isinstance(data, dict) or "imageproof" not in data:
        raise NoReport(f"{path} is no report; expected a report.json that `imageproof check` wrote")
    if data["imageproof"] != VERSION:
        raise NoReport(
            f"{path} is a report of another version ({data['imageproof']!r}); expected version {VERSION}, "
            "as this imageproof writes it"
        )
    broken = next(iter(_schema().iter_errors(data)), None)
    if broken is not None:
        where = "".join(f"/{part}" for part in broken.instance_path) or "/"
        raise NoReport(
            f"{path} is a damaged report, or of another version: at {where}, {broken.message[:200]}; "
            f"expected version {VERSION}, as this imageproof writes it"
        )
    return data


@cache
def _schema() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(orjson.loads((files(__package__) / "report.schema.json").read_bytes()))
