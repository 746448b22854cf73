"""How each provider is talked to. A new one is a class here and a line in :data:`DRIVERS`."""

from __future__ import annotations

from openplatform.connectors.providers.base import LogisticsProvider
from openplatform.connectors.providers.simulated import SimulatedLogistics
from openplatform.core.errors import type_of_text

DRIVERS: dict[str, type[LogisticsProvider]] = {"simulated": SimulatedLogistics}


def list_drivers() -> list[tuple[str, type_of_text]]:
    """Names and titles, to choose from."""
    return [(name, driver.title) for name, driver in DRIVERS.items()]
