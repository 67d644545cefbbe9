"""report.html: one file, no network, made from a report's data alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(data: Mapping[str, Any]) -> str:
    """The report as one HTML file."""
    environment = Environment(
        loader=PackageLoader("contract_tests.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )
    environment.filters["moment"] = lambda seconds: time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    return environment.get_template("report.html.j2").render(report=data)
