"""What a merchant asks for when it is to be invoiced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TitleDraft:
    """Whom invoices are to be made out to; what was left out is empty."""

    kind: str
    name: str
    tax_number: str = ""
    address: str = ""
    phone: str = ""
    bank_name: str = ""
    bank_account: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """An invoice for one order, or for what was paid in the period of a statement: one of the two
    numbers is empty.
    """

    title_id: str
    kind: str
    order_no: str = ""
    statement_no: str = ""
    remark: str = ""
