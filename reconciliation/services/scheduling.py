"""Statements by the timetable: of every day, and on the first of a month of the month before."""

from __future__ import annotations

import structlog
from django.conf import settings

from openplatform.core import clock
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from reconciliation.selectors.periods import SETTLED

log = structlog.get_logger(__name__)

PLATFORM = "platform"  # who asks for them
PREFIX = "S"
DAYS, MONTHS = 31, 3  # back to which a worker that stood still makes up for what is missing
AT_ONCE = 500
ZONE = clock.PLATFORM_ZONE.key
NOW = f"(clock_timestamp() AT TIME ZONE '{ZONE}')"
# Days whose statements are due: from the hour on up to yesterday, before it up to the day before.
TODAY = f"({NOW} - make_interval(hours => %(hour)s::int))::date"
# A wallet has statements from the day on which its partner was made.
MISSING = f"""
    SELECT partner.id AS partner_id, period.first, period.last
    FROM (
        SELECT {TODAY} - back AS first, {TODAY} - back AS last
        FROM generate_series(1, {DAYS}) back
        UNION ALL
        SELECT (month - make_interval(months => back))::date,
            (month - make_interval(months => back - 1))::date - 1
        FROM date_trunc('month', {TODAY}) month, generate_series(1, {MONTHS}) back
    ) period
    JOIN accounts_partner partner
        ON partner.created_at < (period.last + 1)::timestamp AT TIME ZONE '{ZONE}'
    JOIN accounts_wallet wallet ON wallet.partner_id = partner.id
    WHERE NOT EXISTS (
        SELECT FROM reconciliation_statement statement
        WHERE statement.partner_id = partner.id AND statement.period_end = period.last
            AND statement.period_start = period.first
    )
    ORDER BY period.last DESC, period.first, partner.id
    LIMIT {AT_ONCE}
"""  # noqa: S608 - constants
# How many there are at most is known, so they bring their numbers along.
ORDER = f"""
    INSERT INTO reconciliation_statement
        (statement_no, partner_id, period_start, period_end, requested_by, status, due_at)
    SELECT number, partner_id, first, last, %(by)s, 'preparing',
        greatest(clock_timestamp(), {SETTLED.format(last="last")})
    FROM ROWS FROM (unnest(%(partner_ids)s::bigint[]), unnest(%(firsts)s::date[]),
        unnest(%(lasts)s::date[]), unnest(%(numbers)s::text[]))
        AS missing (partner_id, first, last, number)
    ON CONFLICT (partner_id, period_end, period_start) DO NOTHING
    RETURNING id
"""  # noqa: S608 - constants


def order_due_statements() -> int:
    """Loop: ask for the statements that are due by the timetable and not there, from
    ``settings.STATEMENT_HOUR`` on by the database's clock, where the platform is; how many.

    What was missed is made up for: 31 days, and 3 months. Any number of workers may run it.
    """
    missing = send(MISSING, {"hour": settings.STATEMENT_HOUR}).rows()
    return _order(missing) if missing else 0


@transactional
def _order(missing: list[tuple[int, object, object]]) -> int:
    now = clock.now()
    rows = send(
        ORDER,
        {
            "by": PLATFORM,
            "partner_ids": [partner_id for partner_id, _first, _last in missing],
            "firsts": [first for _partner, first, _last in missing],
            "lasts": [last for _partner, _first, last in missing],
            "numbers": [dated_no(PREFIX, now) for _missing in missing],
        },
    ).rows()
    log.info("statements_ordered", count=len(rows))
    return len(rows)
