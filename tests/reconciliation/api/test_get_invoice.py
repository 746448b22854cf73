from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.aftersales.api.reading import refused
from tests.cast import Api
from tests.reconciliation.api.rows import read_whole
from tests.reconciliation.api.stage import InvoiceStage, make_invoices
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[InvoiceStage]:
    with on_stage(django_db_blocker):
        yield make_invoices()


def test_number_and_digest_are_shown_when_it_is_issued(db: None, stage: InvoiceStage) -> None:
    body = stage.merchant.api.get(f"/invoices/{stage.issued}").json()

    assert (body["status"], body["version"]) == ("issued", 2)
    assert (body["fiscal_code"], body["fiscal_number"]) == (None, "26312000000123456789")
    assert (body["amount"], body["tax_amount"]) == ("18.00", "2.07")
    assert [(line["sku"], line["amount"]) for line in body["lines"]] == [
        ("A", "10.00"),
        (None, "8.00"),
    ]
    file = read_whole(stage.merchant.api.get(f"/invoices/{stage.issued}/file"))
    assert file["ETag"] == f'"{body["sha256"]}"'


def test_invoice_of_another_merchant_is_as_if_it_were_missing(
    db: None, stage: InvoiceStage
) -> None:
    theirs = stage.stranger.api.get(f"/invoices/{stage.issued}")
    missing = stage.stranger.api.get("/invoices/V260303ZC5N8W1RTQH")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


@pytest.mark.parametrize("number", ["..", "../bills", "１", "%00", "v1", "V" * 25])
def test_there_is_nothing_when_the_path_is_no_number(
    db: None, stage: InvoiceStage, number: str
) -> None:
    assert refused(stage.merchant.api.get(f"/invoices/{number}"))[:2] == (404, "not_found")


def test_parameters_are_refused(db: None, stage: InvoiceStage) -> None:
    response = stage.merchant.api.get(f"/invoices/{stage.issued}", expand="title")

    assert refused(response)[:2] == (400, "filter_not_allowed")


def test_refused_when_the_key_opens_other_things_only(db: None, stage: InvoiceStage) -> None:
    response = stage.merchant.api_with("statements:read").get(f"/invoices/{stage.issued}")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/invoices/V260303ZC5N8W1RTQH").json()["code"] == "key_missing"
