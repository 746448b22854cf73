"""What changes of a paid suborder would do to stock, and which warehouses could take it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import Stock, Warehouse
from catalog.selectors.availability import list_serving
from orders.changes import Taken
from orders.models import OrderLine, Suborder


@dataclass(frozen=True, slots=True)
class StockMove:
    """What becomes of the stock of one SKU in one warehouse: on hand and outgoing, before and
    after.
    """

    warehouse: Warehouse
    sku: str
    on_hand: tuple[int, int]
    outgoing: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Taker:
    """A warehouse that could ship something, and the SKUs of which it has too few to promise."""

    warehouse: Warehouse
    is_serving: bool
    short_of: tuple[str, ...]


def list_returned(part: Suborder, taken: Sequence[Taken], *, restock: bool) -> list[StockMove]:
    """Units that will not be shipped from the suborder's warehouse, sold again or written off."""
    return [
        StockMove(
            part.warehouse,
            piece.line.sku_code,
            (row.on_hand, row.on_hand + (piece.quantity if restock else 0)),
            (row.outgoing, row.outgoing - piece.quantity),
        )
        for piece, row in _rows(part.warehouse, taken)
    ]


def list_taken_over(warehouse: Warehouse, taken: Sequence[Taken]) -> list[StockMove]:
    """Units that a warehouse ships from now on."""
    return [
        StockMove(
            warehouse,
            piece.line.sku_code,
            (row.on_hand, row.on_hand - piece.quantity),
            (row.outgoing, row.outgoing + piece.quantity),
        )
        for piece, row in _rows(warehouse, taken)
    ]


def list_short(warehouse: Warehouse, taken: Sequence[Taken]) -> list[Taken]:
    """What a warehouse could not take over, because it has too few units to promise."""
    held = {piece.line.pk: _sellable(row) for piece, row in _rows(warehouse, taken)}
    return [piece for piece in taken if held.get(piece.line.pk, 0) < piece.quantity]


def list_takers(part: Suborder, lines: Sequence[OrderLine]) -> list[Taker]:
    """All warehouses, those first that hold everything of these lines that was not shipped, then
    those that serve the consignee's region, in the order in which they would have been asked to
    ship.
    """
    serving = list_serving(region=part.order.consignee_region_id)
    needed = {line: line.left_quantity + line.stopped_quantity for line in lines}
    held = {
        (row.warehouse_id, row.sku_id): _sellable(row)
        for row in Stock.objects.filter(sku_id__in=[line.sku_id for line in lines])
    }
    takers = [
        Taker(
            warehouse,
            warehouse.pk in serving,
            tuple(
                line.sku_code
                for line, quantity in needed.items()
                if held.get((warehouse.pk, line.sku_id), 0) < quantity
            ),
        )
        for warehouse in Warehouse.objects.order_by("code")
    ]
    places = {warehouse_id: place for place, warehouse_id in enumerate(serving)}
    takers.sort(
        key=lambda taker: (
            len(taker.short_of),
            places.get(taker.warehouse.pk, len(places)),
        )
    )
    return takers


def _rows(warehouse: Warehouse, taken: Sequence[Taken]) -> list[tuple[Taken, Stock]]:
    rows = {
        row.sku_id: row
        for row in Stock.objects.filter(
            warehouse=warehouse, sku_id__in=[piece.line.sku_id for piece in taken]
        )
    }
    return [(piece, rows[piece.line.sku_id]) for piece in taken if piece.line.sku_id in rows]


def _sellable(row: Stock) -> int:
    return row.on_hand - row.reserved - row.safety_quantity
