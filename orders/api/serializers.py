"""The form of answers about orders, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from openplatform.connectors.parcels import ParcelStatus
from openplatform.core.api.fields import MetadataField, MoneyField
from openplatform.core.api.schema import PROBLEM
from orders.models import FreightRule
from orders.states import OrderStatus, SuborderStatus
from orders.timeline import Kind as TimelineKind


class CarrierSerializer(serializers.Serializer[Any]):
    """A carrier."""

    code = serializers.CharField()
    name = serializers.CharField()


class CarriersSerializer(serializers.Serializer[Any]):
    """All carriers in use."""

    results = CarrierSerializer(many=True)


class ShipmentLineSerializer(serializers.Serializer[Any]):
    """Units of a line in a parcel."""

    line_no = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField()


class ShipmentSerializer(serializers.Serializer[Any]):
    """A parcel."""

    shipment_no = serializers.CharField()
    carrier = CarrierSerializer()
    waybill_no = serializers.CharField()
    status = serializers.ChoiceField(ParcelStatus.choices)
    shipped_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    lines = ShipmentLineSerializer(many=True)


class LineSerializer(serializers.Serializer[Any]):
    """A line with what was frozen when it was placed."""

    line_no = serializers.CharField(help_text=_("Unique in the order"))
    origin_line_no = serializers.CharField(
        allow_null=True, help_text=_("Of the line that this one was split off from")
    )
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    shipped_quantity = serializers.IntegerField()
    refunded_quantity = serializers.IntegerField()
    purchase_price = MoneyField()
    market_price = MoneyField()
    sale_price = MoneyField()
    tax_rate = serializers.CharField()
    amount = MoneyField()
    refunded_amount = MoneyField()


class SuborderRowSerializer(serializers.Serializer[Any]):
    """The part of an order that one warehouse ships, without its lines."""

    order_no = serializers.CharField()
    parent_order_no = serializers.CharField()
    split_from = serializers.CharField(
        allow_null=True, help_text=_("The suborder that it was split off from")
    )
    status = serializers.ChoiceField(SuborderStatus.choices)
    goods_amount = MoneyField()
    freight_amount = MoneyField()
    total_amount = MoneyField()
    refunded_amount = MoneyField()
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    shipments = ShipmentSerializer(many=True)


class SuborderSerializer(SuborderRowSerializer):
    """The part of an order that one warehouse ships."""

    lines = LineSerializer(many=True)


class ConsigneeSerializer(serializers.Serializer[Any]):
    """Who gets the goods, and where."""

    name = serializers.CharField()
    phone = serializers.CharField()
    region = serializers.CharField()
    region_confidence = serializers.FloatField(
        allow_null=True,
        help_text=_("How sure it is, where the region was found by the address; else null"),
    )
    address = serializers.CharField()


class DroppedSerializer(serializers.Serializer[Any]):
    """A line that was cut for lack of stock."""

    sku = serializers.CharField()
    requested = serializers.IntegerField()
    ordered = serializers.IntegerField()


class OrderRowSerializer(serializers.Serializer[Any]):
    """An order in a list: without consignee and lines."""

    order_no = serializers.CharField()
    merchant_order_no = serializers.CharField()
    status = serializers.ChoiceField(OrderStatus.choices)
    is_split = serializers.BooleanField(help_text=_("Whether it has several suborders"))
    currency = serializers.CharField()
    goods_amount = MoneyField()
    freight_amount = MoneyField()
    total_amount = MoneyField()
    refunded_amount = MoneyField()
    dropped = DroppedSerializer(many=True)
    quote_id = serializers.CharField(allow_null=True)
    remark = serializers.CharField(allow_null=True)
    purchase_order_no = serializers.CharField(allow_null=True)
    metadata = MetadataField()
    expires_at = serializers.DateTimeField(help_text=_("Until then it can be confirmed"))
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    close_reason = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(help_text=_("Rises with every change of the order"))
    suborders = SuborderRowSerializer(many=True)


class OrderSerializer(OrderRowSerializer):
    """An order with its parts."""

    consignee = ConsigneeSerializer(allow_null=True, help_text=_("Null once it was erased"))
    suborders = SuborderSerializer(many=True)


class ChildOrderSerializer(SuborderSerializer):
    """A suborder asked for by its own number."""

    merchant_order_no = serializers.CharField()
    currency = serializers.CharField()
    remark = serializers.CharField(allow_null=True)
    purchase_order_no = serializers.CharField(allow_null=True)
    metadata = MetadataField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    consignee = ConsigneeSerializer(allow_null=True, help_text=_("Null once it was erased"))
    version = serializers.IntegerField()


class OrderListSerializer(serializers.Serializer[Any]):
    """A page of orders; ``as_of`` comes with ``updated_after`` only."""

    results = OrderRowSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    as_of = serializers.DateTimeField(required=False)


class OrderShipmentsSerializer(serializers.Serializer[Any]):
    """The parcels of one suborder."""

    order_no = serializers.CharField()
    parent_order_no = serializers.CharField()
    status = serializers.ChoiceField(SuborderStatus.choices)
    shipments = ShipmentSerializer(many=True)


class ShipmentsSerializer(serializers.Serializer[Any]):
    """The parcels of an order, by suborder."""

    results = OrderShipmentsSerializer(many=True)


class TimelineTotalsSerializer(serializers.Serializer[Any]):
    """``net_amount`` is what was paid less what was refunded."""

    held_amount = MoneyField(help_text="Set aside now")
    paid_amount = MoneyField(help_text="Paid altogether; a split moves it between places")
    refunded_amount = MoneyField()
    net_amount = MoneyField()


class TimelinePlaceSerializer(serializers.Serializer[Any]):
    """A line of a suborder, or its freight: then ``line_no`` and ``sku`` are null."""

    order_no = serializers.CharField(help_text="The suborder's number")
    line_no = serializers.CharField(allow_null=True)
    sku = serializers.CharField(allow_null=True)


class TimelineShareSerializer(TimelinePlaceSerializer):
    """What of an entry falls on a place; negative is what a split took from it."""

    quantity = serializers.IntegerField(allow_null=True)
    amount = MoneyField()


class TimelineEntrySerializer(serializers.Serializer[Any]):
    """Something that moved money."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(TimelineKind.choices)
    amount = MoneyField(help_text="The sum of the shares")
    held_after = MoneyField()
    net_after = MoneyField(help_text="Paid less refunded, after this")
    document_no = serializers.CharField(allow_null=True, help_text="Of a refund")
    entry_no = serializers.CharField(allow_null=True, help_text="In the ledger")
    balance_after = MoneyField(allow_null=True, help_text="Of the account, after this")
    shares = TimelineShareSerializer(many=True)


class TimelineLineSerializer(TimelineTotalsSerializer, TimelinePlaceSerializer):
    """What all entries come to at one place."""


class TimelineSerializer(TimelineTotalsSerializer):
    """The money of an order, or of one suborder."""

    order_no = serializers.CharField()
    parent_order_no = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    entries = TimelineEntrySerializer(many=True)
    lines = TimelineLineSerializer(many=True)


@extend_schema_field(PROBLEM["properties"]["errors"])
class ErrorsField(serializers.ListField):
    """Reasons, in the form of a refusal's."""


class FreightShareSerializer(serializers.Serializer[Any]):
    """What one freight template has to do with the freight of a part, and why."""

    template = serializers.CharField()
    region = serializers.CharField(
        allow_null=True, help_text="The one its rule names; null for all the others"
    )
    basis = serializers.ChoiceField(FreightRule.Basis.choices)
    first_size = serializers.IntegerField(help_text="Grams, pieces or units of the currency")
    first_amount = MoneyField()
    step_size = serializers.IntegerField()
    step_amount = MoneyField()
    free_from_amount = MoneyField(allow_null=True)
    size = serializers.CharField(help_text="What it was counted on")
    is_free = serializers.BooleanField()
    base_amount = MoneyField()
    remote_amount = MoneyField(help_text="Surcharge of remote regions")
    amount = MoneyField()
    skus = serializers.ListField(child=serializers.CharField(), help_text="What it was charged for")


class QuotedLineSerializer(serializers.Serializer[Any]):
    """A line as it would be frozen."""

    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    purchase_price = MoneyField()
    market_price = MoneyField()
    sale_price = MoneyField()
    tax_rate = serializers.CharField()
    amount = MoneyField()


class QuotedSuborderSerializer(serializers.Serializer[Any]):
    """A part that would ship from one place."""

    goods_amount = MoneyField()
    freight_amount = MoneyField()
    total_amount = MoneyField()
    freight = FreightShareSerializer(many=True)
    lines = QuotedLineSerializer(many=True)


class QuotedItemSerializer(serializers.Serializer[Any]):
    """An item asked for; no prices of what cannot be seen."""

    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    orderable = serializers.BooleanField(help_text="Whether none of the errors is about this item")
    name = serializers.CharField(allow_null=True)
    purchase_price = MoneyField(allow_null=True)
    market_price = MoneyField(allow_null=True)
    sale_price = MoneyField(allow_null=True)
    tax_rate = serializers.CharField(allow_null=True)
    amount = MoneyField(allow_null=True)


class QuoteSerializer(serializers.Serializer[Any]):
    """What an order would cost, and every reason why it could not be placed now."""

    quote_id = serializers.CharField(allow_null=True, help_text="Null when it is not orderable")
    expires_at = serializers.DateTimeField(allow_null=True)
    orderable = serializers.BooleanField()
    errors = ErrorsField()  # type: ignore[assignment] # a field all the same
    region = serializers.CharField(
        allow_null=True, help_text="The one it is for; of a retired one, its successor"
    )
    region_confidence = serializers.FloatField(
        allow_null=True, help_text="Where the region was found by the address"
    )
    currency = serializers.CharField()
    goods_amount = MoneyField(
        allow_null=True, help_text="Like all amounts null when some item cannot be delivered"
    )
    freight_amount = MoneyField(allow_null=True)
    total_amount = MoneyField(allow_null=True)
    available_after = MoneyField(
        allow_null=True, help_text="What would be left to place orders with; below zero when short"
    )
    items = QuotedItemSerializer(many=True)
    suborders = QuotedSuborderSerializer(many=True)
