"""SKU codes out of whatever file somebody has."""

from __future__ import annotations

import time
from pathlib import Path

import openpyxl
import pytest

from catalog.imports.sku_codes import read_sku_codes
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.uploads import limited_process
from openplatform.core.uploads.limited_process import held_slot
from openplatform.imports.errors import ImportRefused
from tests.imports.test_workbooks import with_cells


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


def test_workbook_is_refused_at_once_when_it_unpacks_to_more_than_a_page_can_wait_for(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bomb.xlsx"
    file.write_bytes(with_cells("<row/>" + " " * (20 << 20)))
    started = time.perf_counter()

    with pytest.raises(ImportRefused) as refused:
        read_sku_codes(file)

    assert [fault.text for fault in refused.value.row_faults] == ["The workbook is too large"]
    assert time.perf_counter() - started < limited_process.WITHIN
    assert file.stat().st_size < 100_000


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("sku\n" + "A\n" * 200_000, "The file has more than 200000 rows"),
        ("\n" * 200_001, "The file has more than 200000 rows"),
        (
            "\n".join(
                " ".join(f"{line}-{number}" for number in range(1000)) for line in range(201)
            ),
            "The file names more than 200000 SKUs",
        ),
    ],
    ids=["rows", "blank rows", "codes"],
)
def test_text_is_refused_when_it_is_endless(tmp_path: Path, content: str, text: str) -> None:
    file = tmp_path / "codes.txt"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(ImportRefused) as refused:
        read_sku_codes(file)

    assert [fault.text for fault in refused.value.row_faults] == [text]


def test_nothing_is_read_while_this_process_is_at_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "PATIENCE", 0.2)
    file = tmp_path / "codes.txt"
    file.write_text("A\n")

    with held_slot(), pytest.raises(TemporarilyUnavailable):
        read_sku_codes(file)

    assert read_sku_codes(file) == ["A"]
