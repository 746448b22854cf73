from __future__ import annotations

import time
from decimal import Decimal
from functools import partial
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.db.models import Sum

from accounts.errors import BalanceInsufficient, ReferenceConflict
from accounts.models import HoldEntry, LedgerEntry, TopUp, Wallet, Withdrawal
from accounts.services.top_ups import enter_top_up
from accounts.services.withdrawals import enter_withdrawal
from openplatform.approvals.errors import AlreadyDecided
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.messaging.models import Outbox
from tests.accounts.money_moves import add_money, hold, make_staff, pay, release
from tests.cast import Merchant, make_merchant
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def add(merchant: Merchant, reference: str, amount: str = "1.00") -> TopUp:
    return add_money(merchant.partner, amount, reference)


def enter(merchant: Merchant, user: User, reference: str, amount: str) -> TopUp:
    return enter_top_up(
        partner_code=merchant.partner.code,
        amount=Decimal(amount),
        reference=reference,
        paid_at=None,
        note="",
        user=user,
        now=clock.now(),
    )


@transactional
def hold_without_guard(partner_id: int, order_no: str, amount: str) -> bool:
    """What `hold` would be if it read before it wrote: the fault that its guard prevents."""
    wallet = Wallet.objects.get(pk=partner_id)
    if wallet.available_amount < Decimal(amount):
        return False
    time.sleep(0.2)  # so that the others read as well
    Wallet.objects.filter(pk=partner_id).update(held_amount=wallet.held_amount + Decimal(amount))
    HoldEntry.objects.create(
        partner_id=partner_id,
        hold_no=int(order_no),
        kind="held",
        amount=Decimal(amount),
        held_after=wallet.held_amount + Decimal(amount),
        order_no=order_no,
        created_at=clock.now(),
    )
    return True


def test_too_many_holds_succeed_when_the_guard_is_a_read_before_the_write() -> None:
    merchant = make_merchant("acme", balance="10.00")

    race(*(partial(hold_without_guard, merchant.partner.pk, str(i), "10.00") for i in range(1, 5)))

    assert HoldEntry.objects.count() > 1


def test_exactly_fifty_holds_succeed_when_a_hundred_race_for_the_money_of_fifty() -> None:
    merchant = make_merchant("acme", balance="300.00", credit_limit="200.49")

    outcomes = race(
        *(partial(hold, merchant.partner.pk, f"S-{number}", "10.00") for number in range(100))
    )

    wallet = Wallet.objects.get(partner=merchant.partner)
    holds = list(HoldEntry.objects.all())
    assert (outcomes.count(True), outcomes.count(False)) == (50, 50)
    assert (wallet.balance, wallet.held_amount) == (Decimal("300.00"), Decimal("500.00"))
    assert wallet.available_amount == Decimal("0.49")
    assert [row.hold_no for row in holds] == list(range(1, 51))
    assert [row.held_after for row in holds] == [Decimal(10 * n) for n in range(1, 51)]


def test_numbers_times_and_balances_run_together_when_money_moves_from_all_sides() -> None:
    merchant = make_merchant("acme", balance="100.00")
    partner_id = merchant.partner.pk
    for number in range(20):
        hold(partner_id, f"S-{number}", "2.50")

    outcomes = race(
        *(partial(pay, partner_id, f"S-{number}", "2.50") for number in range(12)),
        *(partial(release, partner_id, f"S-{number}", "2.50") for number in range(12, 20)),
        *(partial(add, merchant, f"bank-{number}", "0.01") for number in range(12)),
    )

    wallet = Wallet.objects.get(partner=merchant.partner)
    entries = list(LedgerEntry.objects.order_by("entry_no"))
    holds = list(HoldEntry.objects.order_by("hold_no"))
    assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
    assert (wallet.balance, wallet.held_amount) == (Decimal("70.12"), Decimal("0.00"))
    assert [entry.entry_no for entry in entries] == list(range(1, 26))
    assert wallet.last_entry_no == 25
    assert all(one.created_at <= other.created_at for one, other in pairwise(entries))
    assert all(
        one.balance_after + other.amount == other.balance_after for one, other in pairwise(entries)
    )
    assert LedgerEntry.objects.aggregate(sum=Sum("amount"))["sum"] == wallet.balance
    assert [row.hold_no for row in holds] == list(range(1, 41))
    assert all(one.held_after + other.amount == other.held_after for one, other in pairwise(holds))


def test_one_hold_stands_when_an_order_is_held_from_two_sides() -> None:
    merchant = make_merchant("acme", balance="100.00")

    outcomes = race(*[partial(hold, merchant.partner.pk, "S-1", "10.00")] * 4)

    assert outcomes.count(True) == 1
    assert HoldEntry.objects.count() == 1
    assert Wallet.objects.get(partner=merchant.partner).held_amount == Decimal("10.00")


def test_one_end_stands_when_an_order_is_paid_and_released_at_once() -> None:
    merchant = make_merchant("acme", balance="100.00")
    hold(merchant.partner.pk, "S-1", "10.00")
    hold(merchant.partner.pk, "S-2", "10.00")

    outcomes = race(
        partial(pay, merchant.partner.pk, "S-1", "10.00"),
        partial(release, merchant.partner.pk, "S-1", "10.00"),
    )

    assert outcomes.count(None) == 1
    assert HoldEntry.objects.filter(order_no="S-1").count() == 2
    assert Wallet.objects.get(partner=merchant.partner).held_amount == Decimal("10.00")


def test_one_top_up_waits_when_the_same_transfer_is_entered_from_all_sides() -> None:
    merchant = make_merchant("acme", balance="100.00")
    clerk = make_staff("clerk")

    outcomes = race(*[partial(enter, merchant, clerk, "bank-1", "7.00")] * 8)

    numbers = {outcome.top_up_no for outcome in outcomes if isinstance(outcome, TopUp)}
    assert [type(outcome) for outcome in outcomes] == [TopUp] * 8
    assert len(numbers) == 1
    assert Approval.objects.count() == 1
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("100.00")


def test_one_amount_wins_when_a_reference_is_entered_with_two() -> None:
    merchant = make_merchant("acme", balance="100.00")
    clerk = make_staff("clerk")

    outcomes = race(
        partial(enter, merchant, clerk, "bank-1", "7.00"),
        partial(enter, merchant, clerk, "bank-1", "8.00"),
    )

    (entered,) = [outcome for outcome in outcomes if isinstance(outcome, TopUp)]
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, ReferenceConflict)]
    assert refused.facts == {"top_up_no": entered.top_up_no}


def test_money_comes_in_once_when_two_people_approve_at_once() -> None:
    merchant = make_merchant("acme", balance="100.00")
    enter(merchant, make_staff("clerk"), "bank-1", "7.00")
    approval = Approval.objects.get()
    deciders = [make_staff(f"decider-{number}") for number in range(4)]

    outcomes = race(
        *(
            partial(approve, approval_id=approval.pk, user=user, values={}, now=clock.now())
            for user in deciders
        )
    )

    assert sum(isinstance(outcome, Approval) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyDecided) for outcome in outcomes) == 3
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("107.00")
    assert LedgerEntry.objects.filter(kind="top_up").count() == 2


def test_one_decision_stands_when_one_approves_and_another_rejects() -> None:
    merchant = make_merchant("acme", balance="100.00")
    enter(merchant, make_staff("clerk"), "bank-1", "7.00")
    approval = Approval.objects.get()

    outcomes = race(
        partial(
            approve, approval_id=approval.pk, user=make_staff("one"), values={}, now=clock.now()
        ),
        partial(
            reject, approval_id=approval.pk, user=make_staff("two"), reason="no", now=clock.now()
        ),
    )

    top_up = TopUp.objects.get(reference="bank-1")
    wallet = Wallet.objects.get(partner=merchant.partner)
    assert sum(isinstance(outcome, Approval) for outcome in outcomes) == 1
    assert (top_up.status, wallet.balance) in [
        ("approved", Decimal("107.00")),
        ("rejected", Decimal("100.00")),
    ]


def test_own_money_leaves_once_when_two_withdrawals_are_approved_at_once() -> None:
    merchant = make_merchant("acme", balance="100.00", credit_limit="500.00")
    clerk, decider = make_staff("clerk"), make_staff("decider")
    for number in range(2):
        enter_withdrawal(
            partner_code="acme",
            amount=Decimal("60.00"),
            reference=f"out-{number}",
            reason="closing",
            user=clerk,
            now=clock.now(),
        )

    outcomes = race(
        *(
            partial(approve, approval_id=pk, user=decider, values={}, now=clock.now())
            for pk in Approval.objects.values_list("pk", flat=True)
        )
    )

    assert sum(isinstance(outcome, Approval) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, BalanceInsufficient) for outcome in outcomes) == 1
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("40.00")
    assert sorted(Withdrawal.objects.values_list("status", flat=True)) == ["approved", "pending"]


def test_the_cap_holds_when_many_orders_race_for_one_day() -> None:
    merchant = make_merchant("acme", balance="1000.00")
    Wallet.objects.update(daily_spending_cap=Decimal("100.00"), max_open_orders=7)

    first = race(*(partial(hold, merchant.partner.pk, f"S-{n}", "10.00") for n in range(30)))
    Wallet.objects.update(max_open_orders=100)
    second = race(*(partial(hold, merchant.partner.pk, f"T-{n}", "10.00") for n in range(30)))

    wallet = Wallet.objects.get(partner=merchant.partner)
    assert (first.count(True), second.count(True)) == (7, 3)
    assert (wallet.spent_amount, wallet.open_orders) == (Decimal("100.00"), 10)


def test_low_balance_is_told_once_when_many_orders_cross_the_threshold() -> None:
    merchant = make_merchant("acme", balance="100.00")
    Wallet.objects.update(alert_threshold=Decimal("60.00"))

    race(*(partial(hold, merchant.partner.pk, f"S-{n}", "10.00") for n in range(10)))

    told = Outbox.objects.filter(type="account.balance_low").order_by("id")
    assert [row.data["account"]["available"] for row in told] == ["50.00", "20.00"]
