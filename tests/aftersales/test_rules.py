"""Claims that rules approve as they come in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from accounts.services.books import verify_books
from aftersales.models import ApprovalRule, Reason, RuleApproval
from catalog.models import Warehouse
from tests.accounts.damaging import books_db, repeatable_read  # noqa: F401 - fixtures
from tests.aftersales.acts import (
    OPERATOR,
    claim_body,
    claim_of,
    file,
    file_for_return,
    line_numbers,
    paid_part,
    shipped_part,
)
from tests.aftersales.deciding import (  # noqa: F401 - goods is a fixture
    balance,
    goods,
    refunds,
    statuses,
    steps,
    told_of,
)
from tests.cast import Merchant
from tests.orders.acts import stock_numbers
from tests.orders.changing import require_conserved

pytestmark = pytest.mark.usefixtures("goods")


@pytest.fixture(autouse=True)
def _speak_english(settings: Settings) -> None:
    settings.LANGUAGE_CODE = "en"  # of what rules write


def make_rule(name: str = "Small ones", **terms: Any) -> ApprovalRule:
    return ApprovalRule.objects.create(name=name, **terms)


def age_approvals(interval: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing may wait for the triggers
        cursor.execute("ALTER TABLE aftersales_ruleapproval DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE aftersales_ruleapproval SET created_at = created_at - %s::interval", [interval]
        )
        cursor.execute("ALTER TABLE aftersales_ruleapproval ENABLE TRIGGER USER")


@pytest.mark.usefixtures("books_db")
def test_claim_is_refunded_at_once_when_a_rule_approves_it(merchant: Merchant) -> None:
    rule = make_rule("Before shipment", max_amount=Decimal("500.00"))
    part = paid_part(merchant, items=[("A", 2)])

    document = file(merchant, part, {1: 2})

    why = "Rule “Before shipment”: before shipment, up to 500.00"
    assert (document["status"], document["decision_note"]) == ("refunded", why)
    assert steps(document) == [
        ("", "submitted", "merchant", "key:test", ""),
        ("submitted", "approved", "platform", "platform", why),
        ("approved", "refunded", "platform", "platform", ""),
    ]
    assert [message.data["aftersale"]["status"] for message in told_of(merchant, "aftersale")] == [
        "submitted", "approved", "refunded"
    ]  # fmt: skip
    [approval] = RuleApproval.objects.all()
    assert (approval.rule, approval.claim.aftersale_no, approval.amount) == (
        rule, document["aftersale_no"], Decimal("28.00")
    )  # fmt: skip
    assert [entry[0] for entry in refunds()] == ["28.00"]
    assert balance(merchant) == "10000.00"
    assert statuses(part) == ("closed", "closed")
    assert stock_numbers() == (50, 0, 0)
    require_conserved()
    assert verify_books().differences == []


def test_answer_is_kept_as_refunded_when_a_rule_approves_it(merchant: Merchant) -> None:
    make_rule()
    part = paid_part(merchant)
    key = {"Idempotency-Key": "one"}

    first = merchant.api.post("/aftersales", claim_body(part), headers=key)
    again = merchant.api.post("/aftersales", claim_body(part), headers=key)

    assert (first.status_code, first.json()["status"]) == (201, "refunded")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(refunds()) == 1


def test_claim_waits_when_no_rule_approves_it(merchant: Merchant) -> None:
    make_rule("Off", is_active=False)
    make_rule("Small", max_amount=Decimal("17.99"), position=1)
    make_rule("Returns", types=["return_refund"], position=2)

    document = file(merchant, paid_part(merchant, items=[("A", 1)]))  # 10.00 and a freight of 8.00

    assert document["status"] == "submitted"
    assert not RuleApproval.objects.exists()
    assert refunds() == []


def test_first_rule_counts_when_several_approve(merchant: Merchant) -> None:
    make_rule("Second", position=2)
    first = make_rule("First", position=1)

    file(merchant, paid_part(merchant))

    assert RuleApproval.objects.get().rule == first


def test_rule_looks_at_merchant_and_reason(merchant: Merchant, stranger: Merchant) -> None:
    rule = make_rule("Trusted")
    rule.partners.add(stranger.partner)
    assert file(merchant, paid_part(merchant))["status"] == "submitted"

    rule.partners.add(merchant.partner)
    rule.reasons.add(Reason.objects.get(code="late"))
    second = file(merchant, paid_part(merchant, "M-2"), merchant_aftersale_no="R-2")
    third = file(merchant, paid_part(merchant, "M-3"), merchant_aftersale_no="R-3", reason="late")

    assert (second["status"], third["status"]) == ("submitted", "refunded")
    assert third["decision_note"] == (
        "Rule “Trusted”: before shipment, trusted merchant, by its reason"
    )


def test_rule_for_what_was_not_shipped_leaves_what_was(merchant: Merchant) -> None:
    make_rule("Before shipment")
    part = shipped_part(merchant, items=[("A", 3)], quantities={1: 1})

    mixed = file(merchant, part, {1: 3})

    assert mixed["status"] == "submitted"


def test_goods_are_awaited_when_a_rule_approves_a_return(merchant: Merchant) -> None:
    make_rule("Returns", before_shipment_only=False)

    document = file_for_return(merchant, shipped_part(merchant))

    assert document["status"] == "awaiting_return"
    assert document["decision_note"] == "Rule “Returns”"
    assert refunds() == []


def test_return_waits_for_an_operator_when_the_warehouse_has_no_address(
    merchant: Merchant,
) -> None:
    make_rule("Returns", before_shipment_only=False)
    Warehouse.objects.update(return_name="")

    document = file_for_return(merchant, shipped_part(merchant))

    assert document["status"] == "submitted"


def test_rule_never_approves_what_takes_a_second_person(
    merchant: Merchant, settings: Settings
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = Decimal("9.99")
    make_rule("Everything", before_shipment_only=False)

    assert file(merchant, paid_part(merchant))["status"] == "submitted"


def test_rule_stops_when_its_day_is_used_up(merchant: Merchant) -> None:
    make_rule("Daily", max_amount_a_day=Decimal("29.99"))
    parts = [paid_part(merchant, f"M-{number}") for number in range(4)]

    found = [
        file(merchant, part, merchant_aftersale_no=f"R-{part}")["status"] for part in parts[:3]
    ]

    assert found == ["refunded", "refunded", "submitted"]  # 10.00 each
    age_approvals("24 hours 1 second")
    assert file(merchant, parts[3], merchant_aftersale_no="R-4")["status"] == "refunded"


def test_rules_leave_claims_that_operators_opened(merchant: Merchant) -> None:
    make_rule()
    part = paid_part(merchant)

    document = file(merchant, part, merchant_aftersale_no="", by=OPERATOR)

    assert claim_of(document).status == "submitted"
    assert line_numbers(part) == (0, 0, 0, 1, 1, "0.00")
