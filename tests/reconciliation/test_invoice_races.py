"""Merchants, finance and loops who want the same orders and invoices at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection

from openplatform.connectors.models import ProviderCall
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from openplatform.core.errors import DomainError
from orders.models import Order
from reconciliation import invoiced
from reconciliation.models import Invoice, InvoicedOrder, InvoiceEvent
from reconciliation.services import crediting, invoicing
from reconciliation.services.crediting import credit_invoice, credit_refunded_orders
from reconciliation.services.provider_issuing import issue_due_invoice, send_to_provider
from tests.cast import Merchant, World
from tests.orders.acts import pay, told
from tests.orders.changing import close, close_all
from tests.racing import race
from tests.reconciliation.invoicing import (
    PERSON,
    ask,
    cancel,
    invoiced_less_credited,
    issue,
    make_title,
    paid_less_refunded,
    staff,
)
from tests.reconciliation.past import at, make_statement
from tests.reconciliation.test_provider_issuing import (  # noqa: F401 - a fixture among them
    make_provider,
    simulator,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("goods")]


@pytest.fixture
def goods(shop: World) -> World:
    shop.make_sku("A", price="10.00", north=100, tax_rate="0.13")
    return shop


@pytest.fixture
def paid(goods: World, merchant: Merchant) -> Order:
    """Three of A and freight: 40.00."""
    return Order.objects.get(order_no=pay(merchant, items=[("A", 3)])["order_no"])


def refusals(results: Sequence[Any]) -> list[str]:
    """The codes of what was refused; nothing else may have been raised."""
    errors = [result for result in results if isinstance(result, DomainError)]
    assert len(errors) == sum(isinstance(result, BaseException) for result in results), results
    return [error.code for error in errors]


def require_sound(order: Order, merchant: Merchant) -> None:
    """Once all credits were asked for, documents and money agree, and messages are in order."""
    while credit_refunded_orders():
        pass
    order.refresh_from_db()
    live = InvoicedOrder.objects.filter(order=order, is_live=True)
    assert live.count() <= 1
    expected = paid_less_refunded(order) if live else Decimal(0)
    assert invoiced_less_credited(order)[0] == expected
    versions: dict[str, list[int]] = {}
    for message in told(merchant):
        if message.type == "invoice.status_changed":
            shown = message.data["invoice"]
            versions.setdefault(shown["invoice_no"], []).append(shown["version"])
    for number, found in versions.items():
        assert found == list(range(1, len(found) + 1)), number


def test_order_has_one_invoice_when_it_is_asked_for_by_many_at_once(
    paid: Order, merchant: Merchant
) -> None:
    title = make_title(merchant)

    results = race(*[lambda: ask(merchant, paid.order_no, title=title)] * 4)

    assert refusals(results) == []
    answers = [result["answered"] for result in results if isinstance(result, dict)]
    assert sorted(answers) == [(200, True)] * 3 + [(201, False)]
    assert Invoice.objects.count() == InvoicedOrder.objects.count() == 1
    require_sound(paid, merchant)


def test_order_has_one_invoice_when_it_is_asked_for_under_two_titles_at_once(
    paid: Order, merchant: Merchant
) -> None:
    company, person = make_title(merchant), make_title(merchant, PERSON)

    results = race(
        lambda: ask(merchant, paid.order_no, title=company),
        lambda: ask(merchant, paid.order_no, title=person),
    )

    assert refusals(results) == ["field_invalid"]
    assert Invoice.objects.count() == 1


def test_without_the_partners_lock_the_constraint_alone_refuses_the_second_request(
    paid: Order, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = make_title(merchant)
    monkeypatch.setattr(invoicing, "lock_partner", lambda **_chosen: None)
    slow_down(monkeypatch, invoicing)

    results = race(*[lambda: ask(merchant, paid.order_no, title=title)] * 2)

    assert sum(isinstance(result, IntegrityError) for result in results) == 1
    assert Invoice.objects.count() == 1


def test_order_has_one_invoice_when_it_is_asked_for_by_itself_and_by_its_period_at_once(
    goods: World, merchant: Merchant
) -> None:
    at(merchant.partner, "2026-02-20 09:00")
    numbers = [pay(merchant, f"M-{n}")["order_no"] for n in range(3)]
    at(merchant.partner, "2026-03-01 10:00")
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-01")
    title = make_title(merchant)

    results = race(
        lambda: ask(merchant, numbers[1], title=title),
        lambda: ask(merchant, statement=statement, title=title),
    )

    assert set(refusals(results)) <= {"field_invalid"}
    live = InvoicedOrder.objects.filter(is_live=True).values_list("order__order_no", flat=True)
    assert sorted(live) == sorted(numbers)


def test_invoice_is_issued_or_cancelled_when_both_are_tried_at_once(
    paid: Order, merchant: Merchant
) -> None:
    for _round in range(3):
        document = ask(merchant, paid.order_no)

        results = race(lambda: issue(document), lambda: cancel(document))  # noqa: B023 - run at once

        invoice = Invoice.objects.get(invoice_no=document["invoice_no"])
        credits = list(invoice.credit_invoices.all())
        if invoice.status == "cancelled":
            assert refusals(results) == ["invoice_state_conflict"]
            assert credits == []
        else:  # it was issued first: then the cancelling asked for its credit
            assert (invoice.status, refusals(results)) == ("issued", [])
            [credit] = credits
            assert credit.amount == -invoice.amount
            issue(credit)
        assert not InvoicedOrder.objects.filter(is_live=True).exists()
        require_sound(paid, merchant)


def test_invoice_is_issued_once_when_two_issue_it_at_once(paid: Order, merchant: Merchant) -> None:
    document = ask(merchant, paid.order_no)

    results = race(lambda: issue(document, number="1001"), lambda: issue(document, number="1002"))

    codes = refusals(results)
    assert codes in (["invoice_state_conflict"], ["temporarily_unavailable"])  # one file at a time
    assert InvoiceEvent.objects.filter(to_status="issued").count() == 1


def test_refund_is_taken_back_once_when_it_comes_while_the_invoice_is_issued(
    paid: Order, merchant: Merchant
) -> None:
    document = ask(merchant, paid.order_no)

    results = race(
        lambda: issue(document),
        lambda: close(f"{paid.order_no}-1", {1: 1}),
        credit_refunded_orders,
    )

    assert refusals(results) == []
    require_sound(paid, merchant)
    credits = Invoice.objects.exclude(credits=None)
    assert [credit.amount for credit in credits] == [Decimal("-10.00")]


def test_refund_is_left_out_or_taken_back_when_it_comes_while_the_invoice_is_asked_for(
    paid: Order, merchant: Merchant
) -> None:
    results = race(
        lambda: ask(merchant, paid.order_no), lambda: close(f"{paid.order_no}-1", {1: 1})
    )

    assert refusals(results) == []
    issue(Invoice.objects.get(credits=None))
    require_sound(paid, merchant)


def test_credit_is_asked_for_once_when_loops_look_at_once(
    paid: Order, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = issue(ask(merchant, paid.order_no))
    close(f"{paid.order_no}-1", {1: 1})
    slow_down(monkeypatch, crediting)

    results = race(
        *[lambda: credit_invoice(invoice_id=invoice.pk, now=clock.now())] * 3,
        credit_refunded_orders,
    )

    assert refusals(results) == []
    assert sum(int(result) for result in results if isinstance(result, int)) == 1
    assert invoice.credit_invoices.count() == 1
    require_sound(paid, merchant)


def test_without_the_invoices_lock_a_refund_would_be_taken_back_twice(
    paid: Order, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = issue(ask(merchant, paid.order_no))
    close(f"{paid.order_no}-1", {1: 1})
    monkeypatch.setattr(
        crediting,
        "lock_credited",
        lambda pk: Invoice.objects.select_related("title", "statement").get(pk=pk),
    )
    slow_down(monkeypatch, crediting)

    race(*[lambda: credit_invoice(invoice_id=invoice.pk, now=clock.now())] * 2)

    assert invoice.credit_invoices.count() == 2


def test_all_is_taken_back_once_when_it_is_cancelled_while_a_refund_is_credited(
    paid: Order, merchant: Merchant
) -> None:
    invoice = issue(ask(merchant, paid.order_no))
    close(f"{paid.order_no}-1", {1: 1})

    results = race(lambda: cancel(invoice), credit_refunded_orders)

    assert refusals(results) == []
    taken = [credit.amount for credit in invoice.credit_invoices.all()]
    assert sum(taken) == Decimal("-40.00")
    for credit in invoice.credit_invoices.order_by("id"):
        issue(credit)
    invoice.refresh_from_db()
    assert invoice.status == "cancelled"
    require_sound(paid, merchant)
    assert ask(merchant, paid.order_no)["amount"] == "30.00"


def test_invoice_is_cancelled_once_when_its_last_credits_are_issued_at_once(
    paid: Order, merchant: Merchant
) -> None:
    invoice = issue(ask(merchant, paid.order_no))
    close(f"{paid.order_no}-1", {1: 1})
    credit_refunded_orders()
    close_all(paid.order_no)
    credit_refunded_orders()
    first, second = invoice.credit_invoices.order_by("id")

    race(lambda: issue(first), lambda: issue(second))
    for credit in invoice.credit_invoices.filter(status="requested"):
        issue(credit)  # its file came while the process was at the other one

    invoice.refresh_from_db()
    assert invoice.status == "cancelled"
    assert InvoiceEvent.objects.filter(invoice=invoice, to_status="cancelled").count() == 1
    require_sound(paid, merchant)


def test_provider_is_asked_once_when_many_workers_look_at_once(
    paid: Order,
    merchant: Merchant,
    simulator: Simulator,  # noqa: F811
) -> None:
    make_provider(simulator)
    document = ask(merchant, paid.order_no)
    send_to_provider(
        invoice_no=document["invoice_no"], provider_id=None, user=staff(), now=clock.now(),
        expected_version=None,
    )  # fmt: skip

    results = race(*[issue_due_invoice] * 4)

    assert sorted(int(result) for result in results if isinstance(result, int)) == [0, 0, 0, 1]
    assert ProviderCall.objects.count() == 1
    assert simulator.calls == {"POST /invoices": 1}
    assert Invoice.objects.get().status == "issued"


def test_invoice_is_issued_or_cancelled_when_a_worker_takes_it_up_meanwhile(
    paid: Order,
    merchant: Merchant,
    simulator: Simulator,  # noqa: F811
) -> None:
    make_provider(simulator)
    document = ask(merchant, paid.order_no)
    send_to_provider(
        invoice_no=document["invoice_no"], provider_id=None, user=staff(), now=clock.now(),
        expected_version=None,
    )  # fmt: skip

    results = race(issue_due_invoice, lambda: cancel(document))

    invoice = Invoice.objects.get(credits=None)
    assert set(refusals(results)) <= {"invoice_state_conflict"}
    was_asked = simulator.desk.count() == 1
    assert invoice.status == ("issued" if was_asked else "cancelled")


def slow_down(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Have a while go by between what is read and what is written."""

    def read_slowly(order_ids: Any) -> Any:
        items = invoiced.list_items(order_ids)
        time.sleep(0.3)
        return items

    monkeypatch.setattr(module, "list_items", read_slowly)


def test_others_are_credited_when_an_invoice_is_held_by_somebody(
    paid: Order, merchant: Merchant
) -> None:
    second = Order.objects.get(order_no=pay(merchant, "M-2", items=[("A", 2)])["order_no"])
    held, other = (issue(ask(merchant, order.order_no)) for order in (paid, second))
    for order in (paid, second):
        close(f"{order.order_no}-1", {1: 1})
    somebody = connection.copy()
    somebody.set_autocommit(False)
    try:
        with somebody.cursor() as cursor:
            cursor.execute(
                "SELECT FROM reconciliation_invoice WHERE id = %s FOR NO KEY UPDATE", [held.pk]
            )
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20ms'")

        assert credit_refunded_orders() == 1
    finally:
        somebody.rollback()
        somebody.close()
        connection.close()

    assert [credit.credits for credit in Invoice.objects.exclude(credits=None)] == [other]
    assert credit_refunded_orders() == 1
    require_sound(paid, merchant)
