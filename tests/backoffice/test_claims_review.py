"""The page of one claim: order, merchant, pictures and words beside it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aftersales.models import Claim
from tests.aftersales.acts import (
    add_picture,
    claim_of,
    file,
    file_for_return,
    paid_part,
    shipped_part,
)
from tests.aftersales.deciding import approve, ask, goods, reject  # noqa: F401
from tests.backoffice.conftest import Staff
from tests.backoffice.test_order_pages import text_of
from tests.cast import Merchant

pytestmark = pytest.mark.usefixtures("goods")


def page_of(client: Client, claim: Claim) -> Any:
    response = client.get(reverse("admin:aftersales_claim_change", args=(claim.pk,)))
    assert response.status_code == 200
    return response


def section(page: Any, name: str) -> str:
    """The text of a part of the page."""
    html = page.content.decode()
    found = re.search(rf'id="{name}".*?(?=<div class="[^"]*" id="|<footer|$)', html, re.S)
    assert found, name
    return text_of(f"<i {found.group()}")


def acts_of(page: Any) -> list[str]:
    return [one["path"].strip("/").split("/")[-1] for one in page.context["actions_detail"]]


@pytest.fixture
def claim(merchant: Merchant) -> Claim:
    """Two of three A, of which nothing was shipped, with two pictures."""
    pictures = [add_picture(merchant), add_picture(merchant)]
    part_no = paid_part(merchant, items=[("A", 3)])
    return claim_of(file(merchant, part_no, {1: 2}, pictures=pictures))


def test_page_shows_the_claim_beside_its_order_and_merchant(boss: Client, claim: Claim) -> None:
    page = page_of(boss, claim)

    facts = section(page, "claim")
    assert f"Claim {claim.aftersale_no} Submitted Refund" in facts
    assert "Reason Not wanted" in facts
    assert "Asked for, without freight 20.00" in facts
    assert "It does not fit." in facts
    assert page.content.decode().count('alt="Picture ') == 2
    order = section(page, "order")
    assert f"Suborder {claim.suborder.order_no} Awaiting shipment north" in order
    assert "1. A 商品 A 3 0 2 0 30.00" in section(page, "order_lines")
    assert "Nothing was shipped." in order
    assert "filed 1 · open 1 · refunded 0 (0.00)" in section(page, "record")
    assert "This is the first claim of the merchant." in text_of(page.content.decode())
    assert "Paid less refunded" in section(page, "money")


def test_page_offers_what_the_state_allows(boss: Client, merchant: Merchant, claim: Claim) -> None:
    assert acts_of(page_of(boss, claim)) == ["approve", "ask", "reject", "note"]
    ask({"aftersale_no": claim.aftersale_no})
    assert acts_of(page_of(boss, claim)) == ["approve", "reject", "note"]
    reject({"aftersale_no": claim.aftersale_no})
    assert acts_of(page_of(boss, claim)) == ["note"]


def test_page_shows_the_return_when_goods_are_to_come_back(
    boss: Client, merchant: Merchant
) -> None:
    document = file_for_return(merchant, shipped_part(merchant))
    approve(document)

    page = page_of(boss, claim_of(document))

    back = section(page, "return")
    assert "退货组 021-5555-0100 · 张江路 88 号 3 号门" in back
    assert "Nothing was sent back yet." in back
    assert "approve" not in acts_of(page)


def test_history_and_notes_are_one_conversation(
    boss: Client, merchant: Merchant, claim: Claim
) -> None:
    ask({"aftersale_no": claim.aftersale_no}, "Which of them?")
    picture = add_picture(merchant)
    answer = merchant.api.post(
        f"/aftersales/{claim.aftersale_no}/notes", {"text": "The blue one.", "pictures": [picture]}
    )
    assert answer.status_code == 201

    words = [
        (word.role, word.to_status, word.text, len(word.pictures))
        for word in page_of(boss, claim).context["words"]
    ]

    assert words[:2] == [
        ("merchant", "submitted", "", 0),
        ("operator", "info_requested", "Which of them?", 0),
    ]
    assert sorted(words[2:]) == [
        ("merchant", "", "The blue one.", 1),
        ("merchant", "submitted", "", 0),
    ]


def test_earlier_claims_of_the_merchant_and_of_the_order_are_told(
    boss: Client, merchant: Merchant, claim: Claim
) -> None:
    rest = file(merchant, claim.suborder.order_no, merchant_aftersale_no="R-2")
    reject(rest)
    elsewhere = file(merchant, paid_part(merchant, "M-2"), merchant_aftersale_no="R-3")
    approve(elsewhere)

    page = page_of(boss, claim)

    assert [row.merchant_aftersale_no for row in page.context["same_order"]] == ["R-2"]
    assert [row.merchant_aftersale_no for row in page.context["earlier"]] == ["R-3", "R-2"]
    assert "filed 3 · open 1 · refunded 1 (10.00) · rejected 1" in section(page, "record")


def test_markup_of_a_merchant_is_text(boss: Client, merchant: Merchant) -> None:
    part_no = paid_part(merchant)
    claim = claim_of(file(merchant, part_no, description="<script>alert(1)</script>"))

    html = page_of(boss, claim).content.decode()

    assert "<script>alert(1)</script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_page_costs_the_same_for_more_lines_notes_and_pictures(
    boss: Client, merchant: Merchant, claim: Claim
) -> None:
    pictures = [add_picture(merchant) for _index in range(9)]
    part_no = paid_part(merchant, "M-2", items=[("A", 3), ("B", 3)])
    document = file(merchant, part_no, {1: 2, 2: 2}, pictures=pictures, merchant_aftersale_no="R-2")
    for text in ("One.", "Two.", "Three."):
        merchant.api.post(f"/aftersales/{document['aftersale_no']}/notes", {"text": text})
    large = claim_of(document)
    page_of(boss, claim)

    with CaptureQueriesContext(connection) as little:
        page_of(boss, claim)
    with CaptureQueriesContext(connection) as much:
        page_of(boss, large)

    assert len(much) == len(little)


def test_order_page_shows_its_claims_and_leads_to_another(
    boss: Client, staff: Staff, claim: Claim
) -> None:
    url = reverse("admin:orders_order_change", args=(claim.order_id,))
    opening = reverse("admin:aftersales_claim_open", args=(claim.suborder_id,))

    html = boss.get(url).content.decode()
    plain = staff("orders.view_order").get(url).content.decode()

    assert claim.aftersale_no in html
    assert opening in html
    assert claim.aftersale_no not in plain
    assert opening not in plain


def test_unknown_claim_is_not_found(boss: Client, claim: Claim) -> None:
    for key in ("0", "99999999999999999999", "x"):
        url = reverse("admin:aftersales_claim_change", args=(claim.pk,))
        assert boss.get(url.replace(f"/{claim.pk}/", f"/{key}/")).status_code == 404
