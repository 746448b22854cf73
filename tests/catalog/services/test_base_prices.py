"""The prices of the house: at once, at a set time, withdrawn, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from catalog.errors import PreviewOutdated, PriceChangeConflict
from catalog.models import PoolHint, PriceChange, Sku
from catalog.price_plans import Concern, How, PriceEdit, Rule, plan_prices
from catalog.selectors.price_plans import list_prices_then
from catalog.selectors.prices import get_prices
from catalog.services.base_prices import (
    BasePrices,
    apply_due_prices,
    change_prices,
    record_first_prices,
    set_prices,
    withdraw_price_changes,
)
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import Refusal
from openplatform.core.locking import transactional
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.news import act, news_of

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def amounts(*texts: str | None) -> list[Decimal | None]:
    return [None if text is None else Decimal(text) for text in texts]


def prices_of(sku: Sku) -> list[Decimal | None]:
    sku.refresh_from_db()
    return [sku.market_price, sku.sale_price, sku.cost_price, sku.floor_price]


def change(sku: Sku, **fields: Any) -> int:
    edit = fields.pop("edit", PriceEdit(sale_price=Rule(How.SET, Decimal("8.00"))))
    return change_prices(
        **{
            "sku_ids": [sku.pk], "edit": edit, "effective_at": None, "reason": "spring",
            "actor": "ann", "now": clock.now(), **fields,
        }
    )  # fmt: skip


def make_due(sku: Sku, **fields: Any) -> PriceChange:
    """A change whose time came a moment ago, and that nobody has written yet."""
    return PriceChange.objects.create(
        **{
            "sku": sku, "effective_at": clock.now() - SECOND, "market_price": Decimal("20.00"),
            "sale_price": Decimal("9.00"), **fields,
        }
    )  # fmt: skip


def test_whoever_sees_the_sku_is_told_when_its_price_moves(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    shop.make_sku("B")
    now = clock.now()

    assert change(sku, now=now) == 1

    assert prices_of(sku) == amounts("20.00", "8.00", None, None)
    assert sku.updated_at == now
    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    assert news_of(stranger) == []
    assert [
        (row.effective_at, row.sale_price, row.applied_at, row.reason, row.actor)
        for row in PriceChange.objects.order_by("effective_at")
    ] == [
        (sku.created_at, Decimal("10.00"), sku.created_at, "", "ann"),
        (now, Decimal("8.00"), now, "spring", "ann"),
    ]
    assert PoolHint.objects.filter(sku=sku).exists()
    entry = AuditEntry.objects.get(action="change_prices")
    assert (entry.before, entry.after) == ({"sale_price": "10.00"}, {"sale_price": "8.00"})


def test_nobody_is_told_when_only_the_cost_moves(shop: World, merchant: Merchant) -> None:
    sku = shop.make_sku("A", price="10.00")
    stamp = sku.updated_at

    change(sku, edit=PriceEdit(cost_price=Rule(How.SET, Decimal("6.00"))))

    assert prices_of(sku) == amounts("20.00", "10.00", "6.00", None)
    assert not Outbox.objects.exists()
    sku.refresh_from_db()
    assert sku.updated_at == stamp
    assert PriceChange.objects.count() == 2


def test_nothing_is_written_when_nothing_differs(shop: World) -> None:
    sku = shop.make_sku("A", price="8.00")

    assert change(sku) == 0

    assert not PriceChange.objects.exists()
    assert not Outbox.objects.exists()


def test_merchants_hear_ahead_and_read_it_when_a_change_is_scheduled(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    moment = clock.now() + DAY

    assert change(sku, effective_at=moment) == 1

    assert prices_of(sku) == amounts("20.00", "10.00", None, None)
    assert news_of(merchant) == [
        ("price.announced", {"skus": ["A"], "effective_at": clock.to_text(moment)})
    ]
    [entry] = get_prices(partner_id=merchant.partner.pk, codes=["A"])
    assert entry["sale_price"] == "10.00"
    assert entry["next_change"] == {
        "effective_at": clock.to_text(moment),
        "market_price": "20.00",
        "sale_price": "8.00",
        "purchase_price": "8.00",
        "floor_price": None,
    }


def test_nobody_hears_when_what_is_scheduled_moves_nothing_that_is_shown(shop: World) -> None:
    sku = shop.make_sku("A", price="10.00")

    change(
        sku,
        edit=PriceEdit(cost_price=Rule(How.SET, Decimal("1.00"))),
        effective_at=clock.now() + DAY,
    )

    assert not Outbox.objects.exists()
    assert PriceChange.objects.filter(applied_at=None).count() == 1


def test_a_moment_that_passed_is_refused(shop: World) -> None:
    sku = shop.make_sku("A", price="10.00")

    with pytest.raises(Refusal) as refused:
        change(sku, effective_at=clock.now() - SECOND)

    assert [fault.pointer for fault in refused.value.faults] == ["/effective_at"]
    assert not PriceChange.objects.exists()
    assert not AuditEntry.objects.filter(action="change_prices").exists()


def test_merchants_hear_when_a_scheduled_change_is_withdrawn(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    first, second = clock.now() + DAY, clock.now() + 2 * DAY
    change(sku, effective_at=first)
    change(sku, effective_at=second, edit=PriceEdit(sale_price=Rule(How.SET, Decimal("7.00"))))
    act(lambda: None)

    gone = PriceChange.objects.get(effective_at=first)
    assert withdraw_price_changes(change_ids=[gone.pk], actor="ann", now=clock.now()) == 1

    assert news_of(merchant) == [
        ("price.announced", {"skus": ["A"], "effective_at": clock.to_text(second)})
    ]
    act(lambda: None)
    left = PriceChange.objects.get(effective_at=second)
    withdraw_price_changes(change_ids=[left.pk], actor="ann", now=clock.now())
    assert news_of(merchant) == [("price.announced", {"skus": ["A"], "effective_at": None})]
    assert not PriceChange.objects.filter(applied_at=None).exists()


def test_a_change_that_took_effect_cannot_be_withdrawn(shop: World) -> None:
    due = make_due(shop.make_sku("A", price="10.00"))

    with pytest.raises(PriceChangeConflict):
        withdraw_price_changes(change_ids=[due.pk], actor="ann", now=clock.now())

    assert PriceChange.objects.filter(pk=due.pk).exists()


def test_due_prices_count_before_and_after_they_are_written(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    make_due(sku, floor_price=Decimal("5.00"))

    before = get_prices(partner_id=merchant.partner.pk, codes=["A"])
    assert apply_due_prices() == 1
    after = get_prices(partner_id=merchant.partner.pk, codes=["A"])

    assert before == after
    assert (after[0]["sale_price"], after[0]["floor_price"]) == ("9.00", "5.00")
    assert prices_of(sku) == amounts("20.00", "9.00", None, "5.00")
    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    assert apply_due_prices() == 0


def test_the_last_of_several_due_prices_counts_and_a_detour_is_told(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    make_due(sku, effective_at=clock.now() - 2 * SECOND)
    make_due(sku, sale_price=Decimal("10.00"))

    assert apply_due_prices() == 1

    assert prices_of(sku) == amounts("20.00", "10.00", None, None)
    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    assert not PriceChange.objects.filter(applied_at=None).exists()


def test_what_is_due_is_written_before_what_is_set_at_once(shop: World) -> None:
    sku = shop.make_sku("A", price="10.00", created_at=clock.now() - DAY)
    make_due(sku, sale_price=Decimal("4.00"))

    change(sku, edit=PriceEdit(sale_price=Rule(How.PERCENT, Decimal(50))))

    assert prices_of(sku) == amounts("20.00", "6.00", None, None)
    moments = PriceChange.objects.order_by("effective_at").values_list("sale_price", flat=True)
    assert list(moments) == amounts("10.00", "4.00", "6.00")


def test_history_stays_in_order_when_a_writer_s_clock_is_behind(shop: World) -> None:
    sku = shop.make_sku("A", price="10.00")
    now = clock.now()
    change(sku, now=now)

    change(sku, now=now - DAY, edit=PriceEdit(sale_price=Rule(How.SET, Decimal("7.00"))))

    rows = PriceChange.objects.order_by("effective_at", "pk").values_list(
        "effective_at", "sale_price"
    )
    assert list(rows)[1:] == [(now, Decimal("8.00")), (now, Decimal("7.00"))]
    assert prices_of(sku)[1] == Decimal("7.00")


def test_plan_is_made_anew_when_another_was_faster(shop: World) -> None:
    sku = shop.make_sku("A", price="10.00")
    edit = PriceEdit(sale_price=Rule(How.PERCENT, Decimal(10)))
    present = list_prices_then(sku_ids=[sku.pk], moment=None, is_before=True)
    seen = plan_prices(present, edit).fingerprint
    change(sku)

    with pytest.raises(PreviewOutdated):
        change(sku, edit=edit, seen=seen)

    assert prices_of(sku)[1] == Decimal("8.00")


@pytest.mark.parametrize(
    ("rule", "price", "expected"),
    [
        (Rule(How.PERCENT, Decimal("-10")), "9.99", "8.99"),
        (Rule(How.PERCENT, Decimal("12.5")), "0.04", "0.05"),  # 0.045, half a cent up
        (Rule(How.PERCENT, Decimal("-99")), "0.01", "0.01"),
        (Rule(How.AMOUNT, Decimal("-1.50")), "9.99", "8.49"),
        (Rule(How.SET, Decimal("3.00")), "9.99", "3.00"),
    ],
)
def test_prices_move_by_the_rule(shop: World, rule: Rule, price: str, expected: str) -> None:
    sku = shop.make_sku("A", price=price)

    change(sku, edit=PriceEdit(sale_price=rule))

    assert prices_of(sku)[1] == Decimal(expected)


def test_nothing_changes_when_one_price_would_not_be_above_zero(shop: World) -> None:
    cheap, dear = shop.make_sku("A", price="1.00"), shop.make_sku("B", price="10.00")
    edit = PriceEdit(sale_price=Rule(How.AMOUNT, Decimal("-1.00")))

    with pytest.raises(Refusal) as refused:
        change(cheap, sku_ids=[cheap.pk, dear.pk], edit=edit)

    assert "A" in str(refused.value.faults[0].detail)
    assert prices_of(dear)[1] == Decimal("10.00")
    assert not PriceChange.objects.exists()


@pytest.mark.parametrize(
    ("rule", "concerns"),
    [
        (Rule(How.SET, Decimal("5.99")), {Concern.BELOW_COST}),
        (Rule(How.SET, Decimal("5.00")), {Concern.BELOW_COST, Concern.FALLS_BY_HALF}),
        (Rule(How.SET, Decimal("6.00")), set()),
        (Rule(How.SET, Decimal("11.00")), set()),
        (
            Rule(How.SET, Decimal("4.99")),
            {Concern.BELOW_COST, Concern.BELOW_FLOOR, Concern.FALLS_BY_HALF},
        ),
    ],
)
def test_a_plan_asks_for_confirmation_when_a_price_is_odd(
    shop: World, rule: Rule, concerns: set[Concern]
) -> None:
    sku = shop.make_sku("A", price="10.00", cost_price="6.00", floor_price="5.00")
    present = list_prices_then(sku_ids=[sku.pk], moment=None, is_before=True)

    plan = plan_prices(present, PriceEdit(sale_price=rule))

    assert plan.concerns == dict.fromkeys(concerns, 1)


def test_history_of_a_new_sku_begins_with_its_prices(shop: World) -> None:
    sku = shop.make_sku("A", price="10.00", cost_price="6.00")
    begin: Callable[[], None] = transactional(
        lambda: record_first_prices(sku_ids=[sku.pk], actor="ann")
    )

    begin()
    begin()

    row = PriceChange.objects.get()
    sku.refresh_from_db()
    assert (row.effective_at, row.applied_at) == (sku.created_at, sku.created_at)
    assert (row.sale_price, row.cost_price) == (Decimal("10.00"), Decimal("6.00"))


def test_prices_of_many_are_set_by_a_step(shop: World, merchant: Merchant) -> None:
    skus = [shop.make_sku(code, price="10.00") for code in ("A", "B", "C")]
    new = {sku.pk: BasePrices(Decimal("20.00"), Decimal("9.00"), None, None) for sku in skus[:2]}
    new[skus[2].pk] = BasePrices(Decimal("20.00"), Decimal("10.00"), None, None)

    count = act(lambda: set_prices(prices=new, actor="import", now=clock.now()))

    assert count == 2
    assert news_of(merchant) == [("price.changed", {"skus": ["A", "B"]})]
