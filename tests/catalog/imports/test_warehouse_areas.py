"""The excluded regions of warehouses in files."""

from __future__ import annotations

from catalog.models import StockHint, Warehouse
from tests.cast import World
from tests.imports.files import Desk

WAREHOUSE = {
    "code": "north", "name": "north", "region": "310115", "serves": "310000 110000",
    "excludes": "110101 310115", "priority": "10",
}  # fmt: skip


def excluded() -> set[str]:
    return set(Warehouse.objects.get(code="north").excludes.values_list("code", flat=True))


def test_excluded_regions_are_set_exactly_and_answers_are_compared(
    desk: Desk, world: World
) -> None:
    sku = world.make_sku("A", north=5)
    without = {name: value for name, value in WAREHOUSE.items() if name != "excludes"}

    first = desk.counts("warehouses", WAREHOUSE)
    hinted = [hint.sku_id for hint in StockHint.objects.all()]
    again = desk.counts("warehouses", WAREHOUSE)
    kept = desk.counts("warehouses", without)
    assert excluded() == {"110101", "310115"}
    cleared = desk.counts("warehouses", WAREHOUSE | {"excludes": ""})

    assert (first, again, kept, cleared) == ((0, 1, 0), (0, 0, 1), (0, 0, 1), (0, 1, 0))
    assert excluded() == set()
    assert hinted == [sku.pk]
    assert StockHint.objects.count() == 2


def test_refused_when_an_excluded_region_is_unknown(desk: Desk, world: World) -> None:
    faults = desk.faults("warehouses", WAREHOUSE | {"excludes": "110101 888888"})

    assert faults == [(2, "excludes", "region_unknown")]
    assert excluded() == set()
