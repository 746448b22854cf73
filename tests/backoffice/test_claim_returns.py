"""Receiving, inspecting and sending back the goods of claims on pages of the back office."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime

from aftersales.inspections import InspectedLine
from aftersales.models import Claim, ClaimLine, ClaimParcel
from aftersales.services.deciding import ApprovedLine
from openplatform.audit.models import AuditEntry
from tests.aftersales.acts import claim_of, everything, file_for_return, shipped_part
from tests.aftersales.returning import (
    awaited,
    good,
    goods_to_return,
    inspect,
    receive,
    received,
    report,
)
from tests.backoffice.claim_returns import (
    ACTS,
    INSPECTOR,
    found,
    inspection,
    line_of,
    offered,
    page_of,
    photo,
    told,
    url_of,
)
from tests.backoffice.conftest import Staff
from tests.backoffice.test_order_changes import confirm
from tests.cast import Merchant, World

PARCELS = reverse("admin:aftersales_claimparcel_changelist")


@pytest.fixture
def clerk(shop: World, staff: Staff) -> Client:
    """Who takes returns in; goods and an address for them are there."""
    goods_to_return(shop)
    return staff(*INSPECTOR, username="clerk")


# Receiving


def test_goods_are_received_when_they_were_counted(clerk: Client, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant, {"A": 2, "B": 3})
    report(merchant, aftersale_no)
    url = url_of("receive", aftersale_no)

    shown = clerk.get(url)
    answer = clerk.post(url, {"received_1": "2", "received_2": "1"}, follow=True)

    assert [field.value() for field in shown.context["form"]] == [2, 3]
    assert "BACK-1" in shown.content.decode()
    claim = claim_of(aftersale_no)
    assert claim.status == "return_received"
    assert list(claim.lines.values_list("received_quantity", flat=True)) == [2, 1]
    assert answer.redirect_chain == [(page_of(aftersale_no), 302)]
    assert told(answer) == [
        f"The goods of claim {aftersale_no} were received; they are to be inspected"
    ]
    [entry] = AuditEntry.objects.filter(action="receive_return")
    assert (entry.actor, entry.after["received_units"]) == ("clerk", {"A": 2, "B": 1})


@pytest.mark.parametrize("act", ["enter_waybill", "receive"])
def test_head_shows_what_was_approved_when_less_was_than_asked_for(
    clerk: Client, merchant: Merchant, act: str
) -> None:
    aftersale_no = awaited(merchant, {"A": 2, "B": 3}, lines={1: ApprovedLine(1)})

    page = clerk.get(url_of(act, aftersale_no))

    facts = {str(label): value for label, value in page.context["facts"]}
    assert (facts["approved units"], facts["refund"]) == ("A × 1", "10.00")
    assert "units" not in facts
    assert "amount" not in facts


def test_head_shows_what_was_approved_when_goods_are_sent_back(
    clerk: Client, merchant: Merchant
) -> None:
    aftersale_no = received(merchant)
    inspect(aftersale_no, {1: InspectedLine(1, 1, ClaimLine.Inspection.DAMAGED)})

    page = clerk.get(url_of("send_back", aftersale_no))

    facts = {str(label): value for label, value in page.context["facts"]}
    assert (facts["approved units"], facts["refund"]) == ("A × 2", "10.00")


def test_goods_are_received_when_nobody_told_of_a_parcel(clerk: Client, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)

    clerk.post(url_of("receive", aftersale_no), {"received_1": "0"})

    assert claim_of(aftersale_no).status == "return_received"
    assert line_of(aftersale_no)[0] == 0


@pytest.mark.parametrize("number", ["3", "-1", "1.5", "", "two", "1e9", "99999999999999999999"])
def test_nothing_is_received_when_the_count_is_wrong(
    clerk: Client, merchant: Merchant, number: str
) -> None:
    aftersale_no = awaited(merchant)
    before = everything()

    answer = clerk.post(url_of("receive", aftersale_no), {"received_1": number})

    assert list(answer.context["form"].errors) == ["received_1"]
    assert everything() == before


# A parcel told of by telephone


def test_parcel_is_followed_when_staff_enters_its_waybill(
    clerk: Client, merchant: Merchant, shop: World
) -> None:
    aftersale_no = awaited(merchant)
    url = url_of("enter_waybill", aftersale_no)
    form = {
        "carrier": shop.carrier.pk, "waybill_no": "BACK-7",
        "shipped_at_0": "2020-01-01", "shipped_at_1": "12:00",
    }  # fmt: skip
    early = clerk.post(url, form)
    del form["shipped_at_0"], form["shipped_at_1"]
    initial = localtime(clerk.get(url).context["form"]["shipped_at"].value())
    initial += timedelta(seconds=1)  # the order was placed within the same one
    form |= {
        "shipped_at_0": initial.strftime("%Y-%m-%d"), "shipped_at_1": initial.strftime("%H:%M:%S"),
    }  # fmt: skip

    answer = clerk.post(url, form, follow=True)
    corrected = clerk.post(url, {**form, "waybill_no": "BACK-8", "replaces": "BACK-7"})

    assert early.context["form"].errors == {
        "shipped_at": ["This is before the order was placed"],
    }
    assert told(answer) == ["Waybill BACK-7 was written down"]
    assert corrected.status_code == 302
    claim = claim_of(aftersale_no)
    assert claim.status == "return_shipped"
    assert list(claim.parcels.values_list("direction", "waybill_no", "actor")) == [
        ("return", "BACK-8", "clerk")
    ]
    assert claim.events.order_by("-id")[0].role == "operator"


# Sending back


def reject(merchant: Merchant, clerk: Client) -> str:
    """The number of a claim whose two units are to be sent back."""
    aftersale_no = received(merchant)
    url = url_of("inspect", aftersale_no)
    form = inspection(found(numbers="2 0 0", result="damaged"), note="Broken by the consignee")
    preview = clerk.post(url, {**form, "pictures": [photo()]})
    form["kept"] = [one["picture_id"] for one in preview.context["form"].list_kept()]
    confirm(clerk, url, preview, form, confirmed="1")
    return aftersale_no


def to_send_back(client: Client) -> list[str]:
    """The numbers in the queue."""
    page = client.get(reverse("admin:aftersales_claim_changelist"), {"queue": "send_back"})
    return [claim.aftersale_no for claim in page.context["cl"].result_list]


def test_merchant_is_told_the_waybill_when_goods_are_sent_back(
    clerk: Client, merchant: Merchant, shop: World, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    aftersale_no = reject(merchant, clerk)
    url, form = (
        url_of("send_back", aftersale_no), {"carrier": shop.carrier.pk, "waybill_no": "AWAY-1"},
    )  # fmt: skip

    acts, queued = offered(clerk, aftersale_no), [to_send_back(clerk)]
    shown = clerk.get(url).content.decode()
    answer = clerk.post(url, form, follow=True)
    clerk.post(url, form)
    queued.append(to_send_back(clerk))

    assert acts == ["send_back"]
    assert queued == [[aftersale_no], []]
    assert "A × 2" in shown
    assert told(answer) == ["The goods are on their way under waybill AWAY-1; the merchant is told"]
    assert merchant.api.get(f"/aftersales/{aftersale_no}").json()["send_back"] == {
        "carrier": {"code": "sf", "name": "顺丰速运"}, "waybill_no": "AWAY-1",
    }  # fmt: skip
    assert ClaimParcel.objects.filter(direction="send_back").count() == 1


def test_nothing_is_sent_back_when_the_waybill_is_malformed(
    clerk: Client, merchant: Merchant, shop: World, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    aftersale_no = reject(merchant, clerk)
    before = everything()

    answer = clerk.post(
        url_of("send_back", aftersale_no), {"carrier": shop.carrier.pk, "waybill_no": "a b"}
    )

    assert set(answer.context["form"].errors) == {"waybill_no"}
    assert everything() == before


def test_nothing_can_be_sent_back_when_all_was_accepted(clerk: Client, merchant: Merchant) -> None:
    aftersale_no = received(merchant)
    inspect(aftersale_no, {1: good(2)})
    before = everything()

    answer = clerk.post(url_of("send_back", aftersale_no), {"waybill_no": "AWAY-1"}, follow=True)

    assert told(answer) == ["“Send back” is not possible in this state: Refunded"]
    assert everything() == before


# Who may, and when


def test_acts_are_offered_when_the_state_of_a_claim_allows_them(
    clerk: Client, merchant: Merchant
) -> None:
    shipped = shipped_part(merchant, "M-0", [("A", 1)])
    filed = file_for_return(merchant, shipped, merchant_aftersale_no="R-0")["aftersale_no"]
    aftersale_no = awaited(merchant)

    steps = [offered(clerk, filed), offered(clerk, aftersale_no)]
    report(merchant, aftersale_no)
    steps.append(offered(clerk, aftersale_no))
    receive(aftersale_no, {1: 1})
    steps.append(offered(clerk, aftersale_no))
    clerk_url, form = url_of("inspect", aftersale_no), inspection(found(numbers="1 1 1"))
    form["result_1"] = "fewer"
    confirm(clerk, clerk_url, clerk.post(clerk_url, form), form, confirmed="1")
    steps.append(offered(clerk, aftersale_no))

    assert steps == [
        [], ["enter_waybill", "receive"], ["enter_waybill", "receive"], ["inspect"], [],
    ]  # fmt: skip
    assert claim_of(aftersale_no).status == "refunded"


@pytest.mark.parametrize("act", ["enter_waybill", "receive", "inspect"])
def test_staff_is_told_the_state_when_an_act_comes_too_late(
    clerk: Client, merchant: Merchant, act: str
) -> None:
    aftersale_no = received(merchant)
    inspect(aftersale_no, {1: good(2)})
    before = everything()

    answer = clerk.post(url_of(act, aftersale_no), inspection(), follow=True)

    assert answer.redirect_chain == [(page_of(aftersale_no), 302)]
    assert told(answer) == ["The claim is in a state that does not allow this: Refunded"]
    assert everything() == before


@pytest.mark.parametrize("act", ACTS)
def test_acts_are_refused_when_staff_has_no_permission(
    clerk: Client, merchant: Merchant, staff: Staff, act: str
) -> None:
    aftersale_no = awaited(merchant)
    other = staff("aftersales.view_claim", "aftersales.decide_claim", username="other")
    before = everything()

    assert offered(other, aftersale_no) == []
    assert other.get(url_of(act, aftersale_no)).status_code == 403
    assert other.post(url_of(act, aftersale_no), inspection()).status_code == 403
    assert everything() == before


# Parcels in hand


def test_claim_is_found_by_the_waybill_when_a_parcel_is_at_the_door(
    clerk: Client, merchant: Merchant
) -> None:
    waiting, done = awaited(merchant, number="1"), awaited(merchant, number="2")
    report(merchant, waiting, "BACK-1")
    report(merchant, done, "BACK-2")
    receive(done)
    parcel, other = ClaimParcel.objects.order_by("pk")

    queue = clerk.get(PARCELS, {"waiting": "receive"})
    by_number = clerk.get(PARCELS, {"q": "BACK-2"})
    sent = clerk.get(reverse("admin:aftersales_claimparcel_receive_goods", args=(parcel.pk,)))
    late = clerk.get(
        reverse("admin:aftersales_claimparcel_receive_goods", args=(other.pk,)), follow=True
    )

    assert list(queue.context["cl"].queryset) == [parcel]
    assert list(by_number.context["cl"].queryset) == [other]
    assert sent["Location"] == url_of("receive", waiting)
    assert told(late) == ["“Receive goods” is not possible in this state: Return received"]
    assert clerk.get(
        reverse("admin:aftersales_claimparcel_change", args=(parcel.pk,))
    ).status_code == 200  # fmt: skip
    assert Claim.objects.count() == 2
