"""What the batch reads have in common."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import Api, Merchant, World

READS = {
    "/catalog/details": 5,
    "/catalog/images": 2,
    "/catalog/shelf-states": 1,
    "/catalog/prices": 1,
}
each_read = pytest.mark.parametrize("path", READS)


@each_read
def test_entries_keep_the_order_asked_when_some_cannot_be_seen(
    shop: World, merchant: Merchant, path: str
) -> None:
    shop.make_sku("A")
    shop.make_sku("B")
    shop.make_sku("HIDDEN", in_pool=False)

    response = merchant.api.get(path, sku="B,HIDDEN,A,NONE,１,B")

    results = response.json()["results"]
    assert response.status_code == 200
    assert [entry["sku"] for entry in results] == ["B", "HIDDEN", "A", "NONE", "１", "B"]
    assert [entry.get("error") for entry in results] == [
        None,
        "sku_not_available",
        None,
        "sku_not_available",
        "sku_not_available",
        None,
    ]
    assert results[1] == {"sku": "HIDDEN", "error": "sku_not_available"}
    assert results[0] == results[5]


@each_read
def test_case_counts_when_a_code_is_asked_for(shop: World, merchant: Merchant, path: str) -> None:
    shop.make_sku("Lamp")

    response = merchant.api.get(path, sku="lamp")

    assert response.json() == {"results": [{"sku": "lamp", "error": "sku_not_available"}]}


@each_read
def test_nothing_is_told_when_a_stranger_asks(
    shop: World, merchant: Merchant, stranger: Merchant, path: str
) -> None:
    shop.make_sku("A")

    response = stranger.api.get(path, sku="A")

    assert response.json() == {"results": [{"sku": "A", "error": "sku_not_available"}]}


@each_read
def test_queries_are_as_many_as_for_one_when_a_hundred_are_asked_for(
    shop: World, merchant: Merchant, django_assert_num_queries: Any, path: str
) -> None:
    codes = [f"SKU-{number:03}" for number in range(100)]
    for code in codes:
        shop.make_sku(code)
    merchant.api.get(path, sku=codes[0])  # from here on the key is known

    with django_assert_num_queries(1 + READS[path]):  # the limits, and the read
        response = merchant.api.get(path, sku=",".join(codes))

    assert [entry["sku"] for entry in response.json()["results"]] == codes
    assert not any("error" in entry for entry in response.json()["results"])


@each_read
@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ("", 422, "field_required", "?sku"),
        ("?sku=", 422, "field_required", "?sku"),
        ("?sku=,,", 422, "field_required", "?sku"),
        (f"?sku={','.join(['A'] * 101)}", 422, "too_many_items", "?sku"),
        ("?sku=A,%00", 422, "string_invalid", "?sku"),
        ("?sku=A&limit=1", 400, "filter_not_allowed", "?limit"),
        ("?sku=A&sku__in=B", 400, "filter_not_allowed", "?sku__in"),
    ],
)
def test_refused_when_the_query_is_wrong(
    shop: World,
    merchant: Merchant,
    *,
    path: str,
    query: str,
    status: int,
    code: str,
    pointer: str,
) -> None:
    response = merchant.api.get(f"{path}{query}")

    assert response.status_code == status
    assert response.json()["code"] == code
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


@each_read
def test_refused_when_no_key_is_sent(shop: World, path: str) -> None:
    response = Api().get(path, sku="A")

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"


@each_read
def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant, path: str) -> None:
    response = merchant.api_with("account:read").get(path, sku="A")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"


@each_read
def test_refused_when_the_method_is_another(shop: World, merchant: Merchant, path: str) -> None:
    response = merchant.api.post(path, {})

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
