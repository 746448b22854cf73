"""Bills under fire: everything at once comes to what one after the other does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError

from accounts.models import Partner
from accounts.services.books import verify_books
from reconciliation.models import Bill, BillPayment
from reconciliation.services import billing, settling
from reconciliation.services.billing import watch_due_bills
from reconciliation.services.settling import settle_bills, settle_partner
from tests.accounts.money_moves import add_money
from tests.cast import Merchant, make_merchant
from tests.orders.acts import told
from tests.racing import race
from tests.reconciliation.bill_rows import issue, set_due, write_entry, write_statement

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def debtor(transactional_db: None) -> Merchant:
    """With 100.00 of its credit line in use."""
    merchant = make_merchant("debtor", balance="0.00", credit_limit="500.00")
    write_entry(merchant.partner, "-100.00")
    return merchant


def owe(merchant: Merchant) -> Bill:
    bill = issue(write_statement(merchant.partner))
    assert bill is not None
    return bill


def types_told(merchant: Merchant) -> list[str]:
    return [message.type for message in told(merchant) if message.type.startswith("bill.")]


def list_wrong_bills() -> list[str]:
    """What the books say against bills; the ledger of these tests has no documents."""
    return [
        one.check
        for one in verify_books().differences
        if one.check.startswith(("bill", "payment", "overdue"))
    ]


def test_entry_pays_once_when_two_settle_at_once(debtor: Merchant) -> None:
    bill = owe(debtor)
    write_entry(debtor.partner, "60.00")
    settle = partial(settle_partner, partner_id=debtor.partner.pk)

    made = race(settle, settle, settle, settle)

    assert sorted(map(str, made)) == ["0", "0", "0", "1"]
    bill.refresh_from_db()
    assert (str(bill.paid_amount), bill.version) == ("60.00", 2)
    assert BillPayment.objects.count() == 1


def test_two_settlers_run_into_each_other_when_they_take_no_lock(
    debtor: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(debtor)
    write_entry(debtor.partner, "60.00")
    both, read = Barrier(2), settling._list_money_in

    def read_then_wait(partner_id: int, *, after: int) -> Iterator[Any]:
        rows = list(read(partner_id, after=after))
        both.wait(timeout=10)
        return iter(rows)

    monkeypatch.setattr(settling, "lock_partner", lambda pk: Partner.objects.get(pk=pk))
    monkeypatch.setattr(settling, "_list_money_in", read_then_wait)
    settle = partial(settle_partner, partner_id=debtor.partner.pk)

    made = race(settle, settle)

    assert [type(one) for one in made if one != 1] == [IntegrityError]


def test_one_bill_is_issued_when_its_statement_is_made_twice_at_once(debtor: Merchant) -> None:
    statement = write_statement(debtor.partner)

    made = race(*[partial(issue, statement)] * 3)

    assert [one for one in made if one is not None] == [Bill.objects.get()]
    assert types_told(debtor) == ["bill.issued"]


@pytest.mark.parametrize("_round", range(3))
def test_bill_is_paid_and_orders_go_on_when_the_money_comes_as_it_gets_overdue(
    debtor: Merchant, _round: int
) -> None:
    bill = owe(debtor)
    set_due(bill, -1)

    came, watched, _settled = race(
        partial(add_money, debtor.partner, "100.00", "T-1"), watch_due_bills, settle_bills
    )
    assert not isinstance(came, BaseException)
    settle_bills()

    bill.refresh_from_db()
    assert (bill.status, str(bill.paid_amount)) == ("paid", "100.00")
    assert Partner.objects.get(pk=debtor.partner.pk).has_overdue_bill is False
    # It was overdue for a moment, told once, or not at all.
    assert types_told(debtor) == ["bill.issued"] + ["bill.overdue"] * (watched == 1)
    assert (bill.overdue_at is not None) == (watched == 1)
    assert list_wrong_bills() == []


def test_bill_is_overdue_once_when_several_watch(debtor: Merchant) -> None:
    set_due(owe(debtor), -1)

    made = race(*[watch_due_bills] * 4)

    assert sorted(map(str, made)) == ["0", "0", "0", "1"]
    assert types_told(debtor) == ["bill.issued", "bill.overdue"]
    assert list_wrong_bills() == []


@pytest.mark.parametrize("_round", range(3))
def test_bill_asks_for_the_same_when_money_comes_as_it_is_issued(
    debtor: Merchant, _round: int
) -> None:
    statement = write_statement(debtor.partner)

    issued, *_others = race(
        partial(issue, statement),
        partial(add_money, debtor.partner, "70.00", "T-1"),
        settle_bills,
        billing.watch_due_bills,
    )
    settle_bills()

    assert isinstance(issued, Bill)
    bill = Bill.objects.get()
    assert (str(bill.amount), str(bill.paid_amount), bill.status) == ("100.00", "70.00", "open")
    assert list_wrong_bills() == []
