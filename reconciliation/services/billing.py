"""Bills are issued when a month's statement is ready, called to mind, and overdue in the end."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import structlog
from django.conf import settings
from django.db.models.functions import Now

from accounts.models import Contact, Partner
from accounts.services.locks import lock_partner
from openplatform.core import clock, money
from openplatform.core.background import note_progress
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.messaging.services.mailing import queue_mail
from openplatform.messaging.services.publishing import publish_all
from reconciliation.documents import bill_document
from reconciliation.messages import BILL_ISSUED, BILL_OVERDUE, draft
from reconciliation.models import Bill, Statement
from reconciliation.services.settling import change_bill, set_flag, settle
from reconciliation.states import BillStatus

log = structlog.get_logger(__name__)

WATCHED_AT_ONCE = 100
TODAY = f"(clock_timestamp() AT TIME ZONE '{clock.PLATFORM_ZONE.key}')::date"
ISSUE_DAY = f"(issued_at AT TIME ZONE '{clock.PLATFORM_ZONE.key}')::date"
# Whether the statement is of the month that ended last and no later bill is there; when a bill that
# is issued now is due; what earlier bills asked for still when the statement closed.
TERMS = f"""
    SELECT
        statement.period_start = (date_trunc('month', {TODAY}) - interval '1 month')::date
            AND statement.period_end = date_trunc('month', {TODAY})::date - 1
            AND NOT EXISTS (
                SELECT FROM reconciliation_bill bill
                JOIN reconciliation_statement known ON known.id = bill.statement_id
                WHERE bill.partner_id = statement.partner_id
                    AND known.period_end >= statement.period_end
            ),
        {TODAY} + %(days)s::int,
        (
            SELECT coalesce(sum(bill.amount - coalesce(paid.amount, 0)), 0)
            FROM reconciliation_bill bill
            CROSS JOIN LATERAL (
                SELECT sum(payment.amount) AS amount FROM reconciliation_billpayment payment
                WHERE payment.bill_id = bill.id AND payment.entry_no <= %(closing)s
            ) paid
            WHERE bill.partner_id = statement.partner_id AND (
                bill.status <> 'paid' OR EXISTS (
                    SELECT FROM reconciliation_billpayment later
                    WHERE later.bill_id = bill.id AND later.entry_no > %(closing)s
                )
            )
        )
    FROM reconciliation_statement statement WHERE statement.id = %(statement)s
"""  # noqa: S608 - put together from constants
IS_OVER = f"status = 'open' AND due_on < {TODAY}"
# Not when it was issued so late that it says the same itself.
IS_NEAR = f"""
    status = 'open' AND reminded_at IS NULL AND due_on >= {TODAY}
    AND due_on - {TODAY} <= %(days)s::int AND {ISSUE_DAY} < due_on - %(days)s::int
"""
LIST_DUE = f"""
    SELECT id, partner_id FROM reconciliation_bill WHERE {IS_OVER} OR {IS_NEAR}
    ORDER BY due_on, id LIMIT %(limit)s
"""  # noqa: S608 - as above
ASK_AGAIN = f"""
    SELECT {IS_OVER}, {IS_NEAR} FROM reconciliation_bill WHERE id = %(bill)s
"""  # noqa: S608 - as above


def issue_bill(statement: Statement, *, now: datetime) -> Bill | None:
    """Step: the bill for the month that ended last, told to the partner; its statement is ready.

    It asks for what was in use of the credit line at the closing, less what earlier bills still
    asked for by then. What came in after the closing pays it at once. None when nothing is to be
    paid, for any other period, and when the partner has a bill for this month or a later one: a
    month whose statement was made too late is part of the next one's bill.
    """
    require_transaction()
    partner = lock_partner(pk=statement.partner_id)
    settle(partner)  # or the earlier bills would seem to ask for more than they do
    days = partner.payment_days or settings.BILL_PAYMENT_DAYS
    row = send(
        TERMS,
        {"statement": statement.pk, "closing": statement.closing_entry_no, "days": days},
    ).row()
    assert row is not None  # noqa: S101 - the statement is there
    is_due, due_on, outstanding = row
    closing = statement.closing_balance
    assert closing is not None  # noqa: S101 - of a ready statement
    amount: Decimal = max(money.ZERO, -closing) - outstanding
    if not is_due or amount <= 0:
        return None
    bill = Bill.objects.create(
        bill_no=dated_no("B", now),
        partner=partner,
        statement=statement,
        amount=amount,
        due_on=due_on,
    )
    settle(partner)
    bill.refresh_from_db()
    _tell(bill, partner, BILL_ISSUED)
    if bill.status != BillStatus.PAID:
        _mail(bill, partner, news="issued")
    log.info("bill_issued", bill_no=bill.bill_no, partner_id=partner.pk, amount=str(amount))
    return bill


def watch_due_bills() -> int:
    """Loop: call bills to mind some days before they are due, and have them overdue once that day
    has passed by the database's clock; how many.
    """
    parameters = {"days": settings.BILL_REMINDER_DAYS, "limit": WATCHED_AT_ONCE}
    done = 0
    for bill_id, partner_id in send(LIST_DUE, parameters).rows():
        note_progress()
        try:
            done += watch_bill(bill_id=bill_id, partner_id=partner_id)
        except TemporarilyUnavailable:
            log.warning("bill_not_watched", bill_id=bill_id)  # the others go on
    return done


@transactional
def watch_bill(*, bill_id: int, partner_id: int) -> bool:
    """Remind of a bill, or have it overdue; whether it was time for either.

    1. Lock the partner. 2. Settle: what came in may have paid it. 3. Ask again whether it is time.
    4. Write and tell.
    """
    partner = lock_partner(pk=partner_id)
    settle(partner)
    row = send(ASK_AGAIN, {"bill": bill_id, "days": settings.BILL_REMINDER_DAYS}).row()
    assert row is not None  # noqa: S101 - bills are never deleted
    is_over, is_near = row
    if not is_over and not is_near:
        return False
    bill = Bill.objects.select_related("statement").get(pk=bill_id)
    if is_over:
        change_bill(bill, to=BillStatus.OVERDUE, overdue_at=Now())
        set_flag(partner)
        _tell(bill, partner, BILL_OVERDUE)
        log.info("bill_overdue", bill_no=bill.bill_no, partner_id=partner_id)
    else:
        Bill.objects.filter(pk=bill_id).update(reminded_at=Now())
    _mail(bill, partner, news="overdue" if is_over else "reminder")
    return True


def _tell(bill: Bill, partner: Partner, type: str) -> None:
    publish_all([draft(type, partner_id=partner.pk, document=bill_document(bill))])


def _mail(bill: Bill, partner: Partner, *, news: str) -> None:
    queue_mail(
        topic=Contact.Topic.BILL_DUE,
        partner_id=partner.pk,
        facts={
            "news": news,
            "partner": {"code": partner.code, "name": partner.name},
            "bill": bill_document(bill),
            "bill_id": bill.pk,
            "stops_orders": not partner.orders_while_overdue,
        },
    )
