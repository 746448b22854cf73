"""Contacts and mails in the back office."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Contact, Partner
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.messaging.models import Mail
from tests.backoffice.conftest import Staff

LIST = "admin:accounts_contact_changelist"
ADD = "admin:accounts_contact_add"


@pytest.fixture
def acme(db: None) -> Partner:
    return Partner.objects.create(code="acme", name="Acme Ltd")


@pytest.fixture
def keeper(staff: Staff) -> Client:
    """Somebody who keeps the contacts."""
    return staff(
        "accounts.view_contact", "accounts.add_contact", "accounts.change_contact",
        "accounts.view_partner", username="keeper",
    )  # fmt: skip


def form(partner: Partner | None, **fields: Any) -> dict[str, Any]:
    return {
        "partner": "" if partner is None else partner.pk,
        "name": "李四",
        "role": "finance",
        "email": "li@acme.example",
        "phone": "13800138000",
        "language": "zh-hans",
        "topics": ["balance_low", "statement_ready"],
        **fields,
    }


def make(partner: Partner | None, *, days: int = 0, **fields: Any) -> Contact:
    return Contact.objects.create(
        **{
            **form(partner),
            "partner": partner,
            "confirmed_at": clock.now() - timedelta(days=days),
            **fields,
        }
    )


def url(page: str, contact: Contact) -> str:
    return reverse(f"admin:accounts_contact_{page}", args=(contact.pk,))


@pytest.mark.parametrize("is_own_side", [True, False])
def test_contact_is_confirmed_and_in_the_trail_when_it_is_added(
    is_own_side: bool, acme: Partner, keeper: Client
):
    partner = None if is_own_side else acme

    response = keeper.post(reverse(ADD), form(partner))

    assert response.status_code == 302, response.context["errors"]
    contact = Contact.objects.get()
    assert (contact.partner, contact.name, contact.role, contact.email, contact.language) == (
        partner, "李四", "finance", "li@acme.example", "zh-hans",
    )  # fmt: skip
    assert contact.topics == ["balance_low", "statement_ready"]
    assert clock.now() - contact.confirmed_at < timedelta(minutes=1)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject_type, entry.actor) == ("add", "accounts.contact", "keeper")
    assert entry.after["topics"] == ["balance_low", "statement_ready"]


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"topics": ["books_differ"]}, "topics"),
        ({"topics": ["weather"]}, "topics"),
        ({"email": "nobody"}, "email"),
        ({"email": "li@acme.example\nBcc: spy@evil.example"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "李\u200b四"}, "name"),
        ({"name": "Li\u202eiL"}, "name"),
        ({"name": "Li\r\nTo: everybody"}, "name"),
        ({"phone": "138\u20281"}, "phone"),
        ({"role": "boss"}, "role"),
        ({"language": "de"}, "language"),
        ({"email": "there@acme.example"}, "__all__"),
    ],
)
def test_contact_is_refused_when_a_field_is_not_right(
    fields: dict[str, Any], at_fault: str, acme: Partner, keeper: Client
):
    make(acme, email="there@acme.example")

    response = keeper.post(reverse(ADD), form(acme, **fields))

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [at_fault]
    assert Contact.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_own_side_is_told_that_the_books_differ_when_it_is_chosen(keeper: Client):
    keeper.post(reverse(ADD), form(None, topics=["books_differ"]))

    assert Contact.objects.get().topics == ["books_differ"]


def test_contact_is_confirmed_when_its_address_is_edited_and_not_when_its_topics_are(
    acme: Partner, keeper: Client
):
    contact = make(acme, days=100)
    long_ago = contact.confirmed_at

    keeper.post(url("change", contact), form(acme, topics=["key_expiring"]))
    contact.refresh_from_db()
    assert (contact.topics, contact.confirmed_at) == (["key_expiring"], long_ago)
    keeper.post(url("change", contact), form(acme, topics=[], email="new@acme.example"))

    contact.refresh_from_db()
    assert (contact.topics, contact.email) == ([], "new@acme.example")
    assert clock.now() - contact.confirmed_at < timedelta(minutes=1)
    entry = AuditEntry.objects.latest("id")
    assert (entry.before["email"], entry.after["email"]) == ("li@acme.example", "new@acme.example")


def test_contact_is_fresh_when_it_is_confirmed_and_not_before(acme: Partner, keeper: Client):
    contact = make(acme, days=91)

    asked = keeper.get(url("confirm", contact))
    contact.refresh_from_db()
    assert clock.now() - contact.confirmed_at > timedelta(days=90)
    answer = keeper.post(url("confirm", contact), follow=True)

    assert asked.status_code == 200
    assert [str(message) for message in answer.context["messages"]] == ["1 contact confirmed"]
    contact.refresh_from_db()
    assert clock.now() - contact.confirmed_at < timedelta(minutes=1)
    assert AuditEntry.objects.get().action == "confirm_contact"


def test_several_are_fresh_when_they_are_confirmed_together(acme: Partner, keeper: Client):
    ticked = [make(acme, days=91), make(None, days=400)]
    left = make(acme, days=91, email="left@acme.example")

    answer = keeper.post(
        reverse(LIST),
        {"action": "confirm_several", "_selected_action": [contact.pk for contact in ticked]},
        follow=True,
    )

    assert [str(message) for message in answer.context["messages"]] == ["2 contacts confirmed"]
    fresh = Contact.objects.filter(confirmed_at__gt=clock.now() - timedelta(minutes=1))
    assert set(fresh) == set(ticked)
    assert left not in fresh
    assert AuditEntry.objects.count() == 2


def test_nothing_is_confirmed_when_staff_may_only_look(acme: Partner, staff: Staff):
    contact = make(acme, days=91)
    client = staff("accounts.view_contact")

    assert client.post(url("confirm", contact)).status_code == 403
    client.post(
        reverse(LIST), {"action": "confirm_several", "_selected_action": [contact.pk]}, follow=True
    )
    assert client.post(url("change", contact), form(acme, name="X")).status_code == 403
    assert client.post(reverse(ADD), form(acme)).status_code == 403

    contact.refresh_from_db()
    assert clock.now() - contact.confirmed_at > timedelta(days=90)
    assert (contact.name, Contact.objects.count()) == ("李四", 1)
    assert not AuditEntry.objects.exists()


def test_list_shows_what_was_asked_for_when_it_is_filtered(acme: Partner, keeper: Client):
    stale = make(acme, days=91)
    own = make(None, days=3)

    def listed(**parameters: str) -> set[Contact]:
        response = keeper.get(reverse(LIST), parameters)
        assert response.status_code == 200
        return set(response.context["cl"].result_list)

    assert listed(confirmed="stale") == {stale}
    assert listed(confirmed="fresh") == {own}
    assert listed(side="own") == {own}
    assert listed(side="partner") == {stale}
    assert listed(role="product") == set()
    page = keeper.get(reverse(LIST)).content.decode()
    assert "91 days ago" in page
    assert "3 days ago" in page
    assert "Our own side" in page
    assert "Statement ready" in page


# Mails


@pytest.fixture
def failed(acme: Partner) -> Mail:
    return Mail.objects.create(
        topic="balance_low", partner=acme, recipient_name="李四", recipient_email="li@acme.example",
        subject="余额不足 <b>", body="请充值。\n<script>", status="failed", attempts=6,
        next_attempt_at=None, last_error="550 5.1.1 No such user",
    )  # fmt: skip


def test_mail_is_due_again_when_it_is_sent_again_and_not_before(failed: Mail, staff: Staff):
    client = staff("messaging.view_mail", "messaging.change_mail", username="keeper")
    again = reverse("admin:messaging_mail_again", args=(failed.pk,))

    asked = client.get(again)
    failed.refresh_from_db()
    assert failed.status == "failed"
    answer = client.post(again, follow=True)

    assert "550 5.1.1 No such user" in asked.content.decode()
    assert [str(message) for message in answer.context["messages"]] == [
        "The mail will be sent again"
    ]
    failed.refresh_from_db()
    assert (failed.status, failed.attempts) == ("pending", 0)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor) == ("send_mail_again", "keeper")
    refused = client.post(again)
    assert "This mail was sent, or is still being tried" in refused.content.decode()
    assert AuditEntry.objects.count() == 1


def test_mail_stays_failed_when_staff_may_only_look(failed: Mail, staff: Staff):
    client = staff("messaging.view_mail")

    assert client.post(reverse("admin:messaging_mail_again", args=(failed.pk,))).status_code == 403
    page = client.get(reverse("admin:messaging_mail_change", args=(failed.pk,))).content.decode()

    assert "&lt;script&gt;" in page
    assert "send-again" not in page
    failed.refresh_from_db()
    assert failed.status == "failed"
