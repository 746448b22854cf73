"""Where the demo's webhooks may go: one port of this machine that the platform may send to."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from openplatform.connectors.simulator.server import HOST
from openplatform.demo.services.loading import read_demo_file, write_demo_file

FIELD = "webhook_receiver"


def open_receiver() -> str | None:
    """``host:port`` for ``WEBHOOK_PRIVATE_HOSTS``; None where no demo was loaded.

    It stays the same over restarts, since endpoints name it, and stands in ``demo.json``.
    """
    demo = read_demo_file()
    if demo is None:
        return None
    if FIELD not in demo:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        demo = {**demo, FIELD: f"http://{HOST}:{port}"}
        write_demo_file(demo)
    return f"{HOST}:{urlsplit(demo[FIELD]).port}"


def find_receiver(key: str) -> int | None:
    """The port that the demo's platform may send to; None when this is no key of the demo, or
    somebody receives there already.
    """
    demo = read_demo_file()
    if demo is None or key not in [merchant["key"] for merchant in demo["merchants"]]:
        return None
    port = urlsplit(demo.get(FIELD, "")).port
    return port if port is not None and _is_free(port) else None


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
