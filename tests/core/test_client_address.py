"""Whose address counts, behind no proxy, a trusted one and a forged header."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory

from openplatform.core.api.client_address import address_of
from openplatform.core.networks import TrustedProxies

ROOT = Path(__file__).parents[2]
PROXIES = TrustedProxies.parse(["10.0.0.0/8", "fd00::/8"])


def seen(settings: LazySettings, peer: str, forwarded: str | None, trusted: object) -> str:
    """The address of a request from a peer with a header."""
    settings.TRUSTED_PROXIES = trusted
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return address_of(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))


@pytest.mark.parametrize("forwarded", [None, "", "198.51.100.1", "10.0.0.9, 198.51.100.1"])
@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
    ],
)
def test_peer_counts_when_no_proxy_is_trusted(
    settings: LazySettings, peer: str, address: str, forwarded: str | None
) -> None:
    assert seen(settings, peer, forwarded, TrustedProxies()) == address


@pytest.mark.parametrize("peer", ["203.0.113.7", "fc00::1", "11.0.0.1", ""])
def test_peer_counts_when_it_is_not_among_the_trusted_proxies(
    settings: LazySettings, peer: str
) -> None:
    assert seen(settings, peer, "198.51.100.1", PROXIES) == peer


@pytest.mark.parametrize("peer", ["10.0.0.2", "::ffff:10.0.0.2", "fd00::2"])
@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.1", "198.51.100.1"),
        (" 198.51.100.1 ", "198.51.100.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("198.51.100.1, fd00::3, 10.0.0.3", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("garbage, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.4, 10.0.0.3", "10.0.0.4"),
        ("198.51.100.1:4711", "198.51.100.1"),
        ("[2001:db8::5]:443", "2001:db8::5"),
        ("[2001:db8::5]", "2001:db8::5"),
    ],
)
def test_entry_next_to_the_trusted_proxies_counts_when_the_peer_is_one(
    settings: LazySettings, peer: str, forwarded: str, address: str
) -> None:
    assert seen(settings, peer, forwarded, PROXIES) == address


@pytest.mark.parametrize("forwarded", [None, "", " "])
def test_peer_counts_when_the_trusted_proxy_names_nobody(
    settings: LazySettings, forwarded: str | None
) -> None:
    assert seen(settings, "10.0.0.2", forwarded, PROXIES) == "10.0.0.2"


@pytest.mark.parametrize(
    "forwarded",
    [
        ",", "unknown", "198.51.100.1,", "198.51.100.1, garbage", "198.51.100.1, _hidden, 10.0.0.3",
        "1.2.3", "0x7f000001", "١.1.1.1", "9" * 5000, "[198.51.100.1", "198.51.100.1:x", "1.2.3:4",
    ],
)  # fmt: skip
def test_nobody_counts_when_the_trusted_proxy_says_something_unreadable(
    settings: LazySettings, forwarded: str
) -> None:
    assert seen(settings, "10.0.0.2", forwarded, PROXIES) == ""


def test_another_header_counts_when_the_setting_names_it(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    settings.CLIENT_ADDRESS_HEADER = "HTTP_CLIENTADDRESS"
    headers = {"X-Forwarded-For": "1.1.1.1", "Clientaddress": "198.51.100.1"}

    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.2", headers=headers)

    assert address_of(request) == "198.51.100.1"


def test_header_counts_by_a_unix_socket_when_that_is_trusted(settings: LazySettings) -> None:
    trusted = TrustedProxies.parse(["unix"])

    assert seen(settings, "", "1.1.1.1, 198.51.100.1", trusted) == "198.51.100.1"
    assert seen(settings, "", None, trusted) == ""
    assert seen(settings, "203.0.113.7", "198.51.100.1", trusted) == "203.0.113.7"


@pytest.mark.parametrize("name", ["10.0.0.1/8", "proxy.example.com", "*", "10.0.0.0/33", "UNIX"])
def test_setting_is_refused_when_it_names_no_network(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        TrustedProxies.parse(["10.0.0.0/8", name])


def test_nothing_starts_when_the_environment_names_no_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        env={**os.environ, "TRUSTED_PROXIES": "10.0.0.0/8, everybody"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "ImproperlyConfigured: TRUSTED_PROXIES names networks" in done.stderr


def test_address_is_in_the_context_while_a_request_runs(client: Client) -> None:
    client.get("/healthz", REMOTE_ADDR="::ffff:203.0.113.7")

    assert structlog.contextvars.get_contextvars()["address"] == "203.0.113.7"
