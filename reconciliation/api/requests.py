"""The form of requests about statements, reports and invoices."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from openplatform.core import errors
from openplatform.core.api.fields import (
    TOO_LONG_BY,
    CodedChoiceField,
    CodeField,
    RequestSerializer,
    TextField,
    UploadField,
)
from openplatform.core.api.parsers import parse_json
from openplatform.core.errors import DomainError, Refusal
from reconciliation.api.days import read_any_day
from reconciliation.comparing.heads import FIELDS, MAX_HEAD
from reconciliation.models import Invoice, InvoiceTitle
from reconciliation.services.titles import MAX_LENGTHS, MAX_NAME

MAX_NUMBER = 24  # of those that we give out
ORDER_OR_STATEMENT = _("An invoice is for one order or for one statement")
NO_OBJECT = _("A JSON object is expected here")
NO_DATE = _("A date is written as YYYY-MM-DD")


@extend_schema_field({"type": "string", "format": "date"})
class DayField(serializers.Field[date, Any, str, Any]):
    """A date: ``"2026-10-01"``. Years out of bounds the service refuses, and tells the bounds."""

    default_error_messages = {"invalid": NO_DATE}

    def to_internal_value(self, data: Any) -> date:
        day = read_any_day(data) if isinstance(data, str) else None
        if day is None:
            self.fail("invalid")
        return day


class CreateStatementRequest(RequestSerializer):
    """``POST /statements``."""

    period_start = DayField(help_text="The first day, by the platform's time zone")
    period_end = DayField(help_text="The last day, counted in; it has to be over")


class ColumnsRequest(RequestSerializer):
    """Which column of the file is what, by its name in the head, which the service refuses
    when it is empty.
    """

    merchant_order_no = TextField(max_length=MAX_HEAD, required=False, allow_blank=True)
    kind = TextField(max_length=MAX_HEAD, required=False, allow_blank=True)
    amount = TextField(max_length=MAX_HEAD, required=False, allow_blank=True)
    at = TextField(max_length=MAX_HEAD, required=False, allow_blank=True)
    status = TextField(max_length=MAX_HEAD, required=False, allow_blank=True)
    merchant_aftersale_no = TextField(max_length=MAX_HEAD, required=False, allow_blank=True)


COLUMNS_REQUEST = ColumnsRequest()


@extend_schema_field(
    {
        "type": "string",
        "format": "json",
        "contentMediaType": "application/json",
        "examples": ['{"merchant_order_no": "Order", "kind": "Type", "amount": "Total"}'],
    }
)
class ColumnsField(serializers.Field[dict[str, str], Any, dict[str, str], Any]):
    """A JSON object as a text field of a form: our field → the name in the file's head."""

    default_error_messages = {"invalid": NO_OBJECT}

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            columns = parse_json(data.encode())
        except Refusal as error:  # characters that no text may have
            raise ValidationError(str(error.first.detail), error.first.code) from error
        except DomainError:
            self.fail("invalid")
        if not isinstance(columns, dict):
            self.fail("invalid")
        value: dict[str, str] = COLUMNS_REQUEST.run_validation(columns)
        return value


class CreateReconciliationRequest(RequestSerializer):
    """``POST /reconciliations``."""

    file = UploadField(help_text="CSV or XLSX, up to 25 MB and 200,000 rows")
    period_start = DayField(help_text="The first day, by the platform's time zone")
    period_end = DayField(help_text="The last day, counted in; it has to be over")
    columns = ColumnsField(
        required=False,
        help_text="Where heads are not recognised: a JSON object of our fields "
        f"({', '.join(f'`{name}`' for name in FIELDS)}) and the names in the file's head",
    )


class MeasuredField(TextField):
    """A text whose refusal tells the ``maximum`` when it is too long."""

    def run_validators(self, value: str) -> None:
        """Of the length alone: what is hidden was looked for before."""
        if self.max_length is not None and len(value) > self.max_length:
            raise ValidationError(str(self.max_length), TOO_LONG_BY)


class CreateInvoiceTitleRequest(RequestSerializer):
    """``POST /invoice-titles``."""

    kind = CodedChoiceField(choices=InvoiceTitle.Kind.choices)
    name = MeasuredField(max_length=MAX_NAME, help_text="2 to 100 characters")
    tax_number = CodeField(
        max_length=20,
        required=False,
        help_text="Of a company: a unified social credit code, whose last character checks the"
        " others, or a number of 15",
    )
    address = MeasuredField(max_length=MAX_LENGTHS["address"], required=False)
    phone = MeasuredField(max_length=MAX_LENGTHS["phone"], required=False)
    bank_name = MeasuredField(max_length=MAX_LENGTHS["bank_name"], required=False)
    bank_account = MeasuredField(max_length=MAX_LENGTHS["bank_account"], required=False)
    email = MeasuredField(max_length=MAX_LENGTHS["email"], required=False)


class CreateInvoiceRequest(RequestSerializer):
    """``POST /invoices``."""

    title_id = CodeField(max_length=MAX_NUMBER, help_text="Of `GET /invoice-titles`")
    kind = CodedChoiceField(choices=Invoice.Kind.choices)
    order_no = CodeField(
        max_length=MAX_NUMBER, required=False, help_text="This, or `statement_no`: a whole order"
    )
    statement_no = CodeField(
        max_length=MAX_NUMBER,
        required=False,
        help_text="This, or `order_no`: all orders that were paid in its period and that no"
        " invoice covers yet",
    )
    remark = TextField(max_length=200, required=False, help_text="Stands on the invoice")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """For one order, or for one statement."""
        if "order_no" not in attrs and "statement_no" not in attrs:
            raise ValidationError({"order_no": _details(errors.FieldRequired, ORDER_OR_STATEMENT)})
        if "order_no" in attrs and "statement_no" in attrs:
            raise ValidationError(
                {"statement_no": _details(errors.FieldInvalid, ORDER_OR_STATEMENT)}
            )
        return attrs


def _details(
    error: type[errors.DomainError], text: errors.type_of_text | None = None
) -> list[ErrorDetail]:
    return [ErrorDetail(str(text or error.title), error.code)]
