"""What partners are told of their account."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.selectors import get_account_document
from openplatform.messaging.services.publishing import publish
from openplatform.messaging.types import MessageType

MESSAGE_TYPES = (
    MessageType("account.balance_low", _("Less is available than the alert threshold, or half")),
    MessageType("account.topped_up", _("A top-up was approved and is in the balance")),
    MessageType("account.top_up_rejected", _("A top-up was rejected")),
    MessageType("account.changed", _("Credit line, alert threshold or status changed")),
    MessageType("key.expiring", _("An API key ends in 30, 7 or 1 days")),
)


def publish_account(*, type: str, partner_id: int, **facts: Any) -> dict[str, Any]:
    """Step: tell a partner of its account as it is now, under the lock of its wallet.

    :param facts: what the message is about beside the account, ``top_up``.
    :returns: the account as it was told.
    """
    account = get_account_document(partner_id=partner_id)
    publish(
        type=type,
        subject=f"account:{partner_id}",
        data={"account": account, **facts},
        partner_ids=[partner_id],
    )
    return account
