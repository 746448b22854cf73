"""`import shipments`."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from openplatform.connectors.models import TrackedParcel
from openplatform.core import clock
from openplatform.imports.services.importing import import_file
from openplatform.messaging.models import Outbox
from orders.models import Carrier, Order, OrderLine, Shipment, Suborder
from orders.services import parcel_progress, shipping
from tests.cast import Merchant, World
from tests.imports.files import Desk, write_csv
from tests.orders.acts import pay, place, ship, stock_numbers, told
from tests.racing import race


def row(order_no: str, waybill_no: str = "SF-1", **values: Any) -> dict[str, Any]:
    return {
        "order_no": order_no, "carrier": "sf", "waybill_no": waybill_no, "lines": "",
        "shipped_at": "", **values,
    }  # fmt: skip


@pytest.fixture
def order_no(shop: World, merchant: Merchant) -> str:
    """A paid order of two parts: three N and one N2 from the north, one S from the south."""
    shop.make_sku("N", north=10)
    shop.make_sku("N2", north=10)
    shop.make_sku("S", south=10)
    number: str = pay(merchant, items=[("N", 3), ("N2", 1), ("S", 1)])["order_no"]
    return number


def assert_nothing_shipped() -> None:
    assert not Shipment.objects.exists()
    assert not OrderLine.objects.exclude(shipped_quantity=0).exists()
    assert set(Suborder.objects.values_list("status", flat=True)) <= {
        "awaiting_shipment", "pending_payment"
    }  # fmt: skip
    assert not Outbox.objects.filter(type="shipment.created").exists()


def test_parcels_are_shipped_as_the_file_says(
    desk: Desk, merchant: Merchant, order_no: str
) -> None:
    counts = desk.counts(
        "shipments",
        row(f"{order_no}-1", "SF-1", lines="1:2  2:1", shipped_at="2026-01-31 08:30"),
        row(f"{order_no}-2", "SF-2"),
    )

    assert counts == (2, 0, 0)
    shipped = {
        shipment.waybill_no: (
            shipment.suborder.order_no,
            list(shipment.lines.order_by("line").values_list("line__line_no", "quantity")),
            shipment.actor,
        )
        for shipment in Shipment.objects.select_related("suborder")
    }
    assert shipped == {
        "SF-1": (f"{order_no}-1", [(1, 2), (2, 1)], "operator"),
        "SF-2": (f"{order_no}-2", [(3, 1)], "operator"),
    }
    assert Shipment.objects.get(waybill_no="SF-1").shipped_at == datetime(
        2026, 1, 31, 0, 30, tzinfo=UTC
    )
    assert Order.objects.get().status == "partly_shipped"
    assert (stock_numbers("N"), stock_numbers("N2")) == ((7, 0, 1), (9, 0, 0))
    assert stock_numbers("S", "south") == (9, 0, 0)
    assert [message.type for message in told(merchant)[3:]] == [
        "shipment.created",
        "order.status_changed",
        "shipment.created",
        "order.status_changed",
    ]


def test_parcel_left_now_when_no_time_is_given(desk: Desk, order_no: str) -> None:
    before = clock.now()

    desk.load("shipments", {"order_no": f"{order_no}-1", "carrier": "sf", "waybill_no": "7610"})

    shipment = Shipment.objects.get()
    assert before <= shipment.shipped_at <= clock.now()
    assert Suborder.objects.get(order_no=f"{order_no}-1").status == "shipped"


def test_nothing_moves_when_the_file_comes_again(
    desk: Desk, merchant: Merchant, order_no: str
) -> None:
    rows = [row(f"{order_no}-1", lines="1:1"), row(f"{order_no}-2")]
    desk.load("shipments", *rows)
    messages = len(told(merchant))

    assert desk.counts("shipments", *rows) == (0, 0, 2)
    assert Shipment.objects.count() == 2
    assert stock_numbers("N") == (7, 0, 2)
    assert len(told(merchant)) == messages


def test_parcel_that_the_operator_sent_by_hand_is_unchanged(desk: Desk, order_no: str) -> None:
    ship(f"{order_no}-1", waybill_no="SF-1")

    counts = desk.counts("shipments", row(f"{order_no}-1", "SF-1"), row(f"{order_no}-2", "SF-2"))

    assert counts == (1, 0, 1)


def test_rest_goes_with_a_second_parcel_of_the_same_file(desk: Desk, order_no: str) -> None:
    counts = desk.counts(
        "shipments", row(f"{order_no}-1", "SF-1", lines="1:1"), row(f"{order_no}-1", "SF-2")
    )

    assert counts == (2, 0, 0)
    second = Shipment.objects.get(waybill_no="SF-2")
    assert list(second.lines.order_by("line").values_list("line__line_no", "quantity")) == [
        (1, 2),
        (2, 1),
    ]


def test_known_parcel_is_refused_when_other_lines_are_said_to_be_in_it(
    desk: Desk, order_no: str
) -> None:
    desk.load("shipments", row(f"{order_no}-1", "SF-1", lines="1:1"))

    faults = desk.faults(
        "shipments",
        row(f"{order_no}-2", "SF-2"),
        row(f"{order_no}-1", "SF-1", lines="1:2"),
    )

    assert faults == [(3, "lines", "field_invalid")]
    assert Shipment.objects.count() == 1
    assert OrderLine.objects.get(line_no=1).shipped_quantity == 1


def test_file_that_comes_again_after_a_number_was_corrected_ships_nothing_twice(
    desk: Desk, order_no: str
) -> None:
    rows = [row(f"{order_no}-1", "SF-1", lines="1:1")]
    desk.load("shipments", *rows)
    shipping.change_waybill(
        shipment_no=Shipment.objects.get().shipment_no,
        carrier_code="sf",
        waybill_no="SF-7",
        reason="typing error",
        actor="operator",
        now=clock.now(),
    )

    again = desk.counts("shipments", *rows)

    assert again == (0, 0, 1)
    assert Shipment.objects.get().waybill_no == "SF-7"
    assert OrderLine.objects.get(line_no=1).shipped_quantity == 1


def test_one_waybill_may_hold_goods_of_two_parts(desk: Desk, order_no: str) -> None:
    counts = desk.counts("shipments", row(f"{order_no}-1", "SF-1"), row(f"{order_no}-2", "SF-1"))

    assert counts == (2, 0, 0)
    assert Order.objects.get().status == "shipped"


def test_dry_run_writes_nothing(desk: Desk, order_no: str) -> None:
    report = desk.load("shipments", row(f"{order_no}-1"), dry_run=True)

    assert (report.created, report.is_dry_run) == (1, True)
    assert_nothing_shipped()


def test_all_faults_are_told_and_nothing_is_shipped(
    desk: Desk, merchant: Merchant, order_no: str
) -> None:
    Carrier.objects.create(code="gone", name="停用", is_active=False)
    pending = place(merchant, "M-2", items=[("N", 1)])["order_no"]

    faults = desk.faults(
        "shipments",
        row(f"{order_no}-2", "GOOD"),
        row(order_no, "W1"),
        row("260101AAAAAAAAAA-1", "W2"),
        row(f"{order_no}-1", "W3", carrier="unknown"),
        row(f"{order_no}-1", "W4", carrier="gone"),
        row(f"{pending}-1", "W5"),
        row(f"{order_no}-1", "W6", lines="1:4"),
        row(f"{order_no}-1", "W7", lines="3:1"),
        row(f"{order_no}-2", "GOOD"),
    )

    assert faults == [
        (3, "order_no", "not_found"),
        (4, "order_no", "not_found"),
        (5, "carrier", "not_found"),
        (6, "carrier", "not_found"),
        (7, "order_no", "order_state_conflict"),
        (8, "lines", "quantity_exceeds_ordered"),
        (9, "lines", "field_invalid"),
        (10, "waybill_no", "field_invalid"),
    ]
    assert_nothing_shipped()
    assert (stock_numbers("N"), stock_numbers("S", "south")) == ((7, 1, 3), (9, 0, 1))


@pytest.mark.parametrize(
    ("values", "column", "code"),
    [
        ({"waybill_no": "7.61E+14"}, "waybill_no", "string_invalid"),
        ({"waybill_no": "SF 1"}, "waybill_no", "string_invalid"),
        ({"waybill_no": "ＳＦ1"}, "waybill_no", "string_invalid"),
        ({"waybill_no": "=HYPERLINK(1)"}, "waybill_no", "string_invalid"),
        ({"waybill_no": "9" * 65}, "waybill_no", "string_invalid"),
        ({"waybill_no": ""}, "waybill_no", "field_required"),
        ({"carrier": ""}, "carrier", "field_required"),
        ({"order_no": ""}, "order_no", "field_required"),
        ({"order_no": "１"}, "order_no", "string_invalid"),
        ({"lines": "1"}, "lines", "field_invalid"),
        ({"lines": "1:"}, "lines", "field_invalid"),
        ({"lines": "1:0"}, "lines", "field_invalid"),
        ({"lines": "1:-1"}, "lines", "field_invalid"),
        ({"lines": "1:1.5"}, "lines", "field_invalid"),
        ({"lines": "１:１"}, "lines", "field_invalid"),
        ({"lines": "1:1,2:1"}, "lines", "field_invalid"),
        ({"lines": "1:1 1:1"}, "lines", "field_invalid"),
        ({"lines": "1:99999999"}, "lines", "field_invalid"),
        ({"shipped_at": "yesterday"}, "shipped_at", "field_invalid"),
    ],
)
def test_cell_that_cannot_be_read_is_refused(
    desk: Desk, order_no: str, values: dict[str, str], column: str, code: str
) -> None:
    faults = desk.faults("shipments", {**row(f"{order_no}-1"), **values})

    assert faults == [(2, column, code)]
    assert_nothing_shipped()


def test_command_imports_shipments(
    tmp_path: Path, order_no: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_csv(tmp_path / "shipments.csv", [row(f"{order_no}-1")])

    call_command("import", "shipments", str(file), "--json")

    assert '"created": 1' in capsys.readouterr().out
    assert Shipment.objects.get().actor.startswith("command:")


@pytest.mark.django_db(transaction=True)
def test_files_that_name_the_same_goods_in_opposite_order_do_not_deadlock(
    tmp_path: Path, shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file ships from both stock rows and pauses in between, where it would hold the one
    and want the other. A retry after a deadlock would show as a third run of the first step."""
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    orders = [
        pay(merchant, f"M-{number}", items=[(sku, 1)])["order_no"]
        for number, sku in enumerate("ABBA")
    ]
    files = [
        write_csv(tmp_path / f"{name}.csv", [row(f"{order_no}-1", name) for order_no in part])
        for name, part in (("one", orders[:2]), ("two", orders[2:]))
    ]
    calls: list[str] = []
    gate = threading.Event()
    take_from_stock = shipping._take_from_stock

    def take_slowly(part: Suborder, *rest: Any) -> None:
        take_from_stock(part, *rest)
        calls.append(part.order_no)
        gate.wait(0.3)

    monkeypatch.setattr(shipping, "_take_from_stock", take_slowly)

    reports = race(
        *[lambda file=file: import_file(resource="shipments", file=file, actor="test").created
          for file in files]
    )  # fmt: skip

    assert reports == [2, 2]
    assert sorted(calls) == sorted(f"{order_no}-1" for order_no in orders)
    assert (stock_numbers("A"), stock_numbers("B")) == ((8, 0, 0), (8, 0, 0))


@pytest.mark.django_db(transaction=True)
def test_files_that_name_the_same_parcels_in_opposite_order_do_not_deadlock(
    tmp_path: Path, shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two parcels with goods of four orders. Each file pauses after each of its rows, where it
    would hold the one parcel and want the other; a retry would show as a third row of a file."""
    for sku in "AB":
        shop.make_sku(sku, north=10)
    orders = [
        pay(merchant, f"M-{number}", items=[(sku, 1)])["order_no"]
        for number, sku in enumerate("AABB")
    ]
    named = list(zip(orders, ("SF-1", "SF-2", "SF-2", "SF-1"), strict=True))
    files = [
        write_csv(tmp_path / f"{name}.csv", [row(f"{order_no}-1", no) for order_no, no in part])
        for name, part in (("one", named[:2]), ("two", named[2:]))
    ]
    calls: list[str] = []
    gate = threading.Event()
    carry_over = parcel_progress.carry_over

    def carry_slowly(shipment: Shipment, **rest: Any) -> None:
        carry_over(shipment, **rest)
        calls.append(shipment.waybill_no)
        gate.wait(0.3)

    monkeypatch.setattr(shipping, "carry_over", carry_slowly)

    reports = race(
        *[lambda file=file: import_file(resource="shipments", file=file, actor="test").created
          for file in files]
    )  # fmt: skip

    assert reports == [2, 2]
    assert sorted(calls) == ["SF-1", "SF-1", "SF-2", "SF-2"]
    assert TrackedParcel.objects.count() == 2


def test_stock_is_locked_before_the_parcel_when_goods_are_shipped(order_no: str) -> None:
    touched: list[str] = []

    def listen(execute: Any, statement: str, *rest: Any) -> Any:
        touched.extend(
            table
            for table in ("catalog_stock", "connectors_trackedparcel")
            if table in statement and ("UPDATE" in statement or "INSERT" in statement)
        )
        return execute(statement, *rest)

    with connection.execute_wrapper(listen):
        ship(f"{order_no}-1")

    assert touched.index("catalog_stock") < touched.index("connectors_trackedparcel")


@pytest.mark.django_db(transaction=True)
def test_same_file_twice_at_once_ships_once(
    tmp_path: Path, shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    numbers = [pay(merchant, f"M-{number}")["order_no"] for number in range(3)]
    file = write_csv(tmp_path / "shipments.csv", [row(f"{number}-1") for number in numbers])

    outcomes = race(*[lambda: import_file(resource="shipments", file=file, actor="test")] * 2)

    assert sorted((report.created, report.unchanged) for report in outcomes) == [  # type: ignore[union-attr]
        (0, 3),
        (3, 0),
    ]
    assert Shipment.objects.count() == 3
    assert stock_numbers() == (7, 0, 0)


def test_orders_are_locked_by_id_before_the_first_parcel(
    desk: Desk, merchant: Merchant, order_no: str
) -> None:
    other = pay(merchant, "M-2", items=[("N", 1)])["order_no"]
    statements: list[str] = []

    def listen(execute: Any, statement: str, *rest: Any) -> Any:
        statements.append(" ".join(statement.split()))
        return execute(statement, *rest)

    with connection.execute_wrapper(listen):
        desk.load("shipments", row(f"{other}-1"), row(f"{order_no}-1"))

    locks = [number for number, text in enumerate(statements) if "FOR NO KEY UPDATE" in text]
    assert "FROM orders_order" in statements[locks[0]]
    assert "ORDER BY id FOR NO KEY UPDATE" in statements[locks[0]]
    assert "FROM catalog_stock" in statements[locks[1]]
    assert "ORDER BY id FOR NO KEY UPDATE" in statements[locks[1]]
    first_write = next(
        number for number, text in enumerate(statements) if text.startswith(("INSERT", "UPDATE"))
    )
    assert locks[1] < first_write
