from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.services.keys import create_key
from openplatform.core.scopes import Scope
from tests.cast import Api, Merchant


def test_prefix_scopes_and_expiry_are_told_when_the_key_asks_for_itself(
    merchant: Merchant,
) -> None:
    _key, text = create_key(
        partner_code="acme",
        scopes=["orders:write", "account:read"],
        actor="test",
        expires_at=datetime(2999, 1, 31, 16, 0, tzinfo=UTC),
    )

    response = Api(text).get("/key")

    assert response.status_code == 200
    assert response.json() == {
        "prefix": text[:11],
        "scopes": ["account:read", "orders:write"],
        "expires_at": "2999-02-01T00:00:00+08:00",
    }


def test_expiry_is_null_when_the_key_has_none(merchant: Merchant) -> None:
    response = merchant.api.get("/key")

    assert response.json() == {
        "prefix": merchant.key[:11],
        "scopes": sorted(Scope.values),
        "expires_at": None,
    }


def test_any_key_opens_it_when_it_has_no_scope_at_all(merchant: Merchant) -> None:
    response = merchant.api_with().get("/key")

    assert response.status_code == 200
    assert response.json()["scopes"] == []


@pytest.mark.parametrize("name", ["prefix", "fields", "limit"])
def test_refused_when_a_query_parameter_is_unknown(merchant: Merchant, name: str) -> None:
    response = merchant.api.get(f"/key?{name}=1")

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    response = Api().get("/key")

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"
