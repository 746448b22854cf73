"""The address library in the back office."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from openplatform.regions.models import RegionLibrary
from tests.sample_regions import retire_regions


@pytest.fixture
def operator(db: None) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("operator"))
    return client


def listed(client: Client, query: str) -> list[str]:
    response = client.get(f"/admin/regions/region/?{query}")
    assert response.status_code == 200
    return [region.code for region in response.context["cl"].result_list]


def test_retired_places_without_successor_are_listed_when_filtered(
    regions: RegionLibrary, operator: Client
) -> None:
    retire_regions("440305", "650102", successors={"440305": "440106"})

    assert listed(operator, "is_retired__exact=1") == ["440305", "650102"]
    assert listed(operator, "is_retired__exact=1&successor__isempty=1") == ["650102"]
    assert listed(operator, "level__exact=3") == ["110101", "310115", "440106", "440305", "650102"]


def test_successor_and_what_it_replaces_are_shown(regions: RegionLibrary, operator: Client) -> None:
    retire_regions("440305", successors={"440305": "440106"})

    old = operator.get("/admin/regions/region/440305/change/").content.decode()
    new = operator.get("/admin/regions/region/440106/change/").content.decode()

    assert "广东省 广州市 天河区" in old
    assert "440305 广东省 深圳市 南山区" in new


def test_retired_places_are_not_offered_when_one_is_chosen(
    regions: RegionLibrary, operator: Client
) -> None:
    retire_regions("440305")

    found = operator.get(
        "/admin/autocomplete/",
        {"app_label": "catalog", "model_name": "warehouse", "field_name": "region", "term": "区"},
    ).json()

    codes = [result["id"] for result in found["results"]]
    assert "440106" in codes
    assert "440305" not in codes
