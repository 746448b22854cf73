"""Steps that move stock. Each is one statement; rows are locked in ascending primary key.

Every change of a number leaves a movement that says why.
"""

from __future__ import annotations

from collections.abc import Sequence

from openplatform.core.locking import require_transaction
from openplatform.core.statements import Sent, send

# The guard stands in the UPDATE: a row that has become too short in the meantime moves nothing,
# and the caller, who gets fewer rows than it asked for, rolls back. `missing` are reserved units
# that a count did not find: when their reservation ends unpaid, they must not be sold again.
#
# The answer for the minimum quantity can only have turned somewhere when this row alone could not
# promise it before, or cannot afterwards; that is when a hint is left. Each of two orders that
# empty two warehouses at once leaves its own, and whoever takes up the later one sees both.
#
# Steps of a statement, behind a `wanted (stock_id, quantity)` with a row for each row of stock.
LOCKED = """locked AS MATERIALIZED (
        SELECT stock.id, wanted.quantity,
            least(wanted.quantity, stock.shortage_quantity) AS missing
        FROM wanted JOIN catalog_stock stock ON stock.id = wanted.stock_id
        ORDER BY stock.id
        FOR NO KEY UPDATE OF stock
    )"""
SHIFTED = """shifted AS (
        UPDATE catalog_stock stock
        SET on_hand = on_hand + {on_hand}, reserved = reserved + {reserved},
            outgoing = outgoing + {outgoing}, shortage_quantity = shortage_quantity - {found_short}
        FROM locked AS part
        WHERE stock.id = part.id AND {guard}
        RETURNING stock.id, stock.sku_id, part.quantity, part.missing,
            stock.on_hand - stock.reserved - stock.safety_quantity AS sellable
    ){hinted}"""
STEPS = f"{LOCKED}, {SHIFTED}"
MOVEMENT = """
    INSERT INTO catalog_stockmovement
        (stock_id, cause, on_hand_change, reserved_change, outgoing_change, document_no, actor)
    SELECT part.id, '{cause}', {on_hand}, {reserved}, {outgoing}, %(document_no)s, ''
    FROM shifted AS part
    RETURNING stock_id
"""
WANTED = """wanted AS (
        SELECT stock_id, sum(quantity)::int AS quantity
        FROM unnest(%(stock_ids)s::bigint[], %(quantities)s::int[]) AS part (stock_id, quantity)
        GROUP BY stock_id
    )"""
MOVE = f"WITH {WANTED}, {STEPS} {MOVEMENT}"
# For a statement that does much else besides. Who had to wait for a row looks at it anew, and for
# that Postgres sets up the whole statement a second time, once for the lock and once for the write.
# Locked by a statement of its own, sent ahead, a row stands still, and is seen as it is.
LOCK = """
    SELECT FROM catalog_stock WHERE id = ANY(%(stock_ids)s::bigint[])
    ORDER BY id FOR NO KEY UPDATE
"""
HINTED = """, hinted AS (
        INSERT INTO catalog_stockhint (sku_id)
        SELECT part.sku_id FROM shifted AS part
        WHERE part.sellable - greatest(({on_hand}) - ({reserved}), 0)
            < (SELECT sku.min_quantity FROM catalog_sku sku WHERE sku.id = part.sku_id)
    )"""
ENOUGH = "stock.on_hand - stock.reserved - stock.safety_quantity >= part.quantity"
# Units are promised to an order, by steps of a statement behind LOCK: `short` has the rows that are
# too short. The others stand behind a `placed` that is empty when nothing is to be promised, as
# when any row is short; `noted` has a row for each movement.
SHORTAGE_STEPS = f"""{WANTED}, locked AS MATERIALIZED (
        SELECT stock.id, part.quantity, 0 AS missing, {ENOUGH} AS is_enough
        FROM wanted AS part JOIN catalog_stock stock ON stock.id = part.stock_id
    ), short AS (SELECT id FROM locked WHERE NOT is_enough)"""  # noqa: S608 - as is
RESERVATION_STEPS = f"""{SHIFTED}, noted AS ({MOVEMENT})""".format(
    cause="reserved", on_hand="0", reserved="part.quantity", outgoing="0", found_short="0",
    guard=f"{ENOUGH} AND EXISTS (SELECT FROM placed)",
    hinted=HINTED.format(on_hand="0", reserved="part.quantity"),
)  # fmt: skip
RELEASE = MOVE.format(
    cause="released", on_hand="-part.missing", reserved="-part.quantity", outgoing="0",
    found_short="part.missing", guard="true",
    hinted=HINTED.format(on_hand="-part.missing", reserved="-part.quantity"),
)  # fmt: skip
# Promised units leave what is on hand and wait for shipment; `noted` has a row for each movement.
PAYMENT_STEPS = f"""{STEPS}, noted AS ({MOVEMENT})""".format(
    cause="paid", on_hand="-part.quantity", reserved="-part.quantity", outgoing="part.quantity",
    found_short="0", guard="true", hinted="",
)  # fmt: skip
SHIP = MOVE.format(
    cause="shipped", on_hand="0", reserved="0", outgoing="-part.quantity", found_short="0",
    guard="true", hinted="",
)  # fmt: skip
RESTOCK = MOVE.format(
    cause="restocked", on_hand="part.quantity", reserved="0", outgoing="-part.quantity",
    found_short="0", guard="true", hinted=HINTED.format(on_hand="part.quantity", reserved="0"),
)  # fmt: skip
WRITE_OFF = MOVE.format(
    cause="written_off", on_hand="0", reserved="0", outgoing="-part.quantity", found_short="0",
    guard="true", hinted="",
)  # fmt: skip
TAKE_OVER = MOVE.format(
    cause="taken_over", on_hand="-part.quantity", reserved="0", outgoing="part.quantity",
    found_short="0", guard=ENOUGH,
    hinted=HINTED.format(on_hand="-part.quantity", reserved="0"),
)  # fmt: skip
# Goods that came back once they had been shipped.
RETURN = MOVE.format(
    cause="returned", on_hand="part.quantity", reserved="0", outgoing="0", found_short="0",
    guard="true", hinted=HINTED.format(on_hand="part.quantity", reserved="0"),
)  # fmt: skip
# They come and go at once: two movements, and the numbers stay.
RETURN_WRITE_OFF = f"""
    WITH {WANTED}
    INSERT INTO catalog_stockmovement
        (stock_id, cause, on_hand_change, reserved_change, outgoing_change, document_no, actor)
    SELECT part.stock_id, way.cause, way.sign * part.quantity, 0, 0, %(document_no)s, ''
    FROM wanted AS part
    CROSS JOIN (VALUES (1, 'returned'), (-1, 'returned_off')) AS way (sign, cause)
    ORDER BY part.stock_id, way.sign DESC
    RETURNING stock_id
"""  # noqa: S608 - of constants


def send_lock(*, stock_ids: Sequence[int]) -> None:
    """Step: lock these rows, for the statement that is sent next."""
    send(LOCK, {"stock_ids": list(stock_ids)})


def send_release(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: free what was promised to an order that will not be paid."""
    return _send(RELEASE, stock_ids, quantities, document_no)


def send_shipment(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: paid units leave the warehouse."""
    return _send(SHIP, stock_ids, quantities, document_no)


def send_restock(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: paid units that will not be shipped can be sold again."""
    return _send(RESTOCK, stock_ids, quantities, document_no)


def send_write_off(
    *, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str
) -> Sent:
    """Step: paid units that will not be shipped, because they are broken or not there."""
    return _send(WRITE_OFF, stock_ids, quantities, document_no)


def send_return(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: units that had been shipped came back and can be sold again."""
    return _send(RETURN, stock_ids, quantities, document_no)


def send_return_write_off(
    *, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str
) -> Sent:
    """Step: units that had been shipped came back and cannot be sold; no number changes, and two
    movements say why.
    """
    return _send(RETURN_WRITE_OFF, stock_ids, quantities, document_no)


def send_takeover(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: another warehouse ships what was paid. A stock row that is too short is left out of
    the answer.
    """
    return _send(TAKE_OVER, stock_ids, quantities, document_no)


def _send(
    statement: str, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str
) -> Sent:
    require_transaction()
    return send(
        statement,
        {
            "stock_ids": list(stock_ids),
            "quantities": list(quantities),
            "document_no": document_no,
        },
    )
