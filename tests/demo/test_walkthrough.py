"""A merchant's day against a real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from io import StringIO
from pathlib import Path
from threading import Event, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import LedgerEntry
from accounts.services.books import verify_books
from aftersales.models import Claim, ClaimType
from openplatform.connectors.models import Provider
from openplatform.connectors.services.refreshing import refresh_due_parcels
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from openplatform.demo.delivery import Parcel
from openplatform.demo.management.commands.walkthrough import ship_by_import
from openplatform.demo.merchant_day import MerchantDay
from openplatform.demo.narration import Narrator, WalkthroughFailed
from openplatform.demo.pushing import PushedMessages
from openplatform.demo.services.issuing import issue_through_provider
from openplatform.demo.services.loading import DemoData, demo_file, load_demo
from openplatform.demo.services.receiving import find_receiver, open_receiver
from openplatform.demo.services.reviewing import ReviewByStaff
from openplatform.messaging.delivery import pump
from openplatform.messaging.models import Message, MessageCursor, WebhookEndpoint
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Order, Shipment
from orders.services.parcel_following import follow_changed_parcels
from reconciliation.models import Invoice, Reconciliation, Statement
from tests.aftersales.acts import make_reasons


@pytest.fixture
def demo(transactional_db, settings, tmp_path: Path) -> DemoData:
    """The demo, with its messages told."""
    settings.DATA_DIR = tmp_path
    settings.OUTGOING_PRIVATE_HOSTS = settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    make_reasons()  # those of the migration go with the first test that commits
    data = load_demo(actor="test", now=clock.now())
    sequence_outbox()
    return data


@pytest.fixture
def simulator(demo) -> Iterator[Simulator]:
    """The demo's providers answer; every parcel is at its end at once."""
    server = Simulator(0, seconds=0.0)
    Provider.objects.filter(code__in=["simulator", "simulator-invoices"]).update(
        base_url=server.base_url
    )
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


class ReviewAndWork(ReviewByStaff):
    """The operator decides; what the worker does next is played likewise. From the approval of a
    return on, it also asks where parcels are.
    """

    def __init__(self, is_asking: Event) -> None:
        super().__init__()
        self.is_asking = is_asking

    def approve(self, aftersale_no: str) -> None:
        super().approve(aftersale_no)
        sequence_outbox()
        if Claim.objects.get(aftersale_no=aftersale_no).type == ClaimType.RETURN_REFUND:
            self.is_asking.set()

    def take_back(self, aftersale_no: str) -> None:
        super().take_back(aftersale_no)
        sequence_outbox()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def sending(transactional_db) -> Iterator[None]:
    """The part of the worker that sends webhooks."""
    stopping = Event()
    thread = Thread(target=pump.run, args=(stopping, lambda: None))
    thread.start()
    yield
    stopping.set()
    thread.join(30)


@pytest.fixture
def asking(simulator) -> Iterator[Event]:
    """The part of the worker that asks where parcels are, once the event is set."""
    is_asking, stopping = Event(), Event()

    def ask() -> None:
        try:
            while not stopping.wait(0.05):
                if is_asking.is_set():
                    refresh_due_parcels()
                    follow_changed_parcels()
                    sequence_outbox()
        finally:
            connection.close()

    thread = Thread(target=ask)
    thread.start()
    yield is_asking
    stopping.set()
    thread.join(30)


def test_day_ends_with_a_received_and_booked_order_for_every_merchant(
    demo, asking, reconciling, sending, live_server
):
    first = dict(MessageCursor.objects.values_list("partner__code", "last_sequence"))
    for merchant, language in zip(demo.merchants, ("zh", "en"), strict=True):
        lines: list[str] = []
        narrator = Narrator(
            base_url=live_server.url, key=merchant.key, language=language, tell=lines.append
        )

        asking.clear()
        day = MerchantDay(
            narrator,
            ship=ship_and_work,
            review=ReviewAndWork(asking),
            issue=issue_through_provider,
            receive_at=free_port(),
        )
        with closing(narrator):
            order = day.run()

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
        refund, back = Claim.objects.filter(order=kept).order_by("pk")
        assert [(claim.type, claim.status, claim.pictures.count()) for claim in (refund, back)] == [
            ("refund", "refunded", 0),
            ("return_refund", "refunded", 1),
        ]
        assert kept.refunded_amount == refund.refund_amount + back.refund_amount > 0
        assert list(
            LedgerEntry.objects.filter(order_no=kept.order_no)
            .order_by("entry_no")
            .values_list("kind", "amount", "aftersale_no")
        ) == [
            ("order_payment", -kept.total_amount, ""),
            ("refund", refund.refund_amount, refund.aftersale_no),
            ("refund", back.refund_amount, back.aftersale_no),
        ]
        assert list(back.parcels.values_list("direction", "status")) == [("return", "delivered")]
        assert [step.name for step in narrator.steps] == [
            "account", "webhook", "pool", "details", "prices", "stock", "address", "refused",
            "quote", "order", "replay", "confirm", "refund_claim", "refunded", "invoice",
            "invoice_issued", "shipping", "partly_shipped", "shipped", "tracking", "receipt",
            "return_claim", "sent_back", "inspected", "credit_invoice", "timeline", "statement",
            "statement_file", "comparison", "bills", "messages", "pushed", "ledger", "top_up",
            "done",
        ]  # fmt: skip
        invoice, credit = Invoice.objects.filter(partner=kept.partner).order_by("pk")
        assert [(one.status, one.amount) for one in (invoice, credit)] == [
            ("issued", kept.total_amount - refund.refund_amount),
            ("issued", -back.refund_amount),
        ]
        assert credit.credits == invoice
        statement = Statement.objects.get(partner=kept.partner)
        assert (statement.status, statement.files.count()) == ("ready", 6)
        assert statement.period_start == statement.period_end
        assert statement.closing_balance == statement.opening_balance == 0  # of yesterday
        report = Reconciliation.objects.get(partner=kept.partner)
        assert (report.status, report.statement_id) == ("ready", statement.pk)
        assert list(report.rows.values_list("result", "their_amount")) == [
            ("missing_here", Decimal("-12.34"))
        ]
        assert merchant.key not in "\n".join(lines)
        assert "whsec_" not in "\n".join(lines)
        endpoint = WebhookEndpoint.objects.get(partner__code=merchant.code)
        assert endpoint.deleted_at is not None
        sent = Message.objects.filter(partner=kept.partner, sequence__gt=first[merchant.code])
        assert sent.count() > 5
        assert list(
            endpoint.deliveries.order_by("sequence").values_list("message_id", "status")
        ) == [(message.message_id, "delivered") for message in sent.order_by("sequence")]
    assert Order.objects.count() == 2  # what was refused left nothing
    assert verify_books().differences == []


def test_nobody_is_sent_messages_any_more_when_the_day_breaks_off(demo, live_server):
    merchant = demo.merchants[0]
    narrator = Narrator(base_url=live_server.url, key=merchant.key, language="en", tell=print)
    port = free_port()

    def break_off() -> None:
        with PushedMessages(narrator, port=port) as pushed:
            pushed.register()
            with pytest.raises(WalkthroughFailed, match=f"cannot be received at port {port}"):
                PushedMessages(narrator, port=port)
            narrator.expect(False, "not_as_fed", sequence=7)

    with pytest.raises(WalkthroughFailed, match="Message 7 was not sent as the feed has it"):
        break_off()

    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.url.startswith(f"http://127.0.0.1:{port}/walkthrough-")
    assert endpoint.deleted_at is not None


def test_receiver_of_the_demo_stays_where_it_is_and_is_found_by_a_key_of_the_demo(demo):
    place = open_receiver()

    port = find_receiver(demo.merchants[1].key)
    assert place == open_receiver() == f"127.0.0.1:{port}"
    assert json.loads(demo_file().read_text())["webhook_receiver"] == f"http://{place}"
    assert find_receiver("op_another") is None
    with socket.create_server(("127.0.0.1", port)):  # somebody tries things already
        assert find_receiver(demo.merchants[1].key) is None
    demo_file().unlink()
    assert open_receiver() is None
    assert find_receiver(demo.merchants[1].key) is None


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
