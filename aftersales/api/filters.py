"""What ``GET /aftersales`` may be asked for."""

from __future__ import annotations

import django_filters

from aftersales.models import Claim
from aftersales.states import ClaimStatus
from openplatform.core.api.filters import MomentFilter


class ClaimFilter(django_filters.FilterSet):
    """Named parameters; ranges take their beginning and leave out their end."""

    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    updated_after = MomentFilter(field_name="updated_at", lookup_expr="gte")
    status = django_filters.ChoiceFilter(choices=ClaimStatus.choices)
    order_no = django_filters.CharFilter(max_length=24)
    merchant_aftersale_no = django_filters.CharFilter(max_length=64)

    class Meta:
        model = Claim
        fields: tuple[str, ...] = ()
