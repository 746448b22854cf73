"""A corner of the address library, loaded the way that the whole one is."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from openplatform.regions.models import RegionLibrary
from openplatform.regions.services.loading import load_regions

LOADED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADER = ("code", "parent", "level", "name")
SAMPLE = (
    ("110000", "", "1", "北京市"),
    ("110100", "110000", "2", "北京市"),
    ("110101", "110100", "3", "东城区"),
    ("110101001", "110101", "4", "东华门街道"),
    ("310000", "", "1", "上海市"),
    ("310100", "310000", "2", "上海市"),
    ("310115", "310100", "3", "浦东新区"),
    ("440000", "", "1", "广东省"),
    ("440100", "440000", "2", "广州市"),
    ("440106", "440100", "3", "天河区"),
    ("440300", "440000", "2", "深圳市"),
    ("440305", "440300", "3", "南山区"),
    ("441900", "440000", "2", "东莞市"),
    ("441900003", "441900", "4", "东城街道"),
    ("650000", "", "1", "新疆维吾尔自治区"),
    ("650100", "650000", "2", "乌鲁木齐市"),
    ("650102", "650100", "3", "天山区"),
)


def write_csv(file: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """A library file with these rows."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([header, *rows])
    return file


def load_sample_regions() -> RegionLibrary:
    """17 places in 北京, 上海, 广东 and 新疆; needs the database."""
    with tempfile.TemporaryDirectory() as directory:
        file = write_csv(Path(directory) / "regions-2024.csv", SAMPLE)
        return load_regions(file=file, now=LOADED_AT).library


def retire_regions(*codes: str, successors: dict[str, str] | None = None) -> RegionLibrary:
    """The same places in a release without these, told what follows them."""
    rows = [row for row in SAMPLE if row[0] not in codes]
    with tempfile.TemporaryDirectory() as directory:
        pairs = Path(directory) / "successors.csv"
        pairs.write_text("".join(f"{old},{new}\n" for old, new in (successors or {}).items()))
        file = write_csv(Path(directory) / "regions-2025.csv", rows)
        return load_regions(file=file, now=LOADED_AT, successors=pairs).library
