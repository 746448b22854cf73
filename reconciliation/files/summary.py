"""The summary over merchants as a table, which a page shows and files hold."""

from __future__ import annotations

from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from openplatform.core.errors import type_of_text
from openplatform.imports.tables import Form, Table, Value
from reconciliation.selectors.summary import PARTS, Agreement, Summary, Sums

PART_NAMES: dict[str, type_of_text] = {
    "opening": gettext_lazy("Opening"),
    "top_up": gettext_lazy("Top-ups"),
    "order_payment": gettext_lazy("Order payments"),
    "refund": gettext_lazy("Refunds"),
    "adjustment": gettext_lazy("Adjustments"),
    "withdrawal": gettext_lazy("Withdrawals"),
    "closing": gettext_lazy("Closing"),
    "entries": gettext_lazy("Entries"),
}
AGREEMENT_NAMES: dict[Agreement, type_of_text] = {
    Agreement.DIFFERS: gettext_lazy("Differs"),
    Agreement.FAILED: gettext_lazy("Failed"),
    Agreement.MISSING: gettext_lazy("No statement"),
    Agreement.PREPARING: gettext_lazy("Being made"),
    Agreement.AGREES: pgettext_lazy("statement and ledger", "Agrees"),
}


def summary_table(summary: Summary) -> Table:
    """A row for each merchant and one of totals: what statements say, and beside it the ledger."""
    sides = [
        *((PART_NAMES[part], Form.AMOUNT) for part in PARTS),
        (PART_NAMES["entries"], Form.COUNT),
    ]
    ledger = pgettext_lazy("column of a file", "Ledger")
    return Table(
        "summary",
        _("Summary of statements"),
        [
            (_("Code"), Form.TEXT),
            (_("Name"), Form.TEXT),
            (_("Statement"), Form.TEXT),
            (pgettext("of a statement", "Result"), Form.TEXT),
            *((str(name), form) for name, form in sides),
            *((str(format_lazy("{}: {}", ledger, name)), form) for name, form in sides),
        ],
        [
            *(
                [
                    merchant.code,
                    merchant.name,
                    merchant.statement_no,
                    str(AGREEMENT_NAMES[merchant.agreement]),
                    *_cells_of(merchant.stated),
                    *_cells_of(merchant.booked),
                ]
                for merchant in summary.merchants
            ),
            [
                _("Total"),
                None,
                None,
                None,
                *_cells_of(summary.stated),
                *_cells_of(summary.booked),
            ],
        ],
    )


def _cells_of(sums: Sums | None) -> list[Value]:
    if sums is None:
        return [None] * (len(PARTS) + 1)
    return [*(sums.amounts[part] for part in PARTS), sums.entry_count]
