"""Low balances are told of once for each crossing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import Contact, Wallet
from openplatform.messaging.models import Mail, Outbox
from tests.accounts.money_moves import add_money, hold, pay, release
from tests.cast import Merchant, make_merchant


@pytest.fixture
def payer(db: None) -> Merchant:
    """A merchant with 100.00, to be warned below 50.00."""
    merchant = make_merchant("payer", balance="100.00")
    Wallet.objects.update(alert_threshold=Decimal("50.00"))
    return merchant


def told() -> list[str]:
    rows = Outbox.objects.filter(type="account.balance_low").order_by("id")
    return [row.data["account"]["available"] for row in rows]


def test_nothing_is_told_while_the_threshold_is_available(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "50.00")

    assert told() == []


def test_partner_is_told_when_a_cent_is_missing_from_the_threshold(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "50.01")

    [row] = Outbox.objects.filter(type="account.balance_low")
    assert told() == ["49.99"]
    assert row.partner_ids == [payer.partner.pk]
    assert row.data["account"]["alert_threshold"] == "50.00"


def test_partner_is_told_again_below_half_and_not_in_between(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "60.00")
    hold(payer.partner.pk, "S-2", "15.00")
    hold(payer.partner.pk, "S-3", "0.01")
    hold(payer.partner.pk, "S-4", "20.00")

    assert told() == ["40.00", "24.99"]


def test_one_message_tells_when_an_order_crosses_both_lines(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "90.00")

    assert told() == ["10.00"]


def test_payment_tells_nothing_because_what_is_available_stays(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "60.00")
    pay(payer.partner.pk, "S-1", "60.00")

    assert told() == ["40.00"]


def test_each_crossing_is_told_when_the_balance_recovers_in_between(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "60.00")
    release(payer.partner.pk, "S-1", "60.00")
    hold(payer.partner.pk, "S-2", "60.00")
    add_money(payer.partner, "60.00", "bank-1")
    hold(payer.partner.pk, "S-3", "60.00")

    assert told() == ["40.00", "40.00", "40.00"]


def test_nothing_is_told_when_the_threshold_is_zero(payer: Merchant) -> None:
    Wallet.objects.update(alert_threshold=Decimal(0))

    hold(payer.partner.pk, "S-1", "100.00")

    assert told() == []


def test_nothing_is_told_when_the_order_is_refused(payer: Merchant) -> None:
    assert not hold(payer.partner.pk, "S-1", "100.01")

    assert told() == []


def test_contacts_that_chose_it_get_a_mail(payer: Merchant) -> None:
    for email, topics in (("finance@example.com", ["balance_low"]), ("it@example.com", [])):
        Contact.objects.create(
            partner=payer.partner, name="N", role="finance", email=email, topics=topics
        )

    hold(payer.partner.pk, "S-1", "60.00")

    [mail] = Mail.objects.all()
    assert (mail.topic, mail.recipient_email) == ("balance_low", "finance@example.com")
    assert "40.00" in mail.body
    assert mail.partner == payer.partner
