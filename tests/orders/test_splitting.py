"""Which warehouse ships what, for any stock and any demand."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from catalog.selectors.availability import LineFacts, Lot
from orders.splitting import Demand, Part, split

WAREHOUSES = (11, 7, 23, 5)  # by rank, which is not the order of their ids
OTHERS = (1, 2, 3, 4, 6)

Plan = list[list[Part]]


def demand_of(number: int, held: dict[int, int], quantity: int) -> Demand:
    """So many units of a SKU of which each warehouse holds so many."""
    lots = tuple(
        Lot(
            stock_id=number * 100 + warehouse_id,
            warehouse_id=warehouse_id,
            sellable=held[warehouse_id],
            rank=rank,
        )
        for rank, warehouse_id in enumerate((*WAREHOUSES, *OTHERS), start=1)
        if held.get(warehouse_id)
    )
    return Demand(
        LineFacts(
            code=f"S{number}",
            sku_id=number,
            name=f"S{number}",
            shelf_state="on_shelf",
            min_quantity=1,
            quantity_step=1,
            weight_grams=0,
            tax_rate=Decimal("0.13"),
            market_price=Decimal("1.00"),
            sale_price=Decimal("1.00"),
            purchase_price=Decimal("1.00"),
            lots=lots,
            is_served=True,
        ),
        quantity,
    )


@st.composite
def demands_that_can_be_met(draw: st.DrawFn) -> list[Demand]:
    demands = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        held = draw(
            st.dictionaries(st.sampled_from(WAREHOUSES), st.integers(1, 6), min_size=1, max_size=4)
        )
        quantity = draw(st.integers(1, sum(held.values())))
        demands.append(demand_of(number, held, quantity))
    return demands


def warehouses_of(plan: Plan) -> list[int]:
    """The warehouse of each parcel; a parcel has one."""
    places = [{part.lot.warehouse_id for part in parcel} for parcel in plan]
    assert all(len(place) == 1 for place in places)
    return [place.pop() for place in places]


def can_meet(chosen: tuple[int, ...], demands: list[Demand]) -> bool:
    return all(
        sum(lot.sellable for lot in demand.facts.lots if lot.warehouse_id in chosen)
        >= demand.quantity
        for demand in demands
    )


def smallest_sets(demands: list[Demand]) -> list[tuple[int, ...]]:
    """Every smallest set of warehouses that meets the demands, by rank; tried one by one."""
    for size in range(1, len(WAREHOUSES) + 1):
        found = [chosen for chosen in combinations(WAREHOUSES, size) if can_meet(chosen, demands)]
        if found:
            return found
    raise AssertionError("the demands cannot be met")


def parts_of(plan: Plan, demand: Demand) -> list[Part]:
    return [part for parcel in plan for part in parcel if part.demand is demand]


@given(demands_that_can_be_met())
def test_every_unit_is_planned_once(demands: list[Demand]) -> None:
    plan = split(demands)

    for demand in demands:
        assert sum(part.quantity for part in parts_of(plan, demand)) == demand.quantity
    assert all(part.quantity > 0 for parcel in plan for part in parcel)


@given(demands_that_can_be_met())
def test_no_lot_gives_more_than_it_holds(demands: list[Demand]) -> None:
    plan = split(demands)

    taken = Counter[int]()
    for part in (part for parcel in plan for part in parcel):
        assert part.lot in part.demand.facts.lots
        taken[part.lot.stock_id] += part.quantity
    sellable = {lot.stock_id: lot.sellable for demand in demands for lot in demand.facts.lots}
    assert all(quantity <= sellable[stock_id] for stock_id, quantity in taken.items())


@given(demands_that_can_be_met())
def test_fewest_warehouses_ship_one_parcel_each(demands: list[Demand]) -> None:
    places = warehouses_of(split(demands))

    assert len(places) == len(set(places)) == len(smallest_sets(demands)[0])
    assert set(places) in [set(chosen) for chosen in smallest_sets(demands)]


@given(demands_that_can_be_met())
def test_first_by_rank_ship_when_several_sets_would_do(demands: list[Demand]) -> None:
    assert tuple(warehouses_of(split(demands))) == smallest_sets(demands)[0]


@given(demands_that_can_be_met())
def test_line_comes_from_the_first_chosen_warehouse_that_holds_enough(
    demands: list[Demand],
) -> None:
    plan = split(demands)
    chosen = set(warehouses_of(plan))

    for demand in demands:
        lots = [lot for lot in demand.facts.lots if lot.warehouse_id in chosen]
        whole = [lot for lot in lots if lot.sellable >= demand.quantity]
        parts = parts_of(plan, demand)
        if whole:
            assert [(part.lot, part.quantity) for part in parts] == [(whole[0], demand.quantity)]
        else:  # divided: the lots are emptied by rank, the last one as far as is needed
            assert [part.lot for part in parts] == lots[: len(parts)]
            assert all(part.quantity == part.lot.sellable for part in parts[:-1])


def test_parcels_come_by_rank_when_no_line_tells_which_warehouse_is_first() -> None:
    first, second, *_others = WAREHOUSES
    demands = [demand_of(1, {second: 1}, 1), demand_of(2, {first: 1}, 1)]

    plan = split(demands)

    assert warehouses_of(plan) == [first, second]


def test_many_warehouses_are_chosen_when_no_three_hold_enough() -> None:
    demand = demand_of(1, dict.fromkeys(WAREHOUSES, 2), 7)

    plan = split([demand])

    assert warehouses_of(plan) == list(WAREHOUSES)
    assert [part.quantity for part in parts_of(plan, demand)] == [2, 2, 2, 1]


def test_warehouse_that_became_needless_ships_nothing() -> None:
    """The fullest is added first, and what the others have to add covers its share, too."""
    fullest, *others = OTHERS
    demands = [demand_of(number, {fullest: 3, other: 4}, 4) for number, other in enumerate(others)]

    plan = split(demands)

    assert warehouses_of(plan) == others
