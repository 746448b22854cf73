"""Providers that answer over real HTTP on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as project_settings

from openplatform.connectors.models import Provider
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import sealing

MakeProvider = Callable[..., Provider]
KEY = "key-of-the-simulator"
SECRET = "secret-of-callbacks"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A provider's server, on a port of its own; every parcel is at its end at once."""
    server = Simulator(0, seconds=0.0, api_key=KEY)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.is_ending.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture(autouse=True)
def _private_hosts(settings: Any) -> None:
    """Servers of tests are on this machine."""
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]
    assert project_settings.DEBUG is False


@pytest.fixture
def make_provider(db: None, simulator: Simulator) -> MakeProvider:
    """Makes a provider that the simulator plays."""

    def make(code: str = "first", **fields: Any) -> Provider:
        path = fields.pop("path", "")
        return Provider.objects.create(
            **{
                "code": code,
                "name": code,
                "driver": "simulated",
                "base_url": f"{simulator.base_url}{path}",
                "api_key": sealing.seal(KEY),
                "callback_secret": sealing.seal(SECRET),
                "interval_seconds": 600,
                "refresh_seconds": 3600,
                "timeout_seconds": 2,
                "call_cost": "0.0500",
                **fields,
            }
        )

    return make
