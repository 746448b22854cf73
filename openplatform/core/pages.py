"""Django's middleware for pages (admin, docs), kept off the paths of the API and of files.

A partner's request, a signed link and a picture need no session, CSRF token, flash message or
static file; each of these costs time on the hottest path and could only answer in HTML.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import clickjacking, common, csrf, locale
from whitenoise import middleware as whitenoise

API_PREFIX = "/api/"
FILES_PREFIX = "/files/"
PICTURES_PREFIX = "/pictures/"


def is_api_path(path: str) -> bool:
    """Whether a path promises problem+json instead of pages: the API, links to files, pictures."""
    return path.startswith((API_PREFIX, FILES_PREFIX, PICTURES_PREFIX)) or path == API_PREFIX[:-1]


def mask_link(path: str) -> str:
    """A path as it may be logged: the token of a link to a file opens the file."""
    return f"{FILES_PREFIX}***" if path.startswith(FILES_PREFIX) else path


class _PagesOnly:
    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)  # type: ignore[call-arg] # the mixed-in one's
        # Django wraps each of us in its handler of exceptions; past a row of us it is one step.
        following = getattr(get_response, "__wrapped__", None)
        self.past_pages: Any = (
            following.past_pages if isinstance(following, _PagesOnly) else get_response
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api_path(request.path_info):
            response: HttpResponseBase = self.past_pages(request)
            return response
        return super().__call__(request)  # type: ignore[misc, no-any-return] # the mixed-in one


class StaticFilesMiddleware(_PagesOnly, whitenoise.WhiteNoiseMiddleware):
    """Static files."""


class SessionMiddleware(_PagesOnly, sessions.SessionMiddleware):
    """Sessions."""


class LocaleMiddleware(_PagesOnly, locale.LocaleMiddleware):
    """The language of pages."""


class CommonMiddleware(_PagesOnly, common.CommonMiddleware):
    """Slashes and content length."""


class CsrfViewMiddleware(_PagesOnly, csrf.CsrfViewMiddleware):
    """Forged forms."""


class AuthenticationMiddleware(_PagesOnly, auth.AuthenticationMiddleware):
    """Staff."""


class MessageMiddleware(_PagesOnly, messages.MessageMiddleware):
    """One-time notices."""


class XFrameOptionsMiddleware(_PagesOnly, clickjacking.XFrameOptionsMiddleware):
    """Framing."""
