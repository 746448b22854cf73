"""What a basket would cost to carry, split and charged as an order would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.models import Warehouse
from catalog.selectors.availability import (
    LineFacts,
    delivery_refusals,
    get_line_facts,
    quantity_refusals,
)
from openplatform.core import money
from openplatform.core.errors import type_of_text
from orders.freight import Cargo, Freight, charge, read_tariffs, send_tariffs
from orders.splitting import Demand, split


@dataclass(frozen=True, slots=True)
class PreviewedPart:
    """What one warehouse would ship, and for how much."""

    warehouse: Warehouse
    cargo: Sequence[tuple[LineFacts, Cargo]]
    freight: Freight

    @property
    def goods_amount(self) -> Decimal:
        """Of its lines."""
        return sum((piece.amount for _facts, piece in self.cargo), money.ZERO)

    @property
    def free_skus(self) -> list[str]:
        """What no template is meant for, so that it goes free."""
        charged = {sku for share in self.freight.details for sku in share["skus"]}
        return [piece.sku for _facts, piece in self.cargo if piece.sku not in charged]


@dataclass(frozen=True, slots=True)
class FreightPreview:
    """The parts, and what cannot be ordered: SKU, quantity, every reason."""

    parts: Sequence[PreviewedPart]
    left_out: Sequence[tuple[str, int, Sequence[type_of_text]]]

    @property
    def goods_amount(self) -> Decimal:
        """Of all parts."""
        return sum((part.goods_amount for part in self.parts), money.ZERO)

    @property
    def freight_amount(self) -> Decimal:
        """Of all parts."""
        return sum((part.freight.amount for part in self.parts), money.ZERO)


def preview_freight(*, partner_id: int, region: str, items: Mapping[str, int]) -> FreightPreview:
    """The freight of a basket that a merchant sends to a region, with its prices of now.

    :param items: quantities by SKU code. What cannot be ordered is left out, and told.
    """
    codes = list(items)
    facts = get_line_facts(partner_id=partner_id, codes=codes, region=region)
    left_out: list[tuple[str, int, Sequence[type_of_text]]] = []
    demands: list[Demand] = []
    for sku, quantity in items.items():
        reasons = _reasons(facts.get(sku), quantity)
        if reasons:
            left_out.append((sku, quantity, reasons))
        else:
            demands.append(Demand(facts[sku], quantity))
    tariffs = read_tariffs(send_tariffs(region=region, codes=codes))
    warehouses: Mapping[int, Any] = Warehouse.objects.in_bulk()
    parts = []
    for parcel in split(demands) if demands else []:
        warehouse_id = parcel[0].lot.warehouse_id
        cargo = [
            (piece.demand.facts, _cargo(piece.demand.facts, piece.quantity)) for piece in parcel
        ]
        freight = charge(
            tariffs, warehouse_id=warehouse_id, cargo=[piece for _facts, piece in cargo]
        )
        parts.append(PreviewedPart(warehouses[warehouse_id], cargo, freight))
    return FreightPreview(parts, left_out)


def _reasons(facts: LineFacts | None, quantity: int) -> list[type_of_text]:
    if facts is None:
        return [_("The merchant does not see this SKU")]
    refusals = [
        *quantity_refusals(facts, quantity, pointer=""),
        *delivery_refusals(facts, quantity, pointer=""),
    ]
    return [refusal.detail for refusal in refusals]


def _cargo(facts: LineFacts, quantity: int) -> Cargo:
    return Cargo(facts.code, quantity, facts.weight_grams, facts.purchase_price * quantity)
