"""Who got the goods is forgotten a set time after an order has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.conf import settings

from openplatform.core.statements import send

BATCH = 500  # orders to a statement
WINDOW = 20_000  # primary keys that a statement looks through, to stay within its time-out
MOST = 20_000  # orders of one run; what is left waits for the next

# The last change of an order that has ended counts: a refund long after, and it is kept longer.
# A message that has no number yet would bring the consignee back, so its order waits a day.
IS_DUE = """
    "order".consignee_erased_at IS NULL
    AND "order".status IN ('completed', 'cancelled', 'expired', 'closed')
    AND "order".updated_at < clock_timestamp() - make_interval(days => %(days)s)
    AND NOT EXISTS (
        SELECT FROM messaging_outbox WHERE subject = 'order:' || "order".order_no
    )
"""
DUE = f"""
    SELECT "order".order_no FROM orders_order "order"
    WHERE "order".id BETWEEN %(first)s AND %(last)s AND {IS_DUE}
"""  # noqa: S608 - of constants
ERASE = f"""
    UPDATE orders_order "order"
    SET consignee_name = '', consignee_phone = '', consignee_address = '',
        consignee_erased_at = clock_timestamp()
    WHERE "order".order_no = ANY(%(order_nos)s::text[]) AND {IS_DUE}
    RETURNING "order".id
"""  # noqa: S608 - of constants
IN_MESSAGES = """
    UPDATE messaging_message message
    SET data = jsonb_set(message.data, '{order,consignee}', 'null')
    FROM unnest(%(order_nos)s::text[]) AS due (order_no)
    WHERE message.id BETWEEN %(first)s AND %(last)s
        AND message.subject = 'order:' || due.order_no
        AND jsonb_typeof(message.data #> '{order,consignee}') = 'object'
"""
# An answer begins with the number of the order or suborder that it is about.
IN_ANSWERS = """
    UPDATE idempotency_idempotentrequest request
    SET answer = jsonb_set(request.answer::jsonb, '{consignee}', 'null')::text
    FROM unnest(%(order_nos)s::text[]) AS due (order_no)
    WHERE request.id BETWEEN %(first)s AND %(last)s
        AND request.path LIKE '/api/v1/orders%%'
        AND substring(left(request.answer, 48) FROM '^{"order_no":"([0-9A-Z]+)') = due.order_no
        AND jsonb_typeof(request.answer::jsonb -> 'consignee') = 'object'
"""
BOUNDS = "SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM {table}"


def erase_due_consignees() -> int:
    """Erase name, phone and address of ended orders, ``CONSIGNEE_KEPT_DAYS`` after their last
    change; of how many. What messages and kept answers still hold of them goes first, so that a run
    that is broken off is made good by the next. Carriers and waybills stay.
    """
    order_nos = _list_due()
    if not order_nos:
        return 0
    for statement, table in (
        (IN_MESSAGES, "messaging_message"),
        (IN_ANSWERS, "idempotency_idempotentrequest"),
    ):
        for window in _windows(table):
            send(statement, {**window, "order_nos": order_nos})
    erased = 0
    for start in range(0, len(order_nos), BATCH):
        batch = {
            "order_nos": order_nos[start : start + BATCH],
            "days": settings.CONSIGNEE_KEPT_DAYS,
        }
        erased += len(send(ERASE, batch).rows())
    return erased


def _list_due() -> list[str]:
    due: list[str] = []
    for window in _windows("orders_order"):
        due += [
            row[0] for row in send(DUE, {**window, "days": settings.CONSIGNEE_KEPT_DAYS}).rows()
        ]
        if len(due) >= MOST:
            break
    return due


def _windows(table: str) -> Iterator[dict[str, int]]:
    """The primary keys of a table, so many at a time."""
    bounds: Sequence[int] = send(BOUNDS.format(table=table)).rows()[0]
    for first in range(bounds[0], bounds[1] + 1, WINDOW):
        yield {"first": first, "last": first + WINDOW - 1}
