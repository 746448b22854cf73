"""Addresses and networks, IPv4 and IPv6, in one form each; and which proxies are believed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from django.core.exceptions import ImproperlyConfigured

UNIX = "unix"
MAPPED = IPv6Network("::ffff:0:0/96")

# With a port, or in brackets; a bare address is read as it is.
FORWARDED = re.compile(
    r"\[(?P<v6>[0-9A-Fa-f:.]+)\](:[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}", re.ASCII
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class TrustedProxies:
    """The peers whose ``X-Forwarded-For`` is believed."""

    networks: tuple[Network, ...] = ()
    has_unix_socket: bool = False

    @classmethod
    def parse(cls, names: Iterable[str]) -> TrustedProxies:
        """
        :param names: networks in CIDR notation, and ``unix`` for whoever can open the unix socket
            that the server listens on, who has no address.
        :raises ImproperlyConfigured: for anything else.
        """
        networks = []
        has_unix_socket = False
        for name in names:
            if name == UNIX:
                has_unix_socket = True
                continue
            try:
                networks.append(read_network(name))
            except ValueError as error:
                raise ImproperlyConfigured(
                    f"TRUSTED_PROXIES names networks (10.0.0.0/8, fd00::/8) or {UNIX}: {error}"
                ) from error
        return cls(tuple(networks), has_unix_socket)

    def trusts(self, address: Address | None) -> bool:
        """Whether what this peer says of addresses is believed; None came by a unix socket."""
        if address is None:
            return self.has_unix_socket
        return any(address in network for network in self.networks)


def read_network(text: str) -> Network:
    """A network in CIDR notation; one of IPv4-mapped IPv6 addresses as the IPv4 network it is.

    :raises ValueError: for anything else, also when bits behind the mask are set.
    """
    if "%" in text:
        raise ValueError(f"{text} has a zone, which means something on one machine only")
    network = ip_network(text.strip(), strict=True)
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        inner = network.network_address.ipv4_mapped
        return IPv4Network((str(inner), network.prefixlen - MAPPED.prefixlen))
    return network


def read_address(text: str) -> Address | None:
    """An address, IPv4 where it is IPv4 in the clothes of IPv6, without zone; None for others."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def read_forwarded(text: str) -> Address | None:
    """An address as proxies write it, some with a port; None for anything else.

    ``192.0.2.7``, ``192.0.2.7:1234``, ``2001:db8::5``, ``[2001:db8::5]:443``.
    """
    found = FORWARDED.fullmatch(text.strip())
    return read_address(text if found is None else found["v6"] or found["v4"])
