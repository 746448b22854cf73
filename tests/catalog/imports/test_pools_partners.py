from __future__ import annotations

from decimal import Decimal
from typing import Any

from accounts.models import LedgerEntry, Partner, TopUp
from catalog.models import Pool, PoolAssignment
from tests.cast import Merchant, World
from tests.imports.files import Desk


def test_pool_opens_to_the_partners_that_it_names(
    desk: Desk, world: World, merchant: Merchant, stranger: Merchant, told: Any
) -> None:
    world.make_sku("A")

    counts = desk.counts(
        "pools",
        {"code": "pool", "name": "Pool", "purpose": "spring", "partners": "acme"},
        {"code": "new", "name": "New", "purpose": "", "partners": ""},
    )

    assert counts == (1, 1, 0)
    assert Pool.objects.get(code="pool").purpose == "spring"
    assert told(merchant) == [("pool.sku_added", ["A"])]
    assert told(stranger) == []


def test_pools_stay_when_the_file_comes_again(
    desk: Desk, shop: World, merchant: Merchant, told: Any
) -> None:
    shop.make_sku("A")
    row = {"code": "pool", "name": "Pool", "partners": "acme"}

    assert desk.counts("pools", row) == (0, 0, 1)
    assert desk.counts("pools", row | {"partners": ""}) == (0, 0, 1)
    assert PoolAssignment.objects.count() == 1
    assert told(merchant) == []


def test_pools_are_refused_when_a_partner_is_unknown(desk: Desk, world: World) -> None:
    faults = desk.faults(
        "pools",
        {"code": "new", "name": "New", "partners": ""},
        {"code": "other", "name": "Other", "partners": "nobody"},
        {"code": "new", "name": "Again", "partners": ""},
    )

    assert faults == [(3, "partners", "field_invalid"), (4, "code", "field_invalid")]
    assert set(Pool.objects.values_list("code", flat=True)) == {"pool"}


PARTNER = {
    "code": "shop-1", "name": "Shop", "pools": "pool", "alert_threshold": "50",
    "email": "buyer@shop.example", "credit_limit": "200", "opening_balance": "1000.5",
}  # fmt: skip


def test_partner_comes_with_wallet_and_pools_when_it_is_new(desk: Desk, world: World) -> None:
    counts = desk.counts("partners", PARTNER)

    partner = Partner.objects.get(code="shop-1")
    assert counts == (1, 0, 0)
    assert (partner.name, partner.email) == ("Shop", "buyer@shop.example")
    assert partner.wallet.balance == Decimal("1000.50")
    assert partner.wallet.credit_limit == Decimal("200.00")
    assert partner.wallet.alert_threshold == Decimal("50.00")
    assert TopUp.objects.get(partner=partner).actor == "operator"
    assert list(partner.pool_assignments.values_list("pool__code", flat=True)) == ["pool"]


def test_no_money_moves_when_the_partner_is_known(desk: Desk, world: World) -> None:
    desk.load("partners", PARTNER)
    Pool.objects.create(code="second", name="Second")

    again = desk.counts("partners", PARTNER)
    changed = desk.counts(
        "partners",
        PARTNER | {
            "name": "Shop 2", "pools": "second", "alert_threshold": "60", "credit_limit": "9",
            "opening_balance": "9",
        },
    )  # fmt: skip

    partner = Partner.objects.get(code="shop-1")
    assert (again, changed) == ((0, 0, 1), (0, 1, 0))
    assert (partner.name, partner.wallet.alert_threshold) == ("Shop 2", Decimal("60.00"))
    assert partner.wallet.balance == Decimal("1000.50")
    assert partner.wallet.credit_limit == Decimal("200.00")
    assert LedgerEntry.objects.count() == 1
    assert partner.pool_assignments.count() == 2


def test_partners_are_refused_when_cells_are_wrong(desk: Desk, world: World) -> None:
    faults = desk.faults(
        "partners",
        PARTNER,
        PARTNER | {"code": "b", "email": "nobody"},
        PARTNER | {"code": "c", "credit_limit": "much"},
        PARTNER | {"code": "d", "pools": "nowhere"},
        PARTNER,
    )

    assert faults == [
        (3, "email", "field_invalid"),
        (4, "credit_limit", "field_invalid"),
        (5, "pools", "field_invalid"),
        (6, "code", "field_invalid"),
    ]
    assert not Partner.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_new_partner_is_told_of_what_it_sees(desk: Desk, world: World, told: Any) -> None:
    world.make_sku("A")
    desk.load("partners", PARTNER)

    partner = Partner.objects.get(code="shop-1")

    assert told(Merchant(partner, "")) == [("pool.sku_added", ["A"])]
