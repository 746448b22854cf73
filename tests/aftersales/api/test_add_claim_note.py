"""POST /aftersales/{no}/notes."""

from __future__ import annotations

from typing import Any

import pytest

from aftersales.models import ClaimNote, ClaimPicture
from aftersales.services.notes import MAX_NOTES, add_note
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import Refusal
from tests.aftersales.acts import (
    OPERATOR,
    add_picture,
    claim_of,
    everything,
    file,
    paid_part,
)
from tests.aftersales.api.reading import refused
from tests.aftersales.deciding import ask, reject
from tests.cast import Api, Merchant, World
from tests.orders.acts import told


@pytest.fixture
def path(store: World, merchant: Merchant) -> str:
    """The notes of a claim that was filed."""
    return f"/aftersales/{file(merchant, paid_part(merchant))['aftersale_no']}/notes"


def number_in(path: str) -> str:
    return path.split("/")[2]


def test_note_is_added_with_its_pictures(path: str, merchant: Merchant) -> None:
    pictures = [add_picture(merchant), add_picture(merchant)]
    before = len(told(merchant))

    response = merchant.api.post(path, {"text": "第一行\nSecond line", "pictures": pictures})

    body = response.json()
    [note] = body["notes"]
    [message] = told(merchant)[before:]
    assert (response.status_code, body["status"], body["version"]) == (201, "submitted", 1)
    assert (note["actor"], note["text"], note["at"]) == (
        "merchant", "第一行\nSecond line", body["updated_at"]
    )  # fmt: skip
    assert [picture["picture_id"] for picture in note["pictures"]] == pictures
    assert all(picture["url"] for picture in note["pictures"])
    assert message.type == "aftersale.note_added"
    assert message.data["aftersale"]["notes"][0]["text"] == note["text"]
    assert message.data["aftersale"]["notes"][0]["pictures"][0]["url"] is None
    assert merchant.api.get(f"/aftersales/{number_in(path)}").json()["version"] == 1


def test_note_answers_the_question_that_is_open(path: str, merchant: Merchant) -> None:
    ask({"aftersale_no": number_in(path)}, note="Which side?")
    before = len(told(merchant))

    body = merchant.api.post(path, {"text": "The left one."}).json()

    assert (body["status"], body["version"]) == ("submitted", 3)
    assert [(event["from"], event["to"], event["actor"]) for event in body["history"]] == [
        (None, "submitted", "merchant"),
        ("submitted", "info_requested", "operator"),
        ("info_requested", "submitted", "merchant"),
    ]
    messages = told(merchant)[before:]
    assert [
        (message.type, message.data["aftersale"]["status"], message.data["aftersale"]["version"])
        for message in messages
    ] == [
        ("aftersale.note_added", "info_requested", 2),
        ("aftersale.status_changed", "submitted", 3),
    ]
    assert messages[1].data["aftersale"]["notes"][0]["text"] == "The left one."


def test_note_of_an_operator_answers_nothing_and_is_recorded(path: str, merchant: Merchant) -> None:
    aftersale_no = number_in(path)
    ask({"aftersale_no": aftersale_no})

    add_note(
        aftersale_no=aftersale_no, partner_id=None, by=OPERATOR, text="Any news?", now=clock.now()
    )

    body = merchant.api.get(f"/aftersales/{aftersale_no}").json()
    entry = AuditEntry.objects.get(action="add_note")
    assert body["status"] == "info_requested"
    assert [(note["actor"], note["text"]) for note in body["notes"]] == [("operator", "Any news?")]
    assert (entry.actor, entry.partner_id) == ("operator", merchant.partner.pk)


def test_claim_that_ended_takes_notes_all_the_same(path: str, merchant: Merchant) -> None:
    reject({"aftersale_no": number_in(path)})

    body = merchant.api.post(path, {"text": "Why?"}).json()

    assert (body["status"], len(body["notes"])) == ("rejected", 1)


def test_first_answer_comes_again_under_its_key(path: str, merchant: Merchant) -> None:
    key = {"Idempotency-Key": "k-1"}
    note = {"text": "Look", "pictures": [add_picture(merchant)]}
    first = merchant.api.post(path, note, headers=key)

    again = merchant.api.post(path, note, headers=key)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json()["notes"][0]["pictures"][0]["url"]
    assert again.json()["version"] == first.json()["version"] == 1
    assert ClaimNote.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("/text", "field_required")]),
        ({"text": ""}, [("/text", "field_required")]),
        ({"text": "   "}, [("/text", "string_invalid")]),
        ({"text": 1}, [("/text", "field_invalid")]),
        ({"text": "x" * 1001}, [("/text", "field_invalid")]),
        ({"text": "a\u200bb"}, [("/text", "string_invalid")]),
        (
            {"text": "a", "pictures": [f"I{n}" for n in range(10)]},
            [("/pictures", "too_many_items")],
        ),
        ({"text": "a", "pictures": ["I1", "I1"]}, [("/pictures/1", "field_invalid")]),
        ({"text": "a", "status": "submitted"}, [("/status", "unknown_field")]),
    ],
)
def test_form_is_refused_with_all_its_faults(
    path: str, merchant: Merchant, body: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    before = everything()

    response = merchant.api.post(path, body)

    assert refused(response) == (422, faults[0][1], faults)
    assert everything() == before


def test_pictures_that_cannot_be_used_are_as_if_they_did_not_exist(
    path: str, merchant: Merchant, stranger: Merchant
) -> None:
    used, own = add_picture(merchant), add_picture(merchant)
    merchant.api.post(path, {"text": "first", "pictures": [used]})
    pictures = [own, used, add_picture(stranger), "I260101NOSUCHONE"]
    before = everything()

    response = merchant.api.post(path, {"text": "second", "pictures": pictures})

    assert refused(response) == (
        404, "not_found", [(f"/pictures/{index}", "not_found") for index in (1, 2, 3)]
    )  # fmt: skip
    assert everything() == before
    assert ClaimPicture.objects.get(picture_id=own).claim_id is None


def test_each_side_writes_so_many_notes_and_no_more(path: str, merchant: Merchant) -> None:
    claim = claim_of(number_in(path))
    ClaimNote.objects.bulk_create(
        ClaimNote(claim=claim, role="merchant", actor="a", text="a", created_at=clock.now())
        for _number in range(MAX_NOTES)
    )
    before = everything()

    response = merchant.api.post(path, {"text": "one more"})

    assert refused(response) == (422, "too_many_items", [("/text", "too_many_items")])
    assert everything() == before
    answer = add_note(
        aftersale_no=claim.aftersale_no, partner_id=None, by=OPERATOR, text="Enough.",
        now=clock.now(),
    )  # fmt: skip
    assert answer.status == 201


def test_question_can_be_answered_when_no_more_notes_are_taken(
    path: str, merchant: Merchant
) -> None:
    claim = claim_of(number_in(path))
    ClaimNote.objects.bulk_create(
        ClaimNote(claim=claim, role="merchant", actor="a", text="a", created_at=clock.now())
        for _number in range(MAX_NOTES)
    )
    ask({"aftersale_no": claim.aftersale_no})

    response = merchant.api.post(path, {"text": "The second one."})

    assert (response.status_code, response.json()["status"]) == (201, "submitted")
    again = merchant.api.post(path, {"text": "And more."})
    assert refused(again) == (422, "too_many_items", [("/text", "too_many_items")])


@pytest.mark.parametrize("text", ["", "x" * 1001, "a\u0000b", " a"])
def test_service_takes_no_text_that_the_api_would_not(path: str, text: str) -> None:
    before = everything()

    with pytest.raises(Refusal):
        add_note(
            aftersale_no=number_in(path), partner_id=None, by=OPERATOR, text=text, now=clock.now()
        )

    assert everything() == before


def test_claim_of_another_merchant_is_as_if_it_did_not_exist(path: str, stranger: Merchant) -> None:
    before = everything()

    response = stranger.api.post(path, {"text": "Hello"})

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert everything() == before


def test_note_without_a_key_or_with_another_scope_is_refused(path: str, merchant: Merchant) -> None:
    assert Api().post(path, {"text": "a"}).status_code == 401
    assert merchant.api_with("aftersales:read").post(path, {"text": "a"}).status_code == 403
    assert ClaimNote.objects.count() == 0
