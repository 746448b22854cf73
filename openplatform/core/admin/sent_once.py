"""Forms that may be sent once: their answer shows what is never shown again.

A browser that reloads such an answer sends the form once more. Each form carries a token, and who
sends one that was sent before is led to what the first one made. A token that was sent is kept as
a session of its own: keys of sessions are unique, which tells apart two requests at the same
moment, too, by a double click; and they expire.
"""

from __future__ import annotations

import re

from django.contrib.sessions.backends.base import CreateError, SessionBase
from django.http import HttpRequest
from django.utils.crypto import get_random_string

FIELD = "sent_once"
PREFIX = "once-"  # no key of a session looks like that
LEADS_TO = "leads_to"
TOKEN = re.compile(r"[A-Za-z0-9]{32}")


def new_token() -> str:
    """For the field of a form that is shown."""
    return get_random_string(32)


class SentForm:
    """The form that a request brings. One without a token of ours counts as never sent before."""

    def __init__(self, request: HttpRequest) -> None:
        token = request.POST.get(FIELD, "")
        self._store: SessionBase | None = None
        if TOKEN.fullmatch(token):
            self._store = type(request.session)(PREFIX + token)

    def claim(self) -> bool:
        """Whether it is sent for the first time; from now on it is not."""
        if self._store is None:
            return True
        try:
            self._store.save(must_create=True)
        except CreateError:
            return False
        return True

    def release(self) -> None:
        """It did nothing, and may be sent again."""
        if self._store is not None:
            self._store.delete()

    def note_made(self, url: str) -> None:
        """Where whoever sends it again is led."""
        if self._store is not None:
            self._store[LEADS_TO] = url
            self._store.save()

    def find_made(self) -> str | None:
        """The address that was noted; None when the first one is not done yet."""
        if self._store is None:
            return None
        first = type(self._store)(self._store.session_key)  # ours has read nothing
        url: str | None = first.get(LEADS_TO)
        return url
