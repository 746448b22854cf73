from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_django import DjangoDbBlocker

from reconciliation.models import Invoice
from reconciliation.states import InvoiceStatus
from tests.aftersales.api.reading import refused
from tests.cast import PREFIX, Api
from tests.reconciliation.api.rows import read_whole
from tests.reconciliation.api.stage import InvoiceStage, make_invoices
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[InvoiceStage]:
    with on_stage(django_db_blocker):
        yield make_invoices()


def get(stage: InvoiceStage, **headers: str) -> Any:
    path = f"/invoices/{stage.issued}/file"
    return read_whole(stage.merchant.api.get(path, headers=headers))


@pytest.mark.parametrize("accept", ["", "*/*", "application/pdf", "application/*"])
def test_pdf_is_sent_when_it_is_issued(db: None, stage: InvoiceStage, accept: str) -> None:
    response = get(stage, **({"Accept": accept} if accept else {}))

    content = response.whole
    invoice = Invoice.objects.get(invoice_no=stage.issued)
    assert response.status_code == 200
    assert content.startswith(b"%PDF-")
    with default_storage.open(invoice.file) as stored:
        assert content == stored.read()
    assert hashlib.sha256(content).hexdigest() == invoice.file_sha256
    assert response["ETag"] == f'"{invoice.file_sha256}"'
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Length"] == str(len(content))
    assert response["Content-Disposition"] == (
        'attachment; filename="invoice-26312000000123456789.pdf"'
    )
    assert response["X-Content-Type-Options"] == "nosniff"


def test_file_is_not_sent_again_when_the_etag_is_known(db: None, stage: InvoiceStage) -> None:
    etag = get(stage)["ETag"]

    response = get(stage, **{"If-None-Match": etag})

    assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)


def test_head_tells_the_size_and_sends_nothing(db: None, stage: InvoiceStage) -> None:
    api = stage.merchant.api

    response = read_whole(
        api.client.head(f"{PREFIX}/invoices/{stage.issued}/file", headers=api.headers)
    )

    assert (response.status_code, response.whole) == (200, b"")
    assert int(response["Content-Length"]) > 100


def test_file_stays_when_the_invoice_was_cancelled_afterwards(
    db: None, stage: InvoiceStage
) -> None:
    Invoice.objects.filter(invoice_no=stage.issued).update(status=InvoiceStatus.CANCELLED)

    assert get(stage).status_code == 200


def test_refused_when_it_is_not_issued_yet(db: None, stage: InvoiceStage) -> None:
    response = stage.merchant.api.get(f"/invoices/{stage.requested}/file")

    assert refused(response)[:2] == (409, "invoice_state_conflict")
    assert response.json()["errors"][0]["status"] == "requested"


def test_there_is_nothing_when_the_stored_file_is_gone(db: None, stage: InvoiceStage) -> None:
    lost = "invoices/2026/01/00000000000000000000000000.pdf"
    Invoice.objects.filter(invoice_no=stage.issued).update(file=lost)

    assert refused(get(stage))[:2] == (404, "not_found")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/csv"])
def test_refused_when_no_pdf_is_accepted(db: None, stage: InvoiceStage, accept: str) -> None:
    assert refused(get(stage, Accept=accept))[:2] == (406, "not_acceptable")


def test_file_of_another_merchant_is_as_if_it_were_missing(db: None, stage: InvoiceStage) -> None:
    theirs = stage.stranger.api.get(f"/invoices/{stage.issued}/file")
    missing = stage.stranger.api.get("/invoices/V260303ZC5N8W1RTQH/file")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


def test_parameters_are_refused(db: None, stage: InvoiceStage) -> None:
    response = stage.merchant.api.get(f"/invoices/{stage.issued}/file", format="xlsx")

    assert refused(response)[:2] == (400, "filter_not_allowed")


def test_refused_when_the_key_opens_other_things_only(db: None, stage: InvoiceStage) -> None:
    response = stage.merchant.api_with("statements:read").get(f"/invoices/{stage.issued}/file")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/invoices/V260303ZC5N8W1RTQH/file").json()["code"] == "key_missing"
