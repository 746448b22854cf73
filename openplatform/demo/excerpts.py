"""What the walkthrough shows of long answers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from openplatform.demo.narration import Json

PAPERS = ("statement", "reconciliation", "invoice")  # what messages of theirs carry


def pick(*names: str) -> Callable[[Json], Json]:
    """Shows these fields of an answer."""
    return lambda body: {name: body.get(name) for name in names}


def first(*names: str) -> Callable[[Json], Json]:
    """Shows these fields of the first row of an answer."""
    return lambda body: pick(*names)(body["results"][0]) if body["results"] else {}


def order_shown(body: Json) -> Json:
    """What is worth seeing of an order."""
    shown = pick("order_no", "status", "is_split", "goods_amount", "freight_amount")(body)
    return {
        **shown,
        "total_amount": body["total_amount"],
        "suborders": [
            {
                "order_no": part["order_no"],
                "status": part["status"],
                "skus": [line["sku"] for line in part["lines"]],
            }
            for part in body["suborders"]
        ],
    }


def quote_shown(body: Json) -> Json:
    """What is worth seeing of a quote: the parts, and what their freight comes from."""
    return {
        **pick("orderable", "quote_id", "expires_at", "freight_amount", "total_amount")(body),
        "available_after": body["available_after"],
        "suborders": [
            {
                "skus": [line["sku"] for line in part["lines"]],
                "freight": [
                    pick("template", "basis", "size", "amount")(rule) for rule in part["freight"]
                ],
            }
            for part in body["suborders"]
        ],
    }


def tracking_shown(body: Json) -> Json:
    """What is worth seeing of a parcel: where it is, and what happened last."""
    shown = pick("waybill_no", "status", "as_of", "is_stale")(body)
    return {**shown, "last_event": body["events"][-1] if body["events"] else None}


def timeline_shown(body: Json) -> Json:
    """What is worth seeing of an order's money."""
    return {
        **pick("net_amount")(body),
        "entries": [
            pick("kind", "amount", "held_after", "balance_after")(entry)
            for entry in body["entries"]
        ],
        "lines": [pick("order_no", "sku", "net_amount")(line) for line in body["lines"]],
    }


def message_shown(message: Json) -> Json:
    """What is worth seeing of a message."""
    shown = {"sequence": message["sequence"], "type": message["type"]}
    if "aftersale" in message["data"]:
        return {**shown, **pick("aftersale_no", "status")(message["data"]["aftersale"])}
    for subject in PAPERS:
        if subject in message["data"]:
            return {**shown, **pick(f"{subject}_no", "status")(message["data"][subject])}
    return {**shown, "changed": message["data"].get("changed")}


def options_shown(body: Json) -> Json:
    """What is worth seeing of what can be claimed."""
    return {
        **pick("refundable_freight")(body),
        "lines": [
            pick("line_no", "sku", "claimable_quantity", "types", "until", "refundable_amount")(
                line
            )
            for line in body["lines"]
        ],
        "reasons": [reason["code"] for reason in body["reasons"]],
    }


def claim_shown(body: Json) -> Json:
    """What is worth seeing of a claim."""
    return {
        **pick("aftersale_no", "type", "status", "refund_amount", "deadline")(body),
        "history": [f"{event['actor']}: {event['to']}" for event in body["history"]],
        "return_address": body["return_address"],
        "items": [
            pick("line_no", "quantity", "approved_quantity", "accepted_quantity", "inspection")(
                item
            )
            for item in body["items"]
        ],
    }


def statement_shown(body: Json) -> Json:
    """What is worth seeing of a statement."""
    return {
        **pick("statement_no", "period_start", "period_end", "status")(body),
        **pick("opening", "totals", "closing", "entry_count")(body),
        "files": [f"{file['language']}.{file['format']}" for file in body["files"]],
    }


def report_shown(body: Json) -> Json:
    """What is worth seeing of a comparison: what its rows came to, and what leads from one closing
    to the other.
    """
    shown = pick("reconciliation_no", "statement_no", "status")(body)
    bridge = body["bridge"] or {}
    return {
        **shown,
        "results": {name: count for name, count in (body["results"] or {}).items() if count},
        "bridge": {name: amount for name, amount in bridge.items() if Decimal(amount)},
        **({"faults": body["faults"]} if body["faults"] else {}),
    }


def invoice_shown(body: Json) -> Json:
    """What is worth seeing of an invoice."""
    return {
        **pick("invoice_no", "status", "credits", "amount", "tax_amount")(body),
        **pick("fiscal_code", "fiscal_number", "issued_at")(body),
        "lines": [
            pick("sku", "quantity", "tax_rate", "amount")(line) for line in body.get("lines", [])
        ],
    }
