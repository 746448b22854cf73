"""Invoices are issued by hand, and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.storage import default_storage

from catalog.errors import PreviewOutdated
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, FieldRequired, FileInvalid, NotFound, Refusal
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.uploads.storage import sweep_files
from reconciliation.errors import InvoiceStateConflict
from reconciliation.models import Invoice, InvoicedOrder, InvoiceEvent
from reconciliation.services.invoice_moves import move
from reconciliation.services.issuing import list_invoice_files
from reconciliation.states import INVOICE_TRANSITIONS, InvoiceStatus
from tests.cast import Merchant, World
from tests.orders.acts import pay, told
from tests.reconciliation.invoicing import (
    PDF,
    ask,
    cancel,
    everything,
    issue,
    today,
)


@pytest.fixture
def goods(shop: World) -> World:
    shop.make_sku("A", price="10.00", north=100, tax_rate="0.13")
    return shop


@pytest.fixture
def requested(goods: World, merchant: Merchant) -> Invoice:
    """An invoice over 18.00 that waits to be issued."""
    document = ask(merchant, pay(merchant)["order_no"])
    return Invoice.objects.get(invoice_no=document["invoice_no"])


def history() -> list[tuple[str, str, str, str]]:
    return list(
        InvoiceEvent.objects.order_by("id").values_list("from_status", "to_status", "actor", "note")
    )


def test_invoice_has_number_day_and_a_clean_file_when_it_is_issued(
    requested: Invoice, merchant: Merchant
) -> None:
    issue(requested, number="26310000000123456789", fiscal_code="031001900104")

    requested.refresh_from_db()
    assert (requested.status, requested.version) == ("issued", 2)
    assert (requested.fiscal_code, requested.fiscal_number) == (
        "031001900104",
        "26310000000123456789",
    )
    assert requested.issued_at is not None
    assert requested.issued_at.astimezone(clock.PLATFORM_ZONE).date() == today()
    with default_storage.open(requested.file) as stored:
        content = stored.read()
    assert content.startswith(b"%PDF-")
    assert content != PDF
    assert list_invoice_files([requested.file, "invoices/2026/01/x.pdf"]) == {requested.file}
    assert history() == [
        ("", "requested", "key:test", ""),
        ("requested", "issued", "finance", ""),
    ]
    message = told(merchant)[-1]
    assert message.type == "invoice.status_changed"
    shown = message.data["invoice"]
    assert (shown["status"], shown["version"], shown["sha256"]) == (
        "issued",
        2,
        requested.file_sha256,
    )
    entry = AuditEntry.objects.get(action="issue_invoice")
    assert (entry.actor, entry.partner) == ("finance", merchant.partner)
    assert entry.after["fiscal_number"] == "26310000000123456789"


def test_file_stays_when_files_are_swept(requested: Invoice, monkeypatch: Any) -> None:
    issued = issue(requested)
    monkeypatch.setattr("openplatform.core.uploads.storage.KEPT_WITHOUT_ROW", -timedelta(days=1))

    sweep_files()

    assert default_storage.exists(issued.file)


def refuse(act: Callable[[], object], error: type[Exception]) -> Any:
    before, files = everything(), stored_files()
    with pytest.raises(error) as refused:
        act()
    assert everything() == before
    assert stored_files() == files
    return refused.value


def stored_files() -> list[str]:
    try:
        month = clock.now().astimezone(clock.PLATFORM_ZONE).strftime("%Y/%m")
        return sorted(default_storage.listdir(f"invoices/{month}")[1])
    except FileNotFoundError:
        return []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"number": "1" * 21}, "/fiscal_number"),
        ({"number": "26-31"}, "/fiscal_number"),
        ({"fiscal_code": "０３１"}, "/fiscal_code"),
        ({"issued_on": today() + timedelta(days=1)}, "/issued_on"),
    ],
)
def test_nothing_is_issued_when_number_or_day_cannot_be(
    requested: Invoice, fields: dict[str, Any], pointer: str
) -> None:
    error = refuse(lambda: issue(requested, **fields), Refusal)

    assert [fault.pointer for fault in error.faults] == [pointer]


def test_nothing_is_issued_when_the_file_is_no_pdf(requested: Invoice) -> None:
    refuse(lambda: issue(requested, file=ReceivedFile(b"GIF89a", "x.pdf")), FileInvalid)
    refuse(lambda: issue(requested, file=ReceivedFile(b"%PDF-1.7 x", "x.pdf")), FileInvalid)


def test_nothing_is_issued_when_another_invoice_has_the_number(
    requested: Invoice, merchant: Merchant
) -> None:
    issue(ask(merchant, pay(merchant, "M-2")["order_no"]), number="26310000000123456789")

    error = refuse(lambda: issue(requested, number="26310000000123456789"), FieldInvalid)

    assert error.pointer == "/fiscal_number"


def test_nothing_is_issued_when_the_page_is_old(requested: Invoice) -> None:
    refuse(lambda: issue(requested, expected_version=2), PreviewOutdated)


def test_unknown_invoice_is_refused(db: None) -> None:
    refuse(lambda: issue("V0"), NotFound)
    refuse(lambda: cancel("V0"), NotFound)


@pytest.mark.parametrize("before", list(InvoiceStatus))
@pytest.mark.parametrize("to", list(InvoiceStatus))
def test_only_the_moves_of_the_table_are_made(
    requested: Invoice, before: InvoiceStatus, to: InvoiceStatus
) -> None:
    now = clock.now()
    facts = {"issued_at": now, "fiscal_number": "1", "file": "invoices/2026/01/A.pdf"}
    Invoice.objects.filter(pk=requested.pk).update(status=before, **facts)
    requested.refresh_from_db()

    if to in INVOICE_TRANSITIONS[before]:
        move(requested, to, actor="finance", now=now)
        requested.refresh_from_db()
        assert (requested.status, requested.version) == (to, 2)
    else:
        refuse(lambda: move(requested, to, actor="finance", now=now), InvoiceStateConflict)


def test_move_is_refused_when_somebody_was_faster(requested: Invoice) -> None:
    stale = Invoice.objects.get(pk=requested.pk)
    cancel(requested)

    refuse(
        lambda: move(stale, InvoiceStatus.ISSUED, actor="finance", now=clock.now()),
        InvoiceStateConflict,
    )


def test_request_is_cancelled_with_its_reason(requested: Invoice, merchant: Merchant) -> None:
    cancel(requested, reason="Wrong title")

    requested.refresh_from_db()
    assert (requested.status, requested.reason, requested.version) == (
        "cancelled",
        "Wrong title",
        2,
    )
    assert requested.cancelled_at is not None
    assert list(InvoicedOrder.objects.values_list("is_live", flat=True)) == [False]
    assert history()[-1] == ("requested", "cancelled", "finance", "Wrong title")
    assert told(merchant)[-1].data["invoice"]["reason"] == "Wrong title"
    entry = AuditEntry.objects.get(action="cancel_invoice")
    assert (entry.actor, entry.reason) == ("finance", "Wrong title")
    refuse(lambda: cancel(requested), InvoiceStateConflict)
    refuse(lambda: issue(requested), InvoiceStateConflict)


@pytest.mark.parametrize("reason", ["", "  "])
def test_nothing_is_cancelled_without_a_reason(requested: Invoice, reason: str) -> None:
    refuse(lambda: cancel(requested, reason=reason), FieldRequired)


def test_issued_invoice_is_cancelled_by_the_credit_invoice_for_all_of_it(
    requested: Invoice, merchant: Merchant
) -> None:
    issue(requested)

    credit = cancel(requested, reason="Wrong title")

    requested.refresh_from_db()
    assert requested.status == "issued"
    assert (credit.status, credit.credits, credit.amount, credit.tax_amount) == (
        "requested",
        requested,
        Decimal("-18.00"),
        -requested.tax_amount,
    )
    assert AuditEntry.objects.get(action="take_back_invoice").after == {"credit": credit.invoice_no}
    refuse(lambda: cancel(requested), InvoiceStateConflict)  # it was asked for already
    covered = InvoicedOrder.objects.get()
    assert (covered.credited_amount, covered.is_live) == (Decimal("18.00"), True)

    issue(credit)

    requested.refresh_from_db()
    covered.refresh_from_db()
    assert (requested.status, requested.reason, covered.is_live) == (
        "cancelled",
        "Wrong title",
        False,
    )
    assert [message.data["invoice"]["status"] for message in told(merchant)[-2:]] == [
        "issued",
        "cancelled",
    ]
    again = ask(merchant, covered.order.order_no)
    assert (again["answered"], again["amount"]) == ((201, False), "18.00")


def test_invoice_stands_when_the_credit_for_it_is_cancelled(
    requested: Invoice, merchant: Merchant
) -> None:
    issue(requested)
    credit = cancel(requested)

    cancel(credit, reason="A mistake")

    requested.refresh_from_db()
    covered = InvoicedOrder.objects.get()
    assert (requested.status, covered.credited_amount, covered.is_live) == (
        "issued",
        Decimal("0.00"),
        True,
    )
    again = cancel(requested)  # it can be taken back once more
    assert again.amount == Decimal("-18.00")


def test_credit_that_was_issued_cannot_be_cancelled(requested: Invoice) -> None:
    issue(requested)
    credit = issue(cancel(requested))

    refuse(lambda: cancel(credit), InvoiceStateConflict)


def test_nothing_is_done_while_a_provider_may_be_issuing_it(requested: Invoice) -> None:
    Invoice.objects.update(due_at=clock.now() + timedelta(minutes=1), attempts=1)

    refuse(lambda: issue(requested), InvoiceStateConflict)
    refuse(lambda: cancel(requested), InvoiceStateConflict)
