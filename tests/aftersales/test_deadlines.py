"""Claims whose merchant was to act: reminded in time, ended afterwards."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import Contact
from aftersales.models import Claim, ClaimLine
from aftersales.services import deadlines
from aftersales.services.deadlines import (
    end_claim_past_deadline,
    end_claims_past_deadline,
    remind_of_claim,
    remind_of_claims,
)
from aftersales.services.deciding import ask_for_information
from openplatform.core import clock
from openplatform.messaging.models import Mail
from tests.aftersales.acts import (
    OPERATOR,
    claim_of,
    everything,
    file,
    line_numbers,
    paid_part,
)
from tests.aftersales.deciding import amounts_of
from tests.aftersales.returning import (
    awaited,
    come_to_deadline,
    received,
    report,
)
from tests.cast import Merchant, World
from tests.orders.acts import ship, told


@pytest.fixture
def goods(goods: World, settings: Any) -> World:
    """What the platform writes down is English."""
    settings.LANGUAGE_CODE = "en"
    return goods


@pytest.fixture
def contact(merchant: Merchant) -> Contact:
    """Whom the merchant wants to be reminded."""
    return Contact.objects.create(
        partner=merchant.partner,
        name="Li",
        role="technical",
        email="li@acme.example",
        language="en",
        topics=[Contact.Topic.CLAIM_DUE],
    )


def asked(merchant: Merchant, number: str = "1") -> str:
    """The number of a claim on one of two units not shipped, about which something was asked."""
    suborder_no = paid_part(merchant, f"M-{number}")
    aftersale_no: str = file(merchant, suborder_no, merchant_aftersale_no=f"R-{number}")[
        "aftersale_no"
    ]
    ask_for_information(
        aftersale_no=aftersale_no, note="Which colour?", by=OPERATOR, now=clock.now()
    )
    return aftersale_no


def shown_deadline(aftersale_no: str) -> str:
    deadline = claim_of(aftersale_no).deadline
    assert deadline is not None
    return f"{deadline.astimezone(clock.PLATFORM_ZONE):%Y-%m-%d %H:%M}"


def test_claim_is_cancelled_when_no_answer_came_in_time(goods: World, merchant: Merchant) -> None:
    aftersale_no = asked(merchant)
    come_to_deadline(aftersale_no)

    assert end_claims_past_deadline() == 1

    claim = claim_of(aftersale_no)
    assert (claim.status, claim.deadline) == ("cancelled", None)
    assert line_numbers(claim.suborder.order_no) == (0, 0, 0, 0, 0, "0.00")
    message = told(merchant)[-1]
    assert message.type == "aftersale.failed"
    assert message.data["aftersale"]["history"][-1] == {
        "at": clock.to_text(claim.updated_at),
        "from": "info_requested",
        "to": "cancelled",
        "actor": "platform",
        "note": "No answer came in time",
    }
    ship(claim.suborder.order_no)  # nothing stops the units any more
    assert end_claims_past_deadline() == 0


def test_claim_expires_when_nothing_was_sent_back_in_time(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)
    come_to_deadline(aftersale_no)

    assert end_claims_past_deadline() == 1

    claim = claim_of(aftersale_no)
    assert claim.status == "expired"
    assert line_numbers(claim.suborder.order_no) == (2, 0, 0, 0, 0, "0.00")
    message = told(merchant)[-1]
    assert message.type == "aftersale.failed"
    assert amounts_of(message.data["aftersale"]) == ["0.00"] * 4
    assert ClaimLine.objects.get(claim=claim).refund_amount == Decimal("0.00")
    last = message.data["aftersale"]["history"][-1]
    assert (last["actor"], last["note"]) == ("platform", "Nothing was sent back in time")


def test_nothing_ends_when_the_merchant_has_acted_or_others_are_to_act(
    goods: World, merchant: Merchant
) -> None:
    sent = awaited(merchant, number="1")
    come_to_deadline(sent, hours_left=1)
    report(merchant, sent)
    for aftersale_no in (
        received(merchant, number="2"),
        file(merchant, paid_part(merchant, "M-3"), merchant_aftersale_no="R-3")["aftersale_no"],
    ):
        come_to_deadline(aftersale_no)
    in_time = awaited(merchant, number="4")
    come_to_deadline(in_time, hours_left=0.01)
    before = everything()

    assert end_claims_past_deadline() == 0
    assert not end_claim_past_deadline(aftersale_no=in_time, now=clock.now() + timedelta(days=9))

    assert everything() == before


def test_one_that_cannot_be_ended_is_put_off_and_the_others_are_ended(
    goods: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = awaited(merchant, number="1"), awaited(merchant, number="2")
    come_to_deadline(stuck, hours_left=-2)
    come_to_deadline(other, hours_left=-1)
    end = end_claim_past_deadline

    def fail_once(*, aftersale_no: str, now: Any) -> bool:
        if aftersale_no == stuck:
            raise OperationalError("gone")
        return end(aftersale_no=aftersale_no, now=now)

    monkeypatch.setattr(deadlines, "end_claim_past_deadline", fail_once)

    with pytest.raises(OperationalError):
        end_claims_past_deadline()

    assert claim_of(other).status == "expired"
    assert claim_of(stuck).status == "awaiting_return"
    assert end_claims_past_deadline() == 0


def test_merchant_is_reminded_once_when_two_days_are_left(
    goods: World, merchant: Merchant, contact: Contact
) -> None:
    aftersale_no = awaited(merchant)
    come_to_deadline(aftersale_no, hours_left=48.1)
    assert remind_of_claims() == 0
    come_to_deadline(aftersale_no, hours_left=47.9)
    version = claim_of(aftersale_no).version

    assert (remind_of_claims(), remind_of_claims()) == (1, 0)

    until = shown_deadline(aftersale_no)
    message = told(merchant)[-1]
    assert message.type == "aftersale.note_added"
    document = message.data["aftersale"]
    assert document["version"] == version + 1
    assert [(note["actor"], note["text"]) for note in document["notes"]] == [
        ("platform", f"Please send the goods back until {until} (UTC+8).")
    ]
    mail = Mail.objects.get(topic="claim_due")
    assert mail.recipient_email == "li@acme.example"
    assert mail.subject == f"The goods of claim {aftersale_no} are awaited until {until}"
    assert "Return address: 退货组, 021-5555-0100, 张江路 88 号 3 号门\n" in mail.body
    assert f"POST /api/v1/aftersales/{aftersale_no}/return-shipment" in mail.body


def test_question_is_in_the_mail_when_an_answer_is_awaited(
    goods: World, merchant: Merchant, contact: Contact
) -> None:
    aftersale_no = asked(merchant)
    come_to_deadline(aftersale_no, hours_left=1)

    assert remind_of_claims() == 1

    mail = Mail.objects.get(topic="claim_due")
    until = shown_deadline(aftersale_no)
    assert mail.subject == f"Claim {aftersale_no} waits for an answer until {until}"
    assert "Our question: Which colour?\n" in mail.body
    assert "Your claim number: R-1\n" in mail.body
    assert "Return address" not in mail.body


def test_reminder_comes_at_half_time_when_the_time_is_short(
    goods: World, merchant: Merchant, settings: Any
) -> None:
    settings.AFTERSALE_ANSWER_DAYS = 1
    aftersale_no = asked(merchant)
    come_to_deadline(aftersale_no, hours_left=12.1)
    assert remind_of_claims() == 0
    come_to_deadline(aftersale_no, hours_left=11.9)

    assert remind_of_claims() == 1


def test_reminder_is_due_again_when_the_claim_came_to_another_state(
    goods: World, merchant: Merchant
) -> None:
    first = asked(merchant)
    come_to_deadline(first, hours_left=1)
    remind_of_claims()
    Claim.objects.filter(aftersale_no=first).update(status="submitted")
    ask_for_information(aftersale_no=first, note="And size?", by=OPERATOR, now=clock.now())

    come_to_deadline(first, hours_left=1)

    assert remind_of_claims() == 1


def test_nobody_is_reminded_when_nothing_is_expected_of_the_merchant(
    goods: World, merchant: Merchant
) -> None:
    over = awaited(merchant, number="1")
    come_to_deadline(over)
    sent = awaited(merchant, number="2")
    report(merchant, sent)
    come_to_deadline(sent, hours_left=1)
    before = everything()

    assert remind_of_claims() == 0
    assert not remind_of_claim(aftersale_no=over, now=clock.now())

    assert everything() == before
