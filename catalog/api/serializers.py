"""The form of requests about the catalogue, and of its answers for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog.models import Sku
from openplatform.core import errors
from openplatform.core.api.fields import CodeField, MoneyField, QuantityField, RequestSerializer
from openplatform.core.api.filters import MAX_BATCH
from openplatform.regions.models import MAX_CODE_LENGTH


class StockItemsList(serializers.ListSerializer[Any]):
    """1 to 100 items; a SKU may stand in several."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, list):
            if len(data) > MAX_BATCH:  # before looking at any of them
                raise _fault(errors.TooManyItems)
            if not data:
                raise _fault(errors.FieldRequired)
        return super().run_validation(data)


def _fault(error: type[errors.DomainError]) -> ValidationError:
    return ValidationError({"non_field_errors": [ErrorDetail(str(error.title), error.code)]})


class StockItemRequest(RequestSerializer):
    """So many units of a SKU."""

    sku = CodeField()
    quantity = QuantityField()

    class Meta:
        list_serializer_class = StockItemsList


class StockChecksRequest(RequestSerializer):
    """``POST /catalog/stock-checks``."""

    region = CodeField(max_length=MAX_CODE_LENGTH, required=False)
    items = StockItemRequest(many=True)


# Answers


class SkuErrorSerializer(serializers.Serializer[Any]):
    """Stands in the place of a SKU that cannot be seen."""

    sku = serializers.CharField()
    error = serializers.CharField(help_text="`sku_not_available`")


class CategoryErrorSerializer(serializers.Serializer[Any]):
    """Stands in the place of a category that has no goods for the caller."""

    code = serializers.CharField()
    error = serializers.CharField(help_text="`not_found`")


def entries_of(
    name: str,
    shape: type[serializers.Serializer[Any]],
    error: type[serializers.Serializer[Any]] = SkuErrorSerializer,
) -> serializers.Field[Any, Any, Any, Any]:
    """The ``results`` of a batch read: of this shape, or an error in an entry's place."""
    either = PolymorphicProxySerializer(
        component_name=name,
        serializers=[shape, error],
        resource_type_field_name=None,
        many=True,
    )

    @extend_schema_field(either)
    class Entries(serializers.ListField):
        pass

    return Entries()


class SkuRowSerializer(serializers.Serializer[Any]):
    """A SKU in a list."""

    sku = serializers.CharField()
    shelf_state = serializers.ChoiceField(Sku.ShelfState.choices)
    category = serializers.CharField(help_text="Code")
    updated_at = serializers.DateTimeField(
        help_text="When content, shelf state, visibility or the caller's price last moved"
    )


class SkuListSerializer(serializers.Serializer[Any]):
    """A page of SKUs; ``as_of`` comes with ``updated_after`` only."""

    results = SkuRowSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    as_of = serializers.DateTimeField(required=False)


class CategoryStepSerializer(serializers.Serializer[Any]):
    """A category on the way from the root."""

    code = serializers.CharField()
    name = serializers.CharField()
    level = serializers.IntegerField(help_text="1 at the root")


class CategorySerializer(CategoryStepSerializer):
    """A category with the way to it."""

    path = CategoryStepSerializer(many=True, help_text="From the root, itself included")


class CategoriesSerializer(serializers.Serializer[Any]):
    """Categories."""

    results = entries_of("CategoryOrError", CategorySerializer, CategoryErrorSerializer)


class SkuCategorySerializer(serializers.Serializer[Any]):
    """The category of a SKU."""

    code = serializers.CharField()
    name = serializers.CharField()
    path = CategoryStepSerializer(many=True, help_text="From the root, itself included")


class ImageSerializer(serializers.Serializer[Any]):
    """A picture."""

    url = serializers.CharField()
    is_main = serializers.BooleanField()
    position = serializers.IntegerField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)


class SkuSerializer(serializers.Serializer[Any]):
    """All that is told of a SKU."""

    sku = serializers.CharField()
    product = serializers.CharField(help_text="Code that SKUs of one product share")
    name = serializers.CharField()
    brand = serializers.CharField(allow_null=True)
    category = SkuCategorySerializer()
    unit = serializers.CharField(allow_null=True)
    specs = serializers.DictField()
    attributes = serializers.DictField()
    description = serializers.CharField(allow_null=True, help_text="HTML, sanitised")
    images = ImageSerializer(many=True)
    weight_grams = serializers.IntegerField()
    barcode = serializers.CharField(allow_null=True)
    tax_rate = serializers.CharField(help_text='`"0.13"` means 13 %')
    min_quantity = QuantityField()
    quantity_step = QuantityField()
    siblings = serializers.ListField(
        child=serializers.CharField(), help_text="The other visible SKUs of the product"
    )
    shelf_state = serializers.ChoiceField(Sku.ShelfState.choices)
    updated_at = serializers.DateTimeField()


class DetailsSerializer(serializers.Serializer[Any]):
    """Details of SKUs."""

    results = entries_of("SkuOrError", SkuSerializer)


class SkuImagesSerializer(serializers.Serializer[Any]):
    """The pictures of a SKU."""

    sku = serializers.CharField()
    images = ImageSerializer(many=True)


class ImagesSerializer(serializers.Serializer[Any]):
    """Pictures of SKUs."""

    results = entries_of("SkuImagesOrError", SkuImagesSerializer)


class ShelfStateSerializer(serializers.Serializer[Any]):
    """Whether a SKU is on the shelf."""

    sku = serializers.CharField()
    shelf_state = serializers.ChoiceField(Sku.ShelfState.choices)


class ShelfStatesSerializer(serializers.Serializer[Any]):
    """Shelf states of SKUs."""

    results = entries_of("ShelfStateOrError", ShelfStateSerializer)


class NextPriceSerializer(serializers.Serializer[Any]):
    """Prices to come."""

    effective_at = serializers.DateTimeField()
    market_price = MoneyField()
    sale_price = MoneyField()
    purchase_price = MoneyField()
    floor_price = MoneyField(allow_null=True)


class PriceSerializer(serializers.Serializer[Any]):
    """What a SKU costs the caller."""

    sku = serializers.CharField()
    market_price = MoneyField()
    sale_price = MoneyField()
    purchase_price = MoneyField(help_text="The caller's own")
    floor_price = MoneyField(allow_null=True, help_text="The lowest price that it may be resold at")
    currency = serializers.CharField()
    tax_rate = serializers.CharField(help_text='`"0.13"` means 13 %')
    next_change = NextPriceSerializer(allow_null=True)


class PricesSerializer(serializers.Serializer[Any]):
    """Prices of SKUs."""

    results = entries_of("PriceOrError", PriceSerializer)


class StockAnswerSerializer(serializers.Serializer[Any]):
    """Whether a quantity can be delivered."""

    sku = serializers.CharField()
    quantity = QuantityField()
    region = serializers.CharField(allow_null=True)
    in_stock = serializers.BooleanField()
    reason = serializers.CharField(
        allow_null=True,
        help_text="`stock_insufficient`, `region_not_served` or `sku_off_shelf`; null in stock",
    )


class StockAnswersSerializer(serializers.Serializer[Any]):
    """Whether quantities can be delivered."""

    results = entries_of("StockAnswerOrError", StockAnswerSerializer)
