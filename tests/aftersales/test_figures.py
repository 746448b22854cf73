from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import translation

from aftersales.models import ApprovalRule, Claim, RuleApproval
from aftersales.selectors.figures import Kind, OpenClaims, Period, Rate, RefundDay, get_figures
from aftersales.states import ClaimStatus
from openplatform.core import clock
from orders.models import Order
from tests.aftersales.claim_rows import Part, lines_of, make_reason, write_claim
from tests.cast import CONSIGNEE, GUANGZHOU, Merchant, World
from tests.orders.acts import pay

S = ClaimStatus
NOW = datetime(2026, 3, 20, 4, tzinfo=UTC)  # noon in Beijing
MARCH = Period(date(2026, 3, 1), date(2026, 3, 20))


def at(day: int, hour: int = 12) -> datetime:
    """An hour in Beijing, in March."""
    return datetime(2026, 3, day, hour, tzinfo=UTC) - timedelta(hours=8)


def paid(merchant: Merchant, number: str, items: Any, when: datetime, **fields: Any) -> Any:
    """An order that was paid at some moment."""
    order = pay(merchant, number, items, **fields)
    Order.objects.filter(order_no=order["order_no"]).update(paid_at=when)
    return order


def rates(figures: Any, kind: Kind) -> list[tuple[Any, ...]]:
    return [
        (
            rate.code,
            rate.name,
            rate.claim_count,
            rate.quantity,
            rate.bought_quantity,
            rate.refunded_quantity,
            str(rate.refund_amount),
        )
        for rate in figures.rates[kind]
    ]


@pytest.fixture
def full(shop: World, merchant: Merchant, stranger: Merchant) -> None:
    """Three orders of two merchants, from two warehouses, and claims of every fate."""
    shop.open_pool_to(stranger)
    for code in ("A", "B"):
        shop.make_sku(code, north=50, south=50)
    damaged = make_reason("damaged", "运输破损", name_en="Damaged on the way")
    cancelled = make_reason("consumer_cancelled", "消费者取消购买", name_en="")
    first = lines_of(paid(merchant, "M-1", [("A", 10), ("B", 5)], at(2)))
    south = lines_of(
        paid(merchant, "M-2", [("A", 4)], at(3), consignee={**CONSIGNEE, "region": GUANGZHOU})
    )
    other = lines_of(paid(stranger, "S-1", [("A", 20)], at(4)))
    paid(merchant, "M-0", [("A", 40)], at(1) - timedelta(days=1))  # in february
    by_code = {line.sku_code: line for line in first}
    write_claim(
        [Part(by_code["A"], 2, "20.00"), Part(by_code["B"], 1, "10.00")],
        status=S.REFUNDED,
        reason=damaged,
        freight="3.50",
        created_at=at(5),
        decided_after=timedelta(hours=2),
        ended_after=timedelta(hours=2),
    )
    write_claim(
        [Part(south[0], 1, "9.00")],
        status=S.REFUNDED,
        type="return_refund",
        reason=damaged,
        created_at=at(5, 23),
        decided_after=timedelta(hours=4),
        ended_after=timedelta(hours=50),
    )
    write_claim(
        [Part(by_code["A"], 3, "30.00")],
        status=S.REJECTED,
        reason=cancelled,
        created_at=at(6),
        decided_after=timedelta(hours=60),
    )
    write_claim(
        [Part(other[0], 5, "50.00")],
        status=S.SUBMITTED,
        reason=cancelled,
        created_at=NOW - timedelta(hours=30),
        deadline=clock.now() - timedelta(minutes=1),
    )
    write_claim([Part(other[0], 1)], reason=cancelled, created_at=NOW - timedelta(days=2))
    write_claim([Part(other[0], 7)], status=S.CANCELLED, created_at=at(1, 0) - timedelta(minutes=1))
    refunded = Claim.objects.filter(status=S.REFUNDED)
    for claim in refunded:
        for content in claim.lines.all():
            content.approved_quantity = content.accepted_quantity = content.quantity
            content.save()


def test_rates_compare_what_was_claimed_with_what_was_bought_when_there_is_both(
    full: None,
) -> None:
    with translation.override("en"):
        figures = get_figures(period=MARCH, now=NOW)

    assert rates(figures, Kind.SKU) == [
        ("A", "商品 A", 5, 12, 34, 3, "29.00"),
        ("B", "商品 B", 1, 1, 5, 1, "10.00"),
    ]
    assert rates(figures, Kind.REASON) == [
        ("consumer_cancelled", "消费者取消购买", 3, 9, 39, 0, "0.00"),
        ("damaged", "Damaged on the way", 2, 4, 39, 4, "39.00"),
    ]
    assert rates(figures, Kind.PARTNER) == [
        ("acme", "Merchant acme", 3, 7, 19, 4, "39.00"),
        ("stranger", "Merchant stranger", 2, 6, 20, 0, "0.00"),
    ]
    assert rates(figures, Kind.WAREHOUSE) == [
        ("north", "north", 4, 12, 35, 3, "30.00"),
        ("south", "south", 1, 1, 4, 1, "9.00"),
    ]
    total = figures.total
    assert (total.claim_count, total.quantity, total.bought_quantity) == (5, 13, 39)
    assert (total.claim_rate, total.refund_rate) == (Decimal(13) / 39, Decimal(4) / 39)


def test_reasons_are_called_as_in_chinese_when_that_is_spoken(full: None) -> None:
    with translation.override("zh-hans"):
        figures = get_figures(period=MARCH, now=NOW)

    assert [rate.name for rate in figures.rates[Kind.REASON]] == ["消费者取消购买", "运输破损"]


def test_refunds_stand_on_the_day_they_were_made_on_in_beijing(full: None) -> None:
    figures = get_figures(period=MARCH, now=NOW)

    zero = Decimal("0.00")
    made = [day for day in figures.days if day.count]
    assert made == [
        RefundDay(date(2026, 3, 5), 1, Decimal("30.00"), Decimal("3.50")),
        RefundDay(date(2026, 3, 8), 1, Decimal("9.00"), zero),  # 23:00 and 50 hours
    ]
    assert [day.amount for day in made] == [Decimal("33.50"), Decimal("9.00")]
    assert [day.on for day in figures.days] == [date(2026, 3, day) for day in range(1, 21)]
    assert {(day.goods_amount, day.freight_amount) for day in figures.days if not day.count} == {
        (zero, zero)
    }


def test_open_claims_are_told_by_state_and_age_whenever_they_were_filed(full: None) -> None:
    february = Period(date(2026, 2, 1), date(2026, 2, 2))

    figures = get_figures(period=february, now=NOW)

    assert figures.open_claims == [
        OpenClaims("submitted", 2, 1, (0, 2, 0, 0), NOW - timedelta(days=2))
    ]


def test_ages_fall_into_the_right_columns_when_they_are_at_the_bounds(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=50)
    [line] = lines_of(pay(merchant, items=[("A", 9)]))
    day = timedelta(days=1)
    second = timedelta(seconds=1)
    for age in (second, day - second, day, 3 * day - second, 3 * day, 7 * day - second, 7 * day):
        write_claim([Part(line)], created_at=NOW - age)
    write_claim([Part(line)], status=S.AWAITING_RETURN, created_at=NOW - 8 * day)

    figures = get_figures(period=MARCH, now=NOW)

    assert [(state.status, state.by_age) for state in figures.open_claims] == [
        ("submitted", (2, 2, 2, 1)),
        ("awaiting_return", (0, 0, 0, 1)),
    ]


def test_waits_tell_the_median_and_what_nine_of_ten_stayed_within(full: None) -> None:
    rule = ApprovalRule.objects.create(name="small ones", position=1)
    quick = Claim.objects.get(decided_at=at(5) + timedelta(hours=2))
    RuleApproval.objects.create(
        rule=rule, claim=quick, partner=quick.partner, amount=Decimal("33.50")
    )

    waits = get_figures(period=MARCH, now=NOW).waits

    hour = timedelta(hours=1)
    assert set(waits) == {"by_people", "by_rule", "refund", "return_refund"}
    people = waits["by_people"]
    assert (people.count, people.half_within, people.longest) == (2, 32 * hour, 60 * hour)
    assert people.most_within == 4 * hour + 0.9 * 56 * hour
    assert people.in_time_count == 1  # of 48 hours
    assert (waits["by_rule"].count, waits["by_rule"].half_within) == (1, 2 * hour)
    assert (waits["refund"].half_within, waits["return_refund"].half_within) == (
        2 * hour,
        50 * hour,
    )


def test_only_one_merchant_counts_when_it_is_named(full: None, stranger: Merchant) -> None:
    figures = get_figures(period=MARCH, partner_id=stranger.partner.pk, now=NOW)

    assert rates(figures, Kind.SKU) == [("A", "商品 A", 2, 6, 20, 0, "0.00")]
    assert rates(figures, Kind.PARTNER) == [("stranger", "Merchant stranger", 2, 6, 20, 0, "0.00")]
    assert [day for day in figures.days if day.count] == []
    assert figures.waits == {}
    assert [state.count for state in figures.open_claims] == [2]


def test_nothing_is_told_when_there_is_nothing(db: None) -> None:
    figures = get_figures(period=MARCH, now=NOW)

    assert figures.total == Rate(0, "", "", 0, 0, 0, Decimal(0), 0)
    assert (figures.total.claim_rate, figures.total.refund_rate) == (None, None)
    assert figures.rates == {kind: [] for kind in Kind}
    assert (len(figures.days), figures.open_claims, figures.waits) == (20, [], {})


def test_the_first_ones_stay_when_a_table_is_cut(full: None) -> None:
    figures = get_figures(period=MARCH, now=NOW, limit=1)

    assert [[rate.code for rate in figures.rates[kind]] for kind in Kind] == [
        ["A"],
        ["consumer_cancelled"],
        ["acme"],
        ["north"],
    ]
    assert figures.total.quantity == 13


def test_the_same_statements_are_sent_however_many_claims(
    full: None, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(8):
        get_figures(period=MARCH, now=NOW)


def test_a_period_ends_with_its_last_day_on_the_platforms_calendar() -> None:
    with time_machine.travel(NOW):
        assert (MARCH.start, MARCH.end) == (at(1, 0), at(21, 0))
        assert list(Period(date(2026, 2, 27), date(2026, 3, 1)).list_days()) == [
            date(2026, 2, 27),
            date(2026, 2, 28),
            date(2026, 3, 1),
        ]
