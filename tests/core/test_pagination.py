from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from pytest_django.fixtures import Settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from openplatform.core.api.pagination import page_body, read_limit, read_page
from openplatform.core.errors import CursorInvalid, FieldInvalid

ROWS = list(range(1, 8))


def request_for(path: str = "/api/v1/list", **parameters: str) -> Request:
    return Request(APIRequestFactory().get(path, parameters))


def read_all(limit: int) -> list[list[int]]:
    """The pages of ``ROWS``, following ``next``."""
    pages: list[list[int]] = []
    parameters = {"limit": str(limit), "kind": "a b"}
    while True:
        request = request_for(**parameters)
        page = read_page(request, order="number")
        after = page.after[0] if page.after else 0
        rows = [row for row in ROWS if row > after][: page.limit + 1]
        body = page_body(
            request, page, rows, position=lambda row: [row], show=lambda row: {"row": row}
        )
        pages.append([shown["row"] for shown in body["results"]])
        if body["next"] is None:
            return pages
        query = parse_qs(urlsplit(body["next"]).query)
        assert query["kind"] == ["a b"]
        parameters = {name: values[0] for name, values in query.items()}


@pytest.mark.parametrize(
    ("limit", "pages"),
    [
        (1, [[1], [2], [3], [4], [5], [6], [7]]),
        (3, [[1, 2, 3], [4, 5, 6], [7]]),
        (7, [ROWS]),
        (100, [ROWS]),
    ],
)
def test_every_row_comes_once_when_pages_are_followed(limit: int, pages: list[list[int]]) -> None:
    assert read_all(limit) == pages


def test_next_is_an_address_of_the_platform_when_there_is_more(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://shop.example"
    request = request_for(limit="1")
    page = read_page(request, order="number")

    body = page_body(request, page, [1, 2], position=lambda row: [row], show=lambda row: {})

    assert body["next"].startswith("https://shop.example/api/v1/list?limit=1&cursor=")


@pytest.mark.parametrize("text", ["1", "50", "100", "099"])
def test_limit_is_read_when_it_is_in_range(text: str) -> None:
    assert read_limit(request_for(limit=text)) == int(text)


def test_limit_is_fifty_when_it_is_not_named() -> None:
    assert read_limit(request_for()) == 50


@pytest.mark.parametrize(
    "text", ["0", "101", "1000000000", "-1", "1.0", "1e1", "５", "", " 5", "x"]
)
def test_limit_is_refused_when_it_is_out_of_range(text: str) -> None:
    with pytest.raises(FieldInvalid) as refusal:
        read_limit(request_for(limit=text))

    assert refusal.value.pointer == "?limit"
    assert refusal.value.facts == {"minimum": 1, "maximum": 100}


def cursor_of(path: str, order: str) -> str:
    request = request_for(path, limit="1")
    page = read_page(request, order=order)
    body = page_body(request, page, [1, 2], position=lambda row: [row], show=lambda row: {})
    cursor: str = parse_qs(urlsplit(body["next"]).query)["cursor"][0]
    return cursor


@pytest.mark.parametrize(
    ("path", "order"), [("/api/v1/other", "number"), ("/api/v1/list", "update")]
)
def test_cursor_is_refused_when_another_list_made_it(path: str, order: str) -> None:
    cursor = cursor_of(path, order)

    with pytest.raises(CursorInvalid):
        read_page(request_for(cursor=cursor), order="number")


@pytest.mark.parametrize(
    "forged", ["", ":", "a", "WzFd", "[1]", "WzFd:x", "\x00", "张", "9" * 9999]
)
def test_cursor_is_refused_when_nobody_signed_it(forged: str) -> None:
    with pytest.raises(CursorInvalid):
        read_page(request_for(cursor=forged), order="number")


def test_cursor_is_refused_when_a_character_was_changed() -> None:
    cursor = cursor_of("/api/v1/list", "number")
    changed = chr(ord(cursor[0]) ^ 1) + cursor[1:]

    assert read_page(request_for(cursor=cursor), order="number").after == [1]
    with pytest.raises(CursorInvalid):
        read_page(request_for(cursor=changed), order="number")


def test_cursor_is_refused_when_it_is_signed_for_something_else() -> None:
    foreign = signing.Signer(salt="session").sign("WzFd")

    with pytest.raises(CursorInvalid):
        read_page(request_for(cursor=foreign), order="number")
