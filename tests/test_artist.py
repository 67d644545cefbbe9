import base64
import hashlib
import io
import itertools
import math
import os
import random
import statistics
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageOps

from mockserver import artist as artist_module
from mockserver.artist import MIME_TYPES, Artist, Picture
from mockserver.png import png
from mockserver.retouching import Base
from mockserver.uploads import Upload, opened

FEW = settings(max_examples=20, deadline=None)
SIDES = st.integers(1, 300)
RASTERS = ("png", "jpeg", "webp", "gif")
WITH_ALPHA = ("png", "webp", "gif")
ANY_PROMPT = {
    "empty": "",
    "blank": " \n\t ",
    "chinese": "一只红色的狐狸 🦊 在清晨的新雪中 ❄️，柔和的光线",
    "joined": "👩‍👩‍👧‍👦 🏴‍☠️ e\u0301\u0323 العربية עברית हिन्दी",
    "unprintable": "\x00\x1b[31m \ud800 \udfff \ufffe \U0010ffff \u202e reversed",
    "markup": "<&\"']]></text><script>alert(1)</script><!-- &amp; &#0; %s {0}",
    "one-word": "x" * 32_000,
    "many-words": "word " * 6_400,
    "no-spaces": "漢" * 32_000,
}


def draw(prompt: str = "A red fox", width: int = 160, height: int = 120, **more: Any) -> bytes:
    return Artist(cache_bytes=0).draw(Picture(prompt, width, height, **more))


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def colours(data: bytes) -> list[tuple[float, ...]]:
    """The mean colours of eight parts of a picture."""
    parts = decoded(data).convert("RGB").resize((2, 4), Image.Resampling.BOX)
    return [part for part in parts.get_flattened_data() if isinstance(part, tuple)]


@FEW
@given(width=SIDES, height=SIDES, name=st.sampled_from(RASTERS))
@example(width=1, height=1, name="png")
@example(width=1, height=1, name="jpeg")
@example(width=1, height=1, name="webp")
@example(width=1, height=1, name="gif")
@example(width=1254, height=1254, name="png")
@example(width=3840, height=2160, name="jpeg")
@example(width=96, height=2000, name="webp")
def test_picture_decodes_to_the_asked_size_and_format(width: int, height: int, name: str) -> None:
    image = decoded(draw(width=width, height=height, format=name, label="gpt-image-2 · high · 1 of 4"))
    mode = "P" if name == "gif" else "RGB"
    assert (image.size, image.format, image.mode) == ((width, height), name.upper(), mode)
    assert Image.MIME[name.upper()] == MIME_TYPES[name]


def test_formats_offered() -> None:
    assert MIME_TYPES == {
        "png": "image/png",
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "gif": "image/gif",
        "mp4": "video/mp4",
        "svg": "image/svg+xml",
    }


@pytest.mark.parametrize("name", MIME_TYPES)
def test_same_picture_has_the_same_bytes_from_another_artist(name: str) -> None:
    assert draw(format=name) == draw(format=name)


def test_same_picture_has_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from mockserver.artist import Artist, Picture;"
        "looks = [('png', 1), ('gif', 3), ('mp4', 3), ('svg', 1)];"
        "asked = [Picture('A red fox', 160, 120, name, index=3, seed=7, frames=frames) for name, frames in looks];"
        "print(*[hashlib.sha256(Artist().draw(picture)).hexdigest() for picture in asked])"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    here = [
        draw(format=name, frames=n, index=3, seed=7) for name, n in (("png", 1), ("gif", 3), ("mp4", 3), ("svg", 1))
    ]
    assert hashes == {" ".join(hashlib.sha256(data).hexdigest() for data in here)}


@pytest.mark.parametrize("prompt", ["", "A red fox", "Harbour at dusk"])
def test_pictures_of_one_request_have_clearly_different_colours(prompt: str) -> None:
    ten = [colours(draw(prompt, index=index)) for index in range(10)]
    for one, other in itertools.combinations(ten, 2):
        assert max(map(math.dist, one, other)) > 25


def test_seed_chooses_other_colours() -> None:
    skies = {decoded(draw(seed=seed)).getpixel((0, 0)) for seed in range(6)}
    assert len(skies) == 6


@pytest.mark.parametrize(
    "change",
    [{"prompt": "A red cat"}, {"index": 1}, {"seed": 1}, {"label": "gpt-image-2"}, {"width": 161}],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("name", ["png", "gif", "svg"])
def test_each_of_these_changes_the_bytes(name: str, change: dict[str, Any]) -> None:
    assert draw(format=name, **change) != draw(format=name)


@pytest.mark.parametrize(("width", "height"), [(90, 90), (160, 120)])
def test_prompt_chooses_the_scene_not_only_the_text(width: int, height: int) -> None:
    fox, cat = (colours(draw(prompt, width, height)) for prompt in ("A red fox", "A red cat"))
    assert max(map(math.dist, fox, cat)) > 25


@pytest.mark.parametrize("size", [(160, 160), (512, 512), (1536, 1024)])
@pytest.mark.parametrize("label", ["high", "a very long label " * 50], ids=["short", "long"])
def test_label_changes_only_the_lower_half(size: tuple[int, int], label: str) -> None:
    plain, labelled = (decoded(draw("", *size, label=text)) for text in ("", label))
    upper = (0, 0, size[0], size[1] // 2)
    assert plain.tobytes() != labelled.tobytes()
    assert plain.crop(upper).tobytes() == labelled.crop(upper).tobytes()


def whites(image: Image.Image) -> Image.Image:
    """A mask of the nearly white pixels: the prompt's letters have them, no landscape has."""
    bands = image.convert("RGB").split()
    darkest = ImageChops.darker(ImageChops.darker(bands[0], bands[1]), bands[2])
    return darkest.point([0] * 245 + [255] * 11)


@pytest.mark.parametrize("name", ["png", "gif"])
def test_prompt_is_written(name: str) -> None:
    none, little, much = (
        whites(decoded(draw(prompt, 512, 512, format=name))).histogram()[255]
        for prompt in ("", "Snow", "Snow on the roofs of a village")
    )
    assert none == 0
    assert 20 < little < much


@pytest.mark.parametrize(
    ("label", "legible"),
    [("café", "cafe"), ("one—two", "one-two"), ("a\u200d\x07b", "ab"), ("two\nlines", "two lines")],
)
def test_text_beyond_the_font_is_written_as_the_nearest_letters(label: str, legible: str) -> None:
    assert draw(label=label) == draw(label=legible)


@pytest.mark.parametrize("prompt", ["word " * 6_400, "H" * 32_000, "漢" * 32_000], ids=["words", "one-word", "chinese"])
@pytest.mark.parametrize("size", [(160, 160), (400, 400), (1024, 400)])
def test_long_prompt_fills_a_panel_inside_the_picture(prompt: str, size: tuple[int, int]) -> None:
    box = whites(decoded(draw(prompt, *size))).getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert 5 < left < size[0] * 0.2
    assert size[0] * 0.6 < right < size[0] - 5
    assert size[1] * 0.3 < top < bottom < size[1] - 5


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_lower_compression_value_gives_a_smaller_file(name: str) -> None:
    sizes = [len(draw(format=name, compression=level)) for level in (0, 40, 80, 100)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("name", ["png", "gif", "svg"])
def test_compression_does_not_change_a_picture_that_loses_nothing(name: str) -> None:
    artist = Artist()
    whole = artist.draw(Picture("A red fox", 160, 120, name))
    assert artist.draw(Picture("A red fox", 160, 120, name, compression=10)) is whole


@FEW
@given(width=st.integers(8, 300), height=st.integers(8, 300), name=st.sampled_from(WITH_ALPHA))
@example(width=8, height=300, name="png")
@example(width=300, height=8, name="webp")
@example(width=8, height=8, name="gif")
def test_transparent_picture_has_clear_corners_and_a_solid_middle(width: int, height: int, name: str) -> None:
    image = decoded(draw(width=width, height=height, format=name, transparent=True))
    assert image.size == (width, height)
    assert image.has_transparency_data
    alpha = image.convert("RGBA").getchannel("A")
    corners = [(x, y) for x in (0, width - 1) for y in (0, height - 1)]
    assert [alpha.getpixel(corner) for corner in corners] == [0, 0, 0, 0]
    assert alpha.getpixel((width // 2, height // 2)) == 255


def test_panel_reaches_over_the_clear_background() -> None:
    alpha = decoded(draw("Snow on the roofs", 512, 512, transparent=True)).getchannel("A")
    levels = alpha.crop((0, 420, 60, 500)).histogram()
    assert levels[0] > 500
    assert sum(levels[128:250]) > 500, "no panel left of the oval"
    assert levels[255] > 0, "no letters left of the oval"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "jpeg", "transparent": True}, "jpeg has no alpha channel"),
        ({"format": "bmp"}, "unknown picture format 'bmp'; known: png, jpeg, webp, gif, mp4, svg"),
        ({"width": 0}, "at least 1x1 pixels, not 0x120"),
        ({"height": -5}, "at least 1x1 pixels, not 160x-5"),
        ({"compression": 101}, r"0\.\.100, not 101"),
        ({"compression": -1}, r"0\.\.100, not -1"),
        ({"format": "gif", "frames": 0}, "a gif cannot have 0 frames"),
        ({"format": "png", "frames": 2}, "a png cannot have 2 frames"),
        ({"format": "webp", "frames": 2}, "a webp cannot have 2 frames"),
        ({"format": "svg", "frames": 9}, "a svg cannot have 9 frames"),
        ({"format": "gif", "frames": 2, "frame_ms": -1}, r"0\.\.655350 ms, not -1"),
        ({"format": "gif", "frames": 2, "frame_ms": 655_351}, r"0\.\.655350 ms, not 655351"),
        ({"sharpness": 0.0}, "sharpness is above 0 and at most 1, not 0.0"),
        ({"sharpness": 1.1}, "sharpness is above 0 and at most 1, not 1.1"),
        ({"format": "gif", "width": 65_536, "height": 1}, "at most 65535 pixels a side, not 65536x1"),
    ],
)
def test_impossible_picture_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(**change)


def test_cache_is_bounded_by_bytes_and_forgets_the_least_recently_drawn() -> None:
    pictures = [Picture("A red fox", 64, 64, index=index) for index in range(12)]
    sizes = [len(Artist(0).draw(picture)) for picture in pictures]
    limit = 4 * (max(sizes) + 300)
    artist = Artist(limit)
    first, second = artist.draw(pictures[0]), artist.draw(pictures[1])
    for picture in pictures[2:]:
        latest = artist.draw(picture)
        assert artist.draw(pictures[0]) is first
        assert artist.draw(picture) is latest
        assert len(first) + len(latest) <= artist.cached_bytes <= limit
    again = artist.draw(pictures[1])
    assert again is not second
    assert again == second


def test_many_tiny_pictures_with_long_prompts_stay_within_the_limit() -> None:
    artist = Artist(4_000)
    for index in range(100):
        artist.draw(Picture("long " * 6_000, 1, 1, index=index))
    assert 0 < artist.cached_bytes <= 4_000
    assert len(artist._pictures) < 20


def test_picture_larger_than_the_whole_cache_is_returned_and_evicts_nothing() -> None:
    artist = Artist(cache_bytes=1_500)
    small = artist.draw(Picture("small", 8, 8))
    large = artist.draw(Picture("large", 300, 300))
    assert len(large) > 1_500
    assert decoded(large).size == (300, 300)
    assert artist.draw(Picture("small", 8, 8)) is small
    assert artist.cached_bytes <= 1_500


def test_threads_share_one_artist() -> None:
    artist = Artist(cache_bytes=60_000)
    # Neighbours are equal, so that threads draw the same picture at the same time.
    pictures = [Picture("A red fox", 200, 200, index=index // 4) for index in range(32)]
    alone = [Artist(0).draw(picture) for picture in pictures[::4]]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(artist.draw, pictures)) == [alone[number // 4] for number in range(32)]
    held = sum(len(data) + artist._ENTRY_BYTES for data in artist._pictures.values())
    assert artist.cached_bytes == held
    assert 0 < held <= 60_000


@pytest.mark.parametrize("prompt", ANY_PROMPT.values(), ids=ANY_PROMPT)
def test_any_prompt_is_drawn(prompt: str) -> None:
    for size in ((1, 1), (96, 96), (500, 333)):
        assert decoded(draw(prompt, *size, label=prompt)).size == size


@FEW
@given(prompt=st.text(st.characters(), max_size=40))
def test_any_unicode_is_drawn(prompt: str) -> None:
    assert decoded(draw(prompt, 120, 120, label=prompt)).size == (120, 120)


@pytest.mark.parametrize(("side", "least"), [(16, 40), (64, 200), (256, 600), (1024, 1000)])
def test_picture_is_not_flat(side: int, least: int) -> None:
    image = decoded(draw(width=side, height=side))
    found = image.getcolors(maxcolors=side * side)
    assert found is not None
    assert len(found) > least
    assert image.convert("L").entropy() > 4.5


def test_megapixel_png_is_small_enough_to_travel_as_base64() -> None:
    assert len(draw(width=1024, height=1024)) < 150_000


def shown(data: bytes) -> Iterator[Image.Image]:
    """What a viewer shows of a gif, frame by frame."""
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            yield image.convert("RGBA")


@pytest.mark.parametrize("count", [2, 9, 16])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("size", [(24, 24), (160, 120), (90, 400)])
def test_gif_has_the_asked_number_of_frames_all_different(size: tuple[int, int], transparent: bool, count: int) -> None:
    frames = list(shown(draw("", *size, format="gif", frames=count, transparent=transparent)))
    assert [frame.size for frame in frames] == [size] * count
    assert len({frame.tobytes() for frame in frames}) == count


def test_gif_too_small_to_move_still_has_every_frame() -> None:
    assert len(list(shown(draw(width=1, height=1, format="gif", frames=16)))) == 16


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(("asked", "told"), [(200, 200), (0, 0), (94, 90), (95, 100), (655_350, 655_350)])
def test_gif_tells_how_long_each_frame_stays_and_starts_again_for_ever(
    asked: int, told: int, transparent: bool
) -> None:
    image = decoded(draw(format="gif", frames=3, frame_ms=asked, transparent=transparent))
    assert image.info["loop"] == 0
    for number in range(3):
        image.seek(number)
        assert image.info["duration"] == told


def test_frame_times_that_round_to_the_same_are_one_picture() -> None:
    artist = Artist()
    whole = artist.draw(Picture("A red fox", 64, 64, "gif", frames=2, frame_ms=100))
    assert artist.draw(Picture("A red fox", 64, 64, "gif", frames=2, frame_ms=104)) is whole
    assert artist.draw(Picture("A red fox", 64, 64, "gif", frames=2, frame_ms=110)) != whole


def test_gif_of_one_frame_is_a_still_picture() -> None:
    still = draw(format="gif")
    assert getattr(decoded(still), "n_frames", 1) == 1
    assert b"NETSCAPE" not in still
    assert draw(format="gif", frame_ms=500) == still


def changed(one: Image.Image, other: Image.Image) -> int:
    """How many pixels are clearly different."""
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).convert("L")
    return sum(difference.histogram()[12:])


@pytest.mark.parametrize("prompt", ["", "A red fox", "Harbour at dusk"])
def test_gif_moves_a_little_and_without_a_jump_when_it_starts_again(prompt: str) -> None:
    frames = list(shown(draw(prompt, 256, 256, format="gif", frames=9)))
    steps = [changed(one, other) for one, other in zip(frames, frames[1:] + frames[:1], strict=True)]
    assert min(steps) > 50
    assert max(steps) < 256 * 256 * 0.12


@pytest.mark.parametrize("prompt", ["", "A red fox", "Harbour at dusk"])
def test_gif_starts_with_the_picture_that_a_png_shows(prompt: str) -> None:
    first = next(shown(draw(prompt, 90, 90, format="gif", frames=4)))
    difference = ImageChops.difference(first.convert("RGB"), decoded(draw(prompt, 90, 90)))
    assert max(difference.resize((1, 1), Image.Resampling.BOX).tobytes()) < 5


def test_transparent_gif_has_the_same_outline_in_every_frame() -> None:
    masks = [
        frame.getchannel("A")
        for frame in shown(draw("Snow on the roofs", 256, 256, format="gif", frames=9, transparent=True))
    ]
    assert len({mask.tobytes() for mask in masks}) == 1
    levels = masks[0].histogram()
    assert levels[0] > 0.1 * 256 * 256
    assert levels[255] > 0.7 * 256 * 256
    assert levels[0] + levels[255] == 256 * 256


@pytest.mark.parametrize("side", [1, 8, 160])
def test_transparent_colour_is_in_the_palette(side: int) -> None:
    data = draw("", side, side, format="gif", frames=2, transparent=True)
    colours_in_palette = 2 << (data[10] & 7)
    assert decoded(data).info["transparency"] < colours_in_palette <= 128


def test_opaque_gif_has_no_transparent_colour() -> None:
    assert not decoded(draw(format="gif", frames=2)).has_transparency_data


def test_animated_gif_is_small_enough_to_travel_as_base64() -> None:
    assert len(draw(width=512, height=512, format="gif", frames=9)) < 250_000


SVG = "{http://www.w3.org/2000/svg}"


def parsed(prompt: str = "A red fox", width: int = 160, height: int = 120, **more: Any) -> ET.Element:
    return ET.fromstring(draw(prompt, width, height, format="svg", **more))


def written(root: ET.Element) -> list[str]:
    """The lines of text a viewer shows."""
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@FEW
@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
@example(width=1, height=1)
@example(width=96, height=5000)
def test_svg_is_an_svg_of_the_asked_size(width: int, height: int) -> None:
    data = draw(width=width, height=height, format="svg", label="gpt-image-2.6")
    root = ET.fromstring(data)
    assert data.startswith(b"<svg ")
    assert root.tag == f"{SVG}svg"
    assert (root.get("width"), root.get("height")) == (str(width), str(height))
    assert root.get("viewBox") == f"0 0 {width} {height}"


def test_svg_shows_a_sky_a_sun_and_hills() -> None:
    root = parsed()
    gradients = {f"url(#{element.get('id')})" for element in root.iter(f"{SVG}linearGradient")}
    hills = list(root.iter(f"{SVG}polygon"))
    background = root.find(f"{SVG}rect[@width='160'][@height='120']")
    assert background is not None
    assert {background.get("fill"), *(hill.get("fill") for hill in hills)} == gradients
    assert len(hills) == 4
    assert len(list(root.iter(f"{SVG}circle"))) == 3


def test_transparent_svg_has_everything_but_the_background() -> None:
    whole, clear = parsed(), parsed(transparent=True)
    background = whole.find(f"{SVG}rect[@width='160'][@height='120']")
    assert background is not None
    whole.remove(background)
    assert [(e.tag, e.attrib, e.text) for e in clear.iter()] == [(e.tag, e.attrib, e.text) for e in whole.iter()]


def test_svg_has_the_colours_and_places_of_the_png() -> None:
    for prompt in ("", "A red fox", "Harbour at dusk"):
        root = parsed(prompt, 90, 90)
        png = decoded(draw(prompt, 90, 90))
        hill = list(root.iter(f"{SVG}linearGradient"))[-1][-1].get("stop-color") or ""
        at_foot = png.getpixel((45, 89))
        assert isinstance(at_foot, tuple)
        assert math.dist(bytes.fromhex(hill[1:]), at_foot) < 4
        sun = list(root.iter(f"{SVG}circle"))[-1].attrib
        at_sun = png.getpixel((round(float(sun["cx"])), round(float(sun["cy"]) - float(sun["r"]) / 2)))
        assert isinstance(at_sun, tuple)
        assert math.dist(bytes.fromhex(sun["fill"][1:]), at_sun) < 40


@pytest.mark.parametrize("prompt", ANY_PROMPT.values(), ids=ANY_PROMPT)
@pytest.mark.parametrize("size", [(1, 1), (96, 96), (500, 333)])
def test_any_prompt_gives_a_small_well_formed_svg(size: tuple[int, int], prompt: str) -> None:
    data = draw(prompt, *size, format="svg", label=prompt)
    root = ET.fromstring(data)
    tags = {"svg", "title", "linearGradient", "stop", "rect", "circle", "polygon", "g", "text"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= tags
    assert len(data) < 20_000


@FEW
@given(prompt=st.text(st.characters(), max_size=40))
def test_any_unicode_gives_a_well_formed_svg_without_control_characters(prompt: str) -> None:
    data = draw(prompt, 120, 120, format="svg", label=prompt)
    ET.fromstring(data)
    kinds = {unicodedata.category(character) for character in data.decode() if character != "\n"}
    assert not kinds & {"Cc", "Cs"}


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("A red fox", "A red fox"),
        ("<&\"']]>", "<&\"']]>"),
        ("&amp; <b>", "&amp; <b>"),
        ("a\x00\x1bb\x7f\x9fc", "abc"),
        ("two\n\tlines\r\n", "two lines"),
        ("\ud800half\ufffe\uffff", "half"),
        ("café — 红色的狐狸 🦊", "café — 红色的狐狸 🦊"),
    ],
)
def test_svg_says_the_prompt_as_it_is(prompt: str, line: str) -> None:
    root = parsed(prompt, 512, 512, label=prompt)
    assert root.findtext(f"{SVG}title") == line
    assert written(root) == [line, f"{line} · 512x512 · svg"]


def test_svg_leaves_chinese_as_much_room_as_it_takes() -> None:
    line = next(parsed("红色的狐狸", 512, 512).iter(f"{SVG}text")).attrib
    assert float(line["textLength"]) == pytest.approx(5 * float(line["font-size"]), rel=0.1)


def test_svg_too_small_to_write_on_has_the_prompt_as_its_title() -> None:
    root = parsed("A <red> fox", 20, 20)
    assert (root.findtext(f"{SVG}title"), written(root)) == ("A <red> fox", [])


@pytest.mark.parametrize("prompt", ["word " * 6_400, "H" * 32_000, "漢" * 32_000], ids=["words", "one-word", "chinese"])
@pytest.mark.parametrize("size", [(160, 160), (400, 400), (1024, 400)])
def test_svg_text_stays_inside_its_panel_inside_the_picture(prompt: str, size: tuple[int, int]) -> None:
    root = parsed(prompt, *size)
    panel = next(rect for rect in root.iter(f"{SVG}rect") if rect.get("rx"))
    left, top, width, height = (float(panel.attrib[name]) for name in ("x", "y", "width", "height"))
    assert 0 < left < left + width < size[0]
    assert size[1] * 0.3 < top < top + height < size[1]
    for text in root.iter(f"{SVG}text"):
        x, y, long = (float(text.attrib[name]) for name in ("x", "y", "textLength"))
        assert left < x < x + long < left + width
        assert top < y < top + height
    assert written(root)[-2].endswith("…")


def upload(image: Image.Image, encoder: str = "PNG", **options: Any) -> Upload:
    file = io.BytesIO()
    image.save(file, encoder, **options)
    return opened(file.getvalue())


def still_life(width: int = 200, height: int = 160, shift: int = 0) -> Image.Image:
    """Something with lights and darks of its own, in other colours for each shift."""
    bands = (Image.radial_gradient("L").rotate(90 * turn).resize((width, height)) for turn in range(3))
    image = Image.merge("RGB", [band.point([(level * 2 + shift) % 256 for level in range(256)]) for band in bands])
    image.paste((200, 40 + shift, 30), (width // 3, height // 3, width // 2, height * 2 // 3))
    return image


def overlay(size: tuple[int, int], box: tuple[int, int, int, int], inside: int, outside: int) -> Upload:
    """Black, with one alpha inside a box and another one outside."""
    alpha = Image.new("L", size, outside)
    alpha.paste(inside, box)
    image = Image.new("RGBA", size, "black")
    image.putalpha(alpha)
    return upload(image)


INPUT = upload(still_life())
HOLE = (60, 20, 180, 140)
MASK = overlay((200, 160), HOLE, 0, 255)
INK = overlay((200, 160), (90, 60, 110, 80), 255, 0)
BASES = {
    "edit": Base((INPUT,)),
    "mask": Base((INPUT,), mask=MASK),
    "markup": Base((INPUT,), markup=INK),
    "further": Base((INPUT, *(upload(still_life(shift=shift)) for shift in (60, 120)))),
    "variation": Base((INPUT,), vary=True),
}


def differing(one: Image.Image, other: Image.Image) -> Image.Image:
    """A mask of the pixels that are not the same."""
    difference = ImageChops.difference(one.convert("RGBA"), other.convert("RGBA"))
    bands = difference.split()
    most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), ImageChops.lighter(bands[2], bands[3]))
    return most.point([0] + [255] * 255)


def share(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ."""
    return differing(one, other).histogram()[255] / (one.width * one.height)


def likeness(one: Image.Image, other: Image.Image) -> float:
    """How the lights and darks of two pictures go together: 1 the same, 0 nothing in common."""
    lights = [image.convert("L").resize((24, 24), Image.Resampling.BOX).tobytes() for image in (one, other)]
    return statistics.correlation(*lights)


@pytest.mark.parametrize("name", [*RASTERS, "svg"])
@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_edit_is_a_picture_of_the_asked_size_and_format_with_the_same_bytes_again(base: Base, name: str) -> None:
    data = draw(width=170, height=120, format=name, base=base)
    assert data == draw(width=170, height=120, format=name, base=base)
    if name == "svg":
        root = ET.fromstring(data)
        image = root.find(f"{SVG}image")
        assert image is not None
        assert root.findtext(f"{SVG}title") == "A red fox"
        kind, text = image.attrib["href"].split(",")
        assert kind == "data:image/png;base64"
        data = base64.b64decode(text, validate=True)
    image_ = decoded(data)
    assert (image_.size, image_.format) == ((170, 120), "PNG" if name == "svg" else name.upper())
    assert not image_.has_transparency_data


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_pictures_of_one_edit_all_differ(base: Base) -> None:
    pictures = [decoded(draw(width=200, height=160, base=base, index=index)) for index in range(10)]
    for one, other in itertools.combinations(pictures, 2):
        assert changed(one, other) > 50


@pytest.mark.parametrize("change", [{"prompt": "A red cat"}, {"seed": 1}, {"label": "x"}, {"base": Base((MASK,))}])
@pytest.mark.parametrize("name", ["edit", "mask", "markup"])
def test_each_of_these_changes_an_edit(name: str, change: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"width": 400, "height": 320, "base": BASES[name]}
    assert draw(**asked) != draw(**asked | change)


@pytest.mark.parametrize("shift", [0, 50, 100])
@pytest.mark.parametrize("prompt", ["", "A red fox", "Harbour at dusk"])
def test_edit_without_a_mask_is_clearly_the_input_and_clearly_changed(prompt: str, shift: int) -> None:
    before = still_life(300, 300, shift)
    after = decoded(draw(prompt, 300, 300, base=Base((upload(before),))))
    middle = (0, 60, 300, 220)
    assert likeness(before.crop(middle), after.crop(middle)) > 0.85
    assert changed(before, after) > 0.4 * 300 * 300
    assert likeness(before, decoded(draw(prompt, 300, 300))) < 0.7


def test_prompt_is_written_on_an_edit_but_not_on_a_variation() -> None:
    dark = upload(Image.new("RGB", (512, 512), (40, 20, 60)))

    def letters(prompt: str, **more: Any) -> int:
        return whites(decoded(draw(prompt, 512, 512, base=Base((dark,), **more)))).histogram()[255]

    assert letters("Snow on the roofs of a village") > letters("Snow") > letters("") + 20
    assert draw("Snow", base=Base((dark,), vary=True)) == draw("", base=Base((dark,), vary=True))


@FEW
@given(
    box=st.tuples(st.integers(0, 150), st.integers(0, 120), st.integers(1, 200), st.integers(1, 160)),
    alpha=st.sampled_from([0, 0, 90, 200]),
    index=st.integers(0, 9),
)
@example(box=(0, 0, 200, 160), alpha=0, index=0)
@example(box=(199, 159, 1, 1), alpha=0, index=0)
def test_pixels_under_an_opaque_mask_stay_as_they_are(box: tuple[int, int, int, int], alpha: int, index: int) -> None:
    left, top = box[:2]
    box = left, top, min(200, left + box[2]), min(160, top + box[3])
    base = Base((INPUT,), mask=overlay((200, 160), box, alpha, 255))
    after = decoded(draw(width=200, height=160, base=base, index=index))
    changed_box = differing(still_life(), after).getbbox()
    assert changed_box is not None
    assert all(got >= open_ for got, open_ in zip(changed_box[:2], box[:2], strict=True))
    assert all(got <= open_ for got, open_ in zip(changed_box[2:], box[2:], strict=True))
    assert share(still_life().crop(box), after.crop(box)) > 0.8


def test_partial_alpha_of_a_mask_blends() -> None:
    def at_centre(alpha: int) -> tuple[float, ...]:
        mask = overlay((200, 160), (0, 0, 200, 160), alpha, 255)
        pixel = decoded(draw("", 90, 72, base=Base((INPUT,), mask=mask))).getpixel((45, 36))
        assert isinstance(pixel, tuple)
        return pixel

    fresh, half, kept = at_centre(0), at_centre(128), at_centre(255)
    assert half == pytest.approx([(one + other) / 2 for one, other in zip(fresh, kept, strict=True)], abs=2)
    assert math.dist(fresh, kept) > 20


def test_masked_hole_shows_the_scene_and_the_words_of_the_prompt() -> None:
    dark = Image.new("RGB", (512, 512), (40, 20, 60))
    mask = overlay((512, 512), (100, 100, 500, 500), 0, 255)
    box = whites(decoded(draw("Snow on the roofs", 512, 512, base=Base((upload(dark),), mask=mask)))).getbbox()
    assert box is not None
    assert min(box[:2]) >= 100
    assert max(box[2:]) <= 500
    round_ = Image.new("RGBA", (512, 512), "black")
    ImageDraw.Draw(round_).ellipse((60, 60, 500, 500), fill=(0, 0, 0, 0))
    box = whites(
        decoded(draw("Snow on the roofs", 512, 512, base=Base((upload(dark),), mask=upload(round_))))
    ).getbbox()
    assert box is not None
    assert round_.getpixel((box[0], box[3])) == (0, 0, 0, 0), "the words reach over the edge of the hole"
    skies = [
        decoded(draw(prompt, 512, 512, base=Base((upload(dark),), mask=mask))).getpixel((110, 110))
        for prompt in ("Snow", "Rain")
    ]
    assert len({*skies, dark.getpixel((0, 0))}) == 3


@pytest.mark.parametrize("size", [(100, 80), (400, 320), (160, 160), (300, 100)])
def test_output_of_another_size_is_the_input_covering_it_under_the_mask(size: tuple[int, int]) -> None:
    mask = overlay((200, 160), (80, 60, 120, 100), 0, 255)
    after = decoded(draw(width=size[0], height=size[1], base=Base((INPUT,), mask=mask)))
    covering = ImageOps.fit(still_life().convert("RGBA"), size, Image.Resampling.LANCZOS).convert("RGB")
    unlike = differing(covering, after)
    box = unlike.getbbox()
    assert box is not None
    scale = max(size[0] / 200, size[1] / 160)
    for got, middle, reach in zip(box, (size[0] / 2, size[1] / 2) * 2, (-20, -20, 20, 20), strict=True):
        assert got == pytest.approx(middle + reach * scale, abs=scale + 2)


def test_mask_of_another_size_is_stretched_over_the_first_image() -> None:
    small = overlay((100, 160), (30, 20, 90, 140), 0, 255)
    after = decoded(draw(width=200, height=160, base=Base((INPUT,), mask=small)))
    box = differing(still_life(), after).getbbox()
    assert box is not None
    assert max(abs(got - wanted) for got, wanted in zip(box, HOLE, strict=True)) <= 2


def test_markup_redraws_what_is_under_the_ink_and_near_it_only() -> None:
    after = decoded(draw("", 90, 72, base=BASES["markup"]))  # too small for lettering
    before = ImageOps.fit(still_life().convert("RGBA"), (90, 72), Image.Resampling.LANCZOS)
    scale = 90 / 200
    box = differing(before, after).getbbox()
    assert box is not None
    for got, ink, side in zip(box, (90, 60, 110, 80), (-1, -1, 1, 1), strict=True):
        assert 1.5 < (got - ink * scale) * side < 8
    assert share(before.crop((41, 28, 49, 35)), after.crop((41, 28, 49, 35))) == 1


def test_markup_that_runs_around_something_redraws_that_too() -> None:
    ring = Image.new("RGBA", (200, 160))
    ImageDraw.Draw(ring).ellipse((50, 30, 150, 130), outline="red", width=6)
    after = decoded(draw("", 90, 72, base=Base((INPUT,), markup=upload(ring))))
    before = ImageOps.fit(still_life().convert("RGBA"), (90, 72), Image.Resampling.LANCZOS)
    assert share(before.crop((35, 26, 55, 46)), after.crop((35, 26, 55, 46))) > 0.9
    assert share(before.crop((0, 0, 12, 72)), after.crop((0, 0, 12, 72))) == 0


@pytest.mark.parametrize("count", [2, 3, 5, 9, 16])
def test_further_images_are_seen_in_an_edit(count: int) -> None:
    pure = [(255, 0, 0), (0, 255, 0), (255, 255, 0)]
    dull = upload(Image.new("RGB", (600, 600), (90, 90, 100)))
    further = [upload(Image.new("RGB", (60 + number, 50), pure[number % 3])) for number in range(count - 1)]
    image = decoded(draw("", 600, 600, base=Base((dull, *further))))
    found = {colour: amount for amount, colour in image.getcolors(600 * 600) or ()}
    for number, colour in enumerate(pure):
        prints = len(range(number, count - 1, 3))
        assert (found.get(colour, 0) > 600 * prints) if prints else (colour not in found)


def test_further_images_stay_in_the_hole_of_a_mask() -> None:
    base = Base((INPUT, *(upload(still_life(shift=shift)) for shift in range(0, 150, 10))), mask=MASK)
    box = differing(still_life(), decoded(draw(width=200, height=160, base=base))).getbbox()
    assert box is not None
    assert min(got - wanted for got, wanted in zip(box[:2], HOLE[:2], strict=True)) >= 0
    assert max(got - wanted for got, wanted in zip(box[2:], HOLE[2:], strict=True)) <= 0


@pytest.mark.parametrize("index", range(4))
def test_variation_has_the_motif_in_other_colours(index: int) -> None:
    before = still_life(300, 300)
    after = decoded(draw("", 300, 300, base=Base((upload(before),), vary=True), index=index))
    upper = (0, 0, 300, 160)
    assert likeness(before.crop(upper), after.crop(upper)) > 0.6
    assert changed(before, after) > 0.4 * 300 * 300


def test_each_upload_has_variations_of_its_own() -> None:
    one, other = (upload(still_life(), compress_level=level) for level in (1, 9))
    assert draw("", base=Base((one,), vary=True)) != draw("", base=Base((other,), vary=True))


def test_clear_parts_of_an_input_show_the_scene_unless_the_background_is_to_be_clear() -> None:
    sticker = Image.new("RGBA", (300, 300))
    sticker.paste((200, 30, 30, 255), (100, 60, 200, 160))
    base = Base((upload(sticker),))
    opaque = decoded(draw("Snow", 300, 300, base=base))
    assert opaque.mode == "RGB"
    assert opaque.getpixel((150, 110)) == (200, 30, 30)
    assert opaque.getpixel((20, 20)) not in {(0, 0, 0), (255, 255, 255)}
    clear = decoded(draw("Snow", 300, 300, base=base, transparent=True))
    alpha = clear.getchannel("A")
    assert [alpha.getpixel(place) for place in ((20, 20), (150, 30), (150, 110))] == [0, 0, 255]


@pytest.mark.parametrize("name", WITH_ALPHA)
@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_transparent_edit_of_an_opaque_input_has_clear_corners(base: Base, name: str) -> None:
    alpha = decoded(draw(width=200, height=160, format=name, base=base, transparent=True)).convert("RGBA")
    assert [alpha.getpixel(corner)[3] for corner in ((0, 0), (199, 159), (100, 80))] == [0, 0, 255]  # type: ignore[index]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (17, 9)])
@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_edit_of_any_size_is_drawn(base: Base, size: tuple[int, int]) -> None:
    assert decoded(draw(width=size[0], height=size[1], base=base)).size == size
    tiny = replace(base, images=(upload(still_life(1, 1)), *base.images[1:]))
    assert decoded(draw(width=size[0], height=size[1], base=tiny)).size == size


def test_edited_gif_moves() -> None:
    frames = list(shown(draw("", 160, 120, format="gif", frames=4, base=BASES["edit"])))
    assert len({frame.tobytes() for frame in frames}) == 4


def test_base_holds_1_to_16_images_and_says_what_it_weighs() -> None:
    for count in (0, 17):
        with pytest.raises(ValueError, match=f"1..16 images, not {count}"):
            Base((INPUT,) * count)
    assert Base((INPUT, INPUT), mask=MASK, markup=INK).weight == sum(len(one.data) for one in (INPUT, INPUT, MASK, INK))


def test_equal_uploads_make_equal_pictures_that_are_drawn_once() -> None:
    artist = Artist()
    one = artist.draw(Picture("A red fox", 64, 64, base=Base((opened(INPUT.data),))))
    assert artist.draw(Picture("A red fox", 64, 64, base=Base((opened(bytes(bytearray(INPUT.data))),)))) is one
    assert artist.draw(Picture("A red fox", 64, 64, base=Base((MASK,)))) is not one
    assert artist.draw(Picture("A red fox", 64, 64)) is not one


def apart(one: Image.Image, other: Image.Image) -> float:
    """The mean square of the difference, 0..255²."""
    levels = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).histogram()
    return sum(amount * (number % 256) ** 2 for number, amount in enumerate(levels)) / (3 * one.width * one.height)


@pytest.mark.parametrize("name", RASTERS)
@pytest.mark.parametrize("base", [None, *BASES.values()], ids=["generation", *BASES])
def test_partials_come_closer_to_the_final_picture(base: Base | None, name: str) -> None:
    def at(sharpness: float) -> Image.Image:
        return decoded(draw("Snow", 256, 192, format=name, base=base, sharpness=sharpness))

    steps = [0.02, 0.25, 0.5, 0.75, 1.0]
    partials = [at(sharpness) for sharpness in steps]
    final = partials[-1]
    assert {partial.size for partial in partials} == {(256, 192)}
    distances = [apart(partial, final) for partial in partials]
    assert distances == sorted(set(distances), reverse=True)
    assert distances[0] > 3 * distances[3] > distances[4] == 0
    assert likeness(partials[1], final) > 0.9


@FEW
@given(low=st.floats(0.01, 0.9), step=st.floats(0.1, 0.3), size=st.tuples(st.integers(60, 300), st.integers(60, 300)))
def test_sharper_is_closer(low: float, step: float, size: tuple[int, int]) -> None:
    final, blurred, sharper = (
        decoded(draw("Snow", *size, sharpness=sharpness)) for sharpness in (1.0, low, min(1.0, low + step))
    )
    # Of 65,025 a mean square of one is what rounding leaves of nearly the same.
    assert max(apart(blurred, final), 1.0) > apart(sharper, final)


@pytest.mark.parametrize("name", RASTERS)
def test_final_picture_is_drawn_once_for_all_its_partials(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[Picture] = []
    paint = artist_module._painted

    def counted(picture: Picture, turn: float = 0.0) -> Image.Image:
        painted.append(picture)
        return paint(picture, turn)

    monkeypatch.setattr(artist_module, "_painted", counted)
    artist = Artist()
    for sharpness in (0.25, 0.5, 0.75, 1.0):
        artist.draw(Picture("A red fox", 160, 120, name, sharpness=sharpness))
    assert len(painted) == 1


def test_partial_of_a_transparent_picture_is_transparent() -> None:
    for name in WITH_ALPHA:
        image = decoded(draw("Snow", 160, 120, format=name, transparent=True, sharpness=0.3)).convert("RGBA")
        assert [image.getpixel(place)[3] for place in ((0, 0), (80, 60))] == [0, 255]  # type: ignore[index]


def test_partial_of_an_svg_is_an_svg_with_the_blurred_picture() -> None:
    root = parsed("Snow", 160, 120, sharpness=0.5)
    image = root.find(f"{SVG}image")
    assert image is not None
    blurred = decoded(base64.b64decode(image.attrib["href"].partition(",")[2]))
    assert likeness(blurred, decoded(draw("Snow", 160, 120))) > 0.9


def test_partial_of_an_animation_stands_still() -> None:
    data = draw("Snow", 160, 120, format="gif", frames=3, sharpness=0.5)
    assert len(list(shown(data))) == 1


def test_base64_is_remembered_beside_the_picture_within_the_same_bytes() -> None:
    artist = Artist(200_000)
    pictures = [Picture(f"a {number}", 64, 64) for number in range(100)]
    assert not artist.has_base64(pictures[0])
    for picture in pictures:
        assert base64.b64decode(artist.base64(picture)) == artist.draw(picture)
        assert artist.base64(picture) is artist.base64(picture)
        assert artist.cached_bytes <= 200_000
    assert artist.has_base64(pictures[-1])
    assert not artist.has_base64(pictures[0])


def test_a_picture_of_another_prompt_is_the_same_in_everything_else() -> None:
    one = Picture("a", 2, 3, "gif", 50, True, 4, 5, "label", 6, 70, None, 0.5, "grid")
    one.base = Base((opened(draw()),))
    other = Picture("a", 1, 1)
    assert [field.name for field in fields(one) if getattr(one, field.name) == getattr(other, field.name)] == ["prompt"]
    assert one.saying("b") == replace(one, prompt="b")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_png_of_noise_holds_every_pixel(mode: str) -> None:
    size = 61, 2 * 1024
    image = Image.frombytes(mode, size, random.Random(1).randbytes(size[0] * size[1] * len(mode)))
    with Image.open(io.BytesIO(png(image))) as read:
        assert (read.mode, read.tobytes()) == (mode, image.tobytes())
