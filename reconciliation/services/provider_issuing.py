"""Invoices are issued through a provider: finance hands them over, a loop asks."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_change
from openplatform.connectors.errors import ProviderFault
from openplatform.connectors.models import Provider
from openplatform.connectors.providers.invoicing import (
    Buyer,
    CreditedInvoice,
    InvoiceOrder,
    InvoiceRefused,
    IssuedInvoice,
    OrderedLine,
)
from openplatform.connectors.services.invoicing import (
    is_awake,
    list_invoice_providers,
    order_invoice,
)
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, FileInvalid, TemporarilyUnavailable
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads.documents import clean_document
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.storage import storing
from reconciliation.errors import InvoiceStateConflict
from reconciliation.models import Invoice
from reconciliation.services.invoice_moves import lock_invoice
from reconciliation.services.issuing import FOLDER, mark_issued, require_not_with_provider
from reconciliation.states import InvoiceStatus

LEASE = timedelta(minutes=2)  # more than asking twice and writing down may take
NOT_AWAKE = timedelta(minutes=1)
# Waits between attempts; after the last the invoice is finance's again.
WAITS = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=6),
)  # fmt: skip
MAX_ERROR = 500
PLATFORM = "platform"

CLAIM = """
    UPDATE reconciliation_invoice
    SET due_at = clock_timestamp() + %(lease)s, attempts = attempts + 1
    WHERE id = (
        SELECT id FROM reconciliation_invoice
        WHERE due_at <= clock_timestamp() AND status = 'requested' AND provider_id IS NOT NULL
        ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING id, provider_id, attempts
"""
# Only as long as no other worker has taken it up since. Nobody was asked: the attempt does not
# count.
WAIT = """
    UPDATE reconciliation_invoice
    SET due_at = clock_timestamp() + %(wait)s, attempts = attempts - 1
    WHERE id = %(id)s AND attempts = %(attempts)s AND status = 'requested'
"""
# `is_refused`: it was certainly not issued, so that nothing stands against another way.
PUT_OFF = """
    UPDATE reconciliation_invoice
    SET due_at = clock_timestamp() + %(wait)s::interval, error = %(error)s,
        attempts = CASE WHEN %(is_refused)s THEN 0 ELSE attempts END,
        provider_id = CASE WHEN %(is_refused)s THEN NULL ELSE provider_id END
    WHERE id = %(id)s AND attempts = %(attempts)s AND status = 'requested'
"""

log = structlog.get_logger(__name__)


@transactional
def send_to_provider(
    *,
    invoice_no: str,
    provider_id: int | None,
    user: User,
    now: datetime,
    expected_version: int | None,
) -> Invoice:
    """The invoice, which the loop has a provider issue next. What a provider may have issued
    already goes to the same one again.

    :param provider_id: None is the one that has it, else the first choice; of a credit invoice
        the one that issued what it takes back.
    :raises FieldInvalid: when there is no such provider in use, or another one may have issued it.
    :raises NotFound, PreviewOutdated: see :func:`lock_invoice`.
    :raises InvoiceStateConflict: unless it is requested, and while a provider has it.
    """
    invoice = lock_invoice(invoice_no=invoice_no, expected_version=expected_version)
    if invoice.status != InvoiceStatus.REQUESTED:
        raise InvoiceStateConflict(invoice_no=invoice_no, status=invoice.status)
    require_not_with_provider(invoice)
    provider = _choose(invoice, provider_id)
    Invoice.objects.filter(pk=invoice.pk).update(
        provider=provider, due_at=Now(), attempts=min(invoice.attempts, 1), error="", updated_at=now
    )
    invoice.refresh_from_db()
    record_change(
        action="send_invoice_to_provider",
        subject=invoice,
        before={},
        after={"provider": provider.code},
        actor=user.get_username(),
        partner_id=invoice.partner_id,
    )
    return invoice


def issue_due_invoice() -> int:
    """Loop: have the invoice that waits longest issued by its provider; 1 when there was one.

    It is claimed by a lease, so any number of workers may run, and what a killed one held is taken
    up when the lease ends: then the provider is asked first whether it has issued it. No
    transaction is open while it is asked.
    """
    row = send(CLAIM, {"lease": LEASE}).row()
    if row is None:
        return 0
    invoice_id, provider_id, attempts = row
    if not is_awake(provider_id):
        send(WAIT, {"id": invoice_id, "attempts": attempts, "wait": NOT_AWAKE})
        return 1
    invoice = Invoice.objects.select_related("title", "credits", "provider").get(pk=invoice_id)
    assert invoice.provider is not None  # noqa: S101 - the claim asked for one
    now = clock.now()
    try:
        issued = order_invoice(
            provider=invoice.provider,
            order=order_of(invoice),
            is_repeated=attempts > 1,
            now=now,
        )
        file = clean_document(issued.pdf)
    except InvoiceRefused as fault:
        _put_off(invoice_id, attempts, fault.text, is_refused=True)
    except ProviderFault as fault:
        _put_off(invoice_id, attempts, f"{fault.outcome.label}: {fault.text}")
    except FileInvalid as error:
        _put_off(invoice_id, attempts, str(error.detail))
    except TemporarilyUnavailable as error:  # this process is at another file
        _put_off(invoice_id, attempts, str(error.detail))
    else:
        _keep(invoice, issued, file, attempts, now)
    return 1


def order_of(invoice: Invoice) -> InvoiceOrder:
    """An invoice as a provider is told to issue it."""
    title, credited = invoice.title, invoice.credits
    return InvoiceOrder(
        our_no=invoice.invoice_no,
        kind=invoice.kind,
        currency=settings.CURRENCY,
        buyer=Buyer(
            kind=title.kind,
            name=title.name,
            tax_number=title.tax_number,
            address=title.address,
            phone=title.phone,
            bank_name=title.bank_name,
            bank_account=title.bank_account,
            email=title.email,
        ),
        lines=[
            OrderedLine(
                name=line.name,
                unit=line.unit,
                quantity=line.quantity,
                unit_price=line.unit_price,
                tax_rate=line.tax_rate,
                amount=line.amount,
                tax_amount=line.tax_amount,
            )
            for line in invoice.lines.order_by("position")
        ],
        amount=invoice.amount,
        tax_amount=invoice.tax_amount,
        remark=invoice.remark,
        credits=(
            None
            if credited is None
            else CreditedInvoice(credited.fiscal_code, credited.fiscal_number)
        ),
    )


def _choose(invoice: Invoice, provider_id: int | None) -> Provider:
    providers = list_invoice_providers()
    if invoice.attempts and invoice.provider_id is not None:
        if provider_id not in (None, invoice.provider_id):
            raise FieldInvalid(
                _("It was sent to %(provider)s before, which may have issued it")
                % {"provider": invoice.provider},
                pointer="/provider",
            )
        provider_id = invoice.provider_id
    if provider_id is None and invoice.credits is not None:
        provider_id = invoice.credits.provider_id
    chosen = providers if provider_id is None else providers.filter(pk=provider_id)
    if (provider := chosen.first()) is None:
        raise FieldInvalid(
            _("No provider of invoices is in use; set one up first"), pointer="/provider"
        )
    return provider


def _put_off(invoice_id: int, attempts: int, error: str, *, is_refused: bool = False) -> None:
    """Until the next attempt; for good, when it was refused or tried often enough."""
    is_over = is_refused or attempts > len(WAITS)
    send(
        PUT_OFF,
        {
            "id": invoice_id,
            "attempts": attempts,
            "wait": None if is_over else WAITS[attempts - 1],
            "error": error[:MAX_ERROR],
            "is_refused": is_refused,
        },
    )
    log.warning("invoice_not_issued", invoice_id=invoice_id, attempts=attempts, error=error)


def _keep(
    invoice: Invoice, issued: IssuedInvoice, file: CleanFile, attempts: int, now: datetime
) -> None:
    try:
        with storing(file, folder=FOLDER, now=now) as name:
            _write(invoice.invoice_no, issued, file, name, now)
    except FieldInvalid as error:  # the number of another invoice
        _put_off(invoice.pk, attempts, str(error.detail))
    except InvoiceStateConflict:
        # Another worker was faster, after this one's lease had ended; the number is the same.
        log.info("invoice_issued_meanwhile", invoice_no=invoice.invoice_no)


@transactional
def _write(
    invoice_no: str, issued: IssuedInvoice, file: CleanFile, name: str, now: datetime
) -> None:
    invoice = lock_invoice(invoice_no=invoice_no)
    mark_issued(
        invoice,
        fiscal_code=issued.fiscal_code,
        fiscal_number=issued.fiscal_number,
        issued_at=issued.issued_at,
        file=file,
        name=name,
        actor=PLATFORM if invoice.provider is None else invoice.provider.code,
        now=now,
    )
