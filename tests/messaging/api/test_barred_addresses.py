"""What an operator disabled stays so: no other endpoint at its address gets round it."""

from __future__ import annotations

from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.services.endpoints import change_endpoint, delete_endpoint
from tests.cast import Merchant, make_merchant
from tests.messaging.hooks import URL, columns, make_endpoint

PATH = "/webhook-endpoints"
BODY = {"url": URL, "types": [], "description": "", "headers": {}}
OTHER_URL = "https://93.184.216.34/other"


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    return make_endpoint(merchant)


def set_status(endpoint: WebhookEndpoint, status: str, *, is_staff: bool = True) -> None:
    change_endpoint(
        endpoint_id=endpoint.endpoint_id, partner_id=endpoint.partner_id, actor="test",
        status=status, is_staff=is_staff,
    )  # fmt: skip


def delete(endpoint: WebhookEndpoint, *, is_staff: bool) -> None:
    delete_endpoint(
        endpoint_id=endpoint.endpoint_id, partner_id=endpoint.partner_id, actor="test",
        is_staff=is_staff,
    )  # fmt: skip


def change(merchant: Merchant, endpoint: WebhookEndpoint, body: dict[str, Any]) -> Any:
    return merchant.api.request("PATCH", f"{PATH}/{endpoint.endpoint_id}", body=body)


def state() -> Any:
    return columns(WebhookEndpoint), AuditEntry.objects.count()


def assert_barred(response: Any) -> None:
    assert (response.status_code, response.json()["code"]) == (409, "webhook_endpoint_disabled")
    [fault] = response.json()["errors"]
    assert (fault["pointer"], fault["disabled_reason"]) == ("/url", "by_operator")


@pytest.mark.parametrize("ended", ["disabled", "disabled, then deleted", "deleted by an operator"])
def test_no_other_is_added_when_an_operator_disabled_the_address(
    merchant: Merchant, endpoint: WebhookEndpoint, ended: str
) -> None:
    if ended == "deleted by an operator":
        delete(endpoint, is_staff=True)
    else:
        set_status(endpoint, "disabled")
    if ended == "disabled, then deleted":
        gone = merchant.api.request("DELETE", f"{PATH}/{endpoint.endpoint_id}")
        assert gone.status_code == 204
    before = state()

    assert_barred(merchant.api.post(PATH, BODY))

    assert state() == before
    assert merchant.api.post(PATH, {**BODY, "url": OTHER_URL}).status_code == 201


def test_none_is_moved_there_or_away_when_an_operator_disabled_the_address(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    other = make_endpoint(merchant, url=OTHER_URL)
    set_status(endpoint, "disabled")
    before = state()

    assert_barred(change(merchant, other, {"url": URL}))
    assert_barred(change(merchant, endpoint, {"url": "https://93.184.216.34/third"}))

    assert state() == before
    assert change(merchant, endpoint, {"url": URL, "description": "x"}).status_code == 200


def test_another_is_added_when_an_operator_did_so_before_or_enabled_the_first(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    set_status(endpoint, "disabled")
    set_status(endpoint, "enabled")
    assert merchant.api.post(PATH, BODY).status_code == 201

    for each in WebhookEndpoint.objects.all():
        set_status(each, "disabled")
        delete(each, is_staff=False)
    assert_barred(merchant.api.post(PATH, BODY))

    delete(make_endpoint(merchant, is_staff=True), is_staff=False)
    assert merchant.api.post(PATH, BODY).status_code == 201


@pytest.mark.parametrize("ended", ["disabled", "deleted"])
def test_another_is_added_when_the_merchant_ended_the_first(
    merchant: Merchant, endpoint: WebhookEndpoint, ended: str
) -> None:
    if ended == "disabled":
        set_status(endpoint, "disabled", is_staff=False)
    else:
        delete(endpoint, is_staff=False)

    assert merchant.api.post(PATH, BODY).status_code == 201


def test_address_is_free_for_other_partners_when_an_operator_disabled_it_for_one(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    set_status(endpoint, "disabled")

    assert make_merchant("other").api.post(PATH, BODY).status_code == 201
