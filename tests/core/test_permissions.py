"""Who may call what: every endpoint without a key, and with keys that do not open it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from accounts.services.keys import create_key, revoke_key
from openplatform.core import clock
from openplatform.core.scopes import Scope
from tests.cast import Api, Merchant
from tests.contract.endpoints import Endpoint, list_endpoints

OPERATIONS = [(endpoint, method) for endpoint in list_endpoints() for method in endpoint.methods]
each_operation = pytest.mark.parametrize(
    ("endpoint", "method"), OPERATIONS, ids=[f"{method} {one.path}" for one, method in OPERATIONS]
)


def call(api: Api, endpoint: Endpoint, method: str) -> tuple[int, str | None]:
    path = re.sub(r"\{\w+\}", "X1", endpoint.path.removeprefix("/api/v1"))
    answer = api.request(method.upper(), path, body=None if method == "get" else {})
    is_problem = answer.headers.get("Content-Type") == "application/problem+json"
    return answer.status_code, answer.json()["code"] if is_problem else None


def test_endpoints_are_found() -> None:
    assert {"get_key", "get_account", "list_account_entries", "list_messages", "place_order"} <= {
        endpoint.view.operation for endpoint, _method in OPERATIONS
    }


@each_operation
def test_key_is_missing_when_none_is_sent(db: None, endpoint: Endpoint, method: str) -> None:
    assert call(Api(), endpoint, method) == (401, "key_missing")


@each_operation
def test_key_is_invalid_when_nobody_knows_it(db: None, endpoint: Endpoint, method: str) -> None:
    assert call(Api("op_" + "A" * 40), endpoint, method) == (401, "key_invalid")


@each_operation
def test_key_is_refused_when_it_is_revoked(
    merchant: Merchant, endpoint: Endpoint, method: str
) -> None:
    revoke_key(prefix=merchant.key[:11], actor="test", now=clock.now())

    assert call(merchant.api, endpoint, method) == (401, "key_revoked")


@each_operation
def test_key_is_refused_when_it_has_expired(
    merchant: Merchant, endpoint: Endpoint, method: str
) -> None:
    _key, text = create_key(
        partner_code="acme",
        scopes=Scope.values,
        actor="test",
        expires_at=clock.now() - timedelta(seconds=1),
    )

    assert call(Api(text), endpoint, method) == (401, "key_expired")


@each_operation
def test_scope_decides_when_the_key_has_every_other_one(
    merchant: Merchant, endpoint: Endpoint, method: str
) -> None:
    needed = endpoint.view.required_scope
    api = merchant.api_with(*(scope for scope in Scope.values if scope != needed))

    status, code = call(api, endpoint, method)

    if needed is None:
        assert status not in (401, 403)
    else:
        assert (status, code) == (403, "scope_missing")


@each_operation
def test_door_is_open_when_the_key_has_just_the_scope(
    merchant: Merchant, endpoint: Endpoint, method: str
) -> None:
    needed = endpoint.view.required_scope

    status, _code = call(merchant.api_with(*([needed] if needed else [])), endpoint, method)

    assert status < 500
    assert status not in (401, 403)
