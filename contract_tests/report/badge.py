"""A badge for a README: plain SVG that loads nothing, with the level that is kept and how much was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from contract_tests.report.score import counted, kept, percent

_NAME = "imageproof"
_HEIGHT, _PADDING, _LETTER = 20, 7, 6.6  # pixels; a letter of Verdana at 11 pixels, on average
_COLOURS = {"conforms": "#16683a", "drifts": "#b3261e", "could not look": "#5c646d"}


def words(data: Mapping[str, Any]) -> str:
    """What the badge of a report says: never a level without its coverage."""
    looked_at = f"{percent(data['score']['coverage']['clauses']['share'])} looked at"
    if data["verdict"] == "could not look":
        return "could not look"
    if data["verdict"] == "drifts":
        return f"{counted(data)['MUST']} MUST broken · {looked_at}"
    return f"{', '.join(kept(data)) or 'nothing'} kept · {looked_at}"


def badge(data: Mapping[str, Any]) -> bytes:
    """The badge of a report."""
    said = words(data)
    left, right = (round(len(text) * _LETTER) + 2 * _PADDING for text in (_NAME, said))
    sizes = {"width": str(left + right), "height": str(_HEIGHT)}
    title = f"{_NAME}: {said}"
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **sizes, "role": "img", "aria-label": title})
    ET.SubElement(svg, "title").text = title
    ET.SubElement(svg, "rect", {**sizes, "rx": "3", "fill": _COLOURS[data["verdict"]]})
    ET.SubElement(
        svg, "path", {"d": f"M3 0H{left}V{_HEIGHT}H3A3 3 0 0 1 0 {_HEIGHT - 3}V3A3 3 0 0 1 3 0Z", "fill": "#3b4148"}
    )
    letters = {"y": "14", "fill": "#fff", "font-family": "Verdana,DejaVu Sans,Geneva,sans-serif", "font-size": "11"}
    for text, start, width in ((_NAME, 0, left), (said, left, right)):
        # The length is told, so that it fits whatever letters the reader has.
        place = {"x": str(start + _PADDING), "textLength": str(width - 2 * _PADDING)}
        ET.SubElement(svg, "text", {**letters, **place}).text = text
    return ET.tostring(svg, encoding="unicode").encode()
