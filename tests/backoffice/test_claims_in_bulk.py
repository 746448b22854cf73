"""Many claims decided at once, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from aftersales.forms.decisions import MAX_CHOSEN
from aftersales.models import Claim
from openplatform.approvals.models import Approval
from tests.aftersales.acts import (
    claim_of,
    everything,
    file,
    file_for_return,
    line_numbers,
    paid_part,
    shipped_part,
)
from tests.aftersales.deciding import refunds, reject, stock
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World, make_merchant
from tests.staging import on_stage

LIST = reverse("admin:aftersales_claim_changelist")
APPROVE = reverse("admin:aftersales_claim_approve_many")
REJECT = reverse("admin:aftersales_claim_reject_many")


@pytest.fixture(scope="module")
def stage(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[Merchant, list[str]]]:
    """A merchant and the numbers of its claims: a refund of 10.00, a return of 20.00, and a refund
    of 40.00.
    """
    with on_stage(django_db_blocker):
        world, merchant = World(), make_merchant("acme")
        world.open_pool_to(merchant)
        stock(world)
        first = file(merchant, paid_part(merchant, "M-1", items=[("A", 2)]))
        back = file_for_return(
            merchant, shipped_part(merchant, "M-2", items=[("B", 1)]), merchant_aftersale_no="R-2"
        )
        part_no = paid_part(merchant, "M-3", items=[("B", 3)])
        third = file(merchant, part_no, {1: 2}, merchant_aftersale_no="R-3")
        yield merchant, [document["aftersale_no"] for document in (first, back, third)]


@pytest.fixture
def merchant(stage: tuple[Merchant, list[str]], db: None) -> Merchant:
    """Whose claims they are."""
    return stage[0]


@pytest.fixture
def claims(stage: tuple[Merchant, list[str]], db: None) -> list[Claim]:
    """The three of them."""
    return [claim_of(number) for number in stage[1]]


def choose(client: Client, act: str, claims: list[Claim]) -> Any:
    """Tick claims in the list and choose an act; the page that comes of it."""
    return client.post(
        LIST, {"action": act, "_selected_action": [claim.pk for claim in claims]}, follow=True
    )


def send(client: Client, url: str, page: Any, note: str) -> Any:
    form = page.context["form"]
    hidden = {name: form[name].value() for name in ("chosen", "amounts") if name in form.fields}
    return client.post(url, {**hidden, "note": note, "confirmed": "on"})


def outcomes(page: Any) -> list[tuple[str, str, bool]]:
    return [
        (outcome.claim.merchant_aftersale_no, str(outcome.text), outcome.is_refused)
        for outcome in page.context["outcomes"]
    ]


def test_page_shows_what_is_meant_before_anything_is_decided(
    boss: Client, claims: list[Claim]
) -> None:
    before = everything()

    page = choose(boss, "approve_chosen", claims)

    assert page.status_code == 200
    assert [claim.pk for claim in page.context["claims"]] == [claim.pk for claim in claims]
    assert str(page.context["amount"]) == "70.00"
    assert "3 claims" in page.content.decode()
    assert everything() == before


def test_each_claim_is_approved_as_asked(boss: Client, claims: list[Claim]) -> None:
    page = choose(boss, "approve_chosen", claims)

    done = send(boss, APPROVE, page, "")

    first, back, third = claims
    assert outcomes(done) == [
        ("R-1", f"Claim {first.aftersale_no} was approved and 10.00 refunded", False),
        ("R-2", f"Claim {back.aftersale_no} was approved; the goods are to be sent back", False),
        ("R-3", f"Claim {third.aftersale_no} was approved and 40.00 refunded", False),
    ]
    assert [amount for amount, *_rest in refunds()] == ["10.00", "40.00"]
    assert "Done: 3. Refused: 0." in done.content.decode()


def test_nothing_is_approved_when_it_is_not_confirmed(boss: Client, claims: list[Claim]) -> None:
    page = choose(boss, "approve_chosen", claims)
    form = page.context["form"]
    before = everything()

    again = boss.post(APPROVE, {name: form[name].value() for name in ("chosen", "amounts")})

    assert str(form["confirmed"].label) == (
        "I know that 50.00 goes back at once, and that it cannot be undone."
    )
    assert again.context["form"].errors == {"confirmed": ["Tick the box to go on"]}
    assert everything() == before


def test_nothing_is_confirmed_when_nothing_goes_back_at_once(
    boss: Client, claims: list[Claim], settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = 5
    page = choose(boss, "approve_chosen", claims)

    assert "confirmed" not in page.context["form"].fields
    assert "confirmed" not in choose(boss, "reject_chosen", claims).context["form"].fields


def test_others_are_decided_when_one_was_in_the_meantime(boss: Client, claims: list[Claim]) -> None:
    page = choose(boss, "approve_chosen", claims)
    reject({"aftersale_no": claims[0].aftersale_no})

    done = send(boss, APPROVE, page, "")

    assert [refused for _number, _text, refused in outcomes(done)] == [True, False, False]
    assert outcomes(done)[0][1] == ("The claim is in a state that does not allow this: Rejected")
    assert [amount for amount, *_rest in refunds()] == ["40.00"]
    assert claim_of(claims[0].aftersale_no).status == "rejected"
    assert "Done: 2. Refused: 1." in done.content.decode()


def test_claim_that_changed_since_it_was_looked_at_is_left(
    boss: Client, merchant: Merchant, claims: list[Claim]
) -> None:
    page = choose(boss, "approve_chosen", claims[:1])
    number = claims[0].aftersale_no
    assert merchant.api.post(f"/aftersales/{number}/notes", {"text": "Wait."}).status_code == 201

    done = send(boss, APPROVE, page, "")

    assert outcomes(done)[0][1:] == (
        "The claim has changed since the preview; look at it again", True,
    )  # fmt: skip
    assert claim_of(number).status == "submitted"


def test_last_claim_is_looked_at_again_when_another_one_gives_it_the_freight(
    boss: Client, merchant: Merchant
) -> None:
    part = paid_part(merchant, "M-4", items=[("A", 3), ("B", 2)])
    both = [
        claim_of(file(merchant, part, {1: 3}, merchant_aftersale_no="R-4")),
        claim_of(file(merchant, part, {2: 2}, merchant_aftersale_no="R-5")),
    ]
    page = choose(boss, "approve_chosen", both)

    done = send(boss, APPROVE, page, "")

    assert outcomes(done) == [
        ("R-4", f"Claim {both[0].aftersale_no} was approved and 30.00 refunded", False),
        ("R-5", "The numbers have changed since the preview; look at them again", True),
    ]
    page = choose(boss, "approve_chosen", both[1:])
    assert str(page.context["amount"]) == "54.00"
    done = send(boss, APPROVE, page, "")
    assert outcomes(done)[0][1:] == (
        f"Claim {both[1].aftersale_no} was approved and 54.00 refunded", False,
    )  # fmt: skip


@pytest.mark.parametrize("amounts", ["1", "1:x", "1:1.000", "1:-1.00", ","])
def test_nothing_is_approved_when_the_amounts_are_forged(
    boss: Client, claims: list[Claim], amounts: str
) -> None:
    page = choose(boss, "approve_chosen", claims)
    before = everything()

    answer = boss.post(
        APPROVE, {"chosen": page.context["form"]["chosen"].value(), "amounts": amounts}
    )

    assert answer.context["form"].errors
    assert everything() == before


def test_nothing_is_refunded_twice_when_the_form_is_sent_again(
    boss: Client, claims: list[Claim]
) -> None:
    page = choose(boss, "approve_chosen", claims)
    send(boss, APPROVE, page, "")
    before = everything()

    again = send(boss, APPROVE, page, "")

    assert [refused for _number, _text, refused in outcomes(again)] == [True, True, True]
    assert everything() == before


def test_large_refunds_wait_for_a_second_person(
    boss: Client, claims: list[Claim], settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = 30
    page = choose(boss, "approve_chosen", claims)

    done = send(boss, APPROVE, page, "")

    number = claims[2].aftersale_no
    assert outcomes(done)[2] == (
        "R-3", f"Claim {number} waits for the decision of a second person", False,
    )  # fmt: skip
    assert [approval.subject_no for approval in Approval.objects.all()] == [number]


def test_claims_are_rejected_for_one_reason(boss: Client, claims: list[Claim]) -> None:
    page = choose(boss, "reject_chosen", claims[:2])

    send(boss, REJECT, page, "Not covered.")

    for claim in claims[:2]:
        claim.refresh_from_db()
        assert (claim.status, claim.decision_note) == ("rejected", "Not covered.")
    assert claim_of(claims[2].aftersale_no).status == "submitted"
    assert line_numbers(claims[0].suborder.order_no)[3:5] == (0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"note": ""},
        {"note": "x" * 501},
        {"chosen": "", "note": "x"},
        {"chosen": "1", "note": "x"},
        {"chosen": "1:x", "note": "x"},
        {"chosen": f"{2**63}:0", "note": "x"},
        {"chosen": ",".join(f"{key}:0" for key in range(1, MAX_CHOSEN + 2)), "note": "x"},
    ],
)
def test_nothing_is_rejected_when_the_form_is_incomplete_or_forged(
    boss: Client, claims: list[Claim], fields: dict[str, str]
) -> None:
    page = choose(boss, "reject_chosen", claims)
    before = everything()

    answer = boss.post(REJECT, {"chosen": page.context["form"]["chosen"].value(), **fields})

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert everything() == before


def test_too_many_are_refused_in_the_list(
    boss: Client, claims: list[Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aftersales.admin.bulk.MAX_CHOSEN", 2)

    page = choose(boss, "approve_chosen", claims)

    assert [str(message) for message in page.context["messages"]] == [
        "At most 2 claims can be decided at once"
    ]


def test_bulk_is_forbidden_without_the_permission(staff: Staff, claims: list[Claim]) -> None:
    client = staff("aftersales.view_claim", "aftersales.inspect_claim")
    chosen = ",".join(f"{claim.pk}:{claim.version}" for claim in claims)
    before = everything()

    assert client.get(APPROVE, {"chosen": chosen}).status_code == 403
    for url in (APPROVE, REJECT):
        assert client.post(url, {"chosen": chosen, "note": "x"}).status_code == 403
    choose(client, "approve_chosen", claims)
    assert everything() == before
