"""Steps that move money. Each is one statement on the wallet's row, the last lock of its service.

The guards stand in the UPDATE itself, never in a read before it; entry numbers and times are given
under the row's lock, so order of number, of time and of balance are one. What crosses the line of a
warning is told by the same statement, from what is available before and after it, so that each
crossing is told once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.errors import BalanceInsufficient, SpendingCapExceeded, TooManyOpenOrders
from accounts.models import CreditLimitChange, LedgerEntry, Partner, Wallet
from accounts.services.warnings import announce_low_balance
from openplatform.audit.services.recording import record_change
from openplatform.core import clock, money
from openplatform.core.errors import DomainError, FieldInvalid
from openplatform.core.locking import require_transaction
from openplatform.core.statements import Sent, send

ZONE = clock.PLATFORM_ZONE.key


def _has_fallen(before: str) -> str:
    # Under the threshold, and once more under half of it; a threshold of zero asks for no warning.
    return (
        f"alert_threshold > 0 AND (available < alert_threshold AND {before} >= alert_threshold"
        f" OR available * 2 < alert_threshold AND ({before}) * 2 >= alert_threshold)"
    )


# An order is spent on the day of its hold, which is told under the lock and does not go back.
TODAY = f"(greatest(clock_timestamp(), last_hold_at) AT TIME ZONE '{ZONE}')::date"
SPENT_TODAY = f"CASE WHEN spent_on >= {TODAY} THEN spent_amount ELSE 0 END"
# Steps of a statement, behind a `due (partner_id, order_no, amount)` with at most one row: the
# amount is set aside for an order. `held` has the entry, and whether the balance has fallen low.
HOLD_STEPS = f"""wallet AS (
        UPDATE accounts_wallet
        SET held_amount = held_amount + amount, last_hold_no = last_hold_no + 1,
            last_hold_at = greatest(clock_timestamp(), last_hold_at),
            open_orders = open_orders + 1,
            spent_on = greatest(spent_on, {TODAY}),
            spent_amount = least({SPENT_TODAY} + amount, {money.LIMIT} - 0.01)
        FROM due
        WHERE accounts_wallet.partner_id = due.partner_id
            AND balance + credit_limit - held_amount >= amount
            AND held_amount + amount < {money.LIMIT}
            AND open_orders < max_open_orders
            AND (daily_spending_cap IS NULL OR {SPENT_TODAY} + amount <= daily_spending_cap)
        RETURNING accounts_wallet.*, due.order_no, due.amount,
            balance + credit_limit - held_amount AS available
    ), held AS (
        INSERT INTO accounts_holdentry
            (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
        SELECT partner_id, last_hold_no, 'held', amount, held_amount, order_no, last_hold_at
        FROM wallet
        RETURNING hold_no, (SELECT {_has_fallen("available + amount")} FROM wallet) AS has_fallen
    )"""  # noqa: S608 - put together from constants
# What can be held of an `accounts_wallet` without a refusal and without a warning, as far as a look
# without a lock can tell.
SPARE = f"""CASE WHEN open_orders < max_open_orders THEN least(
        balance + credit_limit - held_amount - alert_threshold,
        daily_spending_cap - ({SPENT_TODAY})
    ) ELSE 0 END"""
ROOM = f"""
    SELECT balance + credit_limit - held_amount, daily_spending_cap,
        ({SPENT_TODAY})::numeric(14, 2), open_orders, max_open_orders
    FROM accounts_wallet WHERE partner_id = %(partner_id)s
"""  # noqa: S608 - as above
RELEASE = f"""
    WITH held AS (
        SELECT (
            SELECT (created_at AT TIME ZONE '{ZONE}')::date FROM accounts_holdentry
            WHERE order_no = %(order_no)s AND kind = 'held'
        ) AS made_on
    ), wallet AS (
        UPDATE accounts_wallet
        SET held_amount = held_amount - %(amount)s, last_hold_no = last_hold_no + 1,
            last_hold_at = greatest(clock_timestamp(), last_hold_at),
            open_orders = open_orders - 1,
            spent_amount = CASE WHEN made_on = spent_on
                THEN greatest(spent_amount - %(amount)s, 0) ELSE spent_amount END
        FROM held
        WHERE partner_id = %(partner_id)s
        RETURNING last_hold_no, last_hold_at, held_amount
    )
    INSERT INTO accounts_holdentry
        (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
    SELECT %(partner_id)s, last_hold_no, 'released', -%(amount)s, held_amount, %(order_no)s,
        last_hold_at
    FROM wallet
    RETURNING hold_no
"""  # noqa: S608 - as above
# Steps of a statement, behind a `due (partner_id, order_no, amount)` with at most one row: the hold
# of an order becomes its payment. A hold is always covered. `booked` has the entry.
PAYMENT_STEPS = """wallet AS (
        UPDATE accounts_wallet
        SET balance = balance - due.amount, held_amount = held_amount - due.amount,
            open_orders = open_orders - 1,
            last_entry_no = last_entry_no + 1, last_hold_no = last_hold_no + 1,
            last_entry_at = greatest(clock_timestamp(), last_entry_at),
            last_hold_at = greatest(clock_timestamp(), last_hold_at)
        FROM due
        WHERE accounts_wallet.partner_id = due.partner_id
        RETURNING accounts_wallet.*, due.order_no, due.amount
    ), unheld AS (
        INSERT INTO accounts_holdentry
            (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
        SELECT partner_id, last_hold_no, 'paid', -amount, held_amount, order_no, last_hold_at
        FROM wallet
    ), booked AS (
        INSERT INTO accounts_ledgerentry
            (partner_id, entry_no, kind, amount, balance_after, document, document_no, order_no,
             suborder_no, aftersale_no, note, created_at)
        SELECT partner_id, last_entry_no, 'order_payment', -amount, balance, 'order', order_no,
            order_no, '', '', '', last_entry_at
        FROM wallet
    )"""
# `amount` is signed here. What is the merchant's own is its balance without what orders hold.
BOOK = f"""
    WITH wallet AS (
        UPDATE accounts_wallet
        SET balance = balance + %(amount)s, last_entry_no = last_entry_no + 1,
            last_entry_at = greatest(clock_timestamp(), last_entry_at)
        WHERE partner_id = %(partner_id)s
            AND abs(balance + %(amount)s) < %(limit)s
            AND (NOT %(own_money_only)s OR balance - held_amount + %(amount)s >= 0)
        RETURNING last_entry_no, last_entry_at, balance, alert_threshold,
            balance + credit_limit - held_amount AS available
    )
    INSERT INTO accounts_ledgerentry
        (partner_id, entry_no, kind, amount, balance_after, document, document_no, order_no,
         suborder_no, aftersale_no, note, created_at)
    SELECT %(partner_id)s, last_entry_no, %(kind)s, %(amount)s, balance, %(document)s,
        %(document_no)s, %(order_no)s, %(suborder_no)s, %(aftersale_no)s, %(note)s, last_entry_at
    FROM wallet
    RETURNING id, entry_no, balance_after,
        (SELECT {_has_fallen("available - %(amount)s")} FROM wallet)
"""  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Room:
    """What is left for orders: of the money, of the day's cap, of the number that may be open."""

    available: Decimal
    cap: Decimal | None
    spent: Decimal
    open_orders: int
    max_open_orders: int

    def refusals_of(self, amount: Decimal) -> list[DomainError]:
        """Every reason why an amount cannot be held, with what is missing."""
        refusals: list[DomainError] = []
        if amount > self.available or amount >= money.LIMIT:
            refusals.append(_insufficient(max(amount - self.available, money.CENT), amount))
        if self.cap is not None and self.spent + amount > self.cap:
            refusals.append(
                SpendingCapExceeded(
                    spending_cap=money.to_text(self.cap),
                    spent_today=money.to_text(self.spent),
                    total_amount=money.to_text(amount),
                )
            )
        if self.open_orders >= self.max_open_orders:
            refusals.append(TooManyOpenOrders(maximum=self.max_open_orders))
        return refusals


def open_wallet(
    *,
    partner: Partner,
    credit_limit: Decimal,
    alert_threshold: Decimal,
    actor: str,
    now: datetime,
) -> Wallet:
    """Step: an empty wallet; a credit line stands in its history from the start."""
    require_transaction()
    wallet = Wallet.objects.create(
        partner=partner, credit_limit=credit_limit, alert_threshold=alert_threshold
    )
    if credit_limit:
        CreditLimitChange.objects.create(
            partner=partner,
            limit_before=money.ZERO,
            limit_after=credit_limit,
            reason="opened",
            actor=actor,
            created_at=now,
        )
    return wallet


def settle_hold(has_fallen: bool | None, *, partner_id: int, amount: Decimal) -> None:
    """Step: what became of a hold; a balance that it brought low is told of.

    :param has_fallen: what `held` of the steps says; None when it has no row.
    :raises BalanceInsufficient, SpendingCapExceeded, TooManyOpenOrders: when nothing was held.
    """
    if has_fallen is None:
        raise refusal_of_hold(partner_id=partner_id, amount=amount)
    if has_fallen:
        announce_low_balance(partner_id=partner_id)


def send_release(*, partner_id: int, order_no: str, amount: Decimal) -> Sent:
    """Step: end the hold of an order that will not be paid."""
    require_transaction()
    if amount <= 0:
        raise ValueError(f"{amount} is not an amount to move")
    return send(RELEASE, {"partner_id": partner_id, "amount": amount, "order_no": order_no})


def book(
    *,
    partner_id: int,
    kind: LedgerEntry.Kind,
    amount: Decimal,
    document: LedgerEntry.Document,
    document_no: str,
    note: str,
    actor: str,
    order_no: str = "",
    suborder_no: str = "",
    aftersale_no: str = "",
    own_money_only: bool = False,
) -> int:
    """Step: money in (positive) or out, for a document that is booked once; the entry number.

    The audit trail keeps the balance before and after.

    :param order_no, suborder_no, aftersale_no: what it was for, where it was for an order or claim.
    :param own_money_only: neither the credit line nor what orders hold may be used.
    :raises FieldInvalid: when the balance would be more than a wallet holds.
    :raises BalanceInsufficient: when the partner's own money does not cover what goes out.
    """
    require_transaction()
    row = send(
        BOOK,
        {
            "partner_id": partner_id,
            "amount": amount,
            "kind": kind.value,
            "document": document.value,
            "document_no": document_no,
            "order_no": order_no,
            "suborder_no": suborder_no,
            "aftersale_no": aftersale_no,
            "note": note,
            "own_money_only": own_money_only,
            "limit": money.LIMIT,
        },
    ).row()
    if row is None:
        raise _refusal_of_booking(partner_id, amount, own_money_only)
    entry_id, entry_no, balance, has_fallen = row
    record_change(
        action=f"book_{kind.value}",
        subject=LedgerEntry(pk=entry_id, document_no=document_no, amount=amount),
        before={"balance": balance - amount},
        after={"balance": balance},
        actor=actor,
        partner_id=partner_id,
        reason=note,
    )
    if has_fallen:
        announce_low_balance(partner_id=partner_id)
    return int(entry_no)


def refusal_of_hold(*, partner_id: int, amount: Decimal) -> DomainError:
    """Why an amount cannot be held, with what is missing: money, room under the cap, or order."""
    refusals = read_room(send_room(partner_id=partner_id)).refusals_of(amount)
    # None by now, when somebody else made room after the hold was refused.
    return refusals[0] if refusals else _insufficient(money.CENT, amount)


def send_room(*, partner_id: int) -> Sent:
    """Ask what can be held at this moment; read it with :func:`read_room`."""
    return send(ROOM, {"partner_id": partner_id})


def read_room(sent: Sent) -> Room:
    """A look without a lock: the hold decides."""
    row = sent.row()
    assert row is not None  # noqa: S101 - every partner has a wallet
    return Room(*row)


def _insufficient(missing: Decimal, amount: Decimal) -> BalanceInsufficient:
    return BalanceInsufficient(
        balance_missing=money.to_text(missing), total_amount=money.to_text(amount)
    )


def _refusal_of_booking(partner_id: int, amount: Decimal, own_money_only: bool) -> DomainError:
    wallet = Wallet.objects.get(pk=partner_id)
    own = wallet.balance - wallet.held_amount
    if own_money_only and own + amount < 0:
        return BalanceInsufficient(
            pointer="/amount", balance_missing=money.to_text(max(-own - amount, money.CENT))
        )
    room = money.LIMIT - money.CENT - abs(wallet.balance)
    return FieldInvalid(pointer="/amount", maximum=money.to_text(room))
