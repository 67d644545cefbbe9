"""Drawings in vectors are measured by what their root says, and only by that."""

import pytest

from contract_tests.seen import look

_DOCTYPE = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b'<svg width="640" height="480"></svg>', (640, 480)),
        (b"<svg\n height='480.0' width='640px'/>", (640, 480)),
        (_DOCTYPE + b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="8"/>', (7, 8)),
        (b'\xef\xbb\xbf<?xml version="1.0"?><!-- drawn --><svg width="7" height="8"/>', (7, 8)),
        (b'<svg viewBox="0 0 1024 1024"><path stroke-width="2" height="5"/></svg>', (0, 0)),
        (b'<svg width="100%" height="100%"/>', (0, 0)),
        (b'<svg width="5em" height="8"/>', (0, 0)),
    ],
)
def test_the_size_of_a_drawing_is_what_its_root_says_in_pixels(data: bytes, size: tuple[int, int]) -> None:
    seen = look("image-b64", "/data/0/b64_json", "", data)
    assert (seen.format, (seen.width, seen.height), seen.trouble) == ("svg", size, "")


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (b'<svg width="640" height="480"><g>', "svg"),
        (b"<svg width=640 height=480></svg>", "svg"),
        (b'<!doctype html><html><body><svg width="1" height="2"></svg></body></html>', ""),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', ""),
    ],
)
def test_what_cannot_be_shown_is_trouble(data: bytes, format_: str) -> None:
    seen = look("image-b64", "/data/0/b64_json", "", data)
    assert seen.trouble
    assert seen.format == format_
