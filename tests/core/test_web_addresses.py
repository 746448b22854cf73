"""Addresses that are handed on: what may be in one, and what a page or a shop would trip over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from openplatform.core.web_addresses import require_web_address

NO_ADDRESS = " is not an http or https address"
HARMFUL = (
    ": an address has no quotes, angle brackets, backslashes, blanks or hidden characters;"
    " write them percent-encoded"
)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Faults are compared as they are written."""
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example/a.jpg",
        "HTTP://A.EXAMPLE:8080/a,b(1)!.jpg?x=1&y=%22%3E#top",
        "https://图片.example/苹果.jpg",
        "http://192.0.2.1:65535/a.jpg",
        "https://[2001:db8::1]/a.jpg",
        "https://a.example/@a.jpg?mail=a@b.example",
    ],
)
def test_address_may_be_handed_on(address: str) -> None:
    require_web_address(address)


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ('https://a.example/"><script>alert(1)</script>', HARMFUL),
        ("https://a.example/' onerror='x", HARMFUL),
        ("https://a.example/`x`", HARMFUL),
        ("https://a.example/<b>", HARMFUL),
        ("https://a.example\\@b.example/a.jpg", HARMFUL),
        ("https://a.example/a b.jpg", HARMFUL),
        (" https://a.example/a.jpg", HARMFUL),
        ("https://a.example/a.jpg\n", HARMFUL),
        ("https://a.example/a\tb.jpg", HARMFUL),
        ("https://a.example/\x00a.jpg", HARMFUL),
        ("https://a.example/\u3000a.jpg", HARMFUL),
        ("https://a.example/\u202egpj.a", HARMFUL),
        ("https://a.example/\u200ba.jpg", HARMFUL),
        ("https://a.example/\ud800.jpg", HARMFUL),
        ("https://a.example:99999/a.jpg", NO_ADDRESS),
        ("https://a.example:0/a.jpg", NO_ADDRESS),
        ("https://a.example:x/a.jpg", NO_ADDRESS),
        ("https://[::1/a.jpg", NO_ADDRESS),
        ("ftp://a.example/a.jpg", NO_ADDRESS),
        ("javascript:alert(1)", NO_ADDRESS),
        ("//a.example/a.jpg", NO_ADDRESS),
        ("https:///a.jpg", NO_ADDRESS),
        ("", NO_ADDRESS),
    ],
)
def test_refused_when_it_is_no_address_that_may_be_handed_on(address: str, fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        require_web_address(address)

    assert refused.value.messages == [f"{address}{fault}"]


@pytest.mark.parametrize("user", ["user", "user:secret", "user:", "a.example:80"])
def test_refused_without_telling_the_password_when_a_user_is_named(user: str) -> None:
    with pytest.raises(ValidationError) as refused:
        require_web_address(f"https://{user}@b.example/a.jpg")

    assert refused.value.messages == ["b.example: an address has no user name and no password"]


def test_fault_shows_the_beginning_when_the_address_is_long() -> None:
    with pytest.raises(ValidationError) as refused:
        require_web_address("x" * 5000)

    assert refused.value.messages == ["x" * 80 + NO_ADDRESS]
