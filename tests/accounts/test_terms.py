"""Credit line, alert threshold, limits and status."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import CreditLimitChange, Partner, Wallet
from accounts.services.partners import register_partner
from accounts.services.terms import (
    change_alert_threshold,
    change_credit_limit,
    change_limits,
    change_status,
)
from openplatform.approvals.errors import AlreadyWaiting, SecondPersonNeeded
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, FieldRequired, NotFound
from openplatform.messaging.models import Outbox
from tests.accounts.money_moves import hold, make_staff
from tests.cast import Merchant


@pytest.fixture
def clerk(db: None) -> User:
    """Who asks."""
    return make_staff("clerk")


def set_credit(user: User, amount: str, reason: str = "grown") -> Approval | None:
    return change_credit_limit(
        partner_code="acme",
        credit_limit=Decimal(amount),
        reason=reason,
        user=user,
        now=clock.now(),
    )


def set_threshold(user: User, amount: str) -> Approval | None:
    return change_alert_threshold(
        partner_code="acme",
        alert_threshold=Decimal(amount),
        reason="grown",
        user=user,
        now=clock.now(),
    )


def told(type: str) -> list[dict[str, str]]:
    return [row.data["account"] for row in Outbox.objects.filter(type=type).order_by("id")]


def test_credit_line_is_in_force_when_the_change_is_small(merchant: Merchant, clerk: User) -> None:
    assert set_credit(clerk, "10000.00") is None

    change = CreditLimitChange.objects.get()
    trail = AuditEntry.objects.get(action="change_credit_limit")
    assert Wallet.objects.get().credit_limit == Decimal("10000.00")
    assert (change.limit_before, change.limit_after) == (Decimal("0.00"), Decimal("10000.00"))
    assert (change.reason, change.actor) == ("grown", "clerk")
    assert (trail.before, trail.after) == (
        {"credit_limit": "0.00"},
        {"credit_limit": "10000.00"},
    )
    assert (trail.actor, trail.reason, trail.partner) == ("clerk", "grown", merchant.partner)
    assert [account["credit_limit"] for account in told("account.changed")] == ["10000.00"]


def test_credit_line_waits_when_the_change_is_large(merchant: Merchant, clerk: User) -> None:
    approval = set_credit(clerk, "10000.01")

    assert approval is not None
    assert Wallet.objects.get().credit_limit == Decimal("0.00")
    with pytest.raises(SecondPersonNeeded):
        approve(approval_id=approval.pk, user=clerk, values={}, now=clock.now())
    approve(approval_id=approval.pk, user=make_staff("decider"), values={}, now=clock.now())
    assert Wallet.objects.get().credit_limit == Decimal("10000.01")
    assert CreditLimitChange.objects.get().actor == "decider"
    assert len(told("account.changed")) == 1


def test_a_cut_takes_a_second_person_too_when_it_is_large(merchant: Merchant, clerk: User) -> None:
    Wallet.objects.update(credit_limit=Decimal("50000.00"))

    approval = set_credit(clerk, "0.00")

    assert approval is not None
    assert Wallet.objects.get().credit_limit == Decimal("50000.00")


def test_small_steps_lead_no_further_than_one(merchant: Merchant, clerk: User) -> None:
    assert set_credit(clerk, "6000.00") is None
    approval = set_credit(clerk, "12000.00")
    assert approval is not None
    approve(approval_id=approval.pk, user=make_staff("decider"), values={}, now=clock.now())

    assert set_credit(clerk, "22000.00") is None
    assert set_credit(clerk, "22000.01") is not None
    assert Wallet.objects.get().credit_limit == Decimal("22000.00")


def test_nothing_changes_when_a_large_change_is_rejected(merchant: Merchant, clerk: User) -> None:
    approval = set_credit(clerk, "20000.00")
    assert approval is not None

    reject(approval_id=approval.pk, user=make_staff("decider"), reason="no", now=clock.now())

    assert Wallet.objects.get().credit_limit == Decimal("0.00")
    assert told("account.changed") == []


def test_small_change_is_refused_while_a_large_one_waits(merchant: Merchant, clerk: User) -> None:
    set_credit(clerk, "20000.00")

    with pytest.raises(AlreadyWaiting):
        set_credit(clerk, "1.00")

    assert Wallet.objects.get().credit_limit == Decimal("0.00")


@pytest.mark.parametrize("amount", ["-0.01", "0.001", "NaN", "1E+12", "0.00"])
def test_refused_when_a_credit_line_is_no_change_or_no_amount(
    merchant: Merchant, clerk: User, amount: str
) -> None:
    with pytest.raises(FieldInvalid):
        set_credit(clerk, amount)

    assert not CreditLimitChange.objects.exists()


def test_refused_when_there_is_no_reason(merchant: Merchant, clerk: User) -> None:
    with pytest.raises(FieldRequired):
        set_credit(clerk, "1.00", reason="")

    assert Wallet.objects.get().credit_limit == Decimal("0.00")


def test_partner_is_warned_when_a_new_threshold_lies_above_what_is_available(
    merchant: Merchant, clerk: User
) -> None:
    set_threshold(clerk, "10000.00")
    assert told("account.balance_low") == []
    hold(merchant.partner.pk, "S-1", "4000.00")

    approval = set_threshold(clerk, "0.00")
    assert approval is None
    set_threshold(clerk, "9000.00")

    low = told("account.balance_low")
    assert [account["alert_threshold"] for account in low] == ["10000.00", "9000.00"]


def test_partner_is_warned_when_a_cut_of_the_credit_line_leaves_little(
    merchant: Merchant, clerk: User
) -> None:
    Wallet.objects.update(credit_limit=Decimal("5000.00"), alert_threshold=Decimal("12000.00"))

    set_credit(clerk, "1000.00")

    assert [account["available"] for account in told("account.balance_low")] == ["11000.00"]


def test_limits_are_in_force_when_they_are_changed(merchant: Merchant, clerk: User) -> None:
    change_limits(
        partner_code="acme",
        daily_spending_cap=Decimal("500.00"),
        max_open_orders=3,
        requests_per_minute=60,
        reason="pilot",
        user=clerk,
        now=clock.now(),
    )

    wallet = Wallet.objects.get()
    trail = AuditEntry.objects.get(action="change_limits")
    assert (wallet.daily_spending_cap, wallet.max_open_orders) == (Decimal("500.00"), 3)
    assert Partner.objects.get().requests_per_minute == 60
    assert trail.before == {
        "daily_spending_cap": None,
        "max_open_orders": 1000,
        "requests_per_minute": None,
    }
    assert trail.after == {
        "daily_spending_cap": "500.00",
        "max_open_orders": 3,
        "requests_per_minute": 60,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"daily_spending_cap": Decimal("-0.01")},
        {"max_open_orders": 0},
        {"requests_per_minute": 0},
        {"requests_per_minute": 10**10},
    ],
)
def test_refused_when_a_limit_is_no_limit(
    merchant: Merchant, clerk: User, change: dict[str, Any]
) -> None:
    limits: dict[str, Any] = {
        "daily_spending_cap": None,
        "max_open_orders": 5,
        "requests_per_minute": None,
    }

    with pytest.raises(FieldInvalid):
        change_limits(
            partner_code="acme", reason="x", user=clerk, now=clock.now(), **{**limits, **change}
        )

    assert Wallet.objects.get().max_open_orders == 1000


def test_partner_is_told_when_it_is_suspended(merchant: Merchant, clerk: User) -> None:
    for _twice in range(2):
        change_status(
            partner_code="acme",
            status=Partner.Status.SUSPENDED,
            reason="unpaid bill",
            user=clerk,
            now=clock.now(),
        )

    trail = AuditEntry.objects.get(action="change_status")
    assert [account["status"] for account in told("account.changed")] == ["suspended"]
    assert (trail.before, trail.after) == ({"status": "active"}, {"status": "suspended"})
    assert trail.reason == "unpaid bill"


def test_refused_when_there_is_no_such_partner(clerk: User) -> None:
    with pytest.raises(NotFound):
        set_credit(clerk, "1.00")


def test_money_of_a_new_partner_waits_when_staff_add_it(clerk: User) -> None:
    partner = register_partner(
        code="new",
        name="New",
        credit_limit=Decimal("0.01"),
        alert_threshold=Decimal("500.00"),
        opening_balance=Decimal("70.00"),
        user=clerk,
        now=clock.now(),
    )

    wallet = Wallet.objects.get(partner=partner)
    assert (wallet.balance, wallet.credit_limit) == (Decimal("0.00"), Decimal("0.00"))
    assert wallet.alert_threshold == Decimal("500.00")
    assert set(Approval.objects.values_list("kind", "status")) == {
        ("top_up", "pending"),
        ("credit_limit", "pending"),
    }
