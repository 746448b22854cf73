"""The form of answers about orders, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from openplatform.core.api.fields import MetadataField, MoneyField
from orders.states import OrderStatus, SuborderStatus


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
    shipped_at = serializers.DateTimeField()
    lines = ShipmentLineSerializer(many=True)


class LineSerializer(serializers.Serializer[Any]):
    """A line with what was frozen when it was placed."""

    line_no = serializers.CharField()
    origin_line_no = serializers.CharField(allow_null=True)
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
    split_from = serializers.CharField(allow_null=True)
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
    is_split = serializers.BooleanField()
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
    expires_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    close_reason = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()
    suborders = SuborderRowSerializer(many=True)


class OrderSerializer(OrderRowSerializer):
    """An order with its parts."""

    consignee = ConsigneeSerializer()
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
    consignee = ConsigneeSerializer()
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
