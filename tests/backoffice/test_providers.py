"""Providers in the back office: secrets go in and never come out, calls add up, health shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from openplatform.audit.models import AuditEntry
from openplatform.connectors.models import Provider, ProviderCall, TrackedParcel
from openplatform.connectors.services.watching import know_parcel
from openplatform.core import clock, sealing
from tests.backoffice.conftest import Staff

KEY = "key-that-nobody-may-see"
SECRET = "secret-that-nobody-may-see"
ADD = "admin:connectors_provider_add"
CHANGE = "admin:connectors_provider_change"


def values(**changes: Any) -> dict[str, Any]:
    return {
        "code": "first", "name": "First", "driver": "simulated",
        "base_url": "https://api.example.com/v1", "is_enabled": "on", "priority": "1",
        "carriers": "sf,yto", "interval_seconds": "600", "refresh_seconds": "3600",
        "timeout_seconds": "8", "charging": "per_call", "call_cost": "0.0500",
        "period_fee": "0.00", "settlement": "bill",
        "new_api_key": KEY, "new_callback_secret": SECRET,
        "contacts-TOTAL_FORMS": "1", "contacts-INITIAL_FORMS": "0",
        "contacts-0-side": "provider", "contacts-0-name": "王工", "contacts-0-duty": "接口故障",
        "contacts-0-phone": "400-000-0000", "contacts-0-email": "",
        **changes,
    }  # fmt: skip


@pytest.fixture
def provider(boss: Client) -> Provider:
    response = boss.post(reverse(ADD), values())
    assert response.status_code == 302, response.context["errors"]
    return Provider.objects.get()


def test_secrets_are_sealed_and_shown_nowhere_when_a_provider_is_added(
    provider: Provider, boss: Client
) -> None:
    page = boss.get(reverse(CHANGE, args=(provider.pk,))).content.decode()
    trail = str(list(AuditEntry.objects.values()))

    assert sealing.unseal(provider.api_key) == KEY
    assert sealing.unseal(provider.callback_secret) == SECRET
    assert (provider.carriers, provider.contacts.get().name) == (["sf", "yto"], "王工")
    assert KEY not in page + trail
    assert SECRET not in page + trail
    assert "POST /api/v1/callbacks/logistics/first" in page
    assert "王工" in page
    assert ">Well</div>" in page


def test_secrets_stay_when_they_are_left_empty(provider: Provider, boss: Client) -> None:
    contact = provider.contacts.get()
    kept = {
        "contacts-TOTAL_FORMS": "1", "contacts-INITIAL_FORMS": "1",
        "contacts-0-id": contact.pk, "contacts-0-provider": provider.pk,
    }  # fmt: skip

    response = boss.post(
        reverse(CHANGE, args=(provider.pk,)),
        values(name="Renamed", new_api_key="", new_callback_secret="", **kept),
    )

    assert response.status_code == 302
    provider.refresh_from_db()
    assert (provider.name, sealing.unseal(provider.api_key)) == ("Renamed", KEY)


def test_change_of_a_secret_is_in_the_trail_without_it(provider: Provider, boss: Client) -> None:
    contact = provider.contacts.get()
    kept = {
        "contacts-TOTAL_FORMS": "1", "contacts-INITIAL_FORMS": "1",
        "contacts-0-id": contact.pk, "contacts-0-provider": provider.pk,
    }  # fmt: skip

    boss.post(
        reverse(CHANGE, args=(provider.pk,)),
        values(new_api_key="another-key", new_callback_secret="", **kept),
    )

    provider.refresh_from_db()
    assert sealing.unseal(provider.api_key) == "another-key"
    entry = AuditEntry.objects.get(action="change_provider_secrets")
    assert list(entry.after) == ["api_key"]
    assert "another-key" not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    "base_url", ["https://api.example.org/v1", "https://api.example.com:8443/v1"]
)
def test_key_is_wanted_anew_when_the_host_changes(
    provider: Provider, boss: Client, base_url: str
) -> None:
    contact = provider.contacts.get()
    kept = {
        "contacts-TOTAL_FORMS": "1", "contacts-INITIAL_FORMS": "1",
        "contacts-0-id": contact.pk, "contacts-0-provider": provider.pk,
    }  # fmt: skip
    page = reverse(CHANGE, args=(provider.pk,))

    refused = boss.post(page, values(base_url=base_url, new_api_key="", **kept))

    assert list(refused.context["adminform"].form.errors) == ["new_api_key"]
    provider.refresh_from_db()
    assert (provider.base_url, sealing.unseal(provider.api_key)) == (
        "https://api.example.com/v1", KEY,
    )  # fmt: skip
    same_host = boss.post(
        page, values(base_url="https://api.example.com/v2", new_api_key="", **kept)
    )
    with_key = boss.post(page, values(base_url=base_url, new_api_key="another-key", **kept))
    assert (same_host.status_code, with_key.status_code) == (302, 302)
    provider.refresh_from_db()
    assert (provider.base_url, sealing.unseal(provider.api_key)) == (base_url, "another-key")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_url": "http://api.example.com"}, "base_url"),
        ({"base_url": "http://127.0.0.1:9000"}, "base_url"),
        ({"base_url": "ftp://api.example.com"}, "base_url"),
        ({"base_url": "https://user:pass@example.com"}, "base_url"),
        ({"driver": "nothing"}, "driver"),
        ({"refresh_seconds": "599"}, "refresh_seconds"),
        ({"interval_seconds": "0"}, "interval_seconds"),
        ({"timeout_seconds": "21"}, "timeout_seconds"),
        ({"call_cost": "-1"}, "call_cost"),
        ({"new_callback_secret": "short"}, "new_callback_secret"),
        ({"code": "First One"}, "code"),
    ],
)
def test_refused_when_a_field_is_not_right(
    boss: Client, changes: dict[str, str], field: str
) -> None:
    response = boss.post(reverse(ADD), values(**changes))

    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert not Provider.objects.exists()


def test_private_host_is_taken_when_it_is_named(boss: Client, settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1:9000"]

    boss.post(reverse(ADD), values(base_url="http://127.0.0.1:9000"))

    assert Provider.objects.get().base_url == "http://127.0.0.1:9000"


def add_calls(provider: Provider) -> TrackedParcel:
    know_parcel(carrier_code="sf", waybill_no="SF-1")
    parcel = TrackedParcel.objects.get()
    for outcome, cost, milliseconds in (
        ("answered", "0.0500", 100), ("unknown_parcel", "0.0500", 100), ("failed", "0", 400),
    ):  # fmt: skip
        ProviderCall.objects.create(
            provider=provider, parcel=parcel, outcome=outcome, cost=cost, milliseconds=milliseconds
        )
    return parcel


def test_months_are_counted_when_there_are_calls(provider: Provider, boss: Client) -> None:
    add_calls(provider)

    page = boss.get(reverse(CHANGE, args=(provider.pk,))).content.decode()

    cells = [f'<td class="pr-6 text-right">{cell}</td>' for cell in ("3", "2", "0.1000", "66.7 %")]
    assert "".join(cells) in page


def test_provider_that_was_called_cannot_be_deleted(provider: Provider, boss: Client) -> None:
    add_calls(provider)

    response = boss.post(
        reverse("admin:connectors_provider_delete", args=(provider.pk,)), {"post": "yes"}
    )

    assert response.status_code == 403
    assert Provider.objects.exists()


def test_dashboard_names_a_provider_only_while_it_does_not_answer(
    provider: Provider, boss: Client
) -> None:
    before = boss.get("/admin/").content.decode()
    Provider.objects.update(resting_until=clock.now() + timedelta(minutes=5), failures_in_a_row=3)

    after = boss.get("/admin/").content.decode()
    listed = boss.get(reverse("admin:connectors_provider_changelist")).content.decode()

    assert "Providers that do not answer" not in before
    assert "Providers that do not answer" in after
    assert "Not answering, the spare is asked" in listed


def test_parcel_is_asked_about_next_when_staff_wants_to_know(
    provider: Provider, boss: Client
) -> None:
    parcel = add_calls(provider)
    TrackedParcel.objects.update(refresh_at=None)

    page = boss.get(reverse("admin:connectors_trackedparcel_ask", args=(parcel.pk,)))
    response = boss.post(reverse("admin:connectors_trackedparcel_ask", args=(parcel.pk,)))

    assert (page.status_code, response.status_code) == (200, 302)
    parcel.refresh_from_db()
    assert parcel.refresh_at is not None
    assert AuditEntry.objects.filter(action="ask_about_parcel", actor="boss").count() == 1


def test_operator_sees_providers_and_cannot_change_them(provider: Provider, staff: Staff) -> None:
    client = staff("connectors.view_provider", "connectors.view_providercontact")

    page = client.get(reverse(CHANGE, args=(provider.pk,)))
    response = client.post(reverse(CHANGE, args=(provider.pk,)), values(name="Changed"))

    assert (page.status_code, response.status_code) == (200, 403)
    assert "王工" in page.content.decode()
    assert Provider.objects.get().name == "First"
