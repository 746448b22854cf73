"""Files as answers."""

from __future__ import annotations

from typing import IO, Any

from django.http import FileResponse

from openplatform.core.uploads.files import MEDIA_TYPES


def answer_file(
    content: IO[Any], *, filename: str, extension: str, as_attachment: bool = True
) -> FileResponse:
    """A file, piece by piece, in a form that no browser takes for a page of ours, and that nothing
    on the way keeps.

    :param filename: under which it is saved.
    :param extension: that says what it is.
    """
    response = FileResponse(
        content,
        as_attachment=as_attachment,
        filename=filename,
        content_type=MEDIA_TYPES[extension],
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response
