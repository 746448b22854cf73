"""What ``GET /orders`` may be asked for."""

from __future__ import annotations

import django_filters

from openplatform.core.api.filters import MomentFilter
from orders.models import Order
from orders.states import OrderStatus


class OrderFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    updated_after = MomentFilter(field_name="updated_at", lookup_expr="gte")
    status = django_filters.ChoiceFilter(choices=OrderStatus.choices)
    merchant_order_no = django_filters.CharFilter(max_length=64)

    class Meta:
        model = Order
        fields: tuple[str, ...] = ()
