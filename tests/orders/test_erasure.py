"""Consignees are forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, connection, transaction

from openplatform.core.environment import read_int
from openplatform.idempotency.models import IdempotentRequest
from openplatform.messaging.models import Message
from orders.models import Order, Shipment
from orders.services import erasure
from orders.services.cancellation import expire_due_orders
from orders.services.erasure import erase_due_consignees
from orders.services.shipping import change_waybill
from tests.cast import CONSIGNEE, Merchant, World, order_body
from tests.orders.acts import let_expire, pay, place, ship, told

PERSONAL = (CONSIGNEE["name"], CONSIGNEE["phone"], CONSIGNEE["address"])
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def let_age(order_no: str, days: int) -> None:
    """As if the order's last change was so many days ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET updated_at = clock_timestamp() - make_interval(days => %s)"
            " WHERE order_no = %s",
            [days, order_no],
        )


def complete(merchant: Merchant, merchant_order_no: str = "M-1", **headers: str) -> str:
    """A received order, whose messages have their numbers."""
    order_no: str = pay(merchant, merchant_order_no)["order_no"]
    ship(f"{order_no}-1")
    response = merchant.api.post(f"/orders/{order_no}/receive", headers=headers)
    assert response.json()["status"] == "completed"
    told(merchant)
    return order_no


def rows_with_personal_data() -> list[str]:
    """Tables in which something of the consignee still stands."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" row WHERE row::text LIKE ANY(%s)',  # noqa: S608
                [[f"%{text}%" for text in PERSONAL]],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_consignee_is_erased_everywhere_once_its_time_is_over(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    headers = {"Idempotency-Key": "one"}
    response = merchant.api.post("/orders", order_body(), headers=headers)
    order_no = response.json()["order_no"]
    merchant.api.post(f"/orders/{order_no}/confirm", headers=headers)
    ship(f"{order_no}-1")
    merchant.api.post(f"/orders/{order_no}-1/receive", headers=headers)
    told(merchant)
    before = merchant.api.get(f"/orders/{order_no}").json()
    let_age(order_no, 180)

    erased = [erase_due_consignees(), erase_due_consignees()]

    assert erased == [1, 0]
    assert rows_with_personal_data() == []
    after = merchant.api.get(f"/orders/{order_no}").json()
    assert after == {**before, "consignee": None, "updated_at": after["updated_at"]}
    assert merchant.api.get(f"/orders/{order_no}-1").json()["consignee"] is None
    assert Shipment.objects.get().waybill_no == "SF-1"
    messages = Message.objects.filter(subject=f"order:{order_no}")
    assert {json.dumps(message.data["order"]["consignee"]) for message in messages} == {"null"}
    assert messages.count() == 5
    kept = [json.loads(row.answer) for row in IdempotentRequest.objects.all()]
    assert [answer["consignee"] for answer in kept] == [None, None, None]


def test_answers_stay_replayable_without_the_consignee(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    headers = {"Idempotency-Key": "one"}
    first = merchant.api.post("/orders", order_body(), headers=headers).json()
    merchant.api.post(f"/orders/{first['order_no']}/cancel")
    told(merchant)
    let_age(first["order_no"], 181)
    erase_due_consignees()

    by_key = merchant.api.post("/orders", order_body(), headers=headers)
    by_number = merchant.api.post("/orders", order_body())
    other = merchant.api.post(
        "/orders", order_body(consignee={**CONSIGNEE, "phone": "13900139000"})
    )

    assert (by_key.status_code, by_key.json()) == (201, {**first, "consignee": None})
    assert (by_number.status_code, by_number.json()["consignee"]) == (200, None)
    assert (other.status_code, other.json()["code"]) == (409, "merchant_order_no_conflict")


def test_messages_after_the_erasure_do_not_tell_of_the_consignee(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = complete(merchant)
    let_age(order_no, 181)
    erase_due_consignees()

    change_waybill(
        shipment_no=Shipment.objects.get().shipment_no,
        carrier_code="sf",
        waybill_no="SF-2",
        reason="typing error",
        actor="operator",
        now=NOON,
    )

    message = told(merchant)[-1]
    assert message.type == "shipment.updated"
    assert message.data["order"]["consignee"] is None


@pytest.mark.parametrize("end", ["cancelled", "expired", "completed"])
def test_consignee_is_kept_until_the_last_day(
    shop: World, merchant: Merchant, end: str, settings: Any
) -> None:
    shop.make_sku("A", north=10)
    settings.CONSIGNEE_KEPT_DAYS = 31
    if end == "completed":
        order_no = complete(merchant)
    else:
        order_no = place(merchant)["order_no"]
        if end == "cancelled":
            merchant.api.post(f"/orders/{order_no}/cancel")
        else:
            let_expire(order_no)
            expire_due_orders()
    told(merchant)

    let_age(order_no, 30)
    early = erase_due_consignees()
    name = Order.objects.get().consignee_name
    let_age(order_no, 31)

    assert (early, name) == (0, CONSIGNEE["name"])
    assert erase_due_consignees() == 1
    assert Order.objects.get().status == end
    assert Order.objects.get().consignee_erased_at is not None


@pytest.mark.parametrize("state", ["pending", "paid", "shipped"])
def test_order_that_has_not_ended_keeps_its_consignee(
    shop: World, merchant: Merchant, state: str
) -> None:
    shop.make_sku("A", north=10)
    order_no = (place if state == "pending" else pay)(merchant)["order_no"]
    if state == "shipped":
        ship(f"{order_no}-1")
    told(merchant)
    let_age(order_no, 9999)

    assert erase_due_consignees() == 0
    assert Order.objects.get().consignee_phone == CONSIGNEE["phone"]


def test_order_waits_while_a_message_of_it_has_no_number(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    merchant.api.post(f"/orders/{order_no}/cancel")
    let_age(order_no, 181)

    early = erase_due_consignees()
    told(merchant)

    assert early == 0
    assert erase_due_consignees() == 1
    assert rows_with_personal_data() == []


def test_other_orders_keep_theirs(
    shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make_sku("A", north=10)
    monkeypatch.setattr(erasure, "WINDOW", 2)
    monkeypatch.setattr(erasure, "BATCH", 1)
    old = [complete(merchant, f"M-{number}") for number in range(3)]
    kept = complete(merchant, "M-9", **{"Idempotency-Key": "k"})
    for order_no in old:
        let_age(order_no, 181)

    assert erase_due_consignees() == 3
    assert Order.objects.get(consignee_erased_at=None).order_no == kept
    told_of = Message.objects.get(subject=f"order:{kept}", type="order.created")
    assert told_of.data["order"]["consignee"]["phone"] == CONSIGNEE["phone"]
    answer = json.loads(IdempotentRequest.objects.get().answer)
    assert answer["consignee"]["phone"] == CONSIGNEE["phone"]


def test_run_that_is_broken_off_is_made_good_by_the_next(
    shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make_sku("A", north=10)
    order_no = complete(merchant)
    let_age(order_no, 181)
    fault = "SELECT 1 / 0 WHERE %(order_nos)s::text[] <> '{}' AND %(days)s > 0"

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "ERASE", fault)
        with pytest.raises(DataError):
            transaction.atomic(erase_due_consignees)()
    after_the_first = Order.objects.get().consignee_name

    assert after_the_first == CONSIGNEE["name"]
    assert erase_due_consignees() == 1
    assert rows_with_personal_data() == []


def test_setting_under_a_month_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSIGNEE_KEPT_DAYS", "30")

    with pytest.raises(ImproperlyConfigured):
        read_int("CONSIGNEE_KEPT_DAYS", 180, minimum=31)
