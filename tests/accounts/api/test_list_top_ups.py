from __future__ import annotations

import pytest

from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve
from openplatform.core import clock
from tests.accounts.money_moves import make_staff
from tests.cast import Api, Merchant


def report(merchant: Merchant, reference: str) -> str:
    body = {"amount": "5.00", "reference": reference, "paid_at": "2026-03-01T10:00:00+08:00"}
    number: str = merchant.api.post("/account/top-ups", body).json()["top_up_no"]
    return number


def references(response: object) -> list[str]:
    return [row["reference"] for row in response.json()["results"]]  # type: ignore[attr-defined]


def test_own_top_ups_come_oldest_first_when_there_are_others(
    merchant: Merchant, stranger: Merchant
) -> None:
    report(stranger, "theirs")
    report(merchant, "one")
    report(merchant, "two")

    response = merchant.api.get("/account/top-ups")

    assert response.status_code == 200
    assert references(response) == ["opening-balance", "one", "two"]
    assert response.json()["next"] is None


def test_pages_join_without_gap_when_the_list_grows(merchant: Merchant) -> None:
    report(merchant, "one")
    first = merchant.api.get("/account/top-ups", limit=1)
    report(merchant, "two")

    second = merchant.api.get("/account/top-ups" + "?" + first.json()["next"].partition("?")[2])
    third = merchant.api.get("/account/top-ups" + "?" + second.json()["next"].partition("?")[2])

    assert references(first) + references(second) + references(third) == [
        "opening-balance",
        "one",
        "two",
    ]


def test_rows_are_chosen_when_filters_are_given(merchant: Merchant) -> None:
    report(merchant, "one")
    report(merchant, "two")
    approve(
        approval_id=Approval.objects.earliest("id").pk,
        user=make_staff("decider"),
        values={},
        now=clock.now(),
    )

    assert references(merchant.api.get("/account/top-ups", status="pending")) == ["two"]
    assert references(merchant.api.get("/account/top-ups", reference="one")) == ["one"]
    assert (
        references(merchant.api.get("/account/top-ups", created_before="2026-01-01T00:00:00Z"))
        == []
    )
    assert (
        len(references(merchant.api.get("/account/top-ups", created_after="2026-01-01T00:00:00Z")))
        == 3
    )


@pytest.mark.parametrize("name", ["amount", "status__in", "ordering"])
def test_refused_when_a_filter_is_unknown(merchant: Merchant, name: str) -> None:
    response = merchant.api.get("/account/top-ups", **{name: "1"})

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_number_of_statements_stays_when_there_are_more_rows(
    merchant: Merchant, django_assert_num_queries
) -> None:
    for number in range(3):
        report(merchant, f"r-{number}")
    merchant.api.get("/account/top-ups")

    with django_assert_num_queries(2):  # the rate limit and the list
        merchant.api.get("/account/top-ups")


def test_refused_when_the_key_lacks_the_scope(merchant: Merchant) -> None:
    response = merchant.api_with("account:write").get("/account/top-ups")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/account/top-ups").json()["code"] == "key_missing"
