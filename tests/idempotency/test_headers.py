from __future__ import annotations

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from openplatform.core.api.caller import Caller
from openplatform.core.errors import FieldInvalid
from openplatform.idempotency.api.headers import answer_response, read_replay_key
from openplatform.idempotency.services.replay import Answer, ReplayKey, fingerprint_of


def request_with(key: str | None) -> Request:
    headers = {} if key is None else {"Idempotency-Key": key}
    request = Request(APIRequestFactory().post("/api/v1/orders?x=1", headers=headers))
    request.auth = Caller(partner_id=7, key_id=1, prefix="op_TEST", scopes=frozenset())
    return request


@pytest.mark.parametrize("key", ["a", "x" * 128, "!~", '"quoted"', "a,b;c=d"])
def test_key_is_read_when_it_is_visible_ascii(key: str) -> None:
    assert read_replay_key(request_with(key), {"a": 1}) == ReplayKey(
        partner_id=7,
        method="POST",
        path="/api/v1/orders",
        key=key,
        fingerprint=fingerprint_of({"a": 1}),
    )


def test_there_is_none_when_the_header_is_missing() -> None:
    assert read_replay_key(request_with(None), {}) is None


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "é", "１", "a\tb", "a\x7f"], ids=ascii)
def test_refused_when_the_key_is_anything_else(key: str) -> None:
    with pytest.raises(FieldInvalid) as refusal:
        read_replay_key(request_with(key), {})

    assert refusal.value.pointer == "Idempotency-Key"


@pytest.mark.parametrize(("is_replay", "header"), [(True, "true"), (False, None)])
def test_replay_is_told_when_it_is_one(is_replay: bool, header: str | None) -> None:
    response = answer_response(Answer(201, b"{}", is_replay=is_replay))

    assert (response.status_code, response.content) == (201, b"{}")
    assert response.headers.get("Idempotent-Replayed") == header
