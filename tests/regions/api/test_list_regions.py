from __future__ import annotations

from pathlib import Path

import pytest

from openplatform.regions.models import RegionLibrary
from openplatform.regions.services.loading import load_regions
from tests.cast import Api, Merchant
from tests.sample_regions import LOADED_AT, SAMPLE, retire_regions, write_csv


def province(code: str, name: str) -> dict[str, object]:
    return {"code": code, "name": name, "level": 1, "parent": None, "has_children": True}


def test_provinces_are_listed_when_no_parent_is_named(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    response = merchant.api.get("/regions")

    assert response.status_code == 200
    assert response.json() == {
        "version": regions.version,
        "results": [
            province("110000", "北京市"),
            province("310000", "上海市"),
            province("440000", "广东省"),
            province("650000", "新疆维吾尔自治区"),
        ],
    }


def test_towns_are_listed_when_the_parent_is_a_city_without_districts(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    response = merchant.api.get("/regions", parent="441900")

    assert response.json() == {
        "version": regions.version,
        "results": [
            {
                "code": "441900003",
                "name": "东城街道",
                "level": 4,
                "parent": "441900",
                "has_children": False,
            }
        ],
    }


def test_list_is_empty_when_the_parent_has_no_children(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    response = merchant.api.get("/regions", parent="110101001")

    assert response.status_code == 200
    assert response.json() == {"version": regions.version, "results": []}


def test_retired_places_are_left_out_when_listed(
    regions: RegionLibrary, merchant: Merchant, tmp_path: Path
) -> None:
    rows = [row for row in SAMPLE if not row[0].startswith("65")]
    load_regions(file=write_csv(tmp_path / "regions-2025.csv", rows), now=LOADED_AT)

    listed = merchant.api.get("/regions").json()["results"]

    assert [row["code"] for row in listed] == ["110000", "310000", "440000"]
    assert merchant.api.get("/regions", parent="650000").json()["results"] == []


def test_places_below_the_successor_are_listed_when_the_parent_is_retired(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    etag = merchant.api.get("/regions", parent="440300").headers["ETag"]
    library = retire_regions("440300", "440305", successors={"440300": "440100"})

    response = merchant.api.get("/regions", parent="440300", headers={"If-None-Match": etag})

    assert response.status_code == 200
    assert response.json() == {
        "version": library.version,
        "results": [
            {
                "code": "440106",
                "name": "天河区",
                "level": 3,
                "parent": "440100",
                "has_children": False,
            }
        ],
    }


def test_list_is_not_sent_again_when_the_etag_is_known(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    etag = merchant.api.get("/regions", parent="110000").headers["ETag"]

    response = merchant.api.get(
        "/regions", parent="110000", headers={"If-None-Match": f'"other", {etag}'}
    )

    assert etag == f'"{regions.version}"'
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["ETag"] == etag


@pytest.mark.parametrize("parent", ["999999", "１１００００", "\x00", "../", ""])
def test_not_found_when_the_parent_is_unknown(
    regions: RegionLibrary, merchant: Merchant, parent: str
) -> None:
    response = merchant.api.get("/regions", parent=parent)

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_not_found_when_the_parent_is_unknown_and_an_etag_is_sent(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    response = merchant.api.get("/regions", parent="9", headers={"If-None-Match": "*"})

    assert response.status_code == 404


@pytest.mark.parametrize("name", ["level", "parent__code", "ordering", "limit"])
def test_refused_when_a_query_parameter_is_unknown(
    regions: RegionLibrary, merchant: Merchant, name: str
) -> None:
    response = merchant.api.get(f"/regions?{name}=1")

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"
    assert response.json()["errors"][0]["pointer"] == f"?{name}"


def test_not_found_when_no_library_was_loaded(merchant: Merchant) -> None:
    response = merchant.api.get("/regions")

    assert response.status_code == 404


def test_any_key_opens_it_when_it_has_a_single_scope(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    response = merchant.api_with("account:read").get("/regions")

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/regions", "/regions/110000", "/regions/file"])
def test_key_is_asked_for_when_none_is_sent(regions: RegionLibrary, path: str) -> None:
    response = Api().get(path)

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"
