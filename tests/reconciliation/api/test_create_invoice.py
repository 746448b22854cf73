from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from openplatform.messaging.models import Outbox
from reconciliation.models import Invoice, InvoicedOrder
from reconciliation.states import PaperStatus
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant, World, make_merchant
from tests.orders.acts import pay, place
from tests.reconciliation.api.invoices import TITLE, add_title, ask, nothing_of
from tests.reconciliation.api.rows import add_statement
from tests.staging import on_stage


@dataclass(frozen=True)
class Stage:
    merchant: Merchant
    stranger: Merchant
    title_id: str
    paid: str
    unpaid: str
    their_title: str
    their_order: str
    their_statement: str


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """A paid order of two units for 10.00 and one for 25.00 and freight of 10.00, an unpaid one,
    a title; a stranger has each of them, too.
    """
    with on_stage(django_db_blocker):
        merchant, stranger, world = make_merchant("acme"), make_merchant("stranger"), World()
        world.open_pool_to(merchant, stranger)
        world.make_sku("A", price="10.00", north=50)
        world.make_sku("B", price="25.00", north=50)
        yield Stage(
            merchant,
            stranger,
            add_title(merchant),
            pay(merchant, "M-1", [("A", 2), ("B", 1)])["order_no"],
            place(merchant, "M-2")["order_no"],
            add_title(stranger),
            pay(stranger, "M-1")["order_no"],
            add_statement(stranger.partner, "2026-02-01", "2026-02-28").statement_no,
        )


def body_of(stage: Stage, **change: Any) -> dict[str, Any]:
    body = {"title_id": stage.title_id, "kind": "general", "order_no": stage.paid, **change}
    return {name: value for name, value in body.items() if value is not None}


def test_invoice_is_requested_when_the_order_is_paid(db: None, stage: Stage) -> None:
    response = stage.merchant.api.post("/invoices", body_of(stage, remark="采购单 P-7"))

    body = response.json()
    kept = Invoice.objects.get()
    assert response.status_code == 201
    assert body == {
        "invoice_no": kept.invoice_no,
        "currency": "CNY",
        "kind": "general",
        "status": "requested",
        "title": {
            "title_id": stage.title_id,
            **TITLE,
            **dict.fromkeys(["address", "phone", "bank_name", "bank_account", "email"]),
            "created_at": body["title"]["created_at"],
        },
        "order_no": stage.paid,
        "statement_no": None,
        "credits": None,
        "amount": "55.00",
        "tax_amount": "6.33",
        "remark": "采购单 P-7",
        "reason": None,
        "fiscal_code": None,
        "fiscal_number": None,
        "sha256": None,
        "lines": [
            line(stage, "A", 2, "10.00", "2.30", name="商品 A"),
            line(stage, "B", 1, "25.00", "2.88", name="商品 B"),
            line(stage, None, 1, "10.00", "1.15", name="运费"),
        ],
        "version": 1,
        "created_at": body["created_at"],
        "updated_at": body["created_at"],
        "issued_at": None,
        "cancelled_at": None,
    }
    assert kept.requested_by.startswith("key:op_")
    assert InvoicedOrder.objects.get().order.order_no == stage.paid
    assert Outbox.objects.filter(type="invoice.status_changed").count() == 1


def line(
    stage: Stage, sku: str | None, quantity: int, price: str, tax_amount: str, *, name: str
) -> dict[str, Any]:
    return {
        "order_no": stage.paid,
        "sku": sku,
        "name": name,
        "unit": None,
        "quantity": quantity,
        "unit_price": price,
        "tax_rate": "0.13",
        "amount": f"{quantity * Decimal(price):.2f}",
        "tax_amount": tax_amount,
    }


def test_invoice_is_the_same_when_it_is_asked_for_again(db: None, stage: Stage) -> None:
    first = stage.merchant.api.post("/invoices", body_of(stage))

    second = stage.merchant.api.post("/invoices", body_of(stage, remark="again"))

    assert (first.status_code, second.status_code) == (201, 200)
    assert second["Idempotent-Replayed"] == "true"
    assert second.json() == first.json()
    assert Invoice.objects.count() == 1


def test_first_answer_is_given_when_it_is_sent_again_under_its_key(db: None, stage: Stage) -> None:
    headers = {"Idempotency-Key": "i-1"}
    first = stage.merchant.api.post("/invoices", body_of(stage), headers=headers)

    second = stage.merchant.api.post("/invoices", body_of(stage), headers=headers)
    changed = stage.merchant.api.post(
        "/invoices", body_of(stage, order_no=stage.unpaid), headers=headers
    )

    assert (second.status_code, second["Idempotent-Replayed"]) == (201, "true")
    assert second.json() == first.json()
    assert refused(changed)[:2] == (422, "idempotency_key_reused")
    assert Invoice.objects.count() == 1


def test_refused_when_another_invoice_covers_the_order(db: None, stage: Stage) -> None:
    first = ask(stage.merchant, stage.title_id, stage.paid)
    other = add_title(stage.merchant, name="日落贸易有限公司")

    response = stage.merchant.api.post("/invoices", body_of(stage, title_id=other))

    assert refused(response) == (422, "field_invalid", [("/order_no", "field_invalid")])
    assert response.json()["errors"][0]["invoice_no"] == first["invoice_no"]
    assert Invoice.objects.count() == 1


def test_refused_when_the_order_is_not_paid(db: None, stage: Stage) -> None:
    response = stage.merchant.api.post("/invoices", body_of(stage, order_no=stage.unpaid))

    assert refused(response)[:2] == (409, "order_state_conflict")
    assert nothing_of(stage.merchant.partner)


def test_refused_when_the_statement_is_being_made(db: None, stage: Stage) -> None:
    waiting = add_statement(
        stage.merchant.partner, "2026-02-01", "2026-02-28", status=PaperStatus.PREPARING
    )

    response = stage.merchant.api.post(
        "/invoices", body_of(stage, order_no=None, statement_no=waiting.statement_no)
    )

    assert refused(response)[:2] == (409, "statement_not_ready")
    assert response["Retry-After"] == "5"
    assert nothing_of(stage.merchant.partner)


def test_refused_when_nothing_was_paid_in_the_period(db: None, stage: Stage) -> None:
    quiet = add_statement(stage.merchant.partner, "2026-02-01", "2026-02-28")

    response = stage.merchant.api.post(
        "/invoices", body_of(stage, order_no=None, statement_no=quiet.statement_no)
    )

    assert refused(response) == (422, "field_invalid", [("/statement_no", "field_invalid")])
    assert nothing_of(stage.merchant.partner)


@pytest.mark.parametrize(
    ("name", "theirs", "missing"),
    [
        ("title_id", "their_title", "N260303E6KB2V9XMJ4"),
        ("order_no", "their_order", "A260303E6KB2V9XMJ4"),
        ("statement_no", "their_statement", "S260303E6KB2V9XMJ4"),
    ],
)
def test_what_belongs_to_another_merchant_is_as_if_it_were_missing(
    db: None, stage: Stage, name: str, theirs: str, missing: str
) -> None:
    rest = {"order_no": None} if name == "statement_no" else {}

    answers = [
        stage.merchant.api.post("/invoices", body_of(stage, **{**rest, name: number}))
        for number in (getattr(stage, theirs), missing)
    ]

    assert refused(answers[0]) == (404, "not_found", [(f"/{name}", "not_found")])
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1]
    assert nothing_of(stage.merchant.partner)


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"title_id": None}, [("/title_id", "field_required")]),
        ({"title_id": "N" * 25}, [("/title_id", "field_invalid")]),
        ({"kind": "red"}, [("/kind", "field_invalid")]),
        ({"kind": "special"}, [("/title_id", "field_invalid")]),
        ({"order_no": None}, [("/order_no", "field_required")]),
        ({"order_no": 5}, [("/order_no", "field_invalid")]),
        ({"statement_no": "S1"}, [("/statement_no", "field_invalid")]),
        ({"remark": "x" * 201}, [("/remark", "field_invalid")]),
        ({"remark": "a\nb"}, [("/remark", "string_invalid")]),
        (
            {"amount": "1.00", "partner": "x"},
            [("/amount", "unknown_field"), ("/partner", "unknown_field")],
        ),
    ],
)
def test_refused_when_the_form_is_wrong(
    db: None, stage: Stage, change: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    response = stage.merchant.api.post("/invoices", body_of(stage, **change))

    assert refused(response) == (422, faults[0][1], faults)
    assert nothing_of(stage.merchant.partner)


def test_refused_when_a_parameter_is_sent(db: None, stage: Stage) -> None:
    response = stage.merchant.api.request("POST", "/invoices?draft=1", body=body_of(stage))

    assert refused(response)[:2] == (400, "filter_not_allowed")
    assert nothing_of(stage.merchant.partner)


def test_refused_when_the_key_only_reads(db: None, stage: Stage) -> None:
    api = stage.merchant.api_with("invoices:read", "orders:write")

    assert refused(api.post("/invoices", body_of(stage)))[:2] == (403, "scope_missing")
    assert nothing_of(stage.merchant.partner)


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().post("/invoices", {}).json()["code"] == "key_missing"
