"""Deciding claims on pages of the back office: approve, ask, reject, and write a note."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from aftersales.models import Claim, ClaimNote
from openplatform.approvals.models import Approval
from openplatform.audit.models import AuditEntry
from orders.models import Suborder
from tests.aftersales.acts import (
    claim_of,
    everything,
    file,
    file_for_return,
    line_numbers,
    paid_part,
    shipped_part,
)
from tests.aftersales.deciding import ask, balance, goods, refunds, reject, steps  # noqa: F401
from tests.backoffice.conftest import Staff
from tests.backoffice.test_order_changes import confirm, shown, table
from tests.cast import Merchant

pytestmark = pytest.mark.usefixtures("goods")


@pytest.fixture
def part_no(merchant: Merchant) -> str:
    """Three of A and two of B: 70.00 and 14.00 of freight, paid, nothing shipped."""
    return paid_part(merchant, items=[("A", 3), ("B", 2)])


@pytest.fixture
def claim(merchant: Merchant, part_no: str) -> Claim:
    """Two of A and one of B, none of them shipped."""
    return claim_of(file(merchant, part_no, {1: 2, 2: 1}))


def url_of(act: str, claim: Claim) -> str:
    return reverse(f"admin:aftersales_claim_{act}", args=(claim.pk,))


def form(**fields: Any) -> dict[str, Any]:
    return {
        "units_1": 2, "amount_1": "", "units_2": 1, "amount_2": "", "freight_amount": "",
        "note": "", **fields,
    }  # fmt: skip


def test_preview_tells_money_units_and_stock_before_a_claim_is_approved(
    boss: Client, claim: Claim
) -> None:
    before = everything()

    page = boss.post(url_of("approve", claim), form(amount_1="15.50", note="A scratch is left."))

    assert table(page, "money") == [
        ["Asked for, without freight", "40.00"],
        ["Goods", "35.50"],
        ["Freight", "0.00"],
        ["Refund", "35.50"],
        ["Balance of the merchant before", "9,916.00"],
        ["Balance of the merchant afterwards", "9,951.50"],
    ]
    assert table(page, "lines") == [
        ["1. A 商品 A", "2", "2", "2", "10.00", "15.50"],
        ["2. B 商品 B", "1", "1", "1", "20.00", "20.00"],
    ]
    assert table(page, "stock") == [
        ["north north · A", "47 → 49", "3 → 1"],
        ["north north · B", "48 → 49", "2 → 1"],
    ]
    assert everything() == before


def test_claim_is_refunded_as_shown_when_it_is_confirmed(
    boss: Client, merchant: Merchant, claim: Claim, part_no: str
) -> None:
    url = url_of("approve", claim)
    page = boss.post(url, form())

    response = confirm(boss, url, page, form(), confirmed="1")

    assert shown(response) == [f"Claim {claim.aftersale_no} was approved and 40.00 refunded"]
    assert response.redirect_chain == [(url_of("change", claim), 302)]
    claim.refresh_from_db()
    assert (claim.status, claim.decided_by, str(claim.refund_amount)) == (
        "refunded", "boss", "40.00",
    )  # fmt: skip
    assert [amount for amount, *_rest in refunds()] == ["40.00"]
    assert balance(merchant) == "9956.00"
    assert line_numbers(part_no) == (0, 2, 2, 0, 0, "20.00")


def test_nothing_is_refunded_when_it_is_not_confirmed(boss: Client, claim: Claim) -> None:
    url = url_of("approve", claim)
    page = boss.post(url, form())
    before = everything()

    again = confirm(boss, url, page, form())

    assert b"Tick the box to go on" in again.content
    assert everything() == before


def test_claim_is_approved_in_part_when_it_is_said_why(
    boss: Client, claim: Claim, part_no: str
) -> None:
    url = url_of("approve", claim)
    fields = form(units_1=1, amount_1="9.00", units_2=0, freight_amount="3.00", note="One of A.")
    page = boss.post(url, fields)

    confirm(boss, url, page, fields, confirmed="1")

    claim.refresh_from_db()
    assert (claim.status, claim.decision_note) == ("refunded", "One of A.")
    assert (str(claim.goods_refund_amount), str(claim.freight_refund_amount)) == ("9.00", "3.00")
    assert line_numbers(part_no) == (0, 1, 1, 0, 0, "9.00")
    assert line_numbers(part_no, 2) == (0, 0, 0, 0, 0, "0.00")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"units_1": 1}, "Say why it is less than was asked for"),
        ({"amount_1": "19.99"}, "Say why it is less than was asked for"),
        ({"units_1": 1, "amount_1": "10.01", "note": "x"}, "So many units were paid with 10.00"),
        ({"amount_1": "20.01", "note": "x"}, "less than or equal to 20"),
        ({"units_1": 3}, "less than or equal to 2"),
        ({"units_1": -1}, "greater than or equal to 0"),
        ({"units_1": "1.5"}, "Enter a whole number"),
        ({"amount_1": "1.005", "note": "x"}, "no more than 2 decimal places"),
        ({"amount_1": "NaN", "note": "x"}, "Enter a number"),
        ({"freight_amount": "14.01"}, "less than or equal to 14"),
        ({"freight_amount": "-1"}, "greater than or equal to 0"),
        ({"units_1": 0, "units_2": 0, "note": "x"}, "No units were chosen; reject the claim"),
        ({"note": "a\u202eb"}, "text"),
        ({"note": "x" * 501}, "at most 500 characters"),
    ],
)
def test_form_says_what_is_wrong_when_it_cannot_be_approved_so(
    boss: Client, claim: Claim, fields: dict[str, Any], text: str
) -> None:
    before = everything()

    page = boss.post(url_of("approve", claim), form(**fields))

    assert page.status_code == 200
    assert page.context["form"].errors
    assert text in page.content.decode()
    assert everything() == before


@pytest.mark.parametrize("freight", ["0", "13.99"])
def test_form_asks_why_when_less_freight_goes_back_than_was_asked_for(
    boss: Client, merchant: Merchant, part_no: str, freight: str
) -> None:
    claim = claim_of(file(merchant, part_no, {1: 3, 2: 2}))
    fields = form(units_1=3, units_2=2, freight_amount=freight)
    before = everything()

    page = boss.post(url_of("approve", claim), fields)

    assert page.context["form"].errors == {"note": ["Say why it is less than was asked for"]}
    assert everything() == before
    page = boss.post(url_of("approve", claim), {**fields, "note": "It was packed."})
    assert table(page, "money")[2] == ["Freight", f"{float(freight):.2f}"]


def test_state_is_told_when_the_claim_is_cancelled_while_its_approval_is_looked_at(
    boss: Client, merchant: Merchant, claim: Claim
) -> None:
    url = url_of("approve", claim)
    page = boss.post(url, form())
    merchant.api.post(f"/aftersales/{claim.aftersale_no}/cancel")

    answer = confirm(boss, url, page, form(), confirmed="1")

    assert shown(answer) == ["The claim is in a state that does not allow this: Cancelled"]


@pytest.mark.parametrize("act", ["close", "split", "ship"])
def test_order_page_says_that_all_is_claimed_when_nothing_else_is_left(
    boss: Client, merchant: Merchant, part_no: str, act: str
) -> None:
    file(merchant, part_no, {1: 3, 2: 2})
    part = Suborder.objects.get(order_no=part_no)

    answer = boss.get(reverse(f"admin:orders_suborder_{act}", args=(part.pk,)), follow=True)

    assert shown(answer) == ["Everything that is left of it is claimed, and waits for the decision"]


def test_new_preview_is_shown_when_the_claim_has_changed_since(
    boss: Client, merchant: Merchant, claim: Claim
) -> None:
    url = url_of("approve", claim)
    page = boss.post(url, form())
    answer = merchant.api.post(f"/aftersales/{claim.aftersale_no}/notes", {"text": "Hurry."})
    assert answer.status_code == 201
    before = everything()

    again = confirm(boss, url, page, form(), confirmed="1")

    assert shown(again) == ["The claim has changed since the preview; look at it again"]
    assert again.context["look"].fingerprint != page.context["look"].fingerprint
    assert [note.text for note in again.context["form"].newest_notes] == ["Hurry."]
    assert "Hurry." in again.content.decode()
    unconfirmed = confirm(boss, url, page, form())
    assert shown(unconfirmed) == ["The claim has changed since the preview; look at it again"]
    assert everything() == before


def test_new_preview_is_shown_when_the_order_has_changed_since(
    boss: Client, claim: Claim, part_no: str
) -> None:
    from tests.orders.acts import ship

    url = url_of("approve", claim)
    page = boss.post(url, form())
    ship(part_no, {1: 1})
    before = everything()

    again = confirm(boss, url, page, form(), confirmed="1")

    assert shown(again) == ["The numbers have changed since the preview; look at them again"]
    assert everything() == before


def test_goods_are_awaited_at_the_address_shown_when_a_return_is_approved(
    boss: Client, merchant: Merchant
) -> None:
    claim = claim_of(file_for_return(merchant, shipped_part(merchant)))
    url, fields = url_of("approve", claim), {"units_1": 1, "amount_1": "", "freight_amount": ""}
    page = boss.post(url, fields)

    response = confirm(boss, url, page, fields)

    assert table(page, "return") == [["退货组", "021-5555-0100", "张江路 88 号 3 号门"]]
    number = claim.aftersale_no
    assert shown(response) == [f"Claim {number} was approved; the goods are to be sent back"]
    claim.refresh_from_db()
    assert claim.status == "awaiting_return"
    assert refunds() == []


def test_preview_refuses_a_return_when_the_warehouse_has_no_address(
    boss: Client, merchant: Merchant
) -> None:
    claim = claim_of(file_for_return(merchant, shipped_part(merchant)))
    warehouse = claim.suborder.warehouse
    warehouse.return_address = ""
    warehouse.save(update_fields=["return_address"])

    page = boss.post(url_of("approve", claim), {"units_1": 1, "amount_1": "", "freight_amount": ""})

    assert b"The warehouse north has no address for returns" in page.content


def test_second_person_is_waited_for_when_the_refund_is_large(
    boss: Client, claim: Claim, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = claim.refund_amount - 1
    url = url_of("approve", claim)
    page = boss.post(url, form())

    response = confirm(boss, url, page, form(), confirmed="1")

    number = claim.aftersale_no
    assert "above 39.00 a second person decides as well" in page.content.decode()
    assert shown(response) == [f"Claim {number} waits for the decision of a second person"]
    approval = Approval.objects.get()
    assert (approval.kind, approval.subject_no, approval.status) == ("claim", number, "pending")
    claim.refresh_from_db()
    assert claim.status == "submitted"
    waiting = boss.get(url_of("change", claim))
    assert "a second person is waited for" in waiting.content.decode()
    acts = [one["path"].rpartition("/")[0] for one in waiting.context["actions_detail"]]
    assert [act.rpartition("/")[2] for act in acts] == ["reject", "note"]
    assert [vars(row)["is_waiting"] for row in _queue(boss, "second_person")] == [True]


def test_nobody_is_waited_for_when_the_claim_has_ended(
    boss: Client, staff: Staff, merchant: Merchant, claim: Claim, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = claim.refund_amount - 1
    url = url_of("approve", claim)
    confirm(boss, url, boss.post(url, form()), form(), confirmed="1")
    approval = Approval.objects.get()
    second = staff(
        "aftersales.decide_large_claim", "aftersales.view_claim", "approvals.view_approval"
    )
    page_url = reverse("admin:approvals_approval_change", args=(approval.pk,))
    approve_url = reverse("admin:approvals_approval_approve", args=(approval.pk,))
    assert approve_url in second.get(page_url).content.decode()
    assert merchant.api.post(f"/aftersales/{claim.aftersale_no}/cancel").status_code == 200
    before = everything()

    assert b'id="waiting"' not in boss.get(url_of("change", claim)).content
    listed = boss.get(reverse("admin:aftersales_claim_changelist")).content.decode()
    rows = listed.partition('id="result_list"')[2].partition("</table>")[0]
    assert ("Cancelled" in rows, "Waits for a second person" in rows) == (True, False)
    page = second.get(page_url).content.decode()
    assert approve_url not in page
    assert reverse("admin:approvals_approval_reject", args=(approval.pk,)) in page
    for answer in (second.get(approve_url, follow=True), second.post(approve_url, follow=True)):
        assert answer.redirect_chain == [(page_url, 302)]
        assert shown(answer) == ["The claim has ended: this can only be rejected"]
    assert everything() == before


def test_refusal_of_no_field_stands_alone_on_a_page(
    boss: Client, staff: Staff, merchant: Merchant, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = 5
    claim = claim_of(file_for_return(merchant, shipped_part(merchant)))
    url, fields = url_of("approve", claim), {"units_1": 1, "amount_1": "", "freight_amount": ""}
    confirm(boss, url, boss.post(url, fields), fields, confirmed="1")
    warehouse = claim.suborder.warehouse
    warehouse.return_address = ""
    warehouse.save(update_fields=["return_address"])
    second = staff("aftersales.decide_large_claim", "approvals.view_approval")

    page = second.post(
        reverse("admin:approvals_approval_approve", args=(Approval.objects.get().pk,))
    )

    assert "The warehouse north has no address for returns" in page.content.decode()
    assert "Please correct the error below" not in page.content.decode()


def test_both_who_decided_are_on_the_claim(
    boss: Client, staff: Staff, merchant: Merchant, claim: Claim, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = claim.refund_amount - 1
    url = url_of("approve", claim)
    confirm(boss, url, boss.post(url, form()), form(), confirmed="1")
    second = staff("aftersales.decide_large_claim", "approvals.view_approval")

    second.post(reverse("admin:approvals_approval_approve", args=(Approval.objects.get().pk,)))

    claim.refresh_from_db()
    first, _comma, other = claim.decided_by.partition(", ")
    assert (first, other != "", other != "boss") == ("boss", True, True)
    assert f"· {claim.decided_by}</dd>" in boss.get(url_of("change", claim)).content.decode()


def test_thousands_are_separated_in_the_list_on_the_bar_and_in_the_timeline(
    boss: Client, merchant: Merchant, part_no: str, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = 5
    claim = claim_of(file(merchant, part_no, {1: 1}))
    url = url_of("approve", claim)
    fields = {"units_1": 1, "amount_1": "", "freight_amount": "", "note": ""}
    confirm(boss, url, boss.post(url, fields), fields, confirmed="1")
    Claim.objects.filter(pk=claim.pk).update(refund_amount="1234.50", goods_refund_amount="1234.50")
    approval = Approval.objects.get()
    approval.data["amount"] = "1234.50"
    approval.save(update_fields=["data"])

    assert ">1,234.50<" in boss.get(
        reverse("admin:aftersales_claim_changelist")
    ).content.decode().replace("\n", "").replace(" ", "")
    page = boss.get(url_of("change", claim)).content.decode()
    assert "boss approved 1,234.50 on" in page
    assert ">9,916.00<" in page


def test_empty_queue_says_that_no_claim_waits(boss: Client) -> None:
    url = reverse("admin:aftersales_claim_changelist")

    assert "No claim waits here" in boss.get(url, {"queue": "decide"}).content.decode()
    assert (
        "No claim waits here" not in boss.get(url, {"queue": "decide", "q": "x"}).content.decode()
    )
    assert "No claim waits here" not in boss.get(url).content.decode()


def test_waiting_claim_is_not_approved_again(boss: Client, claim: Claim, settings: Any) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = claim.refund_amount - 1
    url = url_of("approve", claim)
    confirm(boss, url, boss.post(url, form()), form(), confirmed="1")
    before = everything()

    page = boss.post(url, form())

    assert page.context["look"] is None
    assert page.context["form"].non_field_errors()
    assert everything() == before


def test_approval_page_leads_to_the_claim(boss: Client, claim: Claim, settings: Any) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = claim.refund_amount - 1
    url = url_of("approve", claim)
    confirm(boss, url, boss.post(url, form()), form(), confirmed="1")

    page = boss.get(reverse("admin:approvals_approval_change", args=(Approval.objects.get().pk,)))

    assert url_of("change", claim) in page.content.decode()


def test_merchant_is_asked_when_something_is_unclear(boss: Client, claim: Claim) -> None:
    url = url_of("ask", claim)
    form = boss.get(url).context["form"]

    response = boss.post(
        url, {"note": "Which\r\nof them?", "version": form["version"].value()}, follow=True
    )

    assert shown(response) == [f"The merchant was asked about claim {claim.aftersale_no}"]
    assert steps(claim)[-1] == (
        "submitted", "info_requested", "operator", "boss", "Which\nof them?",
    )  # fmt: skip


def test_claim_is_rejected_with_its_reason(boss: Client, claim: Claim, part_no: str) -> None:
    url = url_of("reject", claim)

    response = boss.post(url, {"note": "Not covered.", "version": claim.version}, follow=True)

    assert shown(response) == [f"Claim {claim.aftersale_no} was rejected"]
    claim.refresh_from_db()
    assert (claim.status, claim.decision_note) == ("rejected", "Not covered.")
    assert line_numbers(part_no) == (0, 0, 0, 0, 0, "0.00")
    assert AuditEntry.objects.filter(action="reject_claim", actor="boss").count() == 1


@pytest.mark.parametrize("act", ["ask", "reject"])
@pytest.mark.parametrize(
    "fields", [{"note": ""}, {"note": "x" * 501}, {"version": ""}, {"version": "7"}]
)
def test_nothing_is_decided_when_the_form_is_incomplete_or_outdated(
    boss: Client, claim: Claim, act: str, fields: dict[str, str]
) -> None:
    before = everything()

    page = boss.post(url_of(act, claim), {"note": "Why.", "version": claim.version, **fields})

    assert page.status_code == 200
    assert page.context["form"].errors
    assert everything() == before


@pytest.mark.parametrize("act", ["approve", "ask", "reject"])
def test_button_that_is_no_longer_true_leads_back_with_the_state(
    boss: Client, merchant: Merchant, claim: Claim, act: str
) -> None:
    assert merchant.api.post(f"/aftersales/{claim.aftersale_no}/cancel").status_code == 200
    before = everything()

    response = boss.post(url_of(act, claim), {"note": "x", "version": "9"}, follow=True)

    assert response.redirect_chain == [(url_of("change", claim), 302)]
    assert shown(response) == ["The claim is in a state that does not allow this: Cancelled"]
    assert everything() == before


@pytest.mark.parametrize("act", ["approve", "ask", "reject", "note"])
def test_act_is_forbidden_without_its_permission(staff: Staff, claim: Claim, act: str) -> None:
    client = staff("aftersales.view_claim", "aftersales.decide_large_claim")
    before = everything()

    page = client.get(url_of("change", claim))

    assert page.status_code == 200
    assert page.context["actions_detail"] == []
    assert b'id="note_form"' not in page.content
    assert client.post(url_of(act, claim), form()).status_code == 403
    assert everything() == before


def test_note_is_written_once_however_often_its_form_is_sent(boss: Client, claim: Claim) -> None:
    url = url_of("note", claim)
    token = boss.get(url_of("change", claim)).context["once"][1]
    fields = {"text": "We look at it.", "sent_once": token}

    first = boss.post(url, fields, follow=True)
    second = boss.post(url, fields, follow=True)

    assert shown(first) == ["The note was written; the merchant is told"]
    assert shown(second) == ["The note was written already"]
    [note] = ClaimNote.objects.all()
    assert (note.role, note.actor, note.text) == ("operator", "boss", "We look at it.")


def _queue(client: Client, name: str) -> list[Claim]:
    response = client.get(reverse("admin:aftersales_claim_changelist"), {"queue": name})
    assert response.status_code == 200
    return list(response.context["cl"].result_list)
