"""A picture in on standard input, its first frame encoded anew out on standard output.

With sides asked for, several pictures come out, each behind a head of its width, height and length:
those that fit into a square of a side and are smaller than the picture, then the picture itself.

Run by :mod:`openplatform.core.uploads.pictures` within the limits of
:mod:`openplatform.core.uploads.limited_process`, because pictures are made that keep a decoder
busy for minutes. Ending in any way but 0 and the three below, it found the picture broken.
"""

from __future__ import annotations

import struct
import sys
import warnings
from contextlib import suppress
from io import BytesIO

from PIL import Image, ImageOps

TOO_MANY_PIXELS = 3  # exit statuses
TOO_MANY_FRAMES = 4
TOO_MANY_BYTES = 5

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
HEAD = struct.Struct(">III")
MAX_STORED_SIDE = 4_000
QUALITY = 88
# Half the time of what is usual, for files a tenth larger.
PNG_EFFORT = 3
WEBP_EFFORT = 2

# Broken metadata does not make a broken picture.
BROKEN_EXIF = (
    OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError,
    struct.error,
)  # fmt: skip


def encode_anew(opened: Image.Image, limit: int) -> bytes:
    """The first frame upright, no side longer than 4,000 pixels, and nothing but its pixels.

    A PNG that would be over ``limit`` bytes, of a photo, becomes a WebP.
    """
    kind = opened.format or ""
    return _encode(_bare_pixels(opened), kind, limit)


def encode_in_sizes(opened: Image.Image, sides: list[int], limit: int) -> list[bytes]:
    """The same, smaller ones before it: each with its head."""
    kind = opened.format or ""
    picture = _bare_pixels(opened)
    written = []
    for side in sorted(sides):
        if side < max(picture.size):  # never enlarged
            smaller = picture.copy()
            smaller.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
            written.append(_with_head(smaller, _encode(smaller, kind, limit)))
    return [*written, _with_head(picture, _encode(picture, kind, limit))]


def _with_head(picture: Image.Image, content: bytes) -> bytes:
    return HEAD.pack(*picture.size, len(content)) + content


def _bare_pixels(opened: Image.Image) -> Image.Image:
    is_jpeg = opened.format in {"JPEG", "MPO"}
    if is_jpeg:  # decoded at the size wanted, a fraction of the memory
        opened.draft(None, (MAX_STORED_SIDE, MAX_STORED_SIDE))
    opened.load()
    mode = "RGB" if is_jpeg else _plain_mode(opened)
    picture: Image.Image = opened
    if picture.mode == "I;16":  # converting would cut it off at 255
        picture = picture.point(lambda value: value / 256)
    if picture.mode != mode:
        picture = picture.convert(mode)
    picture.thumbnail((MAX_STORED_SIDE, MAX_STORED_SIDE), reducing_gap=2.0)
    with suppress(*BROKEN_EXIF):
        ImageOps.exif_transpose(picture, in_place=True)
    picture.info = {}  # encoders take comments and profiles from here
    return picture


def _encode(picture: Image.Image, kind: str, limit: int) -> bytes:
    out = BytesIO()
    if kind in {"JPEG", "MPO"}:
        picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    elif kind == "WEBP":
        picture.save(out, "WEBP", quality=QUALITY, method=WEBP_EFFORT)
    else:
        picture.save(out, "PNG", compress_level=PNG_EFFORT)
        if out.tell() > limit:
            out = BytesIO()
            picture.save(out, "WEBP", quality=QUALITY, method=WEBP_EFFORT)
    return out.getvalue()


def _plain_mode(picture: Image.Image) -> str:
    if picture.has_transparency_data:
        return "RGBA"
    return "L" if picture.mode in {"1", "L", "I;16", "I"} else "RGB"


def main() -> int:
    """The arguments are the most pixels, the longest side, the most frames, the sides of smaller
    ones if any, and the most bytes of all together."""
    max_pixels, max_side, max_frames, *sides, limit = map(int, sys.argv[1:])
    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(BytesIO(sys.stdin.buffer.read()), formats=FORMATS) as opened:
            # Only heads of the file and of its frames have been read, nothing decoded.
            if max(opened.size) > max_side:
                return TOO_MANY_PIXELS
            if getattr(opened, "n_frames", 1) > max_frames:
                return TOO_MANY_FRAMES
            if sides:
                content = b"".join(encode_in_sizes(opened, sides, limit // 2))
            else:
                content = encode_anew(opened, limit)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return TOO_MANY_PIXELS
    if len(content) > limit:
        return TOO_MANY_BYTES
    sys.stdout.buffer.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
