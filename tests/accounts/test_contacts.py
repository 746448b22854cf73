from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import Contact, Partner
from accounts.recipients import find_recipients, list_owners, list_stale_contacts
from accounts.services.contacts import confirm_contacts
from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import Mail
from openplatform.messaging.recipients import Recipient
from openplatform.messaging.services.mailing import queue_mail

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LOW = Contact.Topic.BALANCE_LOW
ENGLISH, CHINESE = Contact.Language.ENGLISH, Contact.Language.CHINESE
ACCOUNT = {
    "partner": {"code": "acme", "name": "Acme Ltd"},
    "currency": "CNY",
    "balance": "150.00",
    "credit_limit": "0.00",
    "held_amount": "100.00",
    "available": "50.00",
    "alert_threshold": "80.00",
    "daily_spend": "10.00",
    "runway_days": 5,
    "status": "active",
}


@pytest.fixture
def acme(db: None) -> Partner:
    return Partner.objects.create(code="acme", name="Acme Ltd", email="office@acme.example")


@pytest.fixture
def other(db: None) -> Partner:
    return Partner.objects.create(code="other", name="Other Ltd", email="office@other.example")


def contact(partner: Partner | None, email: str, *topics: str, **fields: Any) -> Contact:
    return Contact.objects.create(
        **{
            "partner": partner,
            "name": email.partition("@")[0],
            "role": Contact.Role.FINANCE,
            "email": email,
            "language": ENGLISH,
            "topics": list(topics),
            **fields,
        }
    )


def addresses(topic: str, partner: Partner | None) -> list[str]:
    found = find_recipients(topic, None if partner is None else partner.pk)
    return [recipient.email for recipient in found]


# Who is told


def test_contact_is_told_when_it_chose_the_topic(acme: Partner, other: Partner) -> None:
    contact(acme, "li@acme.example", LOW, "key_expiring", language=CHINESE)
    contact(acme, "wu@acme.example", "key_expiring")
    contact(other, "ann@other.example", LOW)

    assert find_recipients(LOW, acme.pk) == [Recipient("li", "li@acme.example", "zh-hans")]
    assert addresses("key_expiring", acme) == ["li@acme.example", "wu@acme.example"]


def test_partners_own_address_is_written_to_when_no_contact_chose_the_topic(
    acme: Partner,
) -> None:
    contact(acme, "wu@acme.example", "key_expiring")
    contact(None, "ann@shop.example", LOW)

    assert find_recipients(LOW, acme.pk) == [
        Recipient("Acme Ltd", "office@acme.example", "zh-hans"),
        Recipient("ann", "ann@shop.example", "en", is_own_side=True),
    ]


def test_nobody_is_told_when_there_is_neither_contact_nor_address(acme: Partner) -> None:
    Partner.objects.update(email="")

    assert addresses(LOW, acme) == []


def test_our_own_side_is_told_of_every_partner_when_it_chose_the_topic(
    acme: Partner, other: Partner
) -> None:
    contact(None, "ann@shop.example", LOW)
    contact(acme, "li@acme.example", LOW)

    assert addresses(LOW, acme) == ["li@acme.example", "ann@shop.example"]
    assert addresses(LOW, other) == ["office@other.example", "ann@shop.example"]


def test_one_mail_goes_to_an_address_when_it_stands_on_both_sides(acme: Partner) -> None:
    contact(None, "Li@Acme.example", LOW)
    contact(acme, "li@acme.example", LOW)

    assert find_recipients(LOW, acme.pk) == [Recipient("li", "li@acme.example", "en")]


@pytest.mark.parametrize("is_about_a_partner", [True, False])
def test_only_our_own_side_is_told_when_the_books_differ(
    is_about_a_partner: bool, acme: Partner
) -> None:
    contact(None, "ann@shop.example", "books_differ")
    contact(acme, "li@acme.example", "books_differ")  # no form lets that through

    assert addresses("books_differ", acme if is_about_a_partner else None) == ["ann@shop.example"]


def test_two_statements_queue_a_mail_when_money_is_locked(acme: Partner) -> None:
    contact(acme, "li@acme.example", LOW, language=CHINESE)
    contact(None, "ann@shop.example", LOW)

    with CaptureQueriesContext(connection) as queries:
        queued = queue_mail(topic=LOW, partner_id=acme.pk, facts={"account": ACCOUNT})

    assert (queued, len(queries)) == (2, 2)
    assert list(Mail.objects.order_by("id").values_list("recipient_email", flat=True)) == [
        "li@acme.example", "ann@shop.example",
    ]  # fmt: skip


def test_mail_says_what_happened_and_what_to_do_when_the_balance_is_low(
    acme: Partner, settings
) -> None:
    settings.PUBLIC_URL = "https://shop.example"
    contact(acme, "li@acme.example", LOW)
    contact(None, "ann@shop.example", LOW)

    queue_mail(topic=LOW, partner_id=acme.pk, facts={"account": ACCOUNT})

    merchant, own = Mail.objects.order_by("id")
    assert merchant.subject == own.subject == "Low balance: Acme Ltd has 50.00 CNY left"
    assert merchant.body == MERCHANT_TEXT
    assert f"https://shop.example/admin/accounts/partner/{acme.pk}/change/" in own.body
    assert "/admin/" not in merchant.body


MERCHANT_TEXT = """\
Hello li,

Acme Ltd (acme) has 50.00 CNY left for new orders. The alert threshold is 80.00 CNY.

Balance: 150.00
Held for unconfirmed orders: 100.00
Credit line: 0.00
At the average of the last 30 days, this lasts for 5 days.

An order that costs more than is left is refused. Please transfer money, and report the transfer \
by POST /api/v1/account/top-ups or to our finance department. The account as it is now: \
GET /api/v1/account. How both work:
https://shop.example/docs

--
Open platform · https://shop.example
You are named to us as a contact for this. If that is no longer right, please tell us.
"""


# Contacts


@pytest.mark.parametrize("is_own_side", [True, False])
def test_contact_is_refused_when_the_address_is_there_already(
    is_own_side: bool, acme: Partner
) -> None:
    partner = None if is_own_side else acme
    contact(partner, "li@acme.example")

    with translation.override("en"), pytest.raises(ValidationError) as refusal:
        Contact(
            partner=partner, name="Li", role="finance", email="li@acme.example", confirmed_at=NOW
        ).full_clean(exclude=["created_at"])

    with translation.override("en"):
        assert refusal.value.messages == ["This person is among the contacts already"]


def test_alert_has_an_owner_when_one_of_us_chose_it(acme: Partner) -> None:
    contact(acme, "li@acme.example", LOW)
    ann = contact(None, "ann@shop.example", LOW)
    contact(None, "bob@shop.example", "key_expiring")

    assert list(list_owners(topic=LOW)) == [ann]
    assert not list_owners(topic="statement_ready").exists()


def test_contact_is_stale_when_it_was_confirmed_over_ninety_days_ago(acme: Partner) -> None:
    older = contact(acme, "a@acme.example", confirmed_at=NOW - timedelta(days=200))
    stale = contact(None, "b@shop.example", confirmed_at=NOW - timedelta(days=90, seconds=1))
    contact(acme, "c@acme.example", confirmed_at=NOW - timedelta(days=90))

    assert list(list_stale_contacts(now=NOW)) == [older, stale]


def test_contacts_are_fresh_and_in_the_trail_when_they_are_confirmed(acme: Partner) -> None:
    before = NOW - timedelta(days=100)
    li = contact(acme, "li@acme.example", confirmed_at=before)
    ann = contact(None, "ann@shop.example", confirmed_at=before)
    wu = contact(acme, "wu@acme.example", confirmed_at=before)

    count = confirm_contacts(contact_ids=[ann.pk, li.pk, 0], actor="operator", now=NOW)

    assert count == 2
    assert list(list_stale_contacts(now=NOW)) == [wu]
    entries = AuditEntry.objects.order_by("id")
    assert [(entry.subject_id, entry.partner_id) for entry in entries] == [
        (str(li.pk), acme.pk), (str(ann.pk), None),
    ]  # fmt: skip
    assert (entries[0].action, entries[0].actor) == ("confirm_contact", "operator")
    assert entries[0].before == {"confirmed_at": "2026-01-21T20:00:00+08:00"}
    assert entries[0].after == {"confirmed_at": "2026-05-01T20:00:00+08:00"}
