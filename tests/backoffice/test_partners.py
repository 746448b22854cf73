"""The partner's page: who it is is edited, its money and terms are changed by actions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import (
    Adjustment,
    CreditLimitChange,
    LedgerEntry,
    Partner,
    TopUp,
    Wallet,
    Withdrawal,
)
from openplatform.approvals.models import Approval
from openplatform.audit.models import AuditEntry
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World, order_body

TRANSFER = {
    "amount": "250.50", "reference": "BANK-1", "paid_at_0": "2026-01-30", "paid_at_1": "09:30:00",
    "note": "first",
}  # fmt: skip


def _url(merchant: Merchant, action: str) -> str:
    return reverse(f"admin:accounts_partner_{action}", args=(merchant.partner.pk,))


def _messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def _wallet(merchant: Merchant) -> Wallet:
    return Wallet.objects.get(pk=merchant.partner.pk)


def _empty_inlines(page: Any) -> dict[str, str]:
    """The management forms of the page's tabs, as a browser sends them back."""
    return {
        f"{formset.formset.prefix}-{name}": "0"
        for formset in page.context["inline_admin_formsets"]
        for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    }


# Money


def test_top_up_waits_for_a_second_person_when_it_is_entered(merchant: Merchant, staff: Staff):
    client = staff("accounts.view_partner", "accounts.add_topup", username="fin")

    response = client.post(_url(merchant, "top_up"), TRANSFER, follow=True)

    top_up = TopUp.objects.get(reference="BANK-1")
    assert (top_up.amount, top_up.status, top_up.actor, top_up.note) == (
        Decimal("250.50"), "pending", "fin", "first",
    )  # fmt: skip
    assert top_up.paid_at is not None
    assert top_up.paid_at.isoformat() == "2026-01-30T01:30:00+00:00"
    assert _messages(response) == [f"{top_up.top_up_no} waits for another person to approve it"]
    assert _wallet(merchant).balance == Decimal("10000.00")
    approval = Approval.objects.get()
    assert (approval.kind, approval.subject_no, approval.status, approval.requester) == (
        "top_up", top_up.top_up_no, "pending", "fin",
    )  # fmt: skip


def test_top_up_is_entered_once_when_it_is_sent_twice(merchant: Merchant, staff: Staff):
    client = staff("accounts.view_partner", "accounts.add_topup")

    client.post(_url(merchant, "top_up"), TRANSFER)
    response = client.post(_url(merchant, "top_up"), TRANSFER, follow=True)

    assert response.status_code == 200
    assert TopUp.objects.filter(reference="BANK-1").count() == 1
    assert Approval.objects.count() == 1


def test_top_up_shows_the_refusal_when_the_reference_had_another_amount(
    merchant: Merchant, staff: Staff
):
    client = staff("accounts.view_partner", "accounts.add_topup")
    client.post(_url(merchant, "top_up"), TRANSFER)

    response = client.post(_url(merchant, "top_up"), {**TRANSFER, "amount": "1.00"})

    assert response.status_code == 200
    assert response.context["form"].errors == {
        "reference": ["This reference stands for another transfer"]
    }
    assert Approval.objects.count() == 1


@pytest.mark.parametrize(
    "amount",
    ["0", "-5", "0.001", "1e3000", "NaN", "１２３元", "", "1e2", "１００", "1_000", "1,000", "+5"],
)
def test_top_up_is_refused_when_the_amount_is_no_amount(
    amount: str, merchant: Merchant, staff: Staff
):
    client = staff("accounts.view_partner", "accounts.add_topup")

    response = client.post(_url(merchant, "top_up"), {**TRANSFER, "amount": amount})

    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["amount"]
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    ("typed", "amount"), [("5", "5.00"), ("5.5", "5.50"), (" 007.10 ", "7.10")]
)
def test_amount_has_two_places_when_it_was_typed_with_less(
    typed: str, amount: str, merchant: Merchant, staff: Staff
):
    client = staff("accounts.view_partner", "accounts.add_topup")

    client.post(_url(merchant, "top_up"), {**TRANSFER, "amount": typed})

    assert str(TopUp.objects.get(reference="BANK-1").amount) == amount
    entry = AuditEntry.objects.filter(subject_type="accounts.topup").latest("id")
    assert entry.after["amount"] == amount


@pytest.mark.parametrize(
    ("action", "values", "field"),
    [
        ("top_up", {**TRANSFER, "reference": "two words"}, "reference"),
        ("top_up", {**TRANSFER, "reference": "B\u200b1"}, "reference"),
        ("top_up", {**TRANSFER, "reference": "Ｂ1"}, "reference"),
        ("top_up", {**TRANSFER, "note": "one\r\ntwo"}, "note"),
        ("withdraw", {"amount": "1", "reference": "a/b", "reason": "why"}, "reference"),
        ("withdraw", {"amount": "1", "reference": "R", "reason": "a\u202eb"}, "reason"),
        ("adjust", {"amount": "1", "reason": "a\u2028b"}, "reason"),
        ("credit_line", {"credit_limit": "1", "reason": "a\u200bb"}, "reason"),
        ("suspend", {"reason": "a\nb"}, "reason"),
    ],
)
def test_text_is_refused_when_it_hides_something(
    action: str, values: dict[str, str], field: str, merchant: Merchant, boss: Client
):
    entries = AuditEntry.objects.count()

    response = boss.post(_url(merchant, action), values)

    assert list(response.context["form"].errors) == [field]
    assert not Approval.objects.exists()
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "3000-01-01", "9999-12-31"])
def test_top_up_is_refused_when_its_time_is_a_slip_of_the_pen(
    day: str, merchant: Merchant, boss: Client
):
    values = {**TRANSFER, "paid_at_0": day, "paid_at_1": "00:00:00"}

    response = boss.post(_url(merchant, "top_up"), values)

    assert response.context["form"].errors == {"paid_at": ["There is no such time"]}
    assert not TopUp.objects.filter(reference="BANK-1").exists()


def test_adjustment_waits_for_a_second_person_when_it_is_entered(merchant: Merchant, staff: Staff):
    client = staff("accounts.view_partner", "accounts.add_adjustment", username="fin")

    response = client.post(
        _url(merchant, "adjust"), {"amount": "-12.30", "reason": "booked twice"}, follow=True
    )

    adjustment = Adjustment.objects.get()
    assert (adjustment.amount, adjustment.reason, adjustment.status, adjustment.actor) == (
        Decimal("-12.30"), "booked twice", "pending", "fin",
    )  # fmt: skip
    assert _messages(response) == [
        f"{adjustment.adjustment_no} waits for another person to approve it"
    ]
    assert _wallet(merchant).balance == Decimal("10000.00")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"amount": "0", "reason": "why"}, "amount"),
        ({"amount": "", "reason": "why"}, "amount"),
        ({"amount": "1.00", "reason": " "}, "reason"),
        ({"amount": "1.00", "reason": "x" * 201}, "reason"),
    ],
)
def test_adjustment_is_refused_when_it_is_nothing_or_without_reason(
    values: dict[str, str], field: str, merchant: Merchant, boss: Client
):
    response = boss.post(_url(merchant, "adjust"), values)

    assert list(response.context["form"].errors) == [field]
    assert not Adjustment.objects.exists()


def test_withdrawal_waits_for_a_second_person_when_it_is_entered(merchant: Merchant, staff: Staff):
    client = staff("accounts.view_partner", "accounts.add_withdrawal", username="fin")
    form = {"amount": "100.00", "reference": "OUT-1", "reason": "contract ended"}

    response = client.post(_url(merchant, "withdraw"), form, follow=True)

    withdrawal = Withdrawal.objects.get()
    assert (withdrawal.amount, withdrawal.reference, withdrawal.reason, withdrawal.status) == (
        Decimal("100.00"), "OUT-1", "contract ended", "pending",
    )  # fmt: skip
    assert _messages(response) == [
        f"{withdrawal.withdrawal_no} waits for another person to approve it"
    ]
    assert _wallet(merchant).balance == Decimal("10000.00")


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("top_up", TRANSFER),
        ("adjust", {"amount": "1.00", "reason": "why"}),
        ("withdraw", {"amount": "1.00", "reference": "R", "reason": "why"}),
        ("credit_line", {"credit_limit": "1.00", "reason": "why"}),
        ("threshold", {"alert_threshold": "1.00", "reason": "why"}),
        ("limits", {"max_open_orders": "1", "reason": "why"}),
        ("suspend", {"reason": "why"}),
    ],
)
def test_action_is_forbidden_when_an_operator_has_no_permission_for_it(
    action: str, values: dict[str, str], merchant: Merchant, staff: Staff
):
    client = staff("accounts.view_partner", "accounts.view_wallet", "orders.add_shipment")

    assert client.get(_url(merchant, action)).status_code == 403
    assert client.post(_url(merchant, action), values).status_code == 403
    page = client.get(reverse("admin:accounts_partner_change", args=(merchant.partner.pk,)))
    assert _url(merchant, action) not in page.content.decode()
    assert not Approval.objects.exists()
    assert LedgerEntry.objects.count() == 1


# Terms


def test_credit_line_is_in_force_at_once_when_the_change_is_small(merchant: Merchant, staff: Staff):
    client = staff("accounts.view_partner", "accounts.change_wallet", username="fin")

    response = client.post(
        _url(merchant, "credit_line"), {"credit_limit": "10000.00", "reason": "grown"}, follow=True
    )

    assert _messages(response) == ["The change is in force"]
    assert _wallet(merchant).credit_limit == Decimal("10000.00")
    change = CreditLimitChange.objects.get()
    assert (change.limit_before, change.limit_after, change.reason, change.actor) == (
        Decimal("0.00"), Decimal("10000.00"), "grown", "fin",
    )  # fmt: skip


def test_credit_line_waits_when_the_change_is_large(merchant: Merchant, boss: Client):
    response = boss.post(
        _url(merchant, "credit_line"), {"credit_limit": "10000.01", "reason": "grown"}, follow=True
    )

    assert _messages(response) == ["Credit limit waits for another person to approve it"]
    assert _wallet(merchant).credit_limit == Decimal("0.00")
    assert Approval.objects.get().data == {"before": "0.00", "after": "10000.01"}


def test_credit_line_is_refused_when_another_change_waits(merchant: Merchant, boss: Client):
    url = _url(merchant, "credit_line")
    boss.post(url, {"credit_limit": "50000.00", "reason": "grown"})

    response = boss.post(url, {"credit_limit": "1.00", "reason": "other"})

    assert response.context["form"].errors == {
        "__all__": ["The same is waiting for a decision already"]
    }
    assert Approval.objects.count() == 1
    assert _wallet(merchant).credit_limit == Decimal("0.00")


def test_threshold_is_in_force_when_the_change_is_small(merchant: Merchant, boss: Client):
    boss.post(_url(merchant, "threshold"), {"alert_threshold": "500.00", "reason": "asked"})

    assert _wallet(merchant).alert_threshold == Decimal("500.00")
    entry = AuditEntry.objects.get(action="change_alert_threshold")
    assert (entry.before, entry.after, entry.actor, entry.reason) == (
        {"alert_threshold": "0.00"}, {"alert_threshold": "500.00"}, "boss", "asked",
    )  # fmt: skip


def test_limits_are_in_force_when_they_are_changed(merchant: Merchant, boss: Client):
    form = {
        "daily_spending_cap": "1000.00", "max_open_orders": "5", "requests_per_minute": "",
        "reason": "new merchant",
    }  # fmt: skip

    response = boss.post(_url(merchant, "limits"), form, follow=True)

    assert _messages(response) == ["The limits are in force"]
    wallet = _wallet(merchant)
    assert (wallet.daily_spending_cap, wallet.max_open_orders) == (Decimal("1000.00"), 5)
    assert wallet.partner.requests_per_minute is None
    assert AuditEntry.objects.get(action="change_limits").after == {
        "daily_spending_cap": "1000.00", "max_open_orders": 5,
    }  # fmt: skip


def test_partner_places_no_order_when_it_is_suspended_and_again_when_resumed(
    shop: World, merchant: Merchant, boss: Client
):
    shop.make_sku("A", price="10.00", north=50)

    boss.post(_url(merchant, "suspend"), {"reason": "unpaid bill"})
    refused = merchant.api.post("/orders", order_body(items=[("A", 1)]))
    boss.post(_url(merchant, "resume"), {"reason": "paid"})
    placed = merchant.api.post("/orders", order_body(items=[("A", 1)]))

    assert (refused.status_code, refused.json()["code"]) == (403, "partner_suspended")
    assert placed.status_code == 201
    entries = AuditEntry.objects.filter(action="change_status").order_by("id")
    assert [(entry.after["status"], entry.reason) for entry in entries] == [
        ("suspended", "unpaid bill"), ("active", "paid"),
    ]  # fmt: skip


def test_partner_stays_active_when_there_is_no_reason(merchant: Merchant, boss: Client):
    response = boss.post(_url(merchant, "suspend"), {"reason": ""})

    assert list(response.context["form"].errors) == ["reason"]
    assert Partner.objects.get().status == "active"


# The page


def test_money_and_terms_stay_when_a_partner_is_edited_with_forged_fields(
    merchant: Merchant, boss: Client
):
    url = reverse("admin:accounts_partner_change", args=(merchant.partner.pk,))
    form = {
        "name": "Acme Ltd", "email": "", "status": "suspended", "order_expiry_minutes": "45",
        "code": "other", "balance": "999999", "credit_limit": "999999",
        "requests_per_minute": "9", **_empty_inlines(boss.get(url)),
    }  # fmt: skip

    response = boss.post(url, form)

    assert response.status_code == 302, response.context["errors"]
    partner = Partner.objects.get(pk=merchant.partner.pk)
    assert (partner.code, partner.name, partner.status, partner.order_expiry_minutes) == (
        "acme", "Acme Ltd", "active", 45,
    )  # fmt: skip
    assert partner.requests_per_minute is None
    assert _wallet(merchant).balance == Decimal("10000.00")
    assert _wallet(merchant).credit_limit == Decimal("0.00")


def test_page_shows_what_orders_hold_and_what_waits(shop: World, merchant: Merchant, boss: Client):
    shop.make_sku("A", price="10.00", north=50)
    order_no = merchant.api.post("/orders", order_body(items=[("A", 3)])).json()["order_no"]
    boss.post(_url(merchant, "top_up"), TRANSFER)

    page = boss.get(reverse("admin:accounts_partner_change", args=(merchant.partner.pk,)))

    [hold] = page.context["holds"]
    assert hold.order_no == order_no
    assert [(str(kind), amount) for _approval, kind, amount in page.context["waiting"]] == [
        ("Top-up", "250.50")
    ]
    assert order_no in page.content.decode()


@pytest.mark.parametrize(
    ("threshold", "level", "found_by"),
    [("10000.00", "0", "fine"), ("10000.01", "1", "low"), ("20000.01", "2", "very_low")],
)
def test_balance_is_marked_when_it_is_under_the_threshold(
    threshold: str, level: str, found_by: str, merchant: Merchant, boss: Client
):
    Wallet.objects.update(alert_threshold=threshold)

    for name in ("partner", "wallet"):
        url = reverse(f"admin:accounts_{name}_changelist")
        shown = {
            value for value in ("fine", "low", "very_low")
            if boss.get(url, {"alert": value}).context["cl"].result_count
        }  # fmt: skip
        assert found_by in shown
        assert ("fine" in shown) == (level == "0")
    from accounts.admin.shown import alert_badge

    assert alert_badge(_wallet(merchant)) == (level, "10,000.00")


# New partners


def test_partner_waits_for_its_money_when_it_is_added(db: None, boss: Client):
    form = {
        "code": "new-one", "name": "New", "email": "", "credit_limit": "50000.00",
        "alert_threshold": "50.00", "opening_balance": "100.00",
    }  # fmt: skip

    response = boss.post(reverse("admin:accounts_partner_add"), form, follow=True)

    partner = Partner.objects.get(code="new-one")
    assert response.redirect_chain[-1][0] == reverse(
        "admin:accounts_partner_change", args=(partner.pk,)
    )
    assert _messages(response) == [
        "The partner was added",
        "Top-up 100.00: another person has to approve it",
        "Credit limit 0.00 → 50,000.00: another person has to approve it",
    ]
    assert (partner.wallet.balance, partner.wallet.credit_limit) == (
        Decimal("0.00"), Decimal("0.00"),
    )  # fmt: skip
    assert partner.wallet.alert_threshold == Decimal("50.00")
    assert not LedgerEntry.objects.exists()


def test_partner_comes_without_money_when_whoever_adds_it_is_not_finance(db: None, staff: Staff):
    client = staff("accounts.view_partner", "accounts.add_partner")
    form = {
        "code": "new-one", "name": "New", "email": "", "credit_limit": "500.00",
        "alert_threshold": "50.00", "opening_balance": "100.00",
    }  # fmt: skip

    client.post(reverse("admin:accounts_partner_add"), form)

    wallet = Partner.objects.get(code="new-one").wallet
    assert (wallet.balance, wallet.credit_limit, wallet.alert_threshold) == (Decimal("0.00"),) * 3
    assert not Approval.objects.exists()
    assert not TopUp.objects.exists()


@pytest.mark.parametrize("name", ["a\u200bb", "a\u202eb", "a\u2028b", "a\r\nb", "a\tb"], ids=ascii)
def test_partner_is_not_named_when_the_name_hides_something(
    name: str, merchant: Merchant, boss: Client
):
    added = boss.post(
        reverse("admin:accounts_partner_add"),
        {"code": "n", "name": name, "credit_limit": "0", "alert_threshold": "0",
         "opening_balance": "0"},
    )  # fmt: skip
    page = boss.get(_url(merchant, "change"))
    changed = boss.post(
        _url(merchant, "change"),
        {"name": name, "email": "", "order_expiry_minutes": "30", **_empty_inlines(page)},
    )

    assert list(added.context["form"].errors) == ["name"]
    assert list(changed.context["adminform"].form.errors) == ["name"]
    assert list(Partner.objects.values_list("name", flat=True)) == ["Merchant acme"]


def test_partner_is_refused_when_the_code_is_taken(merchant: Merchant, boss: Client):
    form = {
        "code": "acme", "name": "Again", "credit_limit": "0", "alert_threshold": "0",
        "opening_balance": "0",
    }  # fmt: skip

    response = boss.post(reverse("admin:accounts_partner_add"), form)

    assert response.status_code == 200
    assert response.context["form"].errors == {"code": ["There is a partner with this code"]}
    assert Partner.objects.count() == 1
