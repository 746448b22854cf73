"""What lists of statements, reports, bills and invoices may be asked for."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, QuerySet

from openplatform.core.api.filters import MomentFilter
from reconciliation.api.days import read_day
from reconciliation.models import (
    Bill,
    Invoice,
    InvoiceLine,
    InvoiceTitle,
    Reconciliation,
    ReconciliationRow,
    Statement,
)
from reconciliation.selectors.months import of_kind
from reconciliation.selectors.periods import PeriodKind
from reconciliation.states import BillStatus, InvoiceStatus, PaperStatus

MAX_NUMBER = 24  # of those that we give out
FLAGS = {"true": True, "false": False}


class _DayField(forms.Field):
    def clean(self, value: Any) -> date | None:
        if value in (None, ""):
            return None
        day = read_day(value)
        if day is None:
            raise forms.ValidationError("YYYY-MM-DD")
        return day


class DayFilter(django_filters.Filter):
    """A date."""

    field_class = _DayField


class _FlagField(forms.Field):
    def clean(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if value not in FLAGS:
            raise forms.ValidationError("true or false")
        return FLAGS[value]


class FlagFilter(django_filters.Filter):
    """``true`` or ``false``."""

    field_class = _FlagField


class StatementFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    status = django_filters.ChoiceFilter(choices=PaperStatus.choices)
    kind = django_filters.ChoiceFilter(
        choices=[(kind.value, kind.value) for kind in PeriodKind], method="filter_kind"
    )
    period_start_after = DayFilter(field_name="period_start", lookup_expr="gte")
    period_start_before = DayFilter(field_name="period_start", lookup_expr="lt")

    class Meta:
        model = Statement
        fields: tuple[str, ...] = ()

    def filter_kind(
        self, statements: QuerySet[Statement], _name: str, kind: str
    ) -> QuerySet[Statement]:
        """Of single days, of months of the calendar, or of neither."""
        return of_kind(statements, kind)


class ReconciliationFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    status = django_filters.ChoiceFilter(choices=PaperStatus.choices)
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Reconciliation
        fields: tuple[str, ...] = ()


class ReconciliationRowFilter(django_filters.FilterSet):
    """Named parameters."""

    result = django_filters.ChoiceFilter(choices=ReconciliationRow.Result.choices)
    cause = django_filters.ChoiceFilter(choices=ReconciliationRow.Cause.choices)
    resolved = FlagFilter(field_name="resolved_at", method="filter_resolved")

    class Meta:
        model = ReconciliationRow
        fields: tuple[str, ...] = ()

    def filter_resolved(
        self, rows: QuerySet[ReconciliationRow], _name: str, is_resolved: bool
    ) -> QuerySet[ReconciliationRow]:
        """Those that finance explained, or those that it did not."""
        return rows.filter(resolved_at__isnull=not is_resolved)


class InvoiceTitleFilter(django_filters.FilterSet):
    """No parameters but those of pages."""

    class Meta:
        model = InvoiceTitle
        fields: tuple[str, ...] = ()


class InvoiceFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    status = django_filters.ChoiceFilter(choices=InvoiceStatus.choices)
    order_no = django_filters.CharFilter(max_length=MAX_NUMBER, method="filter_covered")
    statement_no = django_filters.CharFilter(
        field_name="statement__statement_no", max_length=MAX_NUMBER
    )
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = ()

    def filter_covered(
        self, invoices: QuerySet[Invoice], _name: str, order_no: str
    ) -> QuerySet[Invoice]:
        """Those that cover the order, by itself or among others, or take back a part of it."""
        lines = InvoiceLine.objects.filter(invoice=OuterRef("pk"), order_no=order_no)
        return invoices.filter(Exists(lines))


class BillFilter(django_filters.FilterSet):
    """Named parameters."""

    status = django_filters.ChoiceFilter(choices=BillStatus.choices)

    class Meta:
        model = Bill
        fields: tuple[str, ...] = ()
