"""Where a host is."""

from __future__ import annotations

import socket
from concurrent.futures import Future
from threading import Thread
from typing import NamedTuple


class Place(NamedTuple):
    """One address that a connection can go to."""

    family: socket.AddressFamily
    address: str  # as the system writes it, some with a zone
    port: int


def look_up(host: str, port: int) -> Future[list[Place]]:
    """Where a host is, in the order of preference of this machine; at least one place.

    It runs in a thread of its own that nobody waits for when the process ends: on a name server
    that does not answer, the system gives up after long only.

    :returns: what fails with ``OSError`` or ``ValueError``.
    """
    found: Future[list[Place]] = Future()

    def run() -> None:
        found.set_running_or_notify_cancel()  # nobody can cancel it from here on
        try:
            places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:  # ValueError: no name at all, as a label too long
            found.set_exception(error)
        else:
            found.set_result([Place(place[0], str(place[4][0]), port) for place in places])

    Thread(target=run, name=f"look up {host}", daemon=True).start()
    return found
