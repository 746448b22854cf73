"""Statements and bills are held against the ledger: what was damaged is named, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.db import connection

from accounts.models import Partner
from accounts.services.books import verify_books
from reconciliation.models import Bill, Statement
from reconciliation.services.settling import settle_bills
from tests.accounts.damaging import (  # noqa: F401 - fixtures
    books_db,
    find_differences,
    repeatable_read,
)
from tests.accounts.money_moves import add_money, hold
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay, place
from tests.reconciliation.bill_rows import issue, let_month_pass, write_entry, write_statement
from tests.reconciliation.past import at, make_statement

FIRST, SECOND, AFTER = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
READY = """
    INSERT INTO reconciliation_statement (
        statement_no, partner_id, period_start, period_end, status, due_at, ready_at, requested_by,
        opening_entry_no, opening_balance, opening_held_amount, opening_credit_limit,
        closing_entry_no, closing_balance, closing_held_amount, closing_credit_limit,
        top_up_amount, order_payment_amount, refund_amount, adjustment_amount, withdrawal_amount,
        row_count
    ) VALUES (
        %s, %s, %s, %s, 'ready', NULL, clock_timestamp(), 'test', %s, %s, %s, %s, %s, %s, %s, %s,
        %s, 0, 0, 0, 0, 1
    )
"""


def damage(statement: str, parameters: Sequence[Any] = ()) -> None:
    """Do what triggers are there to refuse."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        try:
            cursor.execute(statement, parameters)
            assert cursor.rowcount > 0
        finally:
            cursor.execute("SET session_replication_role = origin")


def write_ready(no: str, partner: Partner, first: date, after: date, *figures: Any) -> None:
    """A ready statement: opening entry, balance, held, credit line; closing the same; top-ups."""
    with connection.cursor() as cursor:
        cursor.execute(READY, [no, partner.pk, first, after - timedelta(days=1), *figures])


@pytest.fixture
def acme(books_db: None) -> Partner:  # noqa: F811
    """Statements of January (S1) and February (S2): 100.00, 50.00 of it held, and 20.00 more."""
    partner = make_merchant("acme", balance="100.00", credit_limit="70.00").partner
    at(partner, "2025-12-31 23:59:59.999999")
    assert hold(partner.pk, "O-1", "50.00")
    at(partner, "2026-01-31 23:59")
    add_money(partner, "20.00", "T-1")
    at(partner, "2026-02-01 00:00")  # the first moment of February
    assert hold(partner.pk, "O-2", "7.00")
    at(partner, "2026-03-01 00:00")  # and of March
    write_ready("S1", partner, FIRST, SECOND, 1, 100, 0, 70, 1, 100, 50, 70, 0)
    write_ready("S2", partner, SECOND, AFTER, 1, 100, 50, 70, 2, 120, 50, 70, 20)
    assert found_of_statements() == []
    return partner


def found_of_statements() -> list[tuple[str, str, str | None, str | None]]:
    """Check, document, expected, found: of statements alone, as no orders are behind the holds."""
    return [
        (check, document, expected, found)
        for check, _partner, document, expected, found in find_differences()
        if document.startswith("statement")
    ]


class Case(NamedTuple):
    """A damage to S2, by columns, and what is found of it: check and the two values."""

    change: str
    checks: list[tuple[str, str, str]]
    continuity: list[tuple[str, str, str]] = []


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "opening_entry_no = 0",
            [
                ("opening_entry_no", "1", "0"),
                ("top_up_amount", "120.00", "20.00"),
            ],
            [("begins_at_entry", "1", "0")],
        ),
        Case(
            "opening_balance = 99, top_up_amount = 21",
            [("opening_balance", "100.00", "99.00"), ("top_up_amount", "20.00", "21.00")],
            [("begins_with_balance", "100.00", "99.00")],
        ),
        Case(
            "opening_held_amount = 0",
            [("opening_held_amount", "50.00", "0.00")],
            [("begins_with_held", "50.00", "0.00")],
        ),
        Case(
            "opening_credit_limit = 0",
            [("opening_credit_limit", "70.00", "0.00")],
            [("begins_with_credit_limit", "70.00", "0.00")],
        ),
        Case(
            "closing_entry_no = 1",
            [("closing_entry_no", "2", "1"), ("top_up_amount", "0.00", "20.00")],
        ),
        Case(
            "closing_entry_no = 3",
            [("closing_entry_no", "2", "3"), ("entry_count", "1", "2")],
        ),
        Case(
            "closing_balance = 121, adjustment_amount = 1",
            [("adjustment_amount", "0.00", "1.00"), ("closing_balance", "120.00", "121.00")],
        ),
        Case("closing_held_amount = 57", [("closing_held_amount", "50.00", "57.00")]),
        Case("closing_credit_limit = 1", [("closing_credit_limit", "70.00", "1.00")]),
        Case(
            "top_up_amount = 22, order_payment_amount = -2",
            [("order_payment_amount", "0.00", "-2.00"), ("top_up_amount", "20.00", "22.00")],
        ),
        Case(
            "refund_amount = 5, withdrawal_amount = -5",
            [("refund_amount", "0.00", "5.00"), ("withdrawal_amount", "0.00", "-5.00")],
        ),
    ],
    ids=lambda case: case.change,
)
def test_statement_is_named_when_it_was_damaged(acme: Partner, case: Case) -> None:
    damage(
        f"UPDATE reconciliation_statement SET {case.change} WHERE statement_no = 'S2'"  # noqa: S608 - of the table above
    )

    found = found_of_statements()

    assert sorted(found) == sorted(
        [
            *((f"statement_{name}", "statement S2", *values) for name, *values in case.checks),
            *(
                (f"statement_{name}", "statement S2 after S1", *values)
                for name, *values in case.continuity
            ),
        ]
    )


@pytest.mark.parametrize(
    ("statement", "checks"),
    [
        (
            "UPDATE accounts_ledgerentry SET amount = 30, balance_after = 130 WHERE entry_no = 2",
            {"statement_top_up_amount", "statement_closing_balance"},
        ),
        (
            "UPDATE accounts_ledgerentry SET created_at = '2026-03-01 00:00+08' WHERE entry_no = 2",
            {"statement_closing_entry_no", "statement_closing_balance"},
        ),
        (
            "UPDATE accounts_ledgerentry SET kind = 'adjustment' WHERE entry_no = 2",
            {"statement_top_up_amount", "statement_adjustment_amount"},
        ),
        (
            "DELETE FROM accounts_ledgerentry WHERE entry_no = 2",
            {
                "statement_top_up_amount",
                "statement_closing_balance",
                "statement_closing_entry_no",
                "statement_entry_count",
            },
        ),
        (
            "UPDATE accounts_holdentry SET created_at = '2026-02-01 00:00+08' WHERE hold_no = 2",
            {"statement_closing_held_amount"},
        ),
        (
            "UPDATE accounts_creditlimitchange SET created_at = '2026-02-15 00:00+08'",
            {"statement_opening_credit_limit", "statement_closing_credit_limit"},
        ),
    ],
)
def test_statement_is_named_when_its_history_was_damaged(
    acme: Partner, statement: str, checks: set[str]
) -> None:
    damage(statement)

    found = found_of_statements()

    assert {check for check, document, _expected, _found in found} == checks


def test_statement_is_left_out_when_it_was_not_there_yet(acme: Partner) -> None:
    before = Statement.objects.get(statement_no="S2").ready_at
    assert before is not None
    damage("UPDATE reconciliation_statement SET closing_held_amount = 1 WHERE statement_no = 'S2'")

    differences = verify_books(as_of=before - timedelta(microseconds=1)).differences

    assert not [one for one in differences if one.document.startswith("statement")]
    assert [one for one in verify_books(as_of=before).differences if one.document == "statement S2"]


def test_statement_that_is_being_made_or_failed_is_not_looked_at(acme: Partner) -> None:
    damage("UPDATE reconciliation_statement SET closing_held_amount = 1 WHERE statement_no = 'S2'")
    damage(
        "UPDATE reconciliation_statement SET status = 'failed', ready_at = NULL"
        " WHERE statement_no = 'S2'"
    )

    assert found_of_statements() == []


def test_nothing_is_found_when_statements_were_made_and_orders_were_open_at_midnight(
    books_db: None,  # noqa: F811
    shop: World,
    merchant: Merchant,
) -> None:
    shop.make_sku("A", price="10.00", north=50)
    at(merchant.partner, "2026-01-03 10:00")
    pay(merchant, "M-1")
    open_order = place(merchant, "M-2")
    at(merchant.partner, "2026-01-31 23:59:59.999999")
    place(merchant, "M-3")
    at(merchant.partner, "2026-02-01 00:00")
    assert merchant.api.post(f"/orders/{open_order['order_no']}/confirm").status_code == 200
    at(merchant.partner, "2026-02-10 12:00")

    made = [
        make_statement(merchant.partner, *period)
        for period in (
            ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-28"),
            ("2026-01-31", "2026-01-31"), ("2026-02-01", "2026-02-01"),
            ("2025-12-20", "2026-01-02"), ("2026-01-03", "2026-02-09"),
        )
    ]  # fmt: skip

    assert {statement.status for statement in made} == {"ready"}
    assert {statement.closing_held_amount for statement in made[:2]} == {Decimal("18.00")}
    assert find_differences() == []


# Bills


@pytest.fixture
def debtor(books_db: None) -> Partner:  # noqa: F811
    """Bills over 100.00 and 40.00 that closed at entries 1 and 2; entries 3 and 4 brought 70.00
    and 50.00.
    """
    partner = make_merchant("debtor", balance="0.00", credit_limit="500.00").partner
    write_entry(partner, "-100.00")
    issue(write_statement(partner))
    let_month_pass(partner)
    write_entry(partner, "-40.00")
    issue(write_statement(partner))
    write_entry(partner, "70.00")
    write_entry(partner, "50.00")
    settle_bills()
    assert found_of_bills() == []
    return partner


def found_of_bills() -> list[tuple[str, str, str | None, str | None]]:
    """Check, document with the place of the bill for its number, expected, found."""
    numbers = {
        bill_no: f"#{place + 1}"
        for place, bill_no in enumerate(
            Bill.objects.order_by("id").values_list("bill_no", flat=True)
        )
    }
    found = []
    for check, _partner, document, expected, value in find_differences():
        if check.startswith(("bill", "payment", "overdue")):
            words = [numbers.get(word, word) for word in document.split()]
            found.append((check, " ".join(words), expected, value))
    return found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE reconciliation_bill SET amount = 41 WHERE amount = 40",
            [("bill_amount", "bill #2", "40.00", "41.00")],
        ),
        (
            "UPDATE reconciliation_bill SET paid_amount = 21 WHERE amount = 40",
            [("bill_paid_amount", "bill #2", "20.00", "21.00")],
        ),
        (
            "UPDATE reconciliation_billpayment SET amount = 19"
            " WHERE bill_id = (SELECT max(id) FROM reconciliation_bill)",
            [("bill_paid_amount", "bill #2", "19.00", "20.00")],
        ),
        (
            "UPDATE reconciliation_billpayment SET entry_no = 9"
            " WHERE bill_id = (SELECT max(id) FROM reconciliation_bill)",
            [("payment_without_entry", "bill #2 entry 9", None, "20.00")],
        ),
        (
            "UPDATE reconciliation_billpayment SET entry_no = 2"
            " WHERE bill_id = (SELECT max(id) FROM reconciliation_bill)",
            [
                ("payment_before_closing", "bill #2 entry 2", "after entry 2", "entry 2"),
                (
                    "payment_before_older_bills",
                    "bill #2 entry 2",
                    "older bills paid: 100.00",
                    "0.00",
                ),
                ("payment_without_entry", "bill #2 entry 2", None, "20.00"),
                ("payments_of_entry", "entry 2", "at most -40.00", "20.00"),
            ],
        ),
        (
            "UPDATE reconciliation_billpayment SET entry_no = 3"
            " WHERE bill_id = (SELECT max(id) FROM reconciliation_bill)",
            [
                (
                    "payment_before_older_bills",
                    "bill #2 entry 3",
                    "older bills paid: 100.00",
                    "70.00",
                ),
                ("payments_of_entry", "entry 3", "at most 70.00", "90.00"),
            ],
        ),
        (
            "UPDATE accounts_ledgerentry SET amount = 49 WHERE entry_no = 4",
            [("payments_of_entry", "entry 4", "at most 49.00", "50.00")],
        ),
        (
            "UPDATE accounts_partner SET has_overdue_bill = TRUE",
            [("overdue_flag", "partner", "false", "true")],
        ),
        (
            "UPDATE reconciliation_bill SET status = 'overdue' WHERE amount = 40",
            [("overdue_flag", "partner", "true", "false")],
        ),
    ],
)
def test_bill_is_named_when_it_or_a_payment_was_damaged(
    debtor: Partner, statement: str, found: list[tuple[str, ...]]
) -> None:
    damage(statement)

    named = [one for one in found_of_bills() if one[0] != "payment_time"]  # as another entry's

    assert named == found


def test_payment_is_named_when_its_time_was_damaged(debtor: Partner) -> None:
    damage(
        "UPDATE reconciliation_billpayment SET at = '2026-01-01Z'"
        " WHERE bill_id = (SELECT max(id) FROM reconciliation_bill)"
    )

    [(check, document, expected, found)] = found_of_bills()

    assert (check, document, found) == (
        "payment_time", "bill #2 entry 4", "2026-01-01T08:00:00.000000+08:00",
    )  # fmt: skip
    assert expected is not None


def test_bill_is_named_when_it_is_another_partners(debtor: Partner) -> None:
    make_merchant("other", balance="0.00")
    damage(
        "UPDATE reconciliation_bill SET partner_id ="
        " (SELECT id FROM accounts_partner WHERE code = 'other') WHERE amount = 40"
    )

    assert ("bill_partner", "bill #2", "debtor", "other") in found_of_bills()


def test_money_that_pays_no_bill_is_named_when_it_lies_there_for_an_hour(debtor: Partner) -> None:
    write_entry(debtor, "5.00")
    assert found_of_bills() == []

    damage(
        "UPDATE accounts_ledgerentry SET created_at = clock_timestamp() - interval '61 minutes'"
        " WHERE entry_no = 5"
    )

    assert found_of_bills() == [("bill_not_settled", "bill #2", "5.00 of entry 5", None)]
    settle_bills()
    assert found_of_bills() == []
