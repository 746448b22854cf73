"""The one place where the state of an invoice changes, and where that is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from catalog.errors import PreviewOutdated
from openplatform.core.errors import NotFound
from openplatform.core.locking import require_transaction
from openplatform.messaging.services.publishing import publish_all
from reconciliation.documents import invoice_document
from reconciliation.errors import InvoiceStateConflict
from reconciliation.messages import INVOICE_STATUS_CHANGED, draft
from reconciliation.models import Invoice, InvoiceEvent
from reconciliation.states import INVOICE_TRANSITIONS, InvoiceStatus

NO_SUCH_INVOICE = _("There is no invoice with this number")
INVOICE_CHANGED = _("The invoice has changed since the page was opened; look at it again")


def lock_invoice(*, invoice_no: str, expected_version: int | None = None) -> Invoice:
    """Step: an invoice, locked until the transaction ends; of a credit invoice the one that it
    takes back is locked first, as whoever credits does.

    :param expected_version: when somebody looked at it.
    :raises NotFound: when there is no such invoice.
    :raises PreviewOutdated: when it has changed since somebody looked.
    """
    require_transaction()
    credited = Invoice.objects.filter(invoice_no=invoice_no).values_list("credits_id").first()
    if credited is None:
        raise NotFound(NO_SUCH_INVOICE, invoice_no=invoice_no)
    locked = Invoice.objects.select_for_update(no_key=True, of=("self",))
    if credited[0] is not None:
        locked.get(pk=credited[0])
    invoice = locked.select_related("title", "statement", "credits", "provider").get(
        invoice_no=invoice_no
    )
    if expected_version is not None and invoice.version != expected_version:
        raise PreviewOutdated(INVOICE_CHANGED)
    return invoice


def begin(invoice: Invoice, *, actor: str, now: datetime) -> None:
    """Step: the first event and message of an invoice that was just written as requested."""
    require_transaction()
    _tell(invoice, "", actor=actor, note=invoice.reason, now=now)


def move(
    invoice: Invoice, to: InvoiceStatus, *, actor: str, now: datetime, note: str = "", **facts: Any
) -> None:
    """Step: bring a locked invoice to a state, with what is written along with it, its event and
    its message. No provider is asked about it any more.

    :raises InvoiceStateConflict: when it is not in a state that leads there.
    """
    require_transaction()
    before = InvoiceStatus(invoice.status)
    written = {**facts, "status": to, "updated_at": now, "due_at": None}
    if to in INVOICE_TRANSITIONS[before]:
        moved = Invoice.objects.filter(pk=invoice.pk, status=before).update(
            version=F("version") + 1, **written
        )
    else:
        moved = 0
    if not moved:
        raise InvoiceStateConflict(invoice_no=invoice.invoice_no, status=before.value)
    for name, value in written.items():
        setattr(invoice, name, value)
    invoice.version += 1
    _tell(invoice, before, actor=actor, note=note, now=now)


def _tell(invoice: Invoice, before: str, *, actor: str, note: str, now: datetime) -> None:
    InvoiceEvent.objects.create(
        invoice=invoice,
        from_status=before,
        to_status=invoice.status,
        actor=actor,
        note=note,
        at=now,
    )
    document = invoice_document(invoice)
    publish_all([draft(INVOICE_STATUS_CHANGED, partner_id=invoice.partner_id, document=document)])
