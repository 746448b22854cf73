"""Providers in the demo, all played by the simulator: of logistics a first one and its spare, and
one of e-invoices.
"""

from __future__ import annotations

import socket
from decimal import Decimal

from openplatform.connectors.models import Provider, ProviderContact
from openplatform.connectors.providers import service_of
from openplatform.connectors.simulator.server import HOST
from openplatform.core.locking import transactional

LOGISTICS, INVOICING = "simulated", "simulated_invoicing"  # interfaces
PORT = 9100  # where `manage.py logistics_simulator` is looked for unless run_platform started one
PATHS = {"simulator": "", "simulator-spare": "/spare", "simulator-invoices": ""}


@transactional
def add_providers() -> None:
    """A provider of logistics that charges per call, and a dearer spare for when it fails; one of
    invoices. Those that are there stay as they are.
    """
    prepaid, bill = Provider.Settlement.PREPAID, Provider.Settlement.BILL
    terms = {
        "simulator": (LOGISTICS, "示例物流查询", 1, prepaid, "0.0200"),
        "simulator-spare": (LOGISTICS, "示例物流查询（备用）", 2, bill, "0.0500"),
        "simulator-invoices": (INVOICING, "示例电子发票", 1, prepaid, "0.1000"),
    }
    for code, (driver, name, priority, settlement, cost) in terms.items():
        provider, _is_new = Provider.objects.get_or_create(
            code=code,
            defaults={
                "name": name,
                "service": service_of(driver),
                "driver": driver,
                "base_url": f"http://{HOST}:{PORT}{PATHS[code]}",
                "priority": priority,
                "interval_seconds": 2,
                "refresh_seconds": 4,
                "settlement": settlement,
                "call_cost": Decimal(cost),
            },
        )
        ProviderContact.objects.get_or_create(
            provider=provider,
            side=ProviderContact.Side.PROVIDER,
            name="示例服务商客服",
            defaults={"duty": "接口故障", "phone": "400-000-0000", "email": "api@example.com"},
        )
        ProviderContact.objects.get_or_create(
            provider=provider,
            side=ProviderContact.Side.OWN,
            name="示例平台技术",
            defaults={"duty": "接口与账单", "email": "technical@example.com"},
        )


def point_at_simulator() -> int | None:
    """Have the demo's providers called at a port that is free now; None when nobody is played."""
    played = Provider.objects.filter(
        code__in=PATHS, driver__in=[LOGISTICS, INVOICING], is_enabled=True
    )
    if not played:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    for provider in played:
        Provider.objects.filter(pk=provider.pk).update(
            base_url=f"http://{HOST}:{port}{PATHS[provider.code]}"
        )
    return port
