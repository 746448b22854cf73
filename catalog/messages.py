"""What merchants are told of the catalogue."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.messaging.types import MessageType

MESSAGE_TYPES = (
    MessageType("pool.sku_added", _("SKUs came into your pools"), merges_with="pool"),
    MessageType("pool.sku_removed", _("SKUs left your pools"), merges_with="pool"),
    MessageType("sku.on_shelf", _("SKUs can be ordered"), merges_with="shelf"),
    MessageType("sku.off_shelf", _("SKUs can no longer be ordered"), merges_with="shelf"),
)
