"""Files that come in: the same is the same, and what cannot be compared is not kept."""

from __future__ import annotations

from datetime import date
from typing import Any

import openpyxl
import orjson
import pytest
from django.core.files.storage import default_storage

from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.uploads.storage import FOLDERS
from reconciliation.errors import ReconciliationNotReady
from reconciliation.files import report as report_files
from reconciliation.files.report import write_report
from reconciliation.models import Reconciliation, Statement
from reconciliation.services import comparing
from reconciliation.services.comparing import compare_now
from reconciliation.services.papers import MAX_ATTEMPTS
from reconciliation.services.report_writing import write_due_report
from reconciliation.services.resolving import Chosen, resolve_rows
from reconciliation.services.uploading import list_report_files, list_uploaded_files, upload_file
from tests.cast import Merchant, World
from tests.orders.acts import pay
from tests.racing import race
from tests.reconciliation.merchant_files import csv_of, results_of, upload, upload_only
from tests.reconciliation.past import at

FILE = csv_of(("M-1", "order_payment", "-18.00"))


def send(merchant: Merchant, content: bytes = FILE, **fields: Any) -> dict[str, Any]:
    answer = upload_file(
        **{
            "partner_id": merchant.partner.pk,
            "file": ReceivedFile(content, "march.csv"),
            "period_start": date(2026, 3, 1),
            "period_end": date(2026, 3, 31),
            "columns": None,
            "by": "key:op_test",
            "now": clock.now(),
            **fields,
        }
    )
    document: dict[str, Any] = orjson.loads(answer.body)
    return document


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"content": b""}, "file_invalid", "/file"),
        ({"content": b"\xd0\xcf\x11\xe0\xa1\xb1"}, "file_invalid", "/file"),
        ({"content": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"}, "file_invalid", "/file"),
        ({"content": b"a" * (25 * 1024 * 1024 + 1)}, "file_invalid", "/file"),
        ({"columns": {"sku": "A"}}, "unknown_field", "/columns/sku"),
        ({"columns": {"amount": " "}}, "field_invalid", "/columns/amount"),
        ({"columns": {"amount": "A", "kind": "A"}}, "field_invalid", "/columns/amount"),
        ({"period_end": date(2026, 2, 1)}, "field_invalid", "/period_end"),
        ({"period_end": date(2999, 1, 1), "period_start": date(2998, 12, 1)}, "period_open",
         "/period_end"),
    ],
)  # fmt: skip
def test_refused_and_nothing_is_kept(
    merchant: Merchant, fields: dict[str, Any], code: str, pointer: str
) -> None:
    kept = stored()

    with pytest.raises(DomainError) as refused:
        send(merchant, **fields)

    assert (refused.value.code, refused.value.pointer) == (code, pointer)
    assert not Reconciliation.objects.exists()
    assert not Statement.objects.exists()
    assert stored() == kept


def stored() -> int:
    try:
        return sum(
            len(default_storage.listdir(f"reconciliations/{year}/{month}")[1])
            for year in default_storage.listdir("reconciliations")[0]
            for month in default_storage.listdir(f"reconciliations/{year}")[0]
        )
    except FileNotFoundError:
        return 0


def test_same_file_is_stored_once(merchant: Merchant) -> None:
    first = send(merchant)
    kept = stored()

    again = send(merchant, file=ReceivedFile(FILE, "other.csv"))

    assert again == first
    assert stored() == kept
    name = Reconciliation.objects.get().file
    assert list_uploaded_files([name, "reconciliations/2026/03/X.csv"]) == {name}
    assert {"reconciliations", "reconciliation-reports"} <= set(FOLDERS)


@pytest.mark.django_db(transaction=True)
def test_one_report_when_the_same_file_comes_many_times_at_once(merchant: Merchant) -> None:
    numbers = race(*[lambda: send(merchant)["reconciliation_no"]] * 6)

    assert len(set(numbers)) == 1
    assert Reconciliation.objects.count() == 1
    assert Statement.objects.count() == 1


def test_failed_when_it_was_begun_too_often(merchant: Merchant) -> None:
    at(merchant.partner, "2026-02-01 09:00")
    waiting = upload_only(merchant, FILE)
    Reconciliation.objects.update(attempts=MAX_ATTEMPTS)

    report = compare_now(pk=waiting.pk)

    assert (report.status, report.error) == (
        "failed", "It was begun several times and never came to its end",
    )  # fmt: skip
    text = "It could not be compared; we were told of it"
    assert (report.fault_count, report.faults) == (
        1, [{"row": 0, "column": "", "code": "file_invalid", "text": text}],
    )  # fmt: skip
    assert upload_only(merchant, FILE).status == "preparing"


def test_failed_when_the_stored_file_is_gone(merchant: Merchant) -> None:
    at(merchant.partner, "2026-02-01 09:00")
    waiting = upload_only(merchant, FILE)
    default_storage.delete(waiting.file)

    report = compare_now(pk=waiting.pk)

    assert (report.status, report.error) == (
        "failed", "The stored file is gone; upload it again",
    )  # fmt: skip


def test_long_report_is_written_by_the_worker(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    at(merchant.partner, "2026-03-01 09:00")
    monkeypatch.setattr(comparing, "MADE_WHEN_ASKED", 1)
    monkeypatch.setattr(report_files, "MADE_WHEN_ASKED", 1)
    report = upload(merchant, csv_of(("M-1", "refund", "1"), ("M-2", "refund", "2")))
    with pytest.raises(ReconciliationNotReady):
        write_report(report, tmp_path / "a.xlsx", "en")

    assert write_due_report() == 1
    assert write_due_report() == 0

    report.refresh_from_db()
    assert set(report.report_files) == {"en", "zh-hans"}
    assert set(list_report_files(list(report.report_files.values()))) == set(
        report.report_files.values()
    )
    write_report(report, tmp_path / "a.xlsx", "en")
    assert (tmp_path / "a.xlsx").read_bytes().startswith(b"PK")


def test_note_is_refused_and_nothing_is_written(merchant: Merchant) -> None:
    at(merchant.partner, "2026-02-01 09:00")
    waiting = upload_only(merchant, FILE)
    now = clock.now()

    def resolve(note: str = "x", number: str = waiting.reconciliation_no, **rows: Any) -> str:
        with pytest.raises(DomainError) as refused:
            resolve_rows(
                reconciliation_no=number, chosen=Chosen(**rows), note=note, actor="a", now=now
            )
        return refused.value.code

    assert resolve() == "reconciliation_not_ready"
    report = compare_now(pk=waiting.pk)
    assert [row[1] for row in results_of(report)] == ["missing_here"]
    assert resolve(number="C0") == "not_found"
    assert resolve(note="  ") == "field_required"
    assert resolve(note="x" * 501) == "field_invalid"
    assert resolve(positions=[7]) == "field_invalid"
    assert resolve(result="duplicate") == "field_invalid"
    assert not report.rows.exclude(resolution="").exists()


def test_report_as_a_workbook_names_our_states_in_its_language(
    merchant: Merchant, shop: World, tmp_path: Any
) -> None:
    at(merchant.partner, "2026-02-01 09:00")
    shop.make_sku("A", price="10.00", north=50)
    pay(merchant, "M-1")
    at(merchant.partner, "2026-03-02 10:00")
    report = upload(merchant, csv_of(("M-1", "order_payment", "-18.00")))

    for language, told in (("en", "Paid"), ("zh-hans", "已支付")):
        write_report(report, tmp_path / "a.xlsx", language)
        sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[2]
        assert sheet.cell(2, 14).value == told
