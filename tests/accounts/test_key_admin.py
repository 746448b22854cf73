"""Keys in the back office: made, changed, replaced and revoked through its pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey
from accounts.services.keys import create_key, digest_of, revoke_key, rotate_key
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.scopes import Scope
from tests.accounts.signing import PUBLIC_KEY
from tests.cast import Api, Merchant

ALL = ("view_apikey", "add_apikey", "change_apikey", "view_partner")
TERMS = {
    "note": "the shop",
    "scopes": ["orders:read", "account:read"],
    "allowed_networks": "203.0.113.0/24\r\n\r\n 2001:db8::/32 \r\n",
    "requests_per_minute": "60",
    "public_key": PUBLIC_KEY,
    "requires_signature": "on",
}


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Any) -> None:
    """Pages name static files, which no test collects."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def staff(*permissions: str) -> Client:
    """Somebody of finance with these permissions."""
    user = User.objects.create_user("fin", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


def page(name: str, key: ApiKey | None = None) -> str:
    """The address of one of the pages of keys."""
    return reverse(f"admin:accounts_apikey_{name}", args=() if key is None else (key.pk,))


def key_of(merchant: Merchant) -> ApiKey:
    """The key that the cast gave to a merchant."""
    return ApiKey.objects.get(digest=digest_of(merchant.key))


def test_key_is_shown_once_with_every_term_when_it_is_made(merchant: Merchant) -> None:
    client = staff(*ALL)
    end = {"expires_at_0": "2999-01-31", "expires_at_1": "08:00"}

    response = client.post(page("add"), {**TERMS, **end, "partner": merchant.partner.pk})

    key = ApiKey.objects.latest("id")
    text = response.context["text"]
    assert bytes(key.digest) == digest_of(text)
    assert text in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert key.scopes == ["account:read", "orders:read"]
    assert key.allowed_networks == ["203.0.113.0/24", "2001:db8::/32"]
    assert (key.requests_per_minute, key.public_key) == (60, PUBLIC_KEY)
    assert (key.requires_signature, key.note) == (True, "the shop")
    assert clock.to_text(key.expires_at) == "2999-01-31T08:00:00+08:00"
    assert AuditEntry.objects.get(subject_id=str(key.pk)).actor == "fin"
    assert text not in client.get(page("change", key)).content.decode()


def test_every_scope_is_described_when_a_key_is_to_be_made(merchant: Merchant) -> None:
    content = staff(*ALL).get(page("add")).content.decode()

    for scope in Scope:
        assert f'value="{scope.value}"' in content
        assert str(scope.label) in content
        assert str(scope.description).replace("'", "&#x27;") in content


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"allowed_networks": "10.0.0.1/8\nx"}, {"allowed_networks": 2}),
        ({"public_key": "hello"}, {"public_key": 1}),
        ({"public_key": ""}, {"requires_signature": 1}),
        ({"scopes": ["orders:everything"]}, {"scopes": 1}),
        ({"scopes": []}, {"scopes": 1}),
        ({"requests_per_minute": "0"}, {"requests_per_minute": 1}),
        ({"expires_at_0": "2020-01-31", "expires_at_1": "08:00"}, {"expires_at": 1}),
        ({"partner": ""}, {"partner": 1}),
        ({"note": "the\u200bshop"}, {"note": 1}),
        ({"note": "the\r\nshop"}, {"note": 1}),
    ],
)
def test_faults_are_shown_at_their_fields_when_a_key_cannot_be_made(
    merchant: Merchant, fields: dict[str, Any], errors: dict[str, int]
) -> None:
    response = staff(*ALL).post(page("add"), {**TERMS, "partner": merchant.partner.pk, **fields})

    assert response.status_code == 200
    shown = response.context["form"].errors
    assert {name: len(texts) for name, texts in shown.items()} == errors
    assert ApiKey.objects.count() == 1


def test_terms_are_shown_and_changed_when_a_key_is_edited(merchant: Merchant) -> None:
    client = staff(*ALL)
    key = key_of(merchant)

    answer = client.post(page("edit", key), TERMS, follow=True)
    content = client.get(page("edit", key)).content.decode()

    assert [str(message) for message in answer.context["messages"]] == [
        f"The key {key.prefix} was changed"
    ]
    key.refresh_from_db()
    assert key.scopes == ["account:read", "orders:read"]
    assert key.allowed_networks == ["203.0.113.0/24", "2001:db8::/32"]
    assert set(re.findall(r'value="([a-z]+:[a-z]+)"[^>]* checked>', content)) == set(key.scopes)
    assert "203.0.113.0/24\n2001:db8::/32" in content
    assert AuditEntry.objects.get(action="change_key").actor == "fin"
    assert Api(merchant.key).get("/key").json()["code"] == "ip_not_allowed"


def test_new_key_is_shown_once_when_a_key_is_replaced(merchant: Merchant) -> None:
    client = staff(*ALL)
    key = key_of(merchant)
    offered = client.get(page("rotate", key)).context["form"].initial["old_ends_at"]

    response = client.post(
        page("rotate", key), {"old_ends_at_0": "2999-01-31", "old_ends_at_1": "08:00"}
    )

    assert timedelta(days=6, hours=23) < offered - clock.now() <= timedelta(days=7)
    new = ApiKey.objects.latest("id")
    assert bytes(new.digest) == digest_of(response.context["text"])
    key.refresh_from_db()
    assert (key.replaced_by, clock.to_text(key.expires_at)) == (new, "2999-01-31T08:00:00+08:00")
    assert AuditEntry.objects.get(action="rotate_key").actor == "fin"


def test_reason_is_in_the_trail_when_a_key_is_revoked(merchant: Merchant) -> None:
    key = key_of(merchant)

    staff(*ALL).post(page("revoke", key), {"reason": "lost"})

    key.refresh_from_db()
    assert key.revoked_at is not None
    entry = AuditEntry.objects.get(action="revoke_key")
    assert (entry.actor, entry.reason) == ("fin", "lost")


@pytest.mark.parametrize("name", ["edit", "rotate", "revoke"])
def test_nothing_happens_when_somebody_may_only_look(merchant: Merchant, name: str) -> None:
    key = key_of(merchant)
    before = ApiKey.objects.values().get()

    response = staff("view_apikey").post(
        page(name, key), {**TERMS, "old_ends_at_0": "2999-01-31", "old_ends_at_1": "08:00"}
    )

    assert response.status_code == 403
    assert ApiKey.objects.values().get() == before


def test_list_says_how_each_key_stands(merchant: Merchant) -> None:
    client = staff(*ALL)
    now = clock.now()
    states = {
        "Valid": key_of(merchant),
        "Ends soon": _make(now + timedelta(days=29)),
        "Replaced": _make(None),
        "Expired": _make(now - timedelta(seconds=1)),
        "Revoked": _make(None),
    }
    rotate_key(
        prefix=states["Replaced"].prefix, old_ends_at=now + timedelta(1), actor="test", now=now
    )
    revoke_key(prefix=states["Revoked"].prefix, actor="test", now=now)
    ApiKey.objects.filter(pk=key_of(merchant).pk).update(
        last_used_at=now, last_used_address="203.0.113.7"
    )

    rows = {
        str(row.prefix): row for row in client.get(page("changelist")).context["cl"].result_list
    }
    content = client.get(page("changelist")).content.decode()

    from accounts.admin.keys import STATES, _state_of

    shown = {str(STATES[_state_of(rows[key.prefix])]): key.prefix for key in states.values()}
    assert shown == {name: key.prefix for name, key in states.items()}
    assert all(name in content for name in states)
    assert "203.0.113.7" in content


def test_actions_are_offered_while_a_key_opens_and_no_longer(merchant: Merchant) -> None:
    client = staff(*ALL)
    key = key_of(merchant)
    names = ("edit", "rotate", "revoke")

    offered = [
        page(name, key) in client.get(page("change", key)).content.decode() for name in names
    ]
    revoke_key(prefix=key.prefix, actor="test", now=clock.now())
    ended = [page(name, key) in client.get(page("change", key)).content.decode() for name in names]

    assert (offered, ended) == ([True] * 3, [False] * 3)


def _make(expires_at: Any) -> ApiKey:
    return create_key(partner_code="acme", scopes=[], actor="test", expires_at=expires_at)[0]
