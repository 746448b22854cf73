"""Invoices are issued through a provider: asked by a loop, once, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from openplatform.audit.models import AuditEntry
from openplatform.connectors.models import Provider, ProviderCall
from openplatform.connectors.simulator.invoices import fiscal_number_of
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock, sealing
from openplatform.core.errors import FieldInvalid
from reconciliation.errors import InvoiceStateConflict
from reconciliation.models import Invoice, InvoiceEvent
from reconciliation.services.crediting import credit_refunded_orders
from reconciliation.services.provider_issuing import (
    WAITS,
    issue_due_invoice,
    order_of,
    send_to_provider,
)
from tests.cast import Merchant, World
from tests.orders.acts import pay
from tests.orders.changing import close
from tests.reconciliation.invoicing import ask, cancel, issue, staff

KEY = "key-of-the-simulator"


@pytest.fixture
def simulator(settings: Any) -> Iterator[Simulator]:
    """A provider's server, on a port of its own."""
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]
    server = Simulator(0, api_key=KEY)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.is_ending.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


def make_provider(simulator: Simulator, code: str = "tax", **fields: Any) -> Provider:
    return Provider.objects.create(
        **{
            "code": code,
            "name": code,
            "service": Provider.Service.INVOICING,
            "driver": "simulated_invoicing",
            "base_url": simulator.base_url,
            "api_key": sealing.seal(KEY),
            "timeout_seconds": 1,
            "call_cost": "0.1000",
            **fields,
        }
    )


@pytest.fixture
def provider(db: None, simulator: Simulator) -> Provider:
    return make_provider(simulator)


@pytest.fixture
def requested(shop: World, merchant: Merchant) -> Invoice:
    """An invoice over 28.00 for two of A."""
    shop.make_sku("A", price="10.00", north=100, tax_rate="0.13")
    document = ask(merchant, pay(merchant, items=[("A", 2)])["order_no"])
    return Invoice.objects.get(invoice_no=document["invoice_no"])


def hand_over(invoice: Invoice, provider: Provider | None = None) -> Invoice:
    return send_to_provider(
        invoice_no=invoice.invoice_no,
        provider_id=None if provider is None else provider.pk,
        user=staff(),
        now=clock.now(),
        expected_version=None,
    )


def let_pass() -> None:
    """As if the wait were over."""
    Invoice.objects.exclude(due_at=None).update(due_at=F("due_at") - timedelta(days=1))


def calls() -> list[tuple[str, str, str, Decimal]]:
    rows = ProviderCall.objects.order_by("id").select_related("provider")
    return [(call.provider.code, call.invoice_no, call.outcome, call.cost) for call in rows]


COST, NOTHING = Decimal("0.1000"), Decimal("0.0000")


def test_invoice_is_issued_with_number_and_file_when_the_provider_is_asked(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    hand_over(requested)

    assert issue_due_invoice() == 1

    requested.refresh_from_db()
    number = requested.invoice_no
    assert (requested.status, requested.fiscal_number, requested.provider) == (
        "issued",
        fiscal_number_of(number),
        provider,
    )
    assert (requested.due_at, requested.attempts, requested.error) == (None, 1, "")
    assert requested.file.startswith("invoices/")
    assert calls() == [("tax", number, "answered", COST)]
    last = InvoiceEvent.objects.order_by("-id").first()
    assert last is not None
    assert (last.to_status, last.actor) == ("issued", "tax")
    assert AuditEntry.objects.get(action="send_invoice_to_provider").after == {"provider": "tax"}
    provider.refresh_from_db()
    assert provider.last_success_at is not None
    assert issue_due_invoice() == 0
    assert simulator.calls == {"POST /invoices": 1}


def test_nobody_is_asked_when_nobody_handed_it_over(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    assert issue_due_invoice() == 0
    assert simulator.calls == {}


def test_what_is_ordered_has_lines_buyer_and_sums(requested: Invoice) -> None:
    order = order_of(requested)

    assert (order.our_no, order.kind, order.currency, order.credits) == (
        requested.invoice_no,
        "general",
        "CNY",
        None,
    )
    assert (order.buyer.name, order.buyer.tax_number) == ("晨光贸易有限公司", "91330100799655058B")
    assert [(line.name, line.quantity, line.amount) for line in order.lines] == [
        ("商品 A", 2, Decimal("20.00")),
        ("运费", 1, Decimal("8.00")),
    ]
    assert sum(line.amount for line in order.lines) == order.amount == Decimal("28.00")
    assert sum(line.tax_amount for line in order.lines) == order.tax_amount


@pytest.mark.parametrize(
    ("mishap", "told"),
    [
        ("FAIL", ("failed", NOTHING)),
        ("LOSE", ("failed", NOTHING)),
        ("GARBAGE", ("unreadable", COST)),
        ("SLOW", ("timed_out", COST)),
    ],
)
def test_it_is_asked_again_later_and_issued_once_when_the_answer_was_lost(
    provider: Provider,
    requested: Invoice,
    simulator: Simulator,
    mishap: str,
    told: tuple[str, Decimal],
) -> None:
    simulator.invoice_mishap = mishap
    hand_over(requested)
    before = clock.now()

    assert issue_due_invoice() == 1

    requested.refresh_from_db()
    assert (requested.status, requested.attempts) == ("requested", 1)
    assert requested.error != ""
    assert requested.due_at is not None
    assert timedelta(seconds=55) < requested.due_at - before < timedelta(seconds=70)
    assert calls() == [("tax", requested.invoice_no, *told)]
    assert issue_due_invoice() == 0  # not before the wait is over

    simulator.invoice_mishap = ""
    let_pass()
    assert issue_due_invoice() == 1

    requested.refresh_from_db()
    assert (requested.status, requested.fiscal_number) == (
        "issued",
        fiscal_number_of(requested.invoice_no),
    )
    assert simulator.desk.count() == 1
    was_issued = mishap != "FAIL"
    assert simulator.calls == {"POST /invoices": 1 if was_issued else 2, "GET /invoices": 1}


def test_it_is_asked_again_when_the_file_is_no_pdf(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    simulator.invoice_mishap = "BROKEN"
    hand_over(requested)

    issue_due_invoice()

    requested.refresh_from_db()
    assert (requested.status, requested.file) == ("requested", "")
    assert requested.due_at is not None
    let_pass()
    issue_due_invoice()  # asked what it issued: with a file that is one
    requested.refresh_from_db()
    assert requested.status == "issued"


def test_invoice_is_finances_again_when_the_provider_refuses_it(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    simulator.invoice_mishap = "DENY"
    hand_over(requested)

    issue_due_invoice()

    requested.refresh_from_db()
    assert (requested.status, requested.due_at, requested.provider, requested.attempts) == (
        "requested",
        None,
        None,
        0,
    )
    assert requested.error == "购买方名称与纳税人识别号不一致"
    assert calls() == [("tax", requested.invoice_no, "refused", NOTHING)]
    provider.refresh_from_db()
    assert provider.failures_in_a_row == 0
    cancel(requested)  # nothing stands against another way
    requested.refresh_from_db()
    assert requested.status == "cancelled"


def test_invoice_is_finances_again_when_it_was_tried_often_enough(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    simulator.invoice_mishap = "FAIL"
    hand_over(requested)
    for _attempt in WAITS:
        issue_due_invoice()
        Provider.objects.update(resting_until=None)
        let_pass()
    requested.refresh_from_db()
    assert requested.attempts == 5

    issue_due_invoice()

    given_up = Invoice.objects.get()
    assert (given_up.due_at, given_up.attempts) == (None, 6)
    assert requested.provider == provider  # it may have been issued there, and nowhere else
    simulator.invoice_mishap = ""
    Provider.objects.update(resting_until=None)
    spare = make_provider(simulator, "spare", priority=2)
    with pytest.raises(FieldInvalid):
        hand_over(requested, spare)
    hand_over(requested)
    issue_due_invoice()
    requested.refresh_from_db()
    assert (requested.status, requested.provider) == ("issued", provider)


def test_nobody_is_asked_while_the_provider_rests_or_is_out_of_use(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    hand_over(requested)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE connectors_provider SET resting_until = clock_timestamp() + interval '1 minute'"
        )

    assert issue_due_invoice() == 1

    requested.refresh_from_db()
    assert (requested.status, requested.attempts) == ("requested", 0)
    assert requested.due_at is not None
    assert simulator.calls == {}
    Provider.objects.update(resting_until=None, is_enabled=False)
    let_pass()
    assert issue_due_invoice() == 1
    assert simulator.calls == {}


def test_worker_that_was_killed_leaves_a_lease_and_the_next_asks_first(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    hand_over(requested)
    simulator.invoice_mishap = "LOSE"
    issue_due_invoice()  # issued over there
    Invoice.objects.update(due_at=clock.now() - timedelta(seconds=1), error="")  # as its lease was
    simulator.invoice_mishap = "FAIL"  # to order it once more would fail

    issue_due_invoice()

    requested.refresh_from_db()
    assert requested.status == "issued"
    assert simulator.desk.count() == 1


def test_nothing_is_issued_or_cancelled_by_hand_while_the_provider_may_have_it(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    simulator.invoice_mishap = "LOSE"
    hand_over(requested)
    issue_due_invoice()

    for act in (issue, cancel, hand_over):
        with pytest.raises(InvoiceStateConflict):
            act(requested)


def test_request_that_was_handed_over_and_not_asked_about_yet_can_be_cancelled(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    hand_over(requested)

    cancel(requested)

    assert issue_due_invoice() == 0
    assert simulator.calls == {}


def test_credit_goes_to_the_provider_that_issued_the_invoice(
    provider: Provider, requested: Invoice, simulator: Simulator
) -> None:
    make_provider(simulator, "first", priority=0)
    hand_over(requested, provider)
    issue_due_invoice()
    close(f"{requested.order_no}-1", {1: 1})

    credit_refunded_orders()

    credit = Invoice.objects.get(credits=requested)
    order = order_of(credit)
    requested.refresh_from_db()
    assert order.credits is not None
    assert order.credits.fiscal_number == requested.fiscal_number
    assert (credit.provider, credit.due_at is not None) == (provider, True)
    assert issue_due_invoice() == 1
    credit.refresh_from_db()
    assert (credit.status, credit.amount) == ("issued", Decimal("-10.00"))


def test_invoice_is_put_off_when_another_one_has_the_number(
    provider: Provider, requested: Invoice, merchant: Merchant
) -> None:
    other = ask(merchant, pay(merchant, "M-2", [("A", 1)])["order_no"])
    issue(other, number=fiscal_number_of(requested.invoice_no))
    hand_over(requested)

    issue_due_invoice()

    requested.refresh_from_db()
    assert requested.status == "requested"
    assert other["invoice_no"] in requested.error


def test_handing_over_is_refused_when_no_provider_is_in_use(requested: Invoice) -> None:
    with pytest.raises(FieldInvalid):
        hand_over(requested)

    requested.refresh_from_db()
    assert requested.due_at is None


def test_handing_over_is_refused_to_a_provider_of_parcels(
    simulator: Simulator, requested: Invoice
) -> None:
    logistics = make_provider(simulator, "parcels", service="logistics", driver="simulated")

    with pytest.raises(FieldInvalid):
        hand_over(requested, logistics)


def test_issued_invoice_is_not_handed_over(provider: Provider, requested: Invoice) -> None:
    issue(requested)

    with pytest.raises(InvoiceStateConflict):
        hand_over(requested)
