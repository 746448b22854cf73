"""SKU codes out of whatever file somebody has."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from catalog.imports.sku_codes import read_sku_codes
from openplatform.imports.errors import ImportRefused


@pytest.mark.parametrize(
    "content",
    [
        "sku\nA\nB\n",
        "name,SKU,price\nApple,A,1\nPear,B,2\nNothing,,3\n",
        "\ufeffSku\r\nA\r\nB\r\nA\r\n",
        "A\nB\n",
        "A, B；A",
        "\n\nA B\n",
    ],
    ids=["one column", "among others", "bom and repeats", "list", "one line", "blank lines"],
)
def test_codes_are_found_in_a_text_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "codes.txt"
    file.write_text(content, encoding="utf-8", newline="")

    assert read_sku_codes(file) == ["A", "B"]


def test_codes_are_found_in_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["name", "sku"], ["Apple", "007"], ["Pear", "B"]):
        book.active.append(row)
    book.save(tmp_path / "codes.xlsx")

    assert read_sku_codes(tmp_path / "codes.xlsx") == ["007", "B"]


def test_file_is_refused_when_it_is_no_utf8(tmp_path: Path) -> None:
    file = tmp_path / "codes.txt"
    file.write_bytes("sku\n苹果".encode("gbk"))

    with pytest.raises(ImportRefused) as refused:
        read_sku_codes(file)

    assert [fault.row for fault in refused.value.row_faults] == [2]
