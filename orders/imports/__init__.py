"""The files of orders. :data:`RESOURCES` is registered when the app is ready."""

from __future__ import annotations

from orders.imports.freight import FREIGHT
from orders.imports.shipments import SHIPMENTS
from orders.imports.tracking import TRACKING

RESOURCES = (FREIGHT, SHIPMENTS, TRACKING)
