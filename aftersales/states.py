"""The states of a claim as a table."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ClaimStatus(models.TextChoices):
    """How far a claim has come."""

    SUBMITTED = "submitted", _("Submitted")
    INFO_REQUESTED = "info_requested", _("Information requested")
    APPROVED = "approved", _("Approved")
    AWAITING_RETURN = "awaiting_return", _("Awaiting return")
    RETURN_SHIPPED = "return_shipped", _("Return shipped")
    RETURN_RECEIVED = "return_received", _("Return received")
    REFUNDED = "refunded", _("Refunded")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


S = ClaimStatus

# Approved is passed through: nobody ever finds a claim in it.
TRANSITIONS: dict[ClaimStatus, frozenset[ClaimStatus]] = {
    S.SUBMITTED: frozenset({S.INFO_REQUESTED, S.APPROVED, S.REJECTED, S.CANCELLED}),
    S.INFO_REQUESTED: frozenset({S.SUBMITTED, S.CANCELLED}),
    S.APPROVED: frozenset({S.REFUNDED, S.AWAITING_RETURN}),
    S.AWAITING_RETURN: frozenset({S.RETURN_SHIPPED, S.CANCELLED, S.EXPIRED}),
    S.RETURN_SHIPPED: frozenset({S.RETURN_RECEIVED}),
    S.RETURN_RECEIVED: frozenset({S.REFUNDED, S.REJECTED}),
    S.REFUNDED: frozenset(),
    S.REJECTED: frozenset(),
    S.CANCELLED: frozenset(),
    S.EXPIRED: frozenset(),
}
# Its units are claimed: they can be neither claimed again nor, while unshipped, shipped.
OPEN = tuple(status for status, following in TRANSITIONS.items() if following)
# An operator may decide it, whether or not the merchant has answered a question.
DECIDABLE = (S.SUBMITTED, S.INFO_REQUESTED)
# By the merchant, until goods are sent back or the refund is made.
CANCELLABLE = tuple(status for status, following in TRANSITIONS.items() if S.CANCELLED in following)
