"""Steps that set or correct stock: what people and their files say lies in a warehouse.

However many rows there are, the same few statements book them. They are gathered in a table of the
transaction's own first, which locks nothing; from then on it takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from django.utils.translation import gettext_lazy as _

from catalog.services.outcome import Outcome
from catalog.services.staging import analyze_staging, copy_rows, create_staging
from openplatform.core.errors import DomainError, FieldInvalid, refuse_if
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

MAX_ON_HAND = 2_000_000_000
MAX_FAULTS = 1000

CHANGES = "stock_change"
COUNTED = "stock_counted"
CHANGES_COLUMNS = {
    "place": "int", "warehouse_id": "bigint", "sku_id": "bigint", "on_hand": "int", "delta": "int",
    "expected_on_hand": "int", "is_physical": "boolean", "safety_quantity": "int",
    "is_new": "boolean NOT NULL DEFAULT false",
}  # fmt: skip
COUNTED_COLUMNS = {
    "place": "int", "stock_id": "bigint", "sku_id": "bigint", "is_new": "boolean",
    "is_correction": "boolean", "on_hand_before": "bigint", "on_hand": "bigint",
    "shortage_quantity": "bigint", "safety_quantity": "bigint", "sellable_before": "bigint",
    "sellable": "bigint", "is_changed": "boolean", "is_moved": "boolean", "fault": "text",
    "present": "bigint",
}  # fmt: skip

# A SKU that no warehouse held was in stock nowhere: merchants need to be told only where it is now.
TELL_NOTHING = """
    INSERT INTO catalog_stocktold (sku_id, answers, told_at)
    SELECT DISTINCT change.sku_id, '{"": false}'::jsonb, statement_timestamp()
    FROM stock_change change
    WHERE NOT EXISTS (SELECT FROM catalog_stock stock WHERE stock.sku_id = change.sku_id)
    ORDER BY change.sku_id
    ON CONFLICT (sku_id) DO NOTHING
"""
CREATE = """
    WITH created AS (
        INSERT INTO catalog_stock
            (warehouse_id, sku_id, on_hand, reserved, outgoing, safety_quantity, shortage_quantity)
        SELECT warehouse_id, sku_id, 0, 0, 0, 0, 0 FROM stock_change
        ORDER BY sku_id, warehouse_id
        ON CONFLICT (sku_id, warehouse_id) DO NOTHING
        RETURNING warehouse_id, sku_id
    )
    UPDATE stock_change change SET is_new = true
    FROM created
    WHERE created.warehouse_id = change.warehouse_id AND created.sku_id = change.sku_id
"""
# `found` are units that are there and not paid; a shortage counts against them. Paid units may be
# short, too: what arrives then is booked although it does not cover them, so `found` may be less
# than nothing. Reservations are kept whatever is counted.
COUNT = f"""
    WITH locked AS MATERIALIZED (
        SELECT stock.id, stock.warehouse_id, stock.sku_id, stock.on_hand::bigint, stock.reserved,
            stock.outgoing, stock.safety_quantity, stock.shortage_quantity
        FROM stock_change change
        JOIN catalog_stock stock
            ON stock.sku_id = change.sku_id AND stock.warehouse_id = change.warehouse_id
        ORDER BY stock.id
        FOR NO KEY UPDATE OF stock
    ), judged AS (
        SELECT change.*, stock.id AS stock_id, stock.reserved, known.is_repeated, seen.found,
            seen.present, stock.on_hand AS on_hand_before,
            stock.shortage_quantity AS shortage_before, stock.safety_quantity AS safety_before,
            CASE
                WHEN known.is_repeated THEN NULL
                WHEN change.delta IS NOT NULL AND seen.found NOT BETWEEN
                    (CASE WHEN change.delta < 0 THEN 0 ELSE -{MAX_ON_HAND} END) AND {MAX_ON_HAND}
                    THEN 'delta'
                WHEN change.expected_on_hand <> seen.present AND NOT (
                    change.delta IS NULL AND seen.found = stock.on_hand - stock.shortage_quantity
                ) THEN 'expected_on_hand'
            END AS fault
        FROM locked stock
        JOIN stock_change change
            ON change.sku_id = stock.sku_id AND change.warehouse_id = stock.warehouse_id
        CROSS JOIN LATERAL (
            SELECT change.delta IS NOT NULL AND %(document_no)s::text <> '' AND EXISTS (
                SELECT FROM catalog_stockmovement movement
                WHERE movement.document_no = %(document_no)s AND movement.stock_id = stock.id
                    AND movement.cause = 'correction'
            ) AS is_repeated
        ) known
        CROSS JOIN LATERAL (
            SELECT CASE WHEN change.is_physical THEN stock.outgoing ELSE 0 END AS paid
        ) counted_too
        CROSS JOIN LATERAL (
            SELECT stock.on_hand + counted_too.paid AS present,
                CASE
                    WHEN change.delta IS NULL THEN change.on_hand - counted_too.paid
                    ELSE stock.on_hand - stock.shortage_quantity + change.delta
                END AS found
        ) seen
    ), booked AS (
        SELECT judged.*, coalesce(safety_quantity, safety_before) AS safety_after,
            CASE WHEN is_repeated THEN on_hand_before ELSE greatest(found, reserved) END AS after,
            CASE
                WHEN is_repeated THEN shortage_before ELSE greatest(found, reserved) - found
            END AS shortage_after
        FROM judged
    )
    INSERT INTO stock_counted
        (place, stock_id, sku_id, is_new, is_correction, on_hand_before, on_hand,
         shortage_quantity, safety_quantity, sellable_before, sellable, is_changed, is_moved,
         fault, present)
    SELECT place, stock_id, sku_id, is_new, delta IS NOT NULL, on_hand_before, after,
        shortage_after, safety_after, on_hand_before - reserved - safety_before,
        after - reserved - safety_after, changed.so,
        changed.so OR (delta <> 0 AND NOT is_repeated), fault, present
    FROM booked
    CROSS JOIN LATERAL (
        SELECT (after, shortage_after, safety_after)
            IS DISTINCT FROM (on_hand_before, shortage_before, safety_before) AS so
    ) changed
"""  # noqa: S608 - put together from constants
FAULTS = """
    SELECT place, fault, present, count(*) OVER () FROM stock_counted
    WHERE fault IS NOT NULL ORDER BY place LIMIT %s
"""
WRITE = """
    WITH written AS (
        UPDATE catalog_stock stock
        SET on_hand = counted.on_hand, safety_quantity = counted.safety_quantity,
            shortage_quantity = counted.shortage_quantity
        FROM stock_counted counted
        WHERE stock.id = counted.stock_id AND counted.is_changed
    ), moved AS (
        INSERT INTO catalog_stockmovement
            (stock_id, cause, on_hand_change, reserved_change, outgoing_change, document_no, actor)
        SELECT stock_id, CASE WHEN is_correction THEN 'correction' ELSE 'count' END,
            on_hand - on_hand_before, 0, 0, %(document_no)s, %(actor)s
        FROM stock_counted WHERE is_moved ORDER BY place
    ), hinted AS (
        INSERT INTO catalog_stockhint (sku_id)
        SELECT DISTINCT sku.id FROM stock_counted counted
        JOIN catalog_sku sku ON sku.id = counted.sku_id
        WHERE counted.sellable <> counted.sellable_before
            AND least(counted.sellable, counted.sellable_before) < sku.min_quantity
    )
    SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE is_changed AND NOT is_new),
        count(*) FILTER (WHERE NOT is_changed AND NOT is_new)
    FROM stock_counted
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


def apply_counts(*, changes: Iterable[StockChange], document_no: str, actor: str) -> Outcome:
    """Step: set or correct stock, each changed row with a movement.

    Reservations are kept whatever is counted: units that are reserved and were not found stand in
    ``shortage_quantity`` until a later count finds them. A correction counts once per
    ``document_no``, so the same document again moves nothing; without a number every one counts.

    :raises Refusal: with pointers ``/<index>/<field>``, when a row is not as expected, or a
        correction would go below zero.
    """
    stage_nothing()
    columns = [field.name for field in fields(StockChange)]
    values = attrgetter(*columns)
    rows = ((place, *values(one)) for place, one in enumerate(changes))
    copy_rows(CHANGES, ["place", *columns], rows)
    faults, _count = check_staged(document_no=document_no)
    refuse_if(faults)
    return write_staged(document_no=document_no, actor=actor)


def stage_nothing() -> None:
    """Step: an empty table :data:`CHANGES` for rows with the fields of a :class:`StockChange`, and
    ``place``, which the pointers of faults name."""
    create_staging(CHANGES, CHANGES_COLUMNS)
    create_staging(COUNTED, COUNTED_COLUMNS)


def check_staged(*, document_no: str) -> tuple[Sequence[DomainError], int]:
    """Step: what is wrong with the changes that were staged: the first thousand faults, and how
    many there are. From here on the rows of stock are locked, by ascending primary key.

    1. make missing rows, 2. lock, 3. count and judge. Nothing but missing rows is written.
    """
    require_transaction()
    analyze_staging(CHANGES, ["sku_id", "warehouse_id", "delta"])
    send(TELL_NOTHING)
    send(CREATE)
    send(COUNT, {"document_no": document_no})
    rows = send(FAULTS, [MAX_FAULTS]).rows()
    return [_fault(*row[:3]) for row in rows], rows[0][3] if rows else 0


def write_staged(*, document_no: str, actor: str) -> Outcome:
    """Step: write what :func:`check_staged` found no fault with: stock, movements, hints."""
    require_transaction()
    analyze_staging(COUNTED, ["stock_id", "sku_id", "is_changed"])
    [row] = send(WRITE, {"document_no": document_no, "actor": actor}).rows()
    return Outcome(*row)


def _fault(place: int, field: str, present: int) -> DomainError:
    pointer = f"/{place}/{field}"
    if field == "delta":
        return FieldInvalid(_("The stock would be below zero, or too large"), pointer=pointer)
    text = _("The stock is not as expected: it is %(quantity)d") % {"quantity": present}
    return FieldInvalid(text, pointer=pointer)
