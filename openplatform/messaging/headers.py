"""Headers that a partner wants with its webhooks: checked, sealed, and never shown again.

Their values are credentials as often as not. Whoever reads an endpoint sees the names, and the
mask in place of each value; the mask sent back keeps the value that it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError, FieldInvalid, TooManyItems, type_of_text
from openplatform.core.sealing import SealBroken, seal, unseal

MASK = "********"
MAX_HEADERS = 20
MAX_NAME = 64  # characters
MAX_VALUE = 1024
SHOWN = 64  # characters of a name that is refused
# Of what RFC 9110 lets a name consist, that which every server takes; and a value that none reads
# as two lines, or trims.
NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}", re.ASCII)
VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
# What frames the message, steers the connection, or is ours to say.
RESERVED = frozenset(
    {
        "accept-encoding",
        "connection",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
RESERVED_BEGINNINGS = ("content-", "proxy-", "webhook-")


def list_header_faults(headers: Mapping[str, str], kept: Mapping[str, str]) -> list[DomainError]:
    """What is wrong with headers that are to replace those that are ``kept``."""
    if len(headers) > MAX_HEADERS:
        return [TooManyItems(pointer="/headers", maximum=MAX_HEADERS)]
    faults: list[DomainError] = []
    known = {name.lower() for name in kept}
    met: set[str] = set()
    for name, value in headers.items():
        if (fault := _fault_of(name, value, known, met)) is not None:
            shown = name[:SHOWN].replace("~", "~0").replace("/", "~1")
            faults.append(FieldInvalid(fault, pointer=f"/headers/{shown}"))
        met.add(name.lower())
    return faults


def merge_headers(headers: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """The headers, each with the value that was kept where the mask stands for it."""
    values = {name.lower(): value for name, value in kept.items()}
    return {
        name: values[name.lower()] if value == MASK and name.lower() in values else value
        for name, value in headers.items()
    }


def seal_headers(headers: Mapping[str, str]) -> bytes:
    """As they are stored; none are nothing."""
    return seal(orjson.dumps(dict(headers)).decode()) if headers else b""


def unseal_headers(sealed: bytes | memoryview) -> dict[str, str]:
    """What was sealed.

    :raises SealBroken: when this platform's keys do not open it.
    """
    text = unseal(sealed)
    headers: dict[str, str] = orjson.loads(text) if text else {}
    return headers


def masked_headers(sealed: bytes | memoryview) -> dict[str, str]:
    """The names, each with the mask. None when they cannot be opened: they are to be set anew."""
    try:
        return dict.fromkeys(unseal_headers(sealed), MASK)
    except SealBroken:
        return {}


def _fault_of(name: str, value: str, known: set[str], met: set[str]) -> type_of_text | None:
    lowered = name.lower()
    if not NAME.fullmatch(name):
        return _("A header's name is 1 to 64 letters, digits, hyphens and underscores")
    if lowered in RESERVED or lowered.startswith(RESERVED_BEGINNINGS):
        return _("This header is the platform's own")
    if lowered in met:
        return _("This header stands here twice; case does not count")
    if value == MASK and lowered not in known:
        return _("There is no value yet that could be kept")
    if len(value) > MAX_VALUE or not VALUE.fullmatch(value):
        return _(
            "A header's value is 1 to 1,024 visible ASCII characters, with blanks only between them"
        )
    return None
