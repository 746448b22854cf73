"""Pictures: known by their content, bounded before decoding, encoded anew."""

from __future__ import annotations

import re
import struct
import warnings
from io import BytesIO
from threading import Lock

from PIL import ExifTags, Image

from openplatform.core.errors import ImageInvalid, ImageTooLarge
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.picture_formats import (
    format_of,
    strip_gif,
    strip_jpeg,
    strip_png,
    strip_webp,
)

MAX_PIXELS = 40_000_000
MAX_SIDE = 10_000
MAX_STORED_SIDE = 4_000
JPEG_QUALITY = 88

# A picture that a browser or a mail program might take for a page. What is stored has no such text
# in any case; a sender who puts it there is up to something.
MARKUP = re.compile(rb"<\s*(!doctype|html|head|body|script|svg|iframe|object|embed)\b", re.I)
# What Pillow's decoders raise over broken files.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    struct.error,
    UserWarning,  # where warnings are errors, as in tests
)
TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
UPRIGHT = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}

warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of broken metadata
_decoding = Lock()  # the largest takes about 200 MB while it is decoded; one at a time


def clean_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> CleanFile:
    """The first frame of a JPEG, PNG, WebP or GIF as a new JPEG, PNG or WebP of our own.

    Turned upright as Exif tells, no side longer than 4,000 pixels, and without metadata, colour
    profiles, places, other frames and whatever followed the end. A GIF becomes a PNG.

    :raises ImageInvalid: when it is nothing of these, broken, or markup as well.
    :raises ImageTooLarge: before decoding, over ``max_pixels``, 10,000 pixels a side or 200 frames.
    """
    kind = format_of(data)
    if kind is None or MARKUP.search(data):
        raise ImageInvalid(pointer="/file")
    if kind == "WEBP":
        bare, width, height = strip_webp(data)
        _require_bounds(width, height, max_pixels)
    else:
        bare = {"JPEG": strip_jpeg, "PNG": strip_png, "GIF": strip_gif}[kind](data)
    with _decoding:
        try:
            return _encode_anew(bare, kind, max_pixels)
        except TOO_LARGE as error:  # Pillow's own bounds, twice ours and more
            raise _too_large(max_pixels) from error
        except BROKEN as error:
            raise ImageInvalid(pointer="/file") from error


def _require_bounds(width: int, height: int, max_pixels: int) -> None:
    if not width or not height:
        raise ImageInvalid(pointer="/file")
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise _too_large(max_pixels)


def _too_large(max_pixels: int) -> ImageTooLarge:
    return ImageTooLarge(pointer="/file", max_pixels=max_pixels, max_side=MAX_SIDE)


def _encode_anew(bare: bytes, kind: str, max_pixels: int) -> CleanFile:
    with Image.open(BytesIO(bare), formats=[kind]) as opened:  # reads the header only
        _require_bounds(*opened.size, max_pixels)
        turns = UPRIGHT.get(_orientation_of(opened), ())
        if kind == "JPEG":  # decoded at the size wanted, a fraction of the memory
            opened.draft(None, (MAX_STORED_SIDE, MAX_STORED_SIDE))
        opened.load()
        mode = "RGB" if kind == "JPEG" else _plain_mode(opened)
        picture: Image.Image = opened
        if picture.mode == "I;16":  # converting would cut it off at 255
            picture = picture.point(lambda value: value / 256)
        if picture.mode != mode:
            picture = picture.convert(mode)
        picture.thumbnail((MAX_STORED_SIDE, MAX_STORED_SIDE), reducing_gap=2.0)
        for turn in turns:
            picture = picture.transpose(turn)
    picture.info = {}  # encoders take comments and profiles from here
    out = BytesIO()
    if kind == "JPEG":
        picture.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
        return CleanFile(out.getvalue(), "jpg")
    if kind == "WEBP":
        picture.save(out, "WEBP", quality=JPEG_QUALITY)
        return CleanFile(out.getvalue(), "webp")
    picture.save(out, "PNG")
    return CleanFile(out.getvalue(), "png")


def _plain_mode(picture: Image.Image) -> str:
    if picture.has_transparency_data:
        return "RGBA"
    return "L" if picture.mode in {"1", "L", "I;16", "I"} else "RGB"


def _orientation_of(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except BROKEN:  # as if it had none: broken metadata does not make a broken picture
        return 1
