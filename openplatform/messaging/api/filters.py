"""What ``GET /webhook-endpoints/{id}/deliveries`` may be asked for."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms

from openplatform.core.api.filters import MomentFilter
from openplatform.messaging.models import WebhookDelivery
from openplatform.messaging.types import TYPES

MAX_SUBJECT = 96


class _TypesField(forms.Field):
    def clean(self, value: Any) -> list[str]:
        names = [name for name in (value or "").split(",") if name]
        if not TYPES.keys() >= set(names):
            raise forms.ValidationError("types of messages, separated by commas")
        return names


class TypesFilter(django_filters.Filter):
    """Types of messages, separated by commas."""

    field_class = _TypesField
    takes_empty = True  # none named: any; the feed reads it so, too


class WebhookDeliveryFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    type = TypesFilter(field_name="type", lookup_expr="in")
    subject = django_filters.CharFilter(max_length=MAX_SUBJECT, strip=False)
    status = django_filters.ChoiceFilter(choices=WebhookDelivery.Status.choices)
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = WebhookDelivery
        fields: tuple[str, ...] = ()
