"""The form of requests about claims."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from aftersales.models import ClaimType
from aftersales.requests import ClaimRequest
from aftersales.services.notes import MAX_TEXT
from aftersales.services.pictures import MAX_PICTURES
from openplatform.core import errors
from openplatform.core.api.fields import (
    TOO_MANY,
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
LINE_TWICE = _("This line is named twice")
PICTURE_TWICE = _("This picture is named twice")


class ClaimItemsList(RequestList):
    """1 to 100 items, each line once."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, list):
            if len(data) > MAX_ITEMS:  # before looking at any of them
                raise ValidationError({"non_field_errors": _too_many(MAX_ITEMS)})
            if not data:
                raise ValidationError({"non_field_errors": _details(errors.FieldRequired)})
        repeated = _repeated_lines(data)
        try:
            items = super().run_validation(data)
        except ValidationError as error:
            if not repeated:
                raise
            others: Any = error.detail  # by position, as ours
        else:
            if not repeated:
                return items
            others = {}
        positions = sorted({*repeated, *others})
        raise ValidationError(
            {index: {**repeated.get(index, {}), **others.get(index, {})} for index in positions}
        )


def _repeated_lines(data: Any) -> dict[Any, dict[str, Any]]:
    """By position, whether or not there is more that is wrong with the item."""
    faults: dict[Any, dict[str, Any]] = {}
    seen: set[str] = set()
    for index, item in enumerate(data if isinstance(data, list) else ()):
        line_no = item.get("line_no") if isinstance(item, dict) else None
        if not isinstance(line_no, str):
            continue
        if line_no in seen:
            faults[index] = {"line_no": _details(errors.FieldInvalid, LINE_TWICE)}
        seen.add(line_no)
    return faults


class PicturesField(serializers.ListField):
    """Up to 9 pictures that were sent before, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=CodeField(max_length=MAX_NUMBER), **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, list) and len(data) > MAX_PICTURES:
            raise ValidationError(_too_many(MAX_PICTURES))
        pictures: list[str] = super().to_internal_value(data)
        repeated: dict[Any, Any] = {
            index: _details(errors.FieldInvalid, PICTURE_TWICE)
            for index, picture_id in enumerate(pictures)
            if picture_id in pictures[:index]
        }
        if repeated:
            raise ValidationError(repeated)
        return pictures


def _details(
    error: type[errors.DomainError], text: errors.type_of_text | None = None
) -> list[ErrorDetail]:
    return [ErrorDetail(str(text or error.title), error.code)]


def _too_many(maximum: int) -> list[ErrorDetail]:
    return [ErrorDetail(str(maximum), TOO_MANY)]


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
    description = TextField(
        max_length=MAX_DESCRIPTION, allow_blank=True, multiline=True, required=False
    )
    pictures = PicturesField(required=False)


class AddClaimNoteRequest(RequestSerializer):
    """``POST /aftersales/{no}/notes``."""

    text = TextField(max_length=MAX_TEXT, multiline=True)
    pictures = PicturesField(required=False)


class ToldCodeField(CodeField):
    """A code that is looked at where it is looked up, so that whatever else is wrong with the same
    request is told with it.
    """

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class ReportReturnRequest(RequestSerializer):
    """``POST /aftersales/{no}/return-shipment``."""

    carrier = ToldCodeField(help_text="A code of `GET /carriers`")
    waybill_no = ToldCodeField()
    shipped_at = MomentField(required=False, help_text="Now, when left out")
    replaces = ToldCodeField(
        required=False, help_text="The number that was told before, and was wrong"
    )


def as_claim_request(body: dict[str, Any]) -> ClaimRequest:
    """A validated body as the service takes it."""
    return ClaimRequest(
        merchant_aftersale_no=body["merchant_aftersale_no"],
        order_no=body["order_no"],
        type=ClaimType(body["type"]),
        items=[(item["line_no"], item["quantity"]) for item in body["items"]],
        reason=body["reason"],
        description=body.get("description", ""),
        pictures=body.get("pictures", ()),
    )
