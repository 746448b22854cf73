"""Files that merchants send as proof."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def make_png(colour: str = "navy") -> bytes:
    """A small picture."""
    file = BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()
