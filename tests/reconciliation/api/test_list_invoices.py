from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from openplatform.core import clock
from reconciliation.models import Invoice
from tests.aftersales.api.reading import refused
from tests.cast import Api
from tests.reconciliation.api.rows import add_statement, all_pages, count_statements
from tests.reconciliation.api.stage import InvoiceStage, make_invoices
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[InvoiceStage]:
    with on_stage(django_db_blocker):
        yield make_invoices()


def numbers(body: dict[str, Any]) -> list[str]:
    return [invoice["invoice_no"] for invoice in body["results"]]


def made_at(invoice_no: str) -> str:
    at: datetime = Invoice.objects.get(invoice_no=invoice_no).created_at
    text = clock.to_text(at)
    assert text is not None
    return text


def test_newest_invoice_comes_first_without_its_lines(db: None, stage: InvoiceStage) -> None:
    body = stage.merchant.api.get("/invoices").json()

    assert (numbers(body), body["next"]) == ([stage.requested, stage.issued], None)
    one = stage.merchant.api.get(f"/invoices/{stage.requested}").json()
    del one["lines"]
    assert body["results"][0] == one


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [
        ("status", lambda _stage: "issued", ["issued"]),
        ("status", lambda _stage: "cancelled", []),
        ("order_no", lambda stage: stage.first, ["issued"]),
        ("order_no", lambda _stage: "A1", []),
        ("statement_no", lambda _stage: "S1", []),
        ("created_after", lambda stage: made_at(stage.requested), ["requested"]),
        ("created_before", lambda stage: made_at(stage.requested), ["issued"]),
    ],
)
def test_invoices_are_filtered(
    db: None, stage: InvoiceStage, parameter: str, value: Any, found: list[str]
) -> None:
    body = stage.merchant.api.get("/invoices", **{parameter: value(stage)}).json()

    assert numbers(body) == [getattr(stage, name) for name in found]


def test_invoices_are_found_by_the_statement_they_were_asked_for_by(
    db: None, stage: InvoiceStage
) -> None:
    statement = add_statement(stage.merchant.partner, "2026-02-01", "2026-02-28")
    Invoice.objects.filter(invoice_no=stage.issued).update(order_no="", statement=statement)

    found = stage.merchant.api.get("/invoices", statement_no=statement.statement_no).json()
    by_order = stage.merchant.api.get("/invoices", order_no=stage.first).json()

    assert numbers(found) == numbers(by_order) == [stage.issued]
    assert found["results"][0]["statement_no"] == statement.statement_no


def test_pages_follow_each_other(db: None, stage: InvoiceStage) -> None:
    pages = all_pages(stage.merchant, "/invoices", limit=1)

    assert [numbers(page) for page in pages] == [[stage.requested], [stage.issued]]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"status": "open"}, 422, "field_invalid"),
        ({"created_after": "yesterday"}, 422, "field_invalid"),
        ({"order_no": "x" * 25}, 422, "field_invalid"),
        ({"order_no": ""}, 422, "field_invalid"),
        ({"order_no": "\0"}, 422, "string_invalid"),
        ({"title__name": "A"}, 400, "filter_not_allowed"),
        ({"cursor": "WzFd"}, 400, "cursor_invalid"),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    db: None, stage: InvoiceStage, parameters: dict[str, str], status: int, code: str
) -> None:
    assert refused(stage.merchant.api.get("/invoices", **parameters))[:2] == (status, code)


def test_one_statement_is_sent_however_many_invoices_there_are(
    db: None, stage: InvoiceStage
) -> None:
    assert count_statements(stage.merchant, "/invoices", limit=1) == 1
    assert count_statements(stage.merchant, "/invoices") == 1


def test_refused_when_the_key_opens_other_things_only(db: None, stage: InvoiceStage) -> None:
    response = stage.merchant.api_with("statements:read").get("/invoices")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/invoices").json()["code"] == "key_missing"
