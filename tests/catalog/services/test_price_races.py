"""Prices that several change at once, with the locks and, to see the fault, without them."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier, get_ident

import pytest

from catalog.models import PriceChange, PurchasePrice, Sku
from catalog.price_plans import How, PriceEdit, Rule
from catalog.selectors.own_prices import get_outlooks
from catalog.services import price_telling
from catalog.services.agreement_drafts import PriceDraft
from catalog.services.base_prices import apply_due_prices, change_prices
from catalog.services.price_moves import move_prices
from catalog.services.price_telling import telling_prices
from catalog.services.pricing import edit_agreement, make_agreement
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.news import news_of
from tests.catalog.range import make_category
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)


def raise_by_a_cent(sku: Sku) -> int:
    return change_prices(
        sku_ids=[sku.pk],
        edit=PriceEdit(sale_price=Rule(How.AMOUNT, Decimal("0.01"))),
        effective_at=None,
        reason="",
        actor="ann",
        now=clock.now(),
    )


def test_every_raise_counts_when_several_operators_raise_at_once(shop: World) -> None:
    sku = shop.make_sku("A", price="10.00")

    outcomes = race(*[partial(raise_by_a_cent, sku)] * 6)

    assert outcomes == [1] * 6
    sku.refresh_from_db()
    assert sku.sale_price == Decimal("10.06")
    rows = list(PriceChange.objects.order_by("effective_at", "pk"))
    assert [row.sale_price for row in rows] == [
        Decimal("10.00") + Decimal("0.01") * step for step in range(7)
    ]
    assert all(one.effective_at <= next_.effective_at for one, next_ in itertools.pairwise(rows))


def test_due_prices_are_told_once_when_several_workers_look(
    shop: World, merchant: Merchant
) -> None:
    for number in range(30):
        sku = shop.make_sku(f"S{number:02}", price="10.00")
        PriceChange.objects.create(
            sku=sku, effective_at=clock.now() - SECOND, market_price="20", sale_price="9"
        )

    outcomes = race(*[apply_due_prices] * 4)

    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 30
    assert not PriceChange.objects.filter(applied_at=None).exists()
    assert set(Sku.objects.values_list("sale_price", flat=True)) == {Decimal("9.00")}
    told = [sku for _kind, data in news_of(merchant) for sku in data["skus"]]
    assert sorted(told) == [f"S{number:02}" for number in range(30)]


def test_beginnings_are_told_once_when_several_workers_look(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00")
    begun = clock.now() - SECOND
    PurchasePrice.objects.create(
        partner=merchant.partner, discount_percent=50, starts_at=begun, next_move_at=begun
    )

    outcomes = race(*[move_prices] * 4)

    assert sorted(outcomes, key=str) == [0, 0, 0, 1]
    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]


def test_one_edit_of_two_counts_when_both_start_from_the_same_version(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00")
    base = PriceDraft(merchant.partner.pk, None, None, Decimal(50))
    agreement = make_agreement(draft=base, actor="ann", now=clock.now())

    def edit(percent: int) -> PurchasePrice:
        draft = PriceDraft(
            merchant.partner.pk, None, None, Decimal(percent), starts_at=agreement.starts_at
        )
        return edit_agreement(agreement_id=agreement.pk, draft=draft, actor="ann", now=clock.now())

    outcomes = race(partial(edit, 60), partial(edit, 70))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "AgreementConflict", "PurchasePrice",
    ]  # fmt: skip
    assert PurchasePrice.objects.filter(superseded_at=None).count() == 1


def _agree_and_move(world: World, merchant: Merchant) -> list[object]:
    """A product moves into a category while the category is agreed on."""
    place = make_category("place", "Place", None)
    sku = world.make_sku("A", price="10.00")
    Outbox.objects.all().delete()

    @transactional
    def move() -> None:
        with telling_prices(sku_ids=[sku.pk], partner_ids=[merchant.partner.pk], now=clock.now()):
            sku.product.category = place
            sku.product.save()

    def agree() -> None:
        make_agreement(
            draft=PriceDraft(merchant.partner.pk, None, None, Decimal(50), category_id=place.pk),
            actor="ann",
            now=clock.now(),
        )

    return race(move, agree)


def test_partner_is_told_when_a_product_moves_while_its_category_is_agreed_on(
    shop: World, merchant: Merchant
) -> None:
    assert _agree_and_move(shop, merchant) == [None, None]

    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]


def test_partner_is_not_told_when_movers_and_agreements_do_not_exclude_each_other(
    shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_looked = Barrier(2)
    present = get_outlooks
    looked: set[int] = set()

    def look(**asked: object) -> object:
        found = present(**asked)  # type: ignore[arg-type] # passed on as it came
        if get_ident() not in looked:
            looked.add(get_ident())
            return found
        both_looked.wait(timeout=20)  # each sees the world without the other's change
        return found

    monkeypatch.setattr(price_telling, "hold_placements", lambda: None)
    monkeypatch.setattr(price_telling, "PLACEMENT_LOCK", 1)
    monkeypatch.setattr(price_telling, "get_outlooks", look)

    assert _agree_and_move(shop, merchant) == [None, None]

    assert news_of(merchant) == []
