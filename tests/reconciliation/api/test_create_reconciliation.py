from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.messaging.models import Outbox
from reconciliation.models import Reconciliation, Statement
from reconciliation.services.comparing import compare_due_file
from reconciliation.services.uploading import MAX_BYTES
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant, World
from tests.cast import make_merchant as make
from tests.orders.acts import pay
from tests.reconciliation.api.reports import FEBRUARY
from tests.reconciliation.merchant_files import csv_of
from tests.reconciliation.past import at
from tests.staging import on_stage

PATH = "/reconciliations"
FILE = csv_of(("M-1", "order_payment", "-18.00", "2026-02-10"))
COLUMNS = {"merchant_order_no": "单号", "kind": "种类", "amount": "钱"}
OWN_HEADS = csv_of(("M-1", "order_payment", "-18.00"), head=list(COLUMNS.values()))


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Merchant]:
    """A merchant who paid 18.00 for ``M-1`` in February."""
    with on_stage(django_db_blocker):
        merchant, world = make("acme"), World()
        world.open_pool_to(merchant)
        world.make_sku("A", price="10.00", north=50)
        at(merchant.partner, "2026-01-05 09:00")
        pay(merchant, "M-1")
        at(merchant.partner, "2026-02-10 12:00")
        yield merchant


@pytest.fixture
def merchant(stage: Merchant, db: None) -> Merchant:
    return stage


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def stored(files: Path) -> list[Path]:
    return [file for file in files.rglob("reconciliations/**/*") if file.is_file()]


PERIOD: dict[str, Any] = {**FEBRUARY}


def send(merchant: Merchant, content: bytes = FILE, **fields: Any) -> Any:
    return merchant.api.upload(PATH, content, **{"filename": "books.csv", **FEBRUARY, **fields})


def assert_nothing_kept(files: Path) -> None:
    assert not Reconciliation.objects.exists()
    assert not Statement.objects.exists()
    assert stored(files) == []


def test_file_waits_to_be_compared_when_it_is_sent(merchant: Merchant, files: Path) -> None:
    response = send(merchant, filename="../../Februar <1>.csv")

    kept = Reconciliation.objects.get()
    statement = Statement.objects.get()
    assert response.status_code == 202
    assert response.json() == {
        "reconciliation_no": kept.reconciliation_no,
        "currency": "CNY",
        **FEBRUARY,
        "statement_no": statement.statement_no,
        "status": "preparing",
        "filename": "Februar 1.csv",
        "sha256": hashlib.sha256(FILE).hexdigest(),
        "columns": {},
        "row_count": None,
        "results": None,
        "bridge": None,
        "fault_count": 0,
        "faults": [],
        "created_at": clock.to_text(kept.created_at),
        "ready_at": None,
    }
    assert (kept.partner, kept.requested_by) == (merchant.partner, f"key:{merchant.key[:11]}")
    [file] = stored(files)
    assert file.read_bytes() == FILE
    assert AuditEntry.objects.filter(action="upload_reconciliation").count() == 1


def test_report_is_ready_and_told_when_a_worker_has_made_it(merchant: Merchant) -> None:
    number = send(merchant).json()["reconciliation_no"]

    while compare_due_file():
        pass

    body = merchant.api.get(f"{PATH}/{number}").json()
    assert (body["status"], body["results"]["matched"]) == ("ready", 1)
    told = Outbox.objects.get(type="reconciliation.ready").data
    assert told == {"reconciliation": body}


def test_report_is_the_same_when_the_file_is(merchant: Merchant, files: Path) -> None:
    first = send(merchant).json()

    second = send(merchant, filename="the same.csv")

    assert (second.status_code, second.json()) == (202, first)
    assert Reconciliation.objects.count() == 1
    assert len(stored(files)) == 1


def test_report_is_another_when_file_period_or_columns_are(merchant: Merchant) -> None:
    first = send(merchant).json()["reconciliation_no"]

    others = [
        send(merchant, FILE + b"\r\n"),
        send(merchant, period_end="2026-02-27"),
        send(merchant, columns=json.dumps({"amount": "amount"})),
    ]

    assert [answer.status_code for answer in others] == [202, 202, 202]
    numbers = {answer.json()["reconciliation_no"] for answer in others}
    assert len({first, *numbers}) == 4


def test_first_answer_is_given_when_it_is_sent_again_under_its_key(
    merchant: Merchant, files: Path
) -> None:
    headers = {"Idempotency-Key": "c-1"}
    first = send(merchant, headers=headers)

    second = send(merchant, headers=headers)
    changed = [
        send(merchant, FILE + b"\r\n", headers=headers),
        send(merchant, period_end="2026-02-27", headers=headers),
    ]

    assert (second.status_code, second["Idempotent-Replayed"]) == (202, "true")
    assert second.json() == first.json()
    assert {refused(answer)[:2] for answer in changed} == {(422, "idempotency_key_reused")}
    assert Reconciliation.objects.count() == 1
    assert len(stored(files)) == 1


def test_columns_are_found_by_the_names_that_were_given(merchant: Merchant) -> None:
    number = send(merchant, OWN_HEADS, columns=json.dumps(COLUMNS)).json()["reconciliation_no"]

    while compare_due_file():
        pass

    body = merchant.api.get(f"{PATH}/{number}").json()
    assert (body["status"], body["columns"]) == ("ready", COLUMNS)


@pytest.mark.parametrize(
    ("columns", "faults"),
    [
        ("", [("/columns", "field_invalid")]),
        ("amount", [("/columns", "field_invalid")]),
        ("[]", [("/columns", "field_invalid")]),
        ("null", [("/columns", "field_invalid")]),
        ('{"amount": NaN}', [("/columns", "field_invalid")]),
        ('{"amount": "a", "amount": "b"}', [("/columns", "field_invalid")]),
        ("[" * 40 + "]" * 40, [("/columns", "field_invalid")]),
        ('{"amount": "\\u0000"}', [("/columns", "string_invalid")]),
        ('{"amount": "\\ud800"}', [("/columns", "string_invalid")]),
        ('{"amount": 5}', [("/columns/amount", "field_invalid")]),
        ('{"amount": ""}', [("/columns/amount", "field_invalid")]),
        ('{"amount": " a "}', [("/columns/amount", "string_invalid")]),
        (json.dumps({"amount": "x" * 201}), [("/columns/amount", "field_invalid")]),
        ('{"sum": "a"}', [("/columns/sum", "unknown_field")]),
        ('{"kind": "a", "amount": "a"}', [("/columns/kind", "field_invalid")]),
        (json.dumps({"amount": "x" * 9000}), [("/columns", "field_invalid")]),
    ],
)
def test_refused_when_the_columns_cannot_be_read(
    merchant: Merchant, files: Path, columns: str, faults: list[tuple[str, str]]
) -> None:
    response = send(merchant, columns=columns)

    assert refused(response) == (422, faults[0][1], faults)
    assert_nothing_kept(files)


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"period_end": "2026-02-30"}, [("/period_end", "field_invalid")]),
        ({"period_end": "2026-01-31"}, [("/period_end", "field_invalid")]),
        ({"period_start": ""}, [("/period_start", "field_invalid")]),
        ({"partner": "stranger"}, [("/partner", "unknown_field")]),
    ],
)
def test_refused_when_the_form_is_wrong(
    merchant: Merchant, files: Path, fields: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    response = send(merchant, FILE, **fields)

    assert refused(response) == (422, faults[0][1], faults)
    assert_nothing_kept(files)


def test_refused_when_file_and_period_are_left_out(merchant: Merchant, files: Path) -> None:
    response = merchant.api.client.post(
        f"/api/v1{PATH}", {"columns": "{}"}, headers=merchant.api.headers
    )

    assert refused(response) == (
        422,
        "field_required",
        [
            ("/file", "field_required"),
            ("/period_start", "field_required"),
            ("/period_end", "field_required"),
        ],
    )
    assert_nothing_kept(files)


def test_refused_when_the_period_is_not_over(merchant: Merchant, files: Path) -> None:
    today = clock.now().astimezone(clock.PLATFORM_ZONE).date()

    response = send(merchant, period_start=str(today - timedelta(days=1)), period_end=str(today))

    assert refused(response) == (422, "period_open", [("/period_end", "period_open")])
    assert_nothing_kept(files)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xd0\xcf\x11\xe0" + bytes(600),
        b"GIF89a\0\0\0\0\0\0",
        b"\x89PNG\r\n\x1a\n" + bytes(99),
    ],
    ids=["empty", "xls", "gif", "png"],
)
def test_refused_when_the_file_is_neither_text_nor_a_workbook(
    merchant: Merchant, files: Path, content: bytes
) -> None:
    response = send(merchant, content)

    assert refused(response) == (422, "file_invalid", [("/file", "file_invalid")])
    assert_nothing_kept(files)


def test_file_is_taken_when_it_is_larger_than_other_uploads(
    merchant: Merchant, files: Path
) -> None:
    content = FILE + b"M-2,order_payment,-1.00\r\n" * (12 * 1024 * 1024 // 25)
    assert len(content) > settings.UPLOAD_LIMIT

    response = send(merchant, content)

    assert response.status_code == 202
    [file] = stored(files)
    assert file.stat().st_size == len(content)


@pytest.mark.parametrize("more", [1, 200_000])
def test_refused_when_it_is_over_25_megabytes(merchant: Merchant, files: Path, more: int) -> None:
    response = send(merchant, b"x" * (MAX_BYTES + more))

    assert refused(response)[:2] == (413, "body_too_large")
    assert_nothing_kept(files)


def test_other_uploads_stay_at_ten_megabytes(merchant: Merchant) -> None:
    response = merchant.api.upload("/account/top-ups/proofs", b"x" * (11 * 1024 * 1024))

    assert refused(response)[:2] == (413, "body_too_large")


def test_refused_when_it_is_json(merchant: Merchant, files: Path) -> None:
    response = merchant.api.post(PATH, {**FEBRUARY, "file": "x"})

    assert refused(response)[:2] == (415, "media_type_unsupported")
    assert_nothing_kept(files)


def test_refused_when_a_parameter_is_sent(merchant: Merchant, files: Path) -> None:
    response = merchant.api.upload(f"{PATH}?draft=1", FILE, **PERIOD)

    assert refused(response)[:2] == (400, "filter_not_allowed")
    assert_nothing_kept(files)


def test_refused_when_the_key_only_reads(merchant: Merchant, files: Path) -> None:
    response = merchant.api_with("statements:read").upload(PATH, FILE, **PERIOD)

    assert refused(response)[:2] == (403, "scope_missing")
    assert_nothing_kept(files)


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().upload(PATH, FILE, **PERIOD).json()["code"] == "key_missing"


@pytest.mark.parametrize(
    ("fields", "fact"),
    [
        ({"period_start": "1999-12-31"}, {"minimum": "2000-01-01"}),
        ({"period_start": "3000-01-01"}, {"maximum": "2999-12-31"}),
        ({"period_start": "01/02/2026"}, {"detail": "A date is written as YYYY-MM-DD"}),
    ],
)
def test_bounds_of_a_day_are_told(
    merchant: Merchant, files: Path, fields: dict[str, str], fact: dict[str, str]
) -> None:
    [fault] = send(merchant, FILE, **fields, headers={"Accept-Language": "en"}).json()["errors"]

    assert (fault["pointer"], fault["code"]) == ("/period_start", "field_invalid")
    assert fault.items() >= fact.items()
    assert_nothing_kept(files)


def test_file_without_content_is_told_so(merchant: Merchant) -> None:
    [fault] = send(merchant, b"", headers={"Accept-Language": "en"}).json()["errors"]

    assert fault["detail"] == "The file is empty"
