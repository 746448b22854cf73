"""Webhook endpoints in the back office: the acts, the secret shown once, roles and the trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from openplatform.audit.actions import ACTIONS
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.messaging.models import Outbox, WebhookEndpoint
from openplatform.messaging.services.endpoints import headers_of, secrets_of
from tests.backoffice.conftest import Staff
from tests.cast import Merchant
from tests.messaging.hooks import (
    URL,
    attempt,
    columns,
    fail,
    make_endpoint,
    set_fields,
    settle,
    take,
    tell_orders,
)

LIST = reverse("admin:messaging_webhookendpoint_changelist")
ADD = reverse("admin:messaging_webhookendpoint_add")
MAY = ("messaging.view_webhookendpoint", "messaging.change_webhookendpoint")
ACTS = ("edit", "rotate", "test", "replay", "disable")


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    """One for orders, with a header."""
    return make_endpoint(
        merchant, types=["order.created"], description="ERP", headers={"X-Shop": "top-secret"}
    )


@pytest.fixture
def keeper(staff: Staff) -> Client:
    """Somebody who looks after endpoints."""
    return staff(*MAY, "messaging.add_webhookendpoint", username="keeper")


def page(name: str, row: WebhookEndpoint) -> str:
    return reverse(f"admin:messaging_webhookendpoint_{name}", args=(row.pk,))


def terms(**changes: Any) -> dict[str, Any]:
    return {"url": URL, "description": "", "types": [], "headers": "", **changes}


def buttons(client: Client, row: WebhookEndpoint) -> list[str]:
    """The acts that a page offers."""
    html = client.get(page("change", row)).content.decode()
    acts = ("test", "enable", "edit", "rotate", "replay", "disable", "remove")
    return [act for act in acts if f'href="{page(act, row)}"' in html]


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["form"].errors)


def test_secret_is_shown_once_when_an_endpoint_is_added(merchant: Merchant, keeper: Client) -> None:
    response = keeper.post(
        ADD,
        terms(
            partner=merchant.partner.pk, description="仓库", types=["order.created"],
            headers="Authorization: Bearer a:b\n\n X-Shop : 12 ",
        ),
    )  # fmt: skip

    assert response.status_code == 200
    endpoint = WebhookEndpoint.objects.get()
    [secret] = secrets_of(endpoint, clock.now())
    assert response.context["secret"] == secret
    assert secret in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    assert (endpoint.partner, endpoint.url, endpoint.types, endpoint.description) == (
        merchant.partner, URL, ["order.created"], "仓库",
    )  # fmt: skip
    assert headers_of(endpoint) == {"Authorization": "Bearer a:b", "X-Shop": "12"}
    later = keeper.get(page("change", endpoint)).content.decode()
    trail = str(list(AuditEntry.objects.values()))
    for hidden in (secret, "Bearer a:b"):
        assert hidden not in later + trail
    assert "Authorization: ********" in later
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor) == ("create_webhook_endpoint", "keeper")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "http://93.184.216.34/hook"}, "url"),
        ({"url": "https://10.0.0.1/hook"}, "url"),
        ({"url": "https://user:pass@93.184.216.34/hook"}, "url"),
        ({"types": ["weather.fine"]}, "types"),
        ({"description": "a\u202eb"}, "description"),
        ({"description": "x" * 201}, "description"),
        ({"headers": "no header"}, "headers"),
        ({"headers": "X-Empty:"}, "headers"),
        ({"headers": "X-A: 1\nx-a: 2"}, "headers"),
        ({"headers": "Host: example.com"}, "headers"),
        ({"headers": "X-A: ********"}, "headers"),
        ({"headers": "X-名: 1"}, "headers"),
        ({"partner": "0"}, "partner"),
    ],
)
def test_endpoint_is_refused_when_a_field_is_not_right(
    changes: dict[str, Any], field: str, merchant: Merchant, keeper: Client
) -> None:
    response = keeper.post(ADD, terms(**{"partner": merchant.partner.pk, **changes}))

    assert list(errors(response)) == [field]
    assert not WebhookEndpoint.objects.exists()
    assert not AuditEntry.objects.filter(actor="keeper").exists()


def test_header_keeps_its_value_when_its_line_is_left(
    endpoint: WebhookEndpoint, keeper: Client
) -> None:
    form = keeper.get(page("edit", endpoint)).content.decode()

    response = keeper.post(
        page("edit", endpoint),
        terms(
            description="Lager", headers="X-Shop: ********\nX-New: 1",
            types=["order.created", "order.expired"],
        ),
    )  # fmt: skip

    assert response.status_code == 302
    assert "X-Shop: ********" in form
    assert "top-secret" not in form
    endpoint.refresh_from_db()
    assert headers_of(endpoint) == {"X-Shop": "top-secret", "X-New": "1"}
    assert (endpoint.description, endpoint.types) == ("Lager", ["order.created", "order.expired"])
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor) == ("change_webhook_endpoint", "keeper")
    assert (entry.before["description"], entry.after["description"]) == ("ERP", "Lager")
    assert "top-secret" not in str(entry.before) + str(entry.after)


def test_nothing_changes_when_the_new_address_is_refused(
    endpoint: WebhookEndpoint, keeper: Client
) -> None:
    before = columns(WebhookEndpoint)

    response = keeper.post(page("edit", endpoint), terms(url="https://127.0.0.1/hook"))

    assert list(errors(response)) == ["url"]
    assert columns(WebhookEndpoint) == before


def test_both_secrets_sign_when_one_is_replaced(endpoint: WebhookEndpoint, keeper: Client) -> None:
    [old] = secrets_of(endpoint, clock.now())

    response = keeper.post(page("rotate", endpoint))

    endpoint.refresh_from_db()
    new, still = secrets_of(endpoint, clock.now())
    assert response.context["secret"] == new
    assert (still, new == old) == (old, False)
    assert "no-store" in response.headers["Cache-Control"]
    assert secrets_of(endpoint, clock.now() + timedelta(hours=25)) == [new]
    assert new not in str(list(AuditEntry.objects.values()))


def test_secret_stays_when_its_page_is_only_opened(
    endpoint: WebhookEndpoint, keeper: Client
) -> None:
    before = columns(WebhookEndpoint)

    response = keeper.get(page("rotate", endpoint))

    assert response.status_code == 200
    assert columns(WebhookEndpoint) == before


def test_test_message_is_published_when_it_is_asked_for(
    endpoint: WebhookEndpoint, keeper: Client
) -> None:
    response = keeper.post(page("test", endpoint))

    assert response.headers["Location"] == page("change", endpoint)
    row = Outbox.objects.get()
    assert (row.type, row.subject) == ("test.ping", f"webhook_endpoint:{endpoint.endpoint_id}")


def test_endpoint_is_disabled_and_enabled_when_an_operator_says_so(
    endpoint: WebhookEndpoint, merchant: Merchant, keeper: Client
) -> None:
    assert buttons(keeper, endpoint) == ["test", "edit", "rotate", "replay", "disable"]

    assert keeper.post(page("disable", endpoint)).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "by_operator")
    assert buttons(keeper, endpoint) == ["enable", "edit", "rotate", "replay"]
    for answer in (keeper.get(page("test", endpoint)), keeper.post(page("test", endpoint))):
        assert answer.headers["Location"] == page("change", endpoint)
    said = "“Send a test” is not possible in this state: Disabled: By an operator"
    assert said in keeper.get(page("change", endpoint)).content.decode()
    assert not Outbox.objects.filter(type="test.ping").exists()
    refused = merchant.api.request(
        "PATCH", f"/webhook-endpoints/{endpoint.endpoint_id}", body={"status": "enabled"}
    )
    assert refused.json()["code"] == "webhook_endpoint_disabled"

    assert keeper.post(page("enable", endpoint)).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("enabled", "")


def test_messages_go_again_when_they_are_replayed(
    endpoint: WebhookEndpoint, merchant: Merchant, keeper: Client
) -> None:
    tell_orders(merchant, 5)
    for delivery in take(endpoint):
        settle(delivery)

    form = keeper.get(page("replay", endpoint)).content.decode()
    response = keeper.post(page("replay", endpoint), {"after_sequence": "2"}, follow=True)

    endpoint.refresh_from_db()
    assert endpoint.taken_sequence == 2
    assert "Oldest that is kept" in form
    assert "3 messages go again" in response.content.decode()
    assert AuditEntry.objects.latest("id").action == "replay_webhooks"


@pytest.mark.parametrize("after", ["6", "-1", "", "x", "99999999999999999999999"])
def test_nothing_goes_again_when_there_is_no_such_sequence(
    after: str, endpoint: WebhookEndpoint, merchant: Merchant, keeper: Client
) -> None:
    tell_orders(merchant, 5)
    take(endpoint)
    before = columns(WebhookEndpoint)

    response = keeper.post(page("replay", endpoint), {"after_sequence": after})

    assert list(errors(response)) == ["after_sequence"]
    assert columns(WebhookEndpoint) == before


def test_endpoint_is_gone_from_the_list_and_found_by_filter_when_it_is_deleted(
    endpoint: WebhookEndpoint, boss: Client, keeper: Client
) -> None:
    refused = keeper.post(page("remove", endpoint))

    response = boss.post(page("remove", endpoint))

    assert (refused.status_code, response.headers["Location"]) == (403, LIST)
    endpoint.refresh_from_db()
    assert (endpoint.deleted_at is None, bytes(endpoint.secret)) == (False, b"")
    assert boss.get(LIST).context["cl"].result_count == 0
    assert boss.get(LIST, {"state": "deleted"}).context["cl"].result_count == 1
    assert buttons(boss, endpoint) == []
    for act in ACTS:
        assert boss.post(page(act, endpoint)).headers["Location"] == page("change", endpoint)


def test_list_tells_what_waits_and_when_something_was_taken(
    endpoint: WebhookEndpoint, merchant: Merchant, keeper: Client
) -> None:
    tell_orders(merchant, 3)
    tell_orders(merchant, 2, type="order.expired")
    [first, *_others] = take(endpoint, until=2)
    settle(first)
    taken_at = clock.now().replace(microsecond=0) - timedelta(hours=1)
    attempt(first, 1, started_at=taken_at, status_code=204)
    attempt(first, 2, status_code=302)

    response = keeper.get(LIST)

    [row] = response.context["cl"].result_list
    assert (row.backlog, row.last_success_at) == (2, taken_at)
    assert "Enabled" in response.content.decode()


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("enabled", ["well"]),
        ("failing", ["failing"]),
        ("disabled", ["gone", "off"]),
        ("troubled", ["failing", "gone"]),
        ("nonsense", ["well", "failing", "gone", "off"]),
    ],
)
def test_list_is_filtered_by_state(
    state: str, found: list[str], merchant: Merchant, keeper: Client
) -> None:
    for name in ("well", "failing", "gone", "off"):
        row = make_endpoint(merchant, description=name)
        if name == "failing":
            fail(row, clock.now())
        elif name != "well":
            reason = "gone" if name == "gone" else "by_merchant"
            set_fields(row, status="disabled", disabled_reason=reason)

    rows = keeper.get(LIST, {"state": state}).context["cl"].result_list

    assert sorted(row.description for row in rows) == sorted(found)


def test_dashboard_counts_endpoints_only_while_they_fail(
    endpoint: WebhookEndpoint, keeper: Client
) -> None:
    assert keeper.get("/admin/").context["cards"] == []
    fail(endpoint, clock.now())

    response = keeper.get("/admin/")

    [card] = response.context["cards"]
    assert (card.title, card.value, card.is_alert) == ("Webhook endpoints that fail", "1", True)
    assert keeper.get(card.url).context["cl"].result_count == 1
    badges = {
        item["title"]: item.get("badge")
        for group in response.context["sidebar_navigation"]
        for item in group["items"]
    }
    assert badges["Webhook endpoints"] == 1
    long_ago = clock.now() - timedelta(days=15)
    set_fields(endpoint, status="disabled", disabled_reason="gone", updated_at=long_ago)
    assert keeper.get("/admin/").context["cards"] == []


def test_nothing_is_done_when_one_may_only_look(endpoint: WebhookEndpoint, staff: Staff) -> None:
    client = staff("messaging.view_webhookendpoint")
    before = columns(WebhookEndpoint)

    assert client.get(page("change", endpoint)).status_code == 200
    assert buttons(client, endpoint) == []
    for act in (*ACTS, "remove"):
        assert client.get(page(act, endpoint)).status_code == 403
        assert client.post(page(act, endpoint), terms()).status_code == 403
    assert client.get(ADD).status_code == 403
    assert columns(WebhookEndpoint) == before
    assert not Outbox.objects.exists()


def test_operators_keep_endpoints_and_finance_only_sees_them(db: None) -> None:
    call_command("load_roles", verbosity=0)

    held = {}
    for name in ("operator", "finance"):
        user = User.objects.create_user(name, is_staff=True)
        user.groups.add(Group.objects.get(name=name))
        held[name] = {
            permission.removeprefix("messaging.")
            for permission in user.get_all_permissions()
            if "webhookendpoint" in permission
        }

    assert held == {
        "operator": {"view_webhookendpoint", "add_webhookendpoint", "change_webhookendpoint"},
        "finance": {"view_webhookendpoint"},
    }


def test_every_act_has_a_name_in_the_trail(
    endpoint: WebhookEndpoint, merchant: Merchant, boss: Client
) -> None:
    tell_orders(merchant, 1)
    [delivery] = take(endpoint)
    boss.post(page("edit", endpoint), terms(description="new"))
    for act in ("rotate", "test", "disable", "enable"):
        boss.post(page(act, endpoint))
    boss.post(page("replay", endpoint), {"after_sequence": "0"})
    boss.post(reverse("admin:messaging_webhookdelivery_resend", args=(delivery.pk,)))
    boss.post(page("remove", endpoint))

    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))

    assert actions[-8:] == [
        "change_webhook_endpoint", "rotate_webhook_secret", "test_webhook_endpoint",
        "change_webhook_endpoint", "change_webhook_endpoint", "replay_webhooks", "resend_webhook",
        "delete_webhook_endpoint",
    ]  # fmt: skip
    assert set(actions) <= set(ACTIONS)
