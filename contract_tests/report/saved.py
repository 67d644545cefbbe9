"""A report.json read back, for a baseline or to be rendered anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

#: counts up when a field changes its meaning or goes; new fields do not change it
VERSION = 1


class NoReport(Exception):
    """A file is no report of ours; the text says which, and what was expected."""


def load(path: Path) -> dict[str, Any]:
    """The data of a report.json. Raises NoReport."""
    try:
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise NoReport(f"{path} cannot be read: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        raise NoReport(f"{path} is no JSON: {error}; expected a report.json that `imageproof check` wrote") from error
    if not isinstance(data, dict) or "imageproof" not in data:
        raise NoReport(f"{path} is no report; expected a report.json that `imageproof check` wrote")
    if data["imageproof"] != VERSION or not data.keys() >= _FIELDS:
        raise NoReport(
            f"{path} is a report of another version ({data['imageproof']!r}); expected version {VERSION}, "
            "as this imageproof writes it"
        )
    return data


#: what every report of this version holds; docs/report.schema.json says more
_FIELDS = {"provider", "started", "verdict", "score", "clauses", "operations", "findings", "baseline", "fail_on"}
