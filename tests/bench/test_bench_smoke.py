"""What the benchmark counts for each case is what it writes, whichever way it goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings

from tests.bench import database
from tests.bench.load import drive
from tests.bench.processes import cpu_seconds, serving
from tests.bench.world import World, claim_requests, confirm_requests, make_world, place_requests
from tests.cast import make_regions


@pytest.fixture
def small(db: None) -> World:
    """Two merchants and a few SKUs, with the functions."""
    make_regions()
    return make_world(merchants=2, skus=12)


def _counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(database.COUNTS)
        return dict(zip(database.NOTHING, cursor.fetchone() or (), strict=True))


def _added(before: dict[str, int]) -> dict[str, int]:
    return {name: number - before[name] for name, number in _counts().items()}


def _send(requests: Iterator[bytes]) -> int:
    """One request of the load client, through Django's test client; the status of its answer."""
    head, _, body = next(requests).partition(b"\r\n\r\n")
    request_line, *lines = head.decode().split("\r\n")
    method, target, _version = request_line.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    response = Client().generic(
        method,
        target,
        body,
        content_type="application/json",
        headers={"Authorization": headers["Authorization"]},
    )
    return response.status_code


def test_same_rows_are_written_when_an_order_is_placed_by_function_or_service(small):
    before = _counts()
    assert _send(place_requests(small)) == 201
    assert _added(before) == database.PLACED

    before = _counts()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bench.place_order(%s::bigint, ARRAY['10000001', '10000005', '10000009'])",
            [small.partner_ids[1]],
        )
    assert _added(before) == database.PLACED


def test_same_rows_are_written_when_an_order_is_confirmed_by_function_or_service(small):
    with connection.cursor() as cursor:
        cursor.execute("SELECT bench.add_pending('P', 1, 4, %s::bigint[])", [small.partner_ids])

    before = _counts()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('bench.confirmed_nos', 1, false), bench.confirm_order()")
    assert _added(before) == database.CONFIRMED

    before = _counts()
    requests = confirm_requests(small, small.merchants, prefix="P", first=2, number=3)
    assert _send(requests) == 200
    assert _added(before) == database.CONFIRMED


def test_rows_of_a_claim_are_those_counted_when_it_is_filed_on_an_order_made_in_bulk(small):
    with connection.cursor() as cursor:
        cursor.execute("SELECT bench.add_paid('R', 1, 4, %s::bigint[])", [small.partner_ids])
        cursor.execute("SELECT bench.add_paid('R', 5, 2, %s::bigint[])", [small.partner_ids])

    before = _counts()
    requests = claim_requests(small.merchants, prefix="R", first=2, number=5)
    assert [_send(requests) for _ in range(5)] == [201] * 5
    assert _added(before) == {name: 5 * number for name, number in database.CLAIMED.items()}


@override_settings(ROOT_URLCONF="tests.bench.plain.urls", MIDDLEWARE=[])
def test_same_rows_are_written_when_the_plain_version_places_an_order(small, monkeypatch):
    from rest_framework.parsers import JSONParser
    from rest_framework.renderers import JSONRenderer

    from tests.bench.plain.authentication import KeyAuthentication, MayWriteOrders
    from tests.bench.plain.views import OrderCreateView

    for name, value in {
        "authentication_classes": [KeyAuthentication],
        "permission_classes": [MayWriteOrders],
        "parser_classes": [JSONParser],
        "renderer_classes": [JSONRenderer],
    }.items():
        monkeypatch.setattr(OrderCreateView, name, value)
    before = _counts()
    assert _send(place_requests(small, path="/plain/orders")) == 201
    assert _added(before) == database.PLACED


def test_every_answer_is_counted_when_the_load_client_drives_a_server():
    request = b"GET /bare HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with serving("tests.bench.bare:application", {}, path="/bare") as server:
        used = cpu_seconds(server.process.pid)
        load = drive(port=server.port, requests=iter([request] * 50), seconds=30.0)
        unknown = request.replace(b"/bare", b"/none")
        missing = drive(port=server.port, requests=iter([unknown] * 5), seconds=30.0)
        assert cpu_seconds(server.process.pid) > used >= 0
    assert (load.answered, len(load.latencies), load.refused) == (50, 50, [])
    assert (missing.answered, len(missing.refused)) == (0, 5)
    assert server.process.poll() is not None


def test_every_transaction_is_counted_when_pgbench_drives_the_server():
    load = database.run_pgbench(
        url=settings.DATABASE_URL, script="SELECT 1;\n", seconds=1, transactions=16
    )
    assert (load.answered, len(load.latencies), load.refused) == (16, 16, [])
