import hashlib
import io
import itertools
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from mockserver.artist import MIME_TYPES, Artist, Picture

FEW = settings(max_examples=20, deadline=None)
SIDES = st.integers(1, 300)
WITH_ALPHA = ("png", "webp")


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
@given(width=SIDES, height=SIDES, name=st.sampled_from(sorted(MIME_TYPES)))
@example(width=1, height=1, name="png")
@example(width=1, height=1, name="jpeg")
@example(width=1, height=1, name="webp")
@example(width=1254, height=1254, name="png")
@example(width=3840, height=2160, name="jpeg")
@example(width=96, height=2000, name="webp")
def test_picture_decodes_to_the_asked_size_and_format(width: int, height: int, name: str) -> None:
    image = decoded(draw(width=width, height=height, format=name, label="gpt-image-2 · high · 1 of 4"))
    assert (image.size, image.format, image.mode) == ((width, height), name.upper(), "RGB")
    assert Image.MIME[name.upper()] == MIME_TYPES[name]


def test_formats_offered() -> None:
    assert MIME_TYPES == {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


@pytest.mark.parametrize("name", MIME_TYPES)
def test_same_picture_has_the_same_bytes_from_another_artist(name: str) -> None:
    assert draw(format=name) == draw(format=name)


def test_same_picture_has_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from mockserver.artist import Artist, Picture;"
        "print(hashlib.sha256(Artist().draw(Picture('A red fox', 160, 120, index=3, seed=7))).hexdigest())"
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
    assert hashes == {hashlib.sha256(draw(index=3, seed=7)).hexdigest()}


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
def test_each_of_these_changes_the_bytes(change: dict[str, Any]) -> None:
    assert draw(**change) != draw()


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


def test_prompt_is_written() -> None:
    none, little, much = (
        whites(decoded(draw(prompt, 512, 512))).histogram()[255]
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


@pytest.mark.parametrize(
    "prompt", ["word " * 6_400, "H" * 32_000, "漢" * 32_000], ids=["words", "one-word", "chinese"]
)
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


def test_compression_does_not_change_a_png() -> None:
    artist = Artist()
    whole = artist.draw(Picture("A red fox", 160, 120))
    assert artist.draw(Picture("A red fox", 160, 120, compression=10)) is whole


@FEW
@given(width=st.integers(8, 300), height=st.integers(8, 300), name=st.sampled_from(WITH_ALPHA))
@example(width=8, height=300, name="png")
@example(width=300, height=8, name="webp")
def test_transparent_picture_has_clear_corners_and_a_solid_middle(width: int, height: int, name: str) -> None:
    image = decoded(draw(width=width, height=height, format=name, transparent=True))
    assert (image.size, image.mode) == ((width, height), "RGBA")
    alpha = image.getchannel("A")
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
        ({"format": "bmp"}, "unknown picture format 'bmp'; known: png, jpeg, webp"),
        ({"width": 0}, "at least 1x1 pixels, not 0x120"),
        ({"height": -5}, "at least 1x1 pixels, not 160x-5"),
        ({"compression": 101}, r"0\.\.100, not 101"),
        ({"compression": -1}, r"0\.\.100, not -1"),
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


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " \n\t ",
        "一只红色的狐狸 🦊 在清晨的新雪中 ❄️，柔和的光线",
        "👩‍👩‍👧‍👦 🏴‍☠️ e\u0301\u0323 العربية עברית हिन्दी",
        "\x00\x1b[31m \ud800 \udfff \ufffe \U0010ffff \u202e reversed",
        "x" * 32_000,
        "word " * 6_400,
        "漢" * 32_000,
    ],
    ids=["empty", "blank", "chinese", "joined", "unprintable", "one-word", "many-words", "no-spaces"],
)
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
