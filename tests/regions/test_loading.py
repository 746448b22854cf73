from __future__ import annotations

import gzip
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Partner
from openplatform.core.errors import DomainError, FileInvalid, NotFound, Refusal
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from openplatform.regions.models import Region, RegionLibrary
from openplatform.regions.selectors import get_library_version, get_region, list_children
from openplatform.regions.services.loading import SHIPPED_FILE, LibraryChange, load_regions
from tests.cast import Merchant
from tests.sample_regions import (
    HEADER,
    LOADED_AT,
    SAMPLE,
    load_sample_regions,
    retire_regions,
    write_csv,
)

LATER = LOADED_AT + timedelta(days=1)


def snapshot() -> list[Any]:
    return [*Region.objects.order_by("code").values(), *RegionLibrary.objects.values()]


def counts(change: LibraryChange) -> tuple[int, int, int, int]:
    return change.added, change.changed, change.retired, change.reinstated


def without(*codes: str) -> list[tuple[str, ...]]:
    return [row for row in SAMPLE if row[0] not in codes]


@pytest.mark.django_db
def test_whole_library_is_loaded_when_no_file_is_named() -> None:
    library = load_regions(file=None, now=LOADED_AT).library

    content = gzip.decompress(SHIPPED_FILE.read_bytes())
    assert Region.objects.count() == 44_558
    assert [Region.objects.filter(level=level).count() for level in (1, 2, 3, 4)] == [
        34,
        369,
        3_266,
        40_889,
    ]
    assert list_children(parent=None).count() == 34
    assert Region.objects.filter(level=4, parent__level=2).count() == 77
    assert library.version == f"2024-{hashlib.sha256(content).hexdigest()[:8]}"
    assert library.loaded_at == LOADED_AT
    assert gzip.decompress(library.file) == content


def test_paths_run_from_province_to_place_when_loaded(regions: RegionLibrary) -> None:
    town = get_region(code="110101001")

    assert town.path == ["110000", "110100", "110101", "110101001"]
    assert town.path_name == "北京市 北京市 东城区 东华门街道"
    assert town.has_children is False
    assert get_region(code="110101").has_children is True


def test_towns_hang_under_the_city_when_it_has_no_districts(regions: RegionLibrary) -> None:
    towns = list_children(parent="441900")

    assert [(town.code, town.level, town.path) for town in towns] == [
        ("441900003", 4, ["440000", "441900", "441900003"])
    ]
    assert get_region(code="441900").has_children is True


def test_nothing_changes_when_the_same_version_is_loaded_again(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    before = snapshot()
    file = write_csv(tmp_path / "regions-2024.csv", SAMPLE)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        again = load_regions(file=file, now=LATER).library

    assert again.version == regions.version
    assert snapshot() == before
    assert not [
        query["sql"]
        for query in queries
        if query["sql"].lstrip().startswith(("INSERT", "UPDATE", "DELETE"))
    ]


def test_version_and_file_are_the_same_when_the_input_was_packed(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    plain = write_csv(tmp_path / "plain.csv", SAMPLE).read_bytes()
    packed = tmp_path / "regions-2024.csv.gz"
    packed.write_bytes(gzip.compress(plain))

    again = load_regions(file=packed, now=LATER).library

    assert again.version == regions.version
    assert gzip.decompress(bytes(again.file)) == plain


def test_version_is_the_hash_alone_when_the_name_has_no_year(db: None, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "library.csv", SAMPLE)

    library = load_regions(file=file, now=LOADED_AT).library

    assert library.version == hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    assert get_library_version() == library.version


def test_changed_rows_follow_the_file_when_a_new_release_is_loaded(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    rows = [
        *(("440300", "440000", "2", "新深圳市") if row[0] == "440300" else row for row in SAMPLE),
        ("440306", "440300", "3", "宝安区"),
    ]

    library = load_regions(file=write_csv(tmp_path / "regions-2025.csv", rows), now=LATER).library

    assert library.version.startswith("2025-")
    assert library.loaded_at == LATER
    assert RegionLibrary.objects.count() == 1
    assert get_region(code="440305").path_name == "广东省 新深圳市 南山区"
    assert get_region(code="440306").path == ["440000", "440300", "440306"]
    assert Region.objects.count() == 18


def test_missing_codes_retire_and_stay_readable_when_a_new_release_is_loaded(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "regions-2025.csv", without("441900", "441900003"))
    successors = tmp_path / "successors.csv"
    successors.write_text("old_code,new_code\n441900,440300\n")

    load_regions(file=file, now=LATER, successors=successors)

    retired = get_region(code="441900")
    assert (retired.is_retired, retired.successor_id, retired.name) == (True, "440300", "东莞市")
    assert retired.has_children is False
    assert get_region(code="441900003").is_retired is True
    assert [city.code for city in list_children(parent="440000")] == ["440100", "440300"]
    assert [child.code for child in list_children(parent="441900")] == ["440305"]
    assert list(list_children(parent="441900003")) == []


def test_successors_are_set_when_the_version_is_loaded_already(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "regions-2025.csv", without("440305"))
    known = load_regions(file=file, now=LATER).library.version
    successors = tmp_path / "successors.csv"
    successors.write_text("440305,440106\n")

    change = load_regions(file=file, now=LATER + timedelta(days=1), successors=successors)

    assert get_region(code="440305").successor_id == "440106"
    assert change.library.loaded_at == LATER
    assert change.library.version.startswith(f"{known}.")
    assert counts(change) == (0, 0, 0, 0)


def test_place_is_back_without_successor_when_its_code_returns(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    successors = tmp_path / "successors.csv"
    successors.write_text("440305,440106\n")
    load_regions(
        file=write_csv(tmp_path / "regions-2025.csv", without("440305")),
        now=LATER,
        successors=successors,
    )

    load_regions(file=write_csv(tmp_path / "regions-2026.csv", SAMPLE), now=LATER)

    back = get_region(code="440305")
    assert (back.is_retired, back.successor_id) == (False, None)
    assert get_region(code="440300").has_children is True


@pytest.mark.parametrize(
    ("rows", "fact"),
    [
        ([("11000x", "", "1", "北京市")], (2, "code")),
        ([("１１００００", "", "1", "北京市")], (2, "code")),
        ([("1100001100001", "", "1", "北京市")], (2, "code")),
        ([("110000", "", "1", "北京市"), ("110000", "", "1", "北京市")], (3, "code")),
        ([("110100", "110000", "2", "北京市")], (2, "parent")),
        ([("110000", "", "2", "北京市")], (2, "parent")),
        ([("110000", "110000", "1", "北京市")], (2, "parent")),
        (
            [("110000", "", "1", "北京市"), ("12", "110000", "3", "a"), ("13", "12", "3", "b")],
            (4, "parent"),
        ),
        ([("110000", "", "5", "北京市")], (2, "level")),
        ([("110000", "", "１", "北京市")], (2, "level")),
        ([("110000", "", "1", "")], (2, "name")),
        ([("110000", "", "1", " 北京市")], (2, "name")),
        ([("110000", "", "1", "北京\u200b市")], (2, "name")),
        ([("110000", "", "1", "北京\x00市")], (2, "name")),
        ([("110000", "", "1", "京" * 65)], (2, "name")),
        ([("110000", "", "1")], (2, "")),
        ([("110000", "", "1", "北京市", "more")], (2, "")),
    ],
)
def test_file_is_refused_with_row_and_column_when_a_row_is_faulty(
    regions: RegionLibrary, tmp_path: Path, rows: list[tuple[str, ...]], fact: tuple[int, str]
) -> None:
    before = snapshot()
    file = write_csv(tmp_path / "regions-2025.csv", rows)

    with pytest.raises(Refusal) as refused:
        load_regions(file=file, now=LATER)

    fault = refused.value.first
    assert (fault.code, fault.status) == ("file_invalid", 422)
    assert (fault.facts["row"], fault.facts["column"]) == fact
    assert snapshot() == before


def test_every_fault_is_told_when_several_rows_are_faulty(db: None, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "regions.csv", [("x", "", "1", "a"), ("11", "12", "2", "b")])

    with pytest.raises(Refusal) as refused:
        load_regions(file=file, now=LOADED_AT)

    assert [fault.facts for fault in refused.value.faults] == [
        {"row": 2, "column": "code"},
        {"row": 3, "column": "parent"},
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"code,parent,level,name\n",
        b"code,parent,level\n110000,,1\n",
        b"code,parent,level,name,colour\n110000,,1,a,red\n",
        b"code,parent,level,name,name\n110000,,1,a,b\n",
        "code,parent,level,name\n110000,,1,北京市\n".encode("gbk"),
        b'code,parent,level,name\n110000,,1,"a\n',
        # The same in every process: pytest-xdist compares the names of tests.
        gzip.compress(b"code,parent,level,name\n110000,,1,a\n", mtime=0)[:-12],
        b"\x1f\x8bnot gzip at all",
    ],
)
def test_file_is_refused_as_a_whole_when_it_is_no_library(
    regions: RegionLibrary, tmp_path: Path, content: bytes
) -> None:
    before = snapshot()
    file = tmp_path / "regions-2025.csv"
    file.write_bytes(content)

    with pytest.raises(FileInvalid):
        load_regions(file=file, now=LATER)

    assert snapshot() == before


def test_missing_file_is_refused_when_it_cannot_be_opened(db: None, tmp_path: Path) -> None:
    with pytest.raises(FileInvalid):
        load_regions(file=tmp_path / "nowhere.csv", now=LOADED_AT)

    assert snapshot() == []


def test_library_is_taken_when_it_has_a_byte_order_mark_and_other_column_order(
    db: None, tmp_path: Path
) -> None:
    file = tmp_path / "regions.csv"
    file.write_text("name,level,parent,code,source\r\n北京市,1,,110000,mine\r\n", "utf-8-sig")

    load_regions(file=file, now=LOADED_AT)

    assert [region.path_name for region in list_children(parent=None)] == ["北京市"]


@pytest.mark.parametrize(
    "pairs",
    ["440305,440106", "999999,440106", "441900,441900", "441900,999999", "441900,441900003",
     "441900", "441900,440106\n441900,440300", "441900,440106,1", "441900,x"],
)  # fmt: skip
def test_nothing_is_written_when_a_successor_is_faulty(
    regions: RegionLibrary, tmp_path: Path, pairs: str
) -> None:
    before = snapshot()
    file = write_csv(tmp_path / "regions-2025.csv", without("441900", "441900003"))
    successors = tmp_path / "successors.csv"
    successors.write_text(f"old_code,new_code\n{pairs}\n")

    with pytest.raises(DomainError) as refused:
        load_regions(file=file, now=LATER, successors=successors)

    assert [fault.code for fault in refused.value.faults] == ["file_invalid"]
    assert snapshot() == before


@pytest.mark.parametrize("code", ["999999", "１１００００", "11000\x00", "", "../", "1" * 13])
def test_region_is_not_found_when_the_code_is_unknown_or_none(
    regions: RegionLibrary, code: str
) -> None:
    with pytest.raises(NotFound):
        get_region(code=code)
    with pytest.raises(NotFound):
        list_children(parent=code)


def test_version_is_not_found_when_nothing_was_loaded(db: None) -> None:
    with pytest.raises(NotFound):
        get_library_version()


def test_header_of_the_shipped_file_is_the_one_documented() -> None:
    with gzip.open(SHIPPED_FILE, "rt", encoding="utf-8") as file:
        header = file.readline().strip()

    assert header == ",".join([*HEADER, "source"])


def test_successor_follows_on_when_it_retires_in_its_turn(regions: RegionLibrary) -> None:
    retire_regions("440305", successors={"440305": "441900"})

    retire_regions("440305", "441900", "441900003", successors={"441900": "440106"})

    assert get_region(code="440305").successor_id == "440106"
    assert get_region(code="441900").successor_id == "440106"


def test_successor_is_the_last_one_when_the_file_has_a_chain(regions: RegionLibrary) -> None:
    retire_regions(
        "440305", "441900", "441900003", successors={"440305": "441900", "441900": "440106"}
    )

    assert get_region(code="440305").successor_id == "440106"


def test_successor_is_the_last_one_when_the_chain_is_known_already(regions: RegionLibrary) -> None:
    retire_regions("441900", "441900003", successors={"441900": "440106"})

    retire_regions("441900", "441900003", "440305", successors={"440305": "441900"})

    assert get_region(code="440305").successor_id == "440106"


def test_nothing_is_written_when_successors_go_round_in_a_circle(regions: RegionLibrary) -> None:
    before = snapshot()

    with pytest.raises(Refusal) as refused:
        retire_regions(
            "440305", "441900", "441900003", successors={"440305": "441900", "441900": "440305"}
        )

    assert [fault.facts for fault in refused.value.faults] == [
        {"region": "441900"},
        {"region": "440305"},
    ]
    assert snapshot() == before


def test_successor_counts_again_when_its_code_returns(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    retire_regions("440305", successors={"440305": "441900"})
    retire_regions("440305", "441900", "441900003")
    assert get_region(code="440305").successor_in_use is None

    load_regions(file=write_csv(tmp_path / "regions-2026.csv", without("440305")), now=LATER)

    assert get_region(code="440305").successor_in_use == "441900"


def test_version_is_another_when_successors_are_named(regions: RegionLibrary) -> None:
    plain = retire_regions("440305").version
    named = retire_regions("440305", successors={"440305": "440106"}).version
    renamed = retire_regions("440305", successors={"440305": "441900"}).version
    again = retire_regions("440305", successors={"440305": "441900"}).version

    assert [version.partition(".")[0] for version in (named, renamed)] == [plain, plain]
    assert len({plain, named, renamed}) == 3
    assert again == renamed
    assert retire_regions("440305").version == renamed


def test_partners_are_told_when_the_version_moves(
    regions: RegionLibrary, merchant: Merchant, stranger: Merchant
) -> None:
    Partner.objects.filter(pk=stranger.partner.pk).update(status=Partner.Status.SUSPENDED)

    versions = [
        retire_regions("440305").version,
        retire_regions("440305", successors={"440305": "440106"}).version,
        retire_regions("440305").version,
    ]

    sequence_outbox()
    assert versions[1] == versions[2]
    for partner in (merchant.partner, stranger.partner):
        told = Message.objects.filter(partner=partner).order_by("sequence")
        assert [(message.type, message.data) for message in told] == [
            ("regions.changed", {"version": versions[0]}),
            ("regions.changed", {"version": versions[1]}),
        ]


def test_nobody_is_told_when_the_first_library_is_loaded(db: None, merchant: Merchant) -> None:
    load_sample_regions()
    load_sample_regions()

    assert Outbox.objects.count() == 0


def test_nobody_is_told_when_the_load_is_refused(
    regions: RegionLibrary, merchant: Merchant, tmp_path: Path
) -> None:
    with pytest.raises(Refusal):
        retire_regions("440305", successors={"440305": "999999"})

    assert Outbox.objects.count() == 0
