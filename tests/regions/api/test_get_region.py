from __future__ import annotations

from pathlib import Path

import pytest

from openplatform.regions.models import RegionLibrary
from openplatform.regions.services.loading import load_regions
from tests.cast import Merchant
from tests.sample_regions import LOADED_AT, SAMPLE, write_csv


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
    regions: RegionLibrary, merchant: Merchant, tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "regions-2025.csv", [row for row in SAMPLE if row[0] != "440305"])
    successors = tmp_path / "successors.csv"
    successors.write_text("440305,440106\n")
    library = load_regions(file=file, now=LOADED_AT, successors=successors)

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
