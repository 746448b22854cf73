"""Errors as RFC 9457 problem documents, for whatever goes wrong under ``/api/``."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.debug import sensitive_variables
from rest_framework import exceptions, status
from rest_framework.response import Response

from openplatform.core import errors
from openplatform.core.errors import DomainError
from openplatform.core.json_text import to_json
from openplatform.core.locking import sqlstate_of

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
IDLE_IN_TRANSACTION_TIMEOUT = "25P03"
BY_STATUS: dict[int, type[DomainError]] = {
    400: errors.BadRequest,
    401: errors.KeyMissing,
    403: errors.ScopeMissing,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    406: errors.NotAcceptable,
    413: errors.BodyTooLarge,
    415: errors.MediaTypeUnsupported,
    503: errors.TemporarilyUnavailable,
}


def problem_document(error: DomainError, request_id: str) -> dict[str, Any]:
    """The body of the answer; ``title`` and ``detail`` in the active language."""
    shown = error.first if isinstance(error, errors.Refusal) else error
    return {
        "type": f"{settings.PUBLIC_URL}/docs/errors/{shown.code}",
        "title": str(shown.title),
        "status": shown.status,
        "code": shown.code,
        "detail": str(shown.detail),
        "request_id": request_id,
        "errors": [
            {
                "pointer": fault.pointer,
                "code": fault.code,
                "detail": str(fault.detail),
                **fault.facts,
            }
            for fault in error.faults
        ],
    }


def problem_response(error: DomainError, request: HttpRequest) -> HttpResponse:
    """The whole answer, in the language that the request asks for."""
    with translation.override(language_of(request)):
        document = problem_document(error, getattr(request, "request_id", ""))
    response = HttpResponse(to_json(document), status=document["status"], content_type=MEDIA_TYPE)
    response["Content-Language"] = language_of(request)
    if document["status"] == status.HTTP_401_UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    shown = error.first if isinstance(error, errors.Refusal) else error
    if shown.retry_after is not None:
        response["Retry-After"] = str(shown.retry_after)
    return response


def language_of(request: HttpRequest) -> str:
    """The language that the request asks for, the platform's own when it asks for none of ours."""
    accepted = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    for tag in accepted.lower().split(","):
        language = tag.partition(";")[0].strip()
        if language.startswith("en"):
            return "en"
        if language.startswith("zh"):
            return "zh-hans"
    return settings.LANGUAGE_CODE


@sensitive_variables()
def handle_exception(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler: every known fault becomes a problem, the rest is a 500."""
    request = context["request"]._request
    known = as_domain_error(error)
    if known is None:
        log.error("unexpected_error", exc_info=error)
        known = errors.InternalError()
    response = problem_response(known, request)
    if isinstance(error, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def as_domain_error(error: Exception) -> DomainError | None:
    """What an exception means to a caller, or None when it means a bug."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, RequestDataTooBig):
        return errors.BodyTooLarge()
    if isinstance(error, TooManyFieldsSent):  # Django's bound; no operation takes 1,000
        return errors.FilterNotAllowed()
    if isinstance(error, Http404):
        return errors.NotFound()
    if isinstance(error, PermissionDenied):
        return errors.ScopeMissing()
    if isinstance(error, exceptions.APIException) and error.status_code in BY_STATUS:
        return BY_STATUS[error.status_code]()
    if isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, InternalError) and sqlstate_of(error) == IDLE_IN_TRANSACTION_TIMEOUT
    ):
        log.warning("database_unavailable", error=str(error))
        return errors.TemporarilyUnavailable()
    return None


def ensure_problem(response: HttpResponse | Response, request: HttpRequest) -> HttpResponse:
    """Turn whatever a framework answered into a problem, unless it is one already."""
    if response.status_code < status.HTTP_400_BAD_REQUEST or response.get(
        "Content-Type", ""
    ).startswith(MEDIA_TYPE):
        return response
    known = BY_STATUS.get(response.status_code)
    if known is None:
        is_ours = status.is_server_error(response.status_code)
        known = errors.InternalError if is_ours else errors.BadRequest
    problem = problem_response(known(), request)
    if response.has_header("Allow"):
        problem["Allow"] = response["Allow"]
    return problem
