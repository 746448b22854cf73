from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_django import DjangoDbBlocker

from openplatform.audit.models import AuditEntry
from openplatform.core.uploads.files import MEDIA_TYPES
from reconciliation.models import StatementFile
from reconciliation.states import PaperStatus
from tests.aftersales.api.reading import refused
from tests.cast import PREFIX, Api, Merchant
from tests.reconciliation.api.rows import add_statement, read_whole
from tests.reconciliation.api.statements import MISSING, StatementStage, make_february
from tests.staging import on_stage

FORMATS = ["csv", "xlsx", "pdf"]
LANGUAGES = ["zh-hans", "en"]


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[StatementStage]:
    with on_stage(django_db_blocker):
        yield make_february()


@pytest.fixture
def merchant(stage: StatementStage, db: None) -> Merchant:
    return stage.merchant


def get(stage: StatementStage, *, headers: Any = None, **parameters: str) -> Any:
    path = f"/statements/{stage.statement.statement_no}/file"
    return read_whole(stage.merchant.api.get(path, headers=headers, **parameters))


def downloads() -> list[dict[str, Any]]:
    entries = AuditEntry.objects.filter(action="download_statement").order_by("id")
    return [entry.after for entry in entries]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("format", FORMATS)
def test_stored_file_is_sent_and_noted_when_it_is_asked_for(
    db: None, stage: StatementStage, format: str, language: str
) -> None:
    response = get(stage, format=format, language=language)

    content = response.whole
    file = StatementFile.objects.get(format=format, language=language)
    assert response.status_code == 200
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert response["ETag"] == f'"{file.sha256}"'
    assert response["Content-Type"] == MEDIA_TYPES[format]
    assert response["Content-Length"] == str(len(content)) == str(file.size_bytes)
    name = f"statement-acme-2026-02-01-2026-02-28-{language}.{format}"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert downloads() == [{"format": format, "language": language, "sha256": file.sha256}]
    [entry] = AuditEntry.objects.filter(action="download_statement")
    assert entry.actor == f"key:{stage.merchant.key[:11]}"
    assert (entry.partner, entry.subject_label) == (
        stage.merchant.partner,
        stage.statement.statement_no,
    )


def test_opening_and_rows_come_to_closing(db: None, stage: StatementStage) -> None:
    content = get(stage, format="csv", language="en").whole

    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    head = next(index for index, row in enumerate(rows) if row[:2] == ["entry_no", "at"])
    entries = [dict(zip(rows[head], row, strict=True)) for row in rows[head + 1 :]]
    assert [(row["kind"], row["amount"], row["balance_after"]) for row in entries] == [
        ("order_payment", "-28.00", "9972.00"),
        ("order_line", "-20.00", ""),
        ("order_freight", "-8.00", ""),
    ]
    assert {row["merchant_order_no"] for row in entries} == {"M-1"}


@pytest.mark.parametrize(
    ("accept", "parameters", "sent"),
    [
        (None, {}, "csv"),
        ("*/*", {}, "csv"),
        ("text/csv", {}, "csv"),
        ("text/*;q=0.5", {}, "csv"),
        ("application/pdf", {}, "pdf"),
        (MEDIA_TYPES["xlsx"], {}, "xlsx"),
        ("text/html, */*;q=0.1", {}, "csv"),
        ("*/*", {"format": "pdf"}, "pdf"),
        ("application/pdf, text/csv", {"format": "pdf"}, "pdf"),
    ],
)
def test_format_is_the_one_that_is_named_or_accepted(
    db: None, stage: StatementStage, accept: str | None, parameters: dict[str, str], sent: str
) -> None:
    response = get(stage, headers={"Accept": accept} if accept else None, **parameters)

    assert (response.status_code, response["Content-Type"]) == (200, MEDIA_TYPES[sent])


@pytest.mark.parametrize(
    ("accept", "parameters"),
    [
        ("text/html", {}),
        ("application/json", {}),
        ("text/csv", {"format": "pdf"}),
        ("application/json", {"format": "csv"}),
    ],
)
def test_refused_when_the_format_is_not_accepted(
    db: None, stage: StatementStage, accept: str, parameters: dict[str, str]
) -> None:
    response = get(stage, headers={"Accept": accept}, **parameters)

    assert refused(response)[:2] == (406, "not_acceptable")
    assert downloads() == []


@pytest.mark.parametrize(
    ("spoken", "language"),
    [("en-GB,en;q=0.9", "en"), ("zh-CN", "zh-hans"), ("fr", "zh-hans"), (None, "zh-hans")],
)
def test_language_is_that_of_the_caller_when_none_is_named(
    db: None, stage: StatementStage, spoken: str | None, language: str
) -> None:
    response = get(stage, headers={"Accept-Language": spoken} if spoken else None)

    assert (
        response["ETag"] == f'"{StatementFile.objects.get(format="csv", language=language).sha256}"'
    )


@pytest.mark.parametrize("header", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_file_is_neither_sent_nor_noted_when_the_etag_is_known(
    db: None, stage: StatementStage, header: str
) -> None:
    sha256 = StatementFile.objects.get(format="pdf", language="en").sha256

    response = get(
        stage, headers={"If-None-Match": header.format(sha256)}, format="pdf", language="en"
    )

    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == f'"{sha256}"'
    assert downloads() == []


def test_file_is_sent_when_the_etag_is_of_another_format(db: None, stage: StatementStage) -> None:
    sha256 = StatementFile.objects.get(format="pdf", language="en").sha256

    response = get(stage, headers={"If-None-Match": f'"{sha256}"'}, format="csv", language="en")

    assert response.status_code == 200


def test_head_tells_the_size_and_is_not_noted(db: None, stage: StatementStage) -> None:
    api = stage.merchant.api
    file = StatementFile.objects.get(format="xlsx", language="en")

    response = read_whole(
        api.client.head(
            f"{PREFIX}/statements/{stage.statement.statement_no}/file?format=xlsx&language=en",
            headers=api.headers,
        )
    )

    assert (response.status_code, response.whole) == (200, b"")
    assert response["Content-Length"] == str(file.size_bytes)
    assert response["ETag"] == f'"{file.sha256}"'
    assert downloads() == []


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"format": "docx"}, (422, "field_invalid", [("?format", "field_invalid")])),
        ({"format": "CSV"}, (422, "field_invalid", [("?format", "field_invalid")])),
        ({"format": ""}, (422, "field_invalid", [("?format", "field_invalid")])),
        ({"format": "../../etc/passwd"}, (422, "field_invalid", [("?format", "field_invalid")])),
        ({"format": "\0"}, (422, "field_invalid", [("?format", "field_invalid")])),
        ({"language": "fr"}, (422, "field_invalid", [("?language", "field_invalid")])),
        ({"language": "zh"}, (422, "field_invalid", [("?language", "field_invalid")])),
        ({"file": "x"}, (400, "filter_not_allowed", [("?file", "filter_not_allowed")])),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    db: None, stage: StatementStage, parameters: dict[str, str], refusal: Any
) -> None:
    response = get(stage, **parameters)

    assert refused(response) == refusal
    assert downloads() == []


def test_formats_that_there_are_are_told_when_another_is_asked_for(
    db: None, stage: StatementStage
) -> None:
    [fault] = get(stage, format="docx").json()["errors"]

    assert fault["allowed"] == FORMATS


@pytest.mark.parametrize(
    ("status", "retry_after"), [(PaperStatus.PREPARING, "5"), (PaperStatus.FAILED, None)]
)
def test_refused_when_it_is_not_ready(
    merchant: Merchant, status: PaperStatus, retry_after: str | None
) -> None:
    waiting = add_statement(merchant.partner, "2026-03-01", "2026-03-31", status=status)

    response = merchant.api.get(f"/statements/{waiting.statement_no}/file")

    assert refused(response)[:2] == (409, "statement_not_ready")
    assert response.json()["errors"][0]["status"] == status
    assert response.get("Retry-After") == retry_after


def test_there_is_nothing_when_the_stored_file_is_gone(merchant: Merchant) -> None:
    statement = add_statement(merchant.partner, "2026-03-01", "2026-03-31")
    StatementFile.objects.create(
        statement=statement,
        format="csv",
        language="en",
        file="statements/2026/03/00000000000000000000000000.csv",
        sha256="0" * 64,
        size_bytes=1,
    )

    response = merchant.api.get(f"/statements/{statement.statement_no}/file", language="en")

    assert refused(response)[:2] == (404, "not_found")
    assert downloads() == []


def test_file_of_another_merchant_is_as_if_it_were_missing(db: None, stage: StatementStage) -> None:
    theirs = stage.stranger.api.get(f"/statements/{stage.statement.statement_no}/file")
    missing = stage.stranger.api.get(f"/statements/{MISSING}/file")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}
    assert downloads() == []


@pytest.mark.parametrize(
    "number", ["..", "../../orders", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "１", "%00", "S" * 25]
)
def test_there_is_nothing_when_the_path_is_no_number(merchant: Merchant, number: str) -> None:
    assert refused(merchant.api.get(f"/statements/{number}/file"))[:2] == (404, "not_found")


def test_file_is_found_by_its_stored_name_by_nobody(db: None, stage: StatementStage) -> None:
    name = StatementFile.objects.get(format="csv", language="en").file
    assert default_storage.exists(name)

    for path in (f"/statements/{name}", f"/statements/{stage.statement.statement_no}/{name}"):
        assert refused(stage.merchant.api.get(path))[:2] == (404, "not_found")


def test_refused_when_the_key_opens_other_things_only(db: None, stage: StatementStage) -> None:
    api = stage.merchant.api_with("account:read", "statements:write")

    response = api.get(f"/statements/{stage.statement.statement_no}/file")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get(f"/statements/{MISSING}/file").json()["code"] == "key_missing"
