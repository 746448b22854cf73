"""Every page of the admin opens for those who may see it, and tells what there is to do."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import BookCheck, Contact, Wallet
from accounts.services.adjustments import enter_adjustment
from accounts.services.keys import create_key
from openplatform.approvals.models import Approval
from openplatform.core import clock
from openplatform.core.admin.model_admins import ModelAdmin
from orders.models import Suborder
from tests.backoffice.conftest import Staff
from tests.backoffice.pages import MODELS, fill_house, names_of, url_of
from tests.cast import Merchant, World


@pytest.fixture
def full_house(to_ship: Suborder, merchant: Merchant) -> Suborder:
    """Rows in as many tables as a day leaves behind."""
    return fill_house(to_ship, merchant)


@pytest.mark.parametrize("model", MODELS, ids=names_of(MODELS))
def test_list_page_opens_when_it_is_empty_and_searched(model: type[Model], boss: Client):
    path = url_of(model, "changelist")

    assert boss.get(path).status_code == 200
    if admin.site._registry[model].search_fields:
        assert boss.get(path, {"q": "nothing like that 张三"}).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=names_of(MODELS))
def test_add_page_opens_when_one_may_add(model: type[Model], world: World, boss: Client):
    model_admin = admin.site._registry[model]
    request = boss.get("/admin/").wsgi_request

    response = boss.get(url_of(model, "add"))

    assert response.status_code == (200 if model_admin.has_add_permission(request) else 403)


def test_every_admin_is_one_of_ours_when_the_site_is_complete():
    others = [
        model._meta.label
        for model, model_admin in admin.site._registry.items()
        if not isinstance(model_admin, ModelAdmin)
    ]

    assert others == []


def test_dashboard_shows_the_days_work_when_there_are_orders(full_house: Suborder, staff: Staff):
    client = staff("orders.view_order", "accounts.view_wallet", "catalog.view_stock")

    response = client.get("/admin/")

    assert response.status_code == 200
    cards = {card.title: card.value for card in response.context["cards"]}
    assert cards == {
        "Orders today": "1",
        "Pending payment": "0",
        "To ship": "1",
        "Low balances": "0",
        "Out of stock": "0",
    }


def test_dashboard_shows_finance_what_wants_a_decision(
    full_house: Suborder, merchant: Merchant, staff: Staff
):
    now = clock.now()
    Contact.objects.create(name="王芳", role="finance", email="a@x.cn", topics=["balance_low"])
    Contact.objects.create(
        partner=merchant.partner, name="Li", role="finance", email="b@x.cn",
        confirmed_at=now - timedelta(days=91),
    )  # fmt: skip
    Wallet.objects.update(alert_threshold="50000.00")
    create_key(
        partner_code="acme", scopes=["orders:read"], actor="test", expires_at=now + timedelta(29)
    )
    create_key(
        partner_code="acme", scopes=["orders:read"], actor="test", expires_at=now + timedelta(31)
    )
    enter_adjustment(
        partner_code="acme", amount=Decimal("1.00"), reason="r",
        user=User.objects.create_user("fin1"), now=now - timedelta(days=2),
    )  # fmt: skip
    Approval.objects.update(requested_at=now - timedelta(days=2))
    client = staff(
        "approvals.view_approval", "accounts.view_wallet", "accounts.view_bookcheck",
        "accounts.view_apikey", "accounts.view_contact", "accounts.view_partner",
    )  # fmt: skip

    response = client.get("/admin/")

    cards = {card.title: card for card in response.context["cards"]}
    assert {title: card.value for title, card in cards.items()} == {
        "Waiting approvals": "1",
        "Low balances": "1",
        "Books": "—",
        "Keys about to end": "1",
        "Contacts to confirm": "1",
    }
    assert cards["Waiting approvals"].is_alert
    assert cards["Waiting approvals"].note == "The oldest waits for 2\xa0days"
    assert cards["Low balances"].owner == "Owner: 王芳"
    assert cards["Keys about to end"].owner == "Nobody of our own side is told of this"
    for card in cards.values():
        listed = client.get(card.url)
        assert listed.status_code == 200
        if card.value != "—":
            assert listed.context["cl"].result_count == int(card.value)
    [(wallet, runway)] = response.context["low_wallets"]
    assert (wallet.partner, runway.days) == (merchant.partner, 118)


@pytest.mark.parametrize(
    ("is_ok", "hours", "value", "is_alert"),
    [
        (True, 1, "In order", False),
        (True, 27, "In order", True),
        (False, 1, "2 differences", True),
    ],
)
def test_dashboard_shows_how_the_books_stand_when_they_were_checked(
    is_ok: bool, hours: int, value: str, is_alert: bool, staff: Staff
):
    at = clock.now() - timedelta(hours=hours)
    BookCheck.objects.create(
        as_of=at, started_at=at, seconds=0.1, is_ok=is_ok, wallet_count=3, entry_count=9,
        difference_count=0 if is_ok else 2, differences=[],
    )  # fmt: skip

    [card] = staff("accounts.view_bookcheck").get("/admin/").context["cards"]

    assert (card.value, card.is_alert) == (value, is_alert)


def test_dashboard_shows_no_number_when_staff_has_no_permission(full_house: Suborder, staff: Staff):
    client = staff()

    response = client.get("/admin/")

    assert response.status_code == 200
    assert response.context["cards"] == []
    assert "chart" not in response.context
    assert [
        item["title"]
        for group in response.context["sidebar_navigation"]
        for item in group["items"]
        if item["has_permission"]
    ] == ["Overview"]


@pytest.mark.parametrize("model", MODELS, ids=names_of(MODELS))
def test_list_is_refused_when_staff_has_no_permission(model: type[Model], staff: Staff):
    assert staff().get(url_of(model, "changelist")).status_code == 403


def test_login_page_opens_when_nobody_is_logged_in(db: None, client: Client):
    response = client.get("/admin/", headers={"Accept-Language": "zh-CN"}, follow=True)

    assert response.status_code == 200
    assert "商品开放平台" in response.content.decode()


@pytest.mark.parametrize(("language", "text"), [("en", "Not found"), ("zh-hans", "页面不存在")])
@pytest.mark.parametrize(
    "path",
    [
        "/admin/nothere/",
        "/admin/catalog/pool/9999/curate/",
        "/admin/catalog/sku/prices/?ids=999999",
        "/nothere",
    ],
)
def test_page_is_not_found_in_the_reader_s_language(
    boss: Client, path: str, language: str, text: str
):
    response = boss.get(path, headers={"Accept-Language": language})

    assert response.status_code == 404
    assert f"<h1>{text}</h1>" in response.content.decode()
    assert f'<html lang="{language}">' in response.content.decode()
    assert 'href="/admin/"' in response.content.decode()


def test_page_is_refused_in_the_reader_s_language_when_staff_has_no_permission(staff: Staff):
    response = staff().get(
        reverse("admin:catalog_pool_changelist"), headers={"Accept-Language": "zh-hans"}
    )

    assert response.status_code == 403
    assert "<h1>没有权限</h1>" in response.content.decode()
