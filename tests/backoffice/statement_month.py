"""A month that has gone by, with two merchants' books and the statement of one of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.contrib.auth.models import User

from accounts.services.adjustments import enter_adjustment
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve
from openplatform.core import clock
from reconciliation.models import Statement
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay
from tests.reconciliation.past import at, make_statement

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
MARCH = {"period_start": "2026-03-01", "period_end": "2026-03-31"}


class Month:
    """March 2026: what ``acme`` and ``stranger`` did in it.

    ``acme`` opens with 10,000.00, pays an order of 64.00 (14.00 of it freight) and one of 18.00,
    and is given 5.00; ``stranger`` opens with 10,000.00 and does nothing.
    """

    def __init__(self) -> None:
        self.acme: Merchant = make_merchant("acme")
        self.stranger: Merchant = make_merchant("stranger")
        at(self.acme.partner, "2026-02-10 10:00")
        at(self.stranger.partner, "2026-02-10 10:00")
        world = World()
        world.open_pool_to(self.acme)
        world.make_sku("A", price="10.00", north=50)
        pay(self.acme, "M-1", [("A", 5)])
        at(self.acme.partner, "2026-03-01 00:00")
        pay(self.acme, "M-2", [("A", 1)])
        at(self.acme.partner, "2026-03-05 12:00")
        adjust(self.acme, "5.00")
        at(self.acme.partner, "2026-03-31 23:59:59.999999")
        adjust(self.acme, "-100.00")
        at(self.acme.partner, "2026-04-01 00:00")
        self.statement: Statement = make_statement(self.acme.partner, FIRST, LAST)


def adjust(merchant: Merchant, amount: str) -> None:
    """A correction of the balance, by two people."""
    users = [
        User.objects.get_or_create(username=name, defaults={"is_superuser": True})[0]
        for name in ("fin1", "fin2")
    ]
    enter_adjustment(
        partner_code=merchant.partner.code,
        amount=Decimal(amount),
        reason="correction",
        user=users[0],
        now=clock.now(),
    )
    waiting = Approval.objects.get(status=Approval.Status.PENDING)
    approve(approval_id=waiting.pk, user=users[1], values={}, now=clock.now())
