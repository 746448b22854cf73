"""The outermost layer: request ids, one log line a request, problems for whatever escapes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation

from openplatform.core.api.body_limits import body_limit
from openplatform.core.api.client_address import address_of
from openplatform.core.api.problems import (
    as_domain_error,
    ensure_problem,
    language_of,
    problem_response,
)
from openplatform.core.errors import BadRequest, BodyTooLarge
from openplatform.core.identifiers import random_text
from openplatform.core.pages import is_api_path, mask_link

log = structlog.get_logger("request")

SANE_REQUEST_ID = re.compile(r"(?!op_)[A-Za-z0-9._-]{8,64}", re.ASCII)  # a key is none

# What Django turns into a page of its own, 403, 404 or 400; anything else is a 500.
ANSWERED_BY_DJANGO = (Http404, PermissionDenied, SuspiciousOperation)


class RequestMiddleware:
    """Gives every request an id, and every error under ``/api/`` the form of a problem."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.note_request: Callable[[str, int, float], None] | None = None
        if settings.METRICS_TOKEN:
            from openplatform.core.api.measuring import note_request

            self.note_request = note_request

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if SANE_REQUEST_ID.fullmatch(given) else random_text(20)
        request.request_id = request_id  # type: ignore[attr-defined] # read by problems and views
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            request_id=request_id, address=address_of(request) or None
        )
        is_api = is_api_path(request.path_info)
        response = self._answer(request) if is_api else self.get_response(request)
        response["X-Request-Id"] = request_id
        if not response.streaming and response.status_code != HTTPStatus.NOT_MODIFIED:
            response["Content-Length"] = str(len(response.content))
        if is_api and self.note_request is not None:
            operation = getattr(request, "operation", "")
            self.note_request(operation, response.status_code, time.perf_counter() - started)
        # The path without its query: a key sent there by mistake must not reach the log, nor may
        # a link that opens a file.
        log.info(
            "request",
            method=request.method,
            path=mask_link(request.path_info),
            status=response.status_code,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A refusal under ``/api/`` as a problem, before Django makes a page of the back office.

        What fails unforeseen on a page is logged here: Django's own log quotes paths with keys.
        """
        if not is_api_path(request.path_info):
            if not isinstance(error, ANSWERED_BY_DJANGO):
                log.error("unexpected_error", path=request.path_info, exc_info=error)
            return None
        known = as_domain_error(error)
        return None if known is None else problem_response(known, request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost:
            return problem_response(BadRequest(), request)
        limit = body_limit(request)
        if _announced_length(request) > limit:
            return problem_response(BodyTooLarge(limit_bytes=limit), request)
        # Texts of faults are made where they are found, not only where they are shown.
        with translation.override(language_of(request)):
            return ensure_problem(self.get_response(request), request)


def _announced_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0
