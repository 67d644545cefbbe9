"""The lettering of a picture: prompt and footer on a rounded panel at the lower left, in pixels or as SVG.

With it the tools that lettering and scenery share: colours and soft edges.
"""

import html
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from mockserver.breath import breathe, strips

Colour: TypeAlias = tuple[int, int, int]
Size: TypeAlias = tuple[int, int]
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont
Ruler: TypeAlias = Callable[[str], float]

_SMALLEST_WRITTEN_ON = 96
_MOST_LINES = 5
_MOST_CHARACTERS = 1000
_PANEL: Colour = (16, 18, 28)
_PANEL_STRENGTH = 174


def write(image: Image.Image, prompt: str, footer: str, *, side: int = 0, strength: int = _PANEL_STRENGTH) -> None:
    """Write on an image, unless it is too small to read anything on.

    The letters suit a picture of that shorter side, the image's own if 0: what is pasted into a larger one is read
    there. Strength, 0..255, is how far the panel covers what is under it.
    """
    if min(image.size) < _SMALLEST_WRITTEN_ON:
        return
    panel = _panel(image.size, _legible(prompt), _legible(footer), lambda points: _font(points).getlength, side)

    def outline(draw: ImageDraw.ImageDraw, grid: int) -> None:
        draw.rounded_rectangle(_edges(panel.size, grid), panel.radius * grid, fill=strength)

    lay(image, (*_PANEL, 255), panel.place, smooth(panel.size, outline))
    draw = ImageDraw.Draw(image)
    for line in panel.lines:
        draw.text(line.place, line.text, font=_font(line.points), fill=line.colour)
        breathe()


def markup(size: Size, prompt: str, footer: str) -> Iterator[str]:
    """The same as elements of an SVG that is size large. The viewer's font is fitted into the panel."""
    if min(size) < _SMALLEST_WRITTEN_ON:
        return
    panel = _panel(size, _printable(prompt), _printable(footer), _ruler_for_any_font)
    (left, top), (width, height) = panel.place, panel.size
    yield (
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="{panel.radius}" '
        f'fill="{web_colour(_PANEL)}" fill-opacity="{_PANEL_STRENGTH / 255:.2f}"/>'
    )
    yield '<g font-family="sans-serif">'
    for line in panel.lines:
        x, y = line.place
        yield (
            f'<text x="{x}" y="{y + line.points}" font-size="{line.points}" fill="{web_colour(line.colour)}" '
            f'textLength="{line.length:.0f}" lengthAdjust="spacingAndGlyphs">{html.escape(line.text)}</text>'
        )
    yield "</g>"


def escaped(text: str) -> str:
    """Text that may stand anywhere in XML: on one line, cut when long, without what XML cannot hold."""
    return html.escape(" ".join(_printable(text).split()))


def web_colour(colour: Colour) -> str:
    """#rrggbb."""
    return "#" + bytes(colour).hex()


def colour_of(lightness: float, chroma: float, hue: float) -> Colour:
    """Oklch, hue in turns, as sRGB: in Oklch all hues of one lightness look equally light."""
    a = chroma * math.cos(hue * math.tau)
    b = chroma * math.sin(hue * math.tau)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _gamma(linear: float) -> int:
    level = min(max(linear, 0.0), 1.0)
    return round(255 * (12.92 * level if level <= 0.0031308 else 1.055 * level ** (1 / 2.4) - 0.055))


def gradient(colours: Sequence[Colour], size: Size) -> Image.Image:
    """Colours from top to bottom. Rows of one colour keep png files small."""
    stops = Image.new("RGB", (1, len(colours)))
    for row, colour in enumerate(colours):
        stops.putpixel((0, row), colour)
    column = stops.resize((1, size[1]), Image.Resampling.BICUBIC, box=(0, 0.5, 1, len(colours) - 0.5))
    return stretched(column, size[0])


def stretched(column: Image.Image, width: int) -> Image.Image:
    """An RGB image one pixel wide made that wide."""
    whole = Image.new("RGB", (width, column.height), None)
    for top, bottom in strips(column.height, 2 * width):
        part = column.crop((0, top, 1, bottom))
        whole.paste(part.resize((width, bottom - top), Image.Resampling.NEAREST), (0, top))
    return whole


def lay(image: Image.Image, what: Image.Image | tuple[int, ...], place: tuple[int, int], mask: Image.Image) -> None:
    """Paste a colour or another image through a mask."""
    left, top = place
    for above, below in strips(mask.height, 2 * mask.width):
        box = 0, above, mask.width, below
        part = what.crop(box) if isinstance(what, Image.Image) else what
        image.paste(part, (left, top + above), mask.crop(box))


def oval(size: Size, strength: int = 255) -> Image.Image:
    """A mask: the largest oval of that size."""
    return smooth(size, lambda draw, grid: draw.ellipse(_edges(size, grid), fill=strength))


def smooth(size: Size, outline: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """A mask with soft edges: outline draws it on a finer grid and is told how much finer."""
    grid = 2
    fine = Image.new("L", (size[0] * grid, size[1] * grid))
    breathe()
    outline(ImageDraw.Draw(fine), grid)
    mask = Image.new("L", size, None)
    for top, bottom in strips(size[1], 2 * size[0]):
        mask.paste(fine.reduce(grid, (0, top * grid, fine.width, bottom * grid)), (0, top))
    return mask


def _edges(size: Size, grid: int) -> tuple[int, int, int, int]:
    """The box that fills a mask of that size on its finer grid."""
    return 0, 0, size[0] * grid - 1, size[1] * grid - 1


class _Line(NamedTuple):
    """A line of text; place is its upper left corner."""

    place: tuple[int, int]
    points: int
    colour: Colour
    text: str
    length: float


class _Panel(NamedTuple):
    place: tuple[int, int]
    size: Size
    radius: int
    lines: list[_Line]


def _panel(size: Size, prompt: str, footer: str, ruler: Callable[[int], Ruler], side: int = 0) -> _Panel:
    """Lay out the prompt, cut with an ellipsis when long, over the footer; ruler measures text by points."""
    width, height = size
    large = max(11, round((side or min(width, height)) * 0.037))
    small = max(9, round(large * 0.6))
    margin, padding = large, round(large * 0.75)
    room = width - 2 * (margin + padding)
    most = max(1, min(_MOST_LINES, int((height * 0.45 - 2 * padding) / (large * 1.3))))
    blocks: list[tuple[int, Colour, list[str]]] = [
        (large, (255, 255, 255), _wrapped(prompt, ruler(large), room, most)),
        (small, (206, 210, 222), _wrapped(footer, ruler(small), room, 2)),
    ]

    lines: list[_Line] = []
    y = padding
    for points, colour, texts in blocks:
        if lines:
            y += padding // 3
        for text in texts:
            lines.append(_Line((margin + padding, y), points, colour, text, ruler(points)(text)))
            y += round(points * 1.35)
    panel = math.ceil(max(line.length for line in lines)) + 2 * padding, y + padding
    top = height - margin - panel[1]
    lowered = [line._replace(place=(line.place[0], line.place[1] + top)) for line in lines]
    return _Panel((margin, top), panel, padding, lowered)


def _wrapped(text: str, ruler: Ruler, room: int, most: int) -> list[str]:
    """Break text into at most that many lines of at most room pixels; an ellipsis marks what was cut."""
    lines: list[str] = []
    used = math.inf
    space = ruler(" ")
    for piece in _pieces(text, ruler, room):
        breathe()
        length = ruler(piece)
        if used + space + length <= room:
            lines[-1] += f" {piece}"
            used += space + length
        elif len(lines) < most:
            lines.append(piece)
            used = length
        else:
            last = lines[-1]
            while last and ruler(f"{last}…") > room:
                last = last[:-1]
            lines[-1] = f"{last.rstrip(' ,.;:')}…"
            break
    return lines


def _pieces(text: str, ruler: Ruler, room: int) -> Iterator[str]:
    """Words, those wider than room in parts: Chinese and Japanese have no spaces to break at."""
    for word in text.split():
        if ruler(word) <= room:
            yield word
            continue
        part, used = "", 0.0
        for character in word:
            length = ruler(character)
            if part and used + length > room:
                yield part
                part, used = "", 0.0
            part += character
            used += length
        yield part


def _legible(text: str) -> str:
    """The nearest to text that the font can draw; it has little beyond ASCII, and boxes for the rest."""
    return "".join(_nearest(character) for character in unicodedata.normalize("NFC", _cut(text)))


def _printable(text: str) -> str:
    """Text as it is, but for control characters and what else has no glyph in any font."""
    return "".join(
        " " if character.isspace() else character
        for character in _cut(text)
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )


def _cut(text: str) -> str:
    return f"{text[:_MOST_CHARACTERS]}…" if len(text) > _MOST_CHARACTERS else text


@lru_cache(maxsize=4096)
def _nearest(character: str) -> str:
    if character.isspace():
        return " "
    kind = unicodedata.category(character)
    if kind.startswith("C"):
        return ""
    font = _font(20)
    if bytes(font.getmask(character)) != bytes(font.getmask("\N{REPLACEMENT CHARACTER}")):
        return character
    if kind == "Pd":
        return "-"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or ("" if kind.startswith("M") else character)


def _ruler_for_any_font(points: int) -> Ruler:
    """Measures in our font, but Chinese as wide as in fonts that have it: twice our box for the unknown."""
    font = _font(points)
    return lambda text: font.getlength("".join(c * (1 + _is_wide(c)) for c in text))


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


@lru_cache(maxsize=64)
def _font(points: int) -> Font:
    return ImageFont.load_default(points)
