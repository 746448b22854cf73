from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied

from accounts.errors import ReferenceConflict
from accounts.models import LedgerEntry, TopUp, Wallet
from accounts.services.keys import create_key
from accounts.services.top_ups import enter_top_up
from openplatform.approvals.errors import AlreadyDecided, SecondPersonNeeded
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import FieldInvalid, FieldRequired, NotFound, StringInvalid
from openplatform.messaging.models import Outbox
from tests.accounts.money_moves import make_staff
from tests.cast import Api, Merchant

MOMENT = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # the second of March in Shanghai


@pytest.fixture
def clerk(db: None) -> User:
    """Who enters."""
    return make_staff("clerk")


@pytest.fixture
def decider(db: None) -> User:
    """Who decides."""
    return make_staff("decider")


def enter(
    clerk: User, amount: str = "12.50", reference: str = "bank-1", partner_code: str = "acme"
) -> TopUp:
    return enter_top_up(
        partner_code=partner_code,
        amount=Decimal(amount),
        reference=reference,
        paid_at=None,
        note="by transfer",
        user=clerk,
        now=MOMENT,
    )


def decide(user: User, **values: Any) -> Approval:
    approval = Approval.objects.get()
    return approve(approval_id=approval.pk, user=user, values=values, now=MOMENT)


def balance_of(merchant: Merchant) -> Decimal:
    return Wallet.objects.get(partner=merchant.partner).balance


def test_nothing_moves_when_a_transfer_is_entered(merchant: Merchant, clerk: User) -> None:
    top_up = enter(clerk)

    approval = Approval.objects.get()
    trail = AuditEntry.objects.get(action="enter_top_up")
    assert re.fullmatch("T260302[0-9A-HJKMNP-TV-Z]{10}", top_up.top_up_no)
    assert (top_up.status, top_up.approved_amount, top_up.actor) == ("pending", None, "clerk")
    assert (approval.kind, approval.subject_no) == ("top_up", top_up.top_up_no)
    assert (approval.status, approval.requested_by) == ("pending", clerk)
    assert balance_of(merchant) == Decimal("10000.00")
    assert not Outbox.objects.filter(type="account.topped_up").exists()
    assert (trail.actor, trail.before) == ("clerk", {})
    assert trail.after == {"amount": "12.50", "reference": "bank-1", "status": "pending"}


def test_balance_rises_when_another_person_approves(
    merchant: Merchant, clerk: User, decider: User
) -> None:
    top_up = enter(clerk)

    approval = decide(decider)

    entry = LedgerEntry.objects.get(document_no=top_up.top_up_no)
    top_up.refresh_from_db()
    [told] = Outbox.objects.filter(type="account.topped_up")
    trail = AuditEntry.objects.get(action="approve")
    assert balance_of(merchant) == Decimal("10012.50")
    assert (entry.entry_no, entry.kind, entry.document) == (2, "top_up", "top_up")
    assert (entry.amount, entry.balance_after) == (Decimal("12.50"), Decimal("10012.50"))
    assert (entry.note, entry.order_no) == ("by transfer", "")
    assert (top_up.status, top_up.approved_amount) == ("approved", Decimal("12.50"))
    assert (top_up.decided_by, top_up.decided_at) == ("decider", MOMENT)
    assert (approval.status, approval.decided_by) == ("approved", decider)
    assert told.partner_ids == [merchant.partner.pk]
    assert told.data["account"]["balance"] == "10012.50"
    assert told.data["top_up"]["top_up_no"] == top_up.top_up_no
    assert (trail.before, trail.after) == ({"status": "pending"}, {"status": "approved"})
    booked = AuditEntry.objects.get(action="book_top_up", partner=merchant.partner, actor="decider")
    assert (booked.before, booked.after) == ({"balance": "10000.00"}, {"balance": "10012.50"})


def test_refused_when_whoever_entered_approves(merchant: Merchant, clerk: User) -> None:
    enter(clerk)

    with pytest.raises(SecondPersonNeeded):
        decide(clerk)

    assert Approval.objects.get().status == "pending"
    assert balance_of(merchant) == Decimal("10000.00")


def test_refused_when_whoever_entered_rejects(merchant: Merchant, clerk: User) -> None:
    enter(clerk)

    with pytest.raises(SecondPersonNeeded):
        reject(approval_id=Approval.objects.get().pk, user=clerk, reason="no", now=MOMENT)

    assert TopUp.objects.get(reference="bank-1").status == "pending"


def test_refused_when_whoever_made_the_reporting_key_decides(
    merchant: Merchant, clerk: User, decider: User
) -> None:
    _key, text = create_key(
        partner_code="acme", scopes=["account:write"], actor=clerk.get_username()
    )
    body = {"amount": "9.00", "reference": "R-1", "paid_at": "2026-03-01T10:00:00+08:00"}
    Api(text).post("/account/top-ups", body)

    with pytest.raises(SecondPersonNeeded):
        decide(clerk)
    decide(decider)

    assert balance_of(merchant) == Decimal("10009.00")


@pytest.mark.parametrize("reference", ["", "two words", "R\u200b1", "Ｒ1", "x" * 65, "a\nb"])
def test_refused_when_a_reference_is_none(merchant: Merchant, clerk: User, reference: str) -> None:
    with pytest.raises(StringInvalid):
        enter(clerk, reference=reference)

    assert not Approval.objects.exists()


def test_refused_when_the_decider_lacks_the_permission(merchant: Merchant, clerk: User) -> None:
    enter(clerk)
    colleague = make_staff("colleague", is_superuser=False)

    with pytest.raises(PermissionDenied):
        decide(colleague)

    assert balance_of(merchant) == Decimal("10000.00")


def test_a_colleague_decides_when_the_permission_is_there(merchant: Merchant, clerk: User) -> None:
    enter(clerk)
    colleague = make_staff("colleague", is_superuser=False)
    colleague.user_permissions.add(Permission.objects.get(codename="decide_topup"))

    decide(colleague)

    assert balance_of(merchant) == Decimal("10012.50")


def test_refused_when_it_was_decided_already(
    merchant: Merchant, clerk: User, decider: User
) -> None:
    enter(clerk)
    decide(decider)

    with pytest.raises(AlreadyDecided):
        decide(make_staff("third"))

    assert balance_of(merchant) == Decimal("10012.50")


def test_merchant_is_told_why_when_a_top_up_is_rejected(
    merchant: Merchant, clerk: User, decider: User
) -> None:
    top_up = enter(clerk)

    reject(
        approval_id=Approval.objects.get().pk, user=decider, reason="no such transfer", now=MOMENT
    )

    top_up.refresh_from_db()
    [told] = Outbox.objects.filter(type="account.top_up_rejected")
    assert (top_up.status, top_up.reject_reason) == ("rejected", "no such transfer")
    assert told.data["top_up"]["reject_reason"] == "no such transfer"
    assert balance_of(merchant) == Decimal("10000.00")


@pytest.mark.parametrize(("reason", "error"), [("  ", FieldRequired), ("x" * 201, FieldInvalid)])
def test_refused_when_a_rejection_has_no_good_reason(
    merchant: Merchant, clerk: User, decider: User, reason: str, error: type[Exception]
) -> None:
    enter(clerk)

    with pytest.raises(error):
        reject(approval_id=Approval.objects.get().pk, user=decider, reason=reason, now=MOMENT)

    assert Approval.objects.get().status == "pending"


def test_less_is_booked_when_the_bank_kept_some(
    merchant: Merchant, clerk: User, decider: User
) -> None:
    top_up = enter(clerk)

    decide(decider, approved_amount="12.00", note="bank fee 0.50")

    top_up.refresh_from_db()
    entry = LedgerEntry.objects.get(document_no=top_up.top_up_no)
    assert (top_up.amount, top_up.approved_amount) == (Decimal("12.50"), Decimal("12.00"))
    assert (entry.amount, entry.note) == (Decimal("12.00"), "bank fee 0.50")
    assert balance_of(merchant) == Decimal("10012.00")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"approved_amount": "12.51", "note": "more"}, FieldInvalid),
        ({"approved_amount": "0.00", "note": "none"}, FieldInvalid),
        ({"approved_amount": "-1.00", "note": "less than none"}, FieldInvalid),
        ({"approved_amount": "12.00"}, FieldRequired),
    ],
)
def test_refused_when_the_approved_amount_is_not_covered(
    merchant: Merchant, clerk: User, decider: User, values: Any, error: type[Exception]
) -> None:
    enter(clerk)

    with pytest.raises(error):
        decide(decider, **values)

    assert Approval.objects.get().status == "pending"
    assert balance_of(merchant) == Decimal("10000.00")


def test_nothing_is_added_when_the_same_transfer_is_entered_again(
    merchant: Merchant, clerk: User
) -> None:
    first = enter(clerk, "12.50")

    second = enter(clerk, "12.5")

    assert second == first
    assert Approval.objects.count() == 1


def test_refused_when_a_reference_is_entered_with_another_amount(
    merchant: Merchant, clerk: User
) -> None:
    first = enter(clerk, "12.50")

    with pytest.raises(ReferenceConflict) as refusal:
        enter(clerk, "12.51")

    assert refusal.value.pointer == "/reference"
    assert refusal.value.facts == {"top_up_no": first.top_up_no}
    assert Approval.objects.count() == 1


def test_each_partner_has_its_own_references_when_two_use_the_same(
    merchant: Merchant, stranger: Merchant, clerk: User
) -> None:
    first = enter(clerk, partner_code="acme")

    second = enter(clerk, partner_code="stranger")

    assert first.top_up_no != second.top_up_no


@pytest.mark.parametrize(
    "amount", ["0", "-1", "0.001", "12.505", "NaN", "Infinity", "1E+12", "1E+40", "-1E+40"]
)
def test_refused_when_the_amount_is_not_one(merchant: Merchant, clerk: User, amount: str) -> None:
    with pytest.raises(FieldInvalid) as refusal:
        enter(clerk, amount)

    assert refusal.value.pointer == "/amount"
    assert TopUp.objects.count() == 1
    assert not Approval.objects.exists()


def test_refused_when_there_is_no_such_partner(merchant: Merchant, clerk: User) -> None:
    with pytest.raises(NotFound):
        enter(clerk, partner_code="nobody")

    assert TopUp.objects.count() == 1


def test_refused_when_the_balance_would_outgrow_the_wallet(
    merchant: Merchant, clerk: User, decider: User
) -> None:
    enter(clerk, "999999990000.00")

    with pytest.raises(FieldInvalid) as refusal:
        decide(decider)

    assert refusal.value.facts == {"maximum": "999999989999.99"}
    assert Approval.objects.get().status == "pending"
    assert balance_of(merchant) == Decimal("10000.00")
