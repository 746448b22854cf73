from __future__ import annotations

from decimal import Decimal

from django.db import connection

from accounts.models import Partner, Wallet
from tests.accounts.money_moves import hold, pay
from tests.cast import Api, Merchant, make_merchant


def date_back(order_no: str, days: int) -> None:
    """As if it had been paid so many days ago."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # past the append-only rule
        cursor.execute(
            "UPDATE accounts_ledgerentry SET created_at = created_at - make_interval(days => %s)"
            " WHERE order_no = %s",
            [days, order_no],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_money_is_told_as_it_stands_when_orders_are_held(db: None) -> None:
    merchant = make_merchant("acme", balance="1000.50", credit_limit="200.00")
    Wallet.objects.filter(partner=merchant.partner).update(alert_threshold=Decimal("50.00"))
    hold(merchant.partner.pk, "S-1", "300.25")

    response = merchant.api.get("/account")

    assert response.status_code == 200
    assert response.json() == {
        "partner": {"code": "acme", "name": "Merchant acme"},
        "currency": "CNY",
        "balance": "1000.50",
        "credit_limit": "200.00",
        "held_amount": "300.25",
        "available": "900.25",
        "alert_threshold": "50.00",
        "daily_spend": None,
        "runway_days": None,
        "status": "active",
    }


def test_runway_is_told_when_orders_were_paid(db: None) -> None:
    merchant = make_merchant("acme", balance="1000.00")
    for number, (amount, days_ago) in enumerate([("90.00", 40), ("30.00", 29), ("60.30", 1)]):
        hold(merchant.partner.pk, f"S-{number}", amount)
        pay(merchant.partner.pk, f"S-{number}", amount)
        date_back(f"S-{number}", days_ago)

    account = merchant.api.get("/account").json()

    assert account["balance"] == "819.70"
    assert (account["daily_spend"], account["runway_days"]) == ("3.01", 272)


def test_spending_is_told_by_the_day_when_a_merchant_is_young(db: None) -> None:
    merchant = make_merchant("acme", balance="1000.00")
    hold(merchant.partner.pk, "S-1", "100.00")
    pay(merchant.partner.pk, "S-1", "100.00")

    account = merchant.api.get("/account").json()

    assert (account["daily_spend"], account["runway_days"]) == ("100.00", 9)


def test_available_is_negative_when_the_credit_line_was_cut(db: None) -> None:
    merchant = make_merchant("acme", balance="0.00", credit_limit="100.00")
    hold(merchant.partner.pk, "S-1", "80.00")
    Wallet.objects.filter(partner=merchant.partner).update(credit_limit=Decimal("30.00"))

    account = merchant.api.get("/account").json()

    assert (account["available"], account["held_amount"]) == ("-50.00", "80.00")


def test_status_is_told_when_the_partner_is_suspended(merchant: Merchant) -> None:
    Partner.objects.filter(pk=merchant.partner.pk).update(status=Partner.Status.SUSPENDED)

    response = merchant.api.get("/account")

    assert (response.status_code, response.json()["status"]) == (200, "suspended")


def test_each_partner_sees_its_own_money_when_there_are_several(
    merchant: Merchant, stranger: Merchant
) -> None:
    hold(merchant.partner.pk, "S-1", "1.00")

    account = stranger.api.get("/account").json()

    assert account["partner"]["code"] == "stranger"
    assert (account["balance"], account["held_amount"]) == ("10000.00", "0.00")


def test_refused_when_a_query_parameter_is_unknown(merchant: Merchant) -> None:
    response = merchant.api.get("/account", partner="stranger")

    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["?partner"]


def test_refused_when_the_key_lacks_the_scope(merchant: Merchant) -> None:
    response = merchant.api_with("orders:read", "account:write").get("/account")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
    assert response.json()["errors"][0]["required_scope"] == "account:read"


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    response = Api().get("/account")

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")
