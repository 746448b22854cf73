"""Providers of logistics in the demo: a first one and its spare, both played by the simulator."""

from __future__ import annotations

import socket
from decimal import Decimal

from openplatform.connectors.models import Provider, ProviderContact
from openplatform.connectors.simulator.server import HOST
from openplatform.core.locking import transactional

DRIVER = "simulated"
PORT = 9100  # where `manage.py logistics_simulator` is looked for unless run_platform started one
PATHS = {"simulator": "", "simulator-spare": "/spare"}


@transactional
def add_providers() -> None:
    """A provider that charges per call, and a dearer spare for when it fails."""
    terms = {
        "simulator": ("示例物流查询", 1, Provider.Settlement.PREPAID, "0.0200"),
        "simulator-spare": ("示例物流查询（备用）", 2, Provider.Settlement.BILL, "0.0500"),
    }
    for code, (name, priority, settlement, cost) in terms.items():
        provider, _is_new = Provider.objects.get_or_create(
            code=code,
            defaults={
                "name": name,
                "driver": DRIVER,
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
            name="示例物流客服",
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
    played = Provider.objects.filter(code__in=PATHS, driver=DRIVER, is_enabled=True)
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
