"""Steps that move stock. Each is one statement; rows are locked in ascending primary key.

Every change of a number leaves a movement that says why.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from catalog.models import Stock, StockMovement
from catalog.services.outcome import Outcome
from openplatform.core.errors import DomainError, FieldInvalid, refuse_if
from openplatform.core.locking import require_transaction
from openplatform.core.statements import Sent, send

# The guard stands in the UPDATE: a row that has become too short in the meantime moves nothing,
# and the caller, who gets fewer rows than it asked for, rolls back. `missing` are reserved units
# that a count did not find: when their reservation ends unpaid, they must not be sold again.
MOVE = """
    WITH wanted AS (
        SELECT stock_id, sum(quantity)::int AS quantity
        FROM unnest(%(stock_ids)s::bigint[], %(quantities)s::int[]) AS part (stock_id, quantity)
        GROUP BY stock_id
    ), locked AS MATERIALIZED (
        SELECT stock.id, wanted.quantity,
            least(wanted.quantity, stock.shortage_quantity) AS missing
        FROM wanted JOIN catalog_stock stock ON stock.id = wanted.stock_id
        ORDER BY stock.id
        FOR NO KEY UPDATE OF stock
    ), moved AS (
        UPDATE catalog_stock stock
        SET on_hand = on_hand + {on_hand}, reserved = reserved + {reserved},
            outgoing = outgoing + {outgoing}, shortage_quantity = shortage_quantity - {found_short}
        FROM locked AS part
        WHERE stock.id = part.id AND {guard}
        RETURNING stock.id, part.quantity, part.missing
    )
    INSERT INTO catalog_stockmovement
        (stock_id, cause, on_hand_change, reserved_change, outgoing_change, document_no, actor)
    SELECT part.id, '{cause}', {on_hand}, {reserved}, {outgoing}, %(document_no)s, ''
    FROM moved AS part
    RETURNING stock_id
"""
RESERVE = MOVE.format(
    cause="reserved", on_hand="0", reserved="part.quantity", outgoing="0", found_short="0",
    guard="stock.on_hand - stock.reserved - stock.safety_quantity >= part.quantity",
)  # fmt: skip
RELEASE = MOVE.format(
    cause="released", on_hand="-part.missing", reserved="-part.quantity", outgoing="0",
    found_short="part.missing", guard="true",
)  # fmt: skip
PAY = MOVE.format(
    cause="paid", on_hand="-part.quantity", reserved="-part.quantity", outgoing="part.quantity",
    found_short="0", guard="true",
)  # fmt: skip
SHIP = MOVE.format(
    cause="shipped", on_hand="0", reserved="0", outgoing="-part.quantity", found_short="0",
    guard="true",
)  # fmt: skip


def send_reservation(
    *, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str
) -> Sent:
    """Step: promise units to an order. A stock row that is too short is left out of the answer."""
    return _send(RESERVE, stock_ids, quantities, document_no)


def send_release(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: free what was promised to an order that will not be paid."""
    return _send(RELEASE, stock_ids, quantities, document_no)


def send_payment(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: promised units leave what is on hand and wait for shipment."""
    return _send(PAY, stock_ids, quantities, document_no)


def send_shipment(*, stock_ids: Sequence[int], quantities: Sequence[int], document_no: str) -> Sent:
    """Step: paid units leave the warehouse."""
    return _send(SHIP, stock_ids, quantities, document_no)


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


# Counts and corrections: what people and their files say lies in a warehouse.

MAX_ON_HAND = 2_000_000_000
BATCH = 1000

CREATE_STOCK = """
    INSERT INTO catalog_stock
        (warehouse_id, sku_id, on_hand, reserved, outgoing, safety_quantity, shortage_quantity)
    SELECT warehouse_id, sku_id, 0, 0, 0, 0, 0
    FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (warehouse_id, sku_id)
    ORDER BY sku_id, warehouse_id
    ON CONFLICT (sku_id, warehouse_id) DO NOTHING
    RETURNING warehouse_id, sku_id
"""
LOCK_STOCK = """
    SELECT stock.id, stock.warehouse_id, stock.sku_id, stock.on_hand, stock.reserved,
        stock.outgoing, stock.safety_quantity, stock.shortage_quantity
    FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (warehouse_id, sku_id)
    JOIN catalog_stock stock
        ON stock.sku_id = wanted.sku_id AND stock.warehouse_id = wanted.warehouse_id
    ORDER BY stock.id
    FOR NO KEY UPDATE OF stock
"""
WRITE_STOCK = """
    UPDATE catalog_stock stock
    SET on_hand = counted.on_hand, safety_quantity = counted.safety_quantity,
        shortage_quantity = counted.shortage_quantity
    FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[])
        AS counted (id, on_hand, safety_quantity, shortage_quantity)
    WHERE stock.id = counted.id
"""


@dataclass(frozen=True, slots=True)
class StockChange:
    """What a count or correction says of a SKU in a warehouse; one change a stock row.

    :param on_hand: the number counted, or else ``delta``, units found or missing.
    :param expected_on_hand: what the counter believed beforehand, in the same sense as ``on_hand``.
    :param is_physical: paid units that wait for shipment were counted too.
    :param safety_quantity: None leaves it as it is.
    """

    warehouse_id: int
    sku_id: int
    on_hand: int | None = None
    delta: int | None = None
    expected_on_hand: int | None = None
    is_physical: bool = False
    safety_quantity: int | None = None


def apply_counts(*, changes: Sequence[StockChange], document_no: str, actor: str) -> Outcome:
    """Step: set or correct stock, each changed row with a movement.

    1. make missing rows, 2. lock all rows in ascending primary key, 3. check, 4. write.
    Reservations are kept whatever is counted: units that are reserved and were not found stand in
    ``shortage_quantity`` until a later count finds them. A correction counts once per
    ``document_no``, so the same document again moves nothing.

    :raises Refusal: with pointers ``/<index>/<field>``, when a row is not as expected, or a
        correction would go below zero.
    """
    require_transaction()
    warehouse_ids = [change.warehouse_id for change in changes]
    sku_ids = [change.sku_id for change in changes]
    created = set(send(CREATE_STOCK, [warehouse_ids, sku_ids]).rows())
    stocks = {
        (row["warehouse_id"], row["sku_id"]): Stock(**row)
        for row in send(LOCK_STOCK, [warehouse_ids, sku_ids]).named_rows()
    }
    corrected = _corrected(
        [
            stocks[change.warehouse_id, change.sku_id].pk
            for change in changes
            if change.delta is not None
        ],
        document_no,
    )
    faults: list[DomainError] = []
    changed: list[Stock] = []
    movements: list[StockMovement] = []
    for index, change in enumerate(changes):
        stock = stocks[change.warehouse_id, change.sku_id]
        is_repeated = change.delta is not None and stock.pk in corrected
        fault = None if is_repeated else _refusal_of(change, stock, index)
        if fault is not None:
            faults.append(fault)
            continue
        before = stock.on_hand
        if _count(change, stock, is_repeated=is_repeated):
            changed.append(stock)
        if stock in changed[-1:] or (change.delta and not is_repeated):
            cause = StockMovement.Cause.COUNT
            if change.delta is not None:
                cause = StockMovement.Cause.CORRECTION
            movements.append(
                StockMovement(
                    stock=stock,
                    cause=cause,
                    on_hand_change=stock.on_hand - before,
                    document_no=document_no,
                    actor=actor,
                )
            )
    refuse_if(faults)
    _write(changed, movements)
    updated = sum((stock.warehouse_id, stock.sku_id) not in created for stock in changed)
    return Outcome(len(created), updated, len(changes) - len(created) - updated)


def _corrected(stock_ids: Collection[int], document_no: str) -> set[int]:
    """The rows that a correction by this document has reached before."""
    return {
        stock_id
        for (stock_id,) in send(
            "SELECT stock_id FROM catalog_stockmovement"
            " WHERE stock_id = ANY(%s::bigint[]) AND document_no = %s AND cause = 'correction'",
            [list(stock_ids), document_no],
        ).rows()
    }


def _found(change: StockChange, stock: Stock) -> int:
    """Units that are there and not paid, by this change; the shortage counts against them."""
    if change.delta is not None:
        return stock.on_hand - stock.shortage_quantity + change.delta
    if change.on_hand is None:
        raise ValueError("a change has on_hand or delta")
    return change.on_hand - (stock.outgoing if change.is_physical else 0)


def _refusal_of(change: StockChange, stock: Stock, index: int) -> DomainError | None:
    found = _found(change, stock)
    # Paid units may be short, too; what arrives then is booked although it does not cover them.
    lowest = 0 if (change.delta or 0) < 0 else -MAX_ON_HAND
    if change.delta is not None and not lowest <= found <= MAX_ON_HAND:
        return FieldInvalid(
            _("The stock would be below zero, or too large"), pointer=f"/{index}/delta"
        )
    if change.expected_on_hand is None:
        return None
    is_done = change.delta is None and found == stock.on_hand - stock.shortage_quantity
    present = stock.on_hand + (stock.outgoing if change.is_physical else 0)
    if not is_done and change.expected_on_hand != present:
        return FieldInvalid(
            _("The stock is not as expected: it is %(quantity)d") % {"quantity": present},
            pointer=f"/{index}/expected_on_hand",
        )
    return None


def _count(change: StockChange, stock: Stock, *, is_repeated: bool) -> bool:
    """Set the numbers; answers whether any of them moved."""
    before = (stock.on_hand, stock.shortage_quantity, stock.safety_quantity)
    if not is_repeated:
        found = _found(change, stock)
        stock.on_hand = max(found, stock.reserved)
        stock.shortage_quantity = stock.on_hand - found
    if change.safety_quantity is not None:
        stock.safety_quantity = change.safety_quantity
    return before != (stock.on_hand, stock.shortage_quantity, stock.safety_quantity)


def _write(stocks: Sequence[Stock], movements: Sequence[StockMovement]) -> None:
    send(
        WRITE_STOCK,
        [
            [stock.pk for stock in stocks],
            [stock.on_hand for stock in stocks],
            [stock.safety_quantity for stock in stocks],
            [stock.shortage_quantity for stock in stocks],
        ],
    )
    StockMovement.objects.bulk_create(movements, batch_size=BATCH)
