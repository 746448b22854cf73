"""Pages that show a secret once: reloaded, they make nothing again."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from accounts.admin.keys import SHOWN_BEFORE as KEY_SHOWN_BEFORE
from accounts.models import ApiKey
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.messaging.admin.endpoint_acts import SHOWN_BEFORE
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.services.endpoints import secrets_of
from tests.backoffice.conftest import Staff
from tests.cast import Merchant
from tests.messaging.hooks import URL, make_endpoint, set_fields
from tests.racing import race

ADD = reverse("admin:messaging_webhookendpoint_add")
ADD_KEY = reverse("admin:accounts_apikey_add")
TOKEN = re.compile(r'name="(sent_once)" value="([A-Za-z0-9]{32})"')


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    return make_endpoint(merchant)


@pytest.fixture
def keeper(staff: Staff) -> Client:
    """Somebody who makes secrets and keys."""
    return staff(
        "messaging.view_webhookendpoint", "messaging.change_webhookendpoint",
        "messaging.add_webhookendpoint", "accounts.view_apikey", "accounts.add_apikey",
        username="keeper",
    )  # fmt: skip


def page(name: str, row: WebhookEndpoint) -> str:
    return reverse(f"admin:messaging_webhookendpoint_{name}", args=(row.pk,))


def key_page(name: str, key: ApiKey) -> str:
    return reverse(f"admin:accounts_apikey_{name}", args=(key.pk,))


def once_of(client: Client, url: str) -> dict[str, str]:
    """The hidden field of a form, opened anew."""
    return dict(TOKEN.findall(client.get(url).content.decode()))


def terms(merchant: Merchant, once: dict[str, str]) -> dict[str, Any]:
    return {
        "partner": merchant.partner.pk, "url": URL, "description": "", "types": [], "headers": "",
        **once,
    }  # fmt: skip


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def twin_of(client: Client) -> Client:
    """The same browser, for another thread."""
    twin = Client()
    twin.cookies = client.cookies
    return twin


def test_nothing_is_made_again_when_the_page_with_a_secret_is_reloaded(
    merchant: Merchant, keeper: Client
) -> None:
    form = terms(merchant, once_of(keeper, ADD))
    keeper.post(ADD, form)
    made = WebhookEndpoint.objects.values().get()

    again = keeper.post(ADD, form)

    assert again.headers["Location"] == reverse(
        "admin:messaging_webhookendpoint_change", args=(made["id"],)
    )
    assert told(again) == [str(SHOWN_BEFORE)]
    assert WebhookEndpoint.objects.values().get() == made

    [endpoint] = WebhookEndpoint.objects.all()
    form = once_of(keeper, page("rotate", endpoint))
    keeper.post(page("rotate", endpoint), form)
    replaced = WebhookEndpoint.objects.values().get()
    assert replaced != made

    again = keeper.post(page("rotate", endpoint), form)

    assert again.headers["Location"] == page("change", endpoint)
    assert WebhookEndpoint.objects.values().get() == replaced
    assert AuditEntry.objects.filter(action="rotate_webhook_secret").count() == 1


def test_another_secret_is_made_when_the_form_is_opened_anew(
    endpoint: WebhookEndpoint, keeper: Client
) -> None:
    url = page("rotate", endpoint)

    secrets = [keeper.post(url, once_of(keeper, url)).context["secret"] for _ in range(2)]

    endpoint.refresh_from_db()
    assert secrets_of(endpoint, clock.now()) == secrets[::-1]


def test_form_may_be_sent_again_when_it_was_refused(merchant: Merchant, keeper: Client) -> None:
    for _ in range(20):
        make_endpoint(merchant)
    form = terms(merchant, once_of(keeper, ADD))
    refused = keeper.post(ADD, form)
    assert refused.context["form"].errors["__all__"]
    set_fields(WebhookEndpoint.objects.latest("id"), deleted_at=clock.now(), status="disabled")

    assert "secret" in keeper.post(ADD, form).context
    assert WebhookEndpoint.objects.filter(deleted_at=None).count() == 20


@pytest.mark.django_db(transaction=True)
def test_one_secret_is_made_when_a_form_is_sent_twice_at_the_same_moment(
    endpoint: WebhookEndpoint, keeper: Client
) -> None:
    url = page("rotate", endpoint)
    form = once_of(keeper, url)

    answers = race(*[partial(twin_of(keeper).post, url, form) for _ in range(2)])

    assert sorted(getattr(answer, "status_code", 0) for answer in answers) == [200, 302]
    assert AuditEntry.objects.filter(action="rotate_webhook_secret").count() == 1


def test_no_key_is_made_again_when_the_page_with_a_key_is_reloaded(
    merchant: Merchant, keeper: Client
) -> None:
    form = {
        "partner": merchant.partner.pk, "note": "the shop", "scopes": ["orders:read"],
        **once_of(keeper, ADD_KEY),
    }  # fmt: skip
    assert "text" in keeper.post(ADD_KEY, form).context
    made = ApiKey.objects.latest("id")

    again = keeper.post(ADD_KEY, form)

    assert (ApiKey.objects.latest("id"), ApiKey.objects.count()) == (made, 2)
    assert again.headers["Location"] == key_page("change", made)
    assert told(again) == [str(KEY_SHOWN_BEFORE)]


def test_no_second_key_is_made_when_the_page_of_a_replacement_is_reloaded(
    merchant: Merchant, keeper: Client
) -> None:
    key = ApiKey.objects.get()
    url = key_page("rotate", key)
    form = {"old_ends_at_0": "2999-01-31", "old_ends_at_1": "08:00", **once_of(keeper, url)}
    keeper.post(url, form)

    again = keeper.post(url, form)

    assert again.headers["Location"] == key_page("change", key)
    assert told(again) == ["“Replace” is not possible in this state: Replaced"]
    assert ApiKey.objects.count() == 2
