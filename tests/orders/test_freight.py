"""What the carriage costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openplatform.core import money
from orders.freight import Cargo, Tariff, charge
from orders.models import FreightRule, FreightTemplate, Order
from tests.cast import Merchant, World, order_body
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
CATEGORY = replace(TARIFF, template="category", depth=1, skus=frozenset("A"))
MOST = 2**31 - 1


def piece(sku: str = "A", quantity: int = 1, weight: int = 500, amount: str = "10.00") -> Cargo:
    return Cargo(sku, quantity, weight, Decimal(amount))


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


def test_details_say_by_which_rule_and_of_which_goods_the_freight_is() -> None:
    tariff = replace(
        TARIFF, region="650000", free_from_amount=Decimal(99), remote_amount=Decimal("12.00")
    )

    freight = charge([tariff], warehouse_id=1, cargo=[piece(quantity=3), piece("B", weight=1)])

    assert freight.amount == Decimal("25.00")
    assert freight.details == [
        {
            "template": "standard",
            "region": "650000",
            "basis": "weight",
            "first_size": 1000,
            "first_amount": "8.00",
            "step_size": 500,
            "step_amount": "2.50",
            "free_from_amount": "99.00",
            "size": "1501",
            "is_free": False,
            "base_amount": "13.00",
            "remote_amount": "12.00",
            "amount": "25.00",
            "skus": ["A", "B"],
        }
    ]


@pytest.mark.parametrize(
    ("basis", "size", "amount"),
    [
        ("pieces", "3", "5.00"),  # one for 3.00, two further ones for 1.00 each
        ("amount", "30.00", "32.00"),  # the first unit of the currency, 29 further ones
    ],
)
def test_pieces_and_amount_are_counted_when_the_rule_says_so(
    basis: str, size: str, amount: str
) -> None:
    tariff = replace(
        TARIFF, basis=basis, first_size=1, step_size=1, first_amount=Decimal("3.00"),
        step_amount=Decimal("1.00"),
    )  # fmt: skip

    freight = charge([tariff], warehouse_id=1, cargo=[piece(quantity=3, amount="30.00")])

    assert (freight.details[0]["size"], freight.amount) == (size, Decimal(amount))


def test_cent_beyond_a_whole_unit_begins_a_step_when_goods_are_counted() -> None:
    tariff = replace(TARIFF, basis="amount", first_size=100, step_size=10)

    assert tariff.amount_for(Decimal("100.00")) == Decimal("8.00")
    assert tariff.amount_for(Decimal("100.01")) == Decimal("10.50")
    assert tariff.amount_for(Decimal("110.00")) == Decimal("10.50")
    assert tariff.amount_for(Decimal("110.01")) == Decimal("13.00")


@pytest.mark.parametrize(
    ("goods", "is_free", "amount"),
    [("98.99", False, "20.00"), ("99.00", True, "12.00"), ("99.01", True, "12.00")],
)
def test_freight_is_free_from_its_amount_on_and_the_surcharge_stays(
    goods: str, is_free: bool, amount: str
) -> None:
    tariff = replace(TARIFF, free_from_amount=Decimal("99.00"), remote_amount=Decimal("12.00"))

    freight = charge([tariff], warehouse_id=1, cargo=[piece(amount=goods)])

    assert (freight.details[0]["is_free"], freight.amount) == (is_free, Decimal(amount))


def test_goods_of_other_templates_do_not_make_it_free() -> None:
    general = replace(TARIFF, free_from_amount=Decimal("50.00"))

    freight = charge(
        [CATEGORY, general],
        warehouse_id=1,
        cargo=[piece("A", amount="49.00"), piece("B", amount="49.00")],
    )

    assert [(one["template"], one["is_free"], one["amount"]) for one in freight.details] == [
        ("category", False, "8.00"), ("standard", False, "8.00"),
    ]  # fmt: skip


@pytest.mark.parametrize("basis", ["weight", "pieces", "amount"])
def test_freight_past_all_amounts_is_told_as_their_limit(basis: str) -> None:
    tariff = replace(
        TARIFF, basis=basis, first_size=1, step_size=1, step_amount=Decimal("999999999999.99")
    )
    cargo = [
        piece(str(number), MOST, MOST, f"{MOST * Decimal('999999999999.99'):f}")
        for number in range(1000)
    ]

    freight = charge([tariff], warehouse_id=1, cargo=cargo)

    assert freight.amount == money.LIMIT
    assert freight.details[0]["amount"] == "1000000000000.00"


def test_largest_amounts_are_exact() -> None:
    tariff = replace(TARIFF, first_amount=Decimal("0.01"), step_size=1, step_amount=Decimal("0.01"))

    # the first 1,000 g for a cent, and a cent for each gram beyond
    assert tariff.amount_for(99_999_999_999_998 + 1000) == Decimal("999999999999.99")
    assert tariff.amount_for(99_999_999_999_999 + 1000) == money.LIMIT


def amounts(most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most * 100).map(lambda cents: Decimal(cents).scaleb(-2))


# How long an example takes says how busy the machine is, and nothing of freight.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pieces=st.lists(
        st.tuples(
            st.sampled_from("ABC"), st.integers(1, MOST), st.integers(0, MOST), amounts(10**12)
        ),
        min_size=1,
        max_size=20,
    ),
    tariff=st.builds(
        replace,
        st.just(TARIFF),
        basis=st.sampled_from(FreightRule.Basis.values),
        first_size=st.integers(1, MOST),
        first_amount=amounts(10**6),
        step_size=st.integers(1, MOST),
        step_amount=amounts(10**6),
        free_from_amount=st.none() | amounts(10**12),
        remote_amount=amounts(10**6),
    ),
)
def test_freight_is_what_its_rules_add_up_to(
    pieces: Sequence[tuple[str, int, int, Decimal]], tariff: Tariff
) -> None:
    """Each line is in exactly one share; each share is exact to the cent, counted in fractions."""
    cargo = [
        Cargo(f"{kind}{index}", quantity, weight_grams, amount)
        for index, (kind, quantity, weight_grams, amount) in enumerate(pieces)
    ]
    of_a = frozenset(one.sku for one in cargo if one.sku.startswith("A"))
    tariffs = [replace(tariff, template="category", depth=1, skus=of_a), tariff]

    freight = charge(tariffs, warehouse_id=7, cargo=cargo)

    charged = {sku: one["template"] for one in freight.details for sku in one["skus"]}
    assert charged == {one.sku: "category" if one.sku in of_a else "standard" for one in cargo}
    for one in freight.details:
        own = [line for line in cargo if line.sku in one["skus"]]
        due = min(_due(tariff, own), Fraction(10**12)) + Fraction(tariff.remote_amount)
        assert Fraction(one["amount"]) == due
    assert freight.amount == sum(Decimal(one["amount"]) for one in freight.details)


def _due(tariff: Tariff, lines: Sequence[Cargo]) -> Fraction:
    goods = sum((Fraction(line.amount) for line in lines), Fraction(0))
    if tariff.free_from_amount is not None and goods >= tariff.free_from_amount:
        return Fraction(0)
    sizes: dict[str, Fraction] = {
        "weight": Fraction(sum(line.weight_grams * line.quantity for line in lines)),
        "pieces": Fraction(sum(line.quantity for line in lines)),
        "amount": goods,
    }
    size = sizes[tariff.basis]
    steps = max(math.ceil(Fraction(size - tariff.first_size, tariff.step_size)), 0)
    return Fraction(tariff.first_amount) + steps * Fraction(tariff.step_amount)


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


def test_order_keeps_its_freight_when_the_template_is_deleted(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=5)
    order_no = place(merchant)["order_no"]
    FreightTemplate.objects.all().delete()

    paid = merchant.api.post(f"/orders/{order_no}/confirm").json()

    assert (paid["freight_amount"], paid["total_amount"]) == ("8.00", "18.00")
    [part] = Order.objects.get().suborders.all()
    assert [(one["template"], one["amount"]) for one in part.freight_details] == [
        ("standard", "8.00")
    ]


def test_order_is_refused_when_its_freight_is_more_than_any_balance_can_hold(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=5, weight_grams=MOST)
    FreightRule.objects.update(step_size=1, step_amount=Decimal("999999999999.99"))

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, response.json()["code"]) == (402, "balance_insufficient")
    assert not Order.objects.exists()
