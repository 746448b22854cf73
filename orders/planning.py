"""From what is asked for and what there is to an order ready to be written. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog.selectors.availability import LineFacts
from openplatform.core import money
from openplatform.core.json_text import to_json
from orders.destinations import Destination
from orders.documents import order_document
from orders.freight import Cargo, Tariff, charge
from orders.requests import OnShortage, OrderRequest
from orders.splitting import Demand, split
from orders.states import OrderStatus, SuborderStatus


@dataclass(frozen=True, slots=True)
class GoodsPlan:
    """Which warehouse ships what, at which prices and freight: rows as the tables take them.

    Amounts are Decimal, or their text in a plan that was kept. Numbers of parts are those of their
    order with ``-1``, ``-2``… behind; in the plan of a quote, which has no order yet, only these.
    """

    parts: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    stock_ids: list[int]
    quantities: list[int]
    dropped: list[dict[str, Any]]

    def under(self, order_no: str) -> GoodsPlan:
        """The plan of a quote as that of an order."""
        return replace(
            self,
            parts=[{**part, "order_no": order_no + part["order_no"]} for part in self.parts],
            lines=[{**line, "suborder": order_no + line["suborder"]} for line in self.lines],
        )

    def amounts(self) -> dict[str, Decimal]:
        """Of all parts together."""
        return _amounts(
            sum((Decimal(part["goods_amount"]) for part in self.parts), money.ZERO),
            sum((Decimal(part["freight_amount"]) for part in self.parts), money.ZERO),
        )


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """An order ready to be written, and the document it makes."""

    order: dict[str, Any]
    goods: GoodsPlan
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
            "dropped": to_json(self.order["dropped"]).decode(),
            "parts": to_json(self.goods.parts).decode(),
            "lines": to_json(self.goods.lines).decode(),
        }

    def messages(self) -> list[tuple[str, list[str]]]:
        """What is told of it: types, each with the numbers that changed."""
        messages = [("order.created", [self.order_no])]
        parts = self.goods.parts
        if len(parts) > 1:
            messages.append(("order.split", [part["order_no"] for part in parts]))
        return messages


def promised_quantity(facts: LineFacts, quantity: int) -> int:
    """What can be promised of so many units: all of them, else as many as there are in whole
    steps, else none.
    """
    sellable = facts.sellable
    if sellable >= quantity:
        return quantity
    cut = sellable - sellable % facts.quantity_step
    return cut if cut >= facts.min_quantity else 0


def plan_goods(
    request: OrderRequest,
    facts: Mapping[str, LineFacts],
    tariffs: Sequence[Tariff],
    *,
    order_no: str,
) -> GoodsPlan:
    """Split by warehouse, with prices and freight as they will be frozen.

    Every line that the request does not let be dropped must be covered by its facts.
    """
    dropped: list[dict[str, Any]] = []
    if request.on_shortage == OnShortage.DROP_LINE:
        demands = _cut_demands(request, facts, dropped)
    else:
        demands = [Demand(facts[item.sku], item.quantity) for item in request.items]
    plan = GoodsPlan(parts=[], lines=[], stock_ids=[], quantities=[], dropped=dropped)
    for parcel in split(demands):
        suborder_no = f"{order_no}-{len(plan.parts) + 1}"
        warehouse_id = parcel[0].lot.warehouse_id
        cargo: list[Cargo] = []
        for piece in parcel:
            line = _line_row(piece.demand.facts, piece.quantity, suborder_no, len(plan.lines) + 1)
            plan.lines.append(line)
            cargo.append(Cargo(line["sku"], piece.quantity, line["weight_grams"], line["amount"]))
            plan.stock_ids.append(piece.lot.stock_id)
            plan.quantities.append(piece.quantity)
        freight = charge(tariffs, warehouse_id=warehouse_id, cargo=cargo)
        plan.parts.append(
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
    return plan


def plan_order(
    request: OrderRequest,
    goods: GoodsPlan,
    destination: Destination,
    context: dict[str, Any],
    *,
    order_no: str,
    partner_id: int,
    now: datetime,
) -> OrderPlan:
    """The order around its goods.

    ``context`` is the row of ``selectors.context``: deadline, names.
    """
    order = {
        **goods.amounts(),
        "order_no": order_no,
        "partner_id": partner_id,
        "merchant_order_no": request.merchant_order_no,
        "fingerprint": request.fingerprint(),
        "status": OrderStatus.PENDING_PAYMENT.value,
        "version": 1,
        "remark": request.remark,
        "purchase_order_no": request.purchase_order_no,
        "metadata": dict(request.metadata),
        "quote_id": request.quote_id,
        "dropped": goods.dropped,
        "consignee_name": request.consignee.name,
        "consignee_phone": request.consignee.phone,
        "consignee_region_id": context["region_code"],  # a retired one's successor
        "consignee_region_name": context["path_name"],
        "consignee_address": request.consignee.address,
        "consignee_erased_at": None,
        "region_confidence": destination.confidence,
        "expires_at": context["expires_at"],
        "created_at": now,
        "updated_at": now,
        "paid_at": None,
        "cancelled_at": None,
        "closed_at": None,
        "close_reason": "",
        "actor": context["code"],
    }
    document = order_document(order, goods.parts, goods.lines, ())
    return OrderPlan(order, goods, document)


def _cut_demands(
    request: OrderRequest, facts: Mapping[str, LineFacts], dropped: list[dict[str, Any]]
) -> list[Demand]:
    demands = []
    for item in request.items:
        found = facts[item.sku]
        ordered = promised_quantity(found, item.quantity)
        if ordered:
            demands.append(Demand(found, ordered))
        if ordered < item.quantity:
            dropped.append({"sku": item.sku, "requested": item.quantity, "ordered": ordered})
    return demands


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
