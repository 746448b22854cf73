"""Invoices are issued by hand, or cancelled; through a provider, see ``provider_issuing``."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, time

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_change
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import DomainError, FieldInvalid, FieldRequired, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.uploads.documents import clean_document
from openplatform.core.uploads.files import CleanFile, ReceivedFile
from openplatform.core.uploads.storage import storing
from reconciliation.errors import InvoiceStateConflict
from reconciliation.models import Invoice
from reconciliation.services.crediting import (
    credit_refunds,
    give_up_credit,
    settle_credit,
    take_back,
)
from reconciliation.services.invoice_moves import lock_invoice, move
from reconciliation.states import InvoiceStatus

FOLDER = "invoices"
MAX_REASON = 200
FISCAL = re.compile(r"[0-9A-Za-z]{1,20}", re.ASCII)
WITH_PROVIDER = _("A provider was asked to issue it; wait for what it says")


def issue_by_hand(
    *,
    invoice_no: str,
    fiscal_code: str,
    fiscal_number: str,
    issued_on: date,
    file: ReceivedFile,
    user: User,
    now: datetime,
    expected_version: int | None,
) -> Invoice:
    """The invoice as issued, with the number that the tax office gave it and its PDF.

    1. Check the numbers. 2. Write the PDF anew and store it before its row. 3. Lock the invoice,
    check its state, write; a credit invoice frees the orders that it takes back wholly; for what
    was refunded while an invoice was waited for, a credit invoice is asked for.

    :param fiscal_code: empty for those that have a number only.
    :raises Refusal: with the faults of numbers and day, among them a number that another one has.
    :raises FileInvalid: when the file is no PDF that can be taken.
    :raises NotFound, PreviewOutdated: see :func:`lock_invoice`.
    :raises InvoiceStateConflict: unless it is requested, and while a provider has it.
    """
    refuse_if(_faults_of_numbers(fiscal_code, fiscal_number, issued_on, now))
    clean = clean_document(file.content)
    with storing(clean, folder=FOLDER, now=now) as name:
        return _issue_by_hand(
            invoice_no=invoice_no, fiscal_code=fiscal_code, fiscal_number=fiscal_number,
            issued_on=issued_on, file=clean, name=name, actor=user.get_username(), now=now,
            expected_version=expected_version,
        )  # fmt: skip


@transactional
def cancel_invoice(
    *,
    invoice_no: str,
    reason: str,
    user: User,
    now: datetime,
    expected_version: int | None,
) -> Invoice:
    """The invoice as cancelled, when it was only requested: its orders can be invoiced anew. What
    was issued stays, until the credit invoice for all that is left of it, which is asked for here,
    is issued: that one is answered.

    A credit invoice that was only requested can be cancelled, too; for what was refunded, another
    is asked for by itself.

    :raises FieldRequired, FieldInvalid: without a reason of up to 200 characters.
    :raises NotFound, PreviewOutdated: see :func:`lock_invoice`.
    :raises InvoiceStateConflict: when it is cancelled, a credit invoice that was issued, while a
        provider has it, or when credits that were asked for take back all of it.
    """
    _require_reason(reason)
    invoice = lock_invoice(invoice_no=invoice_no, expected_version=expected_version)
    actor = user.get_username()
    if invoice.status == InvoiceStatus.ISSUED and not invoice.is_credit:
        credit = take_back(invoice, reason=reason, actor=actor, now=now)
        if credit is None:
            raise InvoiceStateConflict(
                _("Credit invoices that take back all of it have been asked for already"),
                invoice_no=invoice_no,
                status=invoice.status,
            )
        _record("take_back_invoice", invoice, actor, reason, after={"credit": credit.invoice_no})
        return credit
    if invoice.status == InvoiceStatus.ISSUED:
        raise InvoiceStateConflict(invoice_no=invoice_no, status=invoice.status)
    require_not_with_provider(invoice)
    move(
        invoice, InvoiceStatus.CANCELLED, actor=actor, note=reason, now=now, reason=reason,
        cancelled_at=now,
    )  # fmt: skip
    if invoice.is_credit:
        give_up_credit(invoice)
    else:
        invoice.orders.update(is_live=False)
    _record("cancel_invoice", invoice, actor, reason, after={"status": invoice.status})
    return invoice


def mark_issued(
    invoice: Invoice,
    *,
    fiscal_code: str,
    fiscal_number: str,
    issued_at: datetime,
    file: CleanFile,
    name: str,
    actor: str,
    now: datetime,
) -> None:
    """Step: an invoice, which is locked, has been issued; and what follows from it.

    :raises FieldInvalid: when another invoice has the number.
    :raises InvoiceStateConflict: unless it is requested.
    """
    require_transaction()
    same = Invoice.objects.filter(fiscal_number=fiscal_number, fiscal_code=fiscal_code)
    if (other := same.exclude(pk=invoice.pk).first()) is not None:
        raise FieldInvalid(
            _("Invoice %(number)s has this number") % {"number": other.invoice_no},
            pointer="/fiscal_number",
            invoice_no=other.invoice_no,
        )
    move(
        invoice, InvoiceStatus.ISSUED, actor=actor, now=now, fiscal_code=fiscal_code,
        fiscal_number=fiscal_number, issued_at=issued_at, file=name, file_sha256=file.sha256,
        error="",
    )  # fmt: skip
    if invoice.is_credit:
        settle_credit(invoice, actor=actor, now=now)
    else:
        credit_refunds(invoice, now=now)


def require_not_with_provider(invoice: Invoice) -> None:
    """:raises InvoiceStateConflict: while a provider may be issuing it at this moment, or is asked
    again whether it has.
    """
    if invoice.due_at is not None and invoice.attempts:
        raise InvoiceStateConflict(
            WITH_PROVIDER, invoice_no=invoice.invoice_no, status=invoice.status
        )


def list_invoice_files(names: Collection[str]) -> Collection[str]:
    """Which of these files some invoice names."""
    return set(Invoice.objects.filter(file__in=names).values_list("file", flat=True))


@transactional
def _issue_by_hand(
    *,
    invoice_no: str,
    fiscal_code: str,
    fiscal_number: str,
    issued_on: date,
    file: CleanFile,
    name: str,
    actor: str,
    now: datetime,
    expected_version: int | None,
) -> Invoice:
    invoice = lock_invoice(invoice_no=invoice_no, expected_version=expected_version)
    require_not_with_provider(invoice)
    noon = datetime.combine(issued_on, time(12), PLATFORM_ZONE)  # the hour is not known
    invoice.provider = None
    Invoice.objects.filter(pk=invoice.pk).update(provider=None)
    mark_issued(
        invoice, fiscal_code=fiscal_code, fiscal_number=fiscal_number, issued_at=min(noon, now),
        file=file, name=name, actor=actor, now=now,
    )  # fmt: skip
    _record(
        "issue_invoice", invoice, actor, "",
        after={
            "status": invoice.status, "fiscal_code": fiscal_code, "fiscal_number": fiscal_number,
            "issued_on": issued_on, "file_sha256": file.sha256,
        },
    )  # fmt: skip
    return invoice


def _faults_of_numbers(
    fiscal_code: str, fiscal_number: str, issued_on: date, now: datetime
) -> list[DomainError]:
    faults: list[DomainError] = []
    if fiscal_code and not FISCAL.fullmatch(fiscal_code):
        faults.append(FieldInvalid(pointer="/fiscal_code"))
    if not FISCAL.fullmatch(fiscal_number):
        faults.append(FieldInvalid(pointer="/fiscal_number"))
    if issued_on > now.astimezone(PLATFORM_ZONE).date():
        faults.append(FieldInvalid(_("This day is still to come"), pointer="/issued_on"))
    return faults


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise FieldRequired(pointer="/reason")
    if len(reason) > MAX_REASON:
        raise FieldInvalid(pointer="/reason", maximum=MAX_REASON)


def _record(
    action: str, invoice: Invoice, actor: str, reason: str, *, after: dict[str, object]
) -> None:
    record_change(
        action=action,
        subject=invoice,
        before={},
        after=after,
        actor=actor,
        partner_id=invoice.partner_id,
        reason=reason,
    )
