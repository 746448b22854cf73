"""Days that have gone by: what a test did just now, stamped as if it had been done then.

Statements are of days that have ended by the database's clock, and the rows they are made of only
ever get added. So a test acts in the present, through the services, and moves the stamps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.db import connection, transaction

from accounts.models import Partner
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.models import Statement

OF_PARTNER = "partner_id = %(partner)s"
OF_ORDER = "order_id IN (SELECT id FROM orders_order WHERE partner_id = %(partner)s)"
OF_PART = (
    "suborder_id IN (SELECT part.id FROM orders_suborder part"
    " JOIN orders_order ON orders_order.id = part.order_id WHERE partner_id = %(partner)s)"
)
OF_CLAIM = "claim_id IN (SELECT id FROM aftersales_claim WHERE partner_id = %(partner)s)"
# Of each table whose rows they are, and its stamps; deadlines stay where they are.
STAMPS: Mapping[str, tuple[str, Sequence[str]]] = {
    "accounts_partner": ("id = %(partner)s", ["created_at"]),
    "accounts_wallet": (OF_PARTNER, ["last_entry_at", "last_hold_at"]),
    "accounts_ledgerentry": (OF_PARTNER, ["created_at"]),
    "accounts_holdentry": (OF_PARTNER, ["created_at"]),
    "accounts_creditlimitchange": (OF_PARTNER, ["created_at"]),
    "accounts_topup": (OF_PARTNER, ["created_at", "decided_at"]),
    "accounts_adjustment": (OF_PARTNER, ["created_at", "decided_at"]),
    "accounts_withdrawal": (OF_PARTNER, ["created_at", "decided_at"]),
    "orders_order": (
        OF_PARTNER,
        ["created_at", "updated_at", "paid_at", "cancelled_at", "closed_at"],
    ),
    "orders_suborder": (OF_ORDER, ["shipped_at", "delivered_at", "completed_at"]),
    "orders_orderevent": (OF_ORDER, ["created_at"]),
    "orders_shipment": (OF_PART, ["created_at", "shipped_at", "delivered_at"]),
    "orders_closure": (OF_PART, ["created_at"]),
    "orders_split": (OF_PART, ["created_at"]),
    "aftersales_claim": (
        OF_PARTNER,
        ["created_at", "updated_at", "decided_at", "ended_at"],
    ),
    "aftersales_claimevent": (OF_CLAIM, ["created_at"]),
    "aftersales_claimnote": (OF_CLAIM, ["created_at"]),
    "aftersales_claimparcel": (OF_CLAIM, ["created_at", "shipped_at", "delivered_at"]),
    "reconciliation_invoice": (
        OF_PARTNER,
        ["created_at", "updated_at", "issued_at", "cancelled_at"],
    ),
    "reconciliation_invoiceevent": (
        "invoice_id IN (SELECT id FROM reconciliation_invoice WHERE partner_id = %(partner)s)",
        ["at"],
    ),
}
LATELY = "clock_timestamp() - interval '1 hour'"  # what no earlier call has moved


def at(partner: Partner, moment: datetime | str) -> None:
    """Have everything of a partner that was written since the last call be of this moment, to the
    microsecond. What has a number keeps the order of its numbers; call it with rising moments.

    :param moment: a text without offset is in the platform's zone: ``2026-03-01 10:00``.
    """
    then = _moment(moment)
    with transaction.atomic(), connection.cursor() as cursor:
        # The histories refuse updates. Only until the end of this block, also within the one
        # transaction of a test.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, (whose, columns) in STAMPS.items():
            moved = ", ".join(
                f"{column} = CASE WHEN {column} > {LATELY} AND {column} <= clock_timestamp()"
                f" THEN %(then)s ELSE {column} END"
                for column in columns
            )
            is_new = " OR ".join(f"{column} > {LATELY}" for column in columns)
            cursor.execute(
                f"UPDATE {table} SET {moved} WHERE {whose} AND ({is_new})",  # noqa: S608 - constants
                {"partner": partner.pk, "then": then},
            )
        cursor.execute(
            "UPDATE accounts_wallet SET spent_on = %(day)s"
            " WHERE partner_id = %(partner)s AND spent_on > %(day)s",
            {"partner": partner.pk, "day": then.astimezone(PLATFORM_ZONE).date()},
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def make_statement(partner: Partner, first: date | str, last: date | str) -> Statement:
    """The statement of a period, both days included, ready, with its files."""
    from reconciliation.services.making import make_statement_now
    from reconciliation.services.requesting import request_statement

    statement = request_statement(
        partner_id=partner.pk,
        period_start=_day(first),
        period_end=_day(last),
        by="test",
        now=clock.now(),
    )
    return make_statement_now(pk=statement.pk)


def month_ago(months: int) -> date:
    """The first day of the month so many months before the running one."""
    today = clock.now().astimezone(PLATFORM_ZONE)
    number = today.year * 12 + today.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _moment(moment: datetime | str) -> datetime:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment if moment.tzinfo else moment.replace(tzinfo=PLATFORM_ZONE)


def _day(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day
