"""report.html and comparison.html: one file each, no network, made from plain data alone.

Much of what it shows was written by the provider under test. Three things keep that text a text: everything is escaped,
characters nobody can see are written out, and the page's own policy lets nothing run or load but its one small script.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from contract_tests import pace
from contract_tests.report.baseline import new_findings
from contract_tests.report.evidence import visible
from contract_tests.report.score import AS_FAR_AS_LOOKED, percent, pictures_spent, result, told, verdict
from contract_tests.three_ways.row import WHO

_BACKTICKS = re.compile(r"`([^`]+)`")


def page(data: Mapping[str, Any]) -> str:
    """The report as one HTML file."""
    return _environment().get_template("report.html.j2").render(report=data)


def comparison_page(data: Mapping[str, Any]) -> str:
    """A comparison as one HTML file; its links lead to what lies beside the reports."""
    return _environment().get_template("comparison.html.j2").render(comparison=data)


def three_ways_page(data: Mapping[str, Any]) -> str:
    """A three-way view as one HTML file."""
    return _environment().get_template("three_ways.html.j2").render(view=data, words=WHO)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("contract_tests.report", "."), PackageLoader("spec", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    environment.filters |= {
        "amount": _amount,
        "by_reason": _by_reason,
        "code": _code,
        "cut": _cut,
        "duration": _duration,
        "host": _host,
        "integrity": _integrity,
        "moment": _moment,
        "new_findings": new_findings,
        "pace": pace.told,
        "percent": percent,
        "pictures_spent": pictures_spent,
        "result": result,
        "score": told,
        "times": _times,
        "verdict": verdict,
    }
    environment.globals["AS_FAR_AS_LOOKED"] = AS_FAR_AS_LOOKED
    environment.tests |= {"drifting": _drifting, "differing": _differing}
    return environment


def _seen(value: Any) -> Any:
    """Text with every character visible; what the template itself wrote stays."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return visible(value.replace("\r\n", "\n"))


def _by_reason(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """Reason -> every place it kept from being looked at."""
    places: dict[str, list[str]] = {}
    for place, reason in reasons.items():
        # A spent budget gives each case its own half sentence; the reason is one.
        places.setdefault(reason.split("; this case")[0], []).append(place)
    return places


def _amount(number: int, one: str, many: str = "") -> str:
    """`1 finding`, `2 findings`, `31,337 bytes`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _times(number: int) -> str:
    """`once`, `34 times`."""
    return "once" if number == 1 else f"{number:,} times"


def _code(text: str) -> Markup:
    """A text of ours in which backticks mark code."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(visible(text)))))  # noqa: S704 - it is escaped before


def _cut(text: str, most: int) -> str:
    """A text that fits; what was cut is counted."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters; all of it is in report.json)"


def _moment(seconds: float) -> str:
    """`2026-11-21 08:52 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _duration(seconds: float) -> str:
    """`2 ms`, `8.4 s`, `3 min 20 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _host(address: str) -> str:
    """What tells one provider from another where there is little room."""
    return address.partition("://")[2] or address


def _drifting(results: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any provider drifts."""
    return any(one["result"] == "drifts" for one in results)


def _differing(results: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one provider keeps what another breaks: who was not tested says nothing."""
    return {"drifts", "conforms"} <= {one["result"] for one in results}


def _integrity(text: str) -> str:
    """The hash by which the page's policy knows its own script and style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
