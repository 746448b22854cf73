"""Which addresses we send requests to."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import UrlNotAllowed
from openplatform.core.networks import Address, read_address
from openplatform.core.outgoing.faults import AddressNotAllowed
from openplatform.core.outgoing.names import look_up

DEFAULT_PORTS = {"http": 80, "https": 443}
MIN_PORT = 1024  # below are other services than the web's, 443 apart
MAX_PORT = 65535
MAX_NAME = 253  # characters

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
# Beside what Python knows: protocol assignments, the relays of 6to4, documentation.
NOT_PUBLIC = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
# Names that no public name server answers for (RFC 6761, 6762, 7686, 8375 and ICANN's "internal").
PRIVATE_ZONES = frozenset({"localhost", "local", "internal", "arpa", "invalid", "onion", "alt"})

# RFC 3986 and nothing that one program reads otherwise than another: no blanks, no backslashes, no
# brackets but around an address of IPv6, nothing outside of ASCII.
URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)"
    r"(?:/[a-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[a-z0-9._~!$&'()*+,;=:@%/?-]*)?(?P<fragment>#.*)?",
    re.ASCII | re.IGNORECASE,
)
AUTHORITY = re.compile(
    r"(?:(?P<user>[^@]*)@)?(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\[\]@:]*))(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)


class _Parts(NamedTuple):
    scheme: str
    host: str  # a name, or an address without brackets
    port: int


def require_open_url(url: str) -> None:
    """Of an address that somebody wants called. Where its host is, is looked at when it is called.

    :raises AddressNotAllowed: unless it is https, or http to a host that may be private.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressNotAllowed("this is no address") from error
    if not host or parts.scheme not in DEFAULT_PORTS:
        raise AddressNotAllowed("only http and https addresses are called")
    if parts.scheme == "http" and not is_open_to_us(host, port, settings.OUTGOING_PRIVATE_HOSTS):
        raise AddressNotAllowed("plain http is spoken to hosts in OUTGOING_PRIVATE_HOSTS only")


def require_allowed_url(
    url: str,
    *,
    private_hosts: Collection[str] = (),
    pointer: str = "/url",
    resolve: bool = True,
    wait: float = 2.0,
) -> None:
    """Of an address that a partner wants called, before it is kept.

    It is https (http only to a host that may be private) to a public host at port 443 or from 1024
    on, without user name, password and fragment, and written so that every program reads it alike.
    Its name is looked up, and every address that it has must be public; a name server that does not
    answer in time is no fault, for all of it is looked at again at each connection.

    Never to be called while a transaction is open: it waits for others.

    :param private_hosts: see :func:`is_open_to_us`.
    :param pointer: where the address is in the request.
    :param resolve: whether names are looked up.
    :param wait: seconds for looking up.
    :raises UrlNotAllowed: with the fact ``reason``: ``malformed``, ``scheme``, ``user_info``,
        ``fragment``, ``port``, ``host`` or ``not_public``. A name that there is not is
        ``not_public`` too: what names there are inside is nobody's business.
    """
    parts = _read(url, pointer)
    if is_open_to_us(parts.host, parts.port, private_hosts):
        return
    if parts.scheme != "https":
        raise UrlNotAllowed(_("The address has to be https"), pointer=pointer, reason="scheme")
    if parts.port != DEFAULT_PORTS["https"] and parts.port < MIN_PORT:
        raise UrlNotAllowed(
            _("The port has to be 443, or 1024 or above"), pointer=pointer, reason="port"
        )
    not_public = UrlNotAllowed(
        _("The host is not known to the internet, or not at public addresses only"),
        pointer=pointer,
        reason="not_public",
    )
    address = read_address(parts.host)
    if address is not None:
        if not is_public(address):
            raise not_public
        return
    labels = _labels_of(parts.host)
    if labels is None:
        raise UrlNotAllowed(
            _(
                "This is no host name: letters, digits, hyphens and dots (other letters as"
                " xn--), or an address of IPv4 as four decimal numbers"
            ),
            pointer=pointer,
            reason="host",
        )
    if len(labels) == 1 or labels[-1] in PRIVATE_ZONES:
        raise not_public
    if resolve and not _may_be_public(parts.host, parts.port, wait):
        raise not_public


def is_open_to_us(host: str, port: int, private_hosts: Collection[str]) -> bool:
    """Whether a host may be private and spoken to without TLS: everything while debugging.

    :param private_hosts: ``host`` or ``host:port``, from the settings. Providers and receivers of
        webhooks have lists of their own: what staff may have called is not for partners.
    """
    return bool(settings.DEBUG) or host in private_hosts or f"{host}:{port}" in private_hosts


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may have it; what is wrapped in an address of IPv6 counts."""
    if isinstance(address, IPv6Address):
        inner = _wrapped_in(address)
        if inner is not None:
            return is_public(inner)
        if address not in GLOBAL_UNICAST:
            return False
    if any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def is_public_text(text: str) -> bool:
    """As ``is_public``, of an address as the system writes it, which may have a zone."""
    address = read_address(text.partition("%")[0])
    return address is not None and is_public(address)


def _wrapped_in(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _read(url: str, pointer: str) -> _Parts:
    """The parts of an address of the web that has no parts that nobody needs.

    :raises UrlNotAllowed: see :func:`require_allowed_url`.
    """
    malformed = UrlNotAllowed(
        _("This is no address of the web; other characters than those of ASCII are encoded in it"),
        pointer=pointer,
        reason="malformed",
    )
    found = URL.fullmatch(url)
    authority = AUTHORITY.fullmatch(found["authority"]) if found else None
    if found is None or authority is None:
        raise malformed
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise UrlNotAllowed(_("The address has to be https"), pointer=pointer, reason="scheme")
    if authority["user"] is not None:
        raise UrlNotAllowed(
            _("The address has no user name and no password; send them as a header"),
            pointer=pointer,
            reason="user_info",
        )
    if found["fragment"] is not None:
        raise UrlNotAllowed(
            _("The address has no fragment (#): it is never sent"),
            pointer=pointer,
            reason="fragment",
        )
    host = (authority["v6"] or authority["name"]).lower()
    port = int(authority["port"]) if authority["port"] else DEFAULT_PORTS[scheme]
    if not 0 < port <= MAX_PORT:
        raise UrlNotAllowed(_("There is no such port"), pointer=pointer, reason="port")
    if not host or (authority["v6"] and read_address(host) is None):
        raise malformed
    return _Parts(scheme, host, port)


def _labels_of(host: str) -> list[str] | None:
    """The labels of a name; None when it is no name, or a number in some spelling of IPv4."""
    labels = host.removesuffix(".").split(".")
    if len(host) > MAX_NAME or not all(LABEL.fullmatch(label) for label in labels):
        return None
    return None if NUMBER.fullmatch(labels[-1]) else labels


def _may_be_public(host: str, port: int, wait: float) -> bool:
    """Whether a name has public addresses only, as far as name servers say in time."""
    try:
        places = look_up(host, port).result(wait)
    except TimeoutError:
        return True
    except socket.gaierror as error:
        return error.errno == socket.EAI_AGAIN  # no name server answered
    except (OSError, ValueError):
        return False
    return all(is_public_text(place.address) for place in places)
