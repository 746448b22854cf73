"""Merchants' files in the back office: uploaded on their behalf, compared, explained."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from accounts.models import LedgerEntry
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from orders.models import Order
from reconciliation.models import ColumnMapping, Reconciliation
from reconciliation.services.comparing import compare_due_file
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay
from tests.reconciliation.merchant_files import csv_of, upload, upload_only
from tests.reconciliation.past import at, make_statement
from tests.staging import on_stage

pytestmark = pytest.mark.django_db

LIST = reverse("admin:reconciliation_reconciliation_changelist")
SEEING = "reconciliation.view_reconciliation"
UPLOADING = "reconciliation.add_reconciliation"
EXPLAINING = "reconciliation.change_reconciliation"
TAKING = "reconciliation.download_statement"
FILE = csv_of(
    ("M-1", "order_payment", "-18.00", "2026-03-02", "paid"),
    ("M-2", "order_payment", "-10.00", "2026-03-02"),
    ("=HYPERLINK(1)", "order_payment", "-5.00"),
)


@pytest.fixture(scope="module")
def acme(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Merchant]:
    """Two orders of 18.00 in March, stated."""
    with on_stage(django_db_blocker):
        merchant, world = make_merchant("acme"), World()
        world.open_pool_to(merchant)
        world.make_sku("A", price="10.00", north=50)
        at(merchant.partner, "2026-02-10 09:00")
        pay(merchant, "M-1")
        pay(merchant, "M-2")
        at(merchant.partner, "2026-03-02 10:00")
        make_statement(merchant.partner, "2026-03-01", "2026-03-31")
        yield merchant


def page_of(report: Reconciliation) -> str:
    return reverse("admin:reconciliation_reconciliation_change", args=(report.pk,))


def send(client: Client, merchant: Merchant, content: bytes, **fields: str) -> Any:
    form = {
        "partner": str(merchant.partner.pk),
        "period_start": "2026-03-01",
        "period_end": "2026-03-31",
        "file": SimpleUploadedFile("march.csv", content),
        **fields,
    }
    return client.post(f"{LIST}upload/", form)


def test_file_is_uploaded_compared_and_shown_with_its_documents(
    staff: Staff, acme: Merchant
) -> None:
    finance = staff(SEEING, UPLOADING, EXPLAINING, username="finance")

    answer = send(finance, acme, FILE)

    report = Reconciliation.objects.get()
    assert answer.headers["Location"] == page_of(report)
    assert (report.requested_by, report.filename) == ("finance", "march.csv")
    waiting = finance.get(page_of(report))
    assert "reconciliation-progress" in waiting.content.decode()
    progress = reverse("admin:reconciliation_report_progress", args=(report.pk,))
    assert finance.get(progress).json() == {"status": "preparing", "rows_done": 0}
    assert compare_due_file() == 1
    shown = finance.get(page_of(report))
    rows = shown.context["rows"]
    assert [(row.row.result, row.row.cause) for row in rows] == [
        ("amount_differs", "freight"), ("missing_here", "unknown_order"),
    ]  # fmt: skip
    order = Order.objects.get(merchant_order_no="M-2")
    entry = LedgerEntry.objects.get(order_no=order.order_no)
    assert [link[1:] for link in rows[0].links] == [
        (str(entry.entry_no), reverse("admin:accounts_ledgerentry_change", args=(entry.pk,))),
        (order.order_no, reverse("admin:orders_order_change", args=(order.pk,))),
    ]
    assert [str(amount) for _label, amount in shown.context["bridge"]] == [
        "10000.00", "9967.00", "5.00", "0.00", "-8.00", "0.00", "0.00", "9964.00",
    ]  # fmt: skip
    entry_in_trail = AuditEntry.objects.get(action="upload_reconciliation")
    assert entry_in_trail.actor == "finance"
    matched = finance.get(page_of(report), {"result": "matched"})
    assert [row.row.file_row for row in matched.context["rows"]] == [2]
    assert finance.get(LIST).status_code == 200


def test_refusals_stand_in_the_form(staff: Staff, acme: Merchant) -> None:
    finance = staff(SEEING, UPLOADING, username="finance")

    for content, fields, told in (
        (b"", {}, "The file is empty"),
        (b"\xd0\xcf\x11\xe0old", {}, ".xls"),
        (FILE, {"period_end": "2999-12-31", "period_start": "2999-12-01"}, "has not ended yet"),
        (FILE, {"period_end": "2026-02-01"}, "The end is before the beginning"),
    ):
        answer = send(finance, acme, content, **fields)
        assert answer.status_code == 200
        assert told in answer.content.decode()

    assert not Reconciliation.objects.exists()


def test_columns_are_asked_for_when_nobody_knows_them(staff: Staff, acme: Merchant) -> None:
    finance = staff(SEEING, UPLOADING, username="finance")
    content = "三月,,\r\n我方编号,科目,数额\r\nM-1,订单支付,-18.00\r\n".encode("gb18030")
    report = upload(acme, content)
    assert report.status == "failed"
    page = finance.get(page_of(report))
    asked = reverse("admin:reconciliation_report_columns", args=(report.pk,))
    assert page.context["has_no_head"]
    assert asked in page.content.decode()

    form = finance.get(asked, {"head": "2"})
    assert form.context["rows"][1] == (2, ["我方编号", "科目", "数额"], True)
    columns = {"merchant_order_no": "我方编号", "kind": "科目", "amount": "数额"}
    wrong = finance.post(f"{asked}?head=2", {**columns, "amount": "科目"})
    assert wrong.status_code == 200
    answer = finance.post(f"{asked}?head=2", columns)

    again = Reconciliation.objects.exclude(pk=report.pk).get()
    assert answer.headers["Location"] == page_of(again)
    assert compare_due_file() == 1
    again.refresh_from_db()
    assert (again.status, again.columns) == ("ready", columns)
    assert ColumnMapping.objects.get().columns == columns


def test_differences_are_explained_one_by_one_and_together(staff: Staff, acme: Merchant) -> None:
    finance = staff(SEEING, EXPLAINING, username="finance")
    report = upload(acme, FILE)
    resolve = reverse("admin:reconciliation_report_resolve", args=(report.pk,))

    answer: Any = finance.post(resolve, {"row": ["1", "2"], "note": "They keep freight elsewhere."})
    assert answer.headers["Location"] == f"{page_of(report)}?result=differences"
    finance.post(resolve, {"all": "1", "unresolved": "1", "note": "A typing error."})
    finance.post(resolve, {"row": ["1"], "note": "It matches."})
    finance.post(resolve, {"row": ["3"], "note": " "})
    finance.post(resolve, {"row": ["99999999999"], "note": "none"})

    rows = report.rows.order_by("position").values_list("result", "resolution", "resolved_by")
    assert list(rows) == [
        ("matched", "", ""),
        ("amount_differs", "They keep freight elsewhere.", "finance"),
        ("missing_here", "A typing error.", "finance"),
    ]
    told = AuditEntry.objects.filter(action="resolve_differences").order_by("pk")
    assert [(entry.after["rows"], entry.after["count"]) for entry in told] == [("2", 1), ("3", 1)]


def test_report_is_taken_away_as_a_workbook(staff: Staff, acme: Merchant) -> None:
    finance = staff(SEEING, TAKING, username="finance")
    report = upload(acme, FILE)

    for language, sheets in (("en", ["Report", "Differences", "Matched"]), ("zh-hans", None)):
        answer: Any = finance.get(
            reverse("admin:reconciliation_report_file", args=(report.pk, language))
        )
        content = b"".join(answer.streaming_content)
        book = openpyxl.load_workbook(io.BytesIO(content))
        assert sheets is None or book.sheetnames == sheets
        rows = list(book.worksheets[1].iter_rows(values_only=True))
        assert [row[:2] + row[7:10] for row in rows[1:]] == [
            (2, 3, -10, -18, -8), (3, 4, -5, None, 5),
        ]  # fmt: skip
        cell = book.worksheets[1].cell(3, 6)
        assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")
        assert book.worksheets[2].max_row == 2
    told = AuditEntry.objects.filter(action="download_reconciliation").order_by("pk")
    assert [(entry.actor, entry.after["language"]) for entry in told] == [
        ("finance", "en"), ("finance", "zh-hans"),
    ]  # fmt: skip


def test_faults_are_told_in_words_of_the_page(staff: Staff, acme: Merchant) -> None:
    finance = staff(SEEING, UPLOADING, username="finance")
    strange = upload(acme, csv_of(("M-1", "gift", "-18.00", "2026-03-02")))
    nameless = upload(acme, b"a,b\n1,2\n")

    page = finance.get(page_of(strange))

    assert page.context["faults"] == [
        (2, "kind", "The kind is one of: Top-up, Order payment, Refund, Adjustment, Withdrawal")
    ]
    assert "field_invalid" not in page.content.decode()
    assert "order_payment" in strange.faults[0]["text"]  # as programs are told
    assert finance.get(page_of(nameless)).context["faults"] == [
        (
            1,
            "",
            "No row names the columns for the merchant's order number, the kind and the amount;"
            " say which column is what.",
        )
    ]


def test_known_columns_are_told_by_their_labels(staff: Staff, acme: Merchant) -> None:
    finance = staff(SEEING, "reconciliation.view_columnmapping", username="finance")
    ColumnMapping.objects.create(
        partner=acme.partner, heads=["When", "What"], columns={"at": "When", "kind": "What"},
        updated_at=clock.now(),
    )  # fmt: skip

    page = finance.get(reverse("admin:reconciliation_columnmapping_changelist"))

    assert "Time = When, Kind = What" in page.content.decode()
    active = [
        item["title"]
        for group in page.context["sidebar_navigation"]
        for item in group["items"]
        if item.get("active")
    ]
    assert active == ["Comparisons"]


def test_rows_are_asked_for_when_none_is_ticked(staff: Staff, acme: Merchant) -> None:
    finance = staff(SEEING, EXPLAINING, username="finance")
    report = upload(acme, FILE)
    resolve = reverse("admin:reconciliation_report_resolve", args=(report.pk,))

    page = finance.post(resolve, {"note": "Why"}, follow=True)

    assert "Tick the rows that it explains, or choose all that are shown" in page.content.decode()
    assert not report.rows.exclude(resolution="").exists()


@pytest.mark.parametrize("language", ["de", "en"])
def test_workbook_is_not_there(staff: Staff, acme: Merchant, language: str) -> None:
    report = upload_only(acme, csv_of(("M-1", "refund", "1")))
    finance = staff(SEEING, TAKING, username="finance")

    address = reverse("admin:reconciliation_report_file", args=(report.pk, language))

    assert finance.get(address).status_code == 404


def test_nothing_is_done_when_one_may_only_look(staff: Staff, acme: Merchant) -> None:
    report = upload(acme, FILE)
    looking, stranger = staff(SEEING, username="looking"), staff(username="stranger")
    resolve = reverse("admin:reconciliation_report_resolve", args=(report.pk,))
    columns = reverse("admin:reconciliation_report_columns", args=(report.pk,))

    page = looking.get(page_of(report))
    assert not page.context["may_resolve"]
    file = reverse("admin:reconciliation_report_file", args=(report.pk, "en"))
    assert file not in page.content.decode()
    assert looking.get(file).status_code == 403
    assert not AuditEntry.objects.filter(action="download_reconciliation").exists()
    assert looking.post(resolve, {"row": "2", "note": "x"}).status_code == 403
    assert looking.get(columns).status_code == 403
    assert send(looking, acme, FILE).status_code in {302, 403}
    assert stranger.get(page_of(report)).status_code == 403
    assert stranger.get(LIST).status_code == 403

    assert not report.rows.exclude(resolution="").exists()
    assert Reconciliation.objects.count() == 1
