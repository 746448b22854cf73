"""Files over HTTP: negotiated, streamed, and not sent again to who has them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from openplatform.core.api.negotiation import JSONNegotiation
from openplatform.core.api.problems import language_of
from openplatform.core.api.renderers import JSONRenderer
from openplatform.core.errors import FieldInvalid, NotAcceptable, NotFound
from openplatform.core.uploads.files import MEDIA_TYPES
from reconciliation.models import StatementFile

log = structlog.get_logger(__name__)

# Caches ask again each time, so that a revoked key counts at once.
CACHE_CONTROL = "private, no-cache"
XLSX = MEDIA_TYPES["xlsx"]
PDF = MEDIA_TYPES["pdf"]
CSV = "text/csv"
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="ETag of the copy at hand"
)
NOT_MODIFIED = OpenApiResponse(description="The copy named by If-None-Match is still good")
LANGUAGE = OpenApiParameter(
    "language",
    str,
    enum=StatementFile.Language.values,
    description="By `Accept-Language` when left out",
)


class CsvRenderer(JSONRenderer):
    """A file is not rendered; this is the media type by which it is asked for."""

    media_type = CSV
    format = "csv"


class XlsxRenderer(JSONRenderer):
    """The same of a spreadsheet."""

    media_type = XLSX
    format = "xlsx"


class PdfRenderer(JSONRenderer):
    """The same of a document for people."""

    media_type = PDF
    format = "pdf"


class FileNegotiation(JSONNegotiation):
    """The format that ``?format=`` names, if ``Accept`` covers it; without it, the first that
    ``Accept`` covers.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """:raises NotAcceptable: when ``Accept`` leaves all of them out."""
        offered = list(renderers)
        asked = request.query_params.get("format")
        named = [renderer for renderer in offered if renderer.format == asked]
        for renderer in named or offered:
            try:
                return super().select_renderer(request, [renderer], format_suffix)
            except NotAcceptable:
                continue
        raise NotAcceptable


def read_format(request: Request) -> str:
    """The format asked for by name, or that of the media type that was negotiated.

    :raises FieldInvalid: for one that statements do not come in.
    """
    negotiated = str(request.accepted_renderer.format)
    return _read_choice(request, "format", StatementFile.Format.values, negotiated)


def read_language(request: Request) -> str:
    """The language asked for by name, or that of the answer.

    :raises FieldInvalid: for one that files do not come in.
    """
    spoken = language_of(request._request)
    return _read_choice(request, "language", StatementFile.Language.values, spoken)


def _read_choice(request: Request, name: str, allowed: list[str], otherwise: str) -> str:
    value = request.query_params.get(name, otherwise)
    if value not in allowed:
        raise FieldInvalid(pointer=f"?{name}", allowed=allowed)
    return value


def not_modified(request: Request, sha256: str) -> HttpResponseBase | None:
    """The 304, when ``If-None-Match`` names the file with this digest."""
    response: HttpResponse | None = get_conditional_response(request._request, etag=_etag(sha256))
    if response is not None:
        response["ETag"] = _etag(sha256)
        response["Cache-Control"] = CACHE_CONTROL
    return response


def answer_stored(name: str, *, filename: str, sha256: str) -> FileResponse:
    """A stored file, piece by piece, to be saved under a name.

    :raises NotFound: when it is gone.
    """
    try:
        file = default_storage.open(name)
    except FileNotFoundError as error:
        log.error("stored_file_missing", name=name)
        raise NotFound from error
    return as_download(
        FileResponse(
            file,
            as_attachment=True,
            filename=filename,
            content_type=MEDIA_TYPES[name.rpartition(".")[2]],
        ),
        sha256=sha256,
    )


def answer_made(make: Callable[[Path], object], *, filename: str) -> FileResponse:
    """A file that is made for this answer alone: on this host's disk, gone once it is sent."""
    with tempfile.TemporaryDirectory(prefix="answer-") as folder:
        path = Path(folder) / filename
        make(path)
        content = path.open("rb")  # what is open stays readable without its name
    return as_download(
        FileResponse(
            content,
            as_attachment=True,
            filename=filename,
            content_type=MEDIA_TYPES[path.suffix.removeprefix(".")],
        )
    )


def as_download(response: FileResponse, *, sha256: str | None = None) -> FileResponse:
    """The answer in a form that no browser takes for a page of ours."""
    if sha256 is not None:
        response["ETag"] = _etag(sha256)
    response["Cache-Control"] = CACHE_CONTROL
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _etag(sha256: str) -> str:
    return f'"{sha256}"'
