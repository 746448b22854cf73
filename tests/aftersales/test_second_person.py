"""Refunds above a set amount take two people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from pytest_django.fixtures import Settings

from accounts.models import LedgerEntry
from aftersales.approval_kinds import describe_claim
from aftersales.errors import AftersaleStateConflict, RefundExceedsPaid
from aftersales.models import Claim
from aftersales.services.deciding import ApprovedLine
from aftersales.services.notes import add_note
from aftersales.services.second_person import is_claim_waiting
from aftersales.services.transitions import Actor, Side
from openplatform.approvals.errors import AlreadyDecided, AlreadyWaiting, SecondPersonNeeded
from openplatform.approvals.models import Approval
from openplatform.approvals.pages import amount_of
from openplatform.approvals.selectors import why_outdated
from openplatform.approvals.services import deciding as approvals
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import DomainError, Refusal
from tests.accounts.money_moves import make_staff
from tests.aftersales.acts import (
    OPERATOR,
    claim_of,
    everything,
    file,
    file_for_return,
    line_numbers,
    paid_part,
    shipped_part,
)
from tests.aftersales.deciding import (  # noqa: F401 - goods is a fixture
    approve,
    ask,
    goods,
    refunds,
    reject,
    steps,
)
from tests.cast import Merchant
from tests.orders.acts import stock_numbers
from tests.orders.changing import close, require_conserved

pytestmark = pytest.mark.usefixtures("goods")


@pytest.fixture(autouse=True)
def _limit(settings: Settings) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = Decimal("50.00")


@pytest.fixture
def first(db: None) -> User:
    """Who decides."""
    return make_staff("first")


@pytest.fixture
def second(db: None) -> User:
    """Who decides after that, and may do no more."""
    user = make_staff("second", is_superuser=False)
    user.user_permissions.add(Permission.objects.get(codename="decide_large_claim"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def part(merchant: Merchant) -> str:
    """60.00 for six, and a freight of 16.00."""
    return paid_part(merchant, items=[("A", 6)])


def carry_out(approval: Approval, user: User) -> Approval:
    return approvals.approve(approval_id=approval.pk, user=user, values={}, now=clock.now())


def write(merchant: Merchant, document: Any, text: str) -> None:
    """A note of the merchant's."""
    response = merchant.api.post(f"/aftersales/{document['aftersale_no']}/notes", {"text": text})
    assert response.status_code == 201, response.content


def asked_for(document: Any, user: User, **decision: Any) -> Approval:
    """What waits after the first person's decision."""
    approve(document, by=Actor(Side.OPERATOR, user.get_username()), user=user, **decision)
    return Approval.objects.get(subject_no=document["aftersale_no"], status="pending")


def test_claim_waits_when_its_refund_is_large(merchant: Merchant, part: str, first: User) -> None:
    claim = file(merchant, part, {1: 6})

    approval = asked_for(claim, first, note="All of it.")

    row = claim_of(claim)
    assert (row.status, row.version) == ("submitted", claim["version"])
    assert is_claim_waiting(row.aftersale_no)
    assert refunds() == []
    assert line_numbers(part) == (0, 0, 0, 6, 6, "0.00")
    assert (approval.kind, approval.requested_by, approval.reason) == ("claim", first, "All of it.")
    assert approval.data == {
        "amount": "76.00", "goods_amount": "60.00", "freight_amount": "16.00",
        "lines": {"1": {"sku": "A", "quantity": 6, "amount": "60.00"}},
        "note": "All of it.", "note_count": 0,
    }  # fmt: skip
    assert amount_of(approval) == "76.00"
    assert [label for label, _text in describe_claim(approval)] == [
        "Claim", "Suborder", "Type", "Reason", "State", "Refund", "of it freight", "A"
    ]  # fmt: skip
    assert AuditEntry.objects.filter(action="ask_for_claim_approval", actor="first").count() == 1


def test_one_person_is_enough_when_the_refund_is_just_the_limit(
    merchant: Merchant, part: str, first: User
) -> None:
    claim = file(merchant, part, {1: 5})

    approve(claim, user=first)

    assert claim_of(claim).status == "refunded"
    assert not Approval.objects.exists()


def test_freight_counts_when_the_limit_is_looked_at(
    merchant: Merchant, part: str, first: User
) -> None:
    claim = file(merchant, part, {1: 5})

    approval = asked_for(claim, first, freight="0.01")

    assert approval.data["amount"] == "50.01"


def test_refund_is_made_as_decided_when_the_second_person_agrees(
    merchant: Merchant, part: str, first: User, second: User
) -> None:
    claim = file(merchant, part, {1: 6})
    approval = asked_for(
        claim, first, lines={1: ApprovedLine(6, Decimal("51.00"))}, freight="1.00", note="Less."
    )

    carry_out(approval, second)

    assert [entry[0] for entry in refunds()] == ["52.00"]
    assert steps(claim)[1:] == [
        ("submitted", "approved", "operator", "second", "Less."),
        ("approved", "refunded", "operator", "second", ""),
    ]
    assert line_numbers(part) == (0, 6, 6, 0, 0, "51.00")
    assert stock_numbers() == (50, 0, 0)
    assert claim_of(claim).decided_by == "first, second"
    shown = merchant.api.get(f"/aftersales/{claim['aftersale_no']}")
    assert shown.status_code == 200
    assert "first" not in shown.content.decode()
    assert "second" not in shown.content.decode()
    require_conserved()


def test_names_are_cut_when_both_are_as_long_as_names_can_be(
    merchant: Merchant, part: str, second: User
) -> None:
    claim = file(merchant, part, {1: 6})
    approval = asked_for(claim, make_staff("f" * 150))

    carry_out(approval, second)

    assert claim_of(claim).decided_by == "f" * 150


def test_large_return_is_awaited_when_the_second_person_agrees(
    merchant: Merchant, first: User, second: User
) -> None:
    part = shipped_part(merchant, items=[("A", 6)])
    claim = file_for_return(merchant, part, {1: 6})
    approval = asked_for(claim, first)

    carry_out(approval, second)

    assert claim_of(claim).status == "awaiting_return"
    assert refunds() == []


def test_nothing_changes_when_the_second_person_has_no_right_or_is_the_first(
    merchant: Merchant, part: str, first: User
) -> None:
    approval = asked_for(file(merchant, part, {1: 6}), first)
    before = everything()

    with pytest.raises(SecondPersonNeeded):
        carry_out(approval, first)
    with pytest.raises(PermissionDenied):
        carry_out(approval, make_staff("clerk", is_superuser=False))

    assert everything() == before


def test_who_opened_the_claim_cannot_be_the_second_person(
    merchant: Merchant, part: str, first: User
) -> None:
    claim = file(merchant, part, {1: 6}, merchant_aftersale_no="", by=OPERATOR)
    approval = asked_for(claim, first)
    opener = make_staff(OPERATOR.name)

    with pytest.raises(SecondPersonNeeded):
        carry_out(approval, opener)

    assert claim_of(claim).status == "submitted"


def test_nobody_else_decides_while_the_second_person_is_waited_for(
    merchant: Merchant, part: str, first: User
) -> None:
    claim = file(merchant, part, {1: 6})
    asked_for(claim, first)
    before = everything()

    for decide in (approve, ask):
        with pytest.raises(AlreadyWaiting):
            decide(claim)

    assert everything() == before


def test_claim_is_decided_anew_when_the_second_person_refuses(
    merchant: Merchant, part: str, first: User, second: User
) -> None:
    claim = file(merchant, part, {1: 6})
    approval = asked_for(claim, first)

    approvals.reject(approval_id=approval.pk, user=second, reason="Too much.", now=clock.now())

    assert (claim_of(claim).status, is_claim_waiting(claim["aftersale_no"])) == ("submitted", False)
    approve(claim, {1: ApprovedLine(1)}, note="One.")
    assert [entry[0] for entry in refunds()] == ["10.00"]


@pytest.mark.parametrize("end", ["rejected", "cancelled"])
def test_nothing_is_refunded_when_the_claim_has_ended_meanwhile(
    merchant: Merchant, part: str, first: User, second: User, end: str
) -> None:
    claim = file(merchant, part, {1: 6})
    approval = asked_for(claim, first)
    if end == "rejected":
        reject(claim)
    else:
        response = merchant.api.post(f"/aftersales/{claim['aftersale_no']}/cancel")
        assert response.status_code == 200, response.content
    before = everything()

    with pytest.raises(AftersaleStateConflict):
        carry_out(approval, second)

    assert everything() == before
    approval.refresh_from_db()
    assert approval.status == "pending"
    assert describe_claim(approval)[-1][0] == "Outdated"
    assert why_outdated(approval) == "The claim has ended: this can only be rejected"
    approvals.reject(approval_id=approval.pk, user=second, reason="Ended.", now=clock.now())
    approval.refresh_from_db()
    assert why_outdated(approval) is None


def test_second_person_is_told_of_notes_and_carries_it_out_all_the_same(
    merchant: Merchant, part: str, first: User, second: User
) -> None:
    claim = file(merchant, part, {1: 6})
    write(merchant, claim, "It was bought by mistake.")
    approval = asked_for(claim, first)
    assert "Since it was asked for" not in dict(describe_claim(approval))
    write(merchant, claim, "Please hurry.")
    assert describe_claim(approval)[-1] == (
        "Since it was asked for", "1 note was written on the claim: read it first"
    )  # fmt: skip
    add_note(
        aftersale_no=claim["aftersale_no"], partner_id=None, by=OPERATOR, text="A moment.",
        now=clock.now(),
    )  # fmt: skip
    assert describe_claim(approval)[-1] == (
        "Since it was asked for", "2 notes were written on the claim: read them first"
    )  # fmt: skip

    carry_out(approval, second)

    assert (claim_of(claim).status, claim_of(claim).version) == ("refunded", 5)
    assert [entry[0] for entry in refunds()] == ["76.00"]
    approval.refresh_from_db()
    assert describe_claim(approval)[-1][0] == "A"
    require_conserved()


def test_nothing_is_refunded_when_the_freight_has_gone_back_meanwhile(
    merchant: Merchant, first: User, second: User
) -> None:
    part = paid_part(merchant, items=[("A", 6), ("B", 1)])
    claim = file(merchant, part, {1: 6})
    approval = asked_for(claim, first, freight="5.00")
    close(part, {2: 1}, refund_freight=True)
    before = everything()

    with pytest.raises(Refusal) as raised:
        carry_out(approval, second)

    assert isinstance(raised.value.first, RefundExceedsPaid)
    assert everything() == before


def test_claim_is_taken_up_first_when_an_answer_was_waited_for(
    merchant: Merchant, part: str, first: User, second: User
) -> None:
    claim = file(merchant, part, {1: 6})
    ask(claim)

    approval = asked_for(claim, first)

    assert claim_of(claim).status == "submitted"
    carry_out(approval, second)
    assert claim_of(claim).status == "refunded"


def test_approval_is_carried_out_once(
    merchant: Merchant, part: str, first: User, second: User
) -> None:
    approval = asked_for(file(merchant, part, {1: 6}), first)
    carry_out(approval, second)

    with pytest.raises(AlreadyDecided):
        carry_out(approval, second)

    assert LedgerEntry.objects.filter(kind="refund").count() == 1


def test_nobody_stands_in_for_the_first_person_when_nobody_decided(
    merchant: Merchant, part: str
) -> None:
    claim = file(merchant, part, {1: 6})
    before = everything()

    with pytest.raises(DomainError) as raised:
        approve(claim, user=None)

    assert isinstance(raised.value, SecondPersonNeeded)
    assert everything() == before
    assert Claim.objects.get().status == "submitted"
