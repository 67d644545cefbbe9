"""Uploaded pictures: every kind is read as a viewer shows it; everything else is refused, quickly and politely."""

import io
import struct
import tracemalloc
import warnings
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mockserver.png import png
from mockserver.uploads import MOST_PIXELS, BadPicture, Upload, opened, pixels

SIZE = (40, 30)


def saved(image: Image.Image, encoder: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


RAMP = Image.linear_gradient("L").resize(SIZE)
COLOURED = Image.merge("RGB", (RAMP, RAMP.rotate(180), RAMP.point([90] * 256)))
CLEAR = Image.merge("RGBA", (*COLOURED.split(), RAMP))
DEEP = RAMP.convert("I").point(lambda level: level * 257).convert("I;16")
LOWEST = RAMP.tobytes()[0]
FRAMES: dict[str, Any] = {"save_all": True, "append_images": [COLOURED.rotate(90), COLOURED.rotate(180)]}
FILES = {
    "png": saved(COLOURED),
    "rgba": saved(CLEAR),
    "palette": saved(COLOURED.quantize(8)),
    "palette, one clear": saved(COLOURED.quantize(8), transparency=0),
    "palette, one faint": saved(COLOURED.quantize(8), transparency=b"\xff\x80"),
    "colour key": saved(COLOURED, transparency=COLOURED.getpixel((0, 0))),
    "16 bits": saved(DEEP),
    "16 bits, one clear": saved(DEEP, transparency=LOWEST * 257),
    "1 bit": saved(RAMP.convert("1")),
    "gray": saved(RAMP),
    "gray with alpha": saved(CLEAR.convert("LA")),
    "apng": saved(COLOURED, **FRAMES),
    "jpeg": saved(COLOURED, "JPEG"),
    "sideways": saved(COLOURED, "JPEG", exif=turned(6)),
    "progressive": saved(COLOURED, "JPEG", progressive=True),
    "cmyk": saved(COLOURED.convert("CMYK"), "JPEG", quality=95),
    "mpo": saved(COLOURED, "MPO", **FRAMES),
    "webp": saved(CLEAR, "WEBP", lossless=True),
    "animated webp": saved(COLOURED, "WEBP", lossless=True, **FRAMES),
    "gif": saved(COLOURED, "GIF"),
    "animated gif": saved(COLOURED, "GIF", **FRAMES),
    "bmp": saved(COLOURED, "BMP"),
}
FORMATS = {"rgba": "png", "apng": "png", "cmyk": "jpeg", "mpo": "jpeg", "sideways": "jpeg", "progressive": "jpeg"}
TRANSPARENT = {"rgba", "palette, one clear", "palette, one faint", "colour key", "16 bits, one clear"} | {
    "gray with alpha",
    "webp",
}
SEVERAL_FRAMES = {"apng", "animated webp", "animated gif"}


def format_of(name: str) -> str:
    last = name.rsplit(maxsplit=1)[-1]
    return FORMATS.get(name, last if last in {"jpeg", "webp", "gif", "bmp"} else "png")


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_picture_is_measured(name: str) -> None:
    upload = opened(FILES[name])
    assert (upload.width, upload.height) == ((30, 40) if name == "sideways" else SIZE)
    assert upload.format == format_of(name)
    assert upload.transparent == (name in TRANSPARENT)
    assert upload.alpha == (name in TRANSPARENT or name == "animated webp")  # its later frames show the ones before
    assert upload.frames == (3 if name in SEVERAL_FRAMES else 1)
    assert upload.data is FILES[name]


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_the_first_frame_as_rgba(name: str) -> None:
    image = pixels(opened(FILES[name]))
    expected = RAMP if name in {"16 bits", "16 bits, one clear", "gray", "1 bit"} else COLOURED
    expected = COLOURED.convert("L") if name == "gray with alpha" else expected
    if name == "sideways":
        image = image.rotate(90, expand=True)
    assert (image.mode, image.size) == ("RGBA", SIZE)
    # Coarse enough for eight colours, for the dots of one bit and for what jpeg loses.
    found, wanted = (one.convert("RGB").resize((2, 2), Image.Resampling.BOX).tobytes() for one in (image, expected))
    assert max(abs(one - other) for one, other in zip(found, wanted, strict=True)) < 40


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_the_same_however_often_they_are_looked_at(name: str) -> None:
    upload = opened(FILES[name])
    first, *others = (pixels(upload) for _ in range(3))
    first.paste((1, 2, 3, 4), (0, 0, *first.size))  # what somebody draws on
    assert others[0].tobytes() == others[1].tobytes() != first.tobytes()


def test_clear_level_of_16_bits_is_clear_and_no_other() -> None:
    alpha = pixels(opened(FILES["16 bits, one clear"])).getchannel("A")
    assert alpha.tobytes() == RAMP.point([255 * (level != LOWEST) for level in range(256)]).tobytes()


def test_alpha_channel_without_a_clear_pixel_is_alpha_but_not_transparent() -> None:
    upload = opened(saved(COLOURED.convert("RGBA")))
    assert (upload.alpha, upload.transparent) == (True, False)


@pytest.mark.parametrize("orientation", range(10))
def test_orientation_is_obeyed_as_viewers_do(orientation: int) -> None:
    corner = Image.new("RGB", (64, 48), "white")
    corner.paste((255, 0, 0), (0, 0, 16, 16))
    corner.paste((0, 0, 255), (48, 0, 64, 16))
    upload = opened(saved(corner, "JPEG", exif=turned(orientation)))
    image = pixels(upload).convert("RGB")
    assert image.size == (upload.width, upload.height) == ((48, 64) if 5 <= orientation <= 8 else (64, 48))
    right, foot = image.width - 8, image.height - 8
    corners = {"upper left": (8, 8), "upper right": (right, 8), "lower right": (right, foot), "lower left": (8, foot)}
    colours = {name: image.getpixel(place) for name, place in corners.items()}
    red = min(colours, key=lambda name: sum(colours[name][1:]))  # type: ignore[index]
    blue = min(colours, key=lambda name: sum(colours[name][:2]))  # type: ignore[index]
    assert (red, blue) == {
        2: ("upper right", "upper left"),
        3: ("lower right", "lower left"),
        4: ("lower left", "lower right"),
        5: ("upper left", "lower left"),
        6: ("upper right", "lower right"),
        7: ("lower right", "upper right"),
        8: ("lower left", "upper left"),
    }.get(orientation, ("upper left", "upper right"))


def test_damaged_exif_does_not_spoil_a_picture() -> None:
    with warnings.catch_warnings(action="ignore"):  # where they are errors it is refused
        upload = opened(saved(COLOURED, "JPEG", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff"))
    assert (upload.width, upload.height) == SIZE


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_refused(name: str) -> None:
    data = FILES[name]
    whole = data.index(b"\xff\xd9\xff\xd8") + 2 if name == "mpo" else len(data)  # the rest are pictures of their own
    accepted = []
    for length in range(whole):
        try:
            accepted.append(opened(data[:length]))
        except BadPicture:
            continue
    assert not accepted


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (FILES["png"][:-20], "it ends in the middle of the picture"),
        (FILES["jpeg"][:-20], "it ends in the middle of the picture"),
        (FILES["animated gif"][:-20], "it ends in the middle of the picture"),
        (b"A red fox", "it cannot be read as png, jpeg, webp, gif or bmp"),
        (b"<!doctype html><html><body>502 Bad Gateway</body></html>", "it cannot be read as"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it cannot be read as"),
        (b"%PDF-1.7\n1 0 obj", "it cannot be read as"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "it cannot be read as"),
        (saved(COLOURED, "TIFF"), "it cannot be read as"),
        (saved(COLOURED, "EPS"), "it cannot be read as"),
        (saved(COLOURED, "PDF"), "it cannot be read as"),
        (saved(COLOURED, "ICO"), "it cannot be read as"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadPicture, match=f"^{reason}"):
        opened(data)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def announcing(width: int, height: int, body: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize("height", [MOST_PIXELS // 10_000 + 1, 10_000, 17_000, 2_000_000])
def test_bomb_is_refused_before_it_goes_off(height: int, action: Any) -> None:
    small_file = zlib.compress(bytes(30_001 * 2_000))
    data = announcing(10_000, height, small_file)
    tracemalloc.start()
    try:
        with warnings.catch_warnings(action=action), pytest.raises(BadPicture, match="more than 50 megapixels"):
            opened(data)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_largest_picture_is_opened() -> None:
    upload = opened(saved(Image.new("1", (10_000, MOST_PIXELS // 10_000))))
    assert upload.width * upload.height == MOST_PIXELS


def test_long_words_in_a_png_are_skipped_and_packed_ones_refused() -> None:
    plain = FILES["png"]
    at = plain.index(b"IDAT") - 4
    workflow = chunk(b"tEXt", b"workflow\0" + b"x" * 5_000_000)
    assert opened(plain[:at] + workflow + plain[at:]).format == "png"
    bomb = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(200_000_000), 9))
    with pytest.raises(BadPicture):
        opened(plain[:at] + bomb + plain[at:])


def test_gif_of_very_many_frames_is_counted_without_being_unpacked() -> None:
    data = FILES["gif"]
    at = data.index(b"\x2c", 13)
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    assert opened(data[:at] + data[at:-1] + frame * 100_000 + b";").frames == 100_001


def attempt(data: bytes) -> None:
    try:
        upload = opened(data)
    except BadPicture:
        return
    assert pixels(upload).size == (upload.width, upload.height)


@settings(max_examples=400, deadline=None)
@given(
    data=st.sampled_from(list(FILES.values())),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=12),
    cut=st.floats(0, 1),
    inserted=st.binary(max_size=12),
)
def test_damaged_file_is_opened_or_refused(
    data: bytes, changes: list[tuple[int, int]], cut: float, inserted: bytes
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    at = int(cut * len(damaged))
    attempt(bytes(damaged[:at] + inserted + damaged[at:]))


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 ", b"BM"]),
    rest=st.binary(max_size=400),
)
@example(start=b"GIF89a", rest=b"\0")
def test_any_bytes_are_opened_or_refused(start: bytes, rest: bytes) -> None:
    attempt(start + rest)


def test_uploads_are_told_apart_by_their_bytes_only_and_do_not_print_them() -> None:
    one, same, other = opened(FILES["png"]), opened(bytes(bytearray(FILES["png"]))), opened(FILES["rgba"])
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one == Upload(b"", one.digest, "gif", 1, 1, True, True, 9)
    assert "IHDR" not in repr(one)


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 300), height=st.integers(1, 300), mode=st.sampled_from(["L", "RGB", "RGBA"]), data=st.data()
)
@example(width=1, height=1, mode="L", data=None)
@example(width=70_000, height=3, mode="RGBA", data=None)
def test_written_png_holds_every_pixel(width: int, height: int, mode: str, data: Any) -> None:
    noise = Image.effect_noise((width, height), 90 if data is None else data.draw(st.integers(1, 120)))
    image = Image.merge("RGBA", (noise, noise.rotate(180), RAMP.resize(noise.size), noise)).convert(mode)
    read = Image.open(io.BytesIO(png(image)))
    assert (read.format, read.mode, read.size, read.tobytes()) == ("PNG", mode, image.size, image.tobytes())


SCREEN = b"GIF89a\x01\0\x01\0\0\0\0"
FRAME = b"\x2c\0\0\0\0\1\0\1\0\0\2\1\0\0"


@pytest.mark.parametrize(
    "blocks", [FRAME * 600_000, FRAME[:-3] + b"\1\0" * 600_000 + b"\0", b"\x21\xfe\1a\0" * 600_000, bytes(600_000)]
)
def test_a_gif_of_blocks_without_end_is_refused_before_it_is_decoded(
    blocks: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(BadPicture, match="gif of more than 500000 blocks"):
        opened(SCREEN + blocks + FRAME + b";")
