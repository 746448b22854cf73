"""Which addresses may be registered, and which addresses of machines are public."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings as project_settings

from openplatform.core.errors import UrlNotAllowed
from openplatform.core.outgoing.addresses import is_public, require_allowed_url
from openplatform.core.outgoing.faults import AddressNotAllowed, HttpFault
from tests.core.outgoing.conftest import PRIVATE, PUBLIC, Ask, ask_async, resolving

CONFORMANCE = Path(project_settings.BASE_DIR).parent / "shared" / "data" / "conformance"
LISTS = [CONFORMANCE / "ssrf_urls.txt", CONFORMANCE / "ssrf_cloud_metadata_urls.txt"]
needs_lists = pytest.mark.skipif(
    not all(path.exists() for path in LISTS),
    reason="../shared/data/conformance/ssrf_*.txt are missing",
)
# Of the lists: in public hands, and nothing is wrong with them but where they may lead.
PUBLIC_HOSTS = {
    "1.1.1.1", "169.254.169.254.nip.io", "307.r3dir.me", "azure.microsoft.com",
    "62epax5fhvj3zzmzigyoe5ipkbn7fysllvges3a.302.r3dir.me", "developers.digitalocean.com",
    "4d0cf09b9b2d761a7d87be99d17507bce8b86f3b.flaws.cloud", "docs.microsoft.com", "example.com",
    "help.redacted.com", "metadata.packet.net", "nicob.net", "www.googleapis.com",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_private_hosts(settings: Any, _private_hosts: None) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = []


def reason_of(url: str, **options: Any) -> str | None:
    """Why an address is refused."""
    try:
        require_allowed_url(url, private_hosts=project_settings.OUTGOING_PRIVATE_HOSTS, **options)
    except UrlNotAllowed as error:
        return str(error.facts["reason"])
    return None


def list_urls() -> list[str]:
    """Those of the lists, and the same with https where only http was wrong."""
    urls = [line for path in LISTS for line in path.read_text("utf-8").splitlines() if line]
    return [*urls, *(f"https:{url[5:]}" for url in urls if url.startswith("http:"))]


@needs_lists
def test_listed_urls_are_refused_unless_their_host_is_public(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = resolving(monkeypatch, PUBLIC)

    urls = list_urls()
    allowed = [url for url in urls if reason_of(url) is None]

    assert len(urls) > 250
    assert {url.split("/")[2] for url in allowed} == PUBLIC_HOSTS
    assert all(url.startswith("https://") for url in allowed)
    assert set(asked) == PUBLIC_HOSTS - {"1.1.1.1"}


@needs_lists
def test_listed_urls_are_refused_when_their_names_are_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, "169.254.169.254")

    assert {url for url in list_urls() if reason_of(url) is None} == {"https://1.1.1.1"}


@needs_lists
def test_listed_urls_are_refused_at_connect_when_their_names_are_private(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, PRIVATE)
    expected = AddressNotAllowed if ask is ask_async else HttpFault
    urls = [url for url in list_urls() if not url.endswith("://1.1.1.1")]

    for url in urls:
        with pytest.raises(expected):
            ask(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com",
        "https://shop.example.com/",
        "https://SHOP.example.com./hooks/a%20b?key=v&x=[]".replace("[]", "%5B%5D"),
        "https://shop.example.com:443/a",
        "https://shop.example.com:8443/a",
        "https://xn--fsqu00a.example.com/",
        "https://a_b.example.com/",
        "https://93.184.216.34/",
        "https://[2606:4700::1111]:8443/",
        "https://[64:ff9b::93.184.216.34]/",
    ],
)
def test_url_is_allowed_when_it_is_https_to_a_public_host(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, PUBLIC, "2606:4700::1111")

    assert reason_of(url) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "malformed"),
        ("shop.example.com", "malformed"),
        ("https://", "malformed"),
        ("https:///a", "malformed"),
        ("https://:443/", "malformed"),
        ("https://shop.example.com:/", "malformed"),
        ("https://shop.example.com:port/", "malformed"),
        ("https://shop.example.com/a b", "malformed"),
        ("https://shop.example.com/a\n", "malformed"),
        ("https://shop.example.com/\x00", "malformed"),
        (" https://shop.example.com/", "malformed"),
        ("https://shop.example.com\\a", "host"),
        ("https://shop.example.com/\\a", "malformed"),
        ("https://shop.example.com\\@inside.example.com/", "user_info"),
        ("https://shop.example.com/商店", "malformed"),
        ("https://[::1", "malformed"),
        ("https://[::1]a/", "malformed"),
        ("https://[fe80::1%25eth0]/", "malformed"),
        ("https://[::g]/", "malformed"),
        ("https://[1::2::3]/", "malformed"),
        ("http://shop.example.com/", "scheme"),
        ("ftp://shop.example.com/", "scheme"),
        ("https://name@shop.example.com/", "user_info"),
        ("https://name:word@shop.example.com/", "user_info"),
        ("https://@shop.example.com/", "user_info"),
        ("https://shop.example.com/#", "fragment"),
        ("https://shop.example.com/a#b", "fragment"),
        ("https://shop.example.com:0/", "port"),
        ("https://shop.example.com:22/", "port"),
        ("https://shop.example.com:80/", "port"),
        ("https://shop.example.com:65536/", "port"),
        ("https://shop..example.com/", "host"),
        ("https://.example.com/", "host"),
        ("https://-shop.example.com/", "host"),
        (f"https://{'a' * 64}.example.com/", "host"),
        (f"https://{'a.' * 130}example.com/", "host"),
        ("https://店.example.com/", "host"),
        ("https://ｅxample.com/", "host"),
        ("https://127。0。0。1/", "host"),
        ("https://%31%32%37.0.0.1/", "host"),
        ("https://127.1/", "host"),
        ("https://127.0.0.1./", "host"),
        ("https://0177.0.0.1/", "host"),
        ("https://0x7f.1/", "host"),
        ("https://0x/", "host"),
        ("https://2130706433/", "host"),
        ("https://93.184.216.034/", "host"),
        ("https://shop.example.1/", "host"),
        ("https://127.0.0.1/", "not_public"),
        ("https://10.0.0.1/", "not_public"),
        ("https://100.64.0.1/", "not_public"),
        ("https://169.254.169.254/", "not_public"),
        ("https://192.0.0.192/", "not_public"),
        ("https://0.0.0.0/", "not_public"),
        ("https://255.255.255.255/", "not_public"),
        ("https://[::1]/", "not_public"),
        ("https://[::]/", "not_public"),
        ("https://[::ffff:127.0.0.1]/", "not_public"),
        ("https://[::127.0.0.1]/", "not_public"),
        ("https://[64:ff9b::7f00:1]/", "not_public"),
        ("https://[64:ff9b:1::7f00:1]/", "not_public"),
        ("https://[2002:7f00:1::]/", "not_public"),
        ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "not_public"),
        ("https://[fd00:ec2::254]/", "not_public"),
        ("https://[fec0::1]/", "not_public"),
        ("https://[fe80::1]/", "not_public"),
        ("https://localhost/", "not_public"),
        ("https://LOCALHOST./", "not_public"),
        ("https://metadata/", "not_public"),
        ("https://a.localhost/", "not_public"),
        ("https://metadata.google.internal/", "not_public"),
        ("https://printer.local/", "not_public"),
        ("https://1.0.0.10.in-addr.arpa/", "not_public"),
    ],
)
def test_url_is_refused_for_what_it_says(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolving(monkeypatch, PUBLIC)

    assert reason_of(url) == reason
    assert asked == []


@pytest.mark.parametrize("address", [PRIVATE, "127.0.0.1", "::1", "fe80::1%eth0", "::ffff:a00:1"])
def test_url_is_refused_when_one_address_of_its_name_is_private(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, PUBLIC, address)

    assert reason_of("https://shop.example.com/") == "not_public"
    assert reason_of("https://shop.example.com/", resolve=False) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [(socket.EAI_NONAME, "not_public"), (socket.EAI_AGAIN, None)],
    ids=["no_such_name", "no_name_server"],
)
def test_url_is_refused_when_there_is_no_such_name(
    error: int, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_place: Any, **_kind: Any) -> list[Any]:
        raise socket.gaierror(error, "told so")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    assert reason_of("https://shop.example.com/") == expected


def test_url_is_allowed_when_no_name_server_answers_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ending = Event()

    def hang(*_place: Any, **_kind: Any) -> list[Any]:
        ending.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()

    assert reason_of("https://shop.example.com/", wait=0.1) is None

    ending.set()
    assert time.monotonic() - began < 3


def test_private_host_is_allowed_when_it_is_named(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1:9000", "receiver"]
    asked = resolving(monkeypatch, PRIVATE)

    assert reason_of("http://127.0.0.1:9000/hook") is None
    assert reason_of("http://receiver/hook") is None
    assert reason_of("http://receiver:81/hook") is None
    assert reason_of("http://127.0.0.1:9001/hook") == "scheme"
    assert reason_of("https://127.0.0.1:9001/hook") == "not_public"
    assert reason_of("http://me@receiver/hook") == "user_info"
    assert asked == []


def test_everything_is_open_while_debugging(settings: Any) -> None:
    settings.DEBUG = True

    assert reason_of("http://localhost:8000/hook") is None
    assert reason_of("ftp://localhost/") == "scheme"


def test_pointer_names_the_field_at_fault() -> None:
    with pytest.raises(UrlNotAllowed) as caught:
        require_allowed_url("http://shop.example.com/", pointer="/endpoint/url")

    assert (caught.value.code, caught.value.status) == ("url_not_allowed", 422)
    assert caught.value.pointer == "/endpoint/url"
    assert caught.value.facts == {"reason": "scheme"}
    assert str(caught.value.detail) == "The address has to be https"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True), ("2606:4700::1", True), ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True), ("2002:5db8:d822::1", True), ("224.0.0.1", False),
        ("::", False), ("::93.184.216.34", False), ("::ffff:0:93.184.216.34", False),
        ("192.88.99.1", False), ("192.0.0.9", False), ("198.18.0.1", False), ("240.0.0.1", False),
        ("2001:db8::1", False), ("3fff::1", False), ("5f00::1", False), ("ff0e::1", False),
        ("2001:0:5db8:d822::1", False), ("100::1", False),
    ],
)  # fmt: skip
def test_address_is_public_when_anybody_may_have_it(address: str, expected: bool) -> None:
    assert is_public(ip_address(address)) is expected
