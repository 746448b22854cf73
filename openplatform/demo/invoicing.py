"""E-invoices of a merchant's day: for what was paid, and red letters for later refunds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal

from openplatform.demo.delivery import total_of
from openplatform.demo.excerpts import invoice_shown, pick
from openplatform.demo.listening import await_message
from openplatform.demo.narration import Json, Narrator

CHANGED = "invoice.status_changed"
TITLE: Json = {
    "kind": "company",
    "name": "示例商贸有限公司",
    "tax_number": "91310000MA1FL0000N",  # invented; its last character checks the others
}

Issue = Callable[[str], None]


class Invoicing:
    """The invoice of one order, and what becomes of it.

    :param head: the last sequence of the feed before the day began.
    :param issue: has an invoice issued, as finance does; None when somebody else does.
    """

    def __init__(self, narrator: Narrator, head: int, *, issue: Issue | None) -> None:
        self.narrator = narrator
        self.head = head
        self.issue = issue

    def ask(self, order: Json) -> Json:
        """An invoice for the order as it is now, once the tax office has given it a number."""
        self.narrator.begin("invoice")
        show = pick("title_id", "kind", "name", "tax_number")
        titles = self.narrator.call(
            "GET", "/invoice-titles", show=lambda body: [show(row) for row in body["results"]]
        )
        # The same text is the same title, which is answered with 200 the second time.
        is_known = any(row["name"] == TITLE["name"] for row in titles["results"])
        title = self.narrator.call(
            "POST", "/invoice-titles", TITLE, status=200 if is_known else 201, show=show
        )
        body: Json = {
            "title_id": title["title_id"],
            "kind": "general",
            "order_no": order["order_no"],
        }
        invoice = self.narrator.call("POST", "/invoices", body, status=201, show=invoice_shown)
        number = invoice["invoice_no"]
        paid = Decimal(order["total_amount"]) - Decimal(order["refunded_amount"])
        self.narrator.expect(
            Decimal(invoice["amount"]) == paid == total_of(invoice["lines"], "amount"),
            "invoice_amount",
            number=number,
            expected=paid,
            amount=invoice["amount"],
        )
        again = self.narrator.call("POST", "/invoices", body, show=pick("invoice_no", "status"))
        self.narrator.expect(
            again["invoice_no"] == number and self.narrator.was_replayed,
            "not_replayed",
            number=number,
        )
        self.narrator.begin("invoice_issued")
        if self.issue is not None:
            self.issue(number)
        return self._await_issue(lambda told: told["invoice_no"] == number, number)

    def await_credit(self, invoice: Json, refunded: Decimal) -> None:
        """What takes back a refund that came after the invoice; nobody asks for it.

        :param refunded: since the invoice was asked for.
        """
        self.narrator.begin("credit_invoice")
        number = invoice["invoice_no"]
        credit = self._await_issue(lambda told: told["credits"] == number, number)
        self.narrator.expect(
            Decimal(credit["amount"]) == -refunded,
            "invoice_amount",
            number=credit["invoice_no"],
            expected=-refunded,
            amount=credit["amount"],
        )

    def read_bills(self) -> None:
        """Of a merchant with a credit line; without one there are none."""
        self.narrator.begin("bills")
        account = self.narrator.call("GET", "/account", show=pick("balance", "credit_limit"))
        bills = self.narrator.call(
            "GET",
            "/bills",
            show=lambda body: [
                pick("bill_no", "period_end", "status", "outstanding_amount", "due_on")(bill)
                for bill in body["results"]
            ],
        )
        self.narrator.expect(
            Decimal(account["credit_limit"]) > 0 or not bills["results"], "bill_without_credit"
        )

    def _await_issue(self, is_it: Callable[[Json], bool], number: str) -> Json:
        told = await_message(
            self.narrator,
            CHANGED,
            after=self.head,
            is_it=lambda data: data["invoice"]["status"] == "issued" and is_it(data["invoice"]),
            what=number,
        )["invoice"]
        path = f"/invoices/{told['invoice_no']}"
        invoice = self.narrator.call("GET", path, show=invoice_shown)
        content = self.narrator.download(
            f"{path}/file",
            show=lambda content: {"bytes": len(content), "begins_with": content[:5].decode()},
        )
        digest = hashlib.sha256(content).hexdigest()
        self.narrator.expect(
            digest == invoice["sha256"] and content.startswith(b"%PDF-"),
            "file_digest",
            number=told["invoice_no"],
            expected=invoice["sha256"],
            digest=digest,
        )
        return invoice
