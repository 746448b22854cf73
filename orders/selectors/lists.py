"""Pages of a merchant's orders, as fast among hundreds of thousands as among a few.

Every page is read along an index and stops when it is full; what a filter leaves out is passed over
by bounds, not row by row. The best plan depends on how much a bound leaves, so the values stand in
the statements: the platform's connections plan what has parameters once, without looking at them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from openplatform.core.statements import send, send_spelled_out
from orders.states import OrderStatus

# An order is stamped by the clock of a web server when its request comes in, its hold by that of
# the database before the commit. They lie no further apart than a request with all its retries
# (``horizon.MARGIN_SECONDS``) and what the clocks differ by. Bounds that are taken from the one for
# the other leave room for more; it costs the reading of the orders of that time.
CLOCK_ROOM = timedelta(minutes=2)
MAX_ROWS = 101  # a page, and one more that tells that it goes on

# Times of holds never go back as their numbers go up, and no number is left out.
FIRST_HOLD = """
    WITH RECURSIVE search (low, high) AS (
        SELECT 1::bigint, last_hold_no + 1 FROM accounts_wallet WHERE partner_id = %(partner_id)s
        UNION ALL
        SELECT CASE WHEN is_before THEN middle + 1 ELSE low END,
            CASE WHEN is_before THEN high ELSE middle END
        FROM (
            SELECT low, high, (low + high) / 2 AS middle, (
                SELECT created_at < %(at)s FROM accounts_holdentry
                WHERE partner_id = %(partner_id)s AND hold_no = (low + high) / 2
            ) AS is_before
            FROM search WHERE low < high
        ) halved
    )
    SELECT low FROM search WHERE low >= high
"""
FITS = """
    (%(created_after)s::timestamptz IS NULL OR "order".created_at >= %(created_after)s)
    AND (%(created_before)s::timestamptz IS NULL OR "order".created_at < %(created_before)s)
"""
ANY = f"""
    SELECT hold_no, order_no FROM accounts_holdentry
    WHERE partner_id = %(partner_id)s AND kind = 'held' AND hold_no < %(below)s
    ORDER BY hold_no DESC LIMIT {MAX_ROWS}
"""  # noqa: S608 - of constants
# OFFSET 0 keeps the planner from joining everything with everything: one row is looked up for each.
OF_A_TIME = f"""
    SELECT hold.hold_no, hold.order_no
    FROM accounts_holdentry hold
    CROSS JOIN LATERAL (
        SELECT FROM orders_order "order"
        WHERE "order".order_no = hold.order_no AND {FITS}
        OFFSET 0
    ) fitting
    WHERE hold.partner_id = %(partner_id)s AND hold.kind = 'held'
        AND hold.hold_no < %(below)s AND hold.hold_no >= %(first)s
    ORDER BY hold.hold_no DESC LIMIT {MAX_ROWS}
"""  # noqa: S608 - as above
# Orders of a status by their stamps, which are nearly in the order of the list: a page full of
# them, and whatever may come between.
OF_A_STATUS = """
    SELECT "order".created_at, hold.hold_no, hold.order_no
    FROM orders_order "order"
    CROSS JOIN LATERAL (
        SELECT hold_no, order_no FROM accounts_holdentry hold
        WHERE hold.order_no = "order".order_no AND hold.kind = 'held' AND hold.hold_no < %(below)s
        OFFSET 0
    ) hold
    WHERE "order".partner_id = %(partner_id)s AND "order".status = %(status)s
        AND "order".created_at < %(until)s AND "order".created_at >= %(since)s
"""
FULL_PAGE = f'{OF_A_STATUS} ORDER BY "order".created_at DESC LIMIT {MAX_ROWS}'
IN_ORDER = f"""
    SELECT hold_no, order_no FROM ({OF_A_STATUS} OFFSET 0) found
    ORDER BY hold_no DESC LIMIT {MAX_ROWS}
"""  # noqa: S608 - as above
TIME_OF_HOLD = """
    SELECT created_at FROM accounts_holdentry WHERE partner_id = %s AND hold_no = %s
"""
NAMED = f"""
    SELECT hold.hold_no, hold.order_no
    FROM orders_order "order"
    JOIN accounts_holdentry hold ON hold.order_no = "order".order_no AND hold.kind = 'held'
    WHERE "order".merchant_order_no = %(merchant_order_no)s
        AND "order".partner_id = %(partner_id)s AND hold.hold_no < %(below)s AND {FITS}
        AND (%(status)s::text IS NULL OR "order".status = %(status)s)
"""  # noqa: S608 - as above
# Each status has its own run in the index; the pages of all of them are merged.
UPDATED = f"""
    SELECT found.updated_at, found.id, found.order_no
    FROM unnest(%(statuses)s::text[]) AS wanted (status)
    CROSS JOIN LATERAL (
        SELECT "order".updated_at, "order".id, "order".order_no
        FROM orders_order "order"
        WHERE "order".partner_id = %(partner_id)s AND "order".status = wanted.status
            AND ("order".updated_at, "order".id) > (%(updated_at)s, %(order_id)s)
            AND {FITS}
        ORDER BY "order".updated_at, "order".id LIMIT {MAX_ROWS}
    ) found
    ORDER BY found.updated_at, found.id LIMIT {MAX_ROWS}
"""  # noqa: S608 - as above
NAMED_UPDATED = f"""
    SELECT updated_at, id, order_no FROM orders_order "order"
    WHERE merchant_order_no = %(merchant_order_no)s AND partner_id = %(partner_id)s
        AND status = ANY(%(statuses)s::text[])
        AND (updated_at, id) > (%(updated_at)s, %(order_id)s) AND {FITS}
"""  # noqa: S608 - as above
NO_BOUND = 2**63 - 1


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders of a partner are wanted; None is any."""

    partner_id: int
    created_after: datetime | None = None
    created_before: datetime | None = None
    status: str | None = None
    merchant_order_no: str | None = None


class Placed(NamedTuple):
    """An order in a list by creation."""

    hold_no: int
    order_no: str


class Updated(NamedTuple):
    """An order in a list by update."""

    updated_at: datetime
    order_id: int
    order_no: str


def page_by_placement(query: OrderQuery, *, before: int | None, limit: int) -> list[Placed]:
    """The newest orders, the newest first, up to ``limit`` of at most 101.

    The place in the list is the number of the order's hold, given under the wallet's lock: unlike
    times and primary keys it is in order of commit, so no order appears behind one already read.
    """
    below = NO_BOUND if before is None else before
    values = {**asdict(query), "below": below, "first": 0}
    if query.merchant_order_no is not None:
        rows = send(NAMED, values).rows()  # a stranger's text, and one row at the most
    elif query.status is not None:
        return _page_of_status(query, before=before)[:limit]
    elif query.created_after is query.created_before is None:
        rows = send_spelled_out(ANY, values).rows()
    else:
        if query.created_before is not None:
            last = _first_hold(query.partner_id, query.created_before + CLOCK_ROOM)
            values["below"] = min(below, last)
        if query.created_after is not None:
            values["first"] = _first_hold(query.partner_id, query.created_after - CLOCK_ROOM)
        rows = send_spelled_out(OF_A_TIME, values).rows()
    return [Placed(*row) for row in rows[:limit]]


def page_by_update(query: OrderQuery, *, after: tuple[datetime, int], limit: int) -> list[Updated]:
    """Orders behind a position (``updated_at``, ``id``), the least recently updated first, up to
    ``limit`` of at most 101.
    """
    if query.created_after is not None:  # nothing is updated before it is placed
        after = max(after, (query.created_after - CLOCK_ROOM, 0))
    values = {
        **asdict(query),
        "statuses": OrderStatus.values if query.status is None else [query.status],
        "updated_at": after[0],
        "order_id": after[1],
    }
    if query.merchant_order_no is None:
        rows = send_spelled_out(UPDATED, values).rows()
    else:
        rows = send(NAMED_UPDATED, values).rows()
    return [Updated(*row) for row in rows[:limit]]


def _page_of_status(query: OrderQuery, *, before: int | None) -> list[Placed]:
    until: Any = query.created_before or "infinity"
    if before is not None:
        row = send(TIME_OF_HOLD, [query.partner_id, before]).row()
        if row is not None:
            after_all = row[0] + CLOCK_ROOM
            until = after_all if until == "infinity" else min(until, after_all)
    values = {
        "partner_id": query.partner_id,
        "status": query.status,
        "below": NO_BOUND if before is None else before,
        "until": until,
        "since": query.created_after or "-infinity",
    }
    rows = send_spelled_out(FULL_PAGE, values).rows()
    if len(rows) == MAX_ROWS:
        oldest: datetime = rows[-1][0]
        since = oldest - CLOCK_ROOM
        values["since"] = max(since, query.created_after or since)
        rows = [(None, *row) for row in send_spelled_out(IN_ORDER, values).rows()]
    found = [Placed(hold_no, order_no) for _at, hold_no, order_no in rows]
    return sorted(found, reverse=True)


def _first_hold(partner_id: int, at: datetime) -> int:
    """The number of the first hold at this time or later, or that which the next one will get."""
    row = send(FIRST_HOLD, {"partner_id": partner_id, "at": at}).row()
    assert row is not None  # noqa: S101 - every partner has a wallet
    return int(row[0])
