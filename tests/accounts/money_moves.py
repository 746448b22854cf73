"""The wallet's steps, each as a service of its own, the way orders will use them."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.auth.models import User

from accounts.models import Partner, TopUp
from accounts.services.top_ups import add_top_up
from accounts.services.wallet import HOLD_STEPS, PAYMENT_STEPS, send_release, settle_hold
from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.core.locking import transactional
from openplatform.core.statements import send

DUE = """due AS (
        SELECT %(partner_id)s::bigint AS partner_id, %(order_no)s::text AS order_no,
            %(amount)s::numeric AS amount
    )"""
HOLD = f"WITH {DUE}, {HOLD_STEPS} SELECT has_fallen FROM held"  # noqa: S608 - of constants
PAY = f"WITH {DUE}, {PAYMENT_STEPS} SELECT amount FROM wallet"  # noqa: S608 - of constants


@transactional
def hold_or_refuse(partner_id: int, order_no: str, amount: str) -> None:
    """Hold an amount, or raise why not."""
    parameters = {"partner_id": partner_id, "order_no": order_no, "amount": Decimal(amount)}
    held = send(HOLD, parameters).row()
    settle_hold(held[0] if held else None, partner_id=partner_id, amount=Decimal(amount))


def hold(partner_id: int, order_no: str, amount: str) -> bool:
    """Whether the amount was available and is held now."""
    try:
        hold_or_refuse(partner_id, order_no, amount)
    except DomainError:
        return False
    return True


@transactional
def add_money(partner: Partner, amount: str, reference: str, note: str = "") -> TopUp:
    """A top-up that is booked at once."""
    return add_top_up(
        partner=partner,
        amount=Decimal(amount),
        reference=reference,
        note=note,
        actor="test",
        now=clock.now(),
    )


def make_staff(name: str, *, is_superuser: bool = True) -> User:
    """A member of staff, who may do everything unless told otherwise."""
    return User.objects.create_user(name, is_staff=True, is_superuser=is_superuser)


@transactional
def release(partner_id: int, order_no: str, amount: str) -> None:
    """End the hold of an order."""
    send_release(partner_id=partner_id, order_no=order_no, amount=Decimal(amount)).rows()


@transactional
def pay(partner_id: int, order_no: str, amount: str) -> None:
    """Turn the hold of an order into its payment."""
    parameters = {"partner_id": partner_id, "order_no": order_no, "amount": Decimal(amount)}
    send(PAY, parameters).rows()
