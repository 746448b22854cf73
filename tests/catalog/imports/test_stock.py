from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, transaction

from catalog.imports.stock import StockImporter
from catalog.models import Stock, StockHint, StockMovement
from openplatform.core import clock
from openplatform.imports.errors import ImportRefused
from openplatform.imports.resources import Context, ImportReport, Row
from tests.cast import World
from tests.imports.files import Desk
from tests.racing import race


def row(sku: str = "A", **values: Any) -> dict[str, Any]:
    return {
        "warehouse": "north", "sku": sku, "on_hand": "", "delta": "", "expected_on_hand": "",
        "count": "", "safety_stock": "", **values,
    }  # fmt: skip


def numbers() -> tuple[int, int, int, int]:
    stock = Stock.objects.get()
    return (stock.on_hand, stock.reserved, stock.outgoing, stock.shortage_quantity)


@pytest.fixture
def held(world: World) -> Stock:
    """Ten on hand, of which four are reserved, and three more paid and not yet shipped."""
    world.make_sku("A", north=10)
    Stock.objects.update(reserved=4, outgoing=3)
    return Stock.objects.get()


def test_stock_is_made_with_a_movement_when_it_is_counted_first(desk: Desk, world: World) -> None:
    world.make_sku("A")
    world.make_sku("B")

    counts = desk.counts("stock", row("B", on_hand="7", safety_stock="2"), row("A", on_hand="0"))

    assert counts == (2, 0, 0)
    assert list(Stock.objects.order_by("sku__code").values_list("on_hand", "safety_quantity")) == [
        (0, 0),
        (7, 2),
    ]
    movement = StockMovement.objects.get()
    assert (movement.cause, movement.on_hand_change, movement.actor) == ("count", 7, "operator")
    assert movement.document_no.startswith("import-")


def test_nothing_moves_when_the_file_comes_again(desk: Desk, held: Stock) -> None:
    counted = row(on_hand="12", expected_on_hand="10")
    desk.load("stock", counted)

    assert desk.counts("stock", counted) == (0, 0, 1)
    assert numbers() == (12, 4, 3, 0)
    assert StockMovement.objects.count() == 1


def test_correction_counts_once_when_the_file_comes_again(desk: Desk, held: Stock) -> None:
    first = desk.counts("stock", row(delta="-2"))
    again = desk.counts("stock", row(delta="-2"))
    other = desk.counts("stock", row(delta="3"))

    assert (first, again, other) == ((0, 1, 0), (0, 0, 1), (0, 1, 0))
    assert numbers() == (11, 4, 3, 0)
    assert list(StockMovement.objects.order_by("id").values_list("cause", "on_hand_change")) == [
        ("correction", -2),
        ("correction", 3),
    ]


def test_paid_units_are_taken_off_when_the_count_is_physical(desk: Desk, held: Stock) -> None:
    counts = desk.counts("stock", row(on_hand="15", count="physical", expected_on_hand="13"))

    assert counts == (0, 1, 0)
    assert numbers() == (12, 4, 3, 0)


def test_reservations_stay_and_the_shortage_is_told_when_the_count_is_under_them(
    desk: Desk, held: Stock
) -> None:
    desk.load("stock", row(on_hand="1"))

    assert numbers() == (4, 4, 3, 3)
    assert StockMovement.objects.get().on_hand_change == -6


def test_shortage_ends_when_a_later_count_finds_the_units(desk: Desk, held: Stock) -> None:
    desk.load("stock", row(on_hand="1"))
    desk.load("stock", row(delta="2"))
    between = numbers()
    desk.load("stock", row(on_hand="5"))

    assert between == (4, 4, 3, 1)
    assert numbers() == (5, 4, 3, 0)


def test_safety_stock_changes_without_a_change_of_stock(desk: Desk, held: Stock) -> None:
    assert desk.counts("stock", row(on_hand="10", safety_stock="5")) == (0, 1, 0)
    assert Stock.objects.get().safety_quantity == 5


def test_refused_when_the_stock_is_not_as_expected(desk: Desk, held: Stock) -> None:
    faults = desk.faults("stock", row(on_hand="12", expected_on_hand="9"))

    assert faults == [(2, "expected_on_hand", "field_invalid")]
    assert numbers() == (10, 4, 3, 0)
    assert not StockMovement.objects.exists()


def test_refused_when_rows_are_wrong(desk: Desk, held: Stock) -> None:
    faults = desk.faults(
        "stock",
        row(on_hand="-1"),
        row(delta="-11"),
        row("B", on_hand="1"),
        row(on_hand="1") | {"warehouse": "west"},
        row(),
        row(on_hand="1", delta="1"),
        row(on_hand="many"),
        row(on_hand="1", count="guessed"),
    )

    assert faults == [
        (2, "on_hand", "field_invalid"),
        (3, "delta", "field_invalid"),
        (4, "sku", "field_invalid"),
        (5, "warehouse", "field_invalid"),
        (6, "sku", "field_invalid"),
        (6, "on_hand", "field_required"),
        (7, "sku", "field_invalid"),
        (7, "delta", "field_invalid"),
        (8, "on_hand", "field_invalid"),
        (9, "count", "field_invalid"),
    ]
    assert numbers() == (10, 4, 3, 0)


def test_goods_that_arrive_are_booked_when_paid_units_are_still_short(
    desk: Desk, world: World
) -> None:
    world.make_sku("A", north=0)
    Stock.objects.update(outgoing=5)
    desk.load("stock", row(on_hand="1", count="physical"))
    assert numbers() == (0, 0, 5, 4)

    desk.load("stock", row(delta="3"))
    assert numbers() == (0, 0, 5, 1)

    desk.load("stock", row(delta="2"))
    assert numbers() == (1, 0, 5, 0)


def test_all_faults_are_counted_when_there_are_more_than_are_shown(
    desk: Desk, world: World
) -> None:
    world.make_sku("A", north=0)

    with pytest.raises(ImportRefused) as refused:
        desk.load("stock", *(row(f"X-{number}", on_hand="1") for number in range(1500)))

    assert refused.value.fault_count == 1500
    assert len(refused.value.row_faults) == 1000
    assert Stock.objects.get().on_hand == 0


def test_faults_of_rows_and_of_stock_are_told_together(desk: Desk, held: Stock) -> None:
    faults = desk.faults("stock", row(delta="-11"), row("B", on_hand="1"), row(on_hand="x"))

    assert faults == [
        (2, "delta", "field_invalid"),
        (3, "sku", "field_invalid"),
        (4, "on_hand", "field_invalid"),
    ]
    assert numbers() == (10, 4, 3, 0)


def test_a_dry_run_moves_nothing(desk: Desk, held: Stock) -> None:
    report = desk.load("stock", row(on_hand="12"), dry_run=True)

    assert (report.updated, numbers()) == (1, (10, 4, 3, 0))
    assert not StockMovement.objects.exists()
    assert not StockHint.objects.exists()


def test_hints_are_left_only_where_an_answer_may_have_turned(desk: Desk, world: World) -> None:
    low = world.make_sku("LOW", north=4, min_quantity=5)
    world.make_sku("MANY", north=50, min_quantity=5)
    world.make_sku("SAME", north=3, min_quantity=5)

    desk.load("stock", row("LOW", on_hand="5"), row("MANY", on_hand="5"), row("SAME", on_hand="3"))

    assert [hint.sku_id for hint in StockHint.objects.all()] == [low.pk]


@pytest.mark.django_db(transaction=True)
def test_no_row_is_locked_while_the_file_is_read(transactional_db: None) -> None:
    world = World()
    world.make_sku("A", north=10)
    context = Context(
        columns=frozenset({"warehouse", "sku", "on_hand"}),
        actor="test",
        now=clock.now(),
        document_no="D-1",
        report=ImportReport(resource="stock", is_dry_run=False),
    )
    values = {"warehouse": "north", "sku": "A", "on_hand": 7}

    def lock_elsewhere() -> list[int]:
        with transaction.atomic():
            return [stock.pk for stock in Stock.objects.select_for_update(nowait=True)]

    with transaction.atomic():
        importer = StockImporter(context)
        importer.take([Row(2, values)])
        [while_reading] = race(lock_elsewhere)
        importer.finish()
        [while_writing] = race(lock_elsewhere)

    assert while_reading == [Stock.objects.get().pk]
    assert isinstance(while_writing, OperationalError)
    assert Stock.objects.get().on_hand == 7
