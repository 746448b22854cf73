"""What comes in pays bills, the oldest first.

An entry of the ledger that raises the balance pays bills whose statement closed before it: top-ups,
refunds, adjustments in the merchant's favour. Entries are taken in their order and each bill takes
what the older ones leave, so it makes no difference in how many steps that is done, or how late.
All of it happens under the partner's lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import structlog

from accounts.models import Partner
from accounts.services.locks import lock_partner
from openplatform.core.background import note_progress
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from reconciliation.models import Bill, BillPayment
from reconciliation.states import BILL_TRANSITIONS, BillStatus

log = structlog.get_logger(__name__)

BATCH = 1000  # entries read at once

# Of each partner that owes something its oldest bill, and how far its ledger is.
OWING = """
    SELECT DISTINCT ON (bill.partner_id) bill.partner_id, bill.bill_no, wallet.last_entry_no
    FROM reconciliation_bill bill
    JOIN accounts_wallet wallet ON wallet.partner_id = bill.partner_id
    WHERE bill.status <> 'paid'
    ORDER BY bill.partner_id, bill.id
"""
# The last entry that paid anything, and how much of it went to bills. Of those before it nothing is
# left for any bill that is unpaid: an older bill would not have gone on to it otherwise.
LAST_PAYMENT = """
    SELECT last.entry_no, (
        SELECT sum(payment.amount) FROM reconciliation_bill own
        JOIN reconciliation_billpayment payment ON payment.bill_id = own.id
        WHERE own.partner_id = %(partner_id)s AND payment.entry_no = last.entry_no
    )
    FROM reconciliation_bill bill
    CROSS JOIN LATERAL (
        SELECT entry_no FROM reconciliation_billpayment payment
        WHERE payment.bill_id = bill.id ORDER BY entry_no DESC LIMIT 1
    ) last
    WHERE bill.partner_id = %(partner_id)s
    ORDER BY bill.id DESC LIMIT 1
"""
MONEY_IN = """
    SELECT entry_no, amount, created_at FROM accounts_ledgerentry
    WHERE partner_id = %(partner_id)s AND entry_no > %(after)s AND amount > 0
    ORDER BY entry_no LIMIT %(limit)s
"""

# By the number of a partner's oldest unpaid bill: nothing up to this entry is left for it. It only
# spares reading; a process that does not know begins at the last payment.
_looked_to: dict[str, int] = {}


class _MoneyIn(NamedTuple):
    entry_no: int
    left: Decimal
    at: datetime


def settle_bills() -> int:
    """Loop: pay bills by what came in since the last look; how many payments that made."""
    owing = send(OWING).rows()
    for bill_no in _looked_to.keys() - {bill_no for _partner_id, bill_no, _last in owing}:
        del _looked_to[bill_no]
    made = 0
    for partner_id, bill_no, last_entry_no in owing:
        note_progress()
        if _looked_to.get(bill_no) == last_entry_no:
            continue
        try:
            made += settle_partner(partner_id=partner_id, after=_looked_to.get(bill_no, 0))
        except TemporarilyUnavailable:
            log.warning("bills_not_settled", partner_id=partner_id)  # the others go on
        else:
            _looked_to[bill_no] = last_entry_no
    return made


@transactional
def settle_partner(*, partner_id: int, after: int = 0) -> int:
    """Pay a partner's bills by what came in; how many payments that made.

    :param after: up to this entry nothing is left for them.
    """
    return settle(lock_partner(pk=partner_id), after=after)


def settle(partner: Partner, *, after: int = 0) -> int:
    """Step: the same for a partner that is locked. The last overdue bill that is paid lets the
    partner order again.
    """
    require_transaction()
    bills = deque(
        Bill.objects.filter(partner=partner)
        .exclude(status=BillStatus.PAID)
        .select_related("statement")
        .order_by("id")
    )
    if not bills:
        return 0
    touched: dict[int, Bill] = {}
    payments: list[BillPayment] = []
    for money in _list_money_in(partner.pk, after=max(after, _closing_of(bills[0]))):
        left = money.left
        while left and bills and _closing_of(bills[0]) < money.entry_no:
            bill = bills[0]
            amount = min(left, bill.outstanding_amount)
            payments.append(
                BillPayment(bill=bill, entry_no=money.entry_no, amount=amount, at=money.at)
            )
            bill.paid_amount += amount
            left -= amount
            touched[bill.pk] = bill
            if not bill.outstanding_amount:
                bill.paid_at = max(money.at, bill.issued_at)
                bills.popleft()
        if not bills:
            break
    BillPayment.objects.bulk_create(payments, batch_size=BATCH)
    for bill in touched.values():
        change_bill(
            bill,
            to=BillStatus(bill.status) if bill.outstanding_amount else BillStatus.PAID,
            paid_amount=bill.paid_amount,
            paid_at=bill.paid_at,
        )
    if payments:
        set_flag(partner)
        log.info("bills_settled", partner_id=partner.pk, payments=len(payments))
    return len(payments)


def change_bill(bill: Bill, *, to: BillStatus, **columns: Any) -> None:
    """Step: the one place where a bill changes, with its partner locked; ``to`` its own status
    leaves that as it is.

    :raises ValueError: when no way leads there.
    """
    require_transaction()
    if to != bill.status and to not in BILL_TRANSITIONS[BillStatus(bill.status)]:
        raise ValueError(f"{bill.bill_no} is {bill.status} and cannot become {to}")
    changed = {**columns, "status": to, "version": bill.version + 1}
    rows = Bill.objects.filter(pk=bill.pk, status=bill.status, version=bill.version)
    if rows.update(**changed) != 1:
        raise ValueError(f"{bill.bill_no} was changed without its partner's lock")
    bill.refresh_from_db(fields=list(changed))


def set_flag(partner: Partner) -> None:
    """Step: have placing know whether any bill of the partner, which is locked, is overdue."""
    require_transaction()
    has_overdue_bill = Bill.objects.filter(partner=partner, status=BillStatus.OVERDUE).exists()
    if partner.has_overdue_bill != has_overdue_bill:
        partner.has_overdue_bill = has_overdue_bill
        partner.save(update_fields=["has_overdue_bill"])


def _closing_of(bill: Bill) -> int:
    closing = bill.statement.closing_entry_no
    assert closing is not None  # noqa: S101 - bills are of ready statements
    return closing


def _list_money_in(partner_id: int, *, after: int) -> Iterator[_MoneyIn]:
    """Entries that raise the balance, in their order, with what bills have left of each."""
    last = send(LAST_PAYMENT, {"partner_id": partner_id}).row()
    last_entry_no, used = last or (0, Decimal(0))
    after = max(after, last_entry_no - 1)
    while True:
        parameters = {"partner_id": partner_id, "after": after, "limit": BATCH}
        rows = send(MONEY_IN, parameters).rows()
        for entry_no, amount, at in rows:
            yield _MoneyIn(entry_no, amount - (used if entry_no == last_entry_no else 0), at)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]
