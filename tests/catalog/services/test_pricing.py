"""Agreements: made, edited and withdrawn, and exactly those who hear of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from catalog.errors import AgreementConflict, PreviewOutdated
from catalog.models import Brand, PriceChange, PurchasePrice, SkuStamp
from catalog.selectors.price_history import list_price_moves
from catalog.selectors.prices import get_prices
from catalog.services.agreement_drafts import PriceDraft, review_draft
from catalog.services.price_telling import telling_prices
from catalog.services.pricing import (
    edit_agreement,
    make_agreement,
    preview_agreement,
    withdraw_agreement,
)
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import Refusal
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.news import act, news_of
from tests.catalog.range import make_category, make_product

DAY = timedelta(days=1)
HALF, LITTLE = Decimal(50), Decimal(10)


def draft(merchant: Merchant, **fields: Any) -> PriceDraft:
    return PriceDraft(
        **{
            "partner_id": merchant.partner.pk,
            "sku_id": None,
            "fixed_price": None,
            "discount_percent": None if "fixed_price" in fields else HALF,
            **fields,
        }
    )


def agree(merchant: Merchant, **fields: Any) -> PurchasePrice:
    return make_agreement(draft=draft(merchant, **fields), actor="ann", now=clock.now())


def price_of(merchant: Merchant, code: str) -> str:
    [entry] = get_prices(partner_id=merchant.partner.pk, codes=[code])
    return str(entry["purchase_price"])


def next_change(merchant: Merchant, code: str) -> tuple[str, str] | None:
    [entry] = get_prices(partner_id=merchant.partner.pk, codes=[code])
    coming = entry["next_change"]
    return None if coming is None else (coming["effective_at"], coming["purchase_price"])


@pytest.fixture
def both(shop: World, stranger: Merchant) -> World:
    """The pool, open to the stranger as well."""
    shop.open_pool_to(stranger)
    return shop


def test_only_the_partner_is_told_when_its_price_moves(
    both: World, merchant: Merchant, stranger: Merchant
) -> None:
    sku = both.make_sku("A", price="9.99")
    both.make_sku("B")
    both.make_sku("HIDDEN", in_pool=False)
    now = clock.now()

    agreement = make_agreement(draft=draft(merchant), actor="ann", now=now)

    assert price_of(merchant, "A") == "5.00"  # 4.995, half a cent up
    assert price_of(stranger, "A") == "9.99"
    assert news_of(merchant) == [("price.changed", {"skus": ["A", "B"]})]
    assert news_of(stranger) == []
    stamped = SkuStamp.objects.filter(sku=sku, changed_at=now).values_list("partner_id", flat=True)
    assert list(stamped) == [merchant.partner.pk]
    assert (agreement.starts_at, agreement.created_at, agreement.next_move_at) == (now, now, None)
    entry = AuditEntry.objects.get(action="make_agreement")
    assert (entry.actor, entry.partner_id, entry.after["discount_percent"]) == (
        "ann", merchant.partner.pk, "50",
    )  # fmt: skip


def test_nobody_is_told_when_no_price_moves(both: World, merchant: Merchant) -> None:
    sku = both.make_sku("A", price="10.00")
    agree(merchant, sku_id=sku.pk, fixed_price=Decimal("5.00"))

    act(lambda: None)
    agree(merchant)  # half of 10.00 for everything, behind the SKU's own

    assert news_of(merchant) == []


def test_a_cent_is_left_when_a_percentage_rounds_to_nothing(
    both: World, merchant: Merchant
) -> None:
    both.make_sku("A", price="0.01")

    agree(merchant, discount_percent=Decimal("99.00"))

    assert price_of(merchant, "A") == "0.01"


def test_agreements_rank_from_sku_to_everything(both: World, merchant: Merchant) -> None:
    top = make_category("top", "Top", None)
    deep = make_category("deep", "Deep", top)
    brand = Brand.objects.create(name="brand")
    sku = both.make_sku("A", price="100.00", product=make_product("P", deep, brand=brand))
    prices = []

    for target, percent in (
        ({}, 10), ({"brand_id": brand.pk}, 20), ({"category_id": top.pk}, 30),
        ({"category_id": deep.pk}, 40), ({"sku_id": sku.pk}, 50), ({"category_id": top.pk}, 60),
    ):  # fmt: skip
        agree(merchant, **target, discount_percent=Decimal(percent))
        prices.append(price_of(merchant, "A"))

    assert prices == ["90.00", "80.00", "70.00", "60.00", "50.00", "50.00"]


def test_merchant_hears_ahead_when_an_agreement_is_to_come(
    both: World, merchant: Merchant, stranger: Merchant
) -> None:
    both.make_sku("A", price="10.00")
    start, end = clock.now() + DAY, clock.now() + 2 * DAY

    agree(merchant, starts_at=start, ends_at=end)

    told = [
        ("price.announced", {"skus": ["A"], "effective_at": clock.to_text(start)}),
        ("price.announced", {"skus": ["A"], "effective_at": clock.to_text(end)}),
    ]
    assert news_of(merchant) == told
    assert news_of(stranger) == []
    assert price_of(merchant, "A") == "10.00"
    assert next_change(merchant, "A") == (clock.to_text(start), "5.00")
    assert PurchasePrice.objects.get().next_move_at == start


def test_merchant_hears_when_an_announced_change_is_withdrawn(
    both: World, merchant: Merchant
) -> None:
    both.make_sku("A", price="10.00")
    agreement = agree(merchant, starts_at=clock.now() + DAY)

    act(lambda: None)
    withdraw_agreement(agreement_id=agreement.pk, actor="ann", now=clock.now())

    assert news_of(merchant) == [("price.announced", {"skus": ["A"], "effective_at": None})]
    assert next_change(merchant, "A") is None
    agreement.refresh_from_db()
    assert agreement.superseded_at is not None
    assert agreement.next_move_at is None


def test_days_that_passed_keep_their_price_when_an_agreement_is_edited(
    both: World, merchant: Merchant
) -> None:
    sku = both.make_sku("A", price="10.00", created_at=clock.now() - 10 * DAY)
    begun = clock.now() - 5 * DAY
    PurchasePrice.objects.create(
        partner=merchant.partner, sku=sku, fixed_price="7.00", starts_at=begun, created_at=begun
    )
    present = PurchasePrice.objects.get()

    now = clock.now()
    edited = edit_agreement(
        agreement_id=present.pk,
        draft=draft(merchant, sku_id=sku.pk, fixed_price=Decimal("6.00"), starts_at=begun),
        actor="ann",
        now=now,
    )

    spans = list_price_moves(
        partner_id=merchant.partner.pk, sku_id=sku.pk, from_at=now - 30 * DAY, to_at=None
    )
    assert [(span.effective_at, span.prices.purchase_price) for span in spans] == [
        (sku.created_at, Decimal("10.00")), (begun, Decimal("7.00")), (now, Decimal("6.00")),
    ]  # fmt: skip
    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    present.refresh_from_db()
    assert (present.fixed_price, present.superseded_at) == (Decimal("7.00"), now)
    assert (edited.starts_at, edited.created_at) == (begun, now)


def test_price_falls_back_when_an_agreement_is_edited_to_begin_later(
    both: World, merchant: Merchant
) -> None:
    both.make_sku("A", price="10.00")
    agreement = agree(merchant)
    start = clock.now() + DAY

    act(lambda: None)
    edit_agreement(
        agreement_id=agreement.pk,
        draft=draft(merchant, starts_at=start),
        actor="ann",
        now=clock.now(),
    )

    assert price_of(merchant, "A") == "10.00"
    assert next_change(merchant, "A") == (clock.to_text(start), "5.00")
    assert {kind for kind, _data in news_of(merchant)} == {"price.changed", "price.announced"}


def test_edit_is_refused_when_it_moves_the_start_to_a_moment_that_passed(
    both: World, merchant: Merchant
) -> None:
    both.make_sku("A")
    agreement = agree(merchant)
    other = draft(merchant, starts_at=clock.now() - DAY)
    before = list(PurchasePrice.objects.values())

    with pytest.raises(Refusal) as previewed:
        preview_agreement(draft=other, now=clock.now(), agreement_id=agreement.pk)
    with pytest.raises(Refusal) as refused:
        edit_agreement(agreement_id=agreement.pk, draft=other, actor="ann", now=clock.now())

    for refusal in (previewed, refused):
        assert [fault.pointer for fault in refusal.value.faults] == ["/starts_at"]
    assert list(PurchasePrice.objects.values()) == before


def test_edit_is_refused_when_somebody_was_faster(both: World, merchant: Merchant) -> None:
    both.make_sku("A")
    agreement = agree(merchant)
    withdraw_agreement(agreement_id=agreement.pk, actor="bob", now=clock.now())
    before = list(PurchasePrice.objects.values())

    with pytest.raises(AgreementConflict):
        edit_agreement(
            agreement_id=agreement.pk, draft=draft(merchant), actor="ann", now=clock.now()
        )

    assert list(PurchasePrice.objects.values()) == before


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"fixed_price": Decimal("1.00")}, ["/fixed_price"]),
        ({"starts_at": timezone.now() - DAY}, ["/starts_at"]),
        ({"ends_at": timezone.now() - DAY}, ["/ends_at"]),
        (
            {"starts_at": timezone.now() - 2 * DAY, "ends_at": timezone.now() - DAY},
            ["/starts_at", "/ends_at"],
        ),
    ],
)
def test_agreement_is_refused_when_its_terms_cannot_be(
    both: World, merchant: Merchant, fields: dict[str, Any], pointers: list[str]
) -> None:
    both.make_sku("A")

    with pytest.raises(Refusal) as previewed:
        preview_agreement(draft=draft(merchant, **fields), now=clock.now())
    with pytest.raises(Refusal) as refused:
        agree(merchant, **fields)

    for refusal in (previewed, refused):
        assert [fault.pointer for fault in refusal.value.faults] == pointers
    assert not PurchasePrice.objects.exists()
    assert not Outbox.objects.exists()


def test_agreement_is_refused_when_one_on_the_same_begins_then(
    both: World, merchant: Merchant
) -> None:
    both.make_sku("A")
    start = clock.now() + DAY
    agree(merchant, starts_at=start)

    with pytest.raises(Refusal) as refused:
        agree(merchant, starts_at=start, discount_percent=LITTLE)

    assert [fault.pointer for fault in refused.value.faults] == ["/starts_at"]
    assert PurchasePrice.objects.count() == 1


def test_agreement_is_refused_when_the_world_moved_since_the_preview(
    both: World, merchant: Merchant
) -> None:
    both.make_sku("A", price="10.00")
    seen = review_draft(draft=draft(merchant), now=clock.now()).fingerprint
    both.make_sku("B", price="10.00", cost_price="9.00")

    with pytest.raises(PreviewOutdated):
        make_agreement(draft=draft(merchant), actor="ann", now=clock.now(), seen=seen)

    assert not PurchasePrice.objects.exists()


def test_review_tells_what_an_agreement_would_do(both: World, merchant: Merchant) -> None:
    both.make_sku("A", price="10.00", cost_price="6.00")
    own = both.make_sku("B", price="10.00", cost_price="1.00")
    both.make_sku("HIDDEN", price="10.00", in_pool=False)
    agree(merchant, sku_id=own.pk, fixed_price=Decimal("8.00"))

    review = review_draft(draft=draft(merchant), now=clock.now())

    assert (review.skus, review.seen, review.moved) == (3, 2, 1)
    assert (review.below_cost, review.above_sale, review.asks_for_confirmation) == (1, 0, True)
    assert [(one.sku.code, one.before, one.after) for one in review.examples] == [
        ("A", Decimal("10.00"), Decimal("5.00")), ("HIDDEN", Decimal("10.00"), Decimal("5.00")),
    ]  # fmt: skip
    assert [other.target for other in review.overlaps] == ["sku:B"]
    assert PurchasePrice.objects.count() == 1


def test_review_tells_when_a_fixed_price_is_above_the_sale_price(
    both: World, merchant: Merchant
) -> None:
    sku = both.make_sku("A", price="10.00")

    review = review_draft(
        draft=draft(merchant, sku_id=sku.pk, fixed_price=Decimal("10.01")), now=clock.now()
    )

    assert (review.below_cost, review.above_sale, review.asks_for_confirmation) == (0, 1, True)


def test_partner_is_told_when_a_product_moves_into_an_agreed_category(
    both: World, merchant: Merchant, stranger: Merchant
) -> None:
    place = make_category("place", "Place", None)
    agree(merchant, category_id=place.pk)
    sku = both.make_sku("A", price="10.00")
    both.make_sku("B", price="10.00")

    def move() -> None:
        with telling_prices(sku_ids=[sku.pk], now=clock.now()):
            sku.product.category = place
            sku.product.save()

    act(move)

    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    assert news_of(stranger) == []
    assert price_of(merchant, "A") == "5.00"


def test_partner_hears_ahead_when_a_product_moves_under_an_agreement_to_come(
    both: World, merchant: Merchant
) -> None:
    place = make_category("place", "Place", None)
    start: datetime = clock.now() + DAY
    agree(merchant, category_id=place.pk, starts_at=start)
    sku = both.make_sku("A", price="10.00")

    def move() -> None:
        with telling_prices(sku_ids=[sku.pk], now=clock.now()):
            sku.product.category = place
            sku.product.save()

    act(move)

    assert news_of(merchant) == [
        ("price.announced", {"skus": ["A"], "effective_at": clock.to_text(start)})
    ]


def test_history_keeps_scheduled_prices_apart_from_agreements(
    both: World, merchant: Merchant
) -> None:
    sku = both.make_sku("A", price="10.00", created_at=clock.now() - DAY)
    coming = clock.now() + DAY
    PriceChange.objects.create(
        sku=sku, effective_at=sku.created_at, market_price="20", sale_price="10",
        applied_at=sku.created_at,
    )  # fmt: skip
    PriceChange.objects.create(sku=sku, effective_at=coming, market_price="20", sale_price="8")

    agreement = agree(merchant)

    spans = list_price_moves(
        partner_id=merchant.partner.pk, sku_id=sku.pk, from_at=agreement.created_at, to_at=None
    )
    assert [(span.effective_at, span.until_at, span.prices.purchase_price) for span in spans] == [
        (agreement.created_at, coming, Decimal("5.00")), (coming, None, Decimal("4.00")),
    ]  # fmt: skip
