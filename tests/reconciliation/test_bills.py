"""Bills: what they ask for, what pays them, when they are overdue, and what that stops."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Contact, LedgerEntry, Partner
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE, to_text
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.locking import NotInTransaction
from openplatform.messaging.models import Mail
from orders.models import Order
from reconciliation import office
from reconciliation.models import Bill, BillPayment
from reconciliation.services import settling
from reconciliation.services.billing import issue_bill, watch_due_bills
from reconciliation.services.settling import change_bill, settle_bills, settle_partner
from reconciliation.states import BILL_TRANSITIONS, BillStatus
from tests.accounts.money_moves import add_money
from tests.cast import Merchant, World, make_merchant, order_body
from tests.orders.acts import assert_nothing_written, pay, told
from tests.reconciliation.bill_rows import (
    issue,
    let_month_pass,
    set_due,
    write_entry,
    write_statement,
    write_statement_of,
)
from tests.reconciliation.past import at, make_statement, month_ago


@pytest.fixture
def debtor(db: None) -> Merchant:
    """A merchant with a credit line and nothing of its own."""
    merchant = make_merchant("debtor", balance="0.00", credit_limit="100000.00")
    Contact.objects.create(
        partner=merchant.partner,
        name="Fang Wei",
        role="finance",
        email="fang@debtor.example",
        language="en",
        topics=["bill_due"],
    )
    return merchant


def owe(merchant: Merchant, amount: str = "100.00") -> Bill:
    """A bill over what an order took."""
    write_entry(merchant.partner, f"-{amount}")
    bill = issue(write_statement(merchant.partner))
    assert bill is not None
    return bill


def amounts(merchant: Merchant) -> list[tuple[str, str, str]]:
    """Amount, paid and status of each bill, the oldest first."""
    bills = Bill.objects.filter(partner=merchant.partner).order_by("id")
    return [(str(bill.amount), str(bill.paid_amount), bill.status) for bill in bills]


def payments(merchant: Merchant) -> list[tuple[int, str]]:
    rows = BillPayment.objects.filter(bill__partner=merchant.partner)
    rows = rows.order_by("entry_no", "bill_id")
    return [(row.entry_no, str(row.amount)) for row in rows]


def bill_messages(merchant: Merchant) -> list[tuple[str, dict[str, Any]]]:
    return [
        (message.type, message.data["bill"])
        for message in told(merchant)
        if message.type.startswith("bill.")
    ]


def today() -> date:
    return clock.now().astimezone(PLATFORM_ZONE).date()


# Issuing


def test_bill_asks_for_what_was_in_use_when_the_month_ended(debtor: Merchant) -> None:
    write_entry(debtor.partner, "30.00")
    write_entry(debtor.partner, "-130.50")
    statement = write_statement(debtor.partner)

    bill = issue(statement)

    assert bill is not None
    assert bill.bill_no.startswith("B")
    assert bill_messages(debtor) == [
        (
            "bill.issued",
            {
                "bill_no": bill.bill_no,
                "currency": "CNY",
                "period_start": month_ago(1).isoformat(),
                "period_end": (month_ago(0) - timedelta(days=1)).isoformat(),
                "statement_no": statement.statement_no,
                "status": "open",
                "amount": "100.50",
                "paid_amount": "0.00",
                "outstanding_amount": "100.50",
                "due_on": (today() + timedelta(days=15)).isoformat(),
                "issued_at": to_text(bill.issued_at),
                "overdue_at": None,
                "paid_at": None,
                "version": 1,
            },
        )
    ]
    mail = Mail.objects.get()
    assert mail.recipient_email == "fang@debtor.example"
    assert mail.subject == f"New bill {bill.bill_no}: 100.50 CNY, due on {bill.due_on}"
    assert f"GET /api/v1/bills/{bill.bill_no}" in mail.body
    assert "To be paid: 100.50 CNY" in mail.body


def test_bill_is_due_as_agreed_when_the_partner_has_days_of_its_own(debtor: Merchant) -> None:
    Partner.objects.filter(pk=debtor.partner.pk).update(payment_days=40)

    bill = owe(debtor)

    assert bill.due_on == today() + timedelta(days=40)


@pytest.mark.parametrize("amount", ["0.01", "500.00"])
def test_no_bill_is_issued_when_nothing_was_in_use(debtor: Merchant, amount: str) -> None:
    write_entry(debtor.partner, amount)

    assert issue(write_statement(debtor.partner)) is None
    assert issue(write_statement(make_merchant("new", balance="0.00").partner)) is None
    assert (Bill.objects.count(), Mail.objects.count()) == (0, 0)


def test_no_bill_is_issued_when_the_period_is_not_the_month_that_ended_last(
    debtor: Merchant,
) -> None:
    write_entry(debtor.partner, "-100.00")
    first, last = month_ago(1), month_ago(0) - timedelta(days=1)
    one_day = timedelta(days=1)
    statements = [
        write_statement(debtor.partner, months=2),
        write_statement_of(debtor.partner, last, last),
        write_statement_of(debtor.partner, first, last - one_day),
        write_statement_of(debtor.partner, first + one_day, last),
        write_statement_of(debtor.partner, month_ago(2), last),
    ]

    assert [issue(statement) for statement in statements] == [None] * len(statements)
    assert not Bill.objects.exists()


def test_month_is_billed_once_when_its_bill_is_there(debtor: Merchant) -> None:
    bill = owe(debtor)

    assert issue(bill.statement) is None

    assert amounts(debtor) == [("100.00", "0.00", "open")]
    assert len(bill_messages(debtor)) == 1


def test_next_bill_asks_for_the_rest_when_an_earlier_one_is_unpaid(debtor: Merchant) -> None:
    owe(debtor)
    let_month_pass(debtor.partner)
    write_entry(debtor.partner, "40.00")
    write_entry(debtor.partner, "-70.00")

    issue(write_statement(debtor.partner))

    assert amounts(debtor) == [("100.00", "40.00", "open"), ("70.00", "0.00", "open")]


def test_bill_is_the_same_when_the_next_month_pays_before_it_is_issued(debtor: Merchant) -> None:
    owe(debtor)
    let_month_pass(debtor.partner)
    closing = write_entry(debtor.partner, "-50.00")
    paying = write_entry(debtor.partner, "120.00")
    settle_bills()
    assert amounts(debtor) == [("100.00", "100.00", "paid")]

    issue(write_statement(debtor.partner, closing=closing))

    # 150.00 were in use at the closing, of which the first bill asked for 100.00; what its payment
    # left over is there for the second.
    assert amounts(debtor) == [("100.00", "100.00", "paid"), ("50.00", "20.00", "open")]
    assert payments(debtor) == [(paying, "100.00"), (paying, "20.00")]


def test_bill_is_paid_without_a_mail_when_enough_came_in_before_it_was_issued(
    debtor: Merchant,
) -> None:
    closing = write_entry(debtor.partner, "-50.00")
    write_entry(debtor.partner, "60.00")

    issue(write_statement(debtor.partner, closing=closing))

    assert amounts(debtor) == [("50.00", "50.00", "paid")]
    [(type, document)] = bill_messages(debtor)
    assert (type, document["status"], document["outstanding_amount"]) == (
        "bill.issued", "paid", "0.00",
    )  # fmt: skip
    assert not Mail.objects.exists()


def test_skipped_month_is_in_the_next_bill_when_its_statement_came_too_late(
    debtor: Merchant,
) -> None:
    write_entry(debtor.partner, "-30.00")
    skipped = write_statement(debtor.partner)
    let_month_pass(debtor.partner)
    write_entry(debtor.partner, "-12.00")

    assert issue(write_statement(debtor.partner)) is not None
    assert issue(skipped) is None

    assert amounts(debtor) == [("42.00", "0.00", "open")]


def test_bill_comes_with_the_statement_of_the_month_that_ended_last(
    shop: World, debtor: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=50)
    shop.open_pool_to(debtor)
    pay(debtor, "M-1")
    at(debtor.partner, f"{month_ago(1)} 12:00")
    pay(debtor, "M-2")  # of this month

    statements = [
        make_statement(debtor.partner, first, first + timedelta(days=days))
        for first, days in (
            (month_ago(1), (month_ago(0) - month_ago(1)).days - 1),
            (month_ago(2), (month_ago(1) - month_ago(2)).days - 1),
            (month_ago(1), 0),
        )
    ]

    bill = Bill.objects.get()
    assert (bill.statement, bill.amount) == (statements[0], Decimal("18.00"))
    types = [
        message.type for message in told(debtor) if message.type.endswith((".issued", "ready"))
    ]
    assert types[:2] == ["statement.ready", "bill.issued"]


def test_issuing_refuses_to_stand_alone(debtor: Merchant) -> None:
    statement = write_statement(debtor.partner)

    connection.in_atomic_block = False  # what the test itself has opened
    try:
        with pytest.raises(NotInTransaction):
            issue_bill(statement, now=clock.now())
    finally:
        connection.in_atomic_block = True


# Settling


def test_bill_is_paid_when_enough_came_in(debtor: Merchant) -> None:
    bill = owe(debtor)
    first = write_entry(debtor.partner, "60.00")
    write_entry(debtor.partner, "-10.00")
    second = write_entry(debtor.partner, "60.00")

    assert settle_bills() == 2

    bill.refresh_from_db()
    assert (bill.status, bill.paid_amount, bill.version) == ("paid", Decimal("100.00"), 2)
    assert bill.paid_at is not None
    assert payments(debtor) == [(first, "60.00"), (second, "40.00")]
    assert settle_bills() == 0


def test_entry_pays_the_oldest_bill_first_when_there_are_several(debtor: Merchant) -> None:
    owe(debtor, "100.00")
    let_month_pass(debtor.partner)
    owe(debtor, "30.00")
    let_month_pass(debtor.partner)
    owe(debtor, "7.00")
    entry_no = write_entry(debtor.partner, "120.00")

    settle_bills()

    assert amounts(debtor) == [
        ("100.00", "100.00", "paid"), ("30.00", "20.00", "open"), ("7.00", "0.00", "open"),
    ]  # fmt: skip
    assert payments(debtor) == [(entry_no, "100.00"), (entry_no, "20.00")]


def test_entry_before_the_closing_pays_nothing(debtor: Merchant) -> None:
    write_entry(debtor.partner, "25.00")
    owe(debtor, "100.00")

    assert settle_bills() == 0

    assert amounts(debtor) == [("75.00", "0.00", "open")]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_all_entries_count_when_they_are_read_in_batches(
    debtor: Merchant, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    owe(debtor, "5.00")
    monkeypatch.setattr(settling, "BATCH", batch)
    for _number in range(6):
        write_entry(debtor.partner, "1.00")

    assert settle_bills() == 5

    assert amounts(debtor) == [("5.00", "5.00", "paid")]


def test_look_reads_on_from_where_it_was_when_nothing_was_left(debtor: Merchant) -> None:
    bill = owe(debtor)
    last = write_entry(debtor.partner, "-1.00")
    assert settle_bills() == 0
    assert settling._looked_to == {bill.bill_no: last}

    write_entry(debtor.partner, "30.00")

    assert settle_bills() == 1
    assert amounts(debtor) == [("100.00", "30.00", "open")]
    write_entry(debtor.partner, "70.00")
    assert settle_bills() == 1
    assert settle_bills() == 0
    assert settling._looked_to == {}


def test_others_are_settled_when_one_merchant_is_locked_for_long(
    debtor: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = owe(debtor)
    other = make_merchant("other", balance="0.00", credit_limit="50.00")
    owe(other, "20.00")
    for merchant in (debtor, other):
        write_entry(merchant.partner, "10.00")
    settle = settle_partner

    def refuse_one(*, partner_id: int, after: int) -> int:
        if partner_id == debtor.partner.pk:
            raise TemporarilyUnavailable
        return settle(partner_id=partner_id, after=after)

    monkeypatch.setattr(settling, "settle_partner", refuse_one)
    assert settle_bills() == 1
    monkeypatch.undo()

    assert amounts(other) == [("20.00", "10.00", "open")]
    bill.refresh_from_db()
    assert bill.paid_amount == 0
    assert settle_bills() == 1
    assert amounts(debtor) == [("100.00", "10.00", "open")]


@pytest.mark.parametrize("start", BillStatus)
@pytest.mark.parametrize("end", BillStatus)
def test_bill_moves_only_along_the_table(
    debtor: Merchant, start: BillStatus, end: BillStatus
) -> None:
    bill = owe(debtor)
    paid = {"paid_amount": bill.amount, "paid_at": clock.now()}
    Bill.objects.update(status=start, **(paid if start == BillStatus.PAID else {}))
    bill.refresh_from_db()
    is_allowed = start == end or end in BILL_TRANSITIONS[start]

    with transaction.atomic():
        if is_allowed:
            change_bill(bill, to=end, **(paid if end == BillStatus.PAID else {}))
        else:
            with pytest.raises(ValueError, match=bill.bill_no):
                change_bill(bill, to=end)

    bill.refresh_from_db()
    assert (bill.status, bill.version) == ((end, 2) if is_allowed else (start, 1))


# Watching


def test_bill_is_overdue_once_its_day_has_passed(debtor: Merchant) -> None:
    bill = owe(debtor)
    told(debtor)
    Mail.objects.all().delete()
    set_due(bill, 0, issued=15)
    assert watch_due_bills() == 1  # the reminder
    assert debtor_flag(debtor) is False

    set_due(bill, -1)

    assert watch_due_bills() == 1
    bill.refresh_from_db()
    assert (bill.status, bill.version) == ("overdue", 2)
    assert bill.overdue_at is not None
    assert debtor_flag(debtor) is True
    [(_issued, _first), (type, document)] = bill_messages(debtor)
    assert type == "bill.overdue"
    assert document["overdue_at"] == to_text(bill.overdue_at)
    assert document["outstanding_amount"] == "100.00"
    mail = Mail.objects.order_by("id").last()
    assert mail is not None
    assert mail.subject == f"Bill {bill.bill_no} is overdue: 100.00 CNY"
    assert "account_overdue" in mail.body
    assert watch_due_bills() == 0


def debtor_flag(merchant: Merchant) -> bool:
    return Partner.objects.get(pk=merchant.partner.pk).has_overdue_bill


@pytest.mark.parametrize(
    ("days", "issued", "is_reminded"),
    [
        (4, 10, False),
        (3, 10, True),
        (0, 10, True),
        (3, 0, False),  # it was issued that late
        (3, 1, True),
    ],
)
def test_bill_is_called_to_mind_once_when_it_is_near(
    debtor: Merchant, days: int, issued: int, is_reminded: bool
) -> None:
    bill = owe(debtor)
    Mail.objects.all().delete()
    set_due(bill, days, issued=issued)

    assert watch_due_bills() == int(is_reminded)

    bill.refresh_from_db()
    assert (bill.reminded_at is not None, bill.status) == (is_reminded, "open")
    subjects = [f"Bill {bill.bill_no} over 100.00 CNY is due on {bill.due_on}"] * is_reminded
    assert list(Mail.objects.values_list("subject", flat=True)) == subjects
    assert watch_due_bills() == 0


def test_bill_is_paid_instead_of_overdue_when_the_money_was_not_looked_at_yet(
    debtor: Merchant,
) -> None:
    bill = owe(debtor)
    set_due(bill, -1)
    write_entry(debtor.partner, "100.00")

    assert watch_due_bills() == 0

    assert amounts(debtor) == [("100.00", "100.00", "paid")]
    assert debtor_flag(debtor) is False
    assert [type for type, _document in bill_messages(debtor)] == ["bill.issued"]


def test_flag_goes_when_the_last_overdue_bill_is_paid(debtor: Merchant) -> None:
    set_due(owe(debtor, "100.00"), -40)
    let_month_pass(debtor.partner)
    set_due(owe(debtor, "50.00"), -1)
    let_month_pass(debtor.partner)
    owe(debtor, "1.00")
    assert watch_due_bills() == 2

    write_entry(debtor.partner, "149.99")
    settle_bills()
    assert (debtor_flag(debtor), amounts(debtor)[1]) == (True, ("50.00", "49.99", "overdue"))

    write_entry(debtor.partner, "0.01")
    settle_bills()
    assert (debtor_flag(debtor), amounts(debtor)[1]) == (False, ("50.00", "50.00", "paid"))
    assert amounts(debtor)[2] == ("1.00", "0.00", "open")


def test_worker_runs_both_loops() -> None:
    assert {loop.name for loop in office.LOOPS} >= {"settle bills", "watch due bills"}


# Placing


@pytest.fixture
def overdue(shop: World, merchant: Merchant) -> Merchant:
    """A merchant of the shop with money enough, and a bill that is overdue."""
    shop.make_sku("A", price="10.00", north=5, min_quantity=2)
    Partner.objects.filter(pk=merchant.partner.pk).update(has_overdue_bill=True)
    return merchant


def test_order_is_refused_when_a_bill_is_overdue(overdue: Merchant) -> None:
    response = overdue.api.post("/orders", order_body(items=[("A", 2)]))

    assert (response.status_code, response.json()["code"]) == (402, "account_overdue")
    assert_nothing_written()


def test_what_is_wrong_with_the_order_comes_first_when_a_bill_is_overdue(
    overdue: Merchant,
) -> None:
    for items, status, code in (
        ([("A", 1)], 422, "below_minimum"),
        ([("A", 6)], 409, "stock_insufficient"),
    ):
        response = overdue.api.post("/orders", order_body(items=items))

        assert (response.status_code, response.json()["code"]) == (status, code)


def test_order_is_placed_when_it_was_agreed_that_overdue_bills_do_not_stop(
    overdue: Merchant,
) -> None:
    Partner.objects.update(orders_while_overdue=True)

    assert overdue.api.post("/orders", order_body(items=[("A", 2)])).status_code == 201


def test_quote_says_so_when_a_bill_is_overdue(overdue: Merchant) -> None:
    body = {"items": [{"sku": "A", "quantity": 2}], "consignee": order_body()["consignee"]}

    document = overdue.api.post("/orders/quotes", body).json()

    assert [error["code"] for error in document["errors"]] == ["account_overdue"]
    assert document["quote_id"] is None


def test_order_is_confirmed_and_known_when_a_bill_became_overdue(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=5)
    body = order_body()
    order_no = merchant.api.post("/orders", body).json()["order_no"]
    Partner.objects.update(has_overdue_bill=True)

    assert merchant.api.post("/orders", body).status_code == 200  # the same order
    assert merchant.api.post(f"/orders/{order_no}/confirm").status_code == 200
    assert Order.objects.get().status == "paid"


def test_top_up_pays_the_bill_and_orders_are_placed_again(shop: World) -> None:
    shop.make_sku("A", price="10.00", north=50)
    debtor = make_merchant("debtor", balance="0.00", credit_limit="100.00")
    shop.open_pool_to(debtor)
    pay(debtor, "M-1")  # 18.00 with freight
    bill = issue(write_statement(debtor.partner))
    assert bill is not None
    assert bill.amount == Decimal("18.00")
    set_due(bill, -1)
    watch_due_bills()
    assert debtor.api.post("/orders", order_body("M-2")).json()["code"] == "account_overdue"

    add_money(debtor.partner, "18.00", "T-1")
    settle_bills()

    assert debtor.api.post("/orders", order_body("M-2")).status_code == 201
    entry = LedgerEntry.objects.get(kind="top_up", partner=debtor.partner)
    assert BillPayment.objects.get().at == entry.created_at
