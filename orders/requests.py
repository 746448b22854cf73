"""What a merchant asks for when it places an order, or asks what one would cost."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import orjson


class OnShortage(StrEnum):
    """What becomes of a line that there is not enough stock for."""

    REJECT = "reject"
    DROP_LINE = "drop_line"


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """A line asked for. ``expected_price`` is the purchase price that the merchant counts on."""

    sku: str
    quantity: int
    expected_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Consignee:
    """Who gets the goods, and where. Without ``region`` it is looked for in the address."""

    name: str
    phone: str
    region: str | None
    address: str


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a merchant asks for; each SKU stands in one item only."""

    merchant_order_no: str
    items: Sequence[RequestedItem]
    consignee: Consignee
    on_shortage: OnShortage = OnShortage.REJECT
    remark: str = ""
    purchase_order_no: str = ""
    quote_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> bytes:
        """What makes a request "the same": SKUs, quantities and consignee."""
        who = self.consignee
        return hashlib.sha256(
            orjson.dumps([self.sorted_items(), [who.name, who.phone, who.region, who.address]])
        ).digest()

    def goods_fingerprint(self, region: str) -> bytes:
        """What a quote stands for: SKUs, quantities and region."""
        return hashlib.sha256(orjson.dumps([self.sorted_items(), region])).digest()

    def sorted_items(self) -> list[tuple[str, int]]:
        """SKUs and quantities, in whatever order they were asked for."""
        return sorted((item.sku, item.quantity) for item in self.items)
