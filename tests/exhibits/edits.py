"""Edits: what was given, what came back, and what a mask has to do with it."""

from __future__ import annotations

import io
from functools import cache

from faulty import CHEAP, TOKENS, asking, drawn, editing, exchange, pictures
from PIL import Image, ImageEnhance

from contract_tests.exchange import Exchange
from exhibits import breaks, faithful, silent

BOX = (128, 128, 384, 384)
USAGE = {**TOKENS, "input_tokens_details": {"image_tokens": 0, "text_tokens": 11}}


def _saved(image: Image.Image, format_: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, format_)
    return file.getvalue()


@cache
def _given() -> bytes:
    return _saved(Image.open(io.BytesIO(drawn(512, 512))).convert("RGB"))


@cache
def _mask() -> bytes:
    image = Image.new("RGBA", (512, 512), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), BOX)
    return _saved(image)


def _scaled(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB").resize((1024, 1024))


def _painted() -> Image.Image:
    image = _scaled(_given())
    image.paste((240, 90, 30), (BOX[0] * 2, BOX[1] * 2, BOX[2] * 2, BOX[3] * 2))
    return image


def _other() -> Image.Image:
    image = Image.linear_gradient("L").resize((1024, 1024)).convert("RGB")
    return Image.blend(image, Image.new("RGB", image.size, (255, 255, 255)), 0.3)


def _edited(result: Image.Image, mask: bytes | None = None, format_: str = "PNG") -> Exchange:
    return exchange(editing(_given(), mask, output_format=format_.lower()), pictures(_saved(result, format_)))


@breaks("edit.changed", "the one that was given")
def the_picture_that_was_given() -> Exchange:
    return _edited(_scaled(_given()))


@breaks("edit.kept", "a difference of")
def another_picture_altogether() -> Exchange:
    return _edited(_other(), _mask())


@breaks("edit.filled", "what was there before")
def nothing_new_in_the_hole() -> Exchange:
    return _edited(_scaled(_given()), _mask())


@breaks("edit.filled", "as if it were inverted", also=("edit.kept",))
def new_paint_only_where_a_mask_keeps() -> Exchange:
    hole = Image.open(io.BytesIO(_mask())).getchannel("A").resize((1024, 1024))
    return _edited(Image.composite(_other(), _scaled(_given()), hole), _mask())


@breaks("usage.reference", "0")
def an_edit_that_has_not_seen_the_picture() -> Exchange:
    return exchange(editing(_given()), pictures(_saved(_painted()), usage=USAGE))


@faithful
def an_edit_inside_its_mask() -> Exchange:
    return _edited(_painted(), _mask())


@faithful
def an_edit_drawn_anew_that_comes_near() -> Exchange:
    return _edited(ImageEnhance.Brightness(_painted()).enhance(1.1), _mask(), "JPEG")


@silent("edit.kept", "edit.filled")
@faithful
def an_edit_of_the_whole_picture() -> Exchange:
    counted = {
        **USAGE,
        "input_tokens_details": {"image_tokens": 194, "text_tokens": 11},
        "input_tokens": 205,
        "total_tokens": 477,
    }
    return exchange(editing(_given()), pictures(_saved(_other()), usage=counted))


@silent("edit.kept", "edit.filled")
@faithful
def an_edit_of_another_shape() -> Exchange:
    return exchange(editing(_given(), _mask(), size="1536x1024"), pictures(_saved(_other().resize((1536, 1024)))))


@silent("edit.changed", "edit.kept", "edit.filled", "usage.reference")
@faithful
def pictures_from_a_prompt_alone() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@breaks("edit.kept", "a difference of")
def new_paint_everywhere_in_spite_of_a_mask() -> Exchange:
    return _edited(Image.blend(_scaled(_given()), _other(), 0.4), _mask())
