"""What partners are told of the address library."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.messaging.types import MessageType

REGIONS_CHANGED = "regions.changed"
MESSAGE_TYPES = (
    MessageType(
        REGIONS_CHANGED,
        _("A new release of the address library is in use"),
        details=_(
            "Told to everybody. Whoever keeps a copy of the library fetches it anew; addresses of"
            " orders that were placed stay as they are."
        ),
        serializer="openplatform.regions.api.events.RegionsNewsSerializer",
    ),
)
