"""The files of orders. :data:`RESOURCES` is registered when the app is ready."""

from __future__ import annotations

from orders.imports.shipments import SHIPMENTS

RESOURCES = (SHIPMENTS,)
