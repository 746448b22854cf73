"""The forms of messages about the catalogue, with an example of each."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from catalog.services.category_news import MAX_CATEGORIES
from openplatform.messaging.services.publishing import MAX_SKUS


class SkuNewsSerializer(serializers.Serializer[Any]):
    """Which SKUs it is about."""

    skus = serializers.ListField(
        child=serializers.CharField(),
        min_length=1,
        max_length=MAX_SKUS,
        help_text=_("Codes of SKUs"),
    )


class SkuDetailNewsSerializer(SkuNewsSerializer):
    """Which SKUs have other details, and in which fields."""

    fields = serializers.ListField(  # type: ignore[assignment] # DRF takes fields off the class
        child=serializers.CharField(),
        min_length=1,
        help_text=_("Names of fields of the details, the same for all of these SKUs"),
    )


class PriceToComeSerializer(SkuNewsSerializer):
    """From when on SKUs have other prices."""

    effective_at = serializers.DateTimeField(
        allow_null=True, help_text=_("Null: a change that was announced does not come after all")
    )


class StockNewsSerializer(SkuNewsSerializer):
    """Where the stock answer of SKUs turned, and to what."""

    in_stock = serializers.BooleanField(help_text=_("The answer for the minimum quantity"))
    regions = serializers.ListField(
        child=serializers.CharField(),
        min_length=1,
        allow_null=True,
        help_text=_("Codes of provinces; null stands for all of them"),
    )


class CategoryNewsSerializer(serializers.Serializer[Any]):
    """Which categories it is about."""

    categories = serializers.ListField(
        child=serializers.CharField(),
        min_length=1,
        max_length=MAX_CATEGORIES,
        help_text=_("Codes of categories"),
    )


_SKUS = {"skus": ["MUG-WHITE-350", "MUG-BLACK-350"]}
EXAMPLES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("pool.sku_added", "pool.sku_removed", "sku.on_shelf", "sku.off_shelf", "price.changed"),
        _SKUS,
    ),
    "sku.updated": {**_SKUS, "fields": ["description", "images"]},
    "price.announced": {**_SKUS, "effective_at": "2026-06-01T00:00:00+08:00"},
    "stock.changed": {**_SKUS, "in_stock": False, "regions": ["110000", "310000"]},
    "category.changed": {"categories": ["kitchen", "kitchen-mugs"]},
}
