"""A merchant's day against a real server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import LedgerEntry
from openplatform.core import clock
from openplatform.demo.management.commands.walkthrough import ship_by_import
from openplatform.demo.merchant_day import MerchantDay
from openplatform.demo.narration import Narrator
from openplatform.demo.services.loading import DemoData, load_demo
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Order, Shipment


@pytest.fixture
def demo(transactional_db, settings, tmp_path: Path) -> DemoData:
    """The demo, with its messages told."""
    settings.DATA_DIR = tmp_path
    data = load_demo(actor="test", now=clock.now())
    sequence_outbox()
    return data


def ship_and_tell(carriers: Mapping[str, str]) -> None:
    """The operator ships; the worker's sequencer is played by the test."""
    ship_by_import(carriers)
    sequence_outbox()


def test_day_ends_with_a_shipped_and_booked_order_for_every_merchant(demo, live_server):
    for merchant, language in zip(demo.merchants, ("zh", "en"), strict=True):
        lines: list[str] = []
        narrator = Narrator(
            base_url=live_server.url, key=merchant.key, language=language, tell=lines.append
        )

        order = MerchantDay(narrator, ship=ship_and_tell).run()

        assert order["status"] == "shipped"
        assert order["is_split"] is True
        kept = Order.objects.get(order_no=order["order_no"])
        assert kept.partner.code == merchant.code
        assert Shipment.objects.filter(suborder__order=kept).count() == 2
        entry = LedgerEntry.objects.get(order_no=kept.order_no)
        assert entry.amount == -kept.total_amount
        assert [step.name for step in narrator.steps] == [
            "account", "pool", "details", "prices", "stock", "address", "refused", "order",
            "replay", "confirm", "shipping", "shipped", "messages", "ledger", "top_up", "done",
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
