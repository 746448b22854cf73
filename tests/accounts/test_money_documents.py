"""Adjustments and withdrawals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from accounts.errors import BalanceInsufficient, ReferenceConflict
from accounts.models import Adjustment, LedgerEntry, Wallet, Withdrawal
from accounts.services.adjustments import enter_adjustment
from accounts.services.withdrawals import enter_withdrawal
from openplatform.approvals.errors import SecondPersonNeeded
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, FieldRequired
from tests.accounts.money_moves import hold, make_staff
from tests.cast import Merchant, make_merchant


@pytest.fixture
def clerk(db: None) -> User:
    """Who enters."""
    return make_staff("clerk")


@pytest.fixture
def decider(db: None) -> User:
    """Who decides."""
    return make_staff("decider")


@pytest.fixture
def payer(db: None) -> Merchant:
    """A merchant with 100.00 and a credit line of 50.00."""
    return make_merchant("payer", balance="100.00", credit_limit="50.00")


def adjust(user: User, amount: str, reason: str = "counted twice") -> Adjustment:
    return enter_adjustment(
        partner_code="payer", amount=Decimal(amount), reason=reason, user=user, now=clock.now()
    )


def withdraw(
    user: User, amount: str, reference: str = "out-1", reason: str = "closing"
) -> Withdrawal:
    return enter_withdrawal(
        partner_code="payer",
        amount=Decimal(amount),
        reference=reference,
        reason=reason,
        user=user,
        now=clock.now(),
    )


def decide(user: User) -> None:
    pending = Approval.objects.get(status="pending")
    approve(approval_id=pending.pk, user=user, values={}, now=clock.now())


def balance() -> str:
    return str(Wallet.objects.get(partner__code="payer").balance)


def test_balance_goes_below_zero_when_a_mistake_is_taken_back(
    payer: Merchant, clerk: User, decider: User
) -> None:
    adjustment = adjust(clerk, "-130.00")

    decide(decider)

    entry = LedgerEntry.objects.get(kind="adjustment")
    adjustment.refresh_from_db()
    assert balance() == "-30.00"
    assert (entry.amount, entry.document) == (Decimal("-130.00"), "adjustment")
    assert (entry.document_no, entry.note) == (adjustment.adjustment_no, "counted twice")
    assert (adjustment.status, adjustment.decided_by) == ("approved", "decider")
    assert AuditEntry.objects.filter(action="enter_adjustment", actor="clerk").exists()


def test_balance_rises_when_an_adjustment_is_for_the_merchant(
    payer: Merchant, clerk: User, decider: User
) -> None:
    adjust(clerk, "0.01")

    decide(decider)

    assert balance() == "100.01"


@pytest.mark.parametrize("enter", [adjust, withdraw])
def test_nothing_moves_when_whoever_entered_decides(payer: Merchant, clerk: User, enter) -> None:
    enter(clerk, "10.00")

    with pytest.raises(SecondPersonNeeded):
        decide(clerk)

    assert balance() == "100.00"


@pytest.mark.parametrize("enter", [adjust, withdraw])
def test_nothing_moves_when_it_is_rejected(
    payer: Merchant, clerk: User, decider: User, enter
) -> None:
    document = enter(clerk, "10.00")

    reject(approval_id=Approval.objects.get().pk, user=decider, reason="not so", now=clock.now())

    document.refresh_from_db()
    assert (document.status, document.reject_reason) == ("rejected", "not so")
    assert balance() == "100.00"


@pytest.mark.parametrize("amount", ["0", "0.001", "NaN", "1E+12", "-1E+12"])
def test_refused_when_an_adjustment_is_no_amount(payer: Merchant, clerk: User, amount: str) -> None:
    with pytest.raises(FieldInvalid):
        adjust(clerk, amount)

    assert not Adjustment.objects.exists()


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "1E+12"])
def test_refused_when_a_withdrawal_is_no_amount(payer: Merchant, clerk: User, amount: str) -> None:
    with pytest.raises(FieldInvalid):
        withdraw(clerk, amount)

    assert not Withdrawal.objects.exists()


@pytest.mark.parametrize("enter", [adjust, withdraw])
def test_refused_when_there_is_no_reason(payer: Merchant, clerk: User, enter) -> None:
    with pytest.raises(FieldRequired):
        enter(clerk, "1.00", reason=" ")

    assert not Approval.objects.exists()


def test_own_money_leaves_when_a_withdrawal_is_approved(
    payer: Merchant, clerk: User, decider: User
) -> None:
    hold(payer.partner.pk, "S-1", "40.00")
    withdrawal = withdraw(clerk, "60.00")

    decide(decider)

    entry = LedgerEntry.objects.get(kind="withdrawal")
    assert (entry.amount, entry.document_no) == (Decimal("-60.00"), withdrawal.withdrawal_no)
    assert balance() == "40.00"


def test_refused_when_a_withdrawal_would_take_held_or_lent_money(
    payer: Merchant, clerk: User, decider: User
) -> None:
    hold(payer.partner.pk, "S-1", "40.00")
    withdraw(clerk, "60.01")

    with pytest.raises(BalanceInsufficient) as refusal:
        decide(decider)

    assert refusal.value.facts == {"balance_missing": "0.01"}
    assert Withdrawal.objects.get().status == "pending"
    assert Approval.objects.get().status == "pending"
    assert balance() == "100.00"


def test_refused_when_a_reference_was_paid_out_already(
    payer: Merchant, clerk: User, decider: User
) -> None:
    first = withdraw(clerk, "10.00")
    decide(decider)

    with pytest.raises(ReferenceConflict) as refusal:
        withdraw(clerk, "10.00")

    assert refusal.value.facts == {"withdrawal_no": first.withdrawal_no}


def test_reference_may_be_used_again_when_its_withdrawal_was_rejected(
    payer: Merchant, clerk: User, decider: User
) -> None:
    withdraw(clerk, "10.00")
    reject(approval_id=Approval.objects.get().pk, user=decider, reason="no", now=clock.now())

    withdraw(clerk, "12.00")
    decide(decider)

    assert balance() == "88.00"
