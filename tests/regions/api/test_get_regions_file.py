from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest

from openplatform.regions.models import RegionLibrary
from openplatform.regions.services.loading import load_regions
from tests.cast import Merchant
from tests.sample_regions import HEADER, LOADED_AT, SAMPLE, write_csv


@pytest.mark.parametrize("accept", [None, "*/*", "application/gzip", "text/html, */*;q=0.8"])
def test_whole_library_is_sent_when_gzip_is_accepted(
    regions: RegionLibrary, merchant: Merchant, accept: str | None
) -> None:
    response = merchant.api.get("/regions/file", headers={"Accept": accept} if accept else None)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/gzip"
    assert response.headers["ETag"] == f'"{regions.version}"'
    assert response.headers["Content-Disposition"] == (
        f'attachment; filename="regions-{regions.version}.csv.gz"'
    )
    assert "Content-Encoding" not in response.headers
    text = gzip.decompress(response.content).decode()
    assert list(csv.reader(io.StringIO(text))) == [list(HEADER), *(list(row) for row in SAMPLE)]


@pytest.mark.parametrize("header", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_file_is_not_sent_again_when_the_etag_is_known(
    regions: RegionLibrary, merchant: Merchant, header: str
) -> None:
    response = merchant.api.get(
        "/regions/file", headers={"If-None-Match": header.format(regions.version)}
    )

    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["ETag"] == f'"{regions.version}"'


def test_file_is_sent_again_when_a_new_release_was_loaded(
    regions: RegionLibrary, merchant: Merchant, tmp_path: Path
) -> None:
    etag = merchant.api.get("/regions/file").headers["ETag"]
    file = write_csv(tmp_path / "regions-2025.csv", SAMPLE[:4])
    load_regions(file=file, now=LOADED_AT)

    response = merchant.api.get("/regions/file", headers={"If-None-Match": etag})

    assert response.status_code == 200
    assert response.headers["ETag"] != etag
    assert gzip.decompress(response.content) == file.read_bytes()


def test_refused_when_only_json_is_accepted(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.get("/regions/file", headers={"Accept": "application/json"})

    assert response.status_code == 406
    assert response.json()["code"] == "not_acceptable"


def test_refused_when_a_query_parameter_is_sent(regions: RegionLibrary, merchant: Merchant) -> None:
    response = merchant.api.get("/regions/file", format="csv")

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"


def test_not_found_when_no_library_was_loaded(merchant: Merchant) -> None:
    response = merchant.api.get("/regions/file")

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
