"""Changes of orders of which units are claimed: what an open claim stops stays where it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Stock
from openplatform.core.errors import FieldInvalid, Refusal
from orders.errors import OrderStateConflict, QuantityExceedsOrdered
from orders.exports.to_ship import list_to_ship, to_csv
from orders.models import OrderLine, Shipment, Split, Suborder
from orders.selectors.change_previews import list_takers
from tests.aftersales.acts import file, make_reasons
from tests.aftersales.deciding import approve, reject
from tests.backoffice.conftest import boss, staff  # noqa: F401 - fixtures
from tests.cast import Merchant, World
from tests.imports.files import Desk, desk  # noqa: F401 - a fixture
from tests.orders.acts import pay, ship, stock_numbers
from tests.orders.changing import (
    close,
    close_all,
    everything,
    move,
    require_conserved,
    split_off,
)


@pytest.fixture
def order_no(shop: World, merchant: Merchant) -> str:
    """Paid, from the north: three of A, two of B: 70.00, and a freight of 14.00."""
    shop.make_sku("A", price="10.00", north=50, south=10)
    shop.make_sku("B", price="20.00", north=50, south=10)
    make_reasons()
    return str(pay(merchant, items=[("A", 3), ("B", 2)])["order_no"])


def claim(merchant: Merchant, order_no: str, quantities: Mapping[int, int]) -> Any:
    return file(merchant, f"{order_no}-1", quantities)


def units_of(line_no: int) -> tuple[int, int, int, int]:
    """Bought, shipped, closed, stopped."""
    line = OrderLine.objects.get(line_no=line_no)
    return (line.quantity, line.shipped_quantity, line.closed_quantity, line.stopped_quantity)


def test_stopped_units_are_not_in_the_parcel_when_all_that_is_left_is_shipped(
    merchant: Merchant, order_no: str
) -> None:
    claim(merchant, order_no, {1: 2})

    ship(f"{order_no}-1")

    assert (units_of(1), units_of(2)) == ((3, 1, 0, 2), (2, 2, 0, 0))
    assert Suborder.objects.get().status == "partly_shipped"
    assert stock_numbers("A") == (47, 0, 2)
    require_conserved()


def test_stopped_units_cannot_be_shipped_closed_or_split_off(
    merchant: Merchant, order_no: str
) -> None:
    claim(merchant, order_no, {1: 2})
    before = everything()

    for act in (ship, close, split_off):
        with pytest.raises(QuantityExceedsOrdered) as raised:
            act(f"{order_no}-1", {1: 2})
        assert raised.value.facts == {"line_no": "1", "left": 1}

    assert everything() == before


def test_nothing_leaves_or_is_closed_when_all_of_it_is_claimed(
    merchant: Merchant, order_no: str
) -> None:
    claim(merchant, order_no, {1: 3, 2: 2})
    before = everything()

    for act in (ship, close):
        with pytest.raises(OrderStateConflict, match="is claimed"):
            act(f"{order_no}-1")
    with pytest.raises(OrderStateConflict, match="is claimed"):
        close_all(order_no)

    assert everything() == before
    assert not Shipment.objects.exists()


def test_units_can_be_shipped_again_when_the_claim_is_rejected(
    merchant: Merchant, order_no: str
) -> None:
    reject(claim(merchant, order_no, {1: 3, 2: 2}))

    ship(f"{order_no}-1")

    assert Suborder.objects.get().status == "shipped"


def test_claimed_units_are_left_when_the_rest_of_an_order_is_closed(
    merchant: Merchant, order_no: str
) -> None:
    document = claim(merchant, order_no, {1: 2})

    [closure] = close_all(order_no)

    assert (closure.goods_amount, closure.freight_amount) == (Decimal("50.00"), Decimal("0.00"))
    assert units_of(1) == (3, 0, 1, 2)
    assert Suborder.objects.get().status == "awaiting_shipment"
    approve(document)  # of the last units: with the freight
    part = Suborder.objects.get()
    assert (part.status, part.refunded_amount) == ("closed", Decimal("84.00"))
    require_conserved()


def test_other_suborders_are_closed_when_all_of_one_is_claimed(
    merchant: Merchant, order_no: str
) -> None:
    split_off(f"{order_no}-1", {1: 3}, to="north")
    file(merchant, f"{order_no}-2", {1: 3})

    [closure] = close_all(order_no)

    assert closure.suborder.order_no == f"{order_no}-1"
    require_conserved()


def test_freight_is_shared_with_the_stopped_units_when_the_rest_is_split_off(
    merchant: Merchant, order_no: str
) -> None:
    document = claim(merchant, order_no, {2: 2})

    split = split_off(f"{order_no}-1", {1: 3})

    assert (split.goods_amount, split.freight_amount) == (Decimal("30.00"), Decimal("6.00"))
    stayed, made = Suborder.objects.order_by("id")
    assert (stayed.goods_amount, stayed.freight_amount) == (Decimal("40.00"), Decimal("8.00"))
    assert stayed.status == made.status == "awaiting_shipment"
    assert document["order_no"] == stayed.order_no
    approve(document)
    stayed.refresh_from_db()
    assert (stayed.status, stayed.refunded_amount) == ("closed", Decimal("48.00"))
    assert made.order.status == "paid"
    require_conserved()


def test_line_is_divided_when_some_of_it_is_claimed_and_the_rest_split_off(
    merchant: Merchant, order_no: str
) -> None:
    document = claim(merchant, order_no, {1: 2})

    split_off(f"{order_no}-1", {1: 1, 2: 2})

    assert units_of(1) == (2, 0, 0, 2)
    assert (OrderLine.objects.get(line_no=3).quantity, OrderLine.objects.count()) == (1, 3)
    assert approve(document).refund_amount == Decimal("24.00")  # a freight of 4.00 stayed with it
    require_conserved()


def test_everything_cannot_be_split_off_when_nothing_is_claimed(order_no: str) -> None:
    before = everything()

    with pytest.raises(FieldInvalid, match="Nothing would stay"):
        split_off(f"{order_no}-1", {1: 3, 2: 2})

    assert everything() == before


def test_stopped_units_go_along_when_another_warehouse_ships_the_suborder(
    merchant: Merchant, order_no: str
) -> None:
    document = claim(merchant, order_no, {1: 3, 2: 1})

    split = move(f"{order_no}-1")

    assert split.goods_amount == Decimal("70.00")
    assert (stock_numbers("A"), stock_numbers("B")) == ((50, 0, 0), (50, 0, 0))
    assert stock_numbers("A", "south") == (7, 0, 3)
    assert stock_numbers("B", "south") == (8, 0, 2)
    approve(document)
    assert stock_numbers("A", "south") == (10, 0, 0)
    assert stock_numbers("B", "south") == (9, 0, 1)
    require_conserved()


def test_suborder_can_be_moved_when_all_of_it_is_claimed(merchant: Merchant, order_no: str) -> None:
    claim(merchant, order_no, {1: 3, 2: 2})

    move(f"{order_no}-1")

    assert Suborder.objects.get().warehouse.code == "south"
    require_conserved()


def test_suborder_is_not_moved_when_the_warehouse_has_too_few_for_the_stopped_ones(
    merchant: Merchant, order_no: str
) -> None:
    claim(merchant, order_no, {1: 2})
    Stock.objects.filter(warehouse__code="south", sku__code="A").update(on_hand=2)
    before = everything()

    with pytest.raises(Refusal) as raised:
        move(f"{order_no}-1")

    assert raised.value.first.code == "stock_insufficient"
    assert everything() == before
    assert not Split.objects.exists()
    part = Suborder.objects.get()
    short = {taker.warehouse.code: taker.short_of for taker in takers_of(part)}
    assert short["south"] == ("A",)


def takers_of(part: Suborder) -> Any:
    return list_takers(part, list(part.lines.order_by("line_no")))


def test_file_of_what_is_to_be_shipped_leaves_out_what_is_claimed(
    merchant: Merchant, order_no: str
) -> None:
    whole = pay(merchant, "M-2", items=[("A", 1)])["order_no"]
    claim(merchant, order_no, {1: 2})
    file(merchant, f"{whole}-1", {1: 1}, merchant_aftersale_no="R-2")

    [row] = csv.DictReader(io.StringIO(to_csv(list_to_ship()).decode("utf-8-sig")))

    assert row["order_no"] == f"{order_no}-1"
    assert row["lines"] == "1:1 2:2"
    assert row["goods"] == "A × 1 商品 A; B × 2 商品 B"


@pytest.mark.parametrize(
    ("lines", "code"), [("1:2", "quantity_exceeds_ordered"), ("", "order_state_conflict")]
)
def test_parcel_of_claimed_units_is_refused_when_it_comes_in_a_file(
    desk: Desk,  # noqa: F811
    merchant: Merchant,
    order_no: str,
    lines: str,
    code: str,
) -> None:
    claim(merchant, order_no, {1: 2} if lines else {1: 3, 2: 2})
    before = everything()

    faults = desk.faults(
        "shipments",
        {
            "order_no": f"{order_no}-1", "carrier": "sf", "waybill_no": "SF-1", "lines": lines,
            "shipped_at": "",
        },
    )  # fmt: skip

    assert [fault[2] for fault in faults] == [code]
    assert everything() == before


@pytest.mark.parametrize("act", ["ship", "split", "close"])
def test_page_leads_back_when_all_of_the_suborder_is_claimed(
    boss: Client,  # noqa: F811
    merchant: Merchant,
    order_no: str,
    act: str,
) -> None:
    claim(merchant, order_no, {1: 3, 2: 2})
    part = Suborder.objects.get()

    response = boss.get(reverse(f"admin:orders_suborder_{act}", args=(part.pk,)))

    assert response.status_code == 302
    assert response.headers["Location"] == reverse("admin:orders_suborder_change", args=(part.pk,))
