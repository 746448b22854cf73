"""Links that open one stored file for a few minutes, to whoever holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from openplatform.core import clock
from openplatform.core.errors import LinkExpired, NotFound
from openplatform.core.uploads.files import safe_filename
from openplatform.core.uploads.storage import NAME

SALT = "openplatform.core.uploads.links"  # what is signed elsewhere opens nothing here


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """What a link opens: a stored file, and how it is called when it is saved."""

    name: str
    filename: str


def signed_link(
    name: str, *, filename: str = "", now: datetime | None = None
) -> tuple[str, datetime]:
    """An address of a stored file, and until when it works: settings.FILE_LINK_SECONDS.

    Whoever may see the file is to be decided before; the link asks for no key. It is to be made
    anew for every answer, not kept.

    :param filename: what it is saved as; the random part of its name when left out.
    :raises ValueError: for a name that :func:`store_file` did not give.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a stored file")
    expires_at = (now or clock.now()) + timedelta(seconds=settings.FILE_LINK_SECONDS)
    expires_at = expires_at.astimezone(UTC).replace(microsecond=0)
    shown = safe_filename(filename) or name.rpartition("/")[2]
    token = Signer(salt=SALT).sign_object([name, shown, int(expires_at.timestamp())])
    return f"{settings.PUBLIC_URL}{reverse('file', args=[token])}", expires_at


def read_link(token: str) -> LinkedFile:
    """The file that a token opens.

    :raises NotFound: unless we signed it, for this.
    :raises LinkExpired: when its time is over.
    """
    try:
        name, filename, expires = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError) as error:
        raise NotFound from error
    if clock.now().timestamp() >= expires:
        raise LinkExpired
    return LinkedFile(name, filename)
