"""What an operator disabled, a merchant does not get round by another endpoint at its address."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.messaging.errors import WebhookEndpointDisabled
from openplatform.messaging.models import WebhookEndpoint

BY_OPERATOR = WebhookEndpoint.DisabledReason.BY_OPERATOR


def require_free_address(*, partner_id: int, url: str) -> None:
    """Step: a merchant may have an endpoint there.

    The newest one at the address counts, deleted ones too: an operator who adds one after the one
    that was disabled allows the address again.

    :raises WebhookEndpointDisabled: when an operator disabled or deleted that one.
    """
    own = WebhookEndpoint.objects.filter(partner_id=partner_id, url=url)
    newest = own.order_by("-id").first()
    if newest is not None:
        require_not_barred(newest)


def require_not_barred(endpoint: WebhookEndpoint) -> None:
    """Step: a merchant may have the address of this endpoint used, or leave it.

    :raises WebhookEndpointDisabled: when an operator disabled or deleted it.
    """
    if endpoint.disabled_reason == BY_OPERATOR:
        raise WebhookEndpointDisabled(
            _("An operator disabled this address; only an operator can have it used again"),
            pointer="/url",
            disabled_reason=endpoint.disabled_reason,
        )
