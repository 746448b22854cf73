"""Statements are made: the range of a period, what stands in its columns, and who is told."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction

from accounts.models import Contact, LedgerEntry, Partner, Wallet
from accounts.services.terms import change_credit_limit
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.statements import send
from openplatform.messaging.models import Mail, Outbox
from orders.models import OrderLine
from reconciliation.models import Statement, StatementFile
from reconciliation.selectors.periods import read_held_amount
from reconciliation.services.making import (
    Range,
    _complete,
    checked,
    make_due_statement,
    make_statement_now,
)
from reconciliation.services.papers import MAX_ATTEMPTS, LeaseLost, take_due
from reconciliation.services.requesting import request_statement
from reconciliation.services.scheduling import PLATFORM
from tests.accounts.money_moves import add_money
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay, place, told
from tests.reconciliation.past import at, make_statement

FEBRUARY = (date(2026, 2, 1), date(2026, 2, 28))
MARCH = (date(2026, 3, 1), date(2026, 3, 31))
APRIL = (date(2026, 4, 1), date(2026, 4, 30))


@pytest.fixture
def lively(merchant: Merchant, shop: World, admin_user: User) -> Merchant:
    """Money, orders, a hold and a credit line in March; another top-up in April."""
    shop.make_sku("A", price="10.00", north=50)
    shop.make_sku("B", price="2.50", south=50)
    at(merchant.partner, "2026-02-10 09:00")
    pay(merchant, "M-1", [("A", 2), ("B", 4)])
    at(merchant.partner, "2026-03-05 10:00")
    add_money(merchant.partner, "500.00", "T-1", note="ICBC")
    at(merchant.partner, "2026-03-10 11:00")
    change_credit_limit(
        partner_code="acme", credit_limit=Decimal("3000.00"), reason="agreed", user=admin_user,
        now=clock.now(),
    )  # fmt: skip
    place(merchant, "M-2", [("A", 1)])
    at(merchant.partner, "2026-03-20 12:00")
    add_money(merchant.partner, "70.00", "T-2")
    at(merchant.partner, "2026-04-02 08:00")
    return merchant


def ask(partner: Partner, period: tuple[date, date], *, by: str = "key:op_test") -> Statement:
    return request_statement(
        partner_id=partner.pk, period_start=period[0], period_end=period[1], by=by,
        now=clock.now(),
    )  # fmt: skip


def test_statement_has_both_ends_and_the_sums_between(lively: Merchant) -> None:
    statement = make_statement(lively.partner, *MARCH)

    assert statement.status == "ready"
    assert (statement.opening_entry_no, statement.closing_entry_no) == (1, 3)
    assert statement.opening_balance == Decimal("10000.00")
    assert statement.order_payment_amount == Decimal(
        "-50.00"
    )  # 30.00, and 8.00 and 12.00 of freight
    assert statement.top_up_amount == Decimal("500.00")
    assert statement.refund_amount == statement.adjustment_amount == Decimal("0.00")
    assert statement.withdrawal_amount == Decimal("0.00")
    assert statement.closing_balance == Decimal("10450.00")
    assert statement.opening_held_amount == Decimal("0.00")
    assert statement.closing_held_amount == Decimal("18.00")
    assert statement.opening_credit_limit == Decimal("0.00")
    assert statement.closing_credit_limit == Decimal("3000.00")
    assert statement.row_count == 6  # two entries, two lines, two parts with freight
    assert statement.due_at is None
    assert {(file.format, file.language) for file in statement.files.all()} == {
        (format, language) for format in ("csv", "xlsx", "pdf") for language in ("zh-hans", "en")
    }


def test_a_period_opens_with_what_the_one_before_closed_with(lively: Merchant) -> None:
    february, march, april = (
        make_statement(lively.partner, *period) for period in (FEBRUARY, MARCH, APRIL)
    )

    for before, after in ((february, march), (march, april)):
        assert after.opening_entry_no == before.closing_entry_no
        assert after.opening_balance == before.closing_balance
        assert after.opening_held_amount == before.closing_held_amount
        assert after.opening_credit_limit == before.closing_credit_limit
    assert february.opening_balance == Decimal("0.00")
    assert april.closing_balance == Wallet.objects.get(pk=lively.partner.pk).balance


def test_an_entry_of_midnight_belongs_to_the_day_that_begins(merchant: Merchant) -> None:
    at(merchant.partner, "2026-03-01 00:00:00.000000")
    add_money(merchant.partner, "1.00", "T-1")
    at(merchant.partner, "2026-03-31 23:59:59.999999")
    add_money(merchant.partner, "2.00", "T-2")
    at(merchant.partner, "2026-04-01 00:00:00.000000")

    february, march, april = (
        make_statement(merchant.partner, *period) for period in (FEBRUARY, MARCH, APRIL)
    )

    assert (february.closing_entry_no, february.row_count) == (0, 0)
    assert (march.opening_entry_no, march.closing_entry_no) == (0, 2)
    assert march.top_up_amount == Decimal("10001.00")
    assert (april.opening_entry_no, april.closing_entry_no) == (2, 3)
    assert april.top_up_amount == Decimal("2.00")


def test_the_last_of_several_entries_of_one_microsecond_is_the_closing_one(
    merchant: Merchant,
) -> None:
    for number in range(5):
        add_money(merchant.partner, "1.00", f"T-{number}")
    at(merchant.partner, "2026-03-31 23:59:59.999999")

    march = make_statement(merchant.partner, *MARCH)

    assert (march.closing_entry_no, march.closing_balance) == (6, Decimal("10005.00"))


def test_statement_without_entries_has_equal_ends_and_all_files(merchant: Merchant) -> None:
    at(merchant.partner, "2026-02-10 09:00")

    march = make_statement(merchant.partner, *MARCH)

    assert (march.opening_entry_no, march.closing_entry_no, march.row_count) == (1, 1, 0)
    assert march.opening_balance == march.closing_balance == Decimal("10000.00")
    assert march.files.count() == 6


def test_statement_of_a_wallet_without_history_is_all_zeros(db: None) -> None:
    partner = make_merchant("new", balance="0.00").partner

    march = make_statement(partner, *MARCH)

    assert (march.opening_entry_no, march.closing_entry_no, march.row_count) == (0, 0, 0)
    assert march.opening_balance == march.closing_balance == Decimal("0.00")
    assert march.closing_held_amount == march.closing_credit_limit == Decimal("0.00")


def test_held_amount_is_found_among_many_holds(merchant: Merchant, shop: World) -> None:
    shop.make_sku("A", price="1.00", north=50)
    at(merchant.partner, "2026-02-10 09:00")
    for number in range(1, 8):
        place(merchant, f"M-{number}")
        at(merchant.partner, f"2026-03-0{number} 09:00")

    held = [
        read_held_amount(partner_id=merchant.partner.pk, before=date(2026, 3, day))
        for day in range(1, 10)
    ]

    assert held == [Decimal(amount) for amount in (0, 9, 18, 27, 36, 45, 54, 63, 63)]


def test_ready_statement_never_changes(lively: Merchant) -> None:
    statement = make_statement(lively.partner, *MARCH)
    files = list(statement.files.order_by("id").values_list("file", "sha256"))

    again = make_statement(lively.partner, *MARCH)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Statement.objects.update(closing_balance=0, opening_balance=0)

    assert again == statement
    assert list(statement.files.order_by("id").values_list("file", "sha256")) == files
    assert make_due_statement() == 0


def test_merchant_is_told_once_with_the_whole_statement(lively: Merchant) -> None:
    statement = make_statement(lively.partner, *MARCH)

    (message,) = [found for found in told(lively) if found.type == "statement.ready"]
    data = message.data["statement"]
    assert data["statement_no"] == statement.statement_no
    assert data["status"] == "ready"
    assert data["closing"] == {
        "balance": "10450.00", "held_amount": "18.00", "credit_limit": "3000.00",
    }  # fmt: skip
    assert data["totals"]["order_payment"] == "-50.00"
    assert [file["url"] for file in data["files"]] == [None] * 6


@pytest.mark.parametrize(
    ("period", "by", "mails"),
    [
        (MARCH, PLATFORM, 1),
        ((date(2026, 3, 5), date(2026, 3, 5)), PLATFORM, 0),
        ((date(2026, 3, 5), date(2026, 3, 5)), "key:op_test", 1),
        ((date(2026, 3, 5), date(2026, 3, 9)), "operator", 1),
    ],
)
def test_people_are_mailed_but_not_of_every_day(
    lively: Merchant, period: tuple[date, date], by: str, mails: int
) -> None:
    Contact.objects.create(
        partner=lively.partner, name="Li", role=Contact.Role.FINANCE, email="li@example.com",
        language="en", topics=[Contact.Topic.STATEMENT_READY],
    )  # fmt: skip

    statement = ask(lively.partner, period, by=by)
    assert make_due_statement() == 1

    found = list(Mail.objects.filter(topic="statement_ready"))
    assert len(found) == mails
    for mail in found:
        assert statement.statement_no in mail.body
        assert "Order payments: -50.00" in mail.body


def test_mail_of_a_month_names_it(lively: Merchant) -> None:
    for language in ("en", "zh-hans"):
        Contact.objects.create(
            partner=lively.partner, name="Li", role=Contact.Role.FINANCE,
            email=f"{language}@example.com", language=language,
            topics=[Contact.Topic.STATEMENT_READY],
        )  # fmt: skip

    make_statement(lively.partner, *MARCH)

    mail = Mail.objects.get(recipient_email="en@example.com")
    assert mail.subject == "The statement of Merchant acme for 2026-03 is ready"
    assert "Opening balance: 10000.00 CNY" in mail.body
    assert Mail.objects.filter(recipient_email="zh-hans@example.com").count() == 1


def test_trail_tells_who_asked_and_what_came_of_it(lively: Merchant) -> None:
    make_statement(lively.partner, *MARCH)

    entries = AuditEntry.objects.filter(action__endswith="_statement").order_by("id")
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("order_statement", "test"), ("make_statement", "test"),
    ]  # fmt: skip
    assert entries[0].after == {"period_start": "2026-03-01", "period_end": "2026-03-31"}
    assert entries[1].after == {"status": "ready", "closing_balance": "10450.00"}


# Books that differ


def damage(statement: str) -> None:
    """Write what the triggers refuse."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.parametrize(
    ("damaging", "error"),
    [
        (
            "UPDATE accounts_ledgerentry SET balance_after = 1 WHERE entry_no = 2",
            "entry 2 balance: 9950.00 ≠ 1.00",
        ),
        ("UPDATE accounts_ledgerentry SET amount = -45.99 WHERE entry_no = 2", "entry 2 balance"),
        ("DELETE FROM accounts_ledgerentry WHERE entry_no = 2", "entry_no: 2 ≠ 3"),
        (
            "UPDATE orders_suborder SET freight_amount = freight_amount - 1,"
            " total_amount = total_amount - 1",
            "entry 2 parts: -50.00 ≠ -48.00",
        ),
        (
            "UPDATE orders_orderline SET quantity = 3, amount = 30 WHERE quantity = 2",
            "entry 2 parts: -50.00 ≠ -60.00",
        ),
        ("DELETE FROM orders_orderline", "entry 2 parts: -50.00 ≠ -20.00"),
    ],
)
def test_no_statement_is_made_of_books_that_differ(
    lively: Merchant, damaging: str, error: str
) -> None:
    Contact.objects.create(
        name="Own", role=Contact.Role.FINANCE, email="own@example.com", language="en",
        topics=[Contact.Topic.BOOKS_DIFFER],
    )  # fmt: skip
    damage(damaging)
    kept = set(default_storage.listdir("")[0])

    statement = make_statement(lively.partner, *MARCH)

    assert statement.status == "failed"
    assert statement.error.startswith(error)
    assert statement.closing_balance is None
    assert statement.due_at is None
    assert StatementFile.objects.count() == 0
    assert set(default_storage.listdir("")[0]) == kept
    assert Mail.objects.get(topic="books_differ").recipient_email == "own@example.com"
    (message,) = [found for found in told(lively) if found.type == "statement.ready"]
    assert message.data["statement"]["status"] == "failed"
    assert message.data["statement"]["totals"] is None


def test_failed_statement_is_begun_anew_when_it_is_asked_for_again(lively: Merchant) -> None:
    damage("UPDATE accounts_ledgerentry SET note = 'x', balance_after = 1 WHERE entry_no = 2")
    failed = make_statement(lively.partner, *MARCH)
    damage("UPDATE accounts_ledgerentry SET note = '', balance_after = 9950 WHERE entry_no = 2")

    statement = make_statement(lively.partner, *MARCH)

    assert failed.status == "failed"
    assert statement.pk == failed.pk
    assert (statement.status, statement.error) == ("ready", "")
    assert statement.files.count() == 6


def test_row_of_another_end_is_found(lively: Merchant) -> None:
    from reconciliation.selectors.ledger_rows import add_up, list_rows
    from reconciliation.selectors.periods import LastEntry
    from reconciliation.services.making import BooksDiffer

    of = {"partner_id": lively.partner.pk, "after": 1, "up_to": 3}
    ends = Range(LastEntry(1, Decimal("10000.00")), LastEntry(3, Decimal("10450.00")))

    rows = list(checked(list_rows(**of), ends, add_up(**of)))

    assert [row.kind for row in rows] == [
        "order_payment", "order_line", "order_line", "order_freight", "order_freight", "top_up",
    ]  # fmt: skip
    for wrong in (
        Range(ends.opening, LastEntry(4, Decimal("10450.00"))),
        Range(ends.opening, LastEntry(3, Decimal("10450.01"))),
        Range(LastEntry(1, Decimal("9999.00")), ends.closing),
    ):
        with pytest.raises(BooksDiffer):
            list(checked(list_rows(**of), wrong, add_up(**of)))
    with pytest.raises(BooksDiffer, match="sum of top_up"):
        list(checked(list_rows(**of), ends, {**add_up(**of), "top_up": Decimal(1)}))


# Workers that are killed


def end_lease(statement: Statement) -> None:
    """What time does to the lease of a worker that was killed."""
    send(
        "UPDATE reconciliation_statement SET due_at = clock_timestamp() - interval '1 second'"
        " WHERE id = %s",
        [statement.pk],
    )


def test_statement_is_begun_anew_when_its_worker_was_killed(lively: Merchant) -> None:
    asked = ask(lively.partner, MARCH)
    assert take_due(Statement) == asked  # by one that was killed then
    assert make_due_statement() == 0
    end_lease(asked)

    assert make_due_statement() == 1

    asked.refresh_from_db()
    assert (asked.status, asked.attempts) == ("ready", 2)
    assert asked.files.count() == 6
    assert len([found for found in told(lively) if found.type == "statement.ready"]) == 1


def test_nothing_is_written_by_a_worker_that_lost_its_lease(lively: Merchant) -> None:
    asked = ask(lively.partner, MARCH)
    slow = take_due(Statement)
    assert slow is not None
    end_lease(asked)
    assert make_due_statement() == 1
    files = list(StatementFile.objects.order_by("id").values_list("file", flat=True))
    outbox = Outbox.objects.count()

    from reconciliation.services.making import _head_of, fix_range

    range_ = fix_range(statement=slow)
    with pytest.raises(LeaseLost):
        _complete(slow, range_, _head_of(slow, range_, clock.now()), 6, [])

    assert list(StatementFile.objects.order_by("id").values_list("file", flat=True)) == files
    assert Outbox.objects.count() == outbox


def test_statement_is_given_up_when_it_was_begun_too_often(lively: Merchant) -> None:
    asked = ask(lively.partner, MARCH)
    Statement.objects.filter(pk=asked.pk).update(attempts=MAX_ATTEMPTS)

    made = make_statement_now(pk=asked.pk)

    assert made.status == "failed"
    assert made.error == "It was begun several times and never came to its end"


def test_full_disk_puts_a_statement_off(lively: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    asked = ask(lively.partner, MARCH)
    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "save", fail)
        assert make_due_statement() == 1

    asked.refresh_from_db()
    assert asked.status == "preparing"
    assert asked.due_at is not None
    assert timedelta(0) < asked.due_at - clock.now() <= timedelta(seconds=20)
    end_lease(asked)
    assert make_statement_now(pk=asked.pk).status == "ready"


def test_store_that_is_down_for_an_hour_fails_no_statement(
    lively: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(5, "Input/output error")

    asked = ask(lively.partner, MARCH)
    waited = timedelta(0)
    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "save", fail)
        for _attempt in range(MAX_ATTEMPTS - 1):
            assert make_due_statement() == 1
            asked.refresh_from_db()
            assert asked.status == "preparing"
            assert asked.due_at is not None
            waited += asked.due_at - clock.now()
            end_lease(asked)

    assert waited > timedelta(hours=1)
    assert make_statement_now(pk=asked.pk).status == "ready"


def test_statement_is_not_made_when_it_does_not_go_on_from_the_one_before(
    lively: Merchant,
) -> None:
    february = make_statement(lively.partner, *FEBRUARY)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE accounts_ledgerentry SET created_at = '2026-02-28 23:59:59+08'"
            " WHERE partner_id = %s AND entry_no = 2",
            [lively.partner.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")

    march = make_statement(lively.partner, *MARCH)

    assert march.status == "failed"
    assert march.error == (
        f"opening, held against {february.statement_no}: 1 / 10000.00 / 0.00 / 0.00"
        " ≠ 2 / 9950.00 / 0.00 / 0.00"
    )
    assert not march.files.exists()


def test_entries_of_others_are_not_in_it(lively: Merchant, stranger: Merchant) -> None:
    at(stranger.partner, "2026-03-07 10:00")

    mine, theirs = (make_statement(one.partner, *MARCH) for one in (lively, stranger))

    assert (mine.closing_balance, theirs.closing_balance) == (
        Decimal("10450.00"), Decimal("10000.00"),
    )  # fmt: skip
    assert LedgerEntry.objects.filter(partner=stranger.partner).count() == theirs.row_count == 1
    assert OrderLine.objects.count() == 3
