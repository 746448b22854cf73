"""A merchant's day against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import CommandError, call_command

from accounts.models import LedgerEntry
from openplatform.connectors.models import Provider
from openplatform.connectors.services.refreshing import refresh_due_parcels
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from openplatform.demo.delivery import Parcel
from openplatform.demo.management.commands.walkthrough import ship_by_import
from openplatform.demo.merchant_day import MerchantDay
from openplatform.demo.narration import Narrator
from openplatform.demo.services.loading import DemoData, load_demo
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Order, Shipment
from orders.services.parcel_following import follow_changed_parcels


@pytest.fixture
def demo(transactional_db, settings, tmp_path: Path) -> DemoData:
    """The demo, with its messages told."""
    settings.DATA_DIR = tmp_path
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]
    data = load_demo(actor="test", now=clock.now())
    sequence_outbox()
    return data


@pytest.fixture
def simulator(demo) -> Iterator[Simulator]:
    """The demo's providers answer; every parcel is at its end at once."""
    server = Simulator(0, seconds=0.0)
    Provider.objects.filter(code="simulator").update(base_url=server.base_url)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.is_ending.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


def ship_and_work(parcels: Sequence[Parcel]) -> None:
    """The operator ships; what the worker does next is played by the test: it tells, asks where
    the parcels are, and has their orders follow.
    """
    ship_by_import(parcels)
    sequence_outbox()
    if not parcels[0].lines:  # the first one stays on its way, so that the rest is seen to be sent
        while refresh_due_parcels():
            pass
        follow_changed_parcels()
        sequence_outbox()


def test_day_ends_with_a_received_and_booked_order_for_every_merchant(demo, simulator, live_server):
    for merchant, language in zip(demo.merchants, ("zh", "en"), strict=True):
        lines: list[str] = []
        narrator = Narrator(
            base_url=live_server.url, key=merchant.key, language=language, tell=lines.append
        )

        order = MerchantDay(narrator, ship=ship_and_work).run()

        assert order["status"] == "completed"
        assert order["is_split"] is True
        kept = Order.objects.get(order_no=order["order_no"])
        assert kept.partner.code == merchant.code
        assert [
            (shipment.suborder.order_no[-2:], shipment.status)
            for shipment in Shipment.objects.filter(suborder__order=kept).order_by(
                "suborder__order_no", "id"
            )
        ] in (
            [("-1", "delivered"), ("-1", "delivered"), ("-2", "delivered")],
            [("-1", "delivered"), ("-2", "delivered"), ("-2", "delivered")],
        )
        assert kept.quote_id == order["quote_id"] != ""
        entry = LedgerEntry.objects.get(order_no=kept.order_no)
        assert entry.amount == -kept.total_amount
        assert [step.name for step in narrator.steps] == [
            "account", "pool", "details", "prices", "stock", "address", "refused", "quote", "order",
            "replay", "confirm", "shipping", "partly_shipped", "shipped", "tracking", "receipt",
            "timeline", "messages", "ledger", "top_up", "done",
        ]  # fmt: skip
        assert merchant.key not in "\n".join(lines)
    assert Order.objects.count() == 2  # what was refused left nothing


@pytest.mark.django_db(transaction=True)
def test_walkthrough_fails_with_a_sentence_when_the_key_is_unknown(live_server):
    out = StringIO()

    with pytest.raises(CommandError, match="GET /key should have answered 200 and answered 401"):
        call_command(
            "walkthrough",
            base_url=live_server.url,
            key="op_unknown",
            language="en",
            json=True,
            stdout=out,
        )

    document = json.loads(out.getvalue())
    assert document["passed"] is False
    assert document["failure"].startswith("GET /key should have answered 200")
    assert document["order_no"] is None
    assert [step["name"] for step in document["steps"]] == ["account"]
