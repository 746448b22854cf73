"""Where a parcel is, in words that are the same whoever carries it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ParcelStatus(models.TextChoices):
    """The canonical statuses of a parcel."""

    PENDING = "pending", _("Nothing known yet")
    PICKED_UP = "picked_up", _("Picked up")
    IN_TRANSIT = "in_transit", _("In transit")
    OUT_FOR_DELIVERY = "out_for_delivery", _("Out for delivery")
    DELIVERED = "delivered", _("Delivered")
    EXCEPTION = "exception", _("Exception")
    REFUSED = "refused", pgettext_lazy("parcel", "Refused")
    RETURNING = "returning", _("Returning")
    RETURNED = "returned", _("Returned")
    LOST = "lost", _("Lost")


# Somebody has to look: such a parcel is not received by itself.
TROUBLED = frozenset(
    {
        ParcelStatus.EXCEPTION,
        ParcelStatus.REFUSED,
        ParcelStatus.RETURNING,
        ParcelStatus.RETURNED,
        ParcelStatus.LOST,
    }
)
# Nothing more is to come of it.
FINAL = frozenset({ParcelStatus.DELIVERED, ParcelStatus.RETURNED, ParcelStatus.LOST})
