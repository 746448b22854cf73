"""Opening a claim for a merchant, from the page of its order."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from aftersales.models import Claim
from openplatform.audit.models import AuditEntry
from orders.models import Suborder
from tests.aftersales.acts import end_window, everything, line_numbers, paid_part, received_part
from tests.aftersales.deciding import goods  # noqa: F401
from tests.backoffice.conftest import Staff
from tests.backoffice.test_order_changes import shown
from tests.cast import Merchant
from tests.orders.acts import place, ship, told

pytestmark = pytest.mark.usefixtures("goods")


def url_of(part_no: str) -> str:
    part = Suborder.objects.get(order_no=part_no)
    return reverse("admin:aftersales_claim_open", args=(part.pk,))


def form(**fields: Any) -> dict[str, Any]:
    return {
        "type": "refund", "line_1": 2, "line_2": "", "reason": "unwanted",
        "description": "Told on the phone.", **fields,
    }  # fmt: skip


@pytest.fixture
def part_no(merchant: Merchant) -> str:
    """Three of A, one of which was shipped, and two of B."""
    number = paid_part(merchant, items=[("A", 3), ("B", 2)])
    ship(number, {1: 1})
    return number


def test_claim_is_opened_told_and_in_the_queue(
    boss: Client, merchant: Merchant, part_no: str
) -> None:
    response = boss.post(url_of(part_no), form(), follow=True)

    claim = Claim.objects.get()
    assert shown(response) == [f"Claim {claim.aftersale_no} was opened"]
    page = reverse("admin:aftersales_claim_change", args=(claim.pk,))
    assert response.redirect_chain == [(page, 302)]
    assert (claim.merchant_aftersale_no, claim.opened_by, claim.status) == ("", "boss", "submitted")
    assert claim.description == "Told on the phone."
    assert line_numbers(part_no) == (1, 0, 0, 2, 2, "0.00")
    assert told(merchant)[-1].type == "aftersale.status_changed"
    assert told(merchant)[-1].data["aftersale"]["merchant_aftersale_no"] is None
    assert AuditEntry.objects.filter(subject_label=claim.aftersale_no, actor="boss").count() == 1


def test_form_offers_what_can_be_claimed(boss: Client, part_no: str) -> None:
    page = boss.get(url_of(part_no))

    fields = page.context["form"].fields
    assert fields["line_1"].max_value == 3
    assert "3 of 3 units can be claimed, 1 of them can be sent back" in page.content.decode()
    assert [value for value, _label in fields["type"].choices] == ["refund", "return_refund"]
    assert [code for code, _name in fields["reason"].choices] == ["", "unwanted", "broken", "late"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"line_1": 0}, "No units were chosen"),
        ({"line_1": ""}, "No units were chosen"),
        ({"line_1": 4}, "less than or equal to 3"),
        ({"line_1": -1}, "greater than or equal to 0"),
        ({"line_1": "1.5"}, "Enter a whole number"),
        ({"type": "return_refund", "line_1": 2}, "More units than can still be claimed"),
        ({"type": "return_refund", "line_1": 1, "reason": "late"}, "is not given for this kind"),
        ({"type": "gift"}, "Select a valid choice"),
        ({"reason": "old"}, "Select a valid choice"),
        ({"reason": ""}, "This field is required"),
        ({"reason": "broken"}, "This reason asks for pictures"),
        ({"description": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_nothing_is_opened_when_it_cannot_be_claimed_so(
    boss: Client, part_no: str, fields: dict[str, Any], text: str
) -> None:
    before = everything()

    page = boss.post(url_of(part_no), form(**fields))

    assert page.status_code == 200
    assert text in page.content.decode()
    assert everything() == before


def test_claim_is_opened_once_however_often_its_form_is_sent(boss: Client, part_no: str) -> None:
    token = boss.get(url_of(part_no)).context["once"][1]

    first = boss.post(url_of(part_no), form(line_1=1, sent_once=token), follow=True)
    second = boss.post(url_of(part_no), form(line_1=1, sent_once=token), follow=True)

    assert Claim.objects.count() == 1
    assert shown(first) == [f"Claim {Claim.objects.get().aftersale_no} was opened"]
    assert shown(second) == ["The claim was opened already"]


def test_window_counts_for_us_as_well(boss: Client, merchant: Merchant) -> None:
    part_no = received_part(merchant)
    end_window(part_no)
    before = everything()

    page = boss.post(url_of(part_no), form(line_1=1))

    assert "The time for claims on this order is over" in page.content.decode()
    assert everything() == before


def test_way_back_is_shown_when_nothing_can_be_claimed(boss: Client, merchant: Merchant) -> None:
    number = place(merchant)["suborders"][0]["order_no"]

    response = boss.get(url_of(number), follow=True)

    order = Suborder.objects.get(order_no=number).order_id
    assert response.redirect_chain == [(reverse("admin:orders_order_change", args=(order,)), 302)]
    assert shown(response) == [f"Nothing of suborder {number} can be claimed"]


def test_opening_is_forbidden_without_the_permission(staff: Staff, part_no: str) -> None:
    client = staff("aftersales.view_claim", "aftersales.decide_claim", "orders.view_order")

    assert client.get(url_of(part_no)).status_code == 403
    assert client.post(url_of(part_no), form()).status_code == 403
    assert Claim.objects.count() == 0


def test_unknown_suborder_is_not_found(boss: Client) -> None:
    for key in (0, 2**62, 2**70):
        url = reverse("admin:aftersales_claim_open", args=(key,))
        assert boss.get(url).status_code == 404
