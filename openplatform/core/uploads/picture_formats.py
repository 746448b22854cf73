"""Pictures taken apart without decoding them.

Each ``strip_*`` walks the parts of one format and gives back a file of the same picture with only
the parts that its pixels need. It counts frames and scans on the way, in time linear to the size.
What is left out (comments, profiles, private and trailing parts, all frames but the first) is what
decoders were made to spend minutes and gigabytes on.

Sources: ITU T.81 (JPEG), W3C PNG third edition, GIF89a, RFC 9649 (WebP).
"""

from __future__ import annotations

import re
import struct

from openplatform.core.errors import ImageInvalid, ImageTooLarge

MAX_FRAMES = 200
MAX_PARTS = 50_000  # chunks or segments; the most found in honest pictures is a few thousand
MAX_SCANS = 100  # a progressive JPEG has about ten, and each goes over all of its pixels

JPEG_START = b"\xff\xd8"
PNG_START = b"\x89PNG\r\n\x1a\n"
GIF_START = (b"GIF87a", b"GIF89a")

_JPEG_SOS, _JPEG_EOI, _JPEG_APP1 = 0xDA, 0xD9, 0xE1
# APP0 says JFIF, APP14 how Adobe encodes colours; frame headers, tables and restarts.
_JPEG_KEPT = frozenset({0xE0, 0xEE, 0xDB, 0xC4, 0xDD, 0xCC, *range(0xC0, 0xC4), *range(0xC5, 0xCC)})
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # that ends entropy-coded data
_JPEG_EXIF = b"Exif\x00\x00"

_PNG_KEPT_ONCE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf"})

_GIF_FRAME, _GIF_EXTENSION, _GIF_TRAILER = 0x2C, 0x21, 0x3B
_GIF_CONTROL = b"\xf9"  # says which colour is transparent
_GIF_CONTROL_SIZE = 8


def format_of(data: bytes) -> str | None:
    """``JPEG``, ``PNG``, ``GIF`` or ``WEBP`` by the first bytes; None for anything else."""
    if data.startswith(JPEG_START):
        return "JPEG"
    if data.startswith(PNG_START):
        return "PNG"
    if data.startswith(GIF_START):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def strip_jpeg(data: bytes) -> bytes:
    """Up to the first end of image; of the metadata only Exif, which says what is up.

    :raises ImageInvalid: when it breaks off or has more scans than any honest picture.
    """
    kept = [JPEG_START]
    position, scans, has_exif = 2, 0, False
    for _ in range(MAX_PARTS):
        while data[position : position + 2] == b"\xff\xff":  # fill bytes
            position += 1
        if data[position : position + 1] != b"\xff":
            break
        marker = data[position + 1] if position + 1 < len(data) else 0
        if marker == _JPEG_EOI:
            return b"".join([*kept, b"\xff\xd9"])
        length = int.from_bytes(data[position + 2 : position + 4])
        end = position + 2 + length
        if length < 2 or end > len(data):  # noqa: PLR2004 - the length counts itself
            break
        if marker == _JPEG_SOS:
            scans += 1
            if scans > MAX_SCANS:
                break
            following = _JPEG_MARKER.search(data, end)
            if following is None:
                break
            end = following.start()
            kept.append(data[position:end])
        elif marker in _JPEG_KEPT:
            kept.append(data[position:end])
        elif marker == _JPEG_APP1 and not has_exif and data.startswith(_JPEG_EXIF, position + 4):
            has_exif = True
            kept.append(data[position:end])
        position = end
    raise ImageInvalid(pointer="/file")


def strip_png(data: bytes) -> bytes:
    """Header, palette, transparency, pixels, and of the metadata only Exif.

    :raises ImageInvalid: when it breaks off.
    :raises ImageTooLarge: when it announces more frames than are taken.
    """
    kept = [PNG_START]
    seen: set[bytes] = set()
    position = len(PNG_START)
    for _ in range(MAX_PARTS):
        if position + 12 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length  # length, kind, content, checksum
        if end > len(data):
            break
        if kind == b"acTL" and length >= 4:  # noqa: PLR2004 - the number of frames
            _require_few_frames(int.from_bytes(data[position + 8 : position + 12]))
        if kind == b"IDAT" or (kind in _PNG_KEPT_ONCE and kind not in seen):
            kept.append(data[position:end])
            seen.add(kind)
        if kind == b"IEND":
            return b"".join([*kept, data[position:end]])
        position = end
    raise ImageInvalid(pointer="/file")


def strip_gif(data: bytes) -> bytes:
    """The first frame.

    :raises ImageInvalid: when it breaks off before the first frame ends.
    :raises ImageTooLarge: when more frames follow than are taken.
    """
    position = 13 + _gif_colours(data, 10)
    head, control, first, frames = data[:position], b"", b"", 0
    for _ in range(MAX_PARTS):
        kind = data[position] if position < len(data) else _GIF_TRAILER
        begins = position
        if kind == _GIF_EXTENSION:
            position = _gif_blocks_end(data, begins + 2)
            is_control = data[begins + 1 : begins + 2] == _GIF_CONTROL
            if not frames and is_control and position - begins == _GIF_CONTROL_SIZE:
                control = data[begins:position]
        elif kind == _GIF_FRAME:
            frames += 1
            _require_few_frames(frames)
            colours = _gif_colours(data, begins + 9)
            position = _gif_blocks_end(data, begins + 11 + colours)
            if frames == 1 and position > 0:
                first = data[begins:position]
        else:
            break  # the trailer, or nothing of the format's
        if position < 0:
            break
    if not first:
        raise ImageInvalid(pointer="/file")
    return b"".join([head, control, first, bytes([_GIF_TRAILER])])


def _gif_colours(data: bytes, position: int) -> int:
    """The bytes of the colour table that the flags at a position tell of."""
    flags = data[position] if position < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, position: int) -> int:
    """Where a chain of blocks ends, each led by its length; -1 when it breaks off."""
    size = len(data)
    while position < size:
        length = data[position]
        position += length + 1
        if not length:
            return position
    return -1


def strip_webp(data: bytes) -> tuple[bytes, int, int]:
    """Without what follows its end; width and height, because opening it reserves them.

    :raises ImageInvalid: when it breaks off or has no picture.
    :raises ImageTooLarge: when it has more frames than are taken.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ImageInvalid(pointer="/file")
    position, frames = 12, 0
    size: tuple[int, int] | None = None
    for _ in range(MAX_PARTS):
        if position + 8 > end:
            break
        kind = data[position : position + 4]
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        content = data[position + 8 : position + 8 + min(length, 10)]
        if kind == b"ANMF":
            frames += 1
            _require_few_frames(frames)
        if size is None:
            size = _webp_size(kind, content)
        position += 8 + length + length % 2
    else:
        raise ImageInvalid(pointer="/file")
    if size is None:
        raise ImageInvalid(pointer="/file")
    return data[:end], *size


def _webp_size(kind: bytes, content: bytes) -> tuple[int, int] | None:
    if len(content) < 10:  # noqa: PLR2004 - all three begin with at least as much
        return None
    if kind == b"VP8X":
        return (
            int.from_bytes(content[4:7], "little") + 1,
            int.from_bytes(content[7:10], "little") + 1,
        )
    if kind == b"VP8L":
        bits = int.from_bytes(content[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return (
            int.from_bytes(content[6:8], "little") & 0x3FFF,
            int.from_bytes(content[8:10], "little") & 0x3FFF,
        )
    return None


def _require_few_frames(frames: int) -> None:
    if frames > MAX_FRAMES:
        raise ImageTooLarge(pointer="/file", max_frames=MAX_FRAMES)
