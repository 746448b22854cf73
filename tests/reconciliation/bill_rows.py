"""Ledgers and closed months as rows: what bills are made of, without the days that they take."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from django.db import connection

from accounts.models import LedgerEntry, Partner, Wallet
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import transactional
from reconciliation.models import Bill, Statement
from reconciliation.services.billing import issue_bill
from reconciliation.states import PaperStatus
from tests.reconciliation.past import month_ago

MONTH_BACK = """
    UPDATE reconciliation_statement SET
        period_start = (period_start - interval '1 month')::date, period_end = period_start - 1
    WHERE partner_id = %s
"""


def write_entry(partner: Partner, amount: str | Decimal) -> int:
    """A top-up or, when negative, the payment of an order, that was booked just now."""
    change = Decimal(amount)
    wallet = Wallet.objects.get(pk=partner.pk)
    wallet.balance += change
    wallet.last_entry_no += 1
    wallet.last_entry_at = clock.now()
    wallet.save()
    kind, document = ("top_up", "top_up") if change > 0 else ("order_payment", "order")
    LedgerEntry.objects.create(
        partner=partner,
        entry_no=wallet.last_entry_no,
        kind=kind,
        amount=change,
        balance_after=wallet.balance,
        document=document,
        document_no=dated_no("", clock.now()),
        created_at=wallet.last_entry_at,
    )
    return wallet.last_entry_no


def write_statement(partner: Partner, *, closing: int | None = None, months: int = 1) -> Statement:
    """The ready statement of the month so many months ago, without files.

    :param closing: its last entry; None for the last there is.
    """
    first = month_ago(months)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return write_statement_of(partner, first, last, closing=closing)


def write_statement_of(
    partner: Partner, first: date, last: date, *, closing: int | None = None
) -> Statement:
    """The same of any days."""
    now = clock.now()
    rows = LedgerEntry.objects.filter(partner=partner)
    if closing is not None:
        rows = rows.filter(entry_no__lte=closing)
    entry = rows.order_by("entry_no").last()
    balance = entry.balance_after if entry else Decimal("0.00")
    entry_no = entry.entry_no if entry else 0
    return Statement.objects.create(
        statement_no=dated_no("S", now),
        partner=partner,
        period_start=first,
        period_end=last,
        status=PaperStatus.READY,
        due_at=None,
        ready_at=now,
        requested_by="test",
        opening_entry_no=0,
        closing_entry_no=entry_no,
        opening_balance=0,
        opening_held_amount=0,
        opening_credit_limit=0,
        closing_balance=balance,
        closing_held_amount=0,
        closing_credit_limit=0,
        top_up_amount=0,
        order_payment_amount=0,
        refund_amount=0,
        adjustment_amount=balance,
        withdrawal_amount=0,
        row_count=entry_no,
    )


@transactional
def issue(statement: Statement) -> Bill | None:
    """What becomes of it when its statement is made."""
    return issue_bill(statement, now=clock.now())


def let_month_pass(partner: Partner) -> None:
    """Move a partner's statements a month back, bills with them: another month has ended since."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        try:
            cursor.execute(MONTH_BACK, [partner.pk])
        finally:
            cursor.execute("SET session_replication_role = origin")


def set_due(bill: Bill, days: int, *, issued: int | None = None) -> None:
    """Have a bill be due in so many days from now by the platform's calendar (negative: ago), and
    have been issued so many days ago.
    """
    today = clock.now().astimezone(PLATFORM_ZONE).date()
    changed: dict[str, object] = {"due_on": today + timedelta(days=days)}
    if issued is not None:
        changed["issued_at"] = clock.now() - timedelta(days=issued)
    Bill.objects.filter(pk=bill.pk).update(**changed)
    bill.refresh_from_db()
