from __future__ import annotations

import pytest

from openplatform.regions.models import RegionLibrary
from tests.cast import Merchant
from tests.sample_regions import retire_regions


def test_place_is_told_when_the_code_is_known(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.get("/regions/110101")

    assert response.status_code == 200
    assert response.json() == {
        "version": regions.version,
        "code": "110101",
        "name": "东城区",
        "level": 3,
        "parent": "110100",
        "has_children": True,
        "retired": False,
        "successor": None,
    }


def test_successor_is_told_when_the_code_is_retired(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    library = retire_regions("440305", successors={"440305": "440106"})

    response = merchant.api.get("/regions/440305")

    assert response.json() == {
        "version": library.version,
        "code": "440305",
        "name": "南山区",
        "level": 3,
        "parent": "440300",
        "has_children": False,
        "retired": True,
        "successor": "440106",
    }


def test_last_successor_is_told_when_the_first_one_retired_too(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    retire_regions("440305", successors={"440305": "110101"})
    retire_regions("440305", "110101", "110101001", successors={"110101": "440106"})

    assert merchant.api.get("/regions/440305").json()["successor"] == "440106"
    assert merchant.api.get("/regions/110101").json()["successor"] == "440106"


def test_no_successor_is_told_when_it_retired_without_one(
    regions: RegionLibrary, merchant: Merchant
) -> None:
    retire_regions("440305", successors={"440305": "110101"})
    retire_regions("440305", "110101", "110101001")

    answer = merchant.api.get("/regions/440305").json()

    assert (answer["retired"], answer["successor"]) == (True, None)


@pytest.mark.parametrize(
    "path",
    [
        "/regions/999999",
        "/regions/%EF%BC%91%EF%BC%91",
        "/regions/１１００００",
        "/regions/%00",
        "/regions/..%2F",
        "/regions/110000/",
        "/regions/110000%0A",
    ],
)
def test_not_found_when_the_code_is_unknown(
    regions: RegionLibrary, merchant: Merchant, path: str
) -> None:
    response = merchant.api.get(path)

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_refused_when_a_query_parameter_is_sent(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.get("/regions/110000", parent="1")

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"


def test_refused_when_the_method_is_another(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.post("/regions/110000", {})

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
