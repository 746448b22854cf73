"""What the platform wants of a provider of e-invoices, whoever it is."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from openplatform.connectors.errors import Outcome, ProviderFault
from openplatform.connectors.providers.base import AHEAD, Access
from openplatform.core import clock
from openplatform.core.errors import type_of_text

FISCAL_CODE = re.compile(r"[0-9A-Za-z]{0,20}", re.ASCII)
FISCAL_NUMBER = re.compile(r"[0-9A-Za-z]{1,20}", re.ASCII)
BACK = timedelta(days=400)  # what was issued before that is not what we asked for


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whom an invoice is made out to; what is not known is empty."""

    kind: str  # company or individual
    name: str
    tax_number: str
    address: str
    phone: str
    bank_name: str
    bank_account: str
    email: str


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """A line; amounts contain their tax, and have the sign of the invoice."""

    name: str
    unit: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    amount: Decimal
    tax_amount: Decimal


@dataclass(frozen=True, slots=True)
class CreditedInvoice:
    """The invoice that a credit invoice takes back, or a part of, by the tax office's numbers."""

    fiscal_code: str
    fiscal_number: str


@dataclass(frozen=True, slots=True)
class InvoiceOrder:
    """What is to be issued. ``our_no`` is the number that makes it the same when it is sent again.

    :param credits: given, it is a credit invoice (red letter), and all amounts are below zero.
    """

    our_no: str
    kind: str  # general or special
    currency: str
    buyer: Buyer
    lines: Sequence[OrderedLine]
    amount: Decimal
    tax_amount: Decimal
    remark: str
    credits: CreditedInvoice | None


@dataclass(frozen=True, slots=True)
class IssuedInvoice:
    """What came of it. The file is as it was sent: to be cleaned before it is kept."""

    fiscal_code: str
    fiscal_number: str
    issued_at: datetime
    pdf: bytes
    status_code: int | None = None


class InvoiceRefused(ProviderFault):
    """The provider will not issue it as it is: to ask again is of no use.

    :param text: its reason in one line, for staff.
    """

    def __init__(self, text: str, *, status_code: int | None = None) -> None:
        super().__init__(Outcome.REFUSED, text, status_code=status_code)


class InvoiceProvider(ABC):
    """One interface of e-invoices. A subclass speaks HTTP through ``core.outgoing`` only and holds
    no state between calls. The counterpart has to know our numbers again: an invoice that is
    ordered twice is issued once.
    """

    title: ClassVar[type_of_text]

    def __init__(self, access: Access) -> None:
        self.access = access

    @abstractmethod
    def issue(self, order: InvoiceOrder) -> IssuedInvoice:
        """The invoice, issued now or when it was ordered before.

        :raises InvoiceRefused: when it will not be issued.
        :raises ProviderFault: when nobody knows: it may have been.
        """

    @abstractmethod
    def find(self, our_no: str) -> IssuedInvoice | None:
        """What was issued under our number; None when nothing was. To ask again after an answer
        was lost.

        :raises ProviderFault: when there is no answer to work with.
        """


def require_sound(issued: IssuedInvoice) -> IssuedInvoice:
    """The same, when its numbers and its time can be.

    :raises ProviderFault: ``unreadable``, when they cannot.
    """
    now = clock.now()
    is_sound = (
        FISCAL_CODE.fullmatch(issued.fiscal_code) is not None
        and FISCAL_NUMBER.fullmatch(issued.fiscal_number) is not None
        and now - BACK < issued.issued_at < now + AHEAD
    )
    if not is_sound:
        raise ProviderFault(
            Outcome.UNREADABLE, "numbers or time that cannot be", status_code=issued.status_code
        )
    return issued
