"""What stands in a statement's files: a head, then rows in these columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import LedgerEntry
from openplatform.core.errors import type_of_text

ORDER_LINE = "order_line"
ORDER_FREIGHT = "order_freight"


class Row(NamedTuple):
    """A ledger entry, or a part of one: the lines and the freight of an order follow its payment
    and add up to it. Only entries have a ``balance_after``. Amounts are signed as in the ledger;
    ``unit_price`` is not.
    """

    entry_no: int
    at: datetime
    kind: str
    merchant_order_no: str
    order_no: str
    suborder_no: str
    line_no: int | None
    sku: str
    name: str
    quantity: int | None
    unit_price: Decimal | None
    tax_rate: Decimal | None
    amount: Decimal
    balance_after: Decimal | None
    aftersale_no: str
    note: str

    @property
    def is_entry(self) -> bool:
        """Whether it is an entry of its own, not a part of one."""
        return self.balance_after is not None


COLUMNS = Row._fields
CAPTIONS: dict[str, type_of_text] = {
    "entry_no": _("Entry number"),
    "at": pgettext_lazy("column of a statement", "Time"),
    "kind": pgettext_lazy("column of a statement", "Kind"),
    "merchant_order_no": _("Merchant's order number"),
    "order_no": _("Order number"),
    "suborder_no": _("Suborder number"),
    "line_no": _("Line number"),
    "sku": _("SKU"),
    "name": pgettext_lazy("column of a statement", "Name"),
    "quantity": _("Quantity"),
    "unit_price": _("Unit price"),
    "tax_rate": _("Tax rate"),
    "amount": _("Amount"),
    "balance_after": _("Balance after"),
    "aftersale_no": _("Claim number"),
    "note": _("Note"),
}
KINDS: dict[str, type_of_text] = {
    **{kind.value: kind.label for kind in LedgerEntry.Kind},
    ORDER_LINE: pgettext_lazy("row of a statement", "Order line"),
    ORDER_FREIGHT: pgettext_lazy("row of a statement", "Freight"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A wallet at one end of the period."""

    balance: Decimal
    held_amount: Decimal
    credit_limit: Decimal


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the rows.

    :param totals: by the kinds of the ledger, each of them; what is opening and they is closing.
    """

    statement_no: str
    partner_code: str
    partner_name: str
    period_start: date
    period_end: date
    currency: str
    opening: Standing
    closing: Standing
    totals: dict[str, Decimal]
    entry_count: int
    made_at: datetime

    def lines(self) -> Iterable[tuple[type_of_text, str | int | date | datetime | Decimal]]:
        """Name and value of each line, the name in the language of whoever asks for its text."""
        yield _("Statement"), self.statement_no
        yield _("Partner"), self.partner_code
        yield _("Name of the partner"), self.partner_name
        yield _("First day"), self.period_start
        yield _("Last day"), self.period_end
        yield _("Currency"), self.currency
        yield _("Opening balance"), self.opening.balance
        for kind, amount in self.totals.items():
            yield TOTALS[kind], amount
        yield _("Closing balance"), self.closing.balance
        yield _("Held at the opening"), self.opening.held_amount
        yield _("Held at the closing"), self.closing.held_amount
        yield _("Credit line at the opening"), self.opening.credit_limit
        yield _("Credit line at the closing"), self.closing.credit_limit
        yield _("Entries"), self.entry_count
        yield _("Made at"), self.made_at


TOTALS: dict[str, type_of_text] = {
    LedgerEntry.Kind.TOP_UP.value: _("Top-ups"),
    LedgerEntry.Kind.ORDER_PAYMENT.value: _("Order payments"),
    LedgerEntry.Kind.REFUND.value: _("Refunds"),
    LedgerEntry.Kind.ADJUSTMENT.value: _("Adjustments"),
    LedgerEntry.Kind.WITHDRAWAL.value: _("Withdrawals"),
}
