"""Invoices that the simulator issues: a number and a PDF, once for each number of the caller's.

What befalls an invoice says a word in its remark, between hyphens or blanks: one of
:data:`MISHAPS` (``SIM-DENY``).
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timedelta, timezone
from threading import Lock
from typing import Any

# What goes wrong: refused for good; server error before and after it is issued; an answer that
# comes too late; no JSON; a file that is no PDF.
MISHAPS = frozenset({"DENY", "FAIL", "LOSE", "SLOW", "GARBAGE", "BROKEN"})
WORDS = re.compile(r"[A-Z]+")
LINES_ON_THE_PAGE = 30
ZONE = timezone(timedelta(hours=8))
NUMBER = re.compile(r"[0-9A-Za-z-]{1,40}", re.ASCII)


class InvoiceDesk:
    """What was issued, by the caller's number."""

    def __init__(self) -> None:
        self._issued: dict[str, dict[str, Any]] = {}
        self._lock = Lock()

    def issue(self, order: dict[str, Any]) -> dict[str, Any]:
        """The invoice; the same for the same number.

        :raises KeyError, TypeError, ValueError: when the order is not what was agreed.
        """
        number = order["number"]
        if not NUMBER.fullmatch(number):
            raise ValueError(number)
        with self._lock:
            if number not in self._issued:
                fiscal_number = fiscal_number_of(number)
                issued_at = datetime.now(ZONE).replace(microsecond=0)
                pdf = write_pdf(_text_of(order, fiscal_number, issued_at))
                self._issued[number] = {
                    "number": number,
                    "fiscal_code": "",
                    "fiscal_number": fiscal_number,
                    "issued_at": issued_at.isoformat(),
                    "pdf": base64.b64encode(pdf).decode(),
                }
            return self._issued[number]

    def find(self, number: str) -> dict[str, Any] | None:
        """What was issued under a number of the caller's."""
        with self._lock:
            return self._issued.get(number)

    def count(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._issued)


def mishap_of(order: Any) -> str:
    """What is to go wrong with it; empty for nothing."""
    remark = order.get("remark") if isinstance(order, dict) else ""
    words = WORDS.findall(remark if isinstance(remark, str) else "")
    return next((word for word in words if word in MISHAPS), "")


def fiscal_number_of(number: str) -> str:
    """20 digits that follow from the caller's number, so that they outlive a restart."""
    digits = int(hashlib.sha256(number.encode()).hexdigest(), 16) % 10**18
    return f"26{digits:018}"


def _text_of(order: dict[str, Any], fiscal_number: str, issued_at: datetime) -> list[str]:
    buyer, credited = order["buyer"], order["credits"]
    lines = order["lines"]
    shown = lines[:LINES_ON_THE_PAGE]
    return [
        "电子发票（模拟）" if credited is None else "电子发票（模拟，红字）",
        f"发票号码：{fiscal_number}",
        f"开票日期：{issued_at:%Y-%m-%d}",
        f"购买方：{buyer['name']}",
        f"纳税人识别号：{buyer['tax_number'] or '-'}",
        *([] if credited is None else [f"对应蓝字发票：{credited['number']}"]),
        "",
        *(
            f"{line['name']}  {line['quantity']} × {line['price']}  税率 {line['rate']}"
            f"  金额 {line['amount']}  其中税额 {line['tax']}"
            for line in shown
        ),
        *([f"…… 共 {len(lines)} 行"] if len(lines) > len(shown) else []),
        "",
        f"价税合计：{order['amount']} {order['currency']}，其中税额 {order['tax']}",
        f"备注：{order['remark'] or '-'}",
    ]


def write_pdf(lines: list[str]) -> bytes:
    """One page of text in a font that every reader brings along for Chinese."""
    shown = b"".join(
        b"<" + line.encode("utf-16-be").hex().encode() + b"> Tj T*\n" for line in lines
    )
    content = b"BT /F1 10 Tf 50 790 Td 18 TL\n" + shown + b"ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length " + str(len(content)).encode() + b" >>\nstream\n" + content + b"\nendstream",
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light-UniGB-UCS2-H"
        b" /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >>"
        b" /DW 1000 /W [1 95 500 814 939 500] /FontDescriptor 7 0 R >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6"
        b" /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120"
        b" /CapHeight 880 /StemV 93 >>",
    ]
    written = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += str(number).encode() + b" 0 obj\n" + body + b"\nendobj\n"
    table = b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    size = str(len(objects) + 1).encode()
    return (
        written
        + b"xref\n0 " + size + b"\n0000000000 65535 f \n" + table
        + b"trailer\n<< /Size " + size + b" /Root 1 0 R >>\nstartxref\n"
        + str(len(written)).encode() + b"\n%%EOF\n"
    )  # fmt: skip
