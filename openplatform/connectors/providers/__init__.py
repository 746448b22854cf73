"""How each provider is talked to. A new one is a class here and a line in one of the tables."""

from __future__ import annotations

from openplatform.connectors.models import Provider
from openplatform.connectors.providers.base import LogisticsProvider
from openplatform.connectors.providers.invoicing import InvoiceProvider
from openplatform.connectors.providers.simulated import SimulatedLogistics
from openplatform.connectors.providers.simulated_invoicing import SimulatedInvoicing
from openplatform.core.errors import type_of_text

DRIVERS: dict[str, type[LogisticsProvider]] = {"simulated": SimulatedLogistics}
INVOICE_DRIVERS: dict[str, type[InvoiceProvider]] = {"simulated_invoicing": SimulatedInvoicing}


def list_drivers() -> list[tuple[type_of_text, list[tuple[str, type_of_text]]]]:
    """Names and titles, to choose from, by the service that they are for."""
    return [
        (
            Provider.Service.LOGISTICS.label,
            [(name, driver.title) for name, driver in DRIVERS.items()],
        ),
        (
            Provider.Service.INVOICING.label,
            [(name, driver.title) for name, driver in INVOICE_DRIVERS.items()],
        ),
    ]


def service_of(driver: str) -> Provider.Service:
    """What a provider with this interface is asked for."""
    is_for_invoices = driver in INVOICE_DRIVERS
    return Provider.Service.INVOICING if is_for_invoices else Provider.Service.LOGISTICS
