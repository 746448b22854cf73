"""Refusals of the domain: each has a code, an HTTP status and facts that a program can use.

An app declares its errors as subclasses in its own ``errors`` module; the declaration registers
the code, and with it the page at ``/docs/errors/<code>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

type_of_text = str | Promise


class DomainError(Exception):
    """One fault.

    :param detail: what happened here, for people; the title of the code when left out.
    :param pointer: JSON pointer to the part of the request at fault (``/items/0/sku``), ``?name``
        for a query parameter, empty for the request as a whole.
    :param facts: JSON values beside the code (``current_price``, ``minimum``); never a stock
        number.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[type_of_text]
    retry_after: int | None = None  # seconds; of the code, or of one fault

    def __init__(
        self, detail: type_of_text | None = None, *, pointer: str = "", **facts: Any
    ) -> None:
        super().__init__(str(detail or self.code))
        self.detail = detail or self.title
        self.pointer = pointer
        self.facts = facts

    @property
    def faults(self) -> Sequence[DomainError]:
        """What the ``errors`` list of the answer shows; empty when there is nothing to add."""
        return [self] if self.pointer or self.facts else []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" in cls.__dict__:
            known = CODES.setdefault(cls.code, cls)
            if known is not cls:
                raise TypeError(f"{cls.code} is declared by {known} and by {cls}")


CODES: dict[str, type[DomainError]] = {}


class Refusal(DomainError):
    """All faults of one stage at once; the first one gives code and status."""

    def __init__(self, faults: Sequence[DomainError]) -> None:
        first = faults[0]
        super().__init__(first.detail)
        self.first = first
        self._faults = faults

    @property
    def faults(self) -> Sequence[DomainError]:
        return self._faults


def refuse_if(faults: Sequence[DomainError]) -> None:
    """:raises Refusal: when there is any fault."""
    if faults:
        raise Refusal(faults)


# 400


class JsonInvalid(DomainError):
    code = "json_invalid"
    status = 400
    title = _("The body is not valid JSON")


class JsonTooDeep(DomainError):
    code = "json_too_deep"
    status = 400
    title = _("The JSON is nested too deep")


class JsonDuplicateKey(DomainError):
    code = "json_duplicate_key"
    status = 400
    title = _("The JSON has the same key twice in one object")


class FilterNotAllowed(DomainError):
    code = "filter_not_allowed"
    status = 400
    title = _("This query parameter is not known here")


class CursorInvalid(DomainError):
    code = "cursor_invalid"
    status = 400
    title = _("The cursor was not made by this list")


class BadRequest(DomainError):
    code = "bad_request"
    status = 400
    title = _("The request cannot be read")


# 401, 403


class KeyMissing(DomainError):
    code = "key_missing"
    status = 401
    title = _("No API key was sent")


class KeyInvalid(DomainError):
    code = "key_invalid"
    status = 401
    title = _("The API key is not known")


class SignatureMissing(DomainError):
    code = "signature_missing"
    status = 401
    title = _("Only signed requests are taken here")


class SignatureInvalid(DomainError):
    code = "signature_invalid"
    status = 401
    title = _("The signature of the request does not hold")


class ScopeMissing(DomainError):
    code = "scope_missing"
    status = 403
    title = _("The API key does not open this interface")


# 404 to 415


class NotFound(DomainError):
    code = "not_found"
    status = 404
    title = _("There is nothing here")


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"
    status = 405
    title = _("This method is not allowed here")


class NotAcceptable(DomainError):
    code = "not_acceptable"
    status = 406
    title = _("The answer cannot be given in an accepted media type")


class LinkExpired(DomainError):
    code = "link_expired"
    status = 410
    title = _("This link is no longer valid")


class BodyTooLarge(DomainError):
    code = "body_too_large"
    status = 413
    title = _("The body is too large")


class MediaTypeUnsupported(DomainError):
    code = "media_type_unsupported"
    status = 415
    title = _("This media type, charset or content encoding is not read here")


# 409


class RequestInProgress(DomainError):
    code = "request_in_progress"
    status = 409
    title = _("A request with this Idempotency-Key is still running")
    retry_after = 1


# 422


class UnknownField(DomainError):
    code = "unknown_field"
    status = 422
    title = _("This field is not known here")


class FieldRequired(DomainError):
    code = "field_required"
    status = 422
    title = _("This field is required")


class FieldInvalid(DomainError):
    code = "field_invalid"
    status = 422
    title = _("This value is not valid")


class StringInvalid(DomainError):
    code = "string_invalid"
    status = 422
    title = _("This text has characters that are not allowed")


class QuantityInvalid(DomainError):
    code = "quantity_invalid"
    status = 422
    title = _("A quantity is a whole number from 1 to 1,000,000")


class TooManyItems(DomainError):
    code = "too_many_items"
    status = 422
    title = _("Too many items in one request")


class UrlNotAllowed(DomainError):
    code = "url_not_allowed"
    status = 422
    title = _("We do not send requests to this address")


class FileInvalid(DomainError):
    code = "file_invalid"
    status = 422
    title = _("The file cannot be read as it should")


class ImageInvalid(DomainError):
    code = "image_invalid"
    status = 422
    title = _("The file is not a picture that can be taken")


class ImageTooLarge(DomainError):
    code = "image_too_large"
    status = 422
    title = _("The picture has too many pixels or frames")


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    title = _("This Idempotency-Key was used with another body")


# 5xx


class InternalError(DomainError):
    code = "internal_error"
    status = 500
    title = _("Something went wrong on our side")


class TemporarilyUnavailable(DomainError):
    code = "temporarily_unavailable"
    status = 503
    title = _("Busy at the moment; the same request may be sent again")
    retry_after = 1
