from __future__ import annotations

import pytest

from openplatform.regions.index import get_index
from tests.racing import race
from tests.sample_regions import load_sample_regions, retire_regions


@pytest.mark.django_db(transaction=True)
def test_index_is_built_once_when_threads_ask_at_once() -> None:
    load_sample_regions()
    version = retire_regions("440305").version

    found = race(*[lambda: get_index(version)] * 4)

    assert len({id(index) for index in found}) == 1
    assert get_index(version) is found[0]


@pytest.mark.django_db
def test_index_is_built_anew_when_the_version_is_another() -> None:
    first = get_index(load_sample_regions().version)

    second = get_index(retire_regions("440305").version)

    assert "440305" in first.codes
    assert second is not first
    assert [place.full for place in second.mentions("南山区")] == []


@pytest.mark.django_db
def test_places_stand_in_the_order_of_their_codes() -> None:
    index = get_index(load_sample_regions().version)

    assert index.codes == sorted(index.codes)
    assert [index.codes[place] for place in index.path(index.codes.index("110101001"))] == [
        "110000",
        "110100",
        "110101",
        "110101001",
    ]


@pytest.mark.django_db
def test_retired_place_lies_where_it_lay_and_where_its_successor_lies() -> None:
    load_sample_regions()
    index = get_index(retire_regions("440305", successors={"440305": "440106"}).version)
    place = index.codes.index("440305")

    assert index.codes[index.follows[place]] == "440106"
    assert [index.codes[above] for above in index.above[place]] == [
        "440300",
        "440000",
        "440106",
        "440100",
    ]
