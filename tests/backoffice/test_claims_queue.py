"""The queue of claims: found by any number, filtered, and what waits for us first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from pytest_django import DjangoDbBlocker

from aftersales.admin.queue import AgeFilter
from aftersales.models import Claim, ClaimParcel
from openplatform.core import clock
from openplatform.core.admin.paging import BoundedPaginator
from orders.models import Carrier
from tests.aftersales.acts import OPERATOR, claim_of, file, file_for_return, paid_part, shipped_part
from tests.aftersales.deciding import approve, ask, reject, stock
from tests.backoffice.conftest import Staff
from tests.cast import CONSIGNEE, Merchant, World, make_merchant
from tests.staging import on_stage

LIST = reverse("admin:aftersales_claim_changelist")


def listed(client: Client, **parameters: Any) -> list[str]:
    """The merchants' numbers of what the list shows, in its order."""
    response = client.get(LIST, parameters)
    assert response.status_code == 200
    return [claim.merchant_aftersale_no for claim in response.context["cl"].result_list]


def move_deadline(claim: Claim, hours: int) -> None:
    """To so many hours from now, by the clock that counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE aftersales_claim SET deadline = clock_timestamp() + make_interval(hours => %s)"
            " WHERE id = %s",
            [hours, claim.pk],
        )


@dataclass(frozen=True)
class Stage:
    """Two merchants, and the numbers of their claims by their own numbers."""

    merchant: Merchant
    stranger: Merchant
    claims: dict[str, str]


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """R-1 to decide (20.00 and freight), R-2 asked about, R-3 awaiting its goods, R-4 rejected, all
    of the merchant; S-1 of the stranger to decide, for another consignee.
    """
    with on_stage(django_db_blocker):
        world, merchant, stranger = World(), make_merchant("acme"), make_merchant("stranger")
        world.open_pool_to(merchant, stranger)
        stock(world)
        found = {}
        for index, number in enumerate(("R-1", "R-2", "R-4"), start=1):
            part_no = paid_part(merchant, f"M-{index}", items=[("A", 2)])
            found[number] = file(merchant, part_no, {1: 2}, merchant_aftersale_no=number)
        ask(found["R-2"])
        reject(found["R-4"])
        part_no = shipped_part(merchant, "M-7", items=[("B", 1)])
        found["R-3"] = file_for_return(merchant, part_no, merchant_aftersale_no="R-3")
        approve(found["R-3"])
        other = paid_part(stranger, "S-1", consignee={**CONSIGNEE, "phone": "13900139000"})
        found["S-1"] = file(stranger, other, merchant_aftersale_no="S-1", reason="late")
        numbers = {number: document["aftersale_no"] for number, document in found.items()}
        yield Stage(merchant, stranger, numbers)


@pytest.fixture
def merchant(stage: Stage, db: None) -> Merchant:
    """Whose claims most of them are."""
    return stage.merchant


@pytest.fixture
def stranger(stage: Stage, db: None) -> Merchant:
    """Another merchant."""
    return stage.stranger


@pytest.fixture
def claims(stage: Stage, db: None) -> dict[str, Claim]:
    """All of them, by their merchants' numbers."""
    return {number: claim_of(aftersale_no) for number, aftersale_no in stage.claims.items()}


def test_list_shows_all_claims_the_newest_first(claims: dict[str, Claim], boss: Client) -> None:
    assert listed(boss) == ["S-1", "R-3", "R-4", "R-2", "R-1"]


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ("decide", ["R-1", "S-1"]),
        ("answer", ["R-2"]),
        ("return", ["R-3"]),
        ("receive", []),
        ("inspect", []),
        ("second_person", []),
        ("nonsense", ["R-1", "R-2", "R-3", "R-4", "S-1"]),
    ],
)
def test_queue_shows_what_waits_for_whom(
    claims: dict[str, Claim], boss: Client, queue: str, expected: list[str]
) -> None:
    assert sorted(listed(boss, queue=queue)) == expected


def test_queue_begins_with_the_nearest_deadline(claims: dict[str, Claim], boss: Client) -> None:
    move_deadline(claims["S-1"], -3)
    assert listed(boss, queue="decide") == ["S-1", "R-1"]

    move_deadline(claims["R-1"], -4)
    assert listed(boss, queue="decide") == ["R-1", "S-1"]


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ["Not wanted", "Broken", "发货太慢", "旧原因"]),
        ("zh-hans", ["不想要了", "破损", "发货太慢", "旧原因"]),
    ],
)
def test_reasons_are_offered_in_the_language_of_the_reader(
    claims: dict[str, Claim], boss: Client, language: str, names: list[str]
) -> None:
    page = boss.get(LIST, headers={"Accept-Language": language})

    [listed_reasons] = [
        one for one in page.context["cl"].filter_specs if getattr(one, "field_path", "") == "reason"
    ]
    assert [str(name) for _pk, name in listed_reasons.lookup_choices] == names


def test_ages_are_offered_in_days(claims: dict[str, Claim], boss: Client) -> None:
    page = boss.get(LIST, headers={"Accept-Language": "en"})

    [ages] = [one for one in page.context["cl"].filter_specs if isinstance(one, AgeFilter)]
    with translation.override("en"):
        offered = [str(text) for _days, text in ages.lookup_choices]
    assert offered == [
        "More than 1 day", "More than 2 days", "More than 3 days", "More than 7 days",
        "More than 30 days",
    ]  # fmt: skip


def test_filters_narrow_the_list(
    claims: dict[str, Claim], boss: Client, stranger: Merchant
) -> None:
    move_deadline(claims["R-1"], -1)
    move_deadline(claims["S-1"], 5)
    Claim.objects.filter(pk=claims["R-2"].pk).update(
        created_at=clock.now() - timedelta(days=2, minutes=5)
    )
    warehouse = claims["R-1"].suborder.warehouse_id

    assert listed(boss, deadline="over") == ["R-1"]
    assert listed(boss, deadline="day") == ["S-1"]
    assert listed(boss, age="2") == ["R-2"]
    assert listed(boss, age="3") == []
    assert listed(boss, partner__id__exact=stranger.partner.pk) == ["S-1"]
    assert listed(boss, type__exact="return_refund") == ["R-3"]
    assert listed(boss, status__exact="rejected") == ["R-4"]
    assert len(listed(boss, suborder__warehouse__id__exact=warehouse)) == 5
    assert listed(boss, refund_amount_from="21", refund_amount_to="100") == ["R-2", "R-1"]
    assert listed(boss, refund_amount_to="0") == ["R-4"]
    assert listed(boss, queue="decide", partner__id__exact=stranger.partner.pk) == ["S-1"]


def test_claim_is_found_by_whatever_number_is_at_hand(
    claims: dict[str, Claim], boss: Client
) -> None:
    ClaimParcel.objects.create(
        claim=claims["R-3"], direction="return", carrier=Carrier.objects.get(code="sf"),
        waybill_no="YT0001", shipped_at=clock.now(), actor="test",
    )  # fmt: skip
    first = claims["R-1"]

    assert listed(boss, q=first.aftersale_no) == ["R-1"]
    assert listed(boss, q=f" {first.aftersale_no.lower()} ") == ["R-1"]
    assert listed(boss, q="R-2") == ["R-2"]
    assert listed(boss, q="R-") == ["R-3", "R-4", "R-2", "R-1"]
    assert listed(boss, q="YT00") == ["R-3"]
    assert listed(boss, q=first.suborder.order_no) == ["R-1"]
    assert listed(boss, q=first.order.order_no) == ["R-1"]
    assert listed(boss, q="M-7") == ["R-3"]
    assert listed(boss, q="SF-M-7") == ["R-3"]
    assert listed(boss, q="139") == ["S-1"]
    assert listed(boss, q="nobody") == []
    assert listed(boss, q="R-", queue="decide") == ["R-1"]


def test_unreadable_search_text_finds_nothing(claims: dict[str, Claim], boss: Client) -> None:
    for text in ("x" * 10_000, "\U0010ffff", "%", "'", "_", "𝕽", "\ud7ff"):
        assert listed(boss, q=text) == []
    assert boss.get(LIST, {"q": "\0"}).status_code == 200


def test_claim_that_we_opened_says_so(merchant: Merchant, boss: Client) -> None:
    assert "opened by us" not in boss.get(LIST).content.decode()
    file(merchant, paid_part(merchant, "M-8"), merchant_aftersale_no="", by=OPERATOR)

    page = boss.get(LIST)

    assert "opened by us" in page.content.decode()


def test_list_is_counted_to_a_bound_and_costs_the_same_for_more_rows(
    claims: dict[str, Claim], boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss.get(LIST)
    with CaptureQueriesContext(connection) as few:
        boss.get(LIST, {"queue": "answer"})
    with CaptureQueriesContext(connection) as many:
        boss.get(LIST, {"queue": "open"})
    monkeypatch.setattr(BoundedPaginator, "maximum", 1)

    page = boss.get(LIST)

    assert len(few) == len(many)
    assert page.context["cl"].result_count == 1
    assert not any(" LIKE " in query["sql"] for query in many)


def test_overdue_claims_stand_out_in_the_sidebar_and_on_the_first_page(
    claims: dict[str, Claim], boss: Client
) -> None:
    first = boss.get(reverse("admin:index"))
    [card] = [card for card in first.context["cards"] if card.title == "Claims to decide"]
    assert (card.value, card.is_alert) == ("2", False)
    assert card.note.startswith("The next one is due in 1")

    move_deadline(claims["R-1"], -3)

    second = boss.get(reverse("admin:index"))
    [card] = [card for card in second.context["cards"] if card.title == "Claims to decide"]
    assert (card.value, card.is_alert) == ("2", True)
    assert card.note == "1 is overdue, the first for 3\xa0hours"
    items = {
        str(item["title"]): item
        for group in second.context["sidebar_navigation"]
        for item in group["items"]
    }
    assert items["Claims to decide"]["badge"] == 2
    assert items["Claims to decide"]["badge_variant"] == "danger"
    assert "badge" not in items["Returns to inspect"]


def test_claims_are_hidden_from_staff_without_permission(
    claims: dict[str, Claim], staff: Staff
) -> None:
    client = staff("orders.view_order")

    assert client.get(LIST).status_code == 403
    cards = client.get(reverse("admin:index")).context["cards"]
    assert [card.title for card in cards if "Claims" in card.title] == []
