"""Documents: PDF with its pages and nothing else; and whatever a proof may be, picture or PDF."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import structlog

from openplatform.core.errors import FileInvalid
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.picture_formats import format_of
from openplatform.core.uploads.pictures import clean_picture

log = structlog.get_logger(__name__)

MAX_PAGES = 50
PDF_START = b"%PDF-"
REWRITER = Path(__file__).with_name("pdf_rewriting.py")
REWRITES_WITHIN = 30.0  # seconds; of computing it is given ten


def clean_document(data: bytes, *, max_pages: int = MAX_PAGES) -> CleanFile:
    """A PDF with the same pages to look at, and without scripts, actions, forms, links and files.

    It is rewritten by a process of its own, which may use 768 MB and ten seconds.

    :raises FileInvalid: when it is no PDF, encrypted, broken, a bomb or over ``max_pages`` long.
    """
    if not data.startswith(PDF_START):
        raise FileInvalid(pointer="/file")
    try:
        done = subprocess.run(  # noqa: S603 - our own program; the data goes in by the pipe
            [sys.executable, "-I", str(REWRITER), str(max_pages)],
            input=data,
            capture_output=True,
            timeout=REWRITES_WITHIN,
            check=False,
            env={},  # no secret is there to be read
        )
    except subprocess.TimeoutExpired as error:
        raise FileInvalid(pointer="/file", max_pages=max_pages) from error
    if done.returncode or not done.stdout.startswith(PDF_START):
        log.info("document_refused", status=done.returncode)
        raise FileInvalid(pointer="/file", max_pages=max_pages)
    return CleanFile(done.stdout, "pdf")


def clean_file(data: bytes) -> CleanFile:
    """What :func:`clean_picture` or :func:`clean_document` makes of it, by its first bytes.

    :raises FileInvalid: when it is neither a picture nor a PDF.
    :raises ImageInvalid, ImageTooLarge: see :func:`clean_picture`.
    """
    if data.startswith(PDF_START):
        return clean_document(data)
    if format_of(data) is None:
        raise FileInvalid(pointer="/file")
    return clean_picture(data)
