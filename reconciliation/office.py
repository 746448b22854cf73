"""The part of the worker that makes papers: files of a million rows take minutes of computing,
which other loops should not wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from openplatform.core.background import Loop
from openplatform.operations.loops import run_loops
from reconciliation.services.billing import watch_due_bills
from reconciliation.services.comparing import compare_due_file
from reconciliation.services.crediting import credit_refunded_orders
from reconciliation.services.making import make_due_statement
from reconciliation.services.provider_issuing import issue_due_invoice
from reconciliation.services.report_writing import write_due_report
from reconciliation.services.scheduling import order_due_statements
from reconciliation.services.settling import settle_bills

LOOPS: list[Loop] = [
    Loop("order statements", order_due_statements, pause=60.0),
    # Two, so that one of a million rows keeps nobody else waiting. Putting a large workbook
    # together gives no sign of life.
    Loop("make statements", make_due_statement, pause=1.0, turn_takes=600.0),
    Loop("make more statements", make_due_statement, pause=1.0, turn_takes=600.0),
    # It makes the statement that is missing, and a large workbook gives no sign of life.
    Loop("compare files", compare_due_file, pause=1.0, turn_takes=600.0),
    Loop("write reports", write_due_report, pause=2.0, turn_takes=600.0),
    Loop("settle bills", settle_bills, pause=2.0),
    Loop("watch due bills", watch_due_bills, pause=30.0),
    Loop("issue invoices", issue_due_invoice, pause=2.0),
    Loop("credit invoices", credit_refunded_orders, pause=5.0),
]


def run(stopping: Event, beat: Callable[[], None]) -> None:
    """Run the loops of reconciliation until told to stop."""
    run_loops(LOOPS, stopping, beat)
