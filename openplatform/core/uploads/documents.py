"""Documents: PDF with its pages and nothing else; and whatever a proof may be, picture or PDF."""

from __future__ import annotations

from pathlib import Path

import structlog
from django.conf import settings

from openplatform.core.errors import FileInvalid
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.limited_process import run_limited
from openplatform.core.uploads.pictures import clean_picture, picture_extension

log = structlog.get_logger(__name__)

MAX_PAGES = 50
PDF_START = b"%PDF-"
REWRITER = Path(__file__).with_name("pdf_rewriting.py")


def clean_document(data: bytes, *, max_pages: int = MAX_PAGES) -> CleanFile:
    """A PDF with the same pages to look at, and without scripts, actions, forms, links and files.

    It is rewritten by a process of its own, see :mod:`openplatform.core.uploads.limited_process`.

    :raises FileInvalid: when it is no PDF, encrypted, broken, over ``max_pages`` long, or a bomb:
        over settings.UPLOAD_LIMIT when it is unpacked.
    :raises TemporarilyUnavailable: while this web process is at another file.
    """
    if not data.startswith(PDF_START):
        raise FileInvalid(pointer="/file")
    limit = settings.UPLOAD_LIMIT
    status, content = run_limited(REWRITER, data, max_pages, limit=limit)
    if status or not content.startswith(PDF_START):
        log.info("document_refused", status=status)
        raise FileInvalid(pointer="/file", max_pages=max_pages, limit_bytes=limit)
    return CleanFile(content, "pdf")


def clean_file(data: bytes) -> CleanFile:
    """What :func:`clean_picture` or :func:`clean_document` makes of it, by its first bytes.

    :raises FileInvalid: when it is neither a picture nor a PDF.
    :raises ImageInvalid, ImageTooLarge: see :func:`clean_picture`.
    :raises TemporarilyUnavailable: while this web process is at another file.
    """
    if data.startswith(PDF_START):
        return clean_document(data)
    if picture_extension(data) is None:
        raise FileInvalid(pointer="/file")
    return clean_picture(data)
