"""Row 31 of the table of bad input, at the door for pictures that anybody may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as platform
from django.test import Client

from openplatform.core.uploads import storage
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.public import public_address, public_name
from openplatform.core.uploads.storage import delete_quietly, store_file
from tests.core.uploads.test_links import NOW, ask, assert_refused, body

PNG = CleanFile(b"pixels", "png")


@pytest.fixture
def public() -> Iterator[None]:
    """A public folder beside ``samples``, which is none."""
    storage.register_folder("shown", set().intersection, is_public=True)
    yield
    del storage.FOLDERS["shown"]


@pytest.fixture
def name(public: None, files: object, rows: set[str]) -> str:
    """A stored picture that anybody may see."""
    return store_file(PNG, folder="shown", now=NOW)


def test_anybody_may_see_and_keep_a_picture_when_its_folder_is_public(name: str) -> None:
    answer = ask(public_address(name))

    assert (answer.status_code, body(answer)) == (200, b"pixels")
    headers = {key: value for key, value in answer.headers.items() if key != "X-Request-Id"}
    random_part = name.rpartition("/")[2].removesuffix(".png")
    assert headers == {
        "Content-Type": "image/png",
        "Content-Length": "6",
        "Content-Disposition": f'inline; filename="{random_part}.png"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'"{random_part}"',
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    assert not answer.cookies


@pytest.mark.parametrize("known", ["{etag}", "W/{etag}", '"x", {etag}', "*"])
def test_nothing_is_sent_again_when_it_is_there_already(known: str, name: str) -> None:
    address = public_address(name)
    etag = f'"{name.rpartition("/")[2].removesuffix(".png")}"'

    answer = ask(address, **{"If-None-Match": known.format(etag=etag)})

    assert (answer.status_code, answer.content) == (304, b"")
    assert "Content-Length" not in answer.headers
    assert answer.headers["ETag"] == etag


def test_it_is_sent_when_another_one_is_there(name: str) -> None:
    answer = ask(public_address(name), **{"If-None-Match": '"other"'})

    assert (answer.status_code, body(answer)) == (200, b"pixels")


@pytest.mark.django_db  # closing an answer looks after connections
def test_its_head_is_answered_and_nothing_else_when_it_is_asked_for(name: str) -> None:
    address = public_address(name)

    head = ask(address, "HEAD")
    head.close()

    assert (head.status_code, head.headers["Content-Length"]) == (200, "6")
    for method in ("POST", "PUT", "DELETE"):
        assert_refused(ask(address, method), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "shown",
        "shown/",
        "shown/2026/11/",
        "../secret_key",
        "..%2fsecret_key",
        "%2e%2e/%2e%2e/etc/passwd",
        "shown/../samples/2026/11/ABCDEFGHJKMNPQRSTVWXYZ0123.png",
        "shown/2026/11/../../../secret_key",
        "shown/2026/11/%2e%2e%2f%2e%2e%2fsecret_key",
        "shown%2f2026%2f11%2fABCDEFGHJKMNPQRSTVWXYZ0123.png",
        "/etc/passwd",
        "shown/2026/11/ABCDEFGHJKMNPQRSTVWXYZ0123.png",
        "shown/2026/11/ABCDEFGHJKMNPQRSTVWXYZ0123.pdf",
        "shown/2026/11/ABCDEFGHJKMNPQRSTVWXYZ0123.html",
        "shown/2026/11/ABCDEFGHJKMNPQRSTVWXYZ0123.png%00",
        "shown/2026/11/ABCDEFGHJKMNPQRSTVWXYZ0123.png/",
        "shown/2026/11/ABCDEFGHJKMNPQRSTVWXYZ012３.png",
        "shown\\2026\\11\\ABCDEFGHJKMNPQRSTVWXYZ0123.png",
        "nowhere/2026/11/ABCDEFGHJKMNPQRSTVWXYZ0123.png",
    ],
)
def test_there_is_nothing_when_it_is_not_the_name_of_a_public_picture(path: str, name: str) -> None:
    assert_refused(ask(f"/pictures/{path}"), 404, "not_found")


def test_there_is_nothing_when_the_folder_is_not_public_or_the_file_no_picture(
    name: str, files: object, rows: set[str]
) -> None:
    hidden = store_file(PNG, folder="samples", now=NOW)
    paper = store_file(CleanFile(b"%PDF-", "pdf"), folder="shown", now=NOW)

    for stored in (hidden, paper):
        assert_refused(ask(f"/pictures/{stored}"), 404, "not_found")
        with pytest.raises(ValueError, match="not the name of a public picture"):
            public_address(stored)


def test_there_is_nothing_when_the_picture_is_gone(name: str) -> None:
    address = public_address(name)
    delete_quietly(name)

    assert_refused(ask(address), 404, "not_found")
    assert_refused(ask(address, **{"If-None-Match": "*"}), 404, "not_found")


def test_name_is_found_in_an_address_of_ours_only(name: str) -> None:
    addresses: dict[str, Any] = {
        public_address(name): name,
        f"https://example.com/pictures/{name}": None,
        f"{platform.PUBLIC_URL}/pictures/x.png": None,
        name: None,
    }

    assert {address: public_name(address) for address in addresses} == addresses


def test_session_stays_closed_when_a_picture_is_asked_for_by_staff(name: str) -> None:
    client = Client()
    client.cookies["sessionid"] = "x"

    answer = client.get(public_address(name).removeprefix(platform.PUBLIC_URL))

    assert (answer.status_code, body(answer)) == (200, b"pixels")
    assert not answer.cookies
