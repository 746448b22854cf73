"""Files as they come in and as they are kept."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property

# The media type of every kind of file that is ever stored or answered, by its extension.
MEDIA_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PICTURES = frozenset({"jpg", "png", "webp"})

MAX_FILENAME = 120  # characters; with the longest of UTF-8 it still fits into a header
# Controls, formatting characters (bidirectional ones, too), surrogates, private use, unassigned.
HIDDEN = ("C",)
FORBIDDEN_IN_FILENAMES = frozenset('<>:"|?*')


@dataclass(frozen=True)
class CleanFile:
    """A file that we made ourselves, if only out of one that was sent: safe to keep and to show."""

    content: bytes = field(repr=False)
    extension: str

    @property
    def media_type(self) -> str:
        """As it is answered."""
        return MEDIA_TYPES[self.extension]

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        """Of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class ReceivedFile:
    """A file just as it was sent, not to be kept, shown or believed.

    ``filename`` is what the sender calls it, made fit for display (see :func:`safe_filename`);
    it says nothing about the content. ``sha256`` stands for the file in the fingerprint of an
    Idempotency-Key.
    """

    content: bytes = field(repr=False)
    filename: str

    @cached_property
    def sha256(self) -> str:
        """Of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def safe_filename(text: str) -> str:
    """The last part of a path as a name that any system may save a file under; may be empty."""
    last = text.replace("\\", "/").rpartition("/")[2]
    visible = "".join(
        character
        for character in unicodedata.normalize("NFC", last)
        if not unicodedata.category(character).startswith(HIDDEN)
        and character not in FORBIDDEN_IN_FILENAMES
    )
    name = " ".join(visible.split()).strip(" .")
    stem, dot, extension = name.rpartition(".")
    if len(name) > MAX_FILENAME and dot and len(extension) <= len("xlsx"):
        return f"{stem[: MAX_FILENAME - len(extension) - 1]}.{extension}"
    return name[:MAX_FILENAME]
