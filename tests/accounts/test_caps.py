"""The daily spending cap and the cap on open orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.errors import BalanceInsufficient, SpendingCapExceeded, TooManyOpenOrders
from accounts.models import HoldEntry, Wallet
from openplatform.core import clock
from tests.accounts.money_moves import hold, hold_or_refuse, pay, release
from tests.cast import Merchant, make_merchant


@pytest.fixture
def payer(db: None) -> Merchant:
    """A merchant with 1000.00 that may order for 100.00 a day and leave three orders open."""
    merchant = make_merchant("payer", balance="1000.00")
    Wallet.objects.update(daily_spending_cap=Decimal("100.00"), max_open_orders=3)
    return merchant


def wallet() -> Wallet:
    return Wallet.objects.get()


def as_if_yesterday() -> None:
    """What was ordered until now was ordered yesterday."""
    day = clock.now().astimezone(clock.PLATFORM_ZONE).date() - timedelta(days=1)
    Wallet.objects.update(spent_on=day)


def test_cap_is_used_up_to_the_cent(payer: Merchant) -> None:
    assert hold(payer.partner.pk, "S-1", "100.00")

    with pytest.raises(SpendingCapExceeded) as refusal:
        hold_or_refuse(payer.partner.pk, "S-2", "0.01")

    assert refusal.value.facts == {
        "spending_cap": "100.00",
        "spent_today": "100.00",
        "total_amount": "0.01",
    }
    assert (refusal.value.code, refusal.value.status) == ("spending_cap_exceeded", 402)
    assert (wallet().held_amount, wallet().open_orders) == (Decimal("100.00"), 1)
    assert HoldEntry.objects.count() == 1


def test_cap_gives_back_when_an_order_of_the_day_is_released(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "100.00")

    release(payer.partner.pk, "S-1", "100.00")

    assert wallet().spent_amount == Decimal("0.00")
    assert hold(payer.partner.pk, "S-2", "100.00")


def test_cap_gives_nothing_back_when_an_order_is_paid(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "100.00")

    pay(payer.partner.pk, "S-1", "100.00")

    assert not hold(payer.partner.pk, "S-2", "0.01")


def test_cap_begins_anew_when_the_day_does(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "100.00")
    as_if_yesterday()

    assert hold(payer.partner.pk, "S-2", "99.00")

    assert wallet().spent_amount == Decimal("99.00")
    assert wallet().spent_on == clock.now().astimezone(clock.PLATFORM_ZONE).date()


def test_day_does_not_go_back_when_an_order_comes_late_to_its_lock(payer: Merchant) -> None:
    tomorrow = clock.now().astimezone(clock.PLATFORM_ZONE).date() + timedelta(days=1)
    Wallet.objects.update(spent_on=tomorrow, spent_amount=Decimal("60.00"))

    assert hold(payer.partner.pk, "S-1", "40.00")

    assert (wallet().spent_on, wallet().spent_amount) == (tomorrow, Decimal("100.00"))


def test_missing_money_is_named_before_the_cap(payer: Merchant) -> None:
    Wallet.objects.update(daily_spending_cap=Decimal("10.00"))

    with pytest.raises(BalanceInsufficient):
        hold_or_refuse(payer.partner.pk, "S-1", "1000.01")


def test_no_cap_holds_when_there_is_none(payer: Merchant) -> None:
    Wallet.objects.update(daily_spending_cap=None)

    assert hold(payer.partner.pk, "S-1", "1000.00")


def test_nothing_may_be_ordered_when_the_cap_is_zero(payer: Merchant) -> None:
    Wallet.objects.update(daily_spending_cap=Decimal(0))

    assert not hold(payer.partner.pk, "S-1", "0.01")


@pytest.mark.parametrize("end", [release, pay])
def test_a_fourth_order_waits_until_one_of_three_has_ended(payer: Merchant, end) -> None:
    for number in range(3):
        hold(payer.partner.pk, f"S-{number}", "1.00")

    with pytest.raises(TooManyOpenOrders) as refusal:
        hold_or_refuse(payer.partner.pk, "S-3", "1.00")
    end(payer.partner.pk, "S-0", "1.00")

    assert refusal.value.facts == {"maximum": 3}
    assert (refusal.value.status, refusal.value.retry_after) == (429, 60)
    assert wallet().open_orders == 2
    assert hold(payer.partner.pk, "S-3", "1.00")
