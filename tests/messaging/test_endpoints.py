from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings

from openplatform.core import clock
from openplatform.core.errors import NotFound, Refusal
from openplatform.core.sealing import SealBroken
from openplatform.messaging.models import Outbox, WebhookEndpoint
from openplatform.messaging.selectors import list_progress
from openplatform.messaging.services.endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    headers_of,
    rotate_secret,
    secrets_of,
)
from openplatform.messaging.services.resending import send_test
from tests.cast import Merchant
from tests.messaging.hooks import MISSING, URL, make_endpoint, take, tell_orders


def test_nothing_is_added_when_there_is_no_such_partner(db: None) -> None:
    with pytest.raises(NotFound):
        create_endpoint(partner_id=0, url=URL, types=[], description="", headers={}, actor="staff")

    assert not WebhookEndpoint.objects.exists()


def test_all_faults_are_raised_together(merchant: Merchant) -> None:
    with pytest.raises(Refusal) as raised:
        create_endpoint(
            partner_id=merchant.partner.pk, url="https://127.0.0.1/", types=["x.y"],
            description="a" * 201, headers={"Host": "h"}, actor="staff",
        )  # fmt: skip

    assert [fault.pointer for fault in raised.value.faults] == [
        "/url", "/types", "/description", "/headers/Host",
    ]  # fmt: skip
    assert not WebhookEndpoint.objects.exists()


def test_private_receivers_are_taken_when_the_settings_name_them(merchant: Merchant) -> None:
    with override_settings(WEBHOOK_PRIVATE_HOSTS=["127.0.0.1:9999"]):
        endpoint = make_endpoint(merchant, url="http://127.0.0.1:9999/hook")
        with pytest.raises(Refusal):
            make_endpoint(merchant, url="http://127.0.0.1:9998/hook")

    assert WebhookEndpoint.objects.get() == endpoint


def test_host_that_providers_may_have_is_none_for_partners(merchant: Merchant) -> None:
    with override_settings(OUTGOING_PRIVATE_HOSTS=["127.0.0.1:9999"]), pytest.raises(Refusal):
        make_endpoint(merchant, url="http://127.0.0.1:9999/hook")


def test_secrets_are_opened_when_the_key_of_the_platform_moved_on(merchant: Merchant) -> None:
    endpoint, secret = create_endpoint(
        partner_id=merchant.partner.pk, url=URL, types=[], description="",
        headers={"X-Shop": "1"}, actor="staff",
    )  # fmt: skip
    with override_settings(SECRET_KEY="another " * 8):
        with pytest.raises(SealBroken):
            secrets_of(endpoint, clock.now())
        with pytest.raises(SealBroken):
            headers_of(endpoint)
        endpoint, new = rotate_secret(
            endpoint_id=endpoint.endpoint_id, partner_id=merchant.partner.pk, actor="staff"
        )

        assert secrets_of(endpoint, clock.now()) == [new]

    assert secret != new


def test_message_of_another_partner_is_never_counted(
    merchant: Merchant, stranger: Merchant
) -> None:
    own, theirs = make_endpoint(merchant), make_endpoint(stranger)
    tell_orders(stranger, 3)
    take(theirs, until=1)

    progress = list_progress([own.pk, theirs.pk])

    assert (progress[own.pk].last_delivered_sequence, progress[own.pk].backlog) == (0, 0)
    assert (progress[theirs.pk].last_delivered_sequence, progress[theirs.pk].backlog) == (0, 3)


def test_many_messages_are_counted_without_looking_at_each(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openplatform.messaging.selectors.COUNTED_MESSAGES", 3)
    endpoint = make_endpoint(merchant, types=["order.expired"])
    tell_orders(merchant, 5)

    assert list_progress([endpoint.pk])[endpoint.pk].backlog == 2


def test_merchant_is_told_when_an_operator_disables_its_endpoint(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant, headers={"Authorization": "secret"})

    change_endpoint(
        endpoint_id=endpoint.endpoint_id, partner_id=merchant.partner.pk, actor="staff",
        status="disabled", is_staff=True,
    )  # fmt: skip

    message = Outbox.objects.get()
    assert message.type == "webhook_endpoint.disabled"
    assert message.data["endpoint"]["disabled_reason"] == "by_operator"
    assert not {"headers", "secret", "backlog"} & message.data["endpoint"].keys()


def test_operator_is_named_as_the_reason_when_it_deletes(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)

    delete_endpoint(
        endpoint_id=endpoint.endpoint_id, partner_id=merchant.partner.pk, actor="staff",
        is_staff=True,
    )  # fmt: skip

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "by_operator"
    assert not Outbox.objects.exists()


def test_refused_when_there_is_no_such_endpoint(merchant: Merchant) -> None:
    for act in (rotate_secret, delete_endpoint, change_endpoint, send_test):
        with pytest.raises(NotFound):
            act(endpoint_id=MISSING, partner_id=merchant.partner.pk, actor="staff")


def test_secret_before_stops_to_sign_to_the_second(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    endpoint, new = rotate_secret(
        endpoint_id=endpoint.endpoint_id, partner_id=merchant.partner.pk, actor="staff"
    )
    end = endpoint.old_secret_until
    assert end is not None

    assert len(secrets_of(endpoint, end - timedelta(seconds=1))) == 2
    assert secrets_of(endpoint, end) == [new]
