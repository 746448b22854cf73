"""Why a row of their file and our ledger differ, as far as our own documents tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from catalog.price_timeline import BEGINNING
from catalog.selectors.price_history import PriceSpan, list_price_moves
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.money import CENT, ZERO
from openplatform.core.statements import send
from reconciliation.comparing.ledger_side import DOCUMENT_KINDS, OUT_OF_RANGE, list_entries
from reconciliation.comparing.matching import Ours, Outcome
from reconciliation.models import Reconciliation, ReconciliationRow

R, C = ReconciliationRow.Result, ReconciliationRow.Cause

NEARBY = timedelta(days=3)  # of an entry without a number, booked just outside the period
MAX_PRICED_SKUS = 2000  # whose prices over time one report asks for; each takes four queries
MAX_MOMENTS = 500  # at which an order is priced anew

ORDERS_BY_NO = """
    SELECT id, order_no, freight_amount, total_amount FROM orders_order
    WHERE partner_id = %(partner_id)s AND order_no = ANY(%(order_nos)s::text[])
"""
ORDERS_BY_MERCHANT_NO = """
    SELECT merchant_order_no, order_no, status, paid_at IS NOT NULL FROM orders_order
    WHERE partner_id = %(partner_id)s AND merchant_order_no = ANY(%(numbers)s::text[])
"""
LINES = """
    SELECT order_id, sku_id, sum(quantity)::integer, count(*)::integer FROM orders_orderline
    WHERE order_id = ANY(%(order_ids)s::bigint[])
    GROUP BY order_id, sku_id ORDER BY order_id, sku_id
"""
REFUNDS = """
    SELECT order_no, amount FROM accounts_ledgerentry
    WHERE partner_id = %(partner_id)s AND order_no = ANY(%(order_nos)s::text[]) AND kind = 'refund'
    ORDER BY entry_no
"""
PARTS_OF_CLAIMS = """
    SELECT claim.aftersale_no, claim.freight_refund_amount, array_agg(line.refund_amount)
    FROM aftersales_claim claim JOIN aftersales_claimline line ON line.claim_id = claim.id
    WHERE claim.aftersale_no = ANY(%(numbers)s::text[])
    GROUP BY claim.aftersale_no, claim.freight_refund_amount
"""
PARTS_OF_CLOSURES = """
    SELECT closure.closure_no, closure.freight_amount, array_agg(line.amount)
    FROM orders_closure closure JOIN orders_closureline line ON line.closure_id = closure.id
    WHERE closure.closure_no = ANY(%(numbers)s::text[])
    GROUP BY closure.closure_no, closure.freight_amount
"""
DOCUMENTS_BY_REFERENCE = """
    SELECT top_up_no FROM accounts_topup
    WHERE partner_id = %(partner_id)s AND reference = ANY(%(numbers)s::text[])
    UNION ALL
    SELECT withdrawal_no FROM accounts_withdrawal
    WHERE partner_id = %(partner_id)s AND reference = ANY(%(numbers)s::text[])
"""
NOT_BOOKED = """
    SELECT top_up_no, reference FROM accounts_topup
    WHERE partner_id = %(partner_id)s AND status <> 'approved'
        AND (top_up_no = ANY(%(numbers)s::text[]) OR reference = ANY(%(numbers)s::text[]))
    UNION ALL
    SELECT withdrawal_no, reference FROM accounts_withdrawal
    WHERE partner_id = %(partner_id)s AND status <> 'approved'
        AND (withdrawal_no = ANY(%(numbers)s::text[]) OR reference = ANY(%(numbers)s::text[]))
    UNION ALL
    SELECT adjustment_no, '' FROM accounts_adjustment
    WHERE partner_id = %(partner_id)s AND status <> 'approved'
        AND adjustment_no = ANY(%(numbers)s::text[])
"""
# What the merchant's files for other periods held, and these periods did not.
TOLD_ELSEWHERE = """
    SELECT DISTINCT line.kind, line.merchant_order_no, line.their_amount
    FROM reconciliation_reconciliationrow line
    JOIN reconciliation_reconciliation report ON report.id = line.reconciliation_id
    WHERE report.partner_id = %(partner_id)s AND report.id < %(id)s
        AND report.statement_id <> %(statement_id)s AND report.status = 'ready'
        AND line.result = 'missing_here' AND line.merchant_order_no = ANY(%(numbers)s::text[])
"""


@dataclass
class _Order:
    """What an order that differs was made of."""

    pk: int
    freight_amount: Decimal
    total_amount: Decimal
    quantities: dict[int, int] = field(default_factory=dict)  # by SKU
    line_count: int = 0
    refunds: list[Decimal] = field(default_factory=list)


class _Parts(NamedTuple):
    """What a refund was made of."""

    freight_amount: Decimal
    line_amounts: Sequence[Decimal]


class Causes:
    """Finds the causes of one report, some rows at a time.

    :param now: until when prices are looked at.
    """

    def __init__(self, reconciliation: Reconciliation, *, now: datetime) -> None:
        statement = reconciliation.statement
        self._partner_id = reconciliation.partner_id
        self._period = (statement.period_start, statement.period_end)
        self._now = now
        self._parameters: Mapping[str, Any] = {
            "id": reconciliation.pk,
            "statement_id": statement.pk,
            "partner_id": reconciliation.partner_id,
            "opening": statement.opening_entry_no,
            "closing": statement.closing_entry_no,
            "zone": PLATFORM_ZONE.key,
        }
        self._spans: dict[int, Sequence[PriceSpan]] = {}
        # By order: refunds that a row of theirs has within it, so that they lack them beside it.
        # Outcomes come by kind, payments before refunds, and the differing ones of a document
        # before what is missing.
        self._within: dict[str, list[Decimal]] = {}

    def find(self, outcomes: Sequence[Outcome]) -> None:
        """Set the cause of each that has one, and the documents that show it."""
        by_result = defaultdict(list)
        for outcome in outcomes:
            by_result[outcome.result].append(outcome)
        self._find_differing(by_result[R.AMOUNT_DIFFERS])
        self._find_missing_here(by_result[R.MISSING_HERE])
        self._find_missing_there(by_result[R.MISSING_THERE])

    # The amount differs

    def _find_differing(self, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        orders = self._read_orders({o.ours.order_no for o in outcomes if o.ours} - {""})
        refunds = [o.ours for o in outcomes if o.ours and o.ours.kind == "refund"]
        parts = self._read_parts(refunds)
        for outcome in outcomes:
            theirs, ours = outcome.theirs, outcome.ours
            assert theirs is not None  # noqa: S101 - both sides are there, or nothing differs
            assert ours is not None  # noqa: S101
            order = orders.get(ours.order_no)
            refund = parts.get(ours.document_no)
            if outcome.cause:
                continue
            if theirs.amount == -ours.amount:
                outcome.cause = C.SIGN
            elif _is_freight(theirs.amount, ours, order, refund):
                outcome.cause = C.FREIGHT
            elif (within := _refunds_within(theirs.amount, ours, order, refund)) is not None:
                outcome.cause = C.PARTIAL_REFUND
                self._within.setdefault(ours.order_no, []).extend(within)
            elif abs(theirs.amount - ours.amount) <= CENT * max(
                order.line_count if order else 1, 1
            ):
                outcome.cause = C.ROUNDING
            elif ours.kind == "order_payment" and self._is_other_price(theirs.amount, order):
                outcome.cause = C.FROZEN_PRICE

    def _read_orders(self, order_nos: Iterable[str]) -> dict[str, _Order]:
        parameters = {**self._parameters, "order_nos": sorted(order_nos)}
        orders = {
            order_no: _Order(pk, freight_amount, total_amount)
            for pk, order_no, freight_amount, total_amount in _rows(ORDERS_BY_NO, parameters)
        }
        by_id = {order.pk: order for order in orders.values()}
        for order_id, sku_id, quantity, count in _rows(LINES, {"order_ids": sorted(by_id)}):
            by_id[order_id].quantities[sku_id] = quantity
            by_id[order_id].line_count += count
        for order_no, amount in _rows(REFUNDS, parameters):
            if order_no in orders:
                orders[order_no].refunds.append(amount)
        return orders

    def _read_parts(self, refunds: Sequence[Ours]) -> dict[str, _Parts]:
        claims = [entry.document_no for entry in refunds if entry.document == "aftersale"]
        closures = [entry.document_no for entry in refunds if entry.document == "closure"]
        found = [
            *_rows(PARTS_OF_CLAIMS, {"numbers": claims}),
            *_rows(PARTS_OF_CLOSURES, {"numbers": closures}),
        ]
        return {number: _Parts(freight, lines) for number, freight, lines in found}

    def _is_other_price(self, their_amount: Decimal, order: _Order | None) -> bool:
        """Whether the order would have cost so much by the prices of some other time."""
        if order is None:
            return False
        spans = {sku_id: self._spans_of(sku_id) for sku_id in order.quantities}
        if not order.quantities or not all(spans.values()):
            return False
        moments = {span.effective_at for found in spans.values() for span in found}
        for moment in sorted((at for at in moments if at <= self._now), reverse=True)[:MAX_MOMENTS]:
            prices = {sku_id: _price_at(found, moment) for sku_id, found in spans.items()}
            total = order.freight_amount
            for sku_id, quantity in order.quantities.items():
                price = prices[sku_id]
                if price is None:
                    break
                total += price * quantity
            else:
                if their_amount == -total:
                    return True
        return False

    def _spans_of(self, sku_id: int) -> Sequence[PriceSpan]:
        """What the SKU ever cost; nothing once too many were asked for."""
        if sku_id not in self._spans:
            if len(self._spans) >= MAX_PRICED_SKUS:
                return ()
            self._spans[sku_id] = list_price_moves(
                partner_id=self._partner_id, sku_id=sku_id, from_at=BEGINNING, to_at=None
            )
        return self._spans[sku_id]

    # Missing here

    def _find_missing_here(self, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        of_orders = [o for o in outcomes if o.theirs and o.theirs.kind not in DOCUMENT_KINDS]
        of_documents = [o for o in outcomes if o.theirs and o.theirs.kind in DOCUMENT_KINDS]
        if of_orders:
            self._find_orders(of_orders)
        if of_documents:
            self._find_documents(of_documents)

    def _find_orders(self, outcomes: Sequence[Outcome]) -> None:
        numbers = sorted({o.theirs.key for o in outcomes if o.theirs})
        orders = {
            row[0]: row[1:]
            for row in _rows(ORDERS_BY_MERCHANT_NO, {**self._parameters, "numbers": numbers})
        }
        outside = self._read_outside(
            "AND entry.order_no = ANY(%(order_nos)s::text[])"
            " AND entry.kind IN ('order_payment', 'refund')",
            order_nos=sorted(order_no for order_no, _status, _paid in orders.values()),
        )
        elsewhere: dict[tuple[str, str], list[Ours]] = defaultdict(list)
        for entry, _reference in outside:
            elsewhere[entry.kind, entry.order_no].append(entry)
        for outcome in outcomes:
            theirs = outcome.theirs
            assert theirs is not None  # noqa: S101 - a row that is missing here is theirs
            if theirs.key not in orders:
                outcome.cause = C.UNKNOWN_ORDER
                continue
            order_no, status, is_paid = orders[theirs.key]
            outcome.order_no, outcome.our_state = order_no, status
            if outcome.cause != "":
                continue
            entries = elsewhere[theirs.kind, order_no]
            if theirs.merchant_aftersale_no:
                entries = [
                    entry for entry in entries
                    if entry.merchant_aftersale_no in {"", theirs.merchant_aftersale_no}
                ]  # fmt: skip
            self._set_outside(outcome, [e for e in entries if e.amount == theirs.amount])
            if not outcome.cause and not is_paid:
                outcome.cause = C.NOT_PAID

    def _find_documents(self, outcomes: Sequence[Outcome]) -> None:
        numbers = sorted({o.theirs.merchant_order_no for o in outcomes if o.theirs} - {""})
        by_reference = _rows(DOCUMENTS_BY_REFERENCE, {**self._parameters, "numbers": numbers})
        named: dict[tuple[str, Decimal, str], list[Ours]] = defaultdict(list)
        for entry, reference in self._read_outside(
            "AND entry.document_no = ANY(%(document_nos)s::text[])",
            document_nos=sorted({*numbers, *(row[0] for row in by_reference)}),
        ):
            for number in {entry.document_no, reference} - {""}:
                named[entry.kind, entry.amount, number].append(entry)
        waiting = {
            number
            for row in _rows(NOT_BOOKED, {**self._parameters, "numbers": numbers})
            for number in row
        }
        for outcome in outcomes:
            theirs = outcome.theirs
            assert theirs is not None  # noqa: S101
            number = theirs.merchant_order_no
            if number:
                near = named.get((theirs.kind, theirs.amount, number), [])
            else:
                near = self._nearby.get((theirs.kind, theirs.amount), [])
            self._set_outside(outcome, near)
            if not outcome.cause and number and number in waiting:
                outcome.cause = C.NOT_PAID

    @cached_property
    def _nearby(self) -> dict[tuple[str, Decimal], list[Ours]]:
        """Entries without an order, booked just outside the period, by kind and amount."""
        first, last = self._period
        found: dict[tuple[str, Decimal], list[Ours]] = defaultdict(list)
        for entry, _reference in self._read_outside(
            "AND entry.kind IN ('top_up', 'adjustment', 'withdrawal')"
            " AND entry.created_at >= %(from_at)s AND entry.created_at < %(to_at)s",
            from_at=_midnight(first) - NEARBY,
            to_at=_midnight(last) + timedelta(days=1) + NEARBY,
        ):
            found[entry.kind, entry.amount].append(entry)
        return found

    def _read_outside(self, condition: str, **parameters: Any) -> list[tuple[Ours, str]]:
        return list_entries(f"{OUT_OF_RANGE} {condition}", {**self._parameters, **parameters})

    def _set_outside(self, outcome: Outcome, entries: Sequence[Ours]) -> None:
        """The entry nearest to the period, when there is one."""
        opening, closing = self._parameters["opening"], self._parameters["closing"]

        def distance(entry: Ours) -> int:
            no = entry.entry_no
            return int(no - closing if no > closing else opening - no)

        if entries:
            outcome.cause = C.PERIOD_BOUNDARY
            outcome.beside = min(entries, key=distance)

    # Missing there

    def _find_missing_there(self, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        known: Callable[[Ours], set[str]] = lambda entry: {  # noqa: E731
            entry.merchant_order_no, entry.order_no, entry.key,
        }  # fmt: skip
        numbers = sorted({number for o in outcomes if o.ours for number in known(o.ours)} - {""})
        told = {
            tuple(row) for row in _rows(TOLD_ELSEWHERE, {**self._parameters, "numbers": numbers})
        }
        for outcome in outcomes:
            entry = outcome.ours
            assert entry is not None  # noqa: S101 - an entry that is missing there is ours
            within = self._within.get(entry.order_no, []) if entry.kind == "refund" else []
            if outcome.cause:
                continue
            if entry.amount in within:
                within.remove(entry.amount)
                outcome.cause = C.PARTIAL_REFUND
            elif any((entry.kind, number, entry.amount) in told for number in known(entry)):
                outcome.cause = C.PERIOD_BOUNDARY


def _is_freight(
    their_amount: Decimal, ours: Ours, order: _Order | None, refund: _Parts | None
) -> bool:
    """Whether they left the freight out, or counted it twice."""
    if ours.kind not in {"order_payment", "refund"}:
        return False
    difference = abs(their_amount - ours.amount)
    freights = {
        order.freight_amount if order else ZERO,
        refund.freight_amount if refund else ZERO,
    }
    return difference in freights - {ZERO}


def _refunds_within(
    their_amount: Decimal, ours: Ours, order: _Order | None, refund: _Parts | None
) -> Sequence[Decimal] | None:
    """The other refunds that their amount has within it: they took refunds off the payment, or
    booked a refund whole that we made in parts. None of them where they booked a part of one that
    we made whole; None where it is nothing of the sort.
    """
    if order is None:
        return None
    if ours.kind == "order_payment":
        for amount in order.refunds:
            if their_amount == ours.amount + amount:
                return [amount]
        for count in range(2, len(order.refunds) + 1):
            if their_amount == ours.amount + sum(order.refunds[:count], ZERO):
                return order.refunds[:count]
        return None
    if ours.kind != "refund":
        return None
    if their_amount in {order.total_amount, sum(order.refunds, ZERO)}:
        others = list(order.refunds)
        others.remove(ours.amount)
        return others
    parts = set(refund.line_amounts) if refund and len(refund.line_amounts) > 1 else set()
    return [] if their_amount in parts else None


def _price_at(spans: Sequence[PriceSpan], moment: datetime) -> Decimal | None:
    for span in spans:
        if span.effective_at <= moment and (span.until_at is None or moment < span.until_at):
            return span.prices.purchase_price
    return None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PLATFORM_ZONE)


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Nothing where nothing is asked for."""
    asked = [value for value in parameters.values() if isinstance(value, list)]
    if not any(asked):
        return []
    return send(statement, parameters).rows()
