"""Invoices and titles in the back office."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from openplatform.audit.models import AuditEntry
from openplatform.connectors.models import Provider
from reconciliation.models import Invoice, InvoiceTitle
from reconciliation.services.crediting import credit_refunded_orders
from tests.cast import Merchant, World
from tests.orders.acts import pay
from tests.orders.changing import close
from tests.reconciliation.invoicing import (
    PDF,
    TAX_NUMBER,
    ask,
    cancel,
    everything,
    issue,
    make_title,
    today,
)

Staff = Callable[..., Client]
LIST = "admin:reconciliation_invoice_changelist"
VIEW = ("reconciliation.view_invoice", "reconciliation.view_invoicetitle")


@pytest.fixture
def goods(shop: World) -> World:
    shop.make_sku("A", price="10.00", north=100, tax_rate="0.13")
    return shop


@pytest.fixture
def requested(goods: World, merchant: Merchant) -> Invoice:
    """An invoice over 28.00 for two of A."""
    document = ask(merchant, pay(merchant, items=[("A", 2)])["order_no"])
    return Invoice.objects.get(invoice_no=document["invoice_no"])


@pytest.fixture
def provider(db: None) -> Provider:
    return Provider.objects.create(
        code="tax", name="Tax", service="invoicing", driver="simulated_invoicing",
        base_url="https://tax.example",
    )  # fmt: skip


def act_url(invoice: Invoice, act: str) -> str:
    return reverse(f"admin:reconciliation_invoice_{act}", args=(invoice.pk,))


def page_url(invoice: Invoice) -> str:
    return reverse("admin:reconciliation_invoice_change", args=(invoice.pk,))


def shown(client: Client, url: str, **query: Any) -> str:
    response = client.get(url, query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def values_for(invoice: Invoice, **fields: Any) -> dict[str, Any]:
    return {
        "version": invoice.version,
        "fiscal_number": "26310000000123456789",
        "fiscal_code": "",
        "issued_on": today().isoformat(),
        "file": SimpleUploadedFile("invoice.pdf", PDF),
        **fields,
    }


def test_list_shows_what_waits_and_what_was_refunded_since(
    boss: Client, requested: Invoice
) -> None:
    close(f"{requested.order_no}-1", {1: 1})

    page = shown(boss, reverse(LIST), queue="issue")

    assert requested.invoice_no in page
    assert "晨光贸易有限公司" in page
    assert "Refunded since" in page
    assert requested.invoice_no not in shown(boss, reverse(LIST), queue="credit")
    assert requested.invoice_no not in shown(boss, reverse(LIST), side="credit")


@pytest.mark.parametrize("by", ["invoice_no", "order_no", "fiscal_number", "title"])
def test_invoice_is_found_by_any_of_its_numbers(
    boss: Client, requested: Invoice, merchant: Merchant, by: str
) -> None:
    issue(requested, number="26310000000123456789")
    other = ask(merchant, pay(merchant, "M-2")["order_no"])
    requested.refresh_from_db()
    term = "晨光" if by == "title" else getattr(requested, by)

    page = shown(boss, reverse(LIST), q=term)

    assert requested.invoice_no in page
    assert (other["invoice_no"] in page) is (by == "title")


def test_page_shows_lines_orders_history_and_the_file(boss: Client, requested: Invoice) -> None:
    issue(requested)

    page = shown(boss, page_url(requested))

    for text in ("商品 A", "13 %", "20.00", requested.order_no, "finance", "/file/", "Issued"):
        assert text in page


def test_page_and_form_warn_when_more_was_refunded_than_the_request_knows(
    boss: Client, requested: Invoice
) -> None:
    close(f"{requested.order_no}-1", {1: 1})

    for url in (page_url(requested), act_url(requested, "issue"), act_url(requested, "send")):
        assert "10.00 of it was refunded since it was asked for" in shown(boss, url)


def test_invoice_is_issued_on_the_page(boss: Client, requested: Invoice) -> None:
    response = boss.post(act_url(requested, "issue"), values_for(requested))

    assert response.status_code == 302
    requested.refresh_from_db()
    assert (requested.status, requested.fiscal_number) == ("issued", "26310000000123456789")
    assert requested.events.order_by("-id")[0].actor == "boss"


def test_sums_leave_out_what_is_cancelled(
    boss: Client, requested: Invoice, merchant: Merchant
) -> None:
    other = ask(merchant, pay(merchant, "M-2", [("A", 1)])["order_no"])
    Invoice.objects.filter(invoice_no=other["invoice_no"]).update(status="cancelled")

    totals = boss.get(reverse(LIST)).context["totals"]

    assert totals == [
        ("Amount, without what is cancelled", requested.amount),
        ("Tax, without what is cancelled", requested.tax_amount),
    ]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"fiscal_number": "26-31"}, "This value is not valid"),
        ({"file": SimpleUploadedFile("x.pdf", b"GIF89a")}, "This file is not a PDF"),
        ({"version": 9}, "The invoice has changed since"),
        ({"issued_on": "2999-01-01"}, "This day is still to come"),
        ({"file": ""}, "This field is required"),
    ],
)
def test_nothing_is_issued_when_the_form_is_wrong(
    boss: Client, requested: Invoice, fields: dict[str, Any], text: str
) -> None:
    before = everything()

    response = boss.post(act_url(requested, "issue"), values_for(requested, **fields))

    assert response.status_code == 200
    assert text in response.content.decode()
    assert everything() == before


def test_request_is_cancelled_on_the_page(boss: Client, requested: Invoice) -> None:
    boss.post(act_url(requested, "cancel"), {"version": 1, "reason": "Wrong title"})

    requested.refresh_from_db()
    assert (requested.status, requested.reason) == ("cancelled", "Wrong title")


def test_credit_is_asked_for_when_an_issued_invoice_is_cancelled_on_the_page(
    boss: Client, requested: Invoice
) -> None:
    issue(requested)
    assert "taken back by a credit invoice" in shown(boss, act_url(requested, "cancel"))

    response = boss.post(act_url(requested, "cancel"), {"version": 2, "reason": "Wrong title"})

    credit = Invoice.objects.get(credits=requested)
    assert response.headers["Location"] == page_url(credit)
    assert requested.invoice_no in shown(boss, page_url(credit))


def test_invoice_is_handed_to_a_provider_on_the_page(
    boss: Client, requested: Invoice, provider: Provider
) -> None:
    boss.post(act_url(requested, "send"), {"version": 1, "provider": provider.pk})

    requested.refresh_from_db()
    assert requested.provider == provider
    assert requested.due_at is not None
    assert "With tax Tax" in shown(boss, reverse(LIST), queue="provider")


def test_selected_invoices_are_handed_over_each_by_itself(
    boss: Client, requested: Invoice, merchant: Merchant, provider: Provider
) -> None:
    issued = issue(ask(merchant, pay(merchant, "M-2")["order_no"]))

    response = boss.post(
        reverse(LIST),
        {"action": "send_chosen", "_selected_action": [requested.pk, issued.pk]},
        follow=True,
    )

    requested.refresh_from_db()
    assert requested.due_at is not None
    page = response.content.decode()
    assert "1 invoice was handed over" in page
    assert f"{issued.invoice_no}: The invoice is in a state" in page


def test_buttons_are_those_that_the_state_allows(boss: Client, requested: Invoice) -> None:
    page = shown(boss, page_url(requested))
    for act in ("issue", "send", "cancel"):
        assert act_url(requested, act) in page

    credit = issue(ask_back(requested))

    requested.refresh_from_db()
    page = shown(boss, page_url(requested))
    for act in ("issue", "send", "cancel"):
        assert act_url(requested, act) not in page
        assert act_url(credit, act) not in shown(boss, page_url(credit))
        response = boss.get(act_url(requested, act), follow=True)
        assert "state that does not allow this" in response.content.decode()


def ask_back(invoice: Invoice) -> Invoice:
    """The credit for all of an invoice that is issued here."""
    issue(invoice)
    return cancel(invoice)


def test_acts_are_for_those_who_may_issue(staff: Staff, requested: Invoice) -> None:
    reader = staff(*VIEW)
    page = shown(reader, page_url(requested))
    before = everything()

    for act in ("issue", "send", "cancel"):
        assert act_url(requested, act) not in page
        assert reader.post(act_url(requested, act), values_for(requested)).status_code == 403
    assert (
        reader.get(reverse("admin:reconciliation_invoice_request_for_merchant")).status_code == 403
    )
    assert everything() == before
    clerk = staff(*VIEW, "reconciliation.issue_invoice", username="clerk")
    assert act_url(requested, "issue") in shown(clerk, page_url(requested))


def test_invoice_is_asked_for_on_behalf_of_a_merchant(
    boss: Client, goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant)["order_no"]
    title = make_title(merchant)
    url = reverse("admin:reconciliation_invoice_request_for_merchant")
    assert "acme · 晨光贸易有限公司" in shown(boss, url)

    response = boss.post(
        url, {"title": title.pk, "kind": "special", "order_no": order_no, "statement_no": ""}
    )

    invoice = Invoice.objects.get()
    assert response.headers["Location"] == page_url(invoice)
    assert (invoice.requested_by, invoice.kind, invoice.order_no) == ("boss", "special", order_no)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ({"order_no": "", "statement_no": ""}, "one of the two"),
        ({"order_no": "1", "statement_no": "2"}, "one of the two"),
        ({"order_no": "260101AAAAAAAAAA", "statement_no": ""}, "There is no order"),
        ({"order_no": "", "statement_no": "S1"}, "There is no statement"),
    ],
)
def test_nothing_is_asked_for_when_the_numbers_are_wrong(
    boss: Client, goods: World, merchant: Merchant, numbers: dict[str, str], text: str
) -> None:
    title = make_title(merchant)

    response = boss.post(
        reverse("admin:reconciliation_invoice_request_for_merchant"),
        {"title": title.pk, "kind": "general", **numbers},
    )

    assert text in response.content.decode()
    assert not Invoice.objects.exists()


def test_title_is_added_for_a_merchant_and_taken_out_of_use(
    boss: Client, merchant: Merchant
) -> None:
    fields = {
        "partner": merchant.partner.pk,
        "kind": "company",
        "name": "晨光贸易有限公司",
        "tax_number": TAX_NUMBER,
    }

    boss.post(reverse("admin:reconciliation_invoicetitle_add_title"), fields)

    title = InvoiceTitle.objects.get()
    page = reverse("admin:reconciliation_invoicetitle_change", args=(title.pk,))
    assert TAX_NUMBER in shown(boss, page)
    retire = reverse("admin:reconciliation_invoicetitle_retire", args=(title.pk,))
    assert retire in shown(boss, page)
    boss.post(retire)
    title.refresh_from_db()
    assert title.is_active is False
    assert retire not in shown(boss, page)


def test_no_title_is_added_when_the_tax_number_cannot_be(boss: Client, merchant: Merchant) -> None:
    response = boss.post(
        reverse("admin:reconciliation_invoicetitle_add_title"),
        {
            "partner": merchant.partner.pk,
            "kind": "company",
            "name": "晨光",
            "tax_number": "913301007996550581",
        },
    )

    assert "unified social credit code" in response.content.decode()
    assert not InvoiceTitle.objects.exists()


def test_credits_wait_in_a_queue_of_their_own(
    boss: Client, requested: Invoice, merchant: Merchant
) -> None:
    issue(requested)
    close(f"{requested.order_no}-1", {1: 1})
    credit_refunded_orders()
    credit = Invoice.objects.get(credits=requested)

    page = shown(boss, reverse(LIST), queue="credit")

    assert credit.invoice_no in page
    assert "-10.00" in page


def test_number_of_statements_stays_the_same_with_more_invoices(
    boss: Client, requested: Invoice, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        ask(merchant, pay(merchant, f"N-{number}")["order_no"])

    with django_assert_max_num_queries(25):
        shown(boss, reverse(LIST))


def test_file_is_for_whoever_issues_and_the_trail_tells_who_took_it(
    staff: Staff, requested: Invoice
) -> None:
    finance = staff(*VIEW, "reconciliation.issue_invoice", username="finance")
    operator = staff(*VIEW, username="operator")
    address = reverse("admin:reconciliation_invoice_file", args=(requested.pk,))
    assert finance.get(address).status_code == 404
    invoice = issue(requested)

    assert address not in shown(operator, page_url(invoice))
    assert operator.get(address).status_code == 403
    assert address in shown(finance, page_url(invoice))
    answer: Any = finance.get(address)

    assert b"".join(answer.streaming_content).startswith(b"%PDF")
    [told] = AuditEntry.objects.filter(action="download_invoice")
    assert (told.actor, told.subject_label) == ("finance", invoice.invoice_no)
