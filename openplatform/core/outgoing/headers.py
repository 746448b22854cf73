"""Which headers can be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from openplatform.core.outgoing.faults import HeaderNotAllowed

NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
# They say where a request ends and how the connection goes on, which is ours to say.
OURS = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


def head_of(headers: Mapping[str, str]) -> str:
    """The lines of a request that say these headers.

    :raises HeaderNotAllowed: for a name or a value that cannot be sent, or a name that is ours.
    """
    for name, value in headers.items():
        if not is_sendable_name(name):
            raise HeaderNotAllowed(f"there is no header {name[:80]!r} that could be sent")
        if not VALUE.fullmatch(value):
            raise HeaderNotAllowed(f"the value of {name} has characters that cannot be sent")
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


@lru_cache(maxsize=1024)
def is_sendable_name(name: str) -> bool:
    """Whether a caller may name a header so."""
    return NAME.fullmatch(name) is not None and name.lower() not in OURS
