"""The form of requests about claims."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from aftersales.models import ClaimType
from aftersales.requests import ClaimRequest
from aftersales.services.notes import MAX_TEXT
from aftersales.services.pictures import MAX_PICTURES
from openplatform.core import errors
from openplatform.core.api.fields import (
    CodedChoiceField,
    CodeField,
    MomentField,
    QuantityField,
    RequestList,
    RequestSerializer,
    TextField,
)

MAX_ITEMS = 100
MAX_DESCRIPTION = 1000
MAX_NUMBER = 24  # of those that we give out
MAX_CARRIER = 32


class ClaimItemsList(RequestList):
    """1 to 100 items, each line once."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, list):
            if len(data) > MAX_ITEMS:  # before looking at any of them
                raise ValidationError({"non_field_errors": _details(errors.TooManyItems)})
            if not data:
                raise ValidationError({"non_field_errors": _details(errors.FieldRequired)})
        items = super().run_validation(data)
        seen: set[str] = set()
        faults = []
        for item in items:
            repeated = item["line_no"] in seen
            faults.append({"line_no": _details(errors.FieldInvalid)} if repeated else {})
            seen.add(item["line_no"])
        if any(faults):
            raise ValidationError(faults)
        return items


class PicturesField(serializers.ListField):
    """Up to 9 pictures that were sent before, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=CodeField(max_length=MAX_NUMBER), **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, list) and len(data) > MAX_PICTURES:
            raise ValidationError(_details(errors.TooManyItems))
        pictures: list[str] = super().to_internal_value(data)
        repeated: dict[Any, Any] = {
            index: _details(errors.FieldInvalid)
            for index, picture_id in enumerate(pictures)
            if picture_id in pictures[:index]
        }
        if repeated:
            raise ValidationError(repeated)
        return pictures


def _details(error: type[errors.DomainError]) -> list[ErrorDetail]:
    return [ErrorDetail(str(error.title), error.code)]


class ClaimItemRequest(RequestSerializer):
    """Units of a line."""

    line_no = CodeField(max_length=MAX_NUMBER, help_text="A line of the suborder")
    quantity = QuantityField()

    class Meta:
        list_serializer_class = ClaimItemsList


class FileClaimRequest(RequestSerializer):
    """``POST /aftersales``."""

    merchant_aftersale_no = CodeField(help_text="Your own number, unique for ever")
    order_no = CodeField(max_length=MAX_NUMBER, help_text="Of the suborder")
    type = CodedChoiceField(choices=ClaimType.choices)
    items = ClaimItemRequest(many=True)
    reason = CodeField(help_text="A code of the list in `aftersale-options`")
    description = TextField(max_length=MAX_DESCRIPTION, allow_blank=True, multiline=True)
    pictures = PicturesField(required=False)


class AddClaimNoteRequest(RequestSerializer):
    """``POST /aftersales/{no}/notes``."""

    text = TextField(max_length=MAX_TEXT, multiline=True)
    pictures = PicturesField(required=False)


class ReportReturnRequest(RequestSerializer):
    """``POST /aftersales/{no}/return-shipment``."""

    carrier = CodeField(max_length=MAX_CARRIER, help_text="A code of `GET /carriers`")
    waybill_no = CodeField()
    shipped_at = MomentField(required=False, help_text="Now, when left out")
    replaces = CodeField(required=False, help_text="The number that was told before, and was wrong")


def as_claim_request(body: dict[str, Any]) -> ClaimRequest:
    """A validated body as the service takes it."""
    return ClaimRequest(
        merchant_aftersale_no=body["merchant_aftersale_no"],
        order_no=body["order_no"],
        type=ClaimType(body["type"]),
        items=[(item["line_no"], item["quantity"]) for item in body["items"]],
        reason=body["reason"],
        description=body["description"],
        pictures=body.get("pictures", ()),
    )
