"""Bodies that come in chunks, without a length announced."""

from __future__ import annotations

from io import BytesIO

from django.http import HttpRequest

from openplatform.core.api.body_limits import body_limit, is_multipart
from openplatform.core.errors import BodyTooLarge, MediaTypeUnsupported

PIECE = 64 * 1024


def read_chunked_body(request: HttpRequest, *, takes_uploads: bool = False) -> None:
    """Give a chunked body the length that Django goes by; without one it reads nothing at all.

    No more is read than it takes to see that the limit is passed; of a form with files nothing
    yet, its parser reads it piece by piece and stops at the limit. The server below has undone
    the chunks and ends the stream (``wsgi.input_terminated``); no other server is trusted to. To be
    called for callers who are known: a slow sender holds a thread while it sends.

    :raises BodyTooLarge: past the limit for bodies.
    :raises MediaTypeUnsupported: for a form with files where none are taken.
    """
    headers = request.META
    is_chunked = "HTTP_TRANSFER_ENCODING" in headers and not headers.get("CONTENT_LENGTH")
    if not (is_chunked and headers.get("wsgi.input_terminated")):
        return
    limit = body_limit(request)
    if is_multipart(request):
        if not takes_uploads:
            raise MediaTypeUnsupported
        headers["CONTENT_LENGTH"] = str(limit)  # what it may be at most; the parser looks for more
        request._stream = headers["wsgi.input"]
        return
    missing = limit + 1
    body = BytesIO()
    while missing and (piece := headers["wsgi.input"].read(min(missing, PIECE))):
        body.write(piece)
        missing -= len(piece)
    if not missing:
        raise BodyTooLarge(limit_bytes=limit)
    headers["CONTENT_LENGTH"] = str(body.tell())
    body.seek(0)
    request._stream = body  # where Django's request reads from
