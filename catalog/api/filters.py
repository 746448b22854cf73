"""What the reads of the catalogue may be asked for."""

from __future__ import annotations

import re

import django_filters
from rest_framework.request import Request

from catalog.models import Sku
from openplatform.core.api.fields import MAX_QUANTITY
from openplatform.core.api.filters import MomentFilter
from openplatform.core.errors import QuantityInvalid
from openplatform.regions.errors import RegionUnknown
from openplatform.regions.selectors import CODE

QUANTITY = re.compile(rf"[1-9][0-9]{{0,{len(str(MAX_QUANTITY)) - 1}}}", re.ASCII)


class SkuFilter(django_filters.FilterSet):
    """``GET /catalog/skus``. The names say what is asked; the selector's statement selects."""

    category = django_filters.CharFilter()
    shelf_state = django_filters.ChoiceFilter(choices=Sku.ShelfState.choices)
    updated_after = MomentFilter()
    q = django_filters.CharFilter()

    class Meta:
        model = Sku
        fields: tuple[str, ...] = ()


def read_quantity(request: Request) -> int:
    """``?quantity=``, 1 unless told.

    :raises QuantityInvalid: for anything but digits that make 1 to 1,000,000.
    """
    text = request.query_params.get("quantity", "1")
    if not QUANTITY.fullmatch(text) or int(text) > MAX_QUANTITY:
        raise QuantityInvalid(pointer="?quantity")
    return int(text)


def read_region(request: Request) -> str | None:
    """``?region=``, whether there is such a place or not.

    :raises RegionUnknown: for what is not a region's code at all.
    """
    text = request.query_params.get("region")
    if text is not None and not CODE.fullmatch(text):
        raise RegionUnknown(pointer="?region")
    return text
