"""Invoices are asked for: for paid orders, once, less what was refunded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from aftersales.services.deciding import ApprovedLine
from catalog.models import Product
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, NotFound, Refusal, TooManyItems
from orders.errors import OrderStateConflict
from orders.models import Order, OrderLine
from reconciliation.errors import StatementNotReady
from reconciliation.invoiced import spread
from reconciliation.models import Invoice, InvoicedOrder, InvoiceEvent, InvoiceLine, Statement
from reconciliation.requests import InvoiceRequest
from reconciliation.services import invoicing
from reconciliation.services.titles import retire_title
from tests.aftersales.acts import file as file_claim
from tests.aftersales.acts import make_reasons
from tests.aftersales.deciding import approve
from tests.cast import Merchant, World
from tests.orders.acts import pay, place, told
from tests.orders.changing import close, close_all, move, split_off
from tests.reconciliation.invoicing import (
    COMPANY,
    PERSON,
    ask,
    cancel,
    everything,
    issue,
    lines_of,
    make_title,
)
from tests.reconciliation.past import at, make_statement


@pytest.fixture
def goods(shop: World) -> World:
    """Two SKUs in both warehouses; freight is 8.00 up to 1 kg and 2.00 for each half more."""
    shop.make_sku("A", price="10.00", north=100, south=100, tax_rate="0.13")
    shop.make_sku("B", price="3.33", north=100, south=100, tax_rate="0.09")
    Product.objects.filter(code="P-A").update(unit="件")
    make_reasons()
    return shop


def order_of(document: dict[str, object]) -> Order:
    return Order.objects.get(order_no=document["order_no"])


def test_invoice_is_requested_with_lines_freight_and_tax(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant, items=[("A", 2), ("B", 3)])["order_no"]
    title = make_title(merchant)

    document = ask(merchant, order_no, title=title, remark="PO 7")

    invoice = Invoice.objects.get()
    assert document == {
        "invoice_no": invoice.invoice_no,
        "currency": "CNY",
        "kind": "general",
        "status": "requested",
        "title": {
            "title_id": title.title_id,
            "kind": "company",
            "name": "晨光贸易有限公司",
            "tax_number": "91330100799655058B",
            "address": "张江路 88 号",
            "phone": "021-5555-0100",
            "bank_name": "示例银行张江支行",
            "bank_account": "6222020000000000",
            "email": None,
            "created_at": clock.to_text(title.created_at),
        },
        "order_no": order_no,
        "statement_no": None,
        "credits": None,
        "amount": "43.99",
        "tax_amount": "4.73",
        "remark": "PO 7",
        "reason": None,
        "fiscal_code": None,
        "fiscal_number": None,
        "sha256": None,
        "lines": [
            {
                "order_no": order_no, "sku": "A", "name": "商品 A", "unit": "件", "quantity": 2,
                "unit_price": "10.00", "tax_rate": "0.13", "amount": "20.00",
                "tax_amount": "2.30",
            },
            {
                "order_no": order_no, "sku": "B", "name": "商品 B", "unit": None, "quantity": 3,
                "unit_price": "3.33", "tax_rate": "0.09", "amount": "9.99",
                "tax_amount": "0.82",
            },
            {
                "order_no": order_no, "sku": None, "name": "运费", "unit": None, "quantity": 1,
                "unit_price": "14.00", "tax_rate": "0.13", "amount": "14.00",
                "tax_amount": "1.61",
            },
        ],
        "version": 1,
        "created_at": clock.to_text(invoice.created_at),
        "updated_at": clock.to_text(invoice.updated_at),
        "issued_at": None,
        "cancelled_at": None,
        "answered": (201, False),
    }  # fmt: skip
    covered = InvoicedOrder.objects.get()
    assert (covered.order.order_no, covered.amount, covered.is_live) == (
        order_no,
        Decimal("43.99"),
        True,
    )
    event = InvoiceEvent.objects.get()
    assert (event.from_status, event.to_status, event.actor) == ("", "requested", "key:test")
    message = told(merchant)[-1]
    assert message.type == "invoice.status_changed"
    row = {key: document[key] for key in document if key not in ("lines", "answered")}
    assert message.data == {"invoice": row}


def test_same_request_gives_the_invoice_as_it_is(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant)["order_no"]
    first = ask(merchant, order_no)
    issue(first)

    second = ask(merchant, order_no, remark="Another remark")

    assert second["answered"] == (200, True)
    assert (second["invoice_no"], second["status"]) == (first["invoice_no"], "issued")
    assert Invoice.objects.count() == 1


def test_lines_of_one_sku_are_one_when_an_order_was_split_and_moved(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 5), ("B", 3)])["order_no"]
    paid = Order.objects.get().total_amount
    split_off(f"{order_no}-1", {1: 2, 2: 1}, to="north")
    move(f"{order_no}-2", to="south")
    assert OrderLine.objects.count() > 2

    document = ask(merchant, order_no)

    assert lines_of(document) == [
        ("A", 5, "10.00", "50.00", "5.75"),
        ("B", 3, "3.33", "9.99", "0.82"),
        ("", 1, "20.00", "20.00", "2.30"),
    ]
    assert document["amount"] == str(paid) == "79.99"


def test_what_was_refunded_before_is_left_out(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant, items=[("A", 5), ("B", 1)])["order_no"]
    close(f"{order_no}-1", {1: 3, 2: 1})

    document = ask(merchant, order_no)

    assert lines_of(document) == [
        ("A", 2, "10.00", "20.00", "2.30"),
        ("", 1, "16.00", "16.00", "1.84"),
    ]
    order = Order.objects.get()
    assert Decimal(document["amount"]) == order.total_amount - order.refunded_amount


def test_what_was_kept_of_a_unit_is_a_line_of_its_own_when_less_than_its_price_was_refunded(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    claim = file_claim(merchant, f"{order_no}-1", {1: 1})
    approve(claim, {1: ApprovedLine(1, Decimal("6.00"))}, freight="3.00", note="Opened.")

    document = ask(merchant, order_no)

    assert lines_of(document) == [
        ("A", 2, "10.00", "20.00", "2.30"),
        ("A", 1, "4.00", "4.00", "0.46"),
        ("", 1, "7.00", "7.00", "0.81"),
    ]


@pytest.mark.parametrize(
    ("amount", "quantity", "pieces"),
    [
        ("10.00", 3, [(2, "3.33"), (1, "3.34")]),
        ("9.99", 3, [(3, "3.33")]),
        ("6.00", 0, [(1, "6.00")]),
        ("0.02", 3, [(2, "0.01")]),
        ("7.00", 2, [(2, "3.50")]),
    ],
)
def test_units_times_price_is_the_amount_to_the_cent(
    amount: str, quantity: int, pieces: list[tuple[int, str]]
) -> None:
    assert spread(Decimal(amount), quantity) == [(n, Decimal(price)) for n, price in pieces]


def refuse(
    act: Callable[[], object], error: type[Exception], *, pointer: str, **facts: object
) -> None:
    before = everything()
    with pytest.raises(error) as refused:
        act()
    [fault] = refused.value.faults  # type: ignore[attr-defined]
    assert fault.pointer == pointer
    assert {name: fault.facts.get(name) for name in facts} == facts
    assert everything() == before


def test_order_that_was_not_paid_is_refused(goods: World, merchant: Merchant) -> None:
    order_no = place(merchant)["order_no"]

    refuse(
        lambda: ask(merchant, order_no), OrderStateConflict, pointer="/order_no",
        status="pending_payment",
    )  # fmt: skip


def test_order_is_refused_when_everything_was_refunded(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant)["order_no"]
    close_all(order_no)

    refuse(lambda: ask(merchant, order_no), FieldInvalid, pointer="/order_no")


def test_order_is_refused_when_another_invoice_covers_it(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant)["order_no"]
    known = ask(merchant, order_no)

    refuse(
        lambda: ask(merchant, order_no, kind="special"), FieldInvalid, pointer="/order_no",
        invoice_no=known["invoice_no"],
    )  # fmt: skip
    person = make_title(merchant, PERSON)
    refuse(
        lambda: ask(merchant, order_no, title=person), FieldInvalid, pointer="/order_no",
        invoice_no=known["invoice_no"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "draft", [PERSON, *(replace(COMPANY, **{name: ""}) for name in ("address", "bank_account"))]
)
def test_special_invoice_is_refused_when_the_title_lacks_what_it_takes(
    goods: World, merchant: Merchant, draft: object
) -> None:
    order_no = pay(merchant)["order_no"]
    title = make_title(merchant, draft)  # type: ignore[arg-type]

    refuse(
        lambda: ask(merchant, order_no, title=title, kind="special"),
        FieldInvalid,
        pointer="/title_id",
    )


def test_special_invoice_is_taken_when_the_title_has_it_all(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant)["order_no"]

    assert ask(merchant, order_no, kind="special")["kind"] == "special"


def test_titles_and_orders_of_others_do_not_exist(
    goods: World, merchant: Merchant, stranger: Merchant
) -> None:
    order_no = pay(merchant)["order_no"]
    theirs = make_title(stranger)
    before = everything()

    with pytest.raises(Refusal) as refused:
        ask(stranger, order_no, title=make_title(merchant))

    faults = [(type(fault), fault.pointer) for fault in refused.value.faults]
    assert faults == [(NotFound, "/title_id"), (NotFound, "/order_no")]
    refuse(lambda: ask(merchant, order_no, title=theirs), Refusal, pointer="/title_id")
    assert everything() == before


def test_title_that_is_out_of_use_is_refused(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant)["order_no"]
    title = make_title(merchant)
    retire_title(title_id=title.title_id, actor="finance")

    refuse(lambda: ask(merchant, order_no, title=title), Refusal, pointer="/title_id")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "red"}, "/kind"),
        ({"order_no": ""}, "/order_no"),
        ({"statement_no": "S1"}, "/statement_no"),
        ({"remark": "x" * 201}, "/remark"),
    ],
)
def test_request_is_refused_when_its_form_is_wrong(
    goods: World, merchant: Merchant, fields: dict[str, str], pointer: str
) -> None:
    order_no = pay(merchant)["order_no"]
    request = InvoiceRequest(
        title_id=make_title(merchant).title_id, kind="general", order_no=order_no
    )

    refuse(
        lambda: invoicing.request_invoice(
            partner_id=merchant.partner.pk,
            request=replace(request, **fields),
            by="key:test",
            now=clock.now(),
        ),
        Refusal,
        pointer=pointer,
    )


def test_order_can_be_invoiced_anew_when_the_request_was_cancelled(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant)["order_no"]
    first = ask(merchant, order_no)
    cancel(first)

    second = ask(merchant, order_no, title=make_title(merchant, PERSON))

    assert second["answered"] == (201, False)
    assert sorted(InvoicedOrder.objects.values_list("invoice__invoice_no", "is_live")) == sorted(
        [(first["invoice_no"], False), (second["invoice_no"], True)]
    )


@pytest.fixture
def two_days(goods: World, merchant: Merchant) -> list[str]:
    """Orders of the first of March (two), and of the second (one); one is not paid."""
    at(merchant.partner, "2026-02-20 09:00")
    first = pay(merchant, "M-1", [("A", 1)])["order_no"]
    second = pay(merchant, "M-2", [("B", 2)])["order_no"]
    place(merchant, "M-3")
    at(merchant.partner, "2026-03-01 10:00")
    third = pay(merchant, "M-4", [("A", 2)])["order_no"]
    at(merchant.partner, "2026-03-02 10:00")
    return [first, second, third]


def test_all_orders_of_the_period_are_invoiced_when_it_is_for_a_statement(
    two_days: list[str], merchant: Merchant
) -> None:
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-01")

    document = ask(merchant, statement=statement)

    assert (document["order_no"], document["statement_no"]) == (None, statement.statement_no)
    assert [(line["order_no"], line["sku"], line["amount"]) for line in document["lines"]] == [
        (two_days[0], "A", "10.00"),
        (two_days[0], None, "8.00"),
        (two_days[1], "B", "6.66"),
        (two_days[1], None, "8.00"),
    ]
    assert document["amount"] == "32.66"
    assert set(InvoicedOrder.objects.values_list("order__order_no", "amount")) == {
        (two_days[0], Decimal("18.00")),
        (two_days[1], Decimal("14.66")),
    }
    again = ask(merchant, statement=statement)
    assert (again["answered"], again["invoice_no"]) == ((200, True), document["invoice_no"])


def test_what_is_covered_or_refunded_is_left_out_of_a_period(
    two_days: list[str], merchant: Merchant
) -> None:
    ask(merchant, two_days[0])
    close_all(two_days[1])
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-31")

    document = ask(merchant, statement=statement)

    assert {line["order_no"] for line in document["lines"]} == {two_days[2]}


def test_period_is_refused_when_nothing_is_left_of_it(
    two_days: list[str], merchant: Merchant
) -> None:
    known = [ask(merchant, order_no) for order_no in two_days]
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-31")

    refuse(
        lambda: ask(merchant, statement=statement), FieldInvalid, pointer="/statement_no",
        invoice_no=known[-1]["invoice_no"],
    )  # fmt: skip
    empty = make_statement(merchant.partner, "2026-03-05", "2026-03-06")
    refuse(
        lambda: ask(merchant, statement=empty), FieldInvalid, pointer="/statement_no",
        invoice_no=None,
    )  # fmt: skip


def test_period_is_refused_when_it_has_too_many_orders(
    two_days: list[str], merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoicing, "MAX_ORDERS", 2)
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-31")

    refuse(
        lambda: ask(merchant, statement=statement), TooManyItems, pointer="/statement_no",
        maximum=2,
    )  # fmt: skip


def test_statement_that_is_being_made_is_refused(two_days: list[str], merchant: Merchant) -> None:
    statement = Statement.objects.create(
        statement_no="S1", partner=merchant.partner, period_start="2026-03-01",
        period_end="2026-03-01", requested_by="test",
    )  # fmt: skip
    before = everything()

    with pytest.raises(StatementNotReady):
        ask(merchant, statement=statement)

    assert everything() == before


def test_statement_of_another_merchant_does_not_exist(
    two_days: list[str], merchant: Merchant, stranger: Merchant
) -> None:
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-01")

    refuse(lambda: ask(stranger, statement=statement), Refusal, pointer="/statement_no")


def test_requests_of_merchants_leave_no_trail_of_staff(goods: World, merchant: Merchant) -> None:
    ask(merchant, pay(merchant)["order_no"])

    assert not AuditEntry.objects.filter(action__contains="invoice").exists()
    assert InvoiceLine.objects.count() == 2
