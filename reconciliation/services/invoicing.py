"""Invoices are asked for: by merchants, or by finance for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from accounts.services.locks import lock_partner
from openplatform.core import money
from openplatform.core.errors import (
    DomainError,
    FieldInvalid,
    FieldRequired,
    NotFound,
    TooManyItems,
    refuse_if,
)
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from orders.errors import OrderStateConflict
from orders.models import Order
from reconciliation.documents import invoice_document
from reconciliation.errors import StatementNotReady
from reconciliation.invoiced import lines_of, list_items
from reconciliation.models import Invoice, InvoicedOrder, InvoiceLine, InvoiceTitle, Statement
from reconciliation.requests import InvoiceRequest
from reconciliation.services.invoice_moves import begin
from reconciliation.services.titles import NO_SUCH_TITLE
from reconciliation.states import InvoiceStatus, PaperStatus

MAX_ORDERS = 5_000  # of one invoice
MAX_REMARK = 200
NO_SUCH_ORDER = _("There is no order with this number")
NO_SUCH_STATEMENT = _("There is no statement with this number")
NOTHING_LEFT = _("Nothing of it is left to be invoiced")
COVERED = _("Another invoice covers it")
# The kinds of facts on a title without which no special invoice is issued.
NEEDED_FOR_SPECIAL = ("address", "phone", "bank_name", "bank_account")

# Orders that were paid in the range of a statement and that no invoice covers.
PAID_IN_PERIOD = """
    SELECT o.id FROM accounts_ledgerentry entry
    JOIN orders_order o ON o.order_no = entry.order_no
    WHERE entry.partner_id = %(partner)s AND entry.kind = 'order_payment'
        AND entry.entry_no > %(after)s AND entry.entry_no <= %(upto)s
        AND o.refunded_amount < o.total_amount
        AND NOT EXISTS (
            SELECT FROM reconciliation_invoicedorder covered
            WHERE covered.order_id = o.id AND covered.is_live
        )
    ORDER BY entry.entry_no LIMIT %(limit)s
"""
LAST_COVERING = """
    SELECT invoice.invoice_no FROM accounts_ledgerentry entry
    JOIN orders_order o ON o.order_no = entry.order_no
    JOIN reconciliation_invoicedorder covered ON covered.order_id = o.id AND covered.is_live
    JOIN reconciliation_invoice invoice ON invoice.id = covered.invoice_id
    WHERE entry.partner_id = %(partner)s AND entry.kind = 'order_payment'
        AND entry.entry_no > %(after)s AND entry.entry_no <= %(upto)s
    ORDER BY invoice.id DESC LIMIT 1
"""


@transactional
def request_invoice(
    *,
    partner_id: int,
    request: InvoiceRequest,
    by: str,
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """An invoice for one order, or for all that were paid in the period of a statement and that no
    invoice covers, less what was refunded (201). The same again (order or statement, title and
    kind) is the invoice as it is (200).

    1. Claim the Idempotency-Key, lock the partner: its requests come one by one; orders do not
    wait. 2. What was asked for before ends here. 3. Read what is left of the orders, in one
    statement; what is refunded from then on is taken back by a credit invoice. 4. Write invoice,
    lines, covered orders, event and message.

    :param by: who asks: a key's actor, or a member of staff.
    :raises Refusal: with every fault of the first stage that has one: a NotFound for a title, order
        or statement that the partner does not have; a FieldInvalid for a special invoice under a
        title without address, phone, bank and account, and for what another invoice covers
        (``invoice_no``) or nothing is left of; a TooManyItems for over 5,000 orders (``maximum``);
        an OrderStateConflict for an order that was not paid.
    :raises StatementNotReady: while the statement is being made.
    """
    if (kept := claim(replay)) is not None:
        return kept
    _require_form(request)
    lock_partner(pk=partner_id)
    title, order, statement = _find(partner_id, request)
    if (known := _find_same(request, title, order, statement)) is not None:
        answer = Answer(200, to_json(_document(known)), is_replay=True)
        record(replay, answer)
        return answer
    _require_title(title, request.kind)
    if order is not None:
        order_ids = [_require_left(order)]
    else:
        assert statement is not None  # noqa: S101 - one of the two was found
        order_ids = _list_left(statement)
    invoice = _write(
        partner_id=partner_id, request=request, title=title, statement=statement,
        order_ids=order_ids, by=by, now=now,
    )  # fmt: skip
    answer = Answer(201, to_json(_document(invoice)))
    record(replay, answer)
    return answer


def write_lines(invoice: Invoice, lines: Sequence[InvoiceLine]) -> None:
    """Step: the lines of an invoice that was just written."""
    require_transaction()
    for line in lines:
        line.invoice = invoice
    InvoiceLine.objects.bulk_create(lines, batch_size=1_000)


def amounts_by_order(lines: Collection[InvoiceLine]) -> Mapping[str, Decimal]:
    """The sum of the lines of each order, by its number."""
    amounts: dict[str, Decimal] = {}
    for line in lines:
        amounts[line.order_no] = amounts.get(line.order_no, money.ZERO) + line.amount
    return amounts


def _require_form(request: InvoiceRequest) -> None:
    faults: list[DomainError] = []
    if request.kind not in Invoice.Kind.values:
        faults.append(FieldInvalid(pointer="/kind"))
    if not request.order_no and not request.statement_no:
        faults.append(FieldRequired(pointer="/order_no"))
    if request.order_no and request.statement_no:
        faults.append(FieldInvalid(pointer="/statement_no"))
    if len(request.remark) > MAX_REMARK:
        faults.append(FieldInvalid(pointer="/remark", maximum=MAX_REMARK))
    refuse_if(faults)


def _find(
    partner_id: int, request: InvoiceRequest
) -> tuple[InvoiceTitle, Order | None, Statement | None]:
    title = InvoiceTitle.objects.filter(
        partner=partner_id, title_id=request.title_id, is_active=True
    ).first()
    orders = Order.objects.filter(partner=partner_id, order_no=request.order_no)
    statements = Statement.objects.filter(partner=partner_id, statement_no=request.statement_no)
    order = orders.first() if request.order_no else None
    statement = statements.first() if request.statement_no else None
    faults: list[DomainError] = []
    if title is None:
        faults.append(NotFound(NO_SUCH_TITLE, pointer="/title_id"))
    if request.order_no and order is None:
        faults.append(NotFound(NO_SUCH_ORDER, pointer="/order_no"))
    if request.statement_no and statement is None:
        faults.append(NotFound(NO_SUCH_STATEMENT, pointer="/statement_no"))
    refuse_if(faults)
    assert title is not None  # noqa: S101 - refused above
    return title, order, statement


def _find_same(
    request: InvoiceRequest, title: InvoiceTitle, order: Order | None, statement: Statement | None
) -> Invoice | None:
    """What was asked for with the same words, and was not cancelled."""
    same = (
        Invoice.objects.filter(
            partner=title.partner_id, title=title, kind=request.kind, credits=None
        )
        .exclude(status=InvoiceStatus.CANCELLED)
        .select_related("title", "statement", "credits")
    )
    if order is not None:
        same = same.filter(order_no=order.order_no, orders__order=order, orders__is_live=True)
    else:
        same = same.filter(statement=statement)
    return same.first()


def _require_title(title: InvoiceTitle, kind: str) -> None:
    if kind != Invoice.Kind.SPECIAL:
        return
    missing = [name for name in NEEDED_FOR_SPECIAL if not getattr(title, name)]
    if title.kind != InvoiceTitle.Kind.COMPANY or missing:
        raise FieldInvalid(
            _("A special invoice needs a company with address, phone, bank and account"),
            pointer="/title_id",
            missing=missing,
        )


def _require_left(order: Order) -> int:
    covered = InvoicedOrder.objects.filter(order=order, is_live=True).select_related("invoice")
    if (known := covered.first()) is not None:
        raise FieldInvalid(COVERED, pointer="/order_no", invoice_no=known.invoice.invoice_no)
    if order.paid_at is None:
        raise OrderStateConflict(pointer="/order_no", order_no=order.order_no, status=order.status)
    if order.refunded_amount == order.total_amount:
        raise FieldInvalid(NOTHING_LEFT, pointer="/order_no")
    return order.pk


def _list_left(statement: Statement) -> list[int]:
    if statement.status != PaperStatus.READY:
        raise StatementNotReady(statement_no=statement.statement_no, status=statement.status)
    parameters = {
        "partner": statement.partner_id,
        "after": statement.opening_entry_no,
        "upto": statement.closing_entry_no,
        "limit": MAX_ORDERS + 1,
    }
    order_ids = [row[0] for row in send(PAID_IN_PERIOD, parameters).rows()]
    if len(order_ids) > MAX_ORDERS:
        raise TooManyItems(
            _("More than %(maximum)d orders; ask for a shorter period") % {"maximum": MAX_ORDERS},
            pointer="/statement_no",
            maximum=MAX_ORDERS,
        )
    if not order_ids:
        covering = send(LAST_COVERING, parameters).row()
        facts = {} if covering is None else {"invoice_no": covering[0]}
        raise FieldInvalid(NOTHING_LEFT, pointer="/statement_no", **facts)
    return order_ids


def _write(
    *,
    partner_id: int,
    request: InvoiceRequest,
    title: InvoiceTitle,
    statement: Statement | None,
    order_ids: Sequence[int],
    by: str,
    now: datetime,
) -> Invoice:
    items = list_items(order_ids)
    if not items:  # refunded since the orders were chosen
        pointer = "/order_no" if statement is None else "/statement_no"
        raise FieldInvalid(NOTHING_LEFT, pointer=pointer)
    lines = lines_of(items)
    invoice = Invoice.objects.create(
        invoice_no=dated_no("V", now),
        partner_id=partner_id,
        kind=request.kind,
        title=title,
        order_no="" if statement is not None else request.order_no,
        statement=statement,
        amount=sum((line.amount for line in lines), money.ZERO),
        tax_amount=sum((line.tax_amount for line in lines), money.ZERO),
        remark=request.remark,
        requested_by=by,
        created_at=now,
        updated_at=now,
    )
    write_lines(invoice, lines)
    amounts = amounts_by_order(lines)
    pks = {item.order_no: item.order_id for item in items}
    InvoicedOrder.objects.bulk_create(
        InvoicedOrder(invoice=invoice, order_id=pks[order_no], amount=amount)
        for order_no, amount in amounts.items()
    )
    begin(invoice, actor=by, now=now)
    return invoice


def _document(invoice: Invoice) -> dict[str, object]:
    lines = list(invoice.lines.order_by("position"))
    return dict(invoice_document(invoice, lines))
