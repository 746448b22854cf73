"""Files as merchants send them, and what became of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import orjson

from openplatform.core import clock
from openplatform.core.uploads.files import ReceivedFile
from reconciliation.comparing.reading import MerchantFile, TheirRow
from reconciliation.models import Reconciliation, ReconciliationRow
from reconciliation.services.comparing import compare_now
from reconciliation.services.uploading import upload_file
from tests.cast import Merchant

HEAD = ("merchant_order_no", "kind", "amount", "at", "status", "merchant_aftersale_no")


def csv_of(*rows: Sequence[Any], head: Sequence[str] = HEAD, delimiter: str = ",") -> bytes:
    """In UTF-8; rows may be shorter than the head."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue().encode()


def xlsx_of(*rows: Sequence[Any], merged: Iterable[str] = ()) -> bytes:
    """A workbook with these rows, the head among them."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    for range_ in merged:
        sheet.merge_cells(range_)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(path: Path, content: bytes, **how: Any) -> list[TheirRow]:
    """The rows of a file."""
    file = path / "file"
    file.write_bytes(content)
    return list(MerchantFile(file, **how).rows())


def upload(
    merchant: Merchant,
    content: bytes,
    first: str = "2026-03-01",
    last: str = "2026-03-31",
    *,
    columns: Mapping[str, str] | None = None,
    filename: str = "books.csv",
) -> Reconciliation:
    """The report on a file, made."""
    reconciliation = upload_only(merchant, content, first, last, columns=columns, filename=filename)
    return compare_now(pk=reconciliation.pk)


def upload_only(
    merchant: Merchant,
    content: bytes,
    first: str = "2026-03-01",
    last: str = "2026-03-31",
    *,
    columns: Mapping[str, str] | None = None,
    filename: str = "books.csv",
) -> Reconciliation:
    """A file that waits for the worker."""
    answer = upload_file(
        partner_id=merchant.partner.pk,
        file=ReceivedFile(content, filename),
        period_start=date.fromisoformat(first),
        period_end=date.fromisoformat(last),
        columns=columns,
        by="test",
        now=clock.now(),
    )
    assert answer.status == 202
    number = orjson.loads(answer.body)["reconciliation_no"]
    return Reconciliation.objects.get(reconciliation_no=number)


def results_of(reconciliation: Reconciliation) -> list[tuple[Any, ...]]:
    """Row of the file, result, cause, and both amounts, in the order of the report."""
    assert reconciliation.status == "ready", (reconciliation.error, reconciliation.faults)
    rows = ReconciliationRow.objects.filter(reconciliation=reconciliation).order_by("position")
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    return [
        (
            row.file_row, row.result, row.cause,
            None if row.their_amount is None else str(row.their_amount),
            None if row.our_amount is None else str(row.our_amount),
        )
        for row in rows
    ]  # fmt: skip


def faults_of(reconciliation: Reconciliation) -> list[tuple[int, str, str]]:
    """Row, column and code of what was wrong with a file."""
    assert reconciliation.status == "failed"
    return [(fault["row"], fault["column"], fault["code"]) for fault in reconciliation.faults]
