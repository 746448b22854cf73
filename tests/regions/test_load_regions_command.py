from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from openplatform.regions.models import Region, RegionLibrary
from openplatform.regions.selectors import get_region
from tests.sample_regions import SAMPLE, retire_regions, write_csv


def test_result_is_printed_as_json_when_asked(db: None, tmp_path: Path) -> None:
    out = StringIO()
    file = write_csv(tmp_path / "regions-2024.csv", SAMPLE)

    call_command("load_regions", str(file), "--json", stdout=out)

    assert json.loads(out.getvalue()) == {
        "version": RegionLibrary.objects.get().version,
        "regions": 17,
        "added": 17,
        "changed": 0,
        "retired": 0,
        "reinstated": 0,
    }


def test_difference_is_told_when_a_release_is_loaded_over_another(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    retire_regions("650102")
    rows = [
        *(("440300", "440000", "2", "新深圳市") if row[0] == "440300" else row for row in SAMPLE),
        ("440306", "440300", "3", "宝安区"),
    ]
    rows.remove(("310115", "310100", "3", "浦东新区"))
    file = write_csv(tmp_path / "regions-2026.csv", rows)
    outs = [StringIO(), StringIO()]

    for out in outs:
        call_command("load_regions", str(file), "--json", stdout=out)

    version = RegionLibrary.objects.get().version
    first, second = (json.loads(out.getvalue()) for out in outs)
    assert first == {
        "version": version,
        "regions": 17,
        "added": 1,
        "changed": 1,
        "retired": 1,
        "reinstated": 1,
    }
    assert second == {**first, "added": 0, "changed": 0, "retired": 0, "reinstated": 0}


def test_result_is_told_and_successors_set_when_a_release_drops_a_code(
    regions: RegionLibrary, tmp_path: Path
) -> None:
    out = StringIO()
    file = write_csv(tmp_path / "regions-2025.csv", [row for row in SAMPLE if row[0] != "440305"])
    successors = tmp_path / "successors.csv"
    successors.write_text("440305,440106\n")

    call_command("load_regions", str(file), "--successors", str(successors), stdout=out)

    version = RegionLibrary.objects.get().version
    assert out.getvalue() == (
        f"Address library {version}: 16 regions; 0 added, 0 changed, 1 retired, 0 reinstated\n"
    )
    assert get_region(code="440305").successor_id == "440106"


def test_command_fails_and_writes_nothing_when_the_file_is_faulty(db: None, tmp_path: Path) -> None:
    out = StringIO()
    file = write_csv(tmp_path / "regions.csv", [("110000", "", "9", "北京市")])

    with pytest.raises(CommandError, match=r"file_invalid: .* \(row 2, column level\)"):
        call_command("load_regions", str(file), "--json", stdout=out)

    (fault,) = json.loads(out.getvalue())["errors"]
    assert (fault["code"], fault["row"], fault["column"]) == ("file_invalid", 2, "level")
    assert not Region.objects.exists()
    assert not RegionLibrary.objects.exists()
