from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from openplatform.regions.models import RegionLibrary
from tests.cast import Api, Merchant
from tests.sample_regions import retire_regions

NANSHAN = [
    {"code": "440000", "name": "广东省", "level": 1},
    {"code": "440300", "name": "深圳市", "level": 2},
    {"code": "440305", "name": "南山区", "level": 3},
]


def test_place_is_found_with_its_path_when_the_address_names_it(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    response = merchant.api.post(
        "/regions/resolve", {"text": "收货地址：广东省深圳市南山区科技园路1号"}
    )

    assert response.status_code == 200
    assert response.json() == {
        "version": regions.version,
        "results": [{"code": "440305", "path": NANSHAN, "confidence": 1.0}],
    }


@pytest.mark.parametrize("text", ["你好", "138 0013 8000", "!?", "🏠", "x" * 300])
def test_list_is_empty_when_the_text_names_no_place(
    regions: RegionLibrary, merchant: Merchant, text: str
) -> None:
    response = merchant.api.post("/regions/resolve", {"text": text})

    assert response.status_code == 200
    assert response.json() == {"version": regions.version, "results": []}


def test_lines_of_an_address_are_read_as_one(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.post("/regions/resolve", {"text": "张三\n广东\t深圳\r\n南山区"})

    assert response.json()["results"][0]["code"] == "440305"


def test_successor_is_found_when_the_text_names_a_retired_place(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    assert codes_of(merchant, "深圳市南山区") == ["440305"]
    library = retire_regions("440305", successors={"440305": "440106"})

    response = merchant.api.post("/regions/resolve", {"text": "深圳市南山区"})

    assert response.json() == {
        "version": library.version,
        "results": [
            {
                "code": "440106",
                "path": [
                    {"code": "440000", "name": "广东省", "level": 1},
                    {"code": "440100", "name": "广州市", "level": 2},
                    {"code": "440106", "name": "天河区", "level": 3},
                ],
                "confidence": 1.0,
            }
        ],
    }


def test_place_above_is_found_when_nothing_follows_the_retired_one(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    retire_regions("440305")

    assert codes_of(merchant, "深圳市南山区") == ["440300"]


def test_successor_is_found_when_it_was_named_after_the_load(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    retire_regions("440305")
    assert codes_of(merchant, "南山区") == []

    retire_regions("440305", successors={"440305": "440106"})

    assert codes_of(merchant, "南山区") == ["440106"]


def test_one_statement_more_than_the_key_takes_when_the_index_is_there(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    merchant.api.post("/regions/resolve", {"text": "深圳"})

    with CaptureQueriesContext(connection) as queries:
        merchant.api.post("/regions/resolve", {"text": "深圳"})

    touched = [query["sql"] for query in queries if "regions_" in query["sql"]]
    assert len(touched) == 1
    assert "regions_regionlibrary" in touched[0]


@pytest.mark.parametrize(
    "text",
    [
        "  北京东城区 ",
        "北\u200b京市东城区",
        "\u202e北京东城区",
        "北京\r\n\u2028东城区",
        "北京东城区 cafe\u0301",
        "\ufeff北京东城区\t",
    ],
)
def test_address_is_found_as_people_paste_it(
    merchant: Merchant, regions: RegionLibrary, text: str
) -> None:
    response = merchant.api.post("/regions/resolve", {"text": text})

    assert response.status_code == 200
    assert response.json()["results"][0]["code"] == "110101"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/text", "field_required"),
        ({"text": None}, "/text", "field_required"),
        ({"text": ""}, "/text", "field_required"),
        ({"text": "京" * 301}, "/text", "field_invalid"),
        ({"text": 1}, "/text", "field_invalid"),
        ({"text": ["北京"]}, "/text", "field_invalid"),
        ({"text": " \u200b "}, "/text", "field_required"),
        ({"text": "北\x00京"}, "/text", "string_invalid"),
        ({"text": "北\ud800京"}, "/text", "string_invalid"),
        ({"text": "北京", "limit": 5}, "/limit", "unknown_field"),
    ],
)
def test_refused_when_the_body_is_another(
    regions: RegionLibrary, merchant: Merchant, body: Any, pointer: str, code: str
) -> None:
    response = merchant.api.post("/regions/resolve", body)

    assert response.status_code == 422
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
        (pointer, code)
    ]


def test_refused_when_a_query_parameter_is_sent(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.request(
        "POST", "/regions/resolve", body={"text": "北京"}, query={"limit": "1"}
    )

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_when_the_method_is_get(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.get("/regions/resolve")

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_not_found_when_no_library_was_loaded(merchant: Merchant) -> None:
    response = merchant.api.post("/regions/resolve", {"text": "北京"})

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_any_key_opens_it_when_it_has_a_single_scope(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    response = merchant.api_with("account:read").post("/regions/resolve", {"text": "北京"})

    assert response.status_code == 200


def test_key_is_asked_for_when_none_is_sent(regions: RegionLibrary) -> None:
    response = Api().post("/regions/resolve", {"text": "北京"})

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")


def codes_of(merchant: Merchant, text: str) -> list[str]:
    results = merchant.api.post("/regions/resolve", {"text": text}).json()["results"]
    return [result["code"] for result in results]
