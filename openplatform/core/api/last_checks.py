"""Checks that a request has to pass before its view acts: a nonce is new, a digest fits."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from django.http import HttpRequest

from openplatform.core.api.body_limits import body_limit
from openplatform.core.api.chunked import PIECE
from openplatform.core.errors import BodyTooLarge

BodyCheck = Callable[[bytes], None]


def has_body(request: HttpRequest) -> bool:
    """Whether the request announces a body: by its length, or in chunks."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length != "0" or "HTTP_TRANSFER_ENCODING" in request.META


def require_of_body(request: HttpRequest, check: BodyCheck) -> None:
    """Have the body checked once callers who may not call are refused, and before it is parsed."""
    request.body_check = check  # type: ignore[attr-defined] # read by run_body_check


def require_before_action(request: HttpRequest, check: Callable[[], None]) -> None:
    """Have something checked once callers who may not call, or too often, are refused."""
    request.last_check = check  # type: ignore[attr-defined] # read by run_last_check


def run_last_check(request: HttpRequest) -> None:
    """Run the check that was asked for, if any, and raise what it raises."""
    check: Callable[[], None] | None = getattr(request, "last_check", None)
    if check is not None:
        check()


def run_body_check(request: HttpRequest) -> None:
    """Read the body for the check that was asked for, if any; parsers then read it from memory.

    :raises BodyTooLarge: past the limit for bodies; and whatever the check raises.
    """
    check: BodyCheck | None = getattr(request, "body_check", None)
    if check is None:
        return
    limit = body_limit(request)
    body = bytearray()
    while len(body) <= limit and (piece := request._stream.read(PIECE)):
        body += piece
    if len(body) > limit:
        raise BodyTooLarge(limit_bytes=limit)
    whole = bytes(body)
    check(whole)
    request.META["CONTENT_LENGTH"] = str(len(whole))
    request._stream = BytesIO(whole)  # where Django's request reads from
