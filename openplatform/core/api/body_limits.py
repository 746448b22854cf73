"""How large a body may be: JSON two megabytes, a form with a file what an upload may have."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

MULTIPART = "multipart/form-data"
UPLOAD_OVERHEAD = 64 * 1024  # bytes for the other fields of the form and the headers of its parts
_LARGE_UPLOADS: dict[str, int] = {}


def take_large_uploads(path: str, limit: int) -> None:
    """Let forms to this path of the API have a file of so many bytes, more than elsewhere.

    Its view says so, too, by the ``upload_limit`` of its parser, which reads them. Registered in an
    app's ``ready()``.
    """
    _LARGE_UPLOADS[path] = limit


def is_multipart(request: HttpRequest) -> bool:
    """Whether the body says that it is a form with files."""
    return request.content_type == MULTIPART


def body_limit(request: HttpRequest) -> int:
    """Bytes that are read of a body of this media type, at most.

    Views that take no uploads refuse a form by its media type and read nothing of it.
    """
    if is_multipart(request):
        limit = _LARGE_UPLOADS.get(request.path_info, int(settings.UPLOAD_LIMIT))
        return limit + UPLOAD_OVERHEAD
    return int(settings.API_BODY_LIMIT)
