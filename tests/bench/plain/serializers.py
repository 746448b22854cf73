"""Model serializers; ``create`` places the order."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework import serializers

from accounts.models import HoldEntry, Partner, Wallet
from catalog.models import PurchasePrice, Sku, Stock, StockMovement, Warehouse
from openplatform.core.identifiers import dated_no
from openplatform.messaging.models import Outbox
from openplatform.regions.models import Region
from orders.models import FreightRule, Order, OrderEvent, OrderLine, Suborder


class ItemSerializer(serializers.Serializer[Any]):
    """A line asked for."""

    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class ConsigneeSerializer(serializers.Serializer[Any]):
    """Who gets the goods, and where."""

    name = serializers.CharField(max_length=64)
    phone = serializers.CharField(max_length=32)
    region = serializers.PrimaryKeyRelatedField(queryset=Region.objects.filter(is_retired=False))
    address = serializers.CharField(max_length=255)


class LineSerializer(serializers.ModelSerializer[OrderLine]):
    """A line with its frozen prices."""

    class Meta:
        model = OrderLine
        fields = (
            "line_no", "origin_line_no", "sku_code", "name", "quantity", "shipped_quantity",
            "refunded_quantity", "purchase_price", "market_price", "sale_price", "tax_rate",
            "amount", "refunded_amount",
        )  # fmt: skip


class SuborderSerializer(serializers.ModelSerializer[Suborder]):
    """The part of an order that one warehouse ships."""

    lines = LineSerializer(many=True)

    class Meta:
        model = Suborder
        fields = (
            "order_no", "split_from", "status", "goods_amount", "freight_amount", "total_amount",
            "refunded_amount", "shipped_at", "delivered_at", "completed_at", "lines",
        )  # fmt: skip


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order with its parts."""

    items = ItemSerializer(many=True, write_only=True)
    consignee = ConsigneeSerializer(write_only=True)
    suborders = SuborderSerializer(many=True, read_only=True)

    class Meta:
        model = Order
        fields = (
            "order_no", "merchant_order_no", "status", "version", "goods_amount", "freight_amount",
            "total_amount", "refunded_amount", "remark", "purchase_order_no", "metadata",
            "consignee_name", "consignee_phone", "consignee_region", "consignee_region_name",
            "consignee_address", "expires_at", "created_at", "updated_at", "paid_at",
            "cancelled_at", "closed_at", "close_reason", "suborders", "items", "consignee",
        )  # fmt: skip
        read_only_fields = (
            "order_no", "status", "version", "goods_amount", "freight_amount", "total_amount",
            "refunded_amount", "consignee_name", "consignee_phone", "consignee_region",
            "consignee_region_name", "consignee_address", "expires_at", "created_at", "updated_at",
            "paid_at", "cancelled_at", "closed_at", "close_reason",
        )  # fmt: skip

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Order:
        """Rows are locked in the order of SKU codes, the wallet last."""
        partner: Partner = self.context["request"].user
        consignee = validated_data["consignee"]
        region = consignee["region"]
        if partner.status != Partner.Status.ACTIVE:
            raise serializers.ValidationError("partner_suspended")
        if partner.has_overdue_bill and not partner.orders_while_overdue:
            raise serializers.ValidationError("account_overdue")
        if Order.objects.filter(
            partner=partner, merchant_order_no=validated_data["merchant_order_no"]
        ).exists():
            raise serializers.ValidationError("merchant_order_no_conflict")
        warehouses = list(
            Warehouse.objects.filter(
                Q(serves__isnull=True) | Q(serves__code__in=region.path)
            ).distinct()
        )
        now = timezone.now()
        order_no = dated_no("", now)
        order = Order.objects.create(
            order_no=order_no,
            partner=partner,
            merchant_order_no=validated_data["merchant_order_no"],
            fingerprint=hashlib.sha256(repr(validated_data).encode()).digest(),
            status="pending_payment",
            goods_amount=0,
            freight_amount=0,
            total_amount=0,
            remark=validated_data.get("remark", ""),
            purchase_order_no=validated_data.get("purchase_order_no", ""),
            metadata=validated_data.get("metadata", {}),
            consignee_name=consignee["name"],
            consignee_phone=consignee["phone"],
            consignee_region=region,
            consignee_region_name=region.path_name,
            consignee_address=consignee["address"],
            expires_at=now + timedelta(minutes=partner.order_expiry_minutes),
            created_at=now,
            updated_at=now,
        )
        items = sorted(validated_data["items"], key=lambda item: item["sku"])
        for line_no, item in enumerate(items, start=1):
            self._add_line(order, line_no, item, warehouses)
        self._add_amounts(order)
        OrderEvent.objects.create(
            order=order,
            subject_no=order_no,
            to_status=order.status,
            actor=partner.code,
            created_at=now,
        )
        Outbox.objects.create(
            type="order.created",
            subject=f"order:{order_no}",
            partner_ids=[partner.pk],
            data={
                "order": json.loads(json.dumps(self.to_representation(order), default=str)),
                "changed": [order_no],
            },
        )
        self._hold(order)
        return order

    def _add_line(
        self, order: Order, line_no: int, item: dict[str, Any], warehouses: list[Warehouse]
    ) -> None:
        sku = (
            Sku.objects.filter(
                code=item["sku"],
                shelf_state=Sku.ShelfState.ON_SHELF,
                memberships__pool__assignments__partner=order.partner,
            )
            .distinct()
            .first()
        )
        if sku is None:
            raise serializers.ValidationError("sku_not_available")
        quantity = item["quantity"]
        stocks = Stock.objects.select_for_update(of=("self",)).select_related("warehouse")
        stock = next(
            (
                stock
                for stock in stocks.filter(sku=sku, warehouse__in=warehouses).order_by("pk")
                if stock.on_hand - stock.reserved - stock.safety_quantity >= quantity
            ),
            None,
        )
        if stock is None:
            raise serializers.ValidationError("stock_insufficient")
        suborder, _ = Suborder.objects.get_or_create(
            order=order,
            warehouse=stock.warehouse,
            defaults={
                "order_no": f"{order.order_no}-{order.suborders.count() + 1}",
                "status": "pending_payment",
                "goods_amount": 0,
                "freight_amount": 0,
                "total_amount": 0,
            },
        )
        price = _purchase_price(order.partner, sku)
        OrderLine.objects.create(
            order=order,
            suborder=suborder,
            line_no=line_no,
            sku=sku,
            sku_code=sku.code,
            name=sku.name,
            quantity=quantity,
            purchase_price=price,
            market_price=sku.market_price,
            sale_price=sku.sale_price,
            tax_rate=sku.tax_rate,
            weight_grams=sku.weight_grams,
            amount=price * quantity,
        )
        stock.reserved += quantity
        stock.save(update_fields=["reserved"])
        StockMovement.objects.create(
            stock=stock,
            cause=StockMovement.Cause.RESERVED,
            reserved_change=quantity,
            document_no=order.order_no,
        )

    def _add_amounts(self, order: Order) -> None:
        tariff = FreightRule.objects.get(template__is_active=True)
        for suborder in order.suborders.prefetch_related("lines"):
            lines = list(suborder.lines.all())
            weight = sum(line.weight_grams * line.quantity for line in lines)
            steps = -(-max(weight - tariff.first_size, 0) // tariff.step_size)
            suborder.goods_amount = sum((line.amount for line in lines), Decimal(0))
            suborder.freight_amount = tariff.first_amount + steps * tariff.step_amount
            suborder.total_amount = suborder.goods_amount + suborder.freight_amount
            suborder.save()
            order.goods_amount += suborder.goods_amount
            order.freight_amount += suborder.freight_amount
        order.total_amount = order.goods_amount + order.freight_amount
        order.save()

    def _hold(self, order: Order) -> None:
        wallet = Wallet.objects.select_for_update().get(partner=order.partner)
        if wallet.available_amount < order.total_amount:
            raise serializers.ValidationError("balance_insufficient")
        wallet.held_amount += order.total_amount
        wallet.last_hold_no += 1
        wallet.open_orders += 1
        wallet.save(update_fields=["held_amount", "last_hold_no", "open_orders"])
        HoldEntry.objects.create(
            partner=order.partner,
            hold_no=wallet.last_hold_no,
            kind=HoldEntry.Kind.HELD,
            amount=order.total_amount,
            held_after=wallet.held_amount,
            order_no=order.order_no,
            created_at=timezone.now(),
        )


def _purchase_price(partner: Partner, sku: Sku) -> Decimal:
    now = timezone.now()
    agreed = (
        PurchasePrice.objects.filter(partner=partner, sku=sku, starts_at__lte=now)
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now))
        .order_by("-starts_at")
        .first()
    )
    if agreed is None:
        return sku.sale_price
    if agreed.fixed_price is not None:
        return agreed.fixed_price
    price = sku.sale_price * (100 - (agreed.discount_percent or Decimal(0))) / 100
    return price.quantize(Decimal("0.01"), ROUND_HALF_UP)
