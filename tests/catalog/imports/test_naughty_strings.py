"""Texts that break programs: each is stored as it stands, or refused as a fault of its cell."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from catalog.models import Sku
from openplatform.imports.errors import ImportRefused
from tests.cast import World
from tests.imports.files import Desk

SOURCE = Path(settings.BASE_DIR).parent / "shared" / "data" / "conformance" / "blns.json"
COLUMNS = ("name", "brand", "specs", "attributes", "description", "images", "category", "unit")
pytestmark = pytest.mark.skipif(
    not SOURCE.exists(), reason="../shared/data/conformance/blns.json is missing"
)


def naughty_strings() -> list[str]:
    """Those that are text at all, and no field's end of a CSV file."""
    strings: list[str] = json.loads(SOURCE.read_text(encoding="utf-8"))
    return [text for text in strings if len(text) < csv.field_size_limit() // 2]


@pytest.mark.parametrize("column", COLUMNS)
def test_each_text_is_stored_or_refused(desk: Desk, world: World, column: str) -> None:
    rows: list[dict[str, Any]] = [
        {"sku": f"S{index}", "name": "N", "category": "home", "sale_price": "1", column: text}
        for index, text in enumerate(naughty_strings())
    ]

    bad_rows = set()
    try:
        desk.load("products", *rows)
    except ImportRefused as refused:
        bad_rows = {fault.row for fault in refused.row_faults}
        codes = {fault.code for fault in refused.row_faults}
        columns = {fault.column for fault in refused.row_faults}
        assert codes <= {"string_invalid", "field_invalid", "field_required"}
        assert columns == {column}
        assert not Sku.objects.exists()
    good = [row for number, row in enumerate(rows, start=2) if number not in bad_rows]

    if good:
        assert desk.counts("products", *good) == (len(good), 0, 0)
        assert desk.counts("products", *good) == (0, 0, len(good))
    if column == "name":
        assert dict(Sku.objects.values_list("code", "name")) == {
            row["sku"]: row["name"].strip() for row in good
        }
        assert len(good) > len(rows) // 2
