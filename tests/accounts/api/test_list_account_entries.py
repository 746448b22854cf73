from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import LedgerEntry
from openplatform.core import clock
from tests.accounts.money_moves import add_money, hold, pay
from tests.cast import Api, Merchant, make_merchant


def spend(merchant: Merchant, order_no: str, amount: str) -> None:
    hold(merchant.partner.pk, order_no, amount)
    pay(merchant.partner.pk, order_no, amount)


@pytest.fixture
def spender(db: None) -> Merchant:
    """A merchant with four entries: 1000.00, -12.34 for S-1, -100.00 for S-2, +0.01."""
    merchant = make_merchant("spender", balance="1000.00")
    spend(merchant, "S-1", "12.34")
    spend(merchant, "S-2", "100.00")
    add_money(merchant.partner, "0.01", "bank-7", "the missing cent")
    return merchant


def numbers(response: object) -> list[str]:
    return [row["entry_no"] for row in response.json()["results"]]  # type: ignore[attr-defined]


def test_entries_are_told_newest_last_when_nothing_is_filtered(spender: Merchant) -> None:
    at = [
        clock.to_text(moment)
        for moment in LedgerEntry.objects.order_by("entry_no").values_list("created_at", flat=True)
    ]

    response = spender.api.get("/account/entries")

    nothing = {"order_no": None, "suborder_no": None, "aftersale_no": None, "note": None}
    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {
                **nothing,
                "entry_no": "1",
                "kind": "top_up",
                "amount": "1000.00",
                "balance_after": "1000.00",
                "created_at": at[0],
            },
            {
                **nothing,
                "entry_no": "2",
                "kind": "order_payment",
                "amount": "-12.34",
                "balance_after": "987.66",
                "order_no": "S-1",
                "created_at": at[1],
            },
            {
                **nothing,
                "entry_no": "3",
                "kind": "order_payment",
                "amount": "-100.00",
                "balance_after": "887.66",
                "order_no": "S-2",
                "created_at": at[2],
            },
            {
                **nothing,
                "entry_no": "4",
                "kind": "top_up",
                "amount": "0.01",
                "balance_after": "887.67",
                "note": "the missing cent",
                "created_at": at[3],
            },
        ],
        "next": None,
    }


def test_pages_neither_skip_nor_repeat_when_the_ledger_grows_between_them(
    spender: Merchant,
) -> None:
    first = spender.api.get("/account/entries", limit=3)
    add_money(spender.partner, "5.00", "bank-8")
    following = urlsplit(first.json()["next"])

    second = spender.api.get(
        following.path.removeprefix("/api/v1"),
        **{name: values[0] for name, values in parse_qs(following.query).items()},
    )

    assert numbers(first) == ["1", "2", "3"]
    assert numbers(second) == ["4", "5"]
    assert second.json()["next"] is None


def test_filters_stay_when_the_next_page_is_followed(spender: Merchant) -> None:
    first = spender.api.get("/account/entries", kind="order_payment", limit=1)
    following = urlsplit(first.json()["next"])

    second = spender.api.get(f"/account/entries?{following.query}")

    assert (numbers(first), numbers(second)) == (["2"], ["3"])
    assert second.json()["next"] is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"kind": "top_up"}, ["1", "4"]),
        ({"kind": "order_payment"}, ["2", "3"]),
        ({"kind": "withdrawal"}, []),
        ({"order_no": "S-2"}, ["3"]),
        ({"order_no": "S-9"}, []),
        ({"after": "0"}, ["1", "2", "3", "4"]),
        ({"after": "2"}, ["3", "4"]),
        ({"after": "4"}, []),
        ({"after": "999999999999999999"}, []),
        ({"after": "1", "kind": "top_up"}, ["4"]),
        ({"created_after": "2999-01-01T00:00:00+08:00"}, []),
        ({"created_before": "2999-01-01T00:00:00Z"}, ["1", "2", "3", "4"]),
    ],
)
def test_entries_are_selected_when_filters_are_named(
    spender: Merchant, filters: dict[str, str], found: list[str]
) -> None:
    response = spender.api.get("/account/entries", **filters)

    assert response.status_code == 200
    assert numbers(response) == found


def test_range_takes_its_beginning_and_leaves_out_its_end_when_times_are_exact(
    spender: Merchant,
) -> None:
    second: datetime = LedgerEntry.objects.get(entry_no=2).created_at
    fourth: datetime = LedgerEntry.objects.get(entry_no=4).created_at

    response = spender.api.get(
        "/account/entries",
        created_after=second.isoformat(),
        created_before=clock.to_text(fourth),
    )

    assert numbers(response) == ["2", "3"]


@pytest.mark.parametrize(
    "name", ["order", "ordering", "amount", "created_at__gt", "entry_no", "partner", "after__lt"]
)
def test_refused_when_a_filter_is_unknown(spender: Merchant, name: str) -> None:
    response = spender.api.get("/account/entries", **{name: "1"})

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"
    assert [fault["pointer"] for fault in response.json()["errors"]] == [f"?{name}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after", "-1"),
        ("after", "1.0"),
        ("after", "１"),
        ("after", "1_0"),
        ("after", "9" * 19),
        ("kind", "gift"),
        ("kind", "top_up,refund"),
        ("order_no", "S" * 25),
        ("order_no", "x" * 100_000),
        ("created_after", "yesterday"),
        ("created_after", "2026-01-01T00:00:00"),
        ("created_before", "2026-02-30T00:00:00Z"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "1000000000"),
        ("limit", "-1"),
        ("limit", "５"),
        ("limit", ""),
    ],
)
def test_refused_when_a_value_cannot_be_read(spender: Merchant, name: str, value: str) -> None:
    response = spender.api.get("/account/entries", **{name: value})

    assert response.status_code == 422
    assert response.json()["code"] == "field_invalid"
    assert [fault["pointer"] for fault in response.json()["errors"]] == [f"?{name}"]


def test_refused_when_a_value_holds_a_nul(spender: Merchant) -> None:
    response = spender.api.get("/account/entries", order_no="\x00")

    assert (response.status_code, response.json()["code"]) == (422, "string_invalid")
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["?order_no"]


@pytest.mark.parametrize("cursor", ["", "1", "WzFd", "WzFd:forged", "\x00", "x" * 5000])
def test_refused_when_the_cursor_is_forged(spender: Merchant, cursor: str) -> None:
    response = spender.api.get("/account/entries", cursor=cursor)

    assert response.status_code == 400
    assert response.json()["code"] == "cursor_invalid"


def test_refused_when_the_cursor_is_of_another_list(spender: Merchant) -> None:
    following = urlsplit(spender.api.get("/account/entries", limit=1).json()["next"])
    (cursor,) = parse_qs(following.query)["cursor"]

    response = spender.api.get("/orders", cursor=cursor)

    assert (response.status_code, response.json()["code"]) == (400, "cursor_invalid")


def test_nothing_of_others_is_seen_when_they_have_entries(
    spender: Merchant, stranger: Merchant
) -> None:
    response = stranger.api.get("/account/entries", order_no="S-1")

    assert (response.status_code, response.json()["results"]) == (200, [])


def test_refused_when_the_key_lacks_the_scope(merchant: Merchant) -> None:
    response = merchant.api_with("orders:read").get("/account/entries")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    response = Api().get("/account/entries")

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")
