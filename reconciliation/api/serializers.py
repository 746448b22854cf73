"""The form of answers about statements, reports, bills and invoices, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from openplatform.core.api.fields import MoneyField
from reconciliation.models import Invoice, InvoiceTitle, ReconciliationRow, StatementFile
from reconciliation.selectors.periods import PeriodKind
from reconciliation.states import BillStatus, InvoiceStatus, PaperStatus

# By name, for the document: other things have kinds, too.
INVOICE_KINDS = Invoice.Kind.choices
TITLE_KINDS = InvoiceTitle.Kind.choices


class StandingSerializer(serializers.Serializer[Any]):
    """A wallet at the beginning or the end of a period."""

    balance = MoneyField()
    held_amount = MoneyField()
    credit_limit = MoneyField()


class TotalsSerializer(serializers.Serializer[Any]):
    """Sums of the entries of a period, signed as in the ledger."""

    top_up = MoneyField()
    order_payment = MoneyField()
    refund = MoneyField()
    adjustment = MoneyField()
    withdrawal = MoneyField()


class StatementFileSerializer(serializers.Serializer[Any]):
    """A file of a statement; the link is made for each answer, and null in messages."""

    format = serializers.ChoiceField(StatementFile.Format.choices)
    language = serializers.ChoiceField(StatementFile.Language.choices)
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    url = serializers.CharField(allow_null=True, help_text=_("Gives the file, until `expires_at`"))
    expires_at = serializers.DateTimeField(allow_null=True)


class StatementSerializer(serializers.Serializer[Any]):
    """What stood in the books over a period. Opening, closing and totals come with ``ready``."""

    statement_no = serializers.CharField()
    currency = serializers.CharField()
    period_start = serializers.DateField()
    period_end = serializers.DateField(help_text=_("The last day, counted in"))
    kind = serializers.ChoiceField(
        [kind.value for kind in PeriodKind],
        help_text=_("A day, a month of the calendar, or any other period"),
    )
    status = serializers.ChoiceField(PaperStatus.choices)
    opening = StandingSerializer(allow_null=True)
    closing = StandingSerializer(allow_null=True)
    totals = TotalsSerializer(allow_null=True)
    entry_count = serializers.IntegerField(allow_null=True)
    files = StatementFileSerializer(many=True)
    created_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)


class StatementListSerializer(serializers.Serializer[Any]):
    """A page of statements, the newest first."""

    results = StatementSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class ColumnsSerializer(serializers.Serializer[Any]):
    """Which column of the file is what, by its name in the head."""

    merchant_order_no = serializers.CharField(required=False)
    kind = serializers.CharField(required=False)
    amount = serializers.CharField(required=False)
    at = serializers.CharField(required=False)
    status = serializers.CharField(required=False)
    merchant_aftersale_no = serializers.CharField(required=False)


class FileFaultSerializer(serializers.Serializer[Any]):
    """What is wrong with a row of the file."""

    row = serializers.IntegerField()
    column = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    text = serializers.CharField()


class ResultsSerializer(serializers.Serializer[Any]):
    """How many rows came to each result."""

    matched = serializers.IntegerField()
    missing_here = serializers.IntegerField()
    missing_there = serializers.IntegerField()
    amount_differs = serializers.IntegerField()
    state_differs = serializers.IntegerField()
    duplicate = serializers.IntegerField()


class BridgeSerializer(serializers.Serializer[Any]):
    """From their closing to ours: what each result adds to it, signed."""

    opening = MoneyField()
    their_closing = MoneyField(help_text=_("Our opening and the rows of the file"))
    missing_here = MoneyField()
    missing_there = MoneyField()
    amount_differs = MoneyField()
    state_differs = MoneyField()
    duplicate = MoneyField()
    our_closing = MoneyField()


class ReconciliationSerializer(serializers.Serializer[Any]):
    """A file held against the books. Results and bridge come with ``ready``."""

    reconciliation_no = serializers.CharField()
    currency = serializers.CharField()
    period_start = serializers.DateField()
    period_end = serializers.DateField()
    statement_no = serializers.CharField()
    status = serializers.ChoiceField(PaperStatus.choices)
    filename = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField(help_text=_("Of the file as it was sent"))
    columns = ColumnsSerializer()
    row_count = serializers.IntegerField(allow_null=True)
    results = ResultsSerializer(allow_null=True)
    bridge = BridgeSerializer(allow_null=True)
    fault_count = serializers.IntegerField()
    faults = FileFaultSerializer(many=True, help_text=_("The first thousand"))
    created_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)


class ReconciliationListSerializer(serializers.Serializer[Any]):
    """A page of reports, the newest first."""

    results = ReconciliationSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class ResolutionSerializer(serializers.Serializer[Any]):
    """How finance explained a difference."""

    note = serializers.CharField()
    at = serializers.DateTimeField()


class ReconciliationRowSerializer(serializers.Serializer[Any]):
    """A row of the report, with the documents behind it."""

    position = serializers.IntegerField()
    file_row = serializers.IntegerField(allow_null=True)
    result = serializers.ChoiceField(ReconciliationRow.Result.choices)
    cause = serializers.ChoiceField(ReconciliationRow.Cause.choices, allow_null=True)
    kind = serializers.CharField()
    merchant_order_no = serializers.CharField(allow_null=True)
    merchant_aftersale_no = serializers.CharField(allow_null=True)
    their_amount = MoneyField(allow_null=True)
    our_amount = MoneyField(allow_null=True)
    difference = MoneyField(help_text=_("Ours less theirs"))
    their_at = serializers.CharField(allow_null=True, help_text=_("As in the file"))
    our_at = serializers.DateTimeField(allow_null=True)
    their_status = serializers.CharField(allow_null=True)
    our_status = serializers.CharField(allow_null=True)
    entry_no = serializers.CharField(allow_null=True)
    order_no = serializers.CharField(allow_null=True)
    suborder_no = serializers.CharField(allow_null=True)
    aftersale_no = serializers.CharField(allow_null=True)
    document = serializers.CharField(allow_null=True)
    document_no = serializers.CharField(allow_null=True)
    resolution = ResolutionSerializer(allow_null=True)


class ReconciliationRowListSerializer(serializers.Serializer[Any]):
    """A page of rows, in the order of the report."""

    results = ReconciliationRowSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class BillSerializer(serializers.Serializer[Any]):
    """What was in use of the credit line when a month ended."""

    bill_no = serializers.CharField()
    currency = serializers.CharField()
    period_start = serializers.DateField()
    period_end = serializers.DateField()
    statement_no = serializers.CharField()
    status = serializers.ChoiceField(BillStatus.choices)
    amount = MoneyField()
    paid_amount = MoneyField()
    outstanding_amount = MoneyField()
    due_on = serializers.DateField(help_text=_("Overdue once this day has passed"))
    issued_at = serializers.DateTimeField()
    overdue_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class BillListSerializer(serializers.Serializer[Any]):
    """A page of bills, the newest first."""

    results = BillSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class InvoiceTitleSerializer(serializers.Serializer[Any]):
    """Whom invoices are made out to."""

    title_id = serializers.CharField()
    kind = serializers.ChoiceField(InvoiceTitle.Kind.choices)
    name = serializers.CharField()
    tax_number = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    bank_name = serializers.CharField(allow_null=True)
    bank_account = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class InvoiceTitleListSerializer(serializers.Serializer[Any]):
    """A page of titles in use, the newest first."""

    results = InvoiceTitleSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class InvoiceRowSerializer(serializers.Serializer[Any]):
    """An invoice without its lines, as lists and messages show it."""

    invoice_no = serializers.CharField()
    currency = serializers.CharField()
    kind = serializers.ChoiceField(Invoice.Kind.choices)
    status = serializers.ChoiceField(InvoiceStatus.choices)
    title = InvoiceTitleSerializer()
    order_no = serializers.CharField(allow_null=True)
    statement_no = serializers.CharField(allow_null=True)
    credits = serializers.CharField(
        allow_null=True, help_text=_("The invoice that a credit invoice takes back, or a part of")
    )
    amount = MoneyField(help_text=_("Negative in a credit invoice"))
    tax_amount = MoneyField()
    remark = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    fiscal_code = serializers.CharField(allow_null=True)
    fiscal_number = serializers.CharField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True, help_text=_("Of the file"))
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    issued_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)


class InvoiceListSerializer(serializers.Serializer[Any]):
    """A page of invoices without their lines, the newest first."""

    results = InvoiceRowSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class InvoiceLineSerializer(serializers.Serializer[Any]):
    """A SKU of an order, or its freight (without a SKU)."""

    order_no = serializers.CharField()
    sku = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    unit = serializers.CharField(allow_null=True)
    quantity = serializers.IntegerField()
    unit_price = MoneyField()
    tax_rate = serializers.CharField()
    amount = MoneyField(help_text=_("Tax included"))
    tax_amount = MoneyField()


class InvoiceSerializer(InvoiceRowSerializer):
    """An invoice with its lines."""

    lines = InvoiceLineSerializer(many=True)
