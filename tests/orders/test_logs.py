"""Who gets the goods never reaches a log."""

from __future__ import annotations

import json

import pytest

from orders.models import Order
from tests.accounts.test_key_in_processes import start
from tests.cast import CONSIGNEE, Merchant, World, order_body
from tests.orders.acts import place

# A day of an order, the faults of it, and a row that the database refuses and quotes.
DAY = """
import json, sys, django
django.setup()
import structlog
from django.db import IntegrityError
from django.test import Client
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.locking import transactional
from orders.exports.to_ship import list_to_ship, to_csv
from orders.models import Order
from orders.services.erasure import erase_due_consignees
from orders.services.parcel_progress import follow_parcel
from orders.services.receipt import receive_due_suborders
from orders.services.shipping import change_waybill, ship_suborder

key, body = sys.argv[1], json.loads(sys.argv[2])
client = Client(
    raise_request_exception=False,
    headers={"host": "localhost", "authorization": f"Bearer {key}"},
)
def post(path, data=None):
    answer = client.post(f"/api/v1{path}", data, "application/json")
    return answer.status_code, answer.json()

assert post("/orders", {**body, "consignee": {**body["consignee"], "phone": 1}})[0] == 422
assert post("/orders", {**body, "items": [{"sku": "A", "quantity": 99}]})[0] == 409
status, order = post("/orders", body)
assert status == 201, order
number = order["order_no"]
assert post(f"/orders/{number}/confirm")[0] == 200
assert to_csv(list_to_ship())
now = clock.now()
shipment = ship_suborder(
    suborder_no=f"{number}-1", carrier_code="sf", waybill_no="SF-1", shipped_at=now,
    actor="operator", now=now,
)
change_waybill(
    shipment_no=shipment.shipment_no, carrier_code="sf", waybill_no="SF-2", reason="torn",
    actor="operator", now=now,
)
transactional(follow_parcel)(
    carrier_code="sf", waybill_no="SF-2", status=ParcelStatus.LOST, delivered_at=None, now=now
)
receive_due_suborders()
assert post(f"/orders/{number}/receive")[0] == 200
erase_due_consignees()
try:
    Order.objects.update(total_amount=1)
except IntegrityError as error:
    assert body["consignee"]["phone"] in str(error)
    structlog.get_logger("x").error("failed", error=str(error), exc_info=True)
    structlog.get_logger("x").error("failed", error=error)
else:
    raise AssertionError("the constraint is gone")

from orders.api.views import orders as views
def fail(**arguments):
    raise RuntimeError("no order")
views.place_order = fail
assert post("/orders", body)[0] == 500
"""


@pytest.mark.django_db(transaction=True)
def test_name_phone_and_address_are_in_no_log(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    place(merchant, "M-0")

    process = start(DAY, merchant.key, json.dumps(order_body()), log_level="DEBUG")
    _out, err = process.communicate(timeout=120)

    assert process.returncode == 0, err
    order_no = Order.objects.get(merchant_order_no="M-1").order_no
    assert f"/orders/{order_no}/receive" in err
    assert err.count("order_total_is_goods_and_freight") >= 3
    personal = [CONSIGNEE[name] for name in ("name", "phone", "address")]
    quoted = [json.dumps(text)[1:-1] for text in personal]
    leaks = [
        line for line in err.splitlines() if any(text in line for text in (*personal, *quoted))
    ]
    assert leaks == []
