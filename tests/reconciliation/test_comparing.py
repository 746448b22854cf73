"""Files held against the ledger: what becomes of each row, why, and what it comes to."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from accounts.models import TopUp
from accounts.services.top_ups import enter_top_up
from aftersales.services.deciding import ApprovedLine, approve_claim
from catalog.models import PriceChange, Sku
from openplatform.core import clock
from openplatform.core.uploads.storage import local_copy
from openplatform.messaging.models import Outbox
from orders.models import Order, Suborder
from orders.services.closing import close_lines
from reconciliation.documents import reconciliation_document, row_document
from reconciliation.models import ColumnMapping, Reconciliation, ReconciliationRow, Statement
from reconciliation.services.comparing import compare_due_file, compare_now
from tests.accounts.money_moves import add_money, make_staff
from tests.aftersales.acts import OPERATOR, file, make_reasons
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay, place
from tests.reconciliation.merchant_files import (
    csv_of,
    faults_of,
    results_of,
    upload,
    upload_only,
    xlsx_of,
)
from tests.reconciliation.past import at, make_statement

FREIGHT = "8.00"


@pytest.fixture
def march(merchant: Merchant, shop: World) -> Merchant:
    """A merchant with 10000.00 since February. In March it bought M-1 (one A, 10.00 and 8.00
    freight) and M-2 (two A and one B, 45.00 and 10.00), of which B was closed (25.00), and on the
    first of April M-3.
    """
    at(merchant.partner, "2026-02-10 09:00")
    shop.make_sku("A", price="10.00", north=50)
    shop.make_sku("B", price="25.00", north=50)
    pay(merchant, "M-1")
    at(merchant.partner, "2026-03-02 10:00")
    second = pay(merchant, "M-2", (("A", 2), ("B", 1)))
    at(merchant.partner, "2026-03-10 10:00")
    close(second["order_no"], {2: 1}, refund_freight=False)
    at(merchant.partner, "2026-03-20 10:00")
    pay(merchant, "M-3")
    at(merchant.partner, "2026-04-01 00:00")
    return merchant


def close(order_no: str, quantities: dict[int, int], *, refund_freight: bool) -> None:
    """Have units closed; the money goes back."""
    part = Suborder.objects.get(order__order_no=order_no)
    close_lines(
        suborder_no=part.order_no,
        quantities=quantities,
        restock=True,
        refund_freight=refund_freight,
        reason="not to be had",
        actor="operator",
        now=clock.now(),
    )


def grant(claim: dict[str, Any], amount: str) -> None:
    """Have a claim of one unit refunded with this amount."""
    approve_claim(
        aftersale_no=claim["aftersale_no"],
        lines={1: ApprovedLine(1, Decimal(amount))},
        freight_amount=Decimal(0),
        note="It was worn.",
        by=OPERATOR,
        user=None,
        now=clock.now(),
    )


def totals(merchant: Merchant) -> dict[str, str]:
    """What the payments of the orders came to."""
    return {
        order.merchant_order_no: f"{-order.total_amount:.2f}"
        for order in Order.objects.filter(partner=merchant.partner)
    }


def bridge_of(reconciliation: Reconciliation) -> dict[str, Any]:
    """As it is told; it always leads from their closing to ours."""
    bridge: dict[str, Any] = reconciliation_document(reconciliation)["bridge"]
    amounts = {name: Decimal(amount) for name, amount in bridge.items()}
    steps = set(amounts) - {"opening", "their_closing", "our_closing"}
    assert amounts["their_closing"] + sum(amounts[step] for step in steps) == amounts["our_closing"]
    assert amounts["our_closing"] == reconciliation.statement.closing_balance
    return bridge


def test_everything_matches_when_both_books_are_one(march: Merchant) -> None:
    paid = totals(march)

    report = upload(
        march,
        csv_of(
            ("M-1", "order_payment", paid["M-1"], "2026-03-02"),
            ("M-2", "payment", paid["M-2"]),
            ("M-2", "退款", "25.00"),
        ),
    )

    assert [row[1] for row in results_of(report)] == ["matched"] * 3
    assert report.results == {
        "matched": {
            "count": 3,
            "their_amount": str(Decimal(paid["M-1"]) + Decimal(paid["M-2"]) + 25),
            "our_amount": str(Decimal(paid["M-1"]) + Decimal(paid["M-2"]) + 25),
        }
    }
    assert report.columns == {
        "merchant_order_no": "merchant_order_no", "kind": "kind", "amount": "amount", "at": "at",
        "status": "status", "merchant_aftersale_no": "merchant_aftersale_no",
    }  # fmt: skip
    bridge = bridge_of(report)
    assert bridge["their_closing"] == bridge["our_closing"]


def test_our_own_statement_matches_itself(march: Merchant) -> None:
    statement = make_statement(march.partner, "2026-02-01", "2026-03-31")

    for file_of_it in statement.files.exclude(format="pdf"):
        with local_copy(file_of_it.file) as path:
            content = path.read_bytes()
        report = upload(march, content, "2026-02-01", "2026-03-31")
        assert [row[1] for row in results_of(report)] == ["matched"] * 4


def test_each_difference_is_found_with_its_documents(march: Merchant) -> None:
    paid = totals(march)
    order = Order.objects.get(merchant_order_no="M-1")

    report = upload(
        march,
        csv_of(
            ("M-1", "order_payment", "-11.11"),
            ("M-2", "order_payment", paid["M-2"]),
            ("M-2", "order_payment", paid["M-2"]),
            ("M-9", "order_payment", "-5.00"),
        ),
    )

    assert results_of(report) == [
        (2, "amount_differs", "", "-11.11", paid["M-1"]),
        (3, "matched", "", paid["M-2"], paid["M-2"]),
        (4, "duplicate", "", paid["M-2"], None),
        (5, "missing_here", "unknown_order", "-5.00", None),
        (None, "missing_there", "", None, "25.00"),
    ]
    documents = [
        (row.entry_no, row.order_no, row.suborder_no, row.document, row.document_no)
        for row in report.rows.order_by("position")
    ]
    second = Order.objects.get(merchant_order_no="M-2").order_no
    part = Suborder.objects.get(order__order_no=second)
    closure = part.closures.get().closure_no
    assert documents == [
        (2, order.order_no, "", "order", order.order_no),
        (3, second, "", "order", second),
        (3, second, "", "order", second),
        (None, "", "", "", ""),
        (4, second, part.order_no, "closure", closure),
    ]
    bridge_of(report)
    shown = row_document(report.rows.get(position=1))
    assert (shown["difference"], shown["cause"]) == (
        f"{Decimal(paid['M-1']) + Decimal('11.11'):.2f}", None,
    )  # fmt: skip


def test_cause_of_an_amount_is_told_when_it_is_known(march: Merchant) -> None:
    assert totals(march) == {"M-1": "-18.00", "M-2": "-55.00", "M-3": "-18.00"}
    told = {
        ("M-1", "order_payment", "18.00"): "sign",
        ("M-1", "order_payment", "-10.00"): "freight",
        ("M-1", "order_payment", "-26.00"): "freight",
        ("M-2", "order_payment", "-30.00"): "partial_refund",
        ("M-2", "refund", "55.00"): "partial_refund",
        ("M-1", "order_payment", "-18.01"): "rounding",
        ("M-2", "order_payment", "-55.02"): "rounding",  # it has two lines
        ("M-1", "order_payment", "-18.02"): "",
        ("M-2", "refund", "-25.00"): "sign",
        ("M-2", "refund", "35.00"): "freight",
    }

    found = {}
    for row in told:
        report = upload(march, csv_of(row))
        [outcome] = [outcome for outcome in results_of(report) if outcome[0]]
        assert outcome[1] == "amount_differs"
        found[row] = outcome[2]
        bridge_of(report)

    assert found == told


def test_price_of_another_time_is_told(march: Merchant, shop: World) -> None:
    sku = Sku.objects.get(code="A")
    for price, moment in (("10.00", "2026-02-01T00:00+08:00"), ("12.00", "2026-03-25T00:00+08:00")):
        PriceChange.objects.create(
            sku=sku, effective_at=moment, market_price="20.00", sale_price=price,
            applied_at=moment,
        )  # fmt: skip

    report = upload(march, csv_of(("M-1", "order_payment", "-20.00")))

    assert results_of(report)[0][:3] == (2, "amount_differs", "frozen_price")


def test_entry_of_another_period_is_told(march: Merchant) -> None:
    report = upload(
        march,
        csv_of(("M-3", "order_payment", "-18.00", "2026-03-31"), ("", "top_up", "10000.00")),
    )

    rows = list(report.rows.filter(result="missing_here").order_by("position"))
    assert [(row.cause, row.entry_no, row.document) for row in rows] == [
        ("period_boundary", 5, "order"), ("", None, ""),
    ]  # fmt: skip
    assert rows[0].order_no == Order.objects.get(merchant_order_no="M-3").order_no

    april = upload(march, csv_of(), "2026-04-01", "2026-04-30")

    assert results_of(april) == [(None, "missing_there", "period_boundary", None, "-18.00")]


def test_order_that_was_never_paid_is_told(march: Merchant) -> None:
    place(march, "M-4")
    order_no = place(march, "M-5")["order_no"]
    march.api.post(f"/orders/{order_no}/cancel")

    report = upload(
        march, csv_of(("M-4", "order_payment", "-18.00"), ("M-5", "order_payment", "-18.00"))
    )

    rows = report.rows.filter(result="missing_here").order_by("position")
    assert [(row.cause, row.our_status, bool(row.order_no)) for row in rows] == [
        ("not_paid", "pending_payment", True), ("not_paid", "cancelled", True),
    ]  # fmt: skip


def test_state_is_held_against_ours(march: Merchant) -> None:
    told = {
        "": "matched", "paid": "matched", "已付款": "matched", "success": "matched",
        "cancelled": "state_differs", "pending_payment": "state_differs",
        "completed": "state_differs", "已关闭": "state_differs",
    }  # fmt: skip

    found = {}
    for status in told:
        report = upload(march, csv_of(("M-1", "order_payment", "-18.00", "", status)))
        [row] = report.rows.filter(file_row=2)
        assert (row.their_status, row.our_status) == (status, "paid")
        found[status] = row.result
        bridge_of(report)

    assert found == told


def test_money_documents_match_by_number_reference_or_amount_and_day(merchant: Merchant) -> None:
    at(merchant.partner, "2026-02-10 09:00")
    for reference, amount, moment in (
        ("BANK-1", "100.00", "2026-03-02 09:00"), ("BANK-2", "200.00", "2026-03-03 09:00"),
        ("BANK-3", "300.00", "2026-03-04 23:59"), ("BANK-4", "300.00", "2026-03-05 00:00"),
        ("BANK-5", "500.00", "2026-03-06 09:00"), ("BANK-6", "600.00", "2026-03-07 09:00"),
    ):  # fmt: skip
        add_money(merchant.partner, amount, reference)
        at(merchant.partner, moment)
    numbers = dict(TopUp.objects.values_list("reference", "top_up_no"))

    report = upload(
        merchant,
        csv_of(
            ("BANK-1", "top_up", "100.00"),
            (numbers["BANK-2"], "充值", "201.00"),
            ("", "top_up", "300.00", "2026/3/5"),
            ("", "top_up", "300.00", "2026/3/4 08:00"),
            ("", "top_up", "500.00"),
            ("", "top_up", "500.00"),
            ("", "top_up", "600.00", "2026-03-09"),
            ("BANK-9", "top_up", "600.00"),
        ),
    )

    rows = report.rows.order_by("position")
    assert [(row.file_row, row.result, row.document_no) for row in rows] == [
        (2, "matched", numbers["BANK-1"]),
        (3, "amount_differs", numbers["BANK-2"]),
        (4, "matched", numbers["BANK-4"]),
        (5, "matched", numbers["BANK-3"]),
        (6, "matched", numbers["BANK-5"]),
        (7, "duplicate", numbers["BANK-5"]),
        (8, "missing_here", ""),  # on another day: not beyond doubt
        (9, "missing_here", ""),
        (None, "missing_there", numbers["BANK-6"]),
    ]
    bridge_of(report)


def test_top_up_that_nobody_booked_yet_is_told(merchant: Merchant) -> None:
    at(merchant.partner, "2026-03-01 09:00")
    enter_top_up(
        partner_code=merchant.partner.code, amount=Decimal("100.00"), reference="BANK-1",
        paid_at=None, note="", user=make_staff("clerk"), now=clock.now(),
    )  # fmt: skip
    add_money(merchant.partner, "50.00", "BANK-2")
    at(merchant.partner, "2026-04-01 09:00")

    report = upload(
        merchant,
        csv_of(
            ("BANK-1", "top_up", "100.00"), ("BANK-2", "top_up", "50.00"),
            ("", "top_up", "50.00", "2026-03-31"),
        ),
    )  # fmt: skip

    assert [row[:3] for row in results_of(report)] == [
        (2, "missing_here", "not_paid"),
        (3, "missing_here", "period_boundary"),
        (4, "missing_here", "period_boundary"),
        (None, "missing_there", ""),
    ]


def test_refunds_are_told_apart_by_their_claims(march: Merchant) -> None:
    make_reasons()
    part = Suborder.objects.get(order__merchant_order_no="M-1").order_no
    other = Suborder.objects.get(order__merchant_order_no="M-2").order_no
    for suborder_no, number, amount in ((part, "R-1", "4.00"), (other, "R-2", "6.00"),
                                        (other, "R-3", "3.00")):  # fmt: skip
        grant(file(march, suborder_no, merchant_aftersale_no=number), amount)
    at(march.partner, "2026-04-02 09:00")

    report = upload(
        march,
        csv_of(
            ("M-1", "refund", "4.00", "", "refunded", "R-1"),
            ("M-2", "refund", "6.00", "", "", "R-3"),
            ("M-2", "refund", "3.00", "", "rejected", "R-3"),
            ("M-2", "refund", "3.00", "", "", "R-3"),
            ("M-2", "refund", "6.00", "", "", "R-8"),
            ("M-2", "refund", "6.00"),
        ),
        "2026-04-01",
        "2026-04-30",
    )

    rows = report.rows.filter(kind="refund").order_by("position")
    assert [
        (row.file_row, row.result, row.merchant_aftersale_no, bool(row.aftersale_no))
        for row in rows
    ] == [
        (2, "matched", "R-1", True),
        (3, "missing_here", "R-3", False),
        (4, "state_differs", "R-3", True),
        (5, "duplicate", "R-3", True),
        (6, "missing_here", "R-8", False),
        (7, "matched", "", True),
    ]  # fmt: skip
    bridge_of(report)


def test_same_file_is_the_same_report(march: Merchant) -> None:
    content = csv_of(("M-1", "order_payment", "-18.00"), ("M-9", "refund", "1.00"))
    first = upload(march, content)
    rows = results_of(first)

    again = upload(march, content, filename="other.csv")

    assert again.pk == first.pk
    assert again.claims == 1
    assert results_of(again) == rows
    mapped = upload(
        march, content, columns={"merchant_order_no": "merchant_order_no", "kind": "kind",
                                 "amount": "amount"},
    )  # fmt: skip
    assert mapped.pk != first.pk
    assert results_of(mapped) == rows
    other_period = upload(march, content, "2026-03-01", "2026-03-30")
    assert other_period.pk not in {first.pk, mapped.pk}


def test_others_entries_are_never_seen(march: Merchant, shop: World) -> None:
    other = make_merchant("other")
    shop.open_pool_to(other)
    pay(other, "X-1")
    at(other.partner, "2026-03-05 10:00")

    report = upload(march, csv_of(("X-1", "order_payment", "-18.00")))

    [row] = report.rows.filter(file_row=2)
    assert (row.result, row.cause, row.order_no) == ("missing_here", "unknown_order", "")
    assert not report.rows.filter(merchant_order_no="X-1").exclude(pk=row.pk).exists()


def test_mapping_is_remembered_for_the_next_file(march: Merchant) -> None:
    head = ("我方编号", "科目", "数额")
    content = csv_of(("M-1", "订单支付", "-18.00"), head=head)
    unknown = upload(march, content)
    assert faults_of(unknown) == [(1, "", "field_required")]
    columns = {"merchant_order_no": "我方编号", "kind": "科目", "amount": "数额"}

    upload(march, content, columns=columns)
    following = upload(march, csv_of(("M-2", "订单支付", "-55.00"), head=head))

    assert following.columns == columns
    assert ColumnMapping.objects.get().heads == list(head)
    assert upload(march, content).status == "ready"  # what failed is begun anew


def test_faults_are_told_and_nothing_is_compared(march: Merchant) -> None:
    Outbox.objects.all().delete()

    report = upload(
        march, csv_of(("M-1", "order_payment", "-18.00"), ("M-2", "order_payment", "1.2.3"))
    )

    assert faults_of(report) == [(3, "amount", "field_invalid")]
    assert report.fault_count == 1
    assert report.error == "Faults: 1. Nothing was compared"
    assert not ReconciliationRow.objects.exists()
    message = Outbox.objects.get(type="reconciliation.ready")
    assert message.data["reconciliation"]["status"] == "failed"
    assert message.data["reconciliation"]["faults"][0]["row"] == 3


def test_workbook_is_compared(march: Merchant) -> None:
    report = upload(
        march,
        xlsx_of(
            ["商户订单号", "业务类型", "金额"],
            ["M-1", "订单支付", -18],
            ["M-2", "订单支付", -55.0],
            [None, "退款", 25],
            merged=["A3:A4"],
        ),
        filename="账.xlsx",
    )

    assert [row[1] for row in results_of(report)] == ["matched"] * 3


def test_worker_makes_the_statement_that_is_missing(march: Merchant) -> None:
    Statement.objects.all()._raw_delete("default")
    report = upload_only(march, csv_of(("M-1", "order_payment", "-18.00")))
    assert report.status == "preparing"

    assert compare_due_file() == 1

    report.refresh_from_db()
    assert report.status == "ready"
    assert report.statement.status == "ready"
    assert compare_due_file() == 0
    assert Outbox.objects.filter(type="reconciliation.ready").count() == 1


def test_ledger_of_nothing_and_file_of_nothing_agree(merchant: Merchant) -> None:
    at(merchant.partner, "2026-02-10 09:00")

    report = upload(merchant, csv_of())

    assert results_of(report) == []
    assert report.row_count == 0
    assert [report.their_amount, report.our_amount] == [Decimal(0), Decimal(0)]
    assert bridge_of(report)["our_closing"] == "10000.00"


def test_long_file_is_compared_within_the_short_limits_of_a_connection(march: Merchant) -> None:
    rows = [(f"NEVER-{number}", "order_payment", "-1.00") for number in range(1, 40_001)]
    waiting = upload_only(march, csv_of(*rows))
    make_statement(march.partner, "2026-03-01", "2026-03-31")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '150ms'")  # as 5 s are to half a million rows

    report = compare_now(pk=waiting.pk)

    assert report.status == "ready"
    assert report.results["missing_here"]["count"] == 40_000


def test_file_that_is_gone_is_compared_once_it_is_uploaded_again(march: Merchant) -> None:
    content = csv_of(("M-1", "order_payment", "-18.00"))
    first = upload_only(march, content)
    default_storage.delete(first.file)
    report = compare_now(pk=first.pk)
    assert (report.status, report.error) == (
        "failed", "The stored file is gone; upload it again",
    )  # fmt: skip

    again = upload(march, content, filename="again.csv")

    assert (again.pk, again.status, again.filename) == (first.pk, "ready", "again.csv")
    assert default_storage.exists(again.file)


def test_file_that_comes_to_more_than_a_balance_can_be_is_refused(march: Merchant) -> None:
    most = "999999999999.99"

    report = upload(march, csv_of(("M-1", "order_payment", most), ("M-2", "order_payment", most)))

    assert (report.status, report.error, report.fault_count) == (
        "failed", "The rows of the file come to more than any balance can be", 1,
    )  # fmt: skip
    assert report.faults == [{"row": 0, "column": "", "code": "file_invalid", "text": report.error}]
    assert not ReconciliationRow.objects.exists()


def test_comparison_is_put_off_when_the_store_does_not_answer(
    march: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(5, "Input/output error")

    report = upload_only(march, csv_of(("M-1", "order_payment", "-18.00")))
    make_statement(march.partner, "2026-03-01", "2026-03-31")
    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "open", fail)
        assert compare_due_file() == 1

    report.refresh_from_db()
    assert report.status == "preparing"
    Reconciliation.objects.filter(pk=report.pk).update(due_at=clock.now() - timedelta(seconds=1))
    assert compare_due_file() == 1
    report.refresh_from_db()
    assert report.status == "ready"


def test_fault_is_told_when_the_head_has_what_no_text_has(march: Merchant) -> None:
    text = "商户订单号,类型,金额\0\nR-3,订单支付,-1.00\n"

    report = upload(march, text.encode("utf-16"))

    assert (report.status, report.attempts, report.fault_count) == ("failed", 1, 1)
    assert report.faults == [
        {
            "row": 1,
            "column": "金额",
            "code": "string_invalid",
            "text": "The file has characters that no text has; save it as “CSV UTF-8” or as XLSX",
        }
    ]


def test_fault_is_told_when_names_that_are_unclear_have_what_no_text_has(march: Merchant) -> None:
    text = "商户订单号,类型,金额\0,金额\0\nR-3,订单支付,-1.00,1\n"

    report = upload(march, text.encode("utf-16"))

    assert faults_of(report) == [(1, "金额", "string_invalid")] * 2


def test_fault_is_told_when_the_file_is_utf_32(march: Merchant) -> None:
    report = upload(march, csv_of(("M-1", "refund", "1")).decode().encode("utf-32"))

    assert faults_of(report) == [(1, "", "file_invalid")]
    assert "UTF-32" in report.faults[0]["text"]


def refunded(march: Merchant, *amounts: str) -> None:
    """Refunds of M-2, which had one of 25.00, in April."""
    make_reasons()
    part = Suborder.objects.get(order__merchant_order_no="M-2").order_no
    for number, amount in enumerate(amounts):
        grant(file(march, part, merchant_aftersale_no=f"R-{number}"), amount)
    at(march.partner, "2026-04-02 09:00")


def test_refund_that_they_booked_in_parts_is_told(march: Merchant) -> None:
    report = upload(
        march,
        csv_of(
            ("M-1", "order_payment", "-18.00"), ("M-2", "order_payment", "-55.00"),
            ("M-2", "refund", "13.00"), ("M-2", "refund", "12.00"),
        ),
    )  # fmt: skip

    assert results_of(report)[2:] == [
        (4, "amount_differs", "partial_refund", "13.00", "25.00"),
        (5, "missing_here", "partial_refund", "12.00", None),
    ]
    closure = Suborder.objects.get(order__merchant_order_no="M-2").closures.get().closure_no
    assert {row.document_no for row in report.rows.filter(kind="refund")} == {closure}
    bridge_of(report)


def test_refunds_that_they_booked_as_one_are_told(march: Merchant) -> None:
    refunded(march, "6.00", "3.00")

    report = upload(
        march,
        csv_of(("M-3", "order_payment", "-18.00"), ("M-2", "refund", "9.00")),
        "2026-04-01",
        "2026-04-30",
    )

    assert results_of(report)[1:] == [
        (3, "amount_differs", "partial_refund", "9.00", "6.00"),
        (None, "missing_there", "partial_refund", None, "3.00"),
    ]
    bridge_of(report)


def test_refunds_that_they_took_off_the_payment_are_told(march: Merchant) -> None:
    report = upload(
        march, csv_of(("M-1", "order_payment", "-18.00"), ("M-2", "order_payment", "-30.00"))
    )

    assert results_of(report)[1:] == [
        (3, "amount_differs", "partial_refund", "-30.00", "-55.00"),
        (None, "missing_there", "partial_refund", None, "25.00"),
    ]
    bridge_of(report)


def test_refund_under_another_claim_is_no_part(march: Merchant) -> None:
    refunded(march, "6.00")

    report = upload(
        march, csv_of(("M-2", "refund", "6.00", "", "", "R-9")), "2026-04-01", "2026-04-30"
    )

    assert [row[1:3] for row in results_of(report)] == [
        ("missing_here", ""), ("missing_there", ""), ("missing_there", ""),
    ]  # fmt: skip


def test_our_own_number_is_understood_as_the_order(march: Merchant) -> None:
    order_no = Order.objects.get(merchant_order_no="M-1").order_no
    waiting = place(march, "M-4")["order_no"]

    report = upload(
        march, csv_of((order_no, "order_payment", "-18.00"), (waiting, "order_payment", "-18.00"))
    )

    rows = report.rows.filter(file_row__isnull=False).order_by("position")
    assert [(row.result, row.cause, row.order_no, row.merchant_order_no) for row in rows] == [
        ("matched", "", order_no, order_no),
        ("missing_here", "not_paid", waiting, waiting),
    ]
    assert [(row.document, row.document_no) for row in rows] == [
        ("order", order_no), ("order", waiting),
    ]  # fmt: skip


def test_merchants_number_counts_before_ours(march: Merchant) -> None:
    order_no = Order.objects.get(merchant_order_no="M-1").order_no
    Order.objects.filter(merchant_order_no="M-2").update(merchant_order_no=order_no)

    report = upload(march, csv_of((order_no, "order_payment", "-55.00")))

    assert results_of(report)[0][:2] == (2, "matched")
