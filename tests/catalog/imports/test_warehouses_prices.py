from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import time_machine

from catalog.models import PurchasePrice, Warehouse
from openplatform.core.clock import PLATFORM_ZONE
from tests.cast import Merchant, World
from tests.imports.files import Desk

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WAREHOUSE = {
    "code": "east", "name": "East", "region": "310115", "serves": "310000 110000",
    "priority": "-3", "return_address": "1 Dock Road",
}  # fmt: skip


def test_warehouse_stands_as_written(desk: Desk, world: World) -> None:
    counts = desk.counts("warehouses", WAREHOUSE)

    east = Warehouse.objects.get(code="east")
    assert counts == (1, 0, 0)
    assert (east.region_id, east.priority, east.return_address) == ("310115", -3, "1 Dock Road")
    assert set(east.serves.values_list("code", flat=True)) == {"310000", "110000"}
    assert desk.counts("warehouses", WAREHOUSE) == (0, 0, 1)


def test_served_regions_are_set_exactly(desk: Desk, world: World) -> None:
    desk.load("warehouses", WAREHOUSE)

    narrowed = desk.counts("warehouses", WAREHOUSE | {"serves": "440000"})
    kept = desk.counts("warehouses", {"code": "east", "name": "East", "region": "310115"})
    served = list(Warehouse.objects.get(code="east").serves.values_list("code", flat=True))
    everywhere = desk.counts("warehouses", WAREHOUSE | {"serves": ""})

    assert (narrowed, kept, everywhere) == ((0, 1, 0), (0, 0, 1), (0, 1, 0))
    assert served == ["440000"]
    assert not Warehouse.objects.get(code="east").serves.exists()


def test_warehouses_are_refused_when_a_region_is_unknown(desk: Desk, world: World) -> None:
    faults = desk.faults(
        "warehouses",
        WAREHOUSE | {"region": "999999"},
        WAREHOUSE | {"code": "b", "serves": "310000 x"},
        WAREHOUSE | {"code": "c", "serves": "310000 888888"},
        WAREHOUSE | {"code": "d", "priority": "high"},
    )

    assert faults == [
        (2, "region", "region_unknown"),
        (3, "serves", "region_unknown"),
        (4, "serves", "region_unknown"),
        (5, "priority", "field_invalid"),
    ]
    assert set(Warehouse.objects.values_list("code", flat=True)) == {"north", "south"}


def price(**values: Any) -> dict[str, Any]:
    return {
        "partner": "acme", "applies_to": "sku:A", "fixed_price": "", "discount_percent": "",
        "starts_at": "", "ends_at": "", **values,
    }  # fmt: skip


def test_prices_start_now_unless_the_row_says_when(
    desk: Desk, world: World, merchant: Merchant
) -> None:
    world.make_sku("A")
    world.make_sku("B")

    with time_machine.travel(NOW, tick=False):
        counts = desk.counts(
            "prices",
            price(fixed_price="8.5"),
            price(
                applies_to="sku:B", discount_percent="15%", starts_at="2030-02-01 08:00",
                ends_at="2030-03-01T00:00:00Z",
            ),
        )  # fmt: skip

    assert counts == (2, 0, 0)
    assert list(
        PurchasePrice.objects.order_by("sku__code").values_list(
            "fixed_price", "discount_percent", "starts_at", "ends_at", "created_at"
        )
    ) == [
        (Decimal("8.50"), None, NOW, None, NOW),
        (
            None,
            Decimal("15.00"),
            datetime(2030, 2, 1, 8, tzinfo=PLATFORM_ZONE),
            datetime(2030, 3, 1, tzinfo=UTC),
            NOW,
        ),
    ]


def test_prices_stay_when_the_file_comes_again(
    desk: Desk, world: World, merchant: Merchant
) -> None:
    world.make_sku("A")
    rows = [price(fixed_price="8"), price(fixed_price="7", starts_at="2030-02-01")]
    desk.load("prices", *rows)

    assert desk.counts("prices", *rows) == (0, 0, 2)


def test_new_terms_start_now_and_outlive_the_old_ones(
    desk: Desk, world: World, merchant: Merchant
) -> None:
    world.make_sku("A")
    with time_machine.travel(NOW, tick=False):
        desk.load("prices", price(fixed_price="8"))

    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        counts = desk.counts("prices", price(discount_percent="10"))

    assert counts == (1, 0, 0)
    assert list(
        PurchasePrice.objects.order_by("starts_at").values_list("fixed_price", "ends_at")
    ) == [(Decimal("8.00"), None), (None, None)]


def test_agreement_changes_when_its_start_is_named_again(
    desk: Desk, world: World, merchant: Merchant
) -> None:
    world.make_sku("A")
    with time_machine.travel(NOW, tick=False):
        desk.load("prices", price(fixed_price="8", starts_at="2030-02-01"))

    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        counts = desk.counts("prices", price(discount_percent="10", starts_at="2030-02-01"))

    former, agreement = PurchasePrice.objects.order_by("created_at")
    assert counts == (0, 1, 0)
    assert (agreement.fixed_price, agreement.discount_percent) == (None, Decimal("10.00"))
    assert (agreement.created_at, agreement.superseded_at) == (NOW + timedelta(days=1), None)
    assert (former.fixed_price, former.superseded_at) == (Decimal("8.00"), agreement.created_at)


def test_prices_are_refused_when_rows_are_wrong(
    desk: Desk, world: World, merchant: Merchant
) -> None:
    world.make_sku("A")

    faults = desk.faults(
        "prices",
        price(),
        price(fixed_price="8", discount_percent="15"),
        price(fixed_price="0"),
        price(discount_percent="100"),
        price(applies_to="category:home", fixed_price="8"),
        price(applies_to="all", fixed_price="8"),
        price(applies_to="A", fixed_price="8"),
        price(applies_to="sku:nowhere", fixed_price="8"),
        price(partner="nobody", fixed_price="8"),
        price(fixed_price="8", starts_at="tomorrow"),
        price(fixed_price="8", starts_at="2030-02-30"),
        price(fixed_price="8", starts_at="2030-02-02", ends_at="2030-02-01"),
        price(fixed_price="7", starts_at="2030-02-02", ends_at="2030-02-03"),
    )

    assert faults == [
        (2, "fixed_price", "field_required"),
        (3, "applies_to", "field_invalid"),
        (3, "discount_percent", "field_invalid"),
        (4, "fixed_price", "field_invalid"),
        (5, "discount_percent", "field_invalid"),
        (6, "fixed_price", "field_invalid"),
        (7, "fixed_price", "field_invalid"),
        (8, "applies_to", "field_invalid"),
        (9, "applies_to", "field_invalid"),
        (10, "partner", "field_invalid"),
        (11, "starts_at", "field_invalid"),
        (12, "starts_at", "field_invalid"),
        (13, "ends_at", "field_invalid"),
        (14, "applies_to", "field_invalid"),
    ]
    assert not PurchasePrice.objects.exists()
