"""Books of a merchant as rows, without the services: orders, entries, and a statement of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count

from django.db.models import Model

from accounts.models import LedgerEntry, Partner, TopUp, Wallet
from openplatform.core.clock import PLATFORM_ZONE
from orders.models import Order
from reconciliation.models import Statement
from tests.cast import BEIJING, Merchant
from tests.rows import give_keys, insert

MARCH = date(2026, 3, 1), date(2026, 3, 31)
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of the balance: of an order by number, or a top-up."""

    kind: str
    number: str
    amount: Decimal
    day: int  # of March; 0 and 32 lie outside

    def as_row(self) -> tuple[str, str, str, str]:
        """As a merchant's file has it."""
        at = datetime(2026, 3, 1, 12, tzinfo=PLATFORM_ZONE) + timedelta(days=self.day - 1)
        return self.number, self.kind, f"{self.amount:.2f}", f"{at:%Y-%m-%d}"


def write_books(movements: Sequence[Movement]) -> tuple[Merchant, Statement]:
    """A merchant with these movements, in the order of their days, and its statement of March.

    Orders exist for payments and refunds; their freight is 8.00.
    """
    turn = next(_NUMBERS)
    partner = Partner(code=f"books-{turn}", name=f"Books {turn}")
    give_keys(partner)
    begin = datetime(2026, 2, 28, 9, tzinfo=PLATFORM_ZONE)
    orders: dict[str, Order] = {}
    entries: list[LedgerEntry] = []
    top_ups: list[TopUp] = []
    balance = Decimal(0)
    for number, movement in enumerate(sorted(movements, key=lambda each: each.day), start=1):
        at = begin + timedelta(days=movement.day, microseconds=number)
        balance += movement.amount
        entry = LedgerEntry(
            partner=partner, entry_no=number, kind=movement.kind, amount=movement.amount,
            balance_after=balance, created_at=at,
        )  # fmt: skip
        if movement.kind == "top_up":
            entry.document, entry.document_no = "top_up", f"T{turn}X{number}"
            reference = movement.number or f"own-{number}"
            top_ups.append(_top_up(partner, entry, reference))
        else:
            if movement.number not in orders:
                orders[movement.number] = _order(partner, movement.number, f"P{turn}X{number}", at)
            order = orders[movement.number]
            entry.order_no = order.order_no
            is_refund = movement.kind == "refund"
            entry.document = "closure" if is_refund else "order"
            entry.document_no = f"K{turn}X{number}" if is_refund else order.order_no
        entries.append(entry)
    wallet = Wallet(partner=partner, balance=balance, last_entry_no=len(entries))
    rows: list[Model] = [partner, wallet, *orders.values(), *top_ups, *entries]
    insert(*rows)
    statement = _statement(partner, entries)
    statement.save()
    return Merchant(partner, "op_none"), statement


def _top_up(partner: Partner, entry: LedgerEntry, reference: str) -> TopUp:
    return TopUp(
        partner=partner, top_up_no=entry.document_no, amount=entry.amount,
        approved_amount=entry.amount, reference=reference, status="approved", actor="test",
        created_at=entry.created_at,
    )  # fmt: skip


def _order(partner: Partner, number: str, order_no: str, at: datetime) -> Order:
    return Order(
        order_no=order_no, partner=partner, merchant_order_no=number,
        fingerprint=hashlib.sha256(number.encode()).digest(), status="paid",
        goods_amount=Decimal("92.00"), freight_amount=Decimal("8.00"),
        total_amount=Decimal("100.00"), consignee_name="张三", consignee_phone="13800138000",
        consignee_region_id=BEIJING, consignee_region_name="北京市", consignee_address="1 号",
        expires_at=at, created_at=at, updated_at=at, paid_at=at,
    )  # fmt: skip


def _statement(partner: Partner, entries: Sequence[LedgerEntry]) -> Statement:
    first, last = MARCH
    from_at = datetime(first.year, first.month, first.day, tzinfo=PLATFORM_ZONE)
    to_at = datetime(last.year, last.month, last.day, tzinfo=PLATFORM_ZONE) + timedelta(days=1)
    before = [entry for entry in entries if entry.created_at < from_at]
    inside = [entry for entry in entries if from_at <= entry.created_at < to_at]
    opening = sum((entry.amount for entry in before), Decimal(0))
    sums = {
        f"{kind}_amount": sum((e.amount for e in inside if e.kind == kind), Decimal(0))
        for kind in LedgerEntry.Kind.values
    }
    return Statement(
        statement_no=f"S{partner.code}", partner=partner, period_start=first, period_end=last,
        status="ready", due_at=None, requested_by="test", ready_at=to_at, row_count=len(inside),
        opening_entry_no=len(before), closing_entry_no=len(before) + len(inside),
        opening_balance=opening, closing_balance=opening + sum(sums.values(), Decimal(0)),
        opening_held_amount=0, closing_held_amount=0, opening_credit_limit=0,
        closing_credit_limit=0, **sums,
    )  # fmt: skip
