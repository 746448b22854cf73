"""A merchant's file of February, held against its statement."""

from __future__ import annotations

from dataclasses import dataclass

from openplatform.core import clock
from reconciliation.models import Reconciliation
from reconciliation.services.resolving import Chosen, resolve_rows
from tests.cast import Merchant
from tests.reconciliation.api.statements import make_february
from tests.reconciliation.merchant_files import csv_of, upload, upload_only

FEBRUARY = {"period_start": "2026-02-01", "period_end": "2026-02-28"}
MISSING = "C260303E6KB2V9XMJ4"  # a number that nobody has
FILE = csv_of(
    ("M-1", "order_payment", "-27.00", "2026-02-10"),
    ("M-9", "order_payment", "-5.00", "2026-02-11"),
)


@dataclass(frozen=True)
class ReportStage:
    merchant: Merchant
    stranger: Merchant
    report: Reconciliation
    waiting: Reconciliation
    failed: Reconciliation


def make_reports() -> ReportStage:
    """By the file the payment of 28.00 was 27.00, and there was another of 5.00, which finance has
    explained. Of two other files one is not read yet, and one cannot be.
    """
    stage = make_february()
    report = upload(stage.merchant, FILE, "2026-02-01", "2026-02-28", filename="february.csv")
    resolve_rows(
        reconciliation_no=report.reconciliation_no,
        chosen=Chosen(result="missing_here"),
        note="Was never placed",
        actor="clerk",
        now=clock.now(),
    )
    failed = upload(stage.merchant, b"a,b\n1,2\n", "2026-02-01", "2026-02-28", filename="x.csv")
    waiting = upload_only(stage.merchant, FILE + b"\n", "2026-02-01", "2026-02-28")
    return ReportStage(stage.merchant, stage.stranger, report, waiting, failed)
