from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from accounts.api import authentication
from accounts.api.authentication import KEEP_SECONDS, KEYS
from accounts.models import ApiKey
from accounts.services.keys import create_key, revoke_key, rotate_key
from openplatform.core import clock
from openplatform.core.networks import TrustedProxies
from tests.cast import Api, Merchant


def code_of(response: object) -> tuple[int, str | None]:
    return response.status_code, response.json().get("code")  # type: ignore[attr-defined]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_key_opens_when_the_scheme_is_bearer_in_any_case(merchant: Merchant, scheme: str) -> None:
    response = Api().get("/key", headers={"Authorization": f"{scheme} {merchant.key}"})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "key_missing"),
        ("Bearer", "key_missing"),
        ("Bearer ", "key_missing"),
        ("Basic YWNtZTphY21l", "key_missing"),
        ("{key}", "key_missing"),
        ("Token {key}", "key_missing"),
        ("Bearer  {key}", "key_invalid"),
        ("Bearer {key} ", "key_invalid"),
        ("Bearer {key}X", "key_invalid"),
        ("Bearer {lower}", "key_invalid"),
        ("Bearer {prefix}", "key_invalid"),
        ("Bearer op_", "key_invalid"),
        ("Bearer \u00e9\u00ff", "key_invalid"),
        ("Bearer " + "A" * 8000, "key_invalid"),
    ],
)
def test_refused_when_the_header_holds_no_key_of_ours(
    merchant: Merchant, header: str, code: str
) -> None:
    sent = header.format(key=merchant.key, lower=merchant.key.lower(), prefix=merchant.key[:11])

    response = Api().get("/key", headers={"Authorization": sent})

    assert code_of(response) == (401, code)
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "token"])
def test_key_is_missing_when_it_is_sent_in_the_url(merchant: Merchant, name: str) -> None:
    response = Api().get("/key", **{name: merchant.key})

    assert code_of(response) == (401, "key_missing")
    assert merchant.key not in response.content.decode()


def test_refused_within_a_second_when_a_key_in_use_is_revoked(merchant: Merchant) -> None:
    assert merchant.api.get("/key").status_code == 200
    revoked = time.monotonic()
    revoke_key(prefix=merchant.key[:11], actor="test", now=clock.now())

    time.sleep(KEEP_SECONDS - (time.monotonic() - revoked))
    response = merchant.api.get("/key")

    assert code_of(response) == (401, "key_revoked")


def test_revoked_key_stays_revoked_when_it_has_expired_too(merchant: Merchant) -> None:
    key, text = create_key(
        partner_code="acme", scopes=[], actor="test", expires_at=clock.now() - timedelta(seconds=1)
    )
    revoke_key(prefix=key.prefix, actor="test", now=clock.now())

    assert code_of(Api(text).get("/key")) == (401, "key_revoked")


def test_refused_at_the_second_when_the_key_expires_while_it_is_remembered(
    merchant: Merchant,
) -> None:
    _key, text = create_key(
        partner_code="acme",
        scopes=[],
        actor="test",
        expires_at=clock.now() + timedelta(seconds=0.3),
    )
    api = Api(text)
    before = api.get("/key").status_code

    time.sleep(0.3)
    after = api.get("/key")

    assert before == 200
    assert code_of(after) == (401, "key_expired")


def test_both_keys_open_when_a_partner_rotates(merchant: Merchant) -> None:
    new = merchant.api_with("account:read")

    assert merchant.api.get("/account").status_code == 200
    assert new.get("/account").status_code == 200


def test_other_keys_still_open_when_one_is_revoked(merchant: Merchant) -> None:
    new = merchant.api_with("account:read")

    revoke_key(prefix=merchant.key[:11], actor="test", now=clock.now())

    assert code_of(merchant.api.get("/account")) == (401, "key_revoked")
    assert new.get("/account").status_code == 200


def allow(merchant: Merchant, *networks: str) -> None:
    """Let the merchant's key be used from these networks only."""
    ApiKey.objects.update(allowed_networks=list(networks))
    KEYS.clear()


def from_address(merchant: Merchant, peer: str, forwarded: str | None = None) -> Any:
    """GET /key from a peer, with what it forwards."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return merchant.api.client.get(
        "/api/v1/key", headers={**merchant.api.headers, **headers}, REMOTE_ADDR=peer
    )


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("203.0.113.0", 200),
        ("203.0.113.255", 200),
        ("::ffff:203.0.113.7", 200),
        ("2001:db8:ffff::1", 200),
        ("198.51.100.7", 200),
        ("203.0.114.0", 403),
        ("203.0.112.255", 403),
        ("2001:db9::1", 403),
        ("198.51.100.8", 403),
        ("::203.0.113.7", 403),
        ("127.0.0.1", 403),
        ("", 403),
    ],
)
def test_key_opens_only_from_the_networks_that_it_allows(
    merchant: Merchant, peer: str, status: int
) -> None:
    allow(merchant, "203.0.113.0/24", "2001:db8::/32", "198.51.100.7/32")

    response = from_address(merchant, peer)

    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "ip_not_allowed"
        assert ApiKey.objects.get().last_used_at is None


def test_address_is_told_when_it_is_not_allowed(merchant: Merchant) -> None:
    allow(merchant, "203.0.113.0/24")

    response = from_address(merchant, "::ffff:198.51.100.9")

    (fault,) = response.json()["errors"]
    assert (fault["code"], fault["address"]) == ("ip_not_allowed", "198.51.100.9")


def test_forged_header_is_ignored_when_no_proxy_is_trusted(merchant: Merchant) -> None:
    allow(merchant, "203.0.113.0/24")

    forged = from_address(merchant, "198.51.100.9", "203.0.113.7")
    own = from_address(merchant, "203.0.113.7", "198.51.100.9")

    assert code_of(forged) == (403, "ip_not_allowed")
    assert own.status_code == 200


def test_header_counts_from_the_right_when_the_proxy_is_trusted(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.TRUSTED_PROXIES = TrustedProxies.parse(["10.0.0.0/8"])
    allow(merchant, "203.0.113.0/24")

    allowed = from_address(merchant, "10.0.0.1", "198.51.100.9, 203.0.113.7")
    forged = from_address(merchant, "10.0.0.1", "203.0.113.7, 198.51.100.9")
    beside = from_address(merchant, "198.51.100.9", "203.0.113.7")

    assert allowed.status_code == 200
    assert [code_of(response) for response in (forged, beside)] == [(403, "ip_not_allowed")] * 2


def test_networks_hold_within_a_second_when_they_are_changed_during_use(
    merchant: Merchant,
) -> None:
    assert from_address(merchant, "198.51.100.9").status_code == 200
    ApiKey.objects.update(allowed_networks=["203.0.113.0/24"])

    time.sleep(KEEP_SECONDS)

    assert code_of(from_address(merchant, "198.51.100.9")) == (403, "ip_not_allowed")


def test_old_key_is_refused_and_the_new_one_opens_when_the_planned_end_has_come(
    merchant: Merchant,
) -> None:
    now = clock.now()
    _new, text = rotate_key(
        prefix=merchant.key[:11], old_ends_at=now + timedelta(seconds=0.5), actor="test", now=now
    )
    both = [api.get("/account").status_code for api in (merchant.api, Api(text))]

    time.sleep(0.5)

    assert both == [200, 200]
    assert code_of(merchant.api.get("/account")) == (401, "key_expired")
    assert Api(text).get("/account").status_code == 200


@pytest.mark.parametrize(
    "state", [{"revoked_at": clock.now()}, {"expires_at": clock.now() - timedelta(seconds=1)}]
)
def test_use_is_not_written_when_the_key_opens_nothing(
    merchant: Merchant, state: dict[str, Any]
) -> None:
    ApiKey.objects.update(**state)

    assert merchant.api.get("/key").status_code == 401

    key = ApiKey.objects.get()
    assert (key.last_used_at, key.last_used_address) == (None, None)


@pytest.mark.parametrize(
    ("peer", "kept"),
    [("203.0.113.7", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7"),
     ("2001:DB8::1", "2001:db8::1"), ("", None)],
)  # fmt: skip
def test_address_is_written_with_the_use(merchant: Merchant, peer: str, kept: str | None) -> None:
    assert from_address(merchant, peer).status_code == 200

    key = ApiKey.objects.get()
    assert key.last_used_address == kept
    assert key.last_used_at is not None


def key_writes(api: Api, requests: int) -> int:
    """How often requests wrote to the table of keys, each reading its key afresh."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for _ in range(requests):
            KEYS.clear()
            assert api.get("/key").status_code == 200
    return sum(query["sql"].startswith("UPDATE accounts_apikey") for query in queries)


def test_use_is_written_once_when_a_key_is_used_often(merchant: Merchant) -> None:
    assert ApiKey.objects.get().last_used_at is None

    assert key_writes(merchant.api, 5) == 1

    used_at = ApiKey.objects.get().last_used_at
    assert used_at is not None
    assert (used_at.second, used_at.microsecond) == (0, 0)
    assert timedelta() <= clock.now() - used_at < timedelta(minutes=2)


def test_use_is_written_again_when_minutes_have_passed(merchant: Merchant) -> None:
    key_writes(merchant.api, 1)
    ApiKey.objects.update(last_used_at=F("last_used_at") - timedelta(minutes=3))

    assert key_writes(merchant.api, 5) == 1

    used_at = ApiKey.objects.get().last_used_at
    assert used_at is not None
    assert clock.now() - used_at < timedelta(minutes=2)


def test_key_is_read_once_when_requests_follow_within_a_second(merchant: Merchant) -> None:
    merchant.api.get("/regions/none")

    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            merchant.api.get("/account")

    assert [query for query in queries if "accounts_apikey" in query["sql"]] == []


def test_key_is_read_alone_when_it_comes_back_after_a_pause(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "WARM_SECONDS", 0.0)  # so that a second is a pause
    merchant.api.get("/account")

    time.sleep(KEEP_SECONDS)
    with CaptureQueriesContext(connection) as queries:
        response = merchant.api.get("/account")

    assert response.status_code == 200
    about_keys = [query["sql"] for query in queries if "accounts_apikey" in query["sql"]]
    assert [("WHERE key.digest = " in sql, "unnest" in sql) for sql in about_keys] == [
        (True, False)
    ]
