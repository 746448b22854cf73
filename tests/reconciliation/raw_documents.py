"""What statements have to say, worked out from the documents alone: orders and their lines,
closures, claims, top-ups, adjustments, withdrawals.

Nothing here reads the ledger, its holds, or anything of the platform that does; entries are
numbered, added up and cut into days by this module's own arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import Adjustment, CreditLimitChange, TopUp, Withdrawal
from aftersales.models import Claim
from orders.models import Closure, Order, OrderEvent, OrderLine, Suborder

SHANGHAI = ZoneInfo("Asia/Shanghai")
ZERO = Decimal("0.00")
KINDS = ("top_up", "order_payment", "refund", "adjustment", "withdrawal")


@dataclass(frozen=True)
class Row:
    """A row of a file."""

    entry_no: int
    at: datetime
    kind: str
    merchant_order_no: str = ""
    order_no: str = ""
    suborder_no: str = ""
    line_no: int | None = None
    sku: str = ""
    name: str = ""
    quantity: int | None = None
    unit_price: Decimal | None = None
    tax_rate: Decimal | None = None
    amount: Decimal = ZERO
    balance_after: Decimal | None = None
    aftersale_no: str = ""
    note: str = ""


@dataclass(frozen=True)
class Movement:
    """What one document did to a balance."""

    at: datetime
    kind: str
    amount: Decimal
    order: Order | None = None
    suborder_no: str = ""
    aftersale_no: str = ""
    note: str = ""


@dataclass(frozen=True)
class Standing:
    """A wallet at a midnight."""

    balance: Decimal
    held_amount: Decimal
    credit_limit: Decimal


@dataclass
class Expected:
    """A statement."""

    opening: Standing
    closing: Standing
    totals: dict[str, Decimal]
    rows: list[Row] = field(default_factory=list)

    @property
    def entries(self) -> list[Row]:
        """Without the lines and freight of orders."""
        return [row for row in self.rows if row.balance_after is not None]


class Documents:
    """All documents of one partner, in the order of their moments."""

    def __init__(self, partner_id: int) -> None:
        self.movements = sorted(_movements(partner_id), key=lambda movement: movement.at)
        self.holds = list(_holds(partner_id))
        self.credit = [
            (change.created_at, change.limit_after)
            for change in CreditLimitChange.objects.filter(partner_id=partner_id).order_by("pk")
        ]
        self.lines: dict[int, list[OrderLine]] = {}
        self.parts: dict[int, list[Suborder]] = {}
        for line in OrderLine.objects.filter(order__partner_id=partner_id).select_related(
            "suborder"
        ):
            self.lines.setdefault(line.order_id, []).append(line)
        for part in Suborder.objects.filter(order__partner_id=partner_id):
            self.parts.setdefault(part.order_id, []).append(part)

    def statement(self, first: date, last: date) -> Expected:
        """What one over these days, both included, has to say."""
        begin, end = _midnight(first), _midnight(last + timedelta(days=1))
        expected = Expected(
            opening=self.standing(begin),
            closing=self.standing(end),
            totals=dict.fromkeys(KINDS, ZERO),
        )
        balance = ZERO
        for number, movement in enumerate(self.movements, start=1):
            balance += movement.amount
            if begin <= movement.at < end:
                expected.totals[movement.kind] += movement.amount
                expected.rows += self._rows(number, movement, balance)
        return expected

    def standing(self, midnight: datetime) -> Standing:
        """What stood there when a day began."""
        return Standing(
            balance=sum((one.amount for one in self.movements if one.at < midnight), ZERO),
            held_amount=sum(
                (
                    amount
                    for amount, since, until in self.holds
                    if since < midnight and (until is None or until >= midnight)
                ),
                ZERO,
            ),
            credit_limit=[ZERO, *(limit for at, limit in self.credit if at < midnight)][-1],
        )

    def _rows(self, number: int, movement: Movement, balance: Decimal) -> list[Row]:
        order = movement.order
        entry = Row(
            entry_no=number,
            at=movement.at,
            kind=movement.kind,
            merchant_order_no=order.merchant_order_no if order else "",
            order_no=order.order_no if order else "",
            suborder_no=movement.suborder_no,
            amount=movement.amount,
            balance_after=balance,
            aftersale_no=movement.aftersale_no,
            note=movement.note,
        )
        if order is None or movement.kind != "order_payment":
            return [entry]
        lines = [
            Row(
                entry_no=number,
                at=movement.at,
                kind="order_line",
                merchant_order_no=order.merchant_order_no,
                order_no=order.order_no,
                suborder_no=line.suborder.order_no,
                line_no=line.line_no,
                sku=line.sku_code,
                name=line.name,
                quantity=line.quantity,
                unit_price=line.purchase_price,
                tax_rate=line.tax_rate,
                amount=-line.amount,
            )
            for line in sorted(self.lines[order.pk], key=lambda line: line.line_no)
        ]
        freight = [
            Row(
                entry_no=number,
                at=movement.at,
                kind="order_freight",
                merchant_order_no=order.merchant_order_no,
                order_no=order.order_no,
                suborder_no=part.order_no,
                amount=-part.freight_amount,
            )
            for part in sorted(self.parts[order.pk], key=lambda part: part.order_no)
            if part.freight_amount
        ]
        below = [*lines, *freight]
        assert sum(row.amount for row in below) == movement.amount, order.order_no
        return [entry, *below]


def _movements(partner_id: int) -> list[Movement]:
    own = {"partner_id": partner_id}
    found = [
        Movement(document.decided_at, "top_up", document.approved_amount, note=document.note)
        for document in TopUp.objects.filter(status="approved", **own)
        if document.decided_at is not None and document.approved_amount is not None
    ]
    found += [
        Movement(document.decided_at, "adjustment", document.amount, note=document.reason)
        for document in Adjustment.objects.filter(status="approved", **own)
        if document.decided_at is not None
    ]
    found += [
        Movement(document.decided_at, "withdrawal", -document.amount, note=document.reason)
        for document in Withdrawal.objects.filter(status="approved", **own)
        if document.decided_at is not None
    ]
    found += [
        Movement(order.paid_at, "order_payment", -order.total_amount, order)
        for order in Order.objects.filter(**own)
        if order.paid_at is not None
    ]
    closures = Closure.objects.filter(suborder__order__partner_id=partner_id)
    found += [
        Movement(
            closure.created_at, "refund", closure.amount, closure.suborder.order,
            closure.suborder.order_no, note=closure.reason,
        )
        for closure in closures.select_related("suborder__order").order_by("pk")  # at one moment
        if closure.amount
    ]  # fmt: skip
    claims = Claim.objects.filter(status="refunded", refund_amount__gt=0, **own)
    found += [
        Movement(
            claim.ended_at, "refund", claim.refund_amount, claim.order, claim.suborder.order_no,
            claim.aftersale_no, claim.decision_note,
        )
        for claim in claims.select_related("order", "suborder")
        if claim.ended_at is not None
    ]  # fmt: skip
    return found


def _holds(partner_id: int) -> list[tuple[Decimal, datetime, datetime | None]]:
    """What each order held, from when, until when."""
    ended = dict(
        OrderEvent.objects.filter(
            order__partner_id=partner_id, to_status__in=["paid", "cancelled", "expired"]
        )
        .filter(subject_no__in=Order.objects.values("order_no"))
        .values_list("order_id", "created_at")
    )
    return [
        (order.total_amount, order.created_at, ended.get(order.pk))
        for order in Order.objects.filter(partner_id=partner_id)
    ]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
