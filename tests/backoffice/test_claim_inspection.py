"""Inspecting the goods of claims on pages of the back office."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import LedgerEntry
from aftersales.models import ClaimPicture
from catalog.models import Stock, StockMovement
from openplatform.audit.models import AuditEntry
from tests.aftersales.acts import claim_of, everything
from tests.aftersales.returning import (
    awaited,
    good,
    goods_to_return,
    inspect,
    receive,
    received,
)
from tests.backoffice.claim_returns import (
    INSPECTOR,
    balance,
    found,
    inspection,
    line_of,
    offered,
    photo,
    told,
    url_of,
)
from tests.backoffice.conftest import Staff
from tests.backoffice.test_order_changes import confirm, table
from tests.cast import Merchant, World


@pytest.fixture
def clerk(shop: World, staff: Staff) -> Client:
    """Who takes returns in; goods and an address for them are there."""
    goods_to_return(shop)
    return staff(*INSPECTOR, username="clerk")


def test_claim_is_refunded_when_the_preview_of_its_inspection_is_confirmed(
    clerk: Client, merchant: Merchant, shop: World
) -> None:
    aftersale_no = received(merchant)
    url, form = url_of("inspect", aftersale_no), inspection(found(numbers="2 2 1"))
    before, untouched = balance(merchant), everything()

    preview = clerk.post(url, form)
    unconfirmed = clerk.post(
        url,
        {**form, "expected": preview.context["look"].fingerprint,
         "values": preview.context["values"]},
    )  # fmt: skip

    assert table(preview, "money") == [
        ["Decided", "20.00"],
        ["Goods", "20.00"],
        ["Freight", "0.00"],
        ["Refund", "20.00"],
        ["Balance of the merchant before", f"{before:,.2f}"],
        ["Balance of the merchant afterwards", f"{before + 20:,.2f}"],
    ]
    assert table(preview, "lines") == [
        ["1. A", "2", "2", "2", "1", "1", "0", "As expected", "20.00"]
    ]
    assert table(preview, "stock") == [["north north · A", "8 → 9"]]
    assert unconfirmed.context["is_unconfirmed"] is True
    assert everything() == untouched

    answer = confirm(clerk, url, preview, form, confirmed="1")

    assert told(answer) == [f"Claim {aftersale_no} is refunded with 20.00"]
    claim = claim_of(aftersale_no)
    assert (claim.status, claim.refund_amount) == ("refunded", Decimal("20.00"))
    assert line_of(aftersale_no) == (2, 2, 1, "as_expected", "20.00")
    assert balance(merchant) == before + 20
    entry = LedgerEntry.objects.order_by("-id")[0]
    assert (entry.amount, entry.aftersale_no) == (Decimal("20.00"), aftersale_no)
    assert Stock.objects.get(warehouse=shop.north, sku__code="A").on_hand == 9
    moves = StockMovement.objects.filter(document_no=aftersale_no)
    assert sorted(moves.values_list("cause", "on_hand_change")) == [
        ("returned", 1), ("returned", 1), ("returned_off", -1),
    ]  # fmt: skip
    [trail] = AuditEntry.objects.filter(action="inspect_return")
    assert trail.actor == "clerk"


def test_note_keeps_its_lines_when_several_are_written(clerk: Client, merchant: Merchant) -> None:
    aftersale_no = received(merchant)
    url = url_of("inspect", aftersale_no)
    form = inspection(found(numbers="2 1 1", result="damaged"), note="One is fine.\r\nOne is not.")

    confirm(clerk, url, clerk.post(url, form), form, confirmed="1")

    claim = claim_of(aftersale_no)
    assert claim.status == "refunded"
    assert claim.events.order_by("-pk")[0].note == "One is fine.\nOne is not."


def test_part_is_refunded_when_part_is_accepted(clerk: Client, merchant: Merchant) -> None:
    aftersale_no = received(merchant, items={"A": 2, "B": 3})
    url = url_of("inspect", aftersale_no)
    form = inspection(
        found(1, "2 1 1", "damaged"), found(2, "2 2 0", "fewer"), note="One is scratched",
        freight_amount="1.50",
    )  # fmt: skip

    preview = clerk.post(url, form)
    answer = confirm(clerk, url, preview, form, confirmed="1")

    assert [row[-1] for row in table(preview, "lines")] == ["10.00", "6.66"]
    assert table(preview, "money")[3] == ["Refund", "18.16"]
    assert told(answer) == ["18.16 was refunded; what was not accepted is to be sent back"]
    claim = claim_of(aftersale_no)
    assert (claim.status, str(claim.refund_amount)) == ("refunded", "18.16")
    assert str(claim.freight_refund_amount) == "1.50"


def test_claim_is_rejected_with_its_pictures_when_nothing_is_accepted(
    clerk: Client, merchant: Merchant, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    aftersale_no = received(merchant)
    url = url_of("inspect", aftersale_no)
    form = inspection(found(numbers="2 0 0", result="other_goods"), note="These are not ours")
    before = balance(merchant)

    bare = clerk.post(url, form)
    preview = clerk.post(url, {**form, "pictures": [photo("a.png"), photo("b.png", "blue")]})
    kept = [picture["picture_id"] for picture in preview.context["form"].list_kept()]
    page = preview.content.decode()
    form |= {"kept": kept[:1]}
    again = clerk.post(url, {**form, "pictures": [photo("a.png")]})
    answer = confirm(clerk, url, again, form, confirmed="1", pictures="")  # as browsers send it

    assert bare.context["form"].errors == {"pictures": ["Show why nothing is accepted"]}
    assert len(kept) == 2
    assert len(re.findall(r'name="kept" value="\w+" checked', page)) == 2
    assert table(preview, "stock") == [["No stock moves", ""]]
    assert told(answer) == [f"Claim {aftersale_no} was rejected; the goods are to be sent back"]
    claim = claim_of(aftersale_no)
    assert (claim.status, claim.decision_note) == ("rejected", "These are not ours")
    assert list(claim.pictures.values_list("picture_id", "use", "uploaded_by")) == [
        (kept[0], "inspection", "clerk")
    ]
    assert balance(merchant) == before


def test_claim_is_rejected_when_nothing_came(
    clerk: Client, merchant: Merchant, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    aftersale_no = awaited(merchant)
    receive(aftersale_no, {})
    url = url_of("inspect", aftersale_no)
    form = inspection(found(numbers="0 0 0", result="fewer"), note="The box was empty")

    preview = clerk.post(url, {**form, "pictures": [photo()]})
    form["kept"] = [one["picture_id"] for one in preview.context["form"].list_kept()]
    answer = confirm(clerk, url, preview, form, confirmed="1")

    assert str(preview.context["look"].confirm) == (
        "I know that the claim is rejected: nothing came, and nothing is refunded."
    )
    assert told(answer) == [f"Claim {aftersale_no} was rejected"]
    assert offered(clerk, aftersale_no) == []
    assert line_of(aftersale_no) == (0, 0, 0, "fewer", "0.00")


def test_pictures_outlast_a_slip_when_the_rest_of_the_form_is_wrong(
    clerk: Client, merchant: Merchant, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    aftersale_no = received(merchant)
    url = url_of("inspect", aftersale_no)

    wrong = clerk.post(url, inspection(found(numbers="2 3 2"), pictures=[photo()]))
    kept = [one["picture_id"] for one in wrong.context["form"].list_kept()]
    twice = clerk.post(url, inspection(pictures=[photo()], kept=kept))

    assert set(wrong.context["form"].errors) == {"accepted_1"}
    assert len(wrong.context["form"].list_kept()) == 1
    assert len(twice.context["form"].list_kept()) == 1  # the same file is one picture
    assert twice.context["look"] is not None


def test_file_is_refused_when_it_is_no_picture(clerk: Client, merchant: Merchant) -> None:
    aftersale_no = received(merchant)
    before = everything()
    script = SimpleUploadedFile("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")

    answer = clerk.post(url_of("inspect", aftersale_no), inspection(pictures=[script]))

    assert set(answer.context["form"].errors) == {"pictures"}
    assert answer.context["look"] is None
    assert everything() == before


def test_only_own_new_pictures_are_kept_when_a_form_names_others(
    clerk: Client, merchant: Merchant, stranger: Merchant
) -> None:
    aftersale_no = received(merchant)
    common = {
        "file": "x", "thumbnail": "x", "width": 1, "height": 1, "sha256": "0" * 64, "size_bytes": 1,
        "created_at": claim_of(aftersale_no).created_at,
    }  # fmt: skip
    for number, (partner, by) in enumerate(
        [(merchant, ""), (merchant, "other"), (stranger, "clerk")]
    ):
        ClaimPicture.objects.create(
            **{**common, "file": f"x{number}"}, picture_id=f"G{number}", partner=partner.partner,
            uploaded_by=by,
        )  # fmt: skip

    answer = clerk.post(url_of("inspect", aftersale_no), inspection(kept=["G0", "G1", "G2", "G9"]))

    assert answer.context["form"].list_kept() == []
    assert list(answer.context["form"].errors) == ["kept"]
    assert not ClaimPicture.objects.exclude(claim=None).exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        (found(numbers="3 2 2"), ["received_1"]),
        (found(numbers="1 2 1", result="fewer"), ["accepted_1"]),
        (found(numbers="2 1 2", result="damaged"), ["restocked_1"]),
        (found(numbers="1 1 1"), ["result_1"]),
        (found(numbers="2 1 1"), ["result_1"]),
        (found(numbers="2 2 2", result="fewer"), ["result_1"]),
        (found(result="lost"), ["result_1"]),
        (found(numbers="-1 2 2"), ["received_1"]),
        (found(numbers="2 1.5 1"), ["accepted_1"]),
        (found(numbers="0 0 0", result="fewer"), ["note", "pictures"]),
        ({"freight_amount": "14.01"}, ["freight_amount"]),
        ({"freight_amount": "-0.01"}, ["freight_amount"]),
        ({"freight_amount": "0.001"}, ["freight_amount"]),
        ({"freight_amount": "NaN"}, ["freight_amount"]),
        ({"note": "x" * 501}, ["note"]),
        ({"note": "a\u202eb"}, ["note"]),
    ],
)
def test_nothing_is_booked_when_the_inspection_is_wrong(
    clerk: Client, merchant: Merchant, fields: dict[str, Any], wrong: list[str]
) -> None:
    aftersale_no = received(merchant)
    before = everything()

    answer = clerk.post(
        url_of("inspect", aftersale_no), {**inspection(), **fields, "confirmed": "1"}
    )

    assert list(answer.context["form"].errors) == wrong
    assert answer.context["look"] is None
    assert everything() == before


def test_preview_comes_anew_when_another_inspection_was_booked_meanwhile(
    clerk: Client, merchant: Merchant
) -> None:
    aftersale_no = received(merchant)
    url, form = url_of("inspect", aftersale_no), inspection()
    preview = clerk.post(url, form)
    inspect(aftersale_no, {1: good(2)})
    before = everything()

    answer = confirm(clerk, url, preview, form, confirmed="1")

    assert told(answer) == ["The claim is in a state that does not allow this: Refunded"]
    assert everything() == before
