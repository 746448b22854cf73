"""Whom invoices are made out to: what is taken, and what is known again."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import NotFound, Refusal
from reconciliation.models import InvoiceTitle
from reconciliation.requests import TitleDraft
from reconciliation.services.titles import retire_title, save_title
from reconciliation.tax_numbers import check_character, is_tax_number
from tests.cast import Merchant
from tests.reconciliation.invoicing import COMPANY, PERSON, TAX_NUMBER, make_title


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("91330100799655058B", True),
        ("91440300708461136T", True),
        ("913301007996550581", False),  # another check character
        ("91330100799655085B", False),  # two digits swapped
        ("9133010079965505B", False),
        ("91330100799655058b", False),
        ("9133010O799655058B", False),  # a letter O in the region
        ("SV330100799655058B", False),
        ("310115123456789", True),
        ("31011512345678X", True),
        ("31011512345678", False),
        ("3101151234567890", False),
        ("", False),
    ],
)
def test_tax_number_is_one_when_its_form_and_its_check_character_hold(
    text: str, is_one: bool
) -> None:
    assert is_tax_number(text) is is_one


def test_no_single_slip_of_a_character_passes() -> None:
    for place in range(17):
        for character in "0123456789":
            slipped = f"{TAX_NUMBER[:place]}{character}{TAX_NUMBER[place + 1 : 17]}"
            if slipped != TAX_NUMBER[:17]:
                assert check_character(slipped) != TAX_NUMBER[17]


def test_title_is_written_once_when_it_is_sent_twice(merchant: Merchant) -> None:
    first = save_title(partner_id=merchant.partner.pk, draft=COMPANY, now=clock.now())
    second = save_title(partner_id=merchant.partner.pk, draft=COMPANY, now=clock.now())

    assert (first.status, first.is_replay) == (201, False)
    assert (second.status, second.is_replay, second.body) == (200, True, first.body)
    title = InvoiceTitle.objects.get()
    assert orjson.loads(first.body) == {
        "title_id": title.title_id,
        "kind": "company",
        "name": "晨光贸易有限公司",
        "tax_number": "91330100799655058B",
        "address": "张江路 88 号",
        "phone": "021-5555-0100",
        "bank_name": "示例银行张江支行",
        "bank_account": "6222020000000000",
        "email": None,
        "created_at": clock.to_text(title.created_at),
    }
    assert not AuditEntry.objects.filter(action="add_invoice_title").exists()


def test_another_text_is_another_title_and_so_is_another_merchants(
    merchant: Merchant, stranger: Merchant
) -> None:
    titles = {
        make_title(merchant).title_id,
        make_title(merchant, replace(COMPANY, phone="021-5555-0101")).title_id,
        make_title(merchant, PERSON).title_id,
        make_title(stranger).title_id,
    }

    assert len(titles) == 4


def test_tax_number_is_kept_in_capitals(merchant: Merchant) -> None:
    title = make_title(merchant, replace(COMPANY, tax_number="91330100799655058b"))

    assert title.tax_number == "91330100799655058B"


@pytest.mark.parametrize(
    ("draft", "faults"),
    [
        (replace(COMPANY, name="晨"), [("/name", "field_invalid")]),
        (replace(COMPANY, name="晨" * 101), [("/name", "field_invalid")]),
        (replace(COMPANY, tax_number=""), [("/tax_number", "field_required")]),
        (replace(COMPANY, tax_number="913301007996550581"), [("/tax_number", "field_invalid")]),
        (replace(PERSON, tax_number=TAX_NUMBER), [("/tax_number", "field_invalid")]),
        (replace(PERSON, kind="state"), [("/kind", "field_invalid")]),
        (replace(PERSON, email="nobody"), [("/email", "field_invalid")]),
        (
            TitleDraft(kind="company", name="", address="x" * 201),
            [
                ("/name", "field_invalid"),
                ("/tax_number", "field_required"),
                ("/address", "field_invalid"),
            ],
        ),
    ],
)
def test_nothing_is_written_when_a_field_is_wrong(
    merchant: Merchant, draft: TitleDraft, faults: list[tuple[str, str]]
) -> None:
    with pytest.raises(Refusal) as refused:
        save_title(partner_id=merchant.partner.pk, draft=draft, now=clock.now())

    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == faults
    assert not InvoiceTitle.objects.exists()


@pytest.mark.parametrize("length", [2, 100])
def test_names_of_two_to_a_hundred_characters_are_taken(merchant: Merchant, length: int) -> None:
    assert make_title(merchant, replace(PERSON, name="晨" * length)).name == "晨" * length


def test_title_comes_back_into_use_when_it_is_sent_again(merchant: Merchant) -> None:
    title = make_title(merchant)

    retire_title(title_id=title.title_id, actor="finance")

    title.refresh_from_db()
    assert title.is_active is False
    assert list(AuditEntry.objects.filter(action="retire_invoice_title").values_list("actor")) == [
        ("finance",)
    ]
    assert make_title(merchant) == title
    title.refresh_from_db()
    assert title.is_active is True


def test_staff_who_add_a_title_are_in_the_trail(merchant: Merchant) -> None:
    save_title(partner_id=merchant.partner.pk, draft=PERSON, now=clock.now(), actor="finance")

    entry = AuditEntry.objects.get(action="add_invoice_title")
    assert (entry.actor, entry.partner, entry.after["name"]) == (
        "finance",
        merchant.partner,
        "张三",
    )


def test_unknown_title_cannot_be_retired(db: None) -> None:
    with pytest.raises(NotFound):
        retire_title(title_id="N0", actor="finance")
