"""Statements are asked for: a row that a worker takes up. The same period is the same statement."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_change
from openplatform.core.clock import YEARS
from openplatform.core.errors import FieldInvalid
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from reconciliation.errors import PeriodOpen
from reconciliation.models import Statement
from reconciliation.selectors.periods import SETTLED, has_come

PREFIX = "S"
MAX_DAYS = 366
# Somebody waits for it: ahead of what the timetable has asked for, but the less so the more of the
# same merchant wait, so that nobody who asks for thousands of periods keeps all others waiting.
WAITING = """
    SELECT count(*) FROM reconciliation_statement waiting
    WHERE waiting.partner_id = %(partner_id)s AND waiting.status = 'preparing'
"""
AHEAD = f"""greatest(
    clock_timestamp() - interval '1 day'
        + least(({WAITING}) * interval '10 minutes', interval '1 day'),
    {SETTLED.format(last="%(period_end)s::date")}
)"""
# Of many at once one inserts, and the others find its row. One that failed is begun anew.
ORDER = f"""
    INSERT INTO reconciliation_statement AS statement
        (statement_no, partner_id, period_start, period_end, requested_by, status, due_at)
    VALUES (%(statement_no)s, %(partner_id)s, %(period_start)s, %(period_end)s, %(by)s,
        'preparing', {AHEAD})
    ON CONFLICT (partner_id, period_end, period_start) DO UPDATE
        SET status = 'preparing', due_at = {AHEAD}, attempts = 0, rows_done = 0,
            error = '', requested_by = excluded.requested_by
        WHERE statement.status = 'failed'
    RETURNING id
"""  # noqa: S608 - constants


@transactional
def request_statement(
    *, partner_id: int, period_start: date, period_end: date, by: str, now: datetime
) -> Statement:
    """The statement of a period: as it is, or to be made by a worker.

    :param by: a user name, ``key:op_xxxxxxxx`` for a merchant's program, or a command's name.
    :raises FieldInvalid: for days in the wrong order, too many of them, or outside 2000 to 2999.
    :raises PeriodOpen: as long as the last day has not ended by the database's clock.
    """
    return order_statement_step(
        partner_id=partner_id, period_start=period_start, period_end=period_end, by=by, now=now
    )


def order_statement_step(
    *, partner_id: int, period_start: date, period_end: date, by: str, now: datetime
) -> Statement:
    """Step: the same, for services of which it is a part.

    :raises FieldInvalid, PeriodOpen: as there.
    """
    require_transaction()
    require_closed(period_start, period_end)
    row = send(
        ORDER,
        {
            "statement_no": dated_no(PREFIX, now),
            "partner_id": partner_id,
            "period_start": period_start,
            "period_end": period_end,
            "by": by,
        },
    ).row()
    statement = Statement.objects.select_related("partner").get(
        partner=partner_id, period_start=period_start, period_end=period_end
    )
    if row is not None:
        record_change(
            action="order_statement",
            subject=statement,
            before={},
            after={"period_start": period_start, "period_end": period_end},
            actor=by,
            partner_id=partner_id,
        )
    return statement


def require_closed(period_start: date, period_end: date) -> None:
    """:raises FieldInvalid, PeriodOpen: unless a statement can be made of these days."""
    for pointer, day in (("/period_start", period_start), ("/period_end", period_end)):
        if day.year < YEARS.start:
            raise FieldInvalid(pointer=pointer, minimum=f"{YEARS.start}-01-01")
        if day.year >= YEARS.stop:
            raise FieldInvalid(pointer=pointer, maximum=f"{YEARS.stop - 1}-12-31")
    if period_end < period_start:
        raise FieldInvalid(_("The period ends before it begins"), pointer="/period_end")
    if (period_end - period_start).days >= MAX_DAYS:
        raise FieldInvalid(
            _("The period has too many days"), pointer="/period_end", maximum_days=MAX_DAYS
        )
    if not has_come(period_end + timedelta(days=1)):
        raise PeriodOpen(pointer="/period_end")
