"""Where a wallet stood at a midnight. Days are the platform's.

Ledger and holds are numbered and stamped under the lock of their wallet, so numbers and times rise
together, and what is stamped before a midnight is a beginning of the numbers. Once the midnight has
passed and the wallet was updated after it, that beginning never grows any more.
"""

from __future__ import annotations

import calendar
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.statements import Sent, send

# The beginning of a day.
MIDNIGHT = f"((%(day)s::date)::timestamp AT TIME ZONE '{PLATFORM_ZONE.key}')"
# When a period is over for long enough to be looked at: should the database's clock be set back a
# little then, such as to that of another host, nothing comes into the period any more.
SETTLED = f"(({{last}} + 1)::timestamp AT TIME ZONE '{PLATFORM_ZONE.key}' + interval '1 minute')"
HAS_COME = f"SELECT clock_timestamp() >= {MIDNIGHT}"
YESTERDAY = f"SELECT (clock_timestamp() AT TIME ZONE '{PLATFORM_ZONE.key}')::date - 1"
LAST_ENTRY = f"""
    SELECT entry_no, balance_after FROM accounts_ledgerentry
    WHERE partner_id = %(partner_id)s AND created_at < {MIDNIGHT}
    ORDER BY created_at DESC, entry_no DESC LIMIT 1
"""  # noqa: S608 - constants
# Holds have no index by time. Their numbers rise with it, so it is found by halving, in as many
# steps as the number of holds has bits.
HELD = f"""
    WITH RECURSIVE halving (below, above) AS (
        SELECT 0::bigint, last_hold_no FROM accounts_wallet WHERE partner_id = %(partner_id)s
        UNION ALL
        SELECT CASE WHEN is_before THEN middle ELSE below END,
            CASE WHEN is_before THEN above ELSE middle - 1 END
        FROM halving
        CROSS JOIN LATERAL (SELECT (below + above + 1) / 2 AS middle) half
        CROSS JOIN LATERAL (
            SELECT coalesce((
                SELECT created_at < {MIDNIGHT} FROM accounts_holdentry
                WHERE partner_id = %(partner_id)s AND hold_no <= middle
                ORDER BY hold_no DESC LIMIT 1
            ), TRUE) AS is_before
        ) look
        WHERE below < above
    )
    SELECT held_after FROM accounts_holdentry
    WHERE partner_id = %(partner_id)s
        AND hold_no <= (SELECT below FROM halving WHERE below = above)
    ORDER BY hold_no DESC LIMIT 1
"""  # noqa: S608 - constants
CREDIT_LIMIT = f"""
    SELECT limit_after FROM accounts_creditlimitchange
    WHERE partner_id = %(partner_id)s AND created_at < {MIDNIGHT}
    ORDER BY created_at DESC, id DESC LIMIT 1
"""  # noqa: S608 - constants
NOTHING = Decimal("0.00")


class PeriodKind(StrEnum):
    """What a period is by its two days."""

    DAY = "day"
    MONTH = "month"
    OTHER = "other"


class LastEntry(NamedTuple):
    """The last ledger entry before a midnight; 0 and nothing before the first ever."""

    entry_no: int
    balance: Decimal


def period_kind(period_start: date, period_end: date) -> PeriodKind:
    """Whether a period is one day, one month of the calendar, or something else."""
    if period_start == period_end:
        return PeriodKind.DAY
    days = calendar.monthrange(period_start.year, period_start.month)[1]
    is_month = period_start.day == 1 and period_end == period_start.replace(day=days)
    return PeriodKind.MONTH if is_month else PeriodKind.OTHER


def read_yesterday() -> date:
    """The last day that has ended by the database's clock."""
    yesterday: date = _value(send(YESTERDAY), None)
    return yesterday


def has_come(day: date) -> bool:
    """Whether a day has begun by the database's clock."""
    return bool(_value(send(HAS_COME, {"day": day}), False))


def read_last_entry(*, partner_id: int, before: date) -> LastEntry:
    """Of what a wallet's ledger had when a day began."""
    row = send(LAST_ENTRY, {"partner_id": partner_id, "day": before}).row()
    return LastEntry(0, NOTHING) if row is None else LastEntry(*row)


def read_held_amount(*, partner_id: int, before: date) -> Decimal:
    """What orders held of a wallet when a day began."""
    held: Decimal = _value(send(HELD, {"partner_id": partner_id, "day": before}), NOTHING)
    return held


def read_credit_limit(*, partner_id: int, before: date) -> Decimal:
    """The credit line of a wallet when a day began."""
    limit: Decimal = _value(send(CREDIT_LIMIT, {"partner_id": partner_id, "day": before}), NOTHING)
    return limit


def _value(sent: Sent, default: Any) -> Any:
    row = sent.row()
    return default if row is None else row[0]
