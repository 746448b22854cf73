"""Bills in the back office, and what finance agrees on with a merchant about them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Partner
from openplatform.audit.models import AuditEntry
from reconciliation.models import Bill
from reconciliation.services.billing import watch_due_bills
from reconciliation.services.settling import settle_bills
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, make_merchant
from tests.reconciliation.bill_rows import (
    issue,
    let_month_pass,
    set_due,
    write_entry,
    write_statement,
)

LIST = "/admin/reconciliation/bill/"


@pytest.fixture
def bills(db: None) -> dict[str, Bill]:
    """One of each state: of acme paid and open, of late overdue."""
    acme = make_merchant("acme", balance="0.00", credit_limit="500.00").partner
    late = make_merchant("late", balance="0.00", credit_limit="500.00").partner
    made: dict[str, Bill | None] = {}
    write_entry(acme, "-100.00")
    made["paid"] = issue(write_statement(acme))
    write_entry(acme, "100.00")
    settle_bills()
    let_month_pass(acme)
    write_entry(acme, "-40.00")
    made["open"] = issue(write_statement(acme))
    write_entry(acme, "15.00")
    settle_bills()
    write_entry(late, "-1234.50")
    made["overdue"] = issue(write_statement(late))
    found = {name: bill for name, bill in made.items() if bill is not None}
    set_due(found["overdue"], -1)
    watch_due_bills()
    return found


def numbers_of(response: Any) -> list[str]:
    assert response.status_code == 200
    return [bill.bill_no for bill in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("", ["overdue", "open", "paid"]),
        ("unpaid", ["overdue", "open"]),
        ("open", ["open"]),
        ("overdue", ["overdue"]),
        ("paid", ["paid"]),
        ("nonsense", ["overdue", "open", "paid"]),
    ],
)
def test_list_shows_the_bills_of_a_state(
    bills: dict[str, Bill], boss: Client, status: str, found: list[str]
) -> None:
    response = boss.get(LIST, {"status": status} if status else {})

    assert numbers_of(response) == [bills[name].bill_no for name in found]


def test_list_adds_up_what_is_to_be_paid(bills: dict[str, Bill], boss: Client) -> None:
    response = boss.get(LIST, {"status": "unpaid"})

    assert response.context["totals"] == [
        ("Amount", Decimal("1274.50")), ("Paid", Decimal("15.00")),
        ("To be paid", Decimal("1259.50")),
    ]  # fmt: skip


def test_list_finds_bills_by_number_partner_and_statement(
    bills: dict[str, Bill], boss: Client
) -> None:
    bill = bills["overdue"]

    for text in (bill.bill_no, "late", bill.statement.statement_no):
        assert numbers_of(boss.get(LIST, {"q": text})) == [bill.bill_no]


def test_page_shows_what_paid_a_bill(bills: dict[str, Bill], boss: Client) -> None:
    bill = bills["open"]

    text = boss.get(f"{LIST}{bill.pk}/change/").content.decode()

    statement = reverse("admin:reconciliation_statement_change", args=(bill.statement_id,))
    assert statement in text
    assert f"/admin/accounts/partner/{bill.partner_id}/change/" in text
    assert "40.00" in text
    assert "15.00" in text
    assert "25.00" in text
    assert "Not stopped by this bill" in text
    assert f"/admin/accounts/ledgerentry/?partner__id__exact={bill.partner_id}" in text


@pytest.mark.parametrize(
    ("goes_on", "told"),
    [
        (False, ("Refused until the bill is paid", "refused until it is paid")),
        (True, ("Not stopped: it was agreed", "taken all the same")),
    ],
)
def test_page_says_whether_an_overdue_bill_stops_orders(
    bills: dict[str, Bill], boss: Client, goes_on: bool, told: tuple[str, str]
) -> None:
    Partner.objects.update(orders_while_overdue=goes_on)

    bill = bills["overdue"]
    text = boss.get(f"{LIST}{bill.pk}/change/").content.decode()
    partner = boss.get(f"/admin/accounts/partner/{bill.partner_id}/change/").content.decode()

    assert told[0] in text
    assert told[1] in partner
    assert "(&#x27;overdue" not in text  # the state in words


def test_nobody_changes_a_bill_by_a_form(bills: dict[str, Bill], boss: Client) -> None:
    path = f"{LIST}{bills['open'].pk}/change/"

    assert boss.post(path, {"amount": "1.00"}).status_code == 403
    assert boss.get(f"{LIST}add/").status_code == 403
    bills["open"].refresh_from_db()
    assert bills["open"].amount == Decimal("40.00")


# What was agreed with a merchant


def form_of(client: Client, partner: Partner) -> dict[str, str]:
    """What the partner's page would send as it stands."""
    response = client.get(f"/admin/accounts/partner/{partner.pk}/change/")
    context = response.context
    sent = {
        name: "" if value is None else str(value)
        for name, value in context["adminform"].form.initial.items()
        if value is not False
    }
    for formset in context["inline_admin_formsets"]:
        for field in formset.formset.management_form:
            sent[field.html_name] = str(field.value())
    return sent


def test_finance_agrees_on_days_and_on_orders_while_overdue(
    merchant: Merchant, staff: Staff
) -> None:
    finance = staff(
        "accounts.view_partner", "accounts.change_partner", "accounts.change_wallet",
        username="fin",
    )  # fmt: skip
    sent = {**form_of(finance, merchant.partner), "payment_days": "45"}
    sent["orders_while_overdue"] = "on"

    response = finance.post(f"/admin/accounts/partner/{merchant.partner.pk}/change/", sent)

    assert response.status_code == 302
    partner = Partner.objects.get(pk=merchant.partner.pk)
    assert (partner.payment_days, partner.orders_while_overdue) == (45, True)
    entry = AuditEntry.objects.get(action="change", actor="fin")
    assert entry.after == {"payment_days": 45, "orders_while_overdue": True}


@pytest.mark.parametrize("days", ["0", "366", "-1", "x"])
def test_days_are_refused_when_they_are_out_of_range(
    merchant: Merchant, boss: Client, days: str
) -> None:
    sent = {**form_of(boss, merchant.partner), "payment_days": days}

    response = boss.post(f"/admin/accounts/partner/{merchant.partner.pk}/change/", sent)

    assert response.status_code == 200
    assert "payment_days" in response.context["adminform"].form.errors
    assert Partner.objects.get(pk=merchant.partner.pk).payment_days is None


def test_operator_cannot_change_what_finance_agreed_on(merchant: Merchant, staff: Staff) -> None:
    operator = staff("accounts.view_partner", "accounts.change_partner")
    sent = {
        **form_of(operator, merchant.partner), "name": "New name", "payment_days": "45",
        "orders_while_overdue": "on", "has_overdue_bill": "on",
    }  # fmt: skip

    response = operator.post(f"/admin/accounts/partner/{merchant.partner.pk}/change/", sent)

    assert response.status_code == 302
    partner = Partner.objects.get(pk=merchant.partner.pk)
    assert partner.name == "New name"
    assert (partner.payment_days, partner.orders_while_overdue) == (None, False)
    assert partner.has_overdue_bill is False
