"""What partners are told of their account."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.selectors import get_account_document
from openplatform.messaging.services.publishing import publish
from openplatform.messaging.types import MessageType

ACCOUNT = "accounts.api.events.AccountNewsSerializer"
TOP_UP = "accounts.api.events.TopUpNewsSerializer"
MESSAGE_TYPES = (
    MessageType(
        "account.balance_low",
        _("Less is available than the alert threshold, or half"),
        details=_(
            "Told when what is available falls below the alert threshold, and once more below half"
            " of it; not again before it has risen in between."
        ),
        serializer=ACCOUNT,
    ),
    MessageType(
        "account.topped_up",
        _("A top-up was approved and is in the balance"),
        details=_("The approved amount may be less than the one that was reported."),
        serializer=TOP_UP,
    ),
    MessageType(
        "account.top_up_rejected",
        _("A top-up was rejected"),
        details=_("The balance stays as it is; the top-up tells why."),
        serializer=TOP_UP,
    ),
    MessageType(
        "account.changed",
        _("Credit line, alert threshold or status changed"),
        details=_("While an account is suspended, orders cannot be placed; all else goes on."),
        serializer=ACCOUNT,
    ),
    MessageType(
        "key.expiring",
        _("An API key ends in 30, 7 or 1 days"),
        details=_(
            "Told once for each of these steps. Have the key rotated before: the old one and the"
            " new one then hold side by side."
        ),
        serializer="accounts.api.events.KeyNewsSerializer",
    ),
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
