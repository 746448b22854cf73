"""Steps that move money. Each is one statement on the wallet's row, the last lock of its service.

The guard stands in the UPDATE itself, never in a read before it; entry numbers and times are given
under the row's lock, so order of number, of time and of balance are one.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.errors import BalanceInsufficient
from accounts.models import CreditLimitChange, LedgerEntry, Partner, Wallet
from openplatform.core import money
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import require_transaction
from openplatform.core.statements import Sent, send

HOLD = """
    WITH wallet AS (
        UPDATE accounts_wallet
        SET held_amount = held_amount + %(amount)s, last_hold_no = last_hold_no + 1
        WHERE partner_id = %(partner_id)s
            AND balance + credit_limit - held_amount >= %(amount)s
            AND held_amount + %(amount)s < %(limit)s
        RETURNING last_hold_no, held_amount
    )
    INSERT INTO accounts_holdentry
        (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
    SELECT %(partner_id)s, last_hold_no, 'held', %(amount)s, held_amount, %(order_no)s,
        clock_timestamp()
    FROM wallet
    RETURNING hold_no
"""
RELEASE = """
    WITH wallet AS (
        UPDATE accounts_wallet
        SET held_amount = held_amount - %(amount)s, last_hold_no = last_hold_no + 1
        WHERE partner_id = %(partner_id)s
        RETURNING last_hold_no, held_amount
    )
    INSERT INTO accounts_holdentry
        (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
    SELECT %(partner_id)s, last_hold_no, 'released', -%(amount)s, held_amount, %(order_no)s,
        clock_timestamp()
    FROM wallet
    RETURNING hold_no
"""
PAY = """
    WITH wallet AS (
        UPDATE accounts_wallet
        SET balance = balance - %(amount)s, held_amount = held_amount - %(amount)s,
            last_entry_no = last_entry_no + 1, last_hold_no = last_hold_no + 1,
            last_entry_at = greatest(clock_timestamp(), last_entry_at)
        WHERE partner_id = %(partner_id)s
        RETURNING last_entry_no, last_entry_at, balance, last_hold_no, held_amount
    ), paid AS (
        INSERT INTO accounts_holdentry
            (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
        SELECT %(partner_id)s, last_hold_no, 'paid', -%(amount)s, held_amount, %(order_no)s,
            last_entry_at
        FROM wallet
    )
    INSERT INTO accounts_ledgerentry
        (partner_id, entry_no, kind, amount, balance_after, document, document_no, order_no,
         suborder_no, aftersale_no, note, created_at)
    SELECT %(partner_id)s, last_entry_no, 'order_payment', -%(amount)s, balance, 'order',
        %(order_no)s, %(order_no)s, '', '', '', last_entry_at
    FROM wallet
    RETURNING entry_no
"""
CREDIT = """
    WITH wallet AS (
        UPDATE accounts_wallet
        SET balance = balance + %(amount)s, last_entry_no = last_entry_no + 1,
            last_entry_at = greatest(clock_timestamp(), last_entry_at)
        WHERE partner_id = %(partner_id)s AND balance + %(amount)s < %(limit)s
        RETURNING last_entry_no, last_entry_at, balance
    )
    INSERT INTO accounts_ledgerentry
        (partner_id, entry_no, kind, amount, balance_after, document, document_no, order_no,
         suborder_no, aftersale_no, note, created_at)
    SELECT %(partner_id)s, last_entry_no, %(kind)s, %(amount)s, balance, %(document)s,
        %(document_no)s, '', '', '', %(note)s, last_entry_at
    FROM wallet
    RETURNING entry_no
"""


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


def send_hold(*, partner_id: int, order_no: str, amount: Decimal) -> Sent:
    """Step: set an amount aside for an order. No row comes back when it is not available."""
    return _send(HOLD, partner_id, amount, order_no=order_no, limit=money.LIMIT)


def send_release(*, partner_id: int, order_no: str, amount: Decimal) -> Sent:
    """Step: end the hold of an order that will not be paid."""
    return _send(RELEASE, partner_id, amount, order_no=order_no)


def send_payment(*, partner_id: int, order_no: str, amount: Decimal) -> Sent:
    """Step: turn the hold of an order into its payment; a hold is always covered."""
    return _send(PAY, partner_id, amount, order_no=order_no)


def credit(
    *,
    partner_id: int,
    kind: LedgerEntry.Kind,
    amount: Decimal,
    document: LedgerEntry.Document,
    document_no: str,
    note: str,
) -> int:
    """Step: money in, for a document that is booked once; the entry number.

    :raises FieldInvalid: when the balance would be more than a wallet holds.
    """
    row = _send(
        CREDIT,
        partner_id,
        amount,
        kind=kind.value,
        document=document.value,
        document_no=document_no,
        note=note,
        limit=money.LIMIT,
    ).row()
    if row is None:
        wallet = Wallet.objects.get(pk=partner_id)
        maximum = money.to_text(money.LIMIT - money.CENT - wallet.balance)
        raise FieldInvalid(pointer="/amount", maximum=maximum)
    entry_no: int = row[0]
    return entry_no


def insufficient_balance(*, partner_id: int, amount: Decimal) -> BalanceInsufficient:
    """The refusal of an amount, with what is missing."""
    wallet = Wallet.objects.get(pk=partner_id)
    missing = max(amount - wallet.available_amount, money.CENT)
    return BalanceInsufficient(
        balance_missing=money.to_text(missing), total_amount=money.to_text(amount)
    )


def _send(statement: str, partner_id: int, amount: Decimal, **parameters: Any) -> Sent:
    require_transaction()
    if amount <= 0:
        raise ValueError(f"{amount} is not an amount to move")
    return send(statement, {"partner_id": partner_id, "amount": amount, **parameters})
