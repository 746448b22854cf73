from __future__ import annotations

from typing import Any

import pytest

from reconciliation.models import InvoiceTitle
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant
from tests.reconciliation.api.invoices import TITLE

FULL = {
    **TITLE,
    "address": "上海市浦东新区世纪大道 1 号",
    "phone": "021-12345678",
    "bank_name": "工商银行上海分行",
    "bank_account": "6222000011112222",
    "email": "finance@example.com",
}


def test_title_is_kept_when_a_company_gives_everything(merchant: Merchant) -> None:
    response = merchant.api.post("/invoice-titles", FULL)

    kept = InvoiceTitle.objects.get()
    body = response.json()
    assert response.status_code == 201
    assert body == {"title_id": kept.title_id, **FULL, "created_at": body["created_at"]}
    assert kept.partner == merchant.partner


def test_what_was_left_out_is_null_when_a_person_gives_a_name(merchant: Merchant) -> None:
    body = merchant.api.post("/invoice-titles", {"kind": "individual", "name": "张三"}).json()

    assert body == {
        "title_id": body["title_id"],
        "kind": "individual",
        "name": "张三",
        **dict.fromkeys(["tax_number", "address", "phone", "bank_name", "bank_account", "email"]),
        "created_at": body["created_at"],
    }


def test_title_is_the_same_when_it_is_sent_again(merchant: Merchant) -> None:
    first = merchant.api.post("/invoice-titles", FULL)

    second = merchant.api.post("/invoice-titles", FULL)
    other = merchant.api.post("/invoice-titles", {**FULL, "phone": "021-1"})

    assert (second.status_code, second["Idempotent-Replayed"]) == (200, "true")
    assert second.json() == first.json()
    assert (other.status_code, InvoiceTitle.objects.count()) == (201, 2)


def test_first_answer_is_given_when_it_is_sent_again_under_its_key(merchant: Merchant) -> None:
    headers = {"Idempotency-Key": "t-1"}
    first = merchant.api.post("/invoice-titles", TITLE, headers=headers)

    second = merchant.api.post("/invoice-titles", TITLE, headers=headers)
    changed = merchant.api.post("/invoice-titles", {**TITLE, "name": "B 公司"}, headers=headers)

    assert (second.status_code, second["Idempotent-Replayed"]) == (201, "true")
    assert second.json() == first.json()
    assert refused(changed)[:2] == (422, "idempotency_key_reused")
    assert InvoiceTitle.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"kind": "firm"}, [("/kind", "field_invalid")]),
        ({"name": None}, [("/name", "field_required")]),
        ({"name": "x" * 101}, [("/name", "field_invalid")]),
        ({"name": "A"}, [("/name", "field_invalid")]),
        ({"name": " 日升 "}, [("/name", "string_invalid")]),
        ({"name": "日\u200b升"}, [("/name", "string_invalid")]),
        ({"name": 5}, [("/name", "field_invalid")]),
        ({"tax_number": None}, [("/tax_number", "field_required")]),
        ({"tax_number": "91310000MA1FL0CQ5N"}, [("/tax_number", "field_invalid")]),
        ({"tax_number": "９１３１"}, [("/tax_number", "string_invalid")]),
        ({"kind": "individual"}, [("/tax_number", "field_invalid")]),
        ({"email": "nobody"}, [("/email", "field_invalid")]),
        (
            {"phone": "1" * 33, "bank": "x"},
            [("/bank", "unknown_field"), ("/phone", "field_invalid")],
        ),
        ({"partner": "stranger"}, [("/partner", "unknown_field")]),
    ],
)
def test_refused_when_the_form_is_wrong(
    merchant: Merchant, change: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    response = merchant.api.post("/invoice-titles", {**FULL, **change})

    assert refused(response) == (422, faults[0][1], faults)
    assert not InvoiceTitle.objects.exists()


@pytest.mark.parametrize(("field", "maximum"), [("name", 100), ("address", 200), ("phone", 32)])
def test_maximum_is_told_when_a_text_is_too_long(
    merchant: Merchant, field: str, maximum: int
) -> None:
    response = merchant.api.post(
        "/invoice-titles",
        {**FULL, field: "1" * (maximum + 1)},
        headers={"Accept-Language": "en"},
    )

    assert response.json()["errors"] == [
        {
            "pointer": f"/{field}",
            "code": "field_invalid",
            "detail": f"At most {maximum} characters are taken here",
            "maximum": maximum,
        }
    ]


def test_refused_when_the_key_only_reads(merchant: Merchant) -> None:
    response = merchant.api_with("invoices:read").post("/invoice-titles", TITLE)

    assert refused(response)[:2] == (403, "scope_missing")
    assert not InvoiceTitle.objects.exists()


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().post("/invoice-titles", TITLE).json()["code"] == "key_missing"
