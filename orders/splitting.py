"""Which warehouse ships what: fewest parcels first, then priority, then the nearest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from catalog.selectors.availability import LineFacts, Lot

MAX_TRIED = 3  # sets of up to three warehouses are tried out; past that, the fullest are added


@dataclass(frozen=True, slots=True)
class Demand:
    """So many units of one SKU, and where they could come from."""

    facts: LineFacts
    quantity: int


@dataclass(frozen=True, slots=True)
class Part:
    """So many units of one demand from one lot."""

    demand: Demand
    lot: Lot
    quantity: int


def split(demands: Sequence[Demand]) -> list[list[Part]]:
    """One list of parts per warehouse, the warehouse of lower rank first.

    Every demand must be covered by its lots. A demand comes whole from one warehouse where a
    chosen one holds enough, and is divided over them otherwise.
    """
    warehouses = _by_rank(demands)
    chosen = _fewest(warehouses, demands)
    parcels: dict[int, list[Part]] = {warehouse_id: [] for warehouse_id in chosen}
    for demand in demands:
        for part in _parts(demand, chosen):
            parcels[part.lot.warehouse_id].append(part)
    return [parcel for parcel in parcels.values() if parcel]


def _by_rank(demands: Iterable[Demand]) -> list[int]:
    """Every warehouse that holds anything."""
    ranks = {lot.warehouse_id: lot.rank for demand in demands for lot in demand.facts.lots}
    return sorted(ranks, key=ranks.__getitem__)


def _fewest(warehouses: Sequence[int], demands: Sequence[Demand]) -> Sequence[int]:
    for size in range(1, min(MAX_TRIED, len(warehouses)) + 1):
        for candidate in combinations(warehouses, size):
            if _covers(candidate, demands):
                return candidate
    chosen: list[int] = []
    while not _covers(chosen, demands):
        left = [warehouse_id for warehouse_id in warehouses if warehouse_id not in chosen]
        chosen.append(max(left, key=lambda one: _covered(one, chosen, demands)))
    for one in list(chosen):  # what was added later may have made an earlier one needless
        others = [warehouse_id for warehouse_id in chosen if warehouse_id != one]
        if _covers(others, demands):
            chosen = others
    return [warehouse_id for warehouse_id in warehouses if warehouse_id in chosen]


def _covers(chosen: Sequence[int], demands: Iterable[Demand]) -> bool:
    return all(_held(demand, chosen) >= demand.quantity for demand in demands)


def _held(demand: Demand, chosen: Sequence[int]) -> int:
    return sum(lot.sellable for lot in demand.facts.lots if lot.warehouse_id in chosen)


def _covered(candidate: int, chosen: Sequence[int], demands: Iterable[Demand]) -> int:
    together = [*chosen, candidate]
    return sum(min(_held(demand, together), demand.quantity) for demand in demands)


def _parts(demand: Demand, chosen: Sequence[int]) -> Iterable[Part]:
    by_warehouse = {lot.warehouse_id: lot for lot in demand.facts.lots}
    lots = [by_warehouse[warehouse] for warehouse in chosen if warehouse in by_warehouse]
    for lot in lots:
        if lot.sellable >= demand.quantity:
            yield Part(demand, lot, demand.quantity)
            return
    missing = demand.quantity
    for lot in lots:
        taken = min(lot.sellable, missing)
        if taken:
            yield Part(demand, lot, taken)
            missing -= taken
