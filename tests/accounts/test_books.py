"""The books are held against each other: whatever was damaged is named, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from accounts.models import (
    Adjustment,
    BookCheck,
    Contact,
    CreditLimitChange,
    LedgerEntry,
    TopUp,
    Wallet,
    Withdrawal,
)
from accounts.selectors import get_last_book_check
from accounts.services.adjustments import enter_adjustment
from accounts.services.books import check_books, order_check, record_check, verify_books
from accounts.services.terms import change_credit_limit
from accounts.services.top_ups import enter_top_up
from accounts.services.withdrawals import enter_withdrawal
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.core import clock
from openplatform.core.background import DAILY_JOBS, DailyJob
from openplatform.core.errors import FieldInvalid
from openplatform.messaging.models import Mail
from tests.accounts.damaging import (  # noqa: F401 - fixtures
    books_db,
    damage,
    find_differences,
    repeatable_read,
)
from tests.cast import Merchant, make_merchant


class Desk:
    """Finance: one asks, the other decides."""

    def __init__(self) -> None:
        self.asking = User.objects.create_superuser("first")
        self.deciding = User.objects.create_superuser("second")

    def settle(self, *, is_approved: bool = True) -> None:
        """Decide the newest of what waits."""
        approval_id = Approval.objects.get(status="pending").pk
        if is_approved:
            approve(approval_id=approval_id, user=self.deciding, values={}, now=clock.now())
        else:
            reject(approval_id=approval_id, user=self.deciding, reason="no", now=clock.now())

    def top_up(self, code: str, amount: str, reference: str) -> TopUp:
        return enter_top_up(
            partner_code=code,
            amount=Decimal(amount),
            reference=reference,
            paid_at=None,
            note="",
            user=self.asking,
            now=clock.now(),
        )

    def adjust(self, code: str, amount: str) -> Adjustment:
        return enter_adjustment(
            partner_code=code,
            amount=Decimal(amount),
            reason="test",
            user=self.asking,
            now=clock.now(),
        )

    def withdraw(self, code: str, amount: str, reference: str) -> Withdrawal:
        return enter_withdrawal(
            partner_code=code,
            amount=Decimal(amount),
            reference=reference,
            reason="test",
            user=self.asking,
            now=clock.now(),
        )

    def set_credit_limit(self, code: str, amount: str) -> None:
        change_credit_limit(
            partner_code=code,
            credit_limit=Decimal(amount),
            reason="test",
            user=self.asking,
            now=clock.now(),
        )


@pytest.fixture
def desk(books_db: None) -> Desk:  # noqa: F811
    return Desk()


@pytest.fixture
def acme(desk: Desk) -> Merchant:
    """Every kind of document, approved and not: entries 1 to 4, a balance of 1,060, credit 70."""
    merchant = make_merchant("acme", balance="1000.00", credit_limit="50.00")
    make_merchant("other", balance="0.01")
    desk.top_up("acme", "100.00", "B-1")
    desk.settle()
    desk.top_up("acme", "5000.00", "B-2")
    desk.settle(is_approved=False)
    desk.adjust("acme", "-10.00")
    desk.settle()
    desk.adjust("acme", "-77.00")
    desk.settle(is_approved=False)
    desk.withdraw("acme", "30.00", "B-3")
    desk.settle()
    desk.withdraw("acme", "33.00", "B-4")
    desk.set_credit_limit("acme", "70.00")
    assert find_differences() == []
    return merchant


def test_everything_agrees_at_every_moment_when_nothing_was_damaged(acme: Merchant) -> None:
    stamps: list[Any] = sorted(
        [
            *LedgerEntry.objects.values_list("created_at", flat=True),
            *CreditLimitChange.objects.values_list("created_at", flat=True),
            *TopUp.objects.filter(status="approved").values_list("decided_at", flat=True),
            *Adjustment.objects.filter(status="approved").values_list("decided_at", flat=True),
            *Withdrawal.objects.filter(status="approved").values_list("decided_at", flat=True),
        ]
    )
    moment = timedelta(microseconds=1)
    moments = {at + shift for at in stamps for shift in (-moment, 0 * moment, moment)}

    reports = [verify_books(as_of=at) for at in sorted(moments)]

    assert [report.differences for report in reports] == [[]] * len(reports)
    counts = [report.entries for report in reports]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 5)
    report = verify_books()
    assert (report.is_ok, report.wallets, report.entries, report.holds) == (True, 2, 5, 0)
    assert Wallet.objects.get(partner=acme.partner).balance == Decimal("1060.00")


def test_nothing_is_there_when_the_time_is_before_the_first_wallet(acme: Merchant) -> None:
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)

    report = verify_books(as_of=long_ago)

    assert report.is_ok
    assert (report.as_of, report.wallets, report.entries, report.holds) == (long_ago, 0, 0, 0)


def test_time_to_come_is_refused(acme: Merchant) -> None:
    with pytest.raises(FieldInvalid) as refused:
        verify_books(as_of=clock.now() + timedelta(seconds=10))

    assert refused.value.pointer == "/as_of"


def test_amount_of_an_entry_is_named_when_it_was_changed(acme: Merchant) -> None:
    top_up = TopUp.objects.get(reference="B-1")

    damage(
        "UPDATE accounts_ledgerentry SET amount = 101 WHERE document_no = %s", [top_up.top_up_no]
    )

    assert find_differences() == [
        ("entry_balance_after", "acme", "entry 2", "1101.00", "1100.00"),
        ("entry_sum", "acme", "wallet", "1061.00", "1060.00"),
        ("wallet_balance", "acme", "wallet", "1061.00", "1060.00"),
        ("entry_amount", "acme", f"top_up {top_up.top_up_no}", "100.00", "101.00"),
    ]


def test_running_balance_is_named_when_it_was_changed(acme: Merchant) -> None:
    damage(
        "UPDATE accounts_ledgerentry SET balance_after = 1 WHERE partner_id = %s AND entry_no = 3",
        [acme.partner.pk],
    )

    assert find_differences() == [
        ("entry_balance_after", "acme", "entry 3", "1090.00", "1.00"),
        ("entry_balance_after", "acme", "entry 4", "-29.00", "1060.00"),
    ]


def test_gap_and_document_are_named_when_an_entry_is_gone(acme: Merchant) -> None:
    number = Adjustment.objects.get(status="approved").adjustment_no

    damage("DELETE FROM accounts_ledgerentry WHERE document_no = %s", [number])

    assert find_differences() == [
        ("entry_balance_after", "acme", "entry 4", "1070.00", "1060.00"),
        ("entry_no", "acme", "entry 4", "3", "4"),
        ("entry_sum", "acme", "wallet", "1070.00", "1060.00"),
        ("wallet_balance", "acme", "wallet", "1070.00", "1060.00"),
        (
            "document_without_entry",
            "acme",
            f"adjustment {number}",
            "adjustment -10.00",
            None,
        ),
    ]


def test_wallet_and_document_are_named_when_the_last_entry_is_gone(acme: Merchant) -> None:
    number = Withdrawal.objects.get(status="approved").withdrawal_no
    last_at = Wallet.objects.get(partner=acme.partner).last_entry_at
    [at] = LedgerEntry.objects.filter(partner=acme.partner, entry_no=3).values_list(
        "created_at", flat=True
    )

    damage("DELETE FROM accounts_ledgerentry WHERE document_no = %s", [number])

    found = find_differences()
    assert [row[0] for row in found] == [
        "wallet_balance",
        "wallet_last_entry_at",
        "wallet_last_entry_no",
        "document_without_entry",
    ]
    assert found[0] == ("wallet_balance", "acme", "wallet", "1090.00", "1060.00")
    assert [datetime.fromisoformat(text) for text in found[1][3:] if text] == [at, last_at]
    assert found[2] == ("wallet_last_entry_no", "acme", "wallet", "3", "4")
    assert found[3][2:] == (f"withdrawal {number}", "withdrawal -30.00", None)


def test_entry_is_named_when_its_time_goes_back(acme: Merchant) -> None:
    before, at = LedgerEntry.objects.filter(partner=acme.partner, entry_no__in=(1, 2)).values_list(
        "created_at", flat=True
    )

    damage(
        "UPDATE accounts_ledgerentry SET created_at = %s WHERE partner_id = %s AND entry_no = 2",
        [before - timedelta(seconds=1), acme.partner.pk],
    )

    [(check, partner, document, expected, found)] = find_differences()
    assert (check, partner, document) == ("entry_time", "acme", "entry 2")
    assert expected is not None
    assert found is not None
    assert datetime.fromisoformat(expected) == before
    assert datetime.fromisoformat(found) == before - timedelta(seconds=1)
    assert expected.endswith("+08:00")
    assert at > before


def test_entry_is_named_when_it_has_no_document(acme: Merchant) -> None:
    damage(
        "INSERT INTO accounts_ledgerentry (partner_id, entry_no, kind, amount, balance_after,"
        " document, document_no, order_no, suborder_no, aftersale_no, note, created_at)"
        " VALUES (%s, 5, 'top_up', 5, 1065, 'top_up', 'T-none', '', '', '', '', clock_timestamp())",
        [acme.partner.pk],
    )
    damage(
        "UPDATE accounts_wallet SET balance = 1065, last_entry_no = 5, last_entry_at ="
        " (SELECT max(created_at) FROM accounts_ledgerentry) WHERE partner_id = %s",
        [acme.partner.pk],
    )

    assert find_differences() == [
        ("entry_without_document", "acme", "top_up T-none", None, "top_up 5.00")
    ]


def test_entry_is_named_when_its_document_was_never_approved(acme: Merchant) -> None:
    number = Adjustment.objects.get(status="approved").adjustment_no

    damage("UPDATE accounts_adjustment SET status = 'rejected' WHERE adjustment_no = %s", [number])

    assert find_differences() == [
        ("entry_without_document", "acme", f"adjustment {number}", None, "adjustment -10.00")
    ]


def test_document_and_entry_are_named_when_their_kinds_differ(acme: Merchant) -> None:
    number = Adjustment.objects.get(status="approved").adjustment_no

    damage("UPDATE accounts_ledgerentry SET kind = 'withdrawal' WHERE document_no = %s", [number])

    document = f"adjustment {number}"
    assert find_differences() == [
        ("document_without_entry", "acme", document, "adjustment -10.00", None),
        ("entry_without_document", "acme", document, None, "withdrawal -10.00"),
    ]


def test_document_is_named_when_it_is_of_another_partner(acme: Merchant) -> None:
    top_up = TopUp.objects.get(reference="B-1")

    damage(
        "UPDATE accounts_topup SET partner_id = (SELECT id FROM accounts_partner WHERE code ="
        " 'other') WHERE top_up_no = %s",
        [top_up.top_up_no],
    )

    assert find_differences() == [
        ("entry_partner", "other", f"top_up {top_up.top_up_no}", "other", "acme")
    ]


def test_document_without_entry_is_named_when_it_was_approved_past_the_ledger(
    acme: Merchant,
) -> None:
    withdrawal = Withdrawal.objects.get(reference="B-4")

    damage(
        "UPDATE accounts_withdrawal SET status = 'approved' WHERE withdrawal_no = %s",
        [withdrawal.withdrawal_no],
    )

    difference = (
        "document_without_entry",
        "acme",
        f"withdrawal {withdrawal.withdrawal_no}",
        "withdrawal -33.00",
        None,
    )
    assert find_differences() == [difference]
    assert find_differences(withdrawal.created_at) == [difference]
    assert find_differences(withdrawal.created_at - timedelta(microseconds=1)) == []


@pytest.mark.parametrize(
    ("column", "expected", "found"),
    [
        ("balance", "1060.00", "999.00"),
        ("held_amount", "0.00", "999.00"),
        ("credit_limit", "70.00", "999.00"),
        ("last_entry_no", "4", "999"),
        ("last_hold_no", "0", "999"),
        ("open_orders", "0", "999"),
    ],
)
def test_column_of_the_wallet_is_named_when_it_was_changed(
    acme: Merchant, column: str, expected: str, found: str
) -> None:
    before = clock.now()

    damage(
        f"UPDATE accounts_wallet SET {column} = 999 WHERE partner_id = %s",  # noqa: S608 - above
        [acme.partner.pk],
    )

    assert find_differences() == [(f"wallet_{column}", "acme", "wallet", expected, found)]
    assert find_differences(before) == []  # the history of then is whole


def test_wallet_is_named_when_it_is_gone(acme: Merchant) -> None:
    damage("DELETE FROM accounts_wallet WHERE partner_id = %s", [acme.partner.pk])

    found = find_differences()

    assert found[0] == ("wallet", "acme", "wallet", "1060.00", None)


def test_credit_line_is_named_when_its_history_does_not_lead_to_it(acme: Merchant) -> None:
    change = CreditLimitChange.objects.get(partner=acme.partner, limit_after="70.00")

    damage("UPDATE accounts_creditlimitchange SET limit_before = 51 WHERE id = %s", [change.pk])
    assert find_differences() == [
        ("credit_limit_before", "acme", f"credit limit change {change.pk}", "50.00", "51.00")
    ]
    assert find_differences(change.created_at - timedelta(microseconds=1)) == []

    damage("DELETE FROM accounts_creditlimitchange WHERE id = %s", [change.pk])
    assert find_differences() == [("wallet_credit_limit", "acme", "wallet", "50.00", "70.00")]


def test_first_hundred_are_named_and_all_are_counted_when_there_are_many(acme: Merchant) -> None:
    damage(
        "INSERT INTO accounts_ledgerentry (partner_id, entry_no, kind, amount, balance_after,"
        " document, document_no, order_no, suborder_no, aftersale_no, note, created_at)"
        " SELECT %s, 4 + n, 'top_up', 1, 1060 + n, 'top_up', 'N-' || n, '', '', '', '', now()"
        " FROM generate_series(1, 150) n",
        [acme.partner.pk],
    )

    report = verify_books()

    # The sum, the last number and the last time of the wallet, and 150 entries without document.
    assert report.difference_count == 153
    assert len(report.differences) == 100
    assert [row.document for row in report.differences[3:6]] == [
        "top_up N-1",
        "top_up N-2",
        "top_up N-3",
    ]


# The command


def run_command(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_books", *arguments, stdout=out)
    return out.getvalue()


def test_command_prints_json_and_succeeds_when_all_agrees(acme: Merchant) -> None:
    answer = json.loads(run_command("--json"))

    assert datetime.fromisoformat(answer.pop("as_of")) <= clock.now()
    assert answer.pop("seconds") < 60
    assert answer == {
        "ok": True,
        "wallets": 2,
        "entries": 5,
        "holds": 0,
        "difference_count": 0,
        "differences": [],
    }
    assert not BookCheck.objects.exists()


def test_command_fails_with_one_and_prints_when_there_are_differences(acme: Merchant) -> None:
    damage("UPDATE accounts_wallet SET balance = 999 WHERE partner_id = %s", [acme.partner.pk])
    out = StringIO()

    with pytest.raises(CommandError) as failed:
        call_command("verify_books", "--json", stdout=out)

    assert failed.value.returncode == 1
    answer = json.loads(out.getvalue())
    assert (answer["ok"], answer["difference_count"]) == (False, 1)
    assert answer["differences"] == [
        {
            "check": "wallet_balance",
            "partner": "acme",
            "document": "wallet",
            "expected": "1060.00",
            "found": "999.00",
        }
    ]


def test_command_prints_a_table_for_people_when_there_are_differences(acme: Merchant) -> None:
    damage("UPDATE accounts_wallet SET balance = 999 WHERE partner_id = %s", [acme.partner.pk])
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("verify_books", stdout=out)

    assert out.getvalue().splitlines()[-2:] == [
        "partner  document  check           expected  found",
        "acme     wallet    wallet_balance  1060.00   999.00",
    ]


def test_command_takes_a_time_with_its_offset(acme: Merchant) -> None:
    answer = json.loads(run_command("--json", "--as-of", "2001-02-03T00:00:00Z"))

    assert (answer["as_of"], answer["ok"]) == ("2001-02-03T08:00:00+08:00", True)
    assert answer["entries"] == 0


@pytest.mark.parametrize(
    "text", ["2001-02-03T00:00:00", "2001-02-03", "yesterday", "", "9999-12-31T23:59:59Z"]
)
def test_command_refuses_a_time_that_is_none(text: str) -> None:
    with pytest.raises(CommandError):
        run_command("--as-of", text)


def test_command_fails_with_two_when_it_could_not_look(acme: Merchant) -> None:
    with pytest.raises(CommandError) as refused:
        run_command("--as-of", (clock.now() + timedelta(days=1)).isoformat())
    assert refused.value.returncode == 2

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_holdentry RENAME TO elsewhere")
    try:
        with pytest.raises(CommandError) as broken:
            run_command()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO accounts_holdentry")
    assert broken.value.returncode == 2


# The daily check


def test_check_is_ordered_every_day_with_time_enough(books_db: None) -> None:  # noqa: F811
    assert DailyJob("check the books", "accounts.services.books.order_check") in DAILY_JOBS

    order_check()

    [task] = OrmQ.objects.all()
    assert task.func() == "accounts.services.books.check_books"
    assert settings.Q_CLUSTER["timeout"] < task.task["timeout"] < settings.Q_CLUSTER["retry"]


def test_result_is_kept_and_nobody_is_mailed_when_all_agrees(acme: Merchant) -> None:
    _make_contacts(acme)

    check_books()

    check = BookCheck.objects.get()
    assert (check.is_ok, check.wallet_count, check.entry_count) == (True, 2, 5)
    assert (check.difference_count, check.differences) == (0, [])
    assert get_last_book_check() == check
    assert not Mail.objects.exists()


def _make_contacts(merchant: Merchant) -> None:
    for partner, email, language in (
        (None, "ours@example.com", "en"),
        (None, "wo@example.com", "zh-hans"),
        (merchant.partner, "theirs@example.com", "en"),
    ):
        Contact.objects.create(
            partner=partner,
            name=email,
            role="finance",
            email=email,
            language=language,
            topics=["books_differ"],
        )


def test_our_own_side_is_mailed_when_the_books_differ(acme: Merchant) -> None:
    _make_contacts(acme)
    damage("UPDATE accounts_wallet SET balance = 999 WHERE partner_id = %s", [acme.partner.pk])

    with pytest.raises(CommandError) as run_stored:
        run_command("--store")

    assert run_stored.value.returncode == 1
    check = BookCheck.objects.get()
    assert (check.is_ok, check.difference_count) == (False, 1)
    assert check.differences[0]["check"] == "wallet_balance"
    mails = Mail.objects.order_by("recipient_email")
    assert [mail.recipient_email for mail in mails] == ["ours@example.com", "wo@example.com"]
    assert (mails[0].topic, mails[0].partner) == ("books_differ", None)
    assert mails[0].subject == "The books disagree in 1 place"
    assert "- acme, wallet, wallet_balance: expected 1060.00, found 999.00\n" in mails[0].body
    page = reverse("admin:accounts_bookcheck_change", args=(check.pk,))
    assert f"{page}\n\n--\n" in mails[0].body


def test_newest_check_is_the_last_one(acme: Merchant) -> None:
    assert get_last_book_check() is None
    first, second = (record_check(report=verify_books()) for _ in range(2))

    assert first.pk < second.pk
    assert get_last_book_check() == second


# The back office


@pytest.fixture
def _plain_static_files(settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def log_in(*codenames: str) -> Client:
    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


CHECK_NOW = "admin:accounts_bookcheck_check_now"


@pytest.mark.usefixtures("_plain_static_files")
def test_differences_stand_on_the_page_of_a_check(acme: Merchant) -> None:
    damage("UPDATE accounts_wallet SET balance = 999 WHERE partner_id = %s", [acme.partner.pk])
    check = record_check(report=verify_books())
    client = log_in("view_bookcheck")

    listed = client.get(reverse("admin:accounts_bookcheck_changelist"))
    page = client.get(reverse("admin:accounts_bookcheck_change", args=(check.pk,)))

    assert "Differences" in listed.content.decode()
    assert "Check now" not in listed.content.decode()
    for text in ("wallet_balance", "acme", "1060.00", "999.00"):
        assert f"{text}</td>" in page.content.decode()


@pytest.mark.usefixtures("_plain_static_files")
def test_check_is_left_to_the_worker_when_it_is_asked_for(acme: Merchant) -> None:
    client = log_in("view_bookcheck", "add_bookcheck")
    url = reverse(CHECK_NOW)

    assert client.get(url).status_code == 200
    assert OrmQ.objects.count() == 0
    answer = client.post(url)

    assert (answer.status_code, answer["Location"]) == (
        302,
        reverse("admin:accounts_bookcheck_changelist"),
    )
    [task] = OrmQ.objects.all()
    assert task.func() == "accounts.services.books.check_books"


@pytest.mark.usefixtures("_plain_static_files")
def test_nothing_is_ordered_when_one_may_only_look(acme: Merchant) -> None:
    client = log_in("view_bookcheck")

    assert client.post(reverse(CHECK_NOW)).status_code == 403

    assert OrmQ.objects.count() == 0
