"""Pictures: known by their content, bounded before decoding, encoded anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from openplatform.core.errors import ImageInvalid, ImageTooLarge
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.limited_process import run_limited
from openplatform.core.uploads.picture_rewriting import (
    HEAD,
    TOO_MANY_BYTES,
    TOO_MANY_FRAMES,
    TOO_MANY_PIXELS,
)

log = structlog.get_logger(__name__)

MAX_PIXELS = 40_000_000
MAX_SIDE = 10_000
MAX_FRAMES = 200
REWRITER = Path(__file__).with_name("picture_rewriting.py")

STARTS = {
    "jpg": re.compile(rb"\xff\xd8\xff"),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "gif": re.compile(rb"GIF8[79]a"),
    "webp": re.compile(rb"RIFF....WEBP", re.S),
}
# A picture that a browser or a mail program might take for a page. What is stored has no such text
# in any case; a sender who puts it there is up to something. Programs look for it where a file
# begins, and it is put behind the end; between are pixels, and in ten megabytes of them any few
# letters turn up by chance.
MARKUP = re.compile(rb"<[\s/]*(!doctype|html|head|body|script|svg|iframe|object|embed)[\s/>]", re.I)
LOOKED_AT = 4096  # bytes at either end


def picture_extension(data: bytes) -> str | None:
    """``jpg``, ``png``, ``gif`` or ``webp`` by the first bytes; None for anything else."""
    return next((name for name, start in STARTS.items() if start.match(data)), None)


@dataclass(frozen=True)
class SizedPicture:
    """A clean picture, and how large it is in pixels."""

    file: CleanFile
    width: int
    height: int


def clean_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> CleanFile:
    """The first frame of a JPEG, PNG, WebP or GIF as a new JPEG, PNG or WebP of our own.

    Turned upright as Exif tells, no side longer than 4,000 pixels, and without metadata, colour
    profiles, places, other frames and whatever followed the end. A GIF becomes a PNG, and
    a PNG that would be too large a WebP. It is made by a process of its own, see
    :mod:`openplatform.core.uploads.limited_process`.

    :raises ImageInvalid: when it is nothing of these, broken, a bomb, over settings.UPLOAD_LIMIT
        when it is encoded anew, or markup as well at its beginning or end.
    :raises TemporarilyUnavailable: while this web process is at another file.
    :raises ImageTooLarge: before decoding, over ``max_pixels``, 10,000 pixels a side or 200 frames.
    """
    limit = settings.UPLOAD_LIMIT
    return _as_clean(_rewrite(data, max_pixels, (), limit), limit)


def clean_picture_in_sizes(
    data: bytes, *, sides: Sequence[int], max_pixels: int = MAX_PIXELS
) -> list[SizedPicture]:
    """What :func:`clean_picture` makes of it, the last of the list, and smaller ones before it.

    All are made by the same process, from pixels that are decoded once.

    :param sides: the smaller ones fit into squares of these, in pixels; a side that is not less
        than the picture's longer one gives none, so nothing is enlarged.
    :raises ImageInvalid, ImageTooLarge, TemporarilyUnavailable: see :func:`clean_picture`.
    """
    limit = settings.UPLOAD_LIMIT
    rest = _rewrite(data, max_pixels, sides, 2 * limit)
    pictures = []
    while rest:
        if len(rest) < HEAD.size:
            raise ImageInvalid(pointer="/file")
        width, height, length = HEAD.unpack_from(rest)
        content, rest = rest[HEAD.size : HEAD.size + length], rest[HEAD.size + length :]
        pictures.append(SizedPicture(_as_clean(content, limit), width, height))
    return pictures


def _rewrite(data: bytes, max_pixels: int, sides: Sequence[int], limit: int) -> bytes:
    if picture_extension(data) is None or _is_markup(data):
        raise ImageInvalid(pointer="/file")
    bounds = (max_pixels, MAX_SIDE, MAX_FRAMES)
    status, content = run_limited(REWRITER, data, *bounds, *sides, limit=limit)
    if status == TOO_MANY_PIXELS:
        raise ImageTooLarge(pointer="/file", max_pixels=max_pixels, max_side=MAX_SIDE)
    if status == TOO_MANY_FRAMES:
        raise ImageTooLarge(pointer="/file", max_frames=MAX_FRAMES)
    if status == TOO_MANY_BYTES:
        raise ImageInvalid(pointer="/file", limit_bytes=settings.UPLOAD_LIMIT)
    if status or not content:
        log.info("picture_refused", status=status)
        raise ImageInvalid(pointer="/file")
    return content


def _as_clean(content: bytes, limit: int) -> CleanFile:
    extension = picture_extension(content)
    if extension is None:
        raise ImageInvalid(pointer="/file")
    if len(content) > limit:
        raise ImageInvalid(pointer="/file", limit_bytes=limit)
    return CleanFile(content, extension)


def _is_markup(data: bytes) -> bool:
    return any(MARKUP.search(part) for part in (data[:LOOKED_AT], data[-LOOKED_AT:]))
