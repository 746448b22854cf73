"""What a merchant asks for when it places an order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import orjson


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """A line asked for. ``expected_price`` is the purchase price that the merchant counts on."""

    sku: str
    quantity: int
    expected_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Consignee:
    """Who gets the goods, and where."""

    name: str
    phone: str
    region: str
    address: str


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a merchant asks for; each SKU stands in one item only."""

    merchant_order_no: str
    items: Sequence[RequestedItem]
    consignee: Consignee
    remark: str = ""
    purchase_order_no: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> bytes:
        """What makes a request "the same": SKUs, quantities and consignee."""
        who = self.consignee
        return hashlib.sha256(
            orjson.dumps(
                [
                    sorted((item.sku, item.quantity) for item in self.items),
                    [who.name, who.phone, who.region, who.address],
                ]
            )
        ).digest()
