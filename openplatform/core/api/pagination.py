"""Lists by keyset: an opaque, signed cursor that names the last row seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from django.conf import settings
from django.core import signing
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from openplatform.core.errors import CursorInvalid, FieldInvalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
PARAMETERS = frozenset({"limit", "cursor"})
PAGE_PARAMETERS = (
    OpenApiParameter("limit", int, description="1 to 100, 50 unless told"),
    OpenApiParameter("cursor", str, description="From the `next` of the page before"),
)

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page:
    """What a list request asks for: how many rows, and after which position (JSON values)."""

    limit: int
    after: list[Any] | None
    salt: str


def read_page(request: Request, *, order: str) -> Page:
    """The page asked for. ``order`` names the list and its order; a cursor fits only its own.

    :raises FieldInvalid: for a limit outside 1 to 100.
    :raises CursorInvalid: for a cursor that this list did not make.
    """
    salt = f"cursor:{request.path}:{order}"
    cursor = request.query_params.get("cursor")
    return Page(read_limit(request), None if cursor is None else _read(cursor, salt), salt)


def read_limit(request: Request) -> int:
    """:raises FieldInvalid: for a limit outside 1 to 100."""
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_LIMIT))
    if not (is_number and 1 <= int(text) <= MAX_LIMIT):
        raise FieldInvalid(pointer="?limit", minimum=1, maximum=MAX_LIMIT)
    return int(text)


def number_after(page: Page) -> int | None:
    """The number behind which the page begins, of a list whose position is one number.

    :raises CursorInvalid: when the cursor names something else.
    """
    match page.after:
        case None:
            return None
        case [int(number)]:
            return number
    raise CursorInvalid


def page_body(
    request: Request,
    page: Page,
    rows: Sequence[Row],
    *,
    position: Callable[[Row], list[Any]],
    show: Callable[[Row], dict[str, Any]],
) -> dict[str, Any]:
    """The body of the answer, for up to ``page.limit + 1`` rows: one more tells that it goes on."""
    shown = rows[: page.limit]
    following = None
    if len(rows) > page.limit:
        parameters = request.query_params.copy()
        parameters["cursor"] = _write(position(shown[-1]), page.salt)
        following = f"{settings.PUBLIC_URL}{request.path}?{parameters.urlencode()}"
    return {"results": [show(row) for row in shown], "next": following}


def _write(position: list[Any], salt: str) -> str:
    return signing.Signer(salt=salt).sign(signing.b64_encode(orjson.dumps(position)).decode())


def _read(cursor: str, salt: str) -> list[Any]:
    try:
        encoded = signing.Signer(salt=salt).unsign(cursor)
        value: list[Any] = orjson.loads(signing.b64_decode(encoded.encode()))
    except (signing.BadSignature, ValueError) as error:
        raise CursorInvalid from error
    return value
