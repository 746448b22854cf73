"""All merchants' statements of a period in one ZIP."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from openplatform.audit.models import AuditEntry
from reconciliation.files.archive import FileDiffers, name_in_archive, write_archive
from reconciliation.models import Statement, StatementFile
from tests.backoffice.conftest import Staff
from tests.backoffice.statement_month import FIRST, LAST, MARCH, Month
from tests.reconciliation.past import make_statement
from tests.staging import on_stage

pytestmark = pytest.mark.django_db

URL = reverse("admin:reconciliation_statement_archive")
ALL = {"formats": ["csv", "xlsx", "pdf"], "languages": ["zh-hans", "en"]}


@pytest.fixture(scope="module")
def march(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    with on_stage(django_db_blocker):
        month = Month()
        make_statement(month.stranger.partner, FIRST, LAST)
        yield month


def archive_of(response: Any) -> zipfile.ZipFile:
    assert response.status_code == 200
    assert response.streaming
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def receive(pieces: Iterator[bytes], sent: bytearray) -> None:
    for piece in pieces:
        sent += piece


def manifest_of(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    text = archive.read("manifest.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_archive_has_every_file_and_each_is_what_the_manifest_says(
    march: Month, boss: Client
) -> None:
    response = boss.post(URL, {**MARCH, **ALL})

    archive = archive_of(response)
    assert archive.testzip() is None
    rows = manifest_of(archive)
    assert archive.namelist() == [*(row["file"] for row in rows), "manifest.csv"]
    assert [row["file"] for row in rows] == [
        f"{partner}/statement-{partner}-2026-03-01-2026-03-31-{language}.{format}"
        for partner in ("acme", "stranger")
        for language in ("en", "zh-hans")
        for format in ("csv", "pdf", "xlsx")
    ]
    for row in rows:
        content = archive.read(row["file"])
        file = StatementFile.objects.get(
            statement__statement_no=row["statement_no"],
            format=row["format"],
            language=row["language"],
        )
        assert hashlib.sha256(content).hexdigest() == row["sha256"] == file.sha256
        assert len(content) == int(row["size_bytes"]) == file.size_bytes
        assert (row["period_start"], row["period_end"]) == ("2026-03-01", "2026-03-31")
        assert row["partner"] == file.statement.partner.code
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == (
        'attachment; filename="statements-2026-03-01-2026-03-31.zip"'
    )
    assert "no-store" in response["Cache-Control"]


def test_archive_has_only_what_was_chosen(march: Month, boss: Client) -> None:
    archive = archive_of(boss.post(URL, {**MARCH, "formats": ["csv"], "languages": ["en"]}))

    assert archive.namelist() == [
        "acme/statement-acme-2026-03-01-2026-03-31-en.csv",
        "stranger/statement-stranger-2026-03-01-2026-03-31-en.csv",
        "manifest.csv",
    ]


def test_the_trail_keeps_one_download_with_the_list_of_statements(
    march: Month, staff: Staff
) -> None:
    client = staff(
        "reconciliation.view_statement", "reconciliation.download_statement",
        "audit.view_auditentry", username="fin",
    )  # fmt: skip

    client.post(URL, {**MARCH, "formats": ["csv"], "languages": ["en"]})

    entry = AuditEntry.objects.get(action="download_archive")
    assert (entry.actor, entry.subject_label) == ("fin", "statements-2026-03-01-2026-03-31.zip")
    assert entry.after == {
        "files": 2,
        "formats": ["csv"],
        "languages": ["en"],
        "statements": sorted(Statement.objects.values_list("statement_no", flat=True)),
    }
    page = reverse("admin:reconciliation_statement_change", args=(march.statement.pk,))
    [download] = client.get(page).context["downloads"]
    assert (download.actor, download.what) == (
        "fin", "Archive statements-2026-03-01-2026-03-31.zip",
    )  # fmt: skip
    assert client.get(download.url).status_code == 200


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({**MARCH, "languages": ["en"]}, "formats"),
        ({**MARCH, "formats": ["csv"]}, "languages"),
        ({**MARCH, **ALL, "formats": ["doc"]}, "formats"),
        ({**ALL, "period_start": "2026-03-31", "period_end": "2026-03-01"}, "period_end"),
        ({**ALL, "period_start": "2026-03-01", "period_end": "2026-03-30"}, "__all__"),
    ],
)
def test_nothing_is_sent_nor_kept_when_the_question_is_wrong(
    march: Month, boss: Client, asked: dict[str, Any], field: str
) -> None:
    response = boss.post(URL, asked)

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert not AuditEntry.objects.filter(action="download_archive").exists()


def test_form_tells_how_many_are_ready_and_opens_with_the_days_asked_for(
    march: Month, boss: Client
) -> None:
    response = boss.get(URL, MARCH)

    assert response.context["form"].initial["period_start"] == "2026-03-01"
    assert response.context["form"].initial["languages"] == ["en"]
    assert len(response.context["months"]) == 6


def test_archive_is_for_whoever_may_download(march: Month, staff: Staff) -> None:
    client = staff("reconciliation.view_statement")

    assert client.get(URL).status_code == 403
    assert client.post(URL, {**MARCH, **ALL}).status_code == 403
    assert not AuditEntry.objects.filter(action="download_archive").exists()


# What could go wrong underneath


def test_archive_lacks_its_end_when_a_stored_file_is_not_what_it_was(march: Month) -> None:
    file = march.statement.files.get(format="csv", language="en")
    with default_storage.open(file.file) as stored:
        content = stored.read()
    with default_storage.open(file.file, "wb") as stored:
        stored.write(content.replace(b"10000.00", b"99999.00"))
    sent = bytearray()

    with pytest.raises(FileDiffers):
        receive(write_archive([file]), sent)

    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(bytes(sent)))
    with default_storage.open(file.file, "wb") as stored:
        stored.write(content)


@pytest.mark.parametrize(
    ("code", "folder"),
    [("acme", "acme"), ("..", "_.."), (".", "_."), ("manifest.csv", "_manifest.csv")],
)
def test_code_of_a_partner_is_never_a_way_out_of_the_archive(
    march: Month, code: str, folder: str
) -> None:
    file = march.statement.files.select_related("statement__partner").first()
    assert file is not None
    file.statement.partner.code = code

    assert name_in_archive(file).rpartition("/")[0] == folder


def test_archive_is_written_in_pieces_while_it_is_read(march: Month) -> None:
    files = list(march.statement.files.all())

    pieces = write_archive(files)

    first = next(pieces)
    assert first.startswith(b"PK\x03\x04")
    assert len(first) < sum(file.size_bytes for file in files)
    pieces.close()
