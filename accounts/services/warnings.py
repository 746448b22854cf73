"""Low balances are told of when they come about."""

from __future__ import annotations

from accounts.messages import publish_account
from accounts.models import Contact
from openplatform.messaging.services.mailing import queue_mail


def announce_low_balance(*, partner_id: int) -> None:
    """Step: a message and a mail, in the transaction and under the lock that took the money."""
    account = publish_account(type="account.balance_low", partner_id=partner_id)
    queue_mail(topic=Contact.Topic.BALANCE_LOW, partner_id=partner_id, facts={"account": account})
