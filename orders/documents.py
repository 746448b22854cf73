"""An order as the contract shows it: the same in answers, in messages and in replays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from openplatform.core.clock import to_text
from openplatform.core.money import rate_to_text

Row = Mapping[str, Any]


def order_document(
    order: Row, suborders: Iterable[Row], lines: Iterable[Row], shipments: Iterable[Row]
) -> dict[str, Any]:
    """``GET /orders/{order_no}`` by the parent's number.

    The rows are those of ``orders/selectors/trees.py`` (amounts as Decimal or their text, times as
    datetime or their text): ``suborders`` in order, ``lines`` and ``shipments`` with ``suborder``,
    the number they belong to.
    """
    lines_of: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        lines_of.setdefault(line["suborder"], []).append(_line_document(line))
    shipments_of: dict[str, list[dict[str, Any]]] = {}
    for shipment in shipments:
        shipments_of.setdefault(shipment["suborder"], []).append(shipment_document(shipment))
    parts = [
        _suborder_document(
            part,
            order["order_no"],
            lines_of.get(part["order_no"], []),
            shipments_of.get(part["order_no"], []),
        )
        for part in suborders
    ]
    return {
        "order_no": order["order_no"],
        "merchant_order_no": order["merchant_order_no"],
        "status": order["status"],
        "is_split": len(parts) > 1,
        "currency": settings.CURRENCY,
        "goods_amount": _amount(order["goods_amount"]),
        "freight_amount": _amount(order["freight_amount"]),
        "total_amount": _amount(order["total_amount"]),
        "refunded_amount": _amount(order["refunded_amount"]),
        "dropped": order["dropped"],
        "quote_id": order["quote_id"] or None,
        "remark": order["remark"] or None,
        "purchase_order_no": order["purchase_order_no"] or None,
        "metadata": order["metadata"],
        "expires_at": _time(order["expires_at"]),
        "created_at": _time(order["created_at"]),
        "updated_at": _time(order["updated_at"]),
        "paid_at": _time(order["paid_at"]),
        "cancelled_at": _time(order["cancelled_at"]),
        "closed_at": _time(order["closed_at"]),
        "close_reason": order["close_reason"] or None,
        "consignee": _consignee(order),
        "version": order["version"],
        "suborders": parts,
    }


def child_document(document: dict[str, Any], order_no: str) -> dict[str, Any]:
    """``GET /orders/{order_no}`` by a child's number: its own content, and whose part it is."""
    part = next(part for part in document["suborders"] if part["order_no"] == order_no)
    shared = (
        "merchant_order_no", "currency", "remark", "purchase_order_no", "metadata", "created_at",
        "updated_at", "paid_at", "consignee", "version",
    )  # fmt: skip
    return {**part, **{name: document[name] for name in shared}}


def list_document(document: dict[str, Any]) -> dict[str, Any]:
    """A row of ``GET /orders``: without consignee and lines."""
    row = {name: value for name, value in document.items() if name != "consignee"}
    row["suborders"] = [
        {name: value for name, value in part.items() if name != "lines"}
        for part in document["suborders"]
    ]
    return row


def shipment_document(shipment: Row) -> dict[str, Any]:
    """A parcel."""
    return {
        "shipment_no": shipment["shipment_no"],
        "carrier": {"code": shipment["carrier_code"], "name": shipment["carrier_name"]},
        "waybill_no": shipment["waybill_no"],
        "status": shipment["status"],
        "shipped_at": _time(shipment["shipped_at"]),
        "delivered_at": _time(shipment["delivered_at"]),
        "lines": [
            {"line_no": str(line["line_no"]), "sku": line["sku"], "quantity": line["quantity"]}
            for line in shipment["lines"]
        ],
    }


def quote_document(
    *,
    quote_id: str | None,
    expires_at: datetime | None,
    region: str | None,
    region_confidence: float | None,
    errors: list[dict[str, Any]],
    items: list[dict[str, Any]],
    parts: Iterable[Row],
    lines: Iterable[Row],
    amounts: Mapping[str, Decimal] | None,
    available: Decimal,
) -> dict[str, Any]:
    """``POST /orders/quotes``: nothing of warehouses, no number of units that there are.

    ``parts`` and ``lines`` are those of a plan; without one, ``amounts`` is None.
    """
    lines_of: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        lines_of.setdefault(line["suborder"], []).append(_quoted_line(line))
    return {
        "quote_id": quote_id,
        "expires_at": to_text(expires_at),
        "orderable": not errors,
        "errors": errors,
        "region": region,
        "region_confidence": region_confidence,
        "currency": settings.CURRENCY,
        "goods_amount": None if amounts is None else amounts["goods_amount"],
        "freight_amount": None if amounts is None else amounts["freight_amount"],
        "total_amount": None if amounts is None else amounts["total_amount"],
        "available_after": None if amounts is None else available - amounts["total_amount"],
        "items": items,
        "suborders": [
            {
                "goods_amount": part["goods_amount"],
                "freight_amount": part["freight_amount"],
                "total_amount": part["total_amount"],
                "freight": part["freight_details"],
                "lines": lines_of[part["order_no"]],
            }
            for part in parts
        ],
    }


def _quoted_line(line: Row) -> dict[str, Any]:
    return {
        "sku": line["sku"],
        "name": line["name"],
        "quantity": line["quantity"],
        "purchase_price": _amount(line["purchase_price"]),
        "market_price": _amount(line["market_price"]),
        "sale_price": _amount(line["sale_price"]),
        "tax_rate": _rate(line["tax_rate"]),
        "amount": _amount(line["amount"]),
    }


def _consignee(order: Row) -> dict[str, Any] | None:
    """None once it was erased."""
    if order["consignee_erased_at"] is not None:
        return None
    return {
        "name": order["consignee_name"],
        "phone": order["consignee_phone"],
        "region": order["consignee_region_id"],
        "region_confidence": _confidence(order["region_confidence"]),
        "address": order["consignee_address"],
    }


def _confidence(confidence: Decimal | float | None) -> float | None:
    """As ``POST /regions/resolve`` tells it."""
    return None if confidence is None else float(confidence)


def _suborder_document(
    part: Row, parent_no: str, lines: list[dict[str, Any]], shipments: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "order_no": part["order_no"],
        "parent_order_no": parent_no,
        "split_from": part["split_from"],
        "status": part["status"],
        "goods_amount": _amount(part["goods_amount"]),
        "freight_amount": _amount(part["freight_amount"]),
        "total_amount": _amount(part["total_amount"]),
        "refunded_amount": _amount(part["refunded_amount"]),
        "shipped_at": _time(part["shipped_at"]),
        "delivered_at": _time(part["delivered_at"]),
        "completed_at": _time(part["completed_at"]),
        "lines": lines,
        "shipments": shipments,
    }


def _line_document(line: Row) -> dict[str, Any]:
    origin = line["origin_line_no"]
    return {
        "line_no": str(line["line_no"]),
        "origin_line_no": None if origin is None else str(origin),
        "sku": line["sku"],
        "name": line["name"],
        "quantity": line["quantity"],
        "shipped_quantity": line["shipped_quantity"],
        "refunded_quantity": line["refunded_quantity"],
        "purchase_price": _amount(line["purchase_price"]),
        "market_price": _amount(line["market_price"]),
        "sale_price": _amount(line["sale_price"]),
        "tax_rate": _rate(line["tax_rate"]),
        "amount": _amount(line["amount"]),
        "refunded_amount": _amount(line["refunded_amount"]),
    }


def _amount(amount: Decimal | str) -> str:
    # numeric(14,2) comes out of Postgres with its two decimals, as a number or as text
    return str(amount)


def _rate(rate: Decimal | str) -> str:
    return rate_to_text(Decimal(rate))


def _time(moment: datetime | str | None) -> str | None:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return to_text(moment)
