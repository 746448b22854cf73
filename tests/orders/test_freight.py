"""What the carriage costs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orders.freight import Cargo, Tariff, charge
from orders.models import FreightRule, FreightTemplate
from tests.cast import Merchant, World
from tests.orders.acts import place

TARIFF = Tariff(
    template="standard",
    warehouse_id=None,
    depth=0,
    skus=None,
    region=None,
    basis="weight",
    first_size=1000,
    first_amount=Decimal("8.00"),
    step_size=500,
    step_amount=Decimal("2.50"),
    free_from_amount=None,
    remote_amount=Decimal("0.00"),
)


@pytest.mark.parametrize(
    ("weight_grams", "amount"),
    [
        (0, "8.00"),
        (1, "8.00"),
        (1000, "8.00"),
        (1001, "10.50"),
        (1500, "10.50"),
        (1501, "13.00"),
        (1_000_000, "5003.00"),
    ],
)
def test_step_that_is_begun_counts_whole(weight_grams: int, amount: str) -> None:
    assert TARIFF.amount_for(weight_grams) == Decimal(amount)


@pytest.mark.parametrize("weight_grams", [0, 1, 2, 10**9])
def test_carriage_costs_nothing_without_a_template(weight_grams: int) -> None:
    freight = charge([], warehouse_id=1, cargo=[Cargo("A", 1, weight_grams, Decimal("5.00"))])

    assert (freight.amount, freight.details) == (Decimal("0.00"), [])


def test_each_part_pays_for_its_own_weight(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", north=5, weight_grams=400)
    shop.make_sku("N2", north=5, weight_grams=1)
    shop.make_sku("S", south=5, weight_grams=1400)

    body = place(merchant, items=[("N", 2), ("N2", 3), ("S", 1)])

    assert [part["freight_amount"] for part in body["suborders"]] == ["8.00", "10.00"]
    assert body["freight_amount"] == "18.00"


def test_no_freight_when_no_template_is_in_use(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    FreightTemplate.objects.update(is_active=False)

    body = place(merchant)

    assert (body["freight_amount"], body["total_amount"]) == ("0.00", "10.00")


def test_freight_stays_when_the_template_changes(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    order_no = place(merchant)["order_no"]
    FreightRule.objects.update(first_amount=Decimal("99.00"))

    paid = merchant.api.post(f"/orders/{order_no}/confirm").json()

    assert (paid["freight_amount"], paid["total_amount"]) == ("8.00", "18.00")
