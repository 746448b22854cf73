"""The wallet's steps, each as a service of its own, the way orders will use them."""

from __future__ import annotations

from decimal import Decimal

from accounts.services.wallet import send_hold, send_payment, send_release
from openplatform.core.locking import transactional


@transactional
def hold(partner_id: int, order_no: str, amount: str) -> bool:
    """Whether the amount was available and is held now."""
    return (
        send_hold(partner_id=partner_id, order_no=order_no, amount=Decimal(amount)).row()
        is not None
    )


@transactional
def release(partner_id: int, order_no: str, amount: str) -> None:
    """End the hold of an order."""
    send_release(partner_id=partner_id, order_no=order_no, amount=Decimal(amount)).rows()


@transactional
def pay(partner_id: int, order_no: str, amount: str) -> None:
    """Turn the hold of an order into its payment."""
    send_payment(partner_id=partner_id, order_no=order_no, amount=Decimal(amount)).rows()
