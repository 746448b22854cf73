"""``GET /orders/{order_no}/timeline``: from holds, ledger and the documents of the order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import F

from accounts.models import HoldEntry, LedgerEntry
from openplatform.core import clock, money
from orders.models import Closure, Split
from orders.selectors.orders import find_tree
from orders.selectors.trees import OrderTree
from orders.timeline import (
    REFUNDS,
    Kind,
    Moment,
    Place,
    Share,
    Totals,
    by_place,
    of_suborder,
    run_up,
    undo_splits,
)

KIND_OF_HOLD = {
    HoldEntry.Kind.HELD.value: Kind.HELD,
    HoldEntry.Kind.RELEASED.value: Kind.RELEASED,
    HoldEntry.Kind.PAID.value: Kind.PAID,
}


def get_timeline_document(*, partner_id: int, order_no: str) -> dict[str, Any]:
    """The money of an order by its parent's number; by a child's number its own share of it.

    A fixed number of statements, whatever became of the order.

    :raises NotFound: when the partner has no such order.
    """
    tree, is_child = find_tree(partner_id=partner_id, order_no=order_no)
    moments = _list_moments(tree)
    if is_child:
        moments = of_suborder(moments, order_no)
    skus = {line["line_no"]: line["sku"] for line in tree.lines}
    running = run_up(moments)
    last = running[-1] if running else Totals()
    places = sorted(by_place(moments).items(), key=lambda item: _in_order(item[0]))
    return {
        "order_no": order_no,
        "parent_order_no": tree.order["order_no"] if is_child else None,
        "currency": settings.CURRENCY,
        **_totals_document(last),
        "entries": [
            _moment_document(moment, after, skus)
            for moment, after in zip(moments, running, strict=True)
        ],
        "lines": [
            {
                "order_no": suborder_no,
                **_line_document(line_no, skus),
                **_totals_document(totals),
            }
            for (suborder_no, line_no), totals in places
        ],
    }


def read_closures(closure_nos: Sequence[str]) -> dict[str, list[Share]]:
    """What closures refunded of which line, and of the freight."""
    closures = (
        Closure.objects.filter(closure_no__in=closure_nos)
        .select_related("suborder")
        .prefetch_related("lines__line")
    )
    found: dict[str, list[Share]] = {}
    for closure in closures:
        part_no = closure.suborder.order_no
        shares = [
            Share(part_no, row.line.line_no, row.amount, row.quantity)
            for row in sorted(closure.lines.all(), key=lambda row: row.line.line_no)
        ]
        if closure.freight_amount:
            shares.append(Share(part_no, None, closure.freight_amount))
        found[closure.closure_no] = shares
    return found


def _list_moments(tree: OrderTree) -> list[Moment]:
    order_no, partner_id = tree.order["order_no"], tree.order["partner_id"]
    splits = _read_splits(tree.order["id"])
    placed = sorted(
        undo_splits(_lying_now(tree), [(left, came) for _at, left, came in splits]),
        key=lambda share: _in_order(share.place),
    )
    entries = list(
        LedgerEntry.objects.filter(partner_id=partner_id, order_no=order_no).order_by("entry_no")
    )
    payment = next(
        (entry for entry in entries if entry.kind == LedgerEntry.Kind.ORDER_PAYMENT), None
    )
    begun = []
    for hold in HoldEntry.objects.filter(order_no=order_no).order_by("hold_no"):
        paid_by = payment if hold.kind == HoldEntry.Kind.PAID else None
        begun.append(
            Moment(
                at=hold.created_at,
                kind=KIND_OF_HOLD[hold.kind],
                amount=abs(hold.amount),
                shares=placed,
                entry_no=None if paid_by is None else paid_by.entry_no,
                balance_after=None if paid_by is None else paid_by.balance_after,
            )
        )
    later = [
        Moment(at=at, kind=Kind.SPLIT, amount=money.ZERO, shares=[*left, *came])
        for at, left, came in splits
        if left
    ]
    later += _read_refunds([entry for entry in entries if entry.kind == LedgerEntry.Kind.REFUND])
    # Nothing is split or refunded before it is paid, whatever the clocks of two machines say.
    return begun + sorted(later, key=lambda moment: moment.at)


def _read_refunds(entries: Sequence[LedgerEntry]) -> list[Moment]:
    numbers: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        numbers[entry.document].append(entry.document_no)
    shares: dict[tuple[str, str], Sequence[Share]] = {}
    for document, document_nos in numbers.items():
        if document in REFUNDS:
            for document_no, found in REFUNDS[document](document_nos).items():
                shares[document, document_no] = found
    return [
        Moment(
            at=entry.created_at,
            kind=Kind.REFUNDED,
            amount=entry.amount,
            shares=shares[entry.document, entry.document_no],
            document_no=entry.document_no,
            entry_no=entry.entry_no,
            balance_after=entry.balance_after,
        )
        for entry in entries
    ]


def _read_splits(order_id: int) -> list[tuple[Any, list[Share], list[Share]]]:
    """When, what left (negative) and what came of it; nothing of either for a mere move."""
    found = []
    for split in (
        Split.objects.filter(source__order_id=order_id)
        .exclude(suborder=F("source"))
        .select_related("source", "suborder")
        .order_by("id")
    ):
        left, came = [], []
        for row in split.lines:
            amount, quantity = Decimal(row["amount"]), row["quantity"]
            left.append(
                Share(split.source.order_no, int(row["origin_line_no"]), -amount, -quantity)
            )
            came.append(Share(split.suborder.order_no, int(row["line_no"]), amount, quantity))
        if split.freight_amount:
            left.append(Share(split.source.order_no, None, -split.freight_amount))
            came.append(Share(split.suborder.order_no, None, split.freight_amount))
        found.append((split.created_at, left, came))
    return found


def _lying_now(tree: OrderTree) -> list[Share]:
    lines = [
        Share(line["suborder"], line["line_no"], Decimal(line["amount"]), line["quantity"])
        for line in tree.lines
    ]
    freight = [
        Share(part["order_no"], None, Decimal(part["freight_amount"])) for part in tree.suborders
    ]
    return lines + freight


def _in_order(place: Place) -> tuple[int, str, bool, int]:
    """By suborder (``…-2`` before ``…-10``), its lines before its freight."""
    suborder_no, line_no = place
    return len(suborder_no), suborder_no, line_no is None, line_no or 0


def _moment_document(moment: Moment, after: Totals, skus: Mapping[int, str]) -> dict[str, Any]:
    return {
        "at": clock.to_text(moment.at),
        "kind": moment.kind.value,
        "amount": money.to_text(moment.amount),
        "held_after": money.to_text(after.held),
        "net_after": money.to_text(after.net),
        "document_no": moment.document_no,
        "entry_no": None if moment.entry_no is None else str(moment.entry_no),
        "balance_after": None
        if moment.balance_after is None
        else money.to_text(moment.balance_after),
        "shares": [
            {
                "order_no": share.suborder_no,
                **_line_document(share.line_no, skus),
                "quantity": share.quantity,
                "amount": money.to_text(share.amount),
            }
            for share in moment.shares
        ],
    }


def _line_document(line_no: int | None, skus: Mapping[int, str]) -> dict[str, Any]:
    if line_no is None:
        return {"line_no": None, "sku": None}
    return {"line_no": str(line_no), "sku": skus[line_no]}


def _totals_document(totals: Totals) -> dict[str, str]:
    return {
        "held_amount": money.to_text(totals.held),
        "paid_amount": money.to_text(totals.paid),
        "refunded_amount": money.to_text(totals.refunded),
        "net_amount": money.to_text(totals.net),
    }
