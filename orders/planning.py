"""From what is asked for and what there is to an order ready to be written. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog.selectors.availability import LineFacts
from openplatform.core import money
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from orders.documents import order_document
from orders.freight import Cargo, Tariff, charge
from orders.requests import OrderRequest
from orders.splitting import Demand, split
from orders.states import OrderStatus, SuborderStatus


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """An order ready to be written: rows as the tables take them, and the document they make."""

    order: dict[str, Any]
    parts: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    stock_ids: list[int]
    quantities: list[int]
    document: dict[str, Any]

    @property
    def order_no(self) -> str:
        """Its number."""
        return str(self.order["order_no"])

    def parameters(self) -> dict[str, Any]:
        """For the statement that inserts it."""
        return {
            **self.order,
            "metadata": to_json(self.order["metadata"]).decode(),
            "parts": to_json(self.parts).decode(),
            "lines": to_json(self.lines).decode(),
        }

    def messages(self) -> list[tuple[str, list[str]]]:
        """What is told of it: types, each with the numbers that changed."""
        messages = [("order.created", [self.order_no])]
        if len(self.parts) > 1:
            messages.append(("order.split", [part["order_no"] for part in self.parts]))
        return messages


def plan_order(
    request: OrderRequest,
    facts: Mapping[str, LineFacts],
    context: dict[str, Any],
    tariffs: Sequence[Tariff],
    *,
    partner_id: int,
    now: datetime,
) -> OrderPlan:
    """Split by warehouse, with prices and freight as they will be frozen.

    ``context`` is the row of ``placement.CONTEXT``: deadline, names.
    """
    order_no = dated_no("", now)
    demands = [Demand(facts[item.sku], item.quantity) for item in request.items]
    parts: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    stock_ids: list[int] = []
    quantities: list[int] = []
    for parcel in split(demands):
        suborder_no = f"{order_no}-{len(parts) + 1}"
        warehouse_id = parcel[0].lot.warehouse_id
        cargo: list[Cargo] = []
        for piece in parcel:
            line = _line_row(piece.demand.facts, piece.quantity, suborder_no, len(lines) + 1)
            lines.append(line)
            cargo.append(Cargo(line["sku"], piece.quantity, line["weight_grams"], line["amount"]))
            stock_ids.append(piece.lot.stock_id)
            quantities.append(piece.quantity)
        freight = charge(tariffs, warehouse_id=warehouse_id, cargo=cargo)
        parts.append(
            {
                **_amounts(sum((piece.amount for piece in cargo), money.ZERO), freight.amount),
                "order_no": suborder_no,
                "warehouse_id": warehouse_id,
                "freight_details": freight.details,
                "split_from": None,
                "status": SuborderStatus.PENDING_PAYMENT.value,
                "shipped_at": None,
                "delivered_at": None,
                "completed_at": None,
            }
        )
    amounts = _amounts(
        sum((part["goods_amount"] for part in parts), money.ZERO),
        sum((part["freight_amount"] for part in parts), money.ZERO),
    )
    order = {
        **amounts,
        "order_no": order_no,
        "partner_id": partner_id,
        "merchant_order_no": request.merchant_order_no,
        "fingerprint": request.fingerprint(),
        "status": OrderStatus.PENDING_PAYMENT.value,
        "version": 1,
        "remark": request.remark,
        "purchase_order_no": request.purchase_order_no,
        "metadata": dict(request.metadata),
        "quote_id": "",
        "dropped": [],
        "consignee_name": request.consignee.name,
        "consignee_phone": request.consignee.phone,
        "consignee_region_id": context["region_code"],  # a retired one's successor
        "consignee_region_name": context["path_name"],
        "consignee_address": request.consignee.address,
        "consignee_erased_at": None,
        "expires_at": context["expires_at"],
        "created_at": now,
        "updated_at": now,
        "paid_at": None,
        "cancelled_at": None,
        "closed_at": None,
        "close_reason": "",
        "actor": context["code"],
    }
    return OrderPlan(
        order, parts, lines, stock_ids, quantities, order_document(order, parts, lines, ())
    )


def _line_row(facts: LineFacts, quantity: int, suborder_no: str, line_no: int) -> dict[str, Any]:
    return {
        "suborder": suborder_no,
        "line_no": line_no,
        "origin_line_no": None,
        "sku_id": facts.sku_id,
        "sku": facts.code,
        "name": facts.name,
        "quantity": quantity,
        "shipped_quantity": 0,
        "refunded_quantity": 0,
        "purchase_price": facts.purchase_price,
        "market_price": facts.market_price,
        "sale_price": facts.sale_price,
        "tax_rate": str(facts.tax_rate),
        "weight_grams": facts.weight_grams,
        "amount": facts.purchase_price * quantity,
        "refunded_amount": money.ZERO,
    }


def _amounts(goods: Decimal, freight: Decimal) -> dict[str, Decimal]:
    return {
        "goods_amount": goods,
        "freight_amount": freight,
        "total_amount": goods + freight,
        "refunded_amount": money.ZERO,
    }
