"""The form of messages about statements, reports, bills and invoices, with an example of each."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reconciliation.api.serializers import (
    BillSerializer,
    InvoiceRowSerializer,
    ReconciliationSerializer,
    StatementSerializer,
)


class StatementNewsSerializer(serializers.Serializer[Any]):
    """The statement as it is now."""

    statement = StatementSerializer()


class ReconciliationNewsSerializer(serializers.Serializer[Any]):
    """The report without its rows."""

    reconciliation = ReconciliationSerializer()


class InvoiceNewsSerializer(serializers.Serializer[Any]):
    """The invoice as it is now, without its lines."""

    invoice = InvoiceRowSerializer()


class BillNewsSerializer(serializers.Serializer[Any]):
    """The bill as it is now."""

    bill = BillSerializer()


_SHA256 = "8f2c1d8e7c40b3a5f6c9d4e1b2a7908d3f5e6a1c4b7d8e9f0a1b2c3d4e5f6071"
_STATEMENT = {
    "statement_no": "S2603020H7W4KQ9XTM", "currency": "CNY",
    "period_start": "2026-02-01", "period_end": "2026-02-28", "kind": "month", "status": "ready",
    "opening": {"balance": "1200.00", "held_amount": "0.00", "credit_limit": "0.00"},
    "closing": {"balance": "5128.40", "held_amount": "96.00", "credit_limit": "0.00"},
    "totals": {
        "top_up": "5000.00", "order_payment": "-1103.60", "refund": "32.00",
        "adjustment": "0.00", "withdrawal": "0.00",
    },
    "entry_count": 9,
    "files": [
        {
            "format": format, "language": language, "sha256": _SHA256, "size_bytes": 20480,
            "url": None, "expires_at": None,
        }
        for language in ("en", "zh-hans") for format in ("csv", "pdf", "xlsx")
    ],
    "created_at": "2026-03-01T02:00:04.120385+08:00",
    "ready_at": "2026-03-01T02:00:05.902114+08:00",
}  # fmt: skip
_RECONCILIATION = {
    "reconciliation_no": "C260302Q4M7T0XB9KD", "currency": "CNY",
    "period_start": "2026-02-01", "period_end": "2026-02-28",
    "statement_no": _STATEMENT["statement_no"], "status": "ready",
    "filename": "february.csv", "sha256": _SHA256,
    "columns": {"merchant_order_no": "Order", "kind": "Kind", "amount": "Amount"},
    "row_count": 8,
    "results": {
        "matched": 7, "missing_here": 0, "missing_there": 1, "amount_differs": 1,
        "state_differs": 0, "duplicate": 0,
    },
    "bridge": {
        "opening": "1200.00", "their_closing": "5106.40", "missing_here": "0.00",
        "missing_there": "32.00", "amount_differs": "-10.00", "state_differs": "0.00",
        "duplicate": "0.00", "our_closing": "5128.40",
    },
    "fault_count": 0, "faults": [],
    "created_at": "2026-03-02T09:31:10.551207+08:00",
    "ready_at": "2026-03-02T09:31:12.004518+08:00",
}  # fmt: skip
_INVOICE = {
    "invoice_no": "V260303ZC5N8W1RTQH", "currency": "CNY", "kind": "general", "status": "issued",
    "title": {
        "title_id": "N260303E6KB2V9XMJ4", "kind": "company", "name": "Sunrise Trading",
        "tax_number": "91310000MA1FL0CQ53", "address": None, "phone": None, "bank_name": None,
        "bank_account": None, "email": None, "created_at": "2026-03-03T10:00:12.700159+08:00",
    },
    "order_no": None, "statement_no": _STATEMENT["statement_no"], "credits": None,
    "amount": "1071.60", "tax_amount": "123.28", "remark": None, "reason": None,
    "fiscal_code": None, "fiscal_number": "26312000000123456789", "sha256": _SHA256,
    "version": 2, "created_at": "2026-03-03T10:01:30.218846+08:00",
    "updated_at": "2026-03-03T15:40:02.631970+08:00",
    "issued_at": "2026-03-03T15:40:02.631970+08:00", "cancelled_at": None,
}  # fmt: skip
_BILL = {
    "bill_no": "B260301D8X2J6FQK0W", "currency": "CNY",
    "period_start": "2026-02-01", "period_end": "2026-02-28",
    "statement_no": "S260302W1B5RM3GZ7C", "status": "open", "amount": "3820.00",
    "paid_amount": "0.00", "outstanding_amount": "3820.00", "due_on": "2026-03-16",
    "issued_at": "2026-03-01T02:00:06.120033+08:00", "overdue_at": None, "paid_at": None,
    "version": 1,
}  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    "statement.ready": {"statement": _STATEMENT},
    "reconciliation.ready": {"reconciliation": _RECONCILIATION},
    "invoice.status_changed": {"invoice": _INVOICE},
    "bill.issued": {"bill": _BILL},
    "bill.overdue": {
        "bill": {
            **_BILL, "status": "overdue", "paid_amount": "1000.00",
            "outstanding_amount": "2820.00", "overdue_at": "2026-03-17T00:00:03.518442+08:00",
            "version": 3,
        }
    },
}  # fmt: skip
