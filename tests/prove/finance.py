"""Finance and operators of the database that DATABASE_URL names: they approve what was paid in,
have invoices issued, and close a unit of what was invoiced, so that some of it is to be credited.

Run as a program; it may be killed at any moment, and takes up where it was.
"""

from __future__ import annotations

import contextlib
import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openplatform.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - models need Django
from django.db import DatabaseError, connection  # noqa: E402

from openplatform.approvals.models import Approval  # noqa: E402
from openplatform.approvals.services.deciding import approve  # noqa: E402
from openplatform.core import clock  # noqa: E402
from openplatform.core.errors import DomainError  # noqa: E402
from orders.models import OrderLine  # noqa: E402
from orders.services.closing import close_lines  # noqa: E402
from reconciliation.models import Invoice  # noqa: E402
from reconciliation.services.provider_issuing import send_to_provider  # noqa: E402

FINANCE = "finance"
POLL = 0.2  # seconds
REFUNDED_OF = 2  # every second invoiced order


def main() -> None:
    while True:
        # The database is killed, too; what somebody else has done meanwhile is refused.
        with contextlib.suppress(DatabaseError):
            user = User.objects.get(username=FINANCE)
            approve_top_ups(user)
            hand_over_invoices(user)
            close_units()
        connection.close()
        time.sleep(POLL)


def approve_top_ups(user: User) -> None:
    for pk in list(Approval.objects.filter(status="pending").values_list("pk", flat=True)):
        with contextlib.suppress(DomainError):
            approve(approval_id=pk, user=user, values={}, now=clock.now())


def hand_over_invoices(user: User) -> None:
    """What nobody issues: what was asked for lately, and what the provider's failures gave back."""
    waiting = Invoice.objects.filter(status="requested", due_at=None)
    for number in list(waiting.values_list("invoice_no", flat=True)):
        with contextlib.suppress(DomainError):
            send_to_provider(
                invoice_no=number, provider_id=None, user=user, now=clock.now(),
                expected_version=None,
            )  # fmt: skip


def close_units() -> None:
    """One unit of the first line of every other order that was invoiced, and no other."""
    issued = Invoice.objects.filter(status="issued", credits=None).exclude(order_no="")
    lines = OrderLine.objects.filter(
        order__order_no__in=issued.values("order_no"),
        line_no=1,
        closed_quantity=0,
        suborder__status="awaiting_shipment",
    )
    for line in lines.select_related("suborder"):
        if line.order_id % REFUNDED_OF == 0:
            with contextlib.suppress(DomainError):
                close_lines(
                    suborder_no=line.suborder.order_no, quantities={1: 1}, restock=True,
                    refund_freight=None, reason="not to be had", actor=FINANCE, now=clock.now(),
                )  # fmt: skip


if __name__ == "__main__":
    main()
