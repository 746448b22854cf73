"""Agreements that begin and end by themselves."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from catalog.models import PurchasePrice, SkuStamp
from catalog.services.price_moves import move_prices
from catalog.services.pricing import withdraw_agreement
from openplatform.core import clock
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.news import act, news_of
from tests.catalog.range import make_category

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def test_merchant_is_told_when_an_agreement_begins_and_ends(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.open_pool_to(stranger)
    shop.make_sku("A", price="10.00")
    sku = shop.make_sku("B", price="10.00")
    begun = clock.now() - 3 * SECOND
    ends = begun + DAY
    agreement = PurchasePrice.objects.create(
        partner=merchant.partner, sku=sku, fixed_price="7.00", starts_at=begun, ends_at=ends,
        created_at=begun - DAY, next_move_at=begun,
    )  # fmt: skip

    started = clock.now()
    assert move_prices() == 1

    assert news_of(merchant) == [("price.changed", {"skus": ["B"]})]
    assert news_of(stranger) == []
    stamped = SkuStamp.objects.filter(changed_at__gt=started).values_list("partner_id", "sku_id")
    assert list(stamped) == [(merchant.partner.pk, sku.pk)]
    agreement.refresh_from_db()
    assert agreement.next_move_at == ends
    act(lambda: None)
    assert move_prices() == 0
    PurchasePrice.objects.update(ends_at=begun + SECOND, next_move_at=begun + SECOND)
    assert move_prices() == 1
    assert news_of(merchant) == [("price.changed", {"skus": ["B"]})]
    agreement.refresh_from_db()
    assert agreement.next_move_at is None


def test_nobody_is_told_when_another_agreement_comes_before(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    begun = clock.now() - SECOND
    PurchasePrice.objects.create(
        partner=merchant.partner, sku=sku, fixed_price="7.00", starts_at=begun - DAY
    )
    PurchasePrice.objects.create(
        partner=merchant.partner, discount_percent=50, starts_at=begun, next_move_at=begun
    )

    assert move_prices() == 1

    assert not Outbox.objects.exists()
    assert PurchasePrice.objects.filter(next_move_at=None).count() == 2


def test_merchant_is_told_when_a_price_came_and_went_unnoticed(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    begun = clock.now() - 3 * SECOND
    PurchasePrice.objects.create(
        partner=merchant.partner, sku=sku, fixed_price="7.00", starts_at=begun,
        ends_at=begun + SECOND, next_move_at=begun,
    )  # fmt: skip

    assert move_prices() == 1

    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    assert PurchasePrice.objects.get().next_move_at is None


def test_a_beginning_is_told_when_the_agreement_is_withdrawn_right_after(
    shop: World, merchant: Merchant
) -> None:
    place = make_category("place", "Place", None)
    sku = shop.make_sku("A", price="10.00")
    sku.product.category = place
    sku.product.save()
    begun = clock.now() - SECOND
    agreement = PurchasePrice.objects.create(
        partner=merchant.partner, category=place, discount_percent=Decimal(50), starts_at=begun,
        next_move_at=begun,
    )  # fmt: skip

    withdraw_agreement(agreement_id=agreement.pk, actor="ann", now=clock.now())

    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    assert move_prices() == 0
