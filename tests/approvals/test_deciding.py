"""Two people to a decision: the services, and two of them at once."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from accounts.models import LedgerEntry, TopUp, Wallet
from accounts.services.top_ups import enter_top_up
from openplatform.approvals.errors import AlreadyDecided, AlreadyWaiting, SecondPersonNeeded
from openplatform.approvals.models import Approval
from openplatform.approvals.selectors import list_pending_for, may_decide
from openplatform.approvals.services.deciding import approve, reject
from openplatform.approvals.services.requesting import request_approval
from openplatform.core import clock
from openplatform.core.errors import FieldRequired, NotFound
from openplatform.core.locking import NotInTransaction
from tests.cast import Merchant, make_merchant
from tests.racing import race


def _user(name: str) -> User:
    return User.objects.create_user(name, is_staff=True, is_superuser=True)


def _enter(merchant: Merchant, user: User) -> Approval:
    top_up = enter_top_up(
        partner_code=merchant.partner.code,
        amount=Decimal("100.00"),
        reference="BANK-1",
        paid_at=None,
        note="",
        user=user,
        now=clock.now(),
    )
    return Approval.objects.get(subject_no=top_up.top_up_no)


def _assert_untouched(approval: Approval, merchant: Merchant) -> None:
    approval.refresh_from_db()
    assert (approval.status, approval.decided_by, approval.values) == ("pending", None, {})
    assert TopUp.objects.get(top_up_no=approval.subject_no).status == "pending"
    assert Wallet.objects.get(pk=merchant.partner.pk).balance == Decimal("10000.00")


@pytest.mark.django_db(transaction=True)
def test_one_wins_when_many_approve_at_once():
    merchant = make_merchant("acme")
    approval = _enter(merchant, _user("asker"))
    deciders = [_user(f"decider{index}") for index in range(4)]

    outcomes = race(
        *(
            partial(approve, approval_id=approval.pk, user=user, values={}, now=clock.now())
            for user in deciders
        )
    )

    winners = [
        user
        for user, outcome in zip(deciders, outcomes, strict=True)
        if isinstance(outcome, Approval)
    ]
    assert sum(isinstance(outcome, AlreadyDecided) for outcome in outcomes) == 3
    approval.refresh_from_db()
    assert [approval.decided_by] == winners
    assert LedgerEntry.objects.filter(document_no=approval.subject_no).count() == 1
    assert Wallet.objects.get(pk=merchant.partner.pk).balance == Decimal("10100.00")


@pytest.mark.django_db(transaction=True)
def test_one_outcome_when_it_is_approved_and_rejected_at_once():
    merchant = make_merchant("acme")
    approval = _enter(merchant, _user("asker"))
    first, second = _user("first"), _user("second")

    outcomes = race(
        partial(approve, approval_id=approval.pk, user=first, values={}, now=clock.now()),
        partial(reject, approval_id=approval.pk, user=second, reason="no", now=clock.now()),
    )

    assert sum(isinstance(outcome, AlreadyDecided) for outcome in outcomes) == 1
    approval.refresh_from_db()
    is_approved = isinstance(outcomes[0], Approval)
    assert approval.status == ("approved" if is_approved else "rejected")
    booked = LedgerEntry.objects.filter(document_no=approval.subject_no).exists()
    assert booked == is_approved


def test_nothing_is_decided_when_the_same_person_tries(merchant: Merchant):
    asker = _user("asker")
    approval = _enter(merchant, asker)

    with pytest.raises(SecondPersonNeeded):
        approve(approval_id=approval.pk, user=asker, values={}, now=clock.now())
    with pytest.raises(SecondPersonNeeded):
        reject(approval_id=approval.pk, user=asker, reason="no", now=clock.now())

    _assert_untouched(approval, merchant)
    assert not may_decide(approval, asker)
    assert list(list_pending_for(asker)) == []


def test_database_refuses_when_the_same_person_is_written_as_decider(merchant: Merchant):
    asker = _user("asker")
    approval = _enter(merchant, asker)

    with (
        pytest.raises(IntegrityError, match="approval_decided_by_another"),
        transaction.atomic(),
    ):
        Approval.objects.filter(pk=approval.pk).update(
            status="approved", decided_by=asker, decided_at=clock.now()
        )

    _assert_untouched(approval, merchant)


def test_nothing_is_decided_when_the_permission_is_missing(merchant: Merchant):
    approval = _enter(merchant, _user("asker"))
    clerk = User.objects.create_user("clerk", is_staff=True)

    with pytest.raises(PermissionDenied):
        approve(approval_id=approval.pk, user=clerk, values={}, now=clock.now())

    _assert_untouched(approval, merchant)
    assert not may_decide(approval, clerk)


def test_nothing_is_rejected_when_there_is_no_reason(merchant: Merchant):
    approval = _enter(merchant, _user("asker"))

    with pytest.raises(FieldRequired):
        reject(approval_id=approval.pk, user=_user("decider"), reason=" ", now=clock.now())

    _assert_untouched(approval, merchant)


def test_not_found_when_there_is_no_such_approval(db: None):
    with pytest.raises(NotFound):
        approve(approval_id=2**40, user=_user("decider"), values={}, now=clock.now())


def test_second_request_is_refused_when_the_first_waits(merchant: Merchant):
    asker = _user("asker")
    approval = _enter(merchant, asker)

    with transaction.atomic(), pytest.raises(AlreadyWaiting):
        request_approval(
            kind="top_up",
            subject_no=approval.subject_no,
            partner_id=merchant.partner.pk,
            data={},
            reason="",
            requested_by=asker,
            requester="asker",
        )

    assert Approval.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_request_is_refused_when_no_transaction_is_open():
    merchant = make_merchant("acme")

    with pytest.raises(NotInTransaction):
        request_approval(
            kind="top_up",
            subject_no="T1",
            partner_id=merchant.partner.pk,
            data={},
            reason="",
            requested_by=None,
            requester="acme",
        )

    assert not Approval.objects.exists()
