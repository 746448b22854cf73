"""What is refunded after an order was invoiced is taken back by credit invoices, once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import override

from aftersales.services.deciding import ApprovedLine
from orders.models import Order
from reconciliation.models import Invoice, InvoicedOrder, InvoiceEvent
from reconciliation.services import crediting
from reconciliation.services.crediting import credit_refunded_orders
from tests.aftersales.acts import file as file_claim
from tests.aftersales.acts import make_reasons
from tests.aftersales.deciding import approve
from tests.cast import Merchant, World
from tests.orders.acts import pay, ship, told
from tests.orders.changing import close, close_all, split_off
from tests.reconciliation.invoicing import (
    ask,
    cancel,
    invoiced_less_credited,
    issue,
    lines_of,
    paid_less_refunded,
)
from tests.reconciliation.past import at, make_statement


@pytest.fixture
def goods(shop: World) -> World:
    shop.make_sku("A", price="3.33", north=100, south=100, tax_rate="0.13")
    shop.make_sku("B", price="10.00", north=100, south=100, tax_rate="0.09")
    make_reasons()
    return shop


@pytest.fixture
def invoiced(goods: World, merchant: Merchant) -> Invoice:
    """Three of A, two of B, and freight, invoiced and issued: 43.99."""
    document = ask(merchant, pay(merchant, items=[("A", 3), ("B", 2)])["order_no"])
    return issue(document)


def order() -> Order:
    return Order.objects.get()


def refunded() -> str:
    """The platform's reason, in the language of invoices."""
    with override("zh-hans"):
        return str(crediting.REFUNDED)


def credits() -> list[Invoice]:
    return list(Invoice.objects.exclude(credits=None).order_by("id"))


def test_credit_is_asked_for_when_units_are_closed_after_the_invoice(
    invoiced: Invoice, merchant: Merchant
) -> None:
    close(f"{order().order_no}-1", {1: 2})

    assert credit_refunded_orders() == 1

    [credit] = credits()
    assert (credit.status, credit.credits, credit.title, credit.kind) == (
        "requested",
        invoiced,
        invoiced.title,
        "general",
    )
    assert (credit.order_no, credit.requested_by, credit.reason) == (
        order().order_no,
        "platform",
        refunded(),
    )
    # What is left of A, 3.33, has 0.38 of the 1.15 of tax.
    assert lines_of(credit) == [("A", -2, "3.33", "-6.66", "-0.77")]
    assert (credit.amount, credit.tax_amount) == (Decimal("-6.66"), Decimal("-0.77"))
    assert InvoicedOrder.objects.get().credited_amount == Decimal("6.66")
    shown = told(merchant)[-1].data["invoice"]
    assert (shown["credits"], shown["amount"], shown["status"]) == (
        invoiced.invoice_no,
        "-6.66",
        "requested",
    )
    assert credit_refunded_orders() == 0
    assert len(credits()) == 1


def test_tax_is_none_when_all_was_taken_back_unit_by_unit(invoiced: Invoice) -> None:
    part = f"{order().order_no}-1"
    for _unit in range(3):
        close(part, {1: 1})
        assert credit_refunded_orders() == 1
    close(part)
    assert credit_refunded_orders() == 1

    assert [lines_of(credit) for credit in credits()] == [
        [("A", -1, "3.33", "-3.33", "-0.38")],
        [("A", -1, "3.33", "-3.33", "-0.39")],
        [("A", -1, "3.33", "-3.33", "-0.38")],
        [("B", -2, "10.00", "-20.00", "-1.65"), ("", -1, "14.00", "-14.00", "-1.61")],
    ]
    assert invoiced_less_credited(order()) == (Decimal(0), Decimal(0))
    for credit in credits():
        issue(credit)
    invoiced.refresh_from_db()
    assert (invoiced.status, invoiced.reason) == ("cancelled", refunded())
    assert InvoicedOrder.objects.get().is_live is False


def test_invoice_stays_until_the_last_of_its_credits_is_issued(invoiced: Invoice) -> None:
    close(f"{order().order_no}-1", {1: 3})
    credit_refunded_orders()
    close_all(order().order_no)
    credit_refunded_orders()
    first, second = credits()

    issue(second)

    invoiced.refresh_from_db()
    assert (invoiced.status, InvoicedOrder.objects.get().is_live) == ("issued", True)

    issue(first)

    invoiced.refresh_from_db()
    assert (invoiced.status, InvoicedOrder.objects.get().is_live) == ("cancelled", False)


def test_claim_for_less_than_the_price_is_taken_back_as_it_was_refunded(
    invoiced: Invoice, merchant: Merchant
) -> None:
    part = f"{order().order_no}-1"
    ship(part)
    claim = file_claim(merchant, part, {2: 1})
    approve(claim, {2: ApprovedLine(1, Decimal("6.00"))}, freight="3.00", note="Scratched.")

    credit_refunded_orders()

    [credit] = credits()
    assert lines_of(credit) == [
        ("B", -1, "6.00", "-6.00", "-0.49"),
        ("", -1, "3.00", "-3.00", "-0.34"),
    ]
    assert invoiced_less_credited(order())[0] == paid_less_refunded(order()) == Decimal("34.99")


def test_several_units_at_uneven_amounts_come_to_the_refund_to_the_cent(
    invoiced: Invoice, merchant: Merchant
) -> None:
    part = f"{order().order_no}-1"
    ship(part)
    approve(
        file_claim(merchant, part, {1: 3}), {1: ApprovedLine(3, Decimal("9.98"))}, note="A cent."
    )

    credit_refunded_orders()

    assert lines_of(credits()[0]) == [
        ("A", -1, "3.32", "-3.32", "-0.38"),
        ("A", -2, "3.33", "-6.66", "-0.77"),
    ]


def test_split_after_the_invoice_changes_nothing_of_it(invoiced: Invoice) -> None:
    split_off(f"{order().order_no}-1", {1: 2, 2: 1})

    assert credit_refunded_orders() == 0

    close(f"{order().order_no}-2", {3: 1})
    assert credit_refunded_orders() == 1
    assert lines_of(credits()[0]) == [("A", -1, "3.33", "-3.33", "-0.38")]


def test_nothing_is_taken_back_while_the_invoice_is_only_requested(
    goods: World, merchant: Merchant
) -> None:
    document = ask(merchant, pay(merchant, items=[("A", 3)])["order_no"])
    close(f"{order().order_no}-1", {1: 1})

    assert credit_refunded_orders() == 0

    issue(document)  # and the credit follows at once
    assert [lines_of(credit) for credit in credits()] == [[("A", -1, "3.33", "-3.33", "-0.38")]]
    assert credit_refunded_orders() == 0


def test_nothing_is_taken_back_of_an_invoice_that_was_cancelled(
    goods: World, merchant: Merchant
) -> None:
    cancel(ask(merchant, pay(merchant)["order_no"]))
    close_all(order().order_no)

    assert credit_refunded_orders() == 0


def test_refund_that_a_credit_for_all_covers_already_asks_for_no_other(
    invoiced: Invoice,
) -> None:
    cancel(invoiced)
    close(f"{order().order_no}-1", {1: 1})

    assert credit_refunded_orders() == 0

    credit = credits()[0]
    cancel(credit)  # the invoice stands again, less the refund
    assert credit_refunded_orders() == 1
    assert credits()[1].amount == Decimal("-3.33")


def test_credit_is_asked_for_again_when_finance_cancels_it(invoiced: Invoice) -> None:
    close(f"{order().order_no}-1", {1: 1})
    credit_refunded_orders()
    cancel(credits()[0])

    assert credit_refunded_orders() == 1

    assert [(credit.status, credit.amount) for credit in credits()] == [
        ("cancelled", Decimal("-3.33")),
        ("requested", Decimal("-3.33")),
    ]
    assert invoiced_less_credited(order())[0] == paid_less_refunded(order())


def test_refund_and_full_credit_of_an_order_leave_the_rest_to_be_invoiced_anew(
    invoiced: Invoice, merchant: Merchant
) -> None:
    close(f"{order().order_no}-1", {1: 1})
    credit_refunded_orders()
    issue(credits()[0])
    issue(cancel(invoiced))

    document = ask(merchant, order().order_no)

    assert document["amount"] == str(paid_less_refunded(order())) == "40.66"
    assert invoiced_less_credited(order())[0] == Decimal("40.66")


def test_orders_of_a_period_are_taken_back_each_by_itself(goods: World, merchant: Merchant) -> None:
    at(merchant.partner, "2026-02-20 09:00")
    numbers = [pay(merchant, f"M-{n}", [("A", n)])["order_no"] for n in (1, 2, 3)]
    at(merchant.partner, "2026-03-01 10:00")
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-01")
    invoice = issue(ask(merchant, statement=statement))
    close_all(numbers[0])
    close(f"{numbers[2]}-1", {1: 2})

    assert credit_refunded_orders() == 1

    [credit] = credits()
    assert (credit.order_no, credit.statement) == ("", statement)
    assert list(credit.lines.values_list("order_no", "sku", "amount")) == [
        (numbers[0], "A", Decimal("-3.33")),
        (numbers[0], "", Decimal("-8.00")),
        (numbers[2], "A", Decimal("-6.66")),
    ]
    issue(credit)
    invoice.refresh_from_db()
    live = InvoicedOrder.objects.filter(is_live=True).values_list("order__order_no", flat=True)
    assert (invoice.status, set(live)) == ("issued", set(numbers[1:]))
    rest = issue(cancel(invoice))
    invoice.refresh_from_db()
    assert (invoice.status, rest.amount) == ("cancelled", -invoice.amount - credit.amount)


def test_a_round_takes_several_turns_when_there_are_very_many_orders(
    goods: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crediting, "WINDOW", 2)
    for number in range(3):
        order_no = pay(merchant, f"M-{number}", [("A", 2)])["order_no"]
        issue(ask(merchant, order_no))
        close(f"{order_no}-1", {1: 1})

    assert [credit_refunded_orders() for _turn in range(3)] == [2, 1, 0]
    crediting._place.after = 0


def test_history_tells_why_a_credit_was_asked_for(invoiced: Invoice) -> None:
    close(f"{order().order_no}-1", {1: 1})
    credit_refunded_orders()

    event: Any = InvoiceEvent.objects.order_by("-id").first()
    assert (event.to_status, event.actor, event.note) == (
        "requested",
        "platform",
        refunded(),
    )
