"""What ``GET /account/entries`` may be asked for."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms

from accounts.models import LedgerEntry, TopUp
from openplatform.core.api.filters import MomentFilter

MAX_ENTRY_NO_DIGITS = 18
MAX_ORDER_NO = 24
MAX_REFERENCE = 64


class _EntryNoField(forms.Field):
    def clean(self, value: Any) -> int | None:
        if value in (None, ""):
            return None
        if not (value.isascii() and value.isdecimal() and len(value) <= MAX_ENTRY_NO_DIGITS):
            raise forms.ValidationError("digits only")
        return int(value)


class EntryNoFilter(django_filters.Filter):
    """A number of the ledger, digits only."""

    field_class = _EntryNoField


class LedgerEntryFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    kind = django_filters.ChoiceFilter(choices=LedgerEntry.Kind.choices)
    order_no = django_filters.CharFilter(max_length=MAX_ORDER_NO)
    after = EntryNoFilter(field_name="entry_no", lookup_expr="gt")

    class Meta:
        model = LedgerEntry
        fields: tuple[str, ...] = ()


class TopUpFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    status = django_filters.ChoiceFilter(choices=TopUp.Status.choices)
    reference = django_filters.CharFilter(max_length=MAX_REFERENCE)

    class Meta:
        model = TopUp
        fields: tuple[str, ...] = ()
