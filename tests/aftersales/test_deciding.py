"""Operators decide claims: granted wholly or in part, not granted, or asked about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import LedgerEntry
from accounts.services.books import verify_books
from aftersales.decisions import MAX_NOTE
from aftersales.errors import AftersaleStateConflict
from aftersales.models import Claim, ClaimLine
from aftersales.services.deciding import ApprovedLine
from catalog.errors import PreviewOutdated
from catalog.models import Warehouse
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import DomainError, NotFound, Refusal
from tests.accounts.damaging import books_db, repeatable_read  # noqa: F401 - fixtures
from tests.aftersales.acts import (
    RETURN_ADDRESS,
    claim_of,
    everything,
    file,
    file_for_return,
    line_numbers,
    paid_part,
    received_part,
    shipped_part,
)
from tests.aftersales.deciding import (  # noqa: F401 - goods is a fixture
    amounts_of,
    approve,
    ask,
    balance,
    goods,
    refunded_of,
    refunds,
    reject,
    statuses,
    steps,
    told_of,
)
from tests.cast import Merchant
from tests.orders.acts import stock_numbers
from tests.orders.changing import close, require_conserved

pytestmark = pytest.mark.usefixtures("goods")

DECISIONS: list[Callable[[Any], Claim]] = [approve, reject]
BOTH = [("A", 3), ("B", 2)]  # 70.00, with a freight of 14.00


def code_of(error: DomainError) -> str:
    return (error.first if isinstance(error, Refusal) else error).code


@pytest.mark.usefixtures("books_db")
def test_everything_goes_back_when_all_is_refunded_before_shipment(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    claim = file(merchant, part, {1: 3, 2: 2})

    approved = approve(claim, note="Of course.")

    number, order_no = approved.aftersale_no, part.removesuffix("-1")
    assert refunds() == [("84.00", "aftersale", number, order_no, part, number)]
    assert balance(merchant) == "10000.00"
    assert refunded_of(part) == ("84.00", "84.00", "14.00")
    assert statuses(part) == ("closed", "closed")
    assert line_numbers(part, 1) == (0, 3, 3, 0, 0, "30.00")
    assert line_numbers(part, 2) == (0, 2, 2, 0, 0, "40.00")
    assert stock_numbers("A") == stock_numbers("B") == (50, 0, 0)
    assert steps(approved)[1:] == [
        ("submitted", "approved", "operator", "operator", "Of course."),
        ("approved", "refunded", "operator", "operator", ""),
    ]
    row = claim_of(claim)
    assert (row.status, row.version, row.deadline) == ("refunded", 2, None)
    assert (row.decision_note, row.decided_by) == ("Of course.", "operator")
    assert row.ended_at is not None
    require_conserved()
    assert verify_books().differences == []


def test_each_step_is_told_when_a_refund_is_made(merchant: Merchant) -> None:
    part = paid_part(merchant, items=[("A", 2)])
    claim = file(merchant, part, {1: 2})

    approve(claim)

    filed, reviewed, completed = told_of(merchant, "aftersale")
    assert [filed.type, reviewed.type, completed.type] == [
        "aftersale.status_changed", "aftersale.reviewed", "aftersale.completed"
    ]  # fmt: skip
    told = [message.data["aftersale"] for message in (filed, reviewed, completed)]
    assert [document["status"] for document in told] == ["submitted", "approved", "refunded"]
    assert [document["version"] for document in told] == [0, 1, 2]
    [item] = told[2]["items"]
    assert (item["approved_quantity"], item["refund_amount"]) == (2, "20.00")
    assert (told[2]["freight_refund_amount"], told[2]["refund_amount"]) == ("8.00", "28.00")
    last = told_of(merchant, "order")[-1]
    assert (last.type, last.data["changed"]) == (
        "order.status_changed", [part.removesuffix("-1"), part]
    )  # fmt: skip
    assert last.data["order"]["close_reason"] == claim["aftersale_no"]


def test_trail_names_who_approved_and_what_was_refunded(merchant: Merchant) -> None:
    claim = file(merchant, paid_part(merchant, items=[("A", 2)]), {1: 2})

    approve(claim, {1: ApprovedLine(1)}, note="One is enough.")

    kept = AuditEntry.objects.filter(subject_label=claim["aftersale_no"]).order_by("id")
    assert [(entry.action, entry.actor, entry.reason) for entry in kept] == [
        ("approve_claim", "operator", "One is enough."),
        ("refund_claim", "operator", ""),
    ]
    assert kept[0].after == {
        "status": "approved", "refund_amount": "10.00", "approved_units": {"A": "1/2"}
    }  # fmt: skip
    assert kept[1].after == {
        "status": "refunded", "goods_refund_amount": "10.00", "freight_refund_amount": "0.00",
        "refunded_units": {"A": 1},
    }  # fmt: skip


def test_rest_can_be_shipped_and_claimed_when_fewer_units_are_granted(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    claim = file(merchant, part, {1: 3, 2: 1})

    approve(claim, {1: ApprovedLine(2)}, note="The others are on their way.")

    assert [entry[0] for entry in refunds()] == ["20.00"]
    assert line_numbers(part, 1) == (0, 2, 2, 0, 0, "20.00")
    assert line_numbers(part, 2) == (0, 0, 0, 0, 0, "0.00")
    assert stock_numbers("A") == (49, 0, 1)
    assert statuses(part) == ("paid", "awaiting_shipment")
    assert [row.approved_quantity for row in ClaimLine.objects.order_by("line__line_no")] == [2, 0]
    assert file(merchant, part, {1: 1, 2: 2}, merchant_aftersale_no="R-2")["status"] == "submitted"
    require_conserved()


def test_lower_amount_goes_back_when_the_operator_sets_one(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    claim = file(merchant, part, {1: 3})

    approve(claim, {1: ApprovedLine(3, Decimal("25.50"))}, note="Less the cost of packing.")

    assert [entry[0] for entry in refunds()] == ["25.50"]
    assert line_numbers(part, 1) == (0, 3, 3, 0, 0, "25.50")
    assert refunded_of(part) == ("25.50", "25.50", "0.00")
    require_conserved()


def test_freight_goes_back_with_the_last_units_when_none_was_shipped(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    first = file(merchant, part, {1: 3})
    second = file(merchant, part, {2: 1}, merchant_aftersale_no="R-2")

    approve(first)
    close(part)
    approve(second)

    assert [entry[0] for entry in refunds()] == ["30.00", "20.00", "34.00"]
    assert refunded_of(part) == ("84.00", "84.00", "14.00")
    assert statuses(part) == ("closed", "closed")
    require_conserved()


def test_freight_goes_back_as_far_as_the_operator_says(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    first = file(merchant, part, {1: 1})
    second = file(merchant, part, {1: 1}, merchant_aftersale_no="R-2")

    approve(first, freight="5.55")

    assert refunded_of(part) == ("15.55", "15.55", "5.55")
    before = everything()
    with pytest.raises(Refusal) as raised:
        approve(second, freight="8.46")
    assert code_of(raised.value) == "refund_exceeds_paid"
    assert raised.value.first.facts == {"maximum": "8.45"}
    assert everything() == before
    approve(second, freight="8.45")
    assert refunded_of(part) == ("34.00", "34.00", "14.00")
    require_conserved()


def test_freight_stays_when_the_operator_keeps_it(merchant: Merchant) -> None:
    part = paid_part(merchant, items=[("A", 2)])
    claim = file(merchant, part, {1: 2})

    approve(claim, freight="0.00", note="The parcel was packed.")

    assert refunded_of(part) == ("20.00", "20.00", "0.00")
    assert statuses(part) == ("closed", "closed")


@pytest.mark.parametrize("freight", ["0.00", "7.99"])
def test_less_freight_than_was_asked_for_is_said_why(merchant: Merchant, freight: str) -> None:
    claim = file(merchant, paid_part(merchant, items=[("A", 2)]), {1: 2})
    assert claim["freight_refund_amount"] == "8.00"
    before = everything()

    with pytest.raises(DomainError) as raised:
        approve(claim, freight=freight)

    assert (code_of(raised.value), raised.value.pointer) == ("field_required", "/note")
    assert everything() == before
    approve(claim, freight="8.00")


def test_less_freight_than_the_rule_gives_now_is_said_why(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    approve(file(merchant, part, {1: 3}))
    claim = file(merchant, part, {2: 1}, merchant_aftersale_no="R-2")
    assert claim["freight_refund_amount"] == "0.00"
    close(part, {2: 1})
    before = everything()

    with pytest.raises(DomainError) as raised:
        approve(claim, freight="13.99")

    assert code_of(raised.value) == "field_required"
    assert everything() == before
    approve(claim, freight="14.00")


def test_another_amount_than_was_looked_at_is_not_paid(merchant: Merchant) -> None:
    claim = file(merchant, paid_part(merchant, items=[("A", 2)]), {1: 2})
    before = everything()

    with pytest.raises(DomainError) as raised:
        approve(claim, expected_amount="20.00")

    assert code_of(raised.value) == "preview_outdated"
    assert everything() == before
    approve(claim, expected_amount="28.00")


@pytest.mark.parametrize("act", [approve, reject, ask])
def test_state_is_told_when_the_claim_has_ended_meanwhile(merchant: Merchant, act: Any) -> None:
    claim = file(merchant, paid_part(merchant))
    merchant.api.post(f"/aftersales/{claim['aftersale_no']}/cancel")
    before = everything()

    with pytest.raises(DomainError) as raised:
        act(claim, expected_version=0)

    assert code_of(raised.value) == "aftersale_state_conflict"
    assert str(raised.value.detail).endswith(f": {claim_of(claim).get_status_display()}")
    assert everything() == before


def test_goods_do_not_come_back_into_stock_when_they_were_shipped(merchant: Merchant) -> None:
    part = shipped_part(merchant, items=[("A", 2)])
    claim = file(merchant, part, {1: 1})

    approve(claim)

    assert [entry[0] for entry in refunds()] == ["10.00"]
    assert line_numbers(part) == (2, 0, 1, 0, 0, "10.00")
    assert stock_numbers("A") == (48, 0, 0)
    assert statuses(part) == ("shipped", "shipped")
    require_conserved()


@pytest.mark.parametrize("make_part", [shipped_part, received_part])
def test_order_closes_when_all_that_was_shipped_is_refunded(
    merchant: Merchant, make_part: Any
) -> None:
    part = make_part(merchant, items=[("A", 2)])
    claim = file(merchant, part, {1: 2})

    approve(claim)

    assert refunded_of(part) == ("20.00", "20.00", "0.00")  # the freight was used
    assert statuses(part) == ("closed", "closed")
    require_conserved()


def test_units_that_never_left_are_granted_first_when_some_were_shipped(
    merchant: Merchant,
) -> None:
    part = shipped_part(merchant, items=[("A", 5)], quantities={1: 2})
    claim = file(merchant, part, {1: 4})
    assert line_numbers(part) == (2, 0, 0, 4, 3, "0.00")

    approve(claim, {1: ApprovedLine(2)}, note="Two of them.")

    assert line_numbers(part) == (2, 2, 2, 0, 0, "20.00")
    assert stock_numbers("A") == (47, 0, 1)
    assert statuses(part) == ("partly_shipped", "partly_shipped")
    require_conserved()


@pytest.mark.usefixtures("books_db")
def test_nothing_is_booked_when_the_refund_is_nothing(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    claim = file(merchant, part, {1: 1})

    approve(claim, {1: ApprovedLine(1, Decimal("0.00"))}, note="Replaced already.")

    assert claim_of(claim).status == "refunded"
    assert refunds() == []
    assert balance(merchant) == "9916.00"
    assert line_numbers(part) == (0, 1, 1, 0, 0, "0.00")
    require_conserved()
    assert verify_books().differences == []


REFUSED = [
    (({1: ApprovedLine(4)}, None, "Why"), "quantity_exceeds_claimable", "/lines/1/quantity"),
    (({1: ApprovedLine(-1)}, None, "Why"), "field_invalid", "/lines/1/quantity"),
    (({2: ApprovedLine(1)}, None, "Why"), "field_invalid", "/lines/2"),
    (({9: ApprovedLine(1)}, None, "Why"), "field_invalid", "/lines/9"),
    (({1: ApprovedLine(0)}, None, "Why"), "field_invalid", ""),
    (({}, None, "Why"), "field_invalid", ""),
    (({1: ApprovedLine(2, Decimal("20.01"))}, None, ""), "refund_exceeds_paid", "/lines/1/amount"),
    (({1: ApprovedLine(0, Decimal("0.01"))}, None, ""), "refund_exceeds_paid", "/lines/1/amount"),
    (({1: ApprovedLine(2, Decimal("-1.00"))}, None, "Why"), "field_invalid", "/lines/1/amount"),
    (({1: ApprovedLine(2, Decimal("1.005"))}, None, "Why"), "field_invalid", "/lines/1/amount"),
    (({1: ApprovedLine(2, Decimal("NaN"))}, None, "Why"), "field_invalid", "/lines/1/amount"),
    (({1: ApprovedLine(2)}, None, " "), "field_required", "/note"),
    (({1: ApprovedLine(3, Decimal("29.99"))}, None, ""), "field_required", "/note"),
    ((None, None, "x" * (MAX_NOTE + 1)), "field_invalid", "/note"),
    ((None, "14.01", ""), "refund_exceeds_paid", "/freight_amount"),
    ((None, "-0.01", ""), "field_invalid", "/freight_amount"),
    ((None, "0.001", ""), "field_invalid", "/freight_amount"),
]


@pytest.mark.parametrize(("decision", "code", "pointer"), REFUSED)
def test_nothing_changes_when_the_decision_is_not_possible(
    merchant: Merchant,
    decision: tuple[dict[int, ApprovedLine] | None, str | None, str],
    code: str,
    pointer: str,
) -> None:
    lines, freight, note = decision
    claim = file(merchant, paid_part(merchant, items=BOTH), {1: 3})
    before = everything()

    with pytest.raises(DomainError) as raised:
        approve(claim, lines, freight=freight, note=note)

    first = raised.value.first if isinstance(raised.value, Refusal) else raised.value
    assert (first.code, first.pointer) == (code, pointer)
    assert everything() == before


def test_all_faults_are_told_when_there_are_several(merchant: Merchant) -> None:
    claim = file(merchant, paid_part(merchant, items=BOTH), {1: 3, 2: 1})

    with pytest.raises(Refusal) as raised:
        approve(claim, {1: ApprovedLine(4), 2: ApprovedLine(1, Decimal(21))}, freight="99.00")

    assert [(fault.code, fault.pointer) for fault in raised.value.faults] == [
        ("quantity_exceeds_claimable", "/lines/1/quantity"),
        ("refund_exceeds_paid", "/lines/2/amount"),
        ("refund_exceeds_paid", "/freight_amount"),
    ]


def test_goods_are_awaited_when_a_return_is_approved(merchant: Merchant) -> None:
    part = shipped_part(merchant, items=BOTH)
    claim = file_for_return(merchant, part, {1: 3, 2: 1})

    approved = approve(claim, {1: ApprovedLine(2, Decimal("15.00"))}, freight="4.00", note="Two.")

    assert (approved.status, approved.ended_at) == ("awaiting_return", None)
    assert approved.return_address == RETURN_ADDRESS
    assert approved.deadline is not None
    assert approved.deadline - approved.updated_at > timedelta(days=6, hours=23)
    assert (approved.goods_refund_amount, approved.freight_refund_amount) == (
        Decimal("15.00"), Decimal("4.00")
    )  # fmt: skip
    assert steps(approved)[1:] == [
        ("submitted", "approved", "operator", "operator", "Two."),
        ("approved", "awaiting_return", "operator", "operator", ""),
    ]
    assert line_numbers(part, 1) == (3, 0, 0, 2, 0, "0.00")  # what was not granted is free
    assert line_numbers(part, 2) == (2, 0, 0, 0, 0, "0.00")
    assert refunds() == []
    Warehouse.objects.update(return_address="elsewhere")
    assert claim_of(claim).return_address == RETURN_ADDRESS


@pytest.mark.parametrize("field", ["return_name", "return_phone", "return_address"])
def test_return_is_not_approved_when_the_warehouse_has_no_address(
    merchant: Merchant, field: str
) -> None:
    claim = file_for_return(merchant, shipped_part(merchant))
    Warehouse.objects.update(**{field: ""})
    before = everything()

    with pytest.raises(DomainError, match="north has no address for returns"):
        approve(claim)

    assert everything() == before


def test_units_are_free_again_when_a_claim_is_rejected(merchant: Merchant) -> None:
    part = paid_part(merchant, items=BOTH)
    claim = file(merchant, part, {1: 3, 2: 1})

    rejected = reject(claim, "It is on its way.")

    assert (rejected.status, rejected.decision_note) == ("rejected", "It is on its way.")
    assert steps(rejected)[1:] == [
        ("submitted", "rejected", "operator", "operator", "It is on its way.")
    ]
    assert line_numbers(part, 1) == line_numbers(part, 2) == (0, 0, 0, 0, 0, "0.00")
    assert refunds() == []
    assert stock_numbers("A") == (47, 0, 3)
    message = told_of(merchant, "aftersale")[-1]
    assert (message.type, message.data["aftersale"]["decision_note"]) == (
        "aftersale.reviewed", "It is on its way."
    )  # fmt: skip
    assert amounts_of(claim) == ["50.00", "0.00", "50.00", "30.00", "20.00"]
    assert amounts_of(message.data["aftersale"]) == ["0.00"] * 5
    [entry] = AuditEntry.objects.filter(action="reject_claim")
    assert (entry.before, entry.after) == ({"status": "submitted"}, {"status": "rejected"})
    require_conserved()


def test_merchant_is_asked_when_something_is_missing(merchant: Merchant) -> None:
    claim = file(merchant, paid_part(merchant))

    asked = ask(claim, "Which of them?")

    assert asked.status == "info_requested"
    assert steps(asked)[1:] == [
        ("submitted", "info_requested", "operator", "operator", "Which of them?")
    ]
    assert told_of(merchant, "aftersale")[-1].type == "aftersale.reviewed"
    assert AuditEntry.objects.filter(action="ask_for_information").count() == 1


@pytest.mark.parametrize(
    ("decide", "end"), [(approve, ["approved", "refunded"]), (reject, ["rejected"])]
)
def test_claim_is_submitted_again_when_it_is_decided_without_the_answer(
    merchant: Merchant, decide: Any, end: list[str]
) -> None:
    claim = file(merchant, paid_part(merchant))
    ask(claim)

    decide(claim, note="Found out ourselves.")

    assert [step[1] for step in steps(claim)] == ["submitted", "info_requested", "submitted", *end]


@pytest.mark.parametrize("decide", [reject, ask])
@pytest.mark.parametrize(
    ("note", "code"), [("", "field_required"), ("x" * (MAX_NOTE + 1), "field_invalid")]
)
def test_nothing_changes_when_the_merchant_is_not_told_why(
    merchant: Merchant, decide: Any, note: str, code: str
) -> None:
    claim = file(merchant, paid_part(merchant))
    before = everything()

    with pytest.raises(DomainError) as raised:
        decide(claim, note)

    assert (raised.value.code, raised.value.pointer) == (code, "/note")
    assert everything() == before


@pytest.mark.parametrize("decide", [approve, reject, ask])
def test_nothing_changes_when_the_claim_is_decided_already(merchant: Merchant, decide: Any) -> None:
    for number, end in enumerate(DECISIONS):
        claim = file(merchant, paid_part(merchant, f"M-{number}"), merchant_aftersale_no=f"R-{end}")
        end(claim)
        before = everything()

        with pytest.raises(AftersaleStateConflict):
            decide(claim)

        assert everything() == before


@pytest.mark.parametrize("decide", [approve, reject])
def test_nothing_changes_when_the_goods_of_a_return_are_awaited(
    merchant: Merchant, decide: Any
) -> None:
    claim = file_for_return(merchant, shipped_part(merchant))
    approve(claim)
    before = everything()

    with pytest.raises(AftersaleStateConflict) as raised:
        decide(claim)

    assert raised.value.facts["status"] == "awaiting_return"
    assert everything() == before


@pytest.mark.parametrize("decide", [approve, reject, ask])
def test_nothing_changes_when_the_claim_is_another_than_was_looked_at(
    merchant: Merchant, decide: Any
) -> None:
    claim = file(merchant, paid_part(merchant))
    before = everything()

    with pytest.raises(PreviewOutdated):
        decide(claim, expected_version=claim["version"] + 1)

    assert everything() == before


@pytest.mark.parametrize("decide", [approve, reject, ask])
def test_unknown_claim_is_not_found(decide: Any) -> None:
    with pytest.raises(NotFound):
        decide({"aftersale_no": "R000"})


def test_ledger_tells_why_when_there_is_a_note(merchant: Merchant) -> None:
    claim = file(merchant, paid_part(merchant))

    approve(claim, note="好" * MAX_NOTE)

    assert LedgerEntry.objects.get(kind="refund").note == "好" * 200
