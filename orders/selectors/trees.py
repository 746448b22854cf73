"""Orders with everything that hangs on them, in one statement whatever their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from openplatform.core.statements import Sent, send
from orders.documents import order_document

# Amounts leave JSON as text: a JSON number would come back as a float.
TREES = """
    SELECT "order".id, "order".partner_id, "order".order_no, "order".merchant_order_no,
        "order".status, "order".version, "order".goods_amount, "order".freight_amount,
        "order".total_amount, "order".refunded_amount, "order".remark, "order".purchase_order_no,
        "order".metadata::text AS metadata, "order".consignee_name, "order".consignee_phone,
        "order".consignee_region_id, "order".region_confidence, "order".consignee_address,
        "order".consignee_erased_at,
        "order".quote_id, "order".dropped::text AS dropped, "order".expires_at,
        "order".created_at, "order".updated_at, "order".paid_at, "order".cancelled_at,
        "order".closed_at, "order".close_reason, "order".fingerprint,
        (
            SELECT coalesce(json_agg(json_build_object(
                'order_no', part.order_no, 'split_from', origin.order_no, 'status', part.status,
                'warehouse_id', part.warehouse_id,
                'goods_amount', part.goods_amount::text,
                'freight_amount', part.freight_amount::text,
                'total_amount', part.total_amount::text,
                'refunded_amount', part.refunded_amount::text,
                'shipped_at', part.shipped_at, 'delivered_at', part.delivered_at,
                'completed_at', part.completed_at
            ) ORDER BY part.id), '[]')::text
            FROM orders_suborder part
            LEFT JOIN orders_suborder origin ON origin.id = part.split_from_id
            WHERE part.order_id = "order".id
        ) AS suborders,
        (
            SELECT coalesce(json_agg(json_build_object(
                'suborder', part.order_no, 'line_no', line.line_no,
                'origin_line_no', line.origin_line_no, 'sku', line.sku_code, 'name', line.name,
                'quantity', line.quantity, 'shipped_quantity', line.shipped_quantity,
                'refunded_quantity', line.refunded_quantity,
                'purchase_price', line.purchase_price::text,
                'market_price', line.market_price::text, 'sale_price', line.sale_price::text,
                'tax_rate', line.tax_rate::text, 'amount', line.amount::text,
                'refunded_amount', line.refunded_amount::text,
                'stock_id', (
                    SELECT stock.id FROM catalog_stock stock
                    WHERE stock.sku_id = line.sku_id AND stock.warehouse_id = part.warehouse_id
                )
            ) ORDER BY line.line_no), '[]')::text
            FROM orders_orderline line
            JOIN orders_suborder part ON part.id = line.suborder_id
            WHERE line.order_id = "order".id
        ) AS lines,
        (
            SELECT coalesce(json_agg(json_build_object(
                'suborder', part.order_no, 'shipment_no', shipment.shipment_no,
                'carrier_code', carrier.code, 'carrier_name', carrier.name,
                'waybill_no', shipment.waybill_no, 'shipped_at', shipment.shipped_at,
                'status', shipment.status, 'delivered_at', shipment.delivered_at,
                'lines', (
                    SELECT json_agg(json_build_object(
                        'line_no', line.line_no, 'sku', line.sku_code,
                        'quantity', content.quantity
                    ) ORDER BY line.line_no)
                    FROM orders_shipmentline content
                    JOIN orders_orderline line ON line.id = content.line_id
                    WHERE content.shipment_id = shipment.id
                )
            ) ORDER BY shipment.id), '[]')::text
            FROM orders_shipment shipment
            JOIN orders_suborder part ON part.id = shipment.suborder_id
            JOIN orders_carrier carrier ON carrier.id = shipment.carrier_id
            WHERE part.order_id = "order".id
        ) AS shipments
    FROM unnest(%(order_nos)s::text[]) AS wanted (order_no)
    JOIN orders_order "order" ON "order".order_no = wanted.order_no
"""


@dataclass(frozen=True, slots=True)
class OrderTree:
    """An order and its parts, as rows."""

    order: dict[str, Any]
    suborders: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    shipments: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """As the contract shows it."""
        return order_document(self.order, self.suborders, self.lines, self.shipments)


def send_trees(order_nos: Sequence[str]) -> Sent:
    """Ask for orders by their parent numbers; read them with :func:`read_trees`."""
    return send(TREES, {"order_nos": list(order_nos)})


def read_trees(sent: Sent) -> list[OrderTree]:
    """The orders that exist, in no order of its own."""
    trees = []
    for row in sent.named_rows():
        row["metadata"] = orjson.loads(row["metadata"])
        row["dropped"] = orjson.loads(row["dropped"])
        trees.append(
            OrderTree(
                order=row,
                suborders=orjson.loads(row.pop("suborders")),
                lines=orjson.loads(row.pop("lines")),
                shipments=orjson.loads(row.pop("shipments")),
            )
        )
    return trees
