"""Reads of parcels."""

from __future__ import annotations

from django.db.models import QuerySet

from orders.models import Shipment


def list_troubled(shipments: QuerySet[Shipment] | None = None) -> QuerySet[Shipment]:
    """Parcels in trouble that nobody has settled; of these shipments, or of all."""
    parcels = Shipment.objects.all() if shipments is None else shipments
    return parcels.filter(troubled_at__isnull=False, settled_at__isnull=True)
