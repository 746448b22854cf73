"""GET /orders."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection, transaction

from accounts.models import HoldEntry
from openplatform.core import clock
from openplatform.core.horizon import MARGIN_SECONDS
from orders.models import Order
from tests.cast import Api, Merchant, World
from tests.orders.acts import pay, place, ship

T = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
STEP = timedelta(minutes=10)


def numbers(body: dict[str, Any]) -> list[str]:
    return [order["merchant_order_no"] for order in body["results"]]


def following(merchant: Merchant, body: dict[str, Any]) -> dict[str, Any]:
    """The page that ``next`` names."""
    address = urlsplit(body["next"])
    response = merchant.api.get("/orders", **dict(parse_qsl(address.query)))
    assert (address.path, response.status_code) == ("/api/v1/orders", 200)
    page: dict[str, Any] = response.json()
    return page


def all_pages(merchant: Merchant, **parameters: Any) -> Iterator[dict[str, Any]]:
    body = merchant.api.get("/orders", **parameters).json()
    yield body
    while body["next"]:
        body = following(merchant, body)
        yield body


def set_times(**times: datetime) -> None:
    """Give orders, by merchant's number, times of creation and update."""
    for number, time in times.items():
        Order.objects.filter(merchant_order_no=number).update(created_at=time, updated_at=time)


def set_hold_times(**times: datetime) -> None:
    """Give the holds of orders these times; their history takes no change, so its guard rests."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for number, time in times.items():
            order_no = Order.objects.get(merchant_order_no=number).order_no
            HoldEntry.objects.filter(order_no=order_no).update(created_at=time)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def busy_shop(shop: World, merchant: Merchant) -> World:
    """Three orders, ten minutes apart, the last at ``T``: cancelled, paid, and pending."""
    shop.make_sku("A", north=100)
    for number in ("O1", "O2", "O3"):
        order_no = place(merchant, number)["order_no"]
        action = {"O1": "cancel", "O2": "confirm"}.get(number)
        if action:
            merchant.api.post(f"/orders/{order_no}/{action}")
    times = {"O1": T - 2 * STEP, "O2": T - STEP, "O3": T}
    set_times(**times)
    set_hold_times(**times)
    return shop


def test_row_is_the_order_without_consignee_and_lines(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 2), ("S", 1)], metadata={"channel": "app"})["order_no"]
    ship(f"{order_no}-1")

    response = merchant.api.get("/orders")

    order = merchant.api.get(f"/orders/{order_no}").json()
    del order["consignee"]
    for part in order["suborders"]:
        del part["lines"]
    assert response.status_code == 200
    assert response.json() == {"results": [order], "next": None}
    assert order["suborders"][0]["shipments"][0]["waybill_no"] == "SF-1"


def test_newest_comes_first(busy_shop: World, merchant: Merchant) -> None:
    body = merchant.api.get("/orders").json()

    assert numbers(body) == ["O3", "O2", "O1"]
    assert body["next"] is None


def test_nothing_of_another_merchant_is_listed(
    busy_shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    for parameters in ({}, {"merchant_order_no": "O1"}, {"updated_after": T.isoformat()}):
        assert stranger.api.get("/orders", **parameters).json()["results"] == []


def test_pages_neither_skip_nor_repeat_when_orders_are_placed_meanwhile(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=100)
    for number in range(5):
        place(merchant, f"O{number}")

    pages = []
    for page in all_pages(merchant, limit=2):
        pages.append(numbers(page))
        place(merchant, f"NEW{len(pages)}")

    assert pages == [["O4", "O3"], ["O2", "O1"], ["O0"]]


def test_order_that_commits_late_is_never_behind_the_cursor(
    shop: World, merchant: Merchant
) -> None:
    """Times and primary keys are given before the commit; the place in the list is not."""
    shop.make_sku("A", north=100)
    for number in range(4):
        place(merchant, f"O{number}")
    set_times(O3=T - timedelta(days=1))  # placed last, by a clock that is slow

    pages = [numbers(page) for page in all_pages(merchant, limit=2)]

    assert pages == [["O3", "O2"], ["O1", "O0"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"created_after": T - STEP}, ["O3", "O2"]),
        ({"created_before": T - STEP}, ["O1"]),
        ({"created_after": T - STEP, "created_before": T}, ["O2"]),
        ({"status": "paid"}, ["O2"]),
        ({"status": "cancelled"}, ["O1"]),
        ({"status": "completed"}, []),
        ({"merchant_order_no": "O3"}, ["O3"]),
        ({"merchant_order_no": "o3"}, []),
        ({"merchant_order_no": "O3", "status": "paid"}, []),
        ({"updated_after": T - STEP}, ["O2", "O3"]),
        ({"updated_after": T - STEP, "status": "paid"}, ["O2"]),
    ],
)
def test_filters_select(
    busy_shop: World, merchant: Merchant, parameters: dict[str, Any], expected: list[str]
) -> None:
    texts = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in parameters.items()
    }

    body = merchant.api.get("/orders", **texts).json()

    assert numbers(body) == expected


def test_filters_stay_on_the_next_page(busy_shop: World, merchant: Merchant) -> None:
    since = (T - STEP).isoformat()

    pages = [numbers(page) for page in all_pages(merchant, created_after=since, limit=1)]

    assert pages == [["O3"], ["O2"]]


@pytest.mark.parametrize("offset", ["+08:00", " 08:00", "%2B08:00"])
def test_plus_sign_of_an_offset_may_be_left_unescaped(
    busy_shop: World, merchant: Merchant, offset: str
) -> None:
    local = f"{T.astimezone(clock.PLATFORM_ZONE):%Y-%m-%dT%H:%M:%S}"
    path = f"/orders?created_after={local}{offset.replace(' ', '+')}"

    assert numbers(merchant.api.request("GET", path).json()) == ["O3"]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"colour": "red"}, 400, "filter_not_allowed"),
        ({"status__in": "paid"}, 400, "filter_not_allowed"),
        ({"partner__code": "acme"}, 400, "filter_not_allowed"),
        ({"ordering": "secret"}, 400, "filter_not_allowed"),
        ({"key": "op_secret"}, 400, "filter_not_allowed"),
        ({"status": "lost"}, 422, "field_invalid"),
        ({"created_after": "yesterday"}, 422, "field_invalid"),
        ({"created_after": "2026-01-31T08:00:00"}, 422, "field_invalid"),
        ({"created_before": "2026-02-30T08:00:00Z"}, 422, "field_invalid"),
        ({"updated_after": "2026-01-31"}, 422, "field_invalid"),
        ({"merchant_order_no": "x" * 65}, 422, "field_invalid"),
        ({"merchant_order_no": "x" * 100_000}, 422, "field_invalid"),
        ({"merchant_order_no": "\0"}, 422, "string_invalid"),
        ({"merchant_order_no": ""}, 422, "field_invalid"),
        ({"status": ""}, 422, "field_invalid"),
        ({"limit": "0"}, 422, "field_invalid"),
        ({"limit": "101"}, 422, "field_invalid"),
        ({"limit": "1000000000"}, 422, "field_invalid"),
        ({"limit": "１"}, 422, "field_invalid"),
        ({"cursor": "forged"}, 400, "cursor_invalid"),
        ({"cursor": "WzFd:forged"}, 400, "cursor_invalid"),
        ({"cursor": ""}, 400, "cursor_invalid"),
        ({"cursor": "\0"}, 400, "cursor_invalid"),
    ],
)
def test_what_cannot_be_read_is_refused(
    busy_shop: World, merchant: Merchant, parameters: dict[str, str], status: int, code: str
) -> None:
    response = merchant.api.get("/orders", **parameters)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert [error["pointer"] for error in response.json()["errors"]] in (
        [f"?{name}" for name in parameters],
        [],
    )


def test_cursor_fits_only_the_order_that_it_was_made_for(
    busy_shop: World, merchant: Merchant
) -> None:
    body = merchant.api.get("/orders", limit=1).json()
    cursor = dict(parse_qsl(urlsplit(body["next"]).query))["cursor"]

    response = merchant.api.get("/orders", cursor=cursor, updated_after=T.isoformat())

    assert (response.status_code, response.json()["code"]) == (400, "cursor_invalid")


def test_updates_come_by_time_then_by_number(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=100)
    for number in ("O1", "O2", "O3", "O4"):
        place(merchant, number)
    set_times(O1=T, O2=T, O3=T - timedelta(seconds=1), O4=T)

    pages = [
        numbers(page)
        for page in all_pages(
            merchant, updated_after=(T - timedelta(minutes=1)).isoformat(), limit=1
        )
    ]

    assert pages == [["O3"], ["O1"], ["O2"], ["O4"]]


def test_order_comes_again_when_it_changes_while_pages_are_read(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=100)
    first = place(merchant, "O1")["order_no"]
    place(merchant, "O2")
    place(merchant, "O3")

    seen = []
    for page in all_pages(merchant, updated_after=T.isoformat(), limit=2):
        seen += [(row["merchant_order_no"], row["status"]) for row in page["results"]]
        if len(seen) == 2:
            merchant.api.post(f"/orders/{first}/confirm")

    assert seen == [
        ("O1", "pending_payment"),
        ("O2", "pending_payment"),
        ("O3", "pending_payment"),
        ("O1", "paid"),
    ]


def test_as_of_finds_later_changes_again(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=100)
    order_no = place(merchant, "O1")["order_no"]

    body = merchant.api.get("/orders", updated_after=T.isoformat()).json()
    merchant.api.post(f"/orders/{order_no}/confirm")
    later = merchant.api.get("/orders", updated_after=body["as_of"]).json()

    assert datetime.fromisoformat(body["as_of"]) <= clock.now() - timedelta(seconds=MARGIN_SECONDS)
    assert [row["status"] for row in later["results"]] == ["paid"]
    assert "as_of" not in merchant.api.get("/orders").json()


@pytest.mark.django_db(transaction=True)
def test_as_of_lies_before_a_write_that_is_still_open(merchant: Merchant) -> None:
    is_open, may_end = threading.Event(), threading.Event()
    started: list[datetime] = []

    def write() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT now()")
                started.append(cursor.fetchone()[0])
                is_open.set()
                may_end.wait(30)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    is_open.wait(30)
    try:
        body = merchant.api.get("/orders", updated_after=T.isoformat()).json()
    finally:
        may_end.set()
        writer.join()

    assert datetime.fromisoformat(body["as_of"]) == started[0] - timedelta(seconds=MARGIN_SECONDS)


def test_page_takes_a_fixed_number_of_queries(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    shop.make_sku("A", north=100)
    for number in range(6):
        place(merchant, f"O{number}")

    with django_assert_num_queries(3):  # the limits among them
        merchant.api.get("/orders")
    with django_assert_num_queries(4):
        merchant.api.get("/orders", updated_after=T.isoformat())


def test_refused_without_a_key_or_scope(merchant: Merchant) -> None:
    answers = [api.get("/orders") for api in (Api(), merchant.api_with("orders:write"))]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
