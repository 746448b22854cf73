"""How large a body may be: JSON two megabytes, a form with a file what an upload may have."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

MULTIPART = "multipart/form-data"
UPLOAD_OVERHEAD = 64 * 1024  # bytes for the other fields of the form and the headers of its parts


def is_multipart(request: HttpRequest) -> bool:
    """Whether the body says that it is a form with files."""
    return request.content_type == MULTIPART


def body_limit(request: HttpRequest) -> int:
    """Bytes that are read of a body of this media type, at most.

    Views that take no uploads refuse a form by its media type and read nothing of it.
    """
    if is_multipart(request):
        return int(settings.UPLOAD_LIMIT) + UPLOAD_OVERHEAD
    return int(settings.API_BODY_LIMIT)
