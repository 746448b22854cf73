"""Who may call what: every endpoint against every state of a key, its partner and its scope.

An endpoint that is not in ``CALLS`` fails :func:`test_every_operation_is_in_the_matrix`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from gzip import compress
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from accounts.models import ApiKey, Partner
from accounts.services.keys import create_key
from openplatform.core import clock
from openplatform.core.scopes import Scope
from openplatform.regions.models import RegionLibrary
from tests.accounts.pictures import make_png
from tests.aftersales.acts import claim_body, file, make_reasons, paid_part, set_return_addresses
from tests.aftersales.returning import awaited
from tests.cast import BEIJING, Api, Merchant, World, make_merchant, order_body
from tests.contract.endpoints import Endpoint, list_endpoints
from tests.messaging.hooks import URL, make_endpoint, take, tell_orders
from tests.orders.acts import pay, place, ship
from tests.reconciliation import invoicing as invoices
from tests.reconciliation.api.rows import add_bill, read_whole
from tests.reconciliation.merchant_files import csv_of, upload
from tests.staging import on_stage

ENDPOINTS = list_endpoints()
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
BOOKS = csv_of(("M-9", "order_payment", "-5.00", "2026-02-02"))
TOP_UP = {"amount": "5.00", "reference": "R-9", "paid_at": "2026-03-01T10:00:00+08:00"}


@dataclass(frozen=True)
class Call:
    """A good request for an operation: the path in its world, and the body, or what makes it."""

    path: Callable[[dict[str, str]], str]
    body: Any = None
    status: int = 200
    is_own: bool = False  # it names something that only its merchant may see


CALLS = {
    "get_key": Call(lambda _w: "/key"),
    "get_account": Call(lambda _w: "/account"),
    "list_account_entries": Call(lambda _w: "/account/entries"),
    "list_top_ups": Call(lambda _w: "/account/top-ups"),
    "report_top_up": Call(lambda _w: "/account/top-ups", TOP_UP, 201),
    "send_top_up_proof": Call(lambda _w: "/account/top-ups/proofs", "a picture", 201),
    "get_top_up": Call(lambda w: f"/account/top-ups/{w['top_up']}", is_own=True),
    "send_claim_picture": Call(lambda _w: "/aftersales/pictures", "a picture", 201),
    "get_aftersale_options": Call(lambda w: f"/orders/{w['paid']}/aftersale-options", is_own=True),
    "list_claims": Call(lambda _w: "/aftersales"),
    "file_claim": Call(
        lambda _w: "/aftersales", lambda w: claim_body(f"{w['paid']}-1", type="return_refund"), 201
    ),
    "get_claim": Call(lambda w: f"/aftersales/{w['claim']}", is_own=True),
    "report_return": Call(
        lambda w: f"/aftersales/{w['returning']}/return-shipment",
        {"carrier": "sf", "waybill_no": "BACK-1"},
        is_own=True,
    ),
    "add_claim_note": Call(
        lambda w: f"/aftersales/{w['claim']}/notes", {"text": "Any news?"}, 201, is_own=True
    ),
    "cancel_claim": Call(lambda w: f"/aftersales/{w['claim']}/cancel", is_own=True),
    "list_skus": Call(lambda _w: "/catalog/skus"),
    "get_sku": Call(lambda _w: "/catalog/skus/A", is_own=True),
    "get_stock": Call(lambda _w: f"/catalog/skus/A/stock?quantity=1&region={BEIJING}", is_own=True),
    "list_details": Call(lambda _w: "/catalog/details?sku=A"),
    "list_images": Call(lambda _w: "/catalog/images?sku=A"),
    "list_shelf_states": Call(lambda _w: "/catalog/shelf-states?sku=A"),
    "list_prices": Call(lambda _w: "/catalog/prices?sku=A"),
    "list_price_history": Call(lambda _w: "/catalog/skus/A/price-history", is_own=True),
    "list_categories": Call(lambda _w: "/catalog/categories?code=home"),
    "get_category": Call(lambda _w: "/catalog/categories/home", is_own=True),
    "check_availability": Call(
        lambda _w: "/catalog/availability-checks",
        {"region": BEIJING, "items": [{"sku": "A", "quantity": 1}]},
    ),
    "check_stock": Call(
        lambda _w: "/catalog/stock-checks",
        {"region": BEIJING, "items": [{"sku": "A", "quantity": 1}]},
    ),
    "get_selection": Call(lambda _w: "/catalog/selection"),
    "replace_selection": Call(
        lambda _w: "/catalog/selection", {"skus": ["A"], "only_these_messages": True}
    ),
    "delete_selection": Call(lambda _w: "/catalog/selection"),
    "list_orders": Call(lambda _w: "/orders"),
    "place_order": Call(lambda _w: "/orders", order_body("M-9"), 201),
    "quote_order": Call(
        lambda _w: "/orders/quotes",
        {"items": [{"sku": "A", "quantity": 1}], "consignee": {"region": BEIJING}},
    ),
    "get_order": Call(lambda w: f"/orders/{w['paid']}", is_own=True),
    "confirm_order": Call(lambda w: f"/orders/{w['open']}/confirm", is_own=True),
    "cancel_order": Call(lambda w: f"/orders/{w['open']}/cancel", is_own=True),
    "receive_order": Call(lambda w: f"/orders/{w['paid']}/receive", is_own=True),
    "get_order_timeline": Call(lambda w: f"/orders/{w['paid']}/timeline", is_own=True),
    "list_statements": Call(lambda _w: "/statements"),
    "create_statement": Call(
        lambda _w: "/statements", {"period_start": "2026-03-01", "period_end": "2026-03-31"}, 202
    ),
    "get_statement": Call(lambda w: f"/statements/{w['statement']}", is_own=True),
    "get_statement_file": Call(
        lambda w: f"/statements/{w['statement']}/file?format=pdf", is_own=True
    ),
    "list_reconciliations": Call(lambda _w: "/reconciliations"),
    "create_reconciliation": Call(lambda _w: "/reconciliations", "their books", 202),
    "get_reconciliation": Call(lambda w: f"/reconciliations/{w['report']}", is_own=True),
    "list_reconciliation_rows": Call(lambda w: f"/reconciliations/{w['report']}/rows", is_own=True),
    "get_reconciliation_file": Call(lambda w: f"/reconciliations/{w['report']}/file", is_own=True),
    "list_invoice_titles": Call(lambda _w: "/invoice-titles"),
    "create_invoice_title": Call(
        lambda _w: "/invoice-titles", {"kind": "individual", "name": "张三"}, 201
    ),
    "list_invoices": Call(lambda _w: "/invoices"),
    "create_invoice": Call(
        lambda _w: "/invoices",
        lambda w: {"title_id": w["title"], "kind": "general", "order_no": w["paid"]},
        201,
    ),
    "get_invoice": Call(lambda w: f"/invoices/{w['invoice']}", is_own=True),
    "get_invoice_file": Call(lambda w: f"/invoices/{w['invoice']}/file", is_own=True),
    "list_bills": Call(lambda _w: "/bills"),
    "get_bill": Call(lambda w: f"/bills/{w['bill']}", is_own=True),
    "list_shipments": Call(lambda w: f"/orders/{w['paid']}/shipments", is_own=True),
    "get_tracking": Call(lambda w: f"/shipments/{w['shipment']}/tracking", is_own=True),
    "list_carriers": Call(lambda _w: "/carriers"),
    "list_regions": Call(lambda _w: "/regions"),
    "get_region": Call(lambda _w: f"/regions/{BEIJING}"),
    "get_regions_file": Call(lambda _w: "/regions/file"),
    "resolve_region": Call(lambda _w: "/regions/resolve", {"text": "北京市东城区"}),
    "list_messages": Call(lambda _w: "/messages"),
    "list_webhook_endpoints": Call(lambda _w: "/webhook-endpoints"),
    "create_webhook_endpoint": Call(lambda _w: "/webhook-endpoints", {"url": URL}, 201),
    "get_webhook_endpoint": Call(lambda w: f"/webhook-endpoints/{w['endpoint']}", is_own=True),
    "change_webhook_endpoint": Call(
        lambda w: f"/webhook-endpoints/{w['endpoint']}", {"description": "mine"}, is_own=True
    ),
    "delete_webhook_endpoint": Call(
        lambda w: f"/webhook-endpoints/{w['endpoint']}", status=204, is_own=True
    ),
    "rotate_webhook_secret": Call(
        lambda w: f"/webhook-endpoints/{w['endpoint']}/rotate-secret", is_own=True
    ),
    "send_test_message": Call(
        lambda w: f"/webhook-endpoints/{w['endpoint']}/test", status=202, is_own=True
    ),
    "replay_messages": Call(
        lambda w: f"/webhook-endpoints/{w['endpoint']}/replay",
        {"after_sequence": 0},
        202,
        is_own=True,
    ),
    "list_webhook_deliveries": Call(
        lambda w: f"/webhook-endpoints/{w['endpoint']}/deliveries", is_own=True
    ),
    "resend_message": Call(
        lambda w: f"/webhook-endpoints/{w['endpoint']}/deliveries/{w['message']}/resend",
        status=202,
        is_own=True,
    ),
}
ONLY_PLACING = {"place_order"}  # what a suspended partner may not do
NOTHING = dict.fromkeys(
    (
        "open", "paid", "shipment", "top_up", "endpoint", "message", "claim", "returning",
        "statement", "report", "title", "invoice", "bill",
    ),
    "1",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """What all tests of this module look at: each gives back what it changes."""

    merchant: Merchant
    stranger: Merchant
    things: dict[str, str]


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """Made once, in a transaction around those of the tests."""
    with on_stage(django_db_blocker):
        merchant, world = make_merchant("acme"), World()
        world.open_pool_to(merchant)
        yield Stage(merchant, make_merchant("stranger"), make_things(world, merchant))


@pytest.fixture
def merchant(stage: Stage, db: None) -> Merchant:
    """Whose things they are."""
    return stage.merchant


@pytest.fixture
def stranger(stage: Stage, db: None) -> Merchant:
    """Another merchant, who must see nothing of it."""
    return stage.stranger


@pytest.fixture
def things(stage: Stage, db: None) -> dict[str, str]:
    """One of each, by the names that ``CALLS`` has for them."""
    return stage.things


def make_things(world: World, merchant: Merchant) -> dict[str, str]:
    """An open order, a paid and shipped one, a top-up, an address library, a webhook endpoint to
    which a message is on its way, a claim that was filed, and one whose goods are awaited; a
    statement, a report on a file, an invoice that was issued, and a bill.
    """
    RegionLibrary.objects.create(version="test", file=compress(b"code"), loaded_at=clock.now())
    world.make_sku("A", price="10.00", north=50)
    paid = pay(merchant, "M-1")
    shipment = ship(paid["suborders"][0]["order_no"])
    top_up = merchant.api.post("/account/top-ups", {**TOP_UP, "reference": "R-1"}).json()
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 1)
    first, *_rest = take(endpoint)
    make_reasons()
    set_return_addresses()
    filed = file(merchant, paid_part(merchant, "M-3"), merchant_aftersale_no="R-3")
    invoiced = invoices.ask(merchant, pay(merchant, "M-5")["order_no"])
    invoices.issue(invoiced)
    report = upload(merchant, BOOKS, "2026-02-01", "2026-02-28")
    return {
        "open": place(merchant, "M-2")["order_no"],
        "paid": paid["order_no"],
        "shipment": shipment.shipment_no,
        "top_up": top_up["top_up_no"],
        "endpoint": endpoint.endpoint_id,
        "message": first.message_id,
        "claim": filed["aftersale_no"],
        "returning": awaited(merchant, number="4"),
        "statement": report.statement.statement_no,
        "report": report.reconciliation_no,
        "title": invoiced["title"]["title_id"],
        "invoice": invoiced["invoice_no"],
        "bill": add_bill(merchant.partner, "2025-02", "10.00").bill_no,
    }


def call(api: Api, endpoint: Endpoint, things: dict[str, str]) -> Any:
    wanted = CALLS[endpoint.view.operation]
    path = wanted.path(things)
    if wanted.body == "a picture":
        return api.upload(path, make_png())
    if wanted.body == "their books":
        return api.upload(path, BOOKS, period_start="2026-03-01", period_end="2026-03-31")
    if endpoint.methods == ("get",):
        plain, _mark, query = path.partition("?")
        parameters = dict(part.split("=") for part in query.split("&") if part)
        return read_whole(api.get(plain, **parameters))
    body = wanted.body(things) if callable(wanted.body) else wanted.body
    return api.request(endpoint.methods[0].upper(), path, body=body)


def key_of(merchant: Merchant, **changes: Any) -> Api:
    """The API through a key of every scope that was changed like this afterwards."""
    key, text = create_key(partner_code=merchant.partner.code, scopes=Scope.values, actor="test")
    ApiKey.objects.filter(pk=key.pk).update(**changes)
    return Api(text)


def refused_with(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_every_operation_is_in_the_matrix() -> None:
    assert {endpoint.view.operation for endpoint in ENDPOINTS} == set(CALLS)


@each_endpoint
def test_refused_when_no_key_is_sent(endpoint: Endpoint, db: None) -> None:
    response = call(Api(), endpoint, NOTHING)

    assert refused_with(response) == (401, "key_missing")


CLOSED: list[tuple[dict[str, Any], int, str]] = [
    ({"revoked_at": clock.now()}, 401, "key_revoked"),
    ({"expires_at": clock.now() - timedelta(seconds=1)}, 401, "key_expired"),
    ({"allowed_networks": ["192.0.2.0/24", "2001:db8::/32"]}, 403, "ip_not_allowed"),
    (
        {
            "requires_signature": True,
            "public_key": "-----BEGIN PUBLIC KEY-----\n"
            "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
            "-----END PUBLIC KEY-----\n",  # the test key of RFC 9421, B.1.4
        },
        401,
        "signature_missing",
    ),
]


@each_endpoint
def test_refused_when_the_key_does_not_open(endpoint: Endpoint, merchant: Merchant) -> None:
    answers = [
        refused_with(call(key_of(merchant, **changes), endpoint, NOTHING))
        for changes, _status, _code in CLOSED
    ]

    assert answers == [(status, code) for _changes, status, code in CLOSED]


@each_endpoint
def test_refused_when_the_scope_is_missing(
    endpoint: Endpoint, things: dict[str, str], merchant: Merchant
) -> None:
    scope = endpoint.view.required_scope
    others = [other for other in Scope.values if other != scope]

    response = call(merchant.api_with(*others), endpoint, things)

    if scope is None:
        assert response.status_code == CALLS[endpoint.view.operation].status
    else:
        assert refused_with(response) == (403, "scope_missing")
        assert response.json()["errors"][0]["required_scope"] == str(scope)


@each_endpoint
def test_only_placing_stops_when_the_partner_is_suspended(
    endpoint: Endpoint, things: dict[str, str], merchant: Merchant
) -> None:
    Partner.objects.update(status=Partner.Status.SUSPENDED)

    response = call(merchant.api, endpoint, things)

    if endpoint.view.operation in ONLY_PLACING:
        assert refused_with(response) == (403, "partner_suspended")
    else:
        assert response.status_code == CALLS[endpoint.view.operation].status


@pytest.mark.parametrize(
    "endpoint",
    [endpoint for endpoint in ENDPOINTS if CALLS[endpoint.view.operation].is_own],
    ids=str,
)
def test_as_if_missing_when_it_is_of_another_partner(
    endpoint: Endpoint, things: dict[str, str], stranger: Merchant
) -> None:
    theirs = call(stranger.api, endpoint, things)
    wanted = CALLS[endpoint.view.operation].path(things).partition("?")[0]
    missing = stranger.api.request(endpoint.methods[0].upper(), wanted.replace("/A", "/nothing"))

    assert refused_with(theirs) == (404, "not_found")
    if missing.status_code == 404:
        assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


@pytest.mark.parametrize(
    "endpoint",
    [endpoint for endpoint in ENDPOINTS if "{" in endpoint.path],
    ids=str,
)
def test_what_a_path_names_is_own_or_everybodys(endpoint: Endpoint) -> None:
    is_everybodys = endpoint.view.operation == "get_region"

    assert CALLS[endpoint.view.operation].is_own != is_everybodys
