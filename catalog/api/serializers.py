"""The form of requests about the catalogue, and of its answers for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog.models import Sku
from openplatform.core import errors
from openplatform.core.api.fields import (
    CodeField,
    FlagField,
    MoneyField,
    QuantityField,
    RequestList,
    RequestSerializer,
    say_too_long,
)
from openplatform.core.api.filters import MAX_BATCH
from openplatform.core.visible_text import CODE, MAX_CODE
from openplatform.regions.models import MAX_CODE_LENGTH

MAX_SELECTED = 20_000


class StockItemsList(RequestList):
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
    """``POST /catalog/stock-checks`` and ``POST /catalog/availability-checks``."""

    region = CodeField(max_length=MAX_CODE_LENGTH, required=False)
    items = StockItemRequest(many=True)


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "pattern": f"^{CODE.pattern}$"},
        "maxItems": MAX_SELECTED,
        "uniqueItems": True,
    }
)
class SelectedCodesField(serializers.Field[list[str], Any, list[str], Any]):
    """Up to 20,000 codes of SKUs, read in one go; a field an item would take a second."""

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            self.fail("invalid")
        if len(data) > MAX_SELECTED:  # before looking at any of them
            raise _fault(errors.TooManyItems)
        faults = {
            str(index): [fault]
            for index, code in enumerate(data)
            if (fault := _fault_of_code(code)) is not None
        }
        if faults:
            raise ValidationError(faults)
        return data

    def to_representation(self, value: list[str]) -> list[str]:
        return value


def _fault_of_code(code: Any) -> ErrorDetail | None:
    if not isinstance(code, str):
        return ErrorDetail(str(errors.FieldInvalid.title), errors.FieldInvalid.code)
    if CODE.fullmatch(code):
        return None
    is_long = len(code) > MAX_CODE
    text = say_too_long(MAX_CODE) if is_long else str(errors.StringInvalid.title)
    return ErrorDetail(text, errors.StringInvalid.code)


class SelectionRequest(RequestSerializer):
    """``PUT /catalog/selection``."""

    skus = SelectedCodesField()
    only_these_messages = FlagField(
        required=False, default=False, help_text="Messages about SKUs come of these alone"
    )


# Answers


class SelectionSerializer(serializers.Serializer[Any]):
    """The SKUs that the caller really sells."""

    skus = serializers.ListField(
        child=serializers.CharField(), help_text="Those that it still sees, by code"
    )
    only_these_messages = serializers.BooleanField(
        help_text="Messages about SKUs come of the selected ones alone"
    )


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


class ImageSizeSerializer(serializers.Serializer[Any]):
    """A picture in one size."""

    url = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class ImageSerializer(serializers.Serializer[Any]):
    """A picture."""

    url = serializers.CharField(
        help_text="A picture that we keep has an address that needs no key and never changes"
    )
    is_main = serializers.BooleanField()
    position = serializers.IntegerField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    sizes = ImageSizeSerializer(
        many=True,
        help_text="The smallest first, the picture itself last; none of a picture elsewhere",
    )


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
    """The next prices that are known to come."""

    effective_at = serializers.DateTimeField(help_text="From this moment on")
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


class FormerPriceSerializer(serializers.Serializer[Any]):
    """Prices of a SKU for a while."""

    effective_at = serializers.DateTimeField(help_text="From this moment on")
    until = serializers.DateTimeField(
        allow_null=True, help_text="This moment not included; null: nothing else is known"
    )
    market_price = MoneyField()
    sale_price = MoneyField()
    purchase_price = MoneyField(help_text="The caller's own")
    floor_price = MoneyField(allow_null=True)


class PriceHistorySerializer(serializers.Serializer[Any]):
    """What a SKU cost the caller."""

    sku = serializers.CharField()
    currency = serializers.CharField()
    results = FormerPriceSerializer(many=True)


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


class RegionServedSerializer(serializers.Serializer[Any]):
    """A region that a SKU is delivered to, all of it."""

    code = serializers.CharField()
    name = serializers.CharField()


class AvailabilityErrorSerializer(serializers.Serializer[Any]):
    """A reason why a line cannot be ordered, as a refused order names it, and what would fix it."""

    pointer = serializers.CharField(help_text="JSON pointer into the request: `/items/0/quantity`")
    code = serializers.CharField(
        help_text="`sku_not_available`, `below_minimum`, `wrong_step`, `region_not_served`, "
        "`sku_off_shelf` or `stock_insufficient`"
    )
    detail = serializers.CharField()
    sku = serializers.CharField(required=False)
    minimum = QuantityField(required=False, help_text="With `below_minimum`")
    step = QuantityField(required=False, help_text="With `wrong_step`")
    allowed_quantities = serializers.ListField(
        child=QuantityField(),
        required=False,
        help_text="With `below_minimum` and `wrong_step`: the nearest ones, below and above",
    )
    next_listing_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="With `sku_off_shelf`: when it is to be on the shelf, if that is set",
    )
    regions_served = RegionServedSerializer(
        many=True,
        required=False,
        help_text="With `region_not_served`: the highest regions that are served whole, by code, "
        "at most 100",
    )


class AvailabilitySerializer(serializers.Serializer[Any]):
    """Whether a line can be ordered now, and every reason why not."""

    sku = serializers.CharField()
    quantity = QuantityField()
    region = serializers.CharField(
        allow_null=True, help_text="The one asked about; of a retired one, its successor"
    )
    orderable = serializers.BooleanField()
    errors = AvailabilityErrorSerializer(many=True)  # type: ignore[assignment] # a field all the same


class AvailabilitiesSerializer(serializers.Serializer[Any]):
    """Whether lines can be ordered now."""

    results = AvailabilitySerializer(many=True)
