"""Reasons of claims, rules that approve some, and where goods are sent back, in the back office."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from aftersales.models import ApprovalRule, Claim, ClaimType, Reason, RuleApproval
from aftersales.rule_terms import Terms
from aftersales.selectors.rule_trials import try_rule
from catalog.models import Warehouse
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from tests.aftersales.acts import (
    OPERATOR,
    claim_of,
    file,
    make_reasons,
    paid_part,
    shipped_part,
)
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World, make_merchant

TRIAL = reverse("admin:aftersales_approvalrule_trial")
KEEPER = ("aftersales.view_reason", "aftersales.add_reason", "aftersales.change_reason")
TRIER = ("aftersales.view_approvalrule", "aftersales.view_claim")
REFUND, RETURN = ClaimType.REFUND.value, ClaimType.RETURN_REFUND.value


@pytest.fixture(autouse=True)
def _reasons_of_a_new_platform(db: None) -> None:
    """Those of the migration, whatever tests that commit have emptied."""
    Reason.objects.all().delete()
    import_module("aftersales.migrations.0003_reasons").add_reasons(apps, None)


@pytest.fixture
def claims(shop: World, merchant: Merchant) -> list[Claim]:
    """Not shipped 20.00 of goods; not shipped 60.00, late; shipped 10.00; all refunds asked for."""
    shop.make_sku("A", price="10.00", north=50)
    make_reasons()
    unshipped, late = paid_part(merchant, "M-1", [("A", 3)]), paid_part(merchant, "M-2", [("A", 7)])
    shipped = shipped_part(merchant, "M-3", [("A", 2)])
    return [
        claim_of(file(merchant, unshipped, {1: 2}, merchant_aftersale_no="R-1")),
        claim_of(file(merchant, late, {1: 6}, merchant_aftersale_no="R-2", reason="late")),
        claim_of(file(merchant, shipped, {1: 1}, merchant_aftersale_no="R-3")),
    ]


def page(model: str, name: str, *args: Any) -> str:
    return reverse(f"admin:aftersales_{model}_{name}", args=args)


def rule_form(**fields: Any) -> dict[str, Any]:
    """A rule's form as a browser sends it; the approvals below it are only shown."""
    return {
        "name": "Small ones", "position": "1", "is_active": "on",
        "approvals-TOTAL_FORMS": "0", "approvals-INITIAL_FORMS": "0", **fields,
    }  # fmt: skip


# Reasons


def test_reasons_are_there_in_both_languages_when_the_platform_is_new(db: None) -> None:
    reasons = list(Reason.objects.order_by("position"))

    assert len(reasons) == 10
    assert all(reason.name and reason.name_en and reason.is_active for reason in reasons)
    assert [reason.code for reason in reasons if reason.pictures_required] == [
        "units_missing", "wrong_goods", "damaged", "defective",
    ]  # fmt: skip
    for kind in ClaimType.values:
        assert any(kind in reason.types for reason in reasons)


def test_reason_is_recorded_when_it_is_added_and_taken_out_of_use(staff: Staff) -> None:
    client = staff(*KEEPER)
    form = {
        "code": "late_2", "name": "太慢", "name_en": "Too slow", "types": [REFUND],
        "position": "20", "is_active": "on",
    }  # fmt: skip

    client.post(page("reason", "add"), form)
    reason = Reason.objects.get(code="late_2")
    del form["is_active"]
    client.post(page("reason", "change", reason.pk), {**form, "code": "other"})

    reason.refresh_from_db()
    assert (reason.code, reason.types, reason.is_active) == ("late_2", [REFUND], False)
    entries = AuditEntry.objects.filter(subject_type="aftersales.reason").order_by("id")
    assert [(entry.action, entry.after.get("is_active")) for entry in entries] == [
        ("add", True), ("change", False),
    ]  # fmt: skip
    assert {entry.subject_label for entry in entries} == {"late_2"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"types": []}, "types"),
        ({"types": ["exchange"]}, "types"),
        ({"code": "Too Late"}, "code"),
        ({"code": "damaged"}, "code"),
        ({"code": "迟"}, "code"),
        ({"name": ""}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name_en": "x" * 65}, "name_en"),
        ({"position": "-1"}, "position"),
    ],
)
def test_reason_is_refused_when_a_field_is_wrong(
    boss: Client, fields: dict[str, Any], wrong: str
) -> None:
    form = {"code": "new", "name": "新", "types": [REFUND], "position": "1", **fields}

    response = boss.post(page("reason", "add"), form)

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [wrong]
    assert Reason.objects.count() == 10


def test_reason_stays_when_a_claim_or_a_rule_names_it(claims: list[Claim], boss: Client) -> None:
    rule = ApprovalRule.objects.create(name="Old ones")
    rule.reasons.add(Reason.objects.get(code="old"))
    used, named, free = (Reason.objects.get(code=code) for code in ("unwanted", "old", "broken"))

    answers = [boss.post(page("reason", "delete", one.pk), {"post": "yes"}).status_code
               for one in (used, named, free)]  # fmt: skip

    assert answers == [403, 403, 302]
    assert set(Reason.objects.values_list("code", flat=True)) == {"unwanted", "late", "old"}
    assert "delete_selected" not in boss.get(page("reason", "changelist")).content.decode()


def test_reasons_are_only_shown_when_staff_may_not_change_them(staff: Staff) -> None:
    client = staff("aftersales.view_reason")
    reason = Reason.objects.get(code="damaged")

    assert client.get(page("reason", "changelist")).status_code == 200
    assert client.get(page("reason", "add")).status_code == 403
    assert client.post(page("reason", "change", reason.pk), {"name": "x"}).status_code == 403
    reason.refresh_from_db()
    assert reason.name == "运输破损"


# Rules


def test_rule_stands_as_written_when_it_is_added(boss: Client, merchant: Merchant) -> None:
    reason = Reason.objects.get(code="consumer_cancelled")
    form = rule_form(
        types=[REFUND], reasons=[reason.pk], partners=[merchant.partner.pk],
        before_shipment_only="on", max_amount="500.00", max_amount_a_day="2000",
    )  # fmt: skip

    response = boss.post(page("approvalrule", "add"), form, follow=True)

    rule = ApprovalRule.objects.get()
    assert (rule.types, rule.before_shipment_only) == ([REFUND], True)
    assert (rule.max_amount, rule.max_amount_a_day) == (Decimal("500.00"), Decimal("2000.00"))
    assert list(rule.reasons.all()) == [reason]
    assert [str(message) for message in response.context["messages"]][1:] == []
    [entry] = AuditEntry.objects.filter(subject_type="aftersales.approvalrule")
    assert (entry.action, entry.after["reasons"]) == ("add", ["consumer_cancelled"])


def test_operator_is_warned_when_a_rule_asks_for_hardly_anything(boss: Client) -> None:
    response = boss.post(page("approvalrule", "add"), rule_form(), follow=True)

    assert ApprovalRule.objects.get().max_amount is None
    told = [str(message) for message in response.context["messages"]]
    assert "up to 2,000.00, above which a second person decides" in told[0]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"max_amount": "0"}, "max_amount"),
        ({"max_amount": "-1"}, "max_amount"),
        ({"max_amount": "1.001"}, "max_amount"),
        ({"max_amount": "NaN"}, "max_amount"),
        ({"max_amount": "1e30"}, "max_amount"),
        ({"max_amount_a_day": "0"}, "max_amount_a_day"),
        ({"types": ["exchange"]}, "types"),
        ({"reasons": ["999999"]}, "reasons"),
        ({"name": ""}, "name"),
    ],
)
def test_rule_is_refused_when_a_field_is_wrong(
    boss: Client, fields: dict[str, Any], wrong: str
) -> None:
    response = boss.post(page("approvalrule", "add"), rule_form(**fields))

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [wrong]
    assert not ApprovalRule.objects.exists()


def test_rule_stays_when_it_approved_something(claims: list[Claim], boss: Client) -> None:
    used, free = ApprovalRule.objects.bulk_create(
        [ApprovalRule(name="Used"), ApprovalRule(name="Free")]
    )
    RuleApproval.objects.create(
        rule=used, claim=claims[0], partner=claims[0].partner, amount=Decimal("20.00")
    )

    answers = [boss.post(page("approvalrule", "delete", one.pk), {"post": "yes"}).status_code
               for one in (used, free)]  # fmt: skip
    shown = boss.get(page("approvalrule", "change", used.pk)).content.decode()

    assert answers == [403, 302]
    assert [rule.name for rule in ApprovalRule.objects.all()] == ["Used"]
    assert claims[0].aftersale_no in shown


# Trying rules


def outcomes(terms: Terms, **options: Any) -> dict[str, str]:
    """What stands against each claim, by the merchant's number."""
    return {
        trial.claim.merchant_aftersale_no: str(trial.objection)
        for trial in try_rule(terms, **options)
    }


@pytest.mark.parametrize(
    ("terms", "objections"),
    [
        ({}, ["", "", "Claimed units were shipped"]),
        ({"before_shipment_only": False}, ["", "", ""]),
        (
            {"max_amount": Decimal("20.00")},
            ["", "More than the amount of the rule", "Claimed units were shipped"],
        ),
        (
            {"max_amount": Decimal("19.99"), "before_shipment_only": False},
            ["More than the amount of the rule", "More than the amount of the rule", ""],
        ),
        ({"types": frozenset({RETURN})}, ["Another kind of claim"] * 3),
        ({"partner_ids": frozenset({0})}, ["Another merchant"] * 3),
        (
            {"max_amount_a_day": Decimal("79.99")},
            ["", "More than the amount of a day", "Claimed units were shipped"],
        ),
        (
            {"max_amount_a_day": Decimal("80.00")},
            ["", "", "Claimed units were shipped"],
        ),
    ],
)
def test_trial_says_what_stands_against_each_claim_when_terms_are_tried(
    claims: list[Claim], terms: dict[str, Any], objections: list[str]
) -> None:
    assert outcomes(Terms(**terms)) == dict(zip(["R-1", "R-2", "R-3"], objections, strict=True))


def test_trial_forgets_a_day_later_when_there_is_an_amount_a_day(claims: list[Claim]) -> None:
    a_day_before = claims[1].created_at - timedelta(hours=24)
    Claim.objects.filter(pk=claims[0].pk).update(created_at=a_day_before)

    assert outcomes(Terms(max_amount_a_day=Decimal("79.99")))["R-2"] == ""


def test_trial_refuses_what_takes_two_people_when_a_rule_has_no_amount(
    claims: list[Claim], settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = Decimal("59.99")

    assert outcomes(Terms())["R-2"] == "So much takes the decision of a second person"


def test_trial_leaves_out_what_no_rule_sees_when_claims_were_opened_by_staff_or_decided(
    claims: list[Claim], merchant: Merchant
) -> None:
    Claim.objects.filter(pk=claims[0].pk).update(status="cancelled", ended_at=clock.now())
    other = paid_part(merchant, "M-4", [("A", 1)])
    file(merchant, other, merchant_aftersale_no="", by=OPERATOR)

    assert set(outcomes(Terms())) == {"R-1", "R-2", "R-3"}
    assert set(outcomes(Terms(), undecided_only=True)) == {"R-2", "R-3"}


def test_page_shows_what_a_rule_would_have_approved_when_it_is_tried(
    claims: list[Claim], staff: Staff
) -> None:
    rule = ApprovalRule.objects.create(name="Late", types=[REFUND], max_amount=Decimal("100.00"))
    rule.reasons.add(Reason.objects.get(code="late"))
    client = staff(*TRIER)

    sent = client.get(page("approvalrule", "try_this", rule.pk))
    shown = client.get(sent["Location"])

    terms = parse_qs(urlsplit(sent["Location"]).query)
    assert (terms["max_amount"], terms["types"]) == (["100.00"], [REFUND])
    assert "max_amount_a_day" not in terms
    assert shown.context["form"].errors == {}
    assert (shown.context["approved_count"], shown.context["approved_amount"]) == (
        1, Decimal("60.00"),
    )  # fmt: skip
    rows = re.findall(r"<tr.*?</tr>", shown.content.decode(), re.DOTALL)
    [late] = [row for row in rows if claims[1].aftersale_no in row]
    assert "Approved" in late
    assert "60.00" in late
    assert set(Claim.objects.values_list("status", flat=True)) == {"submitted"}
    assert not RuleApproval.objects.exists()


def test_trial_shows_the_fault_when_terms_are_wrong(claims: list[Claim], staff: Staff) -> None:
    client = staff(*TRIER)

    shown = client.get(TRIAL, {"claims": "latest", "max_amount": "-1", "partners": ["x"]})

    assert set(shown.context["form"].errors) == {"max_amount", "partners"}
    assert "trials" not in shown.context


@pytest.mark.parametrize("missing", TRIER)
def test_trial_is_refused_when_staff_may_not_see_rules_and_claims(
    staff: Staff, missing: str
) -> None:
    client = staff(*(name for name in TRIER if name != missing))

    assert client.get(TRIAL).status_code == 403


def test_trial_takes_few_statements_when_there_are_many_claims(
    claims: list[Claim], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(1):
        try_rule(Terms())


# Where goods are sent back


def test_return_address_is_kept_when_the_page_of_a_warehouse_is_saved(
    world: World, boss: Client
) -> None:
    url = reverse("admin:catalog_warehouse_change", args=(world.north.pk,))
    form = {
        "name": "north", "region": "310115", "serves": ["110000", "310000"], "priority": 10,
        "return_name": "退货组", "return_phone": "021-5550-0101", "return_address": "张江路 88 号",
    }  # fmt: skip

    response = boss.post(url, form)

    assert response.status_code == 302
    north = Warehouse.objects.get(pk=world.north.pk)
    assert (north.return_name, north.return_phone, north.return_address) == (
        "退货组", "021-5550-0101", "张江路 88 号",
    )  # fmt: skip
    [entry] = AuditEntry.objects.all()
    assert sorted(entry.after) == ["return_address", "return_name", "return_phone"]


def test_strangers_claims_are_tried_apart_when_there_is_an_amount_a_day(
    claims: list[Claim], shop: World
) -> None:
    other = make_merchant("other")
    shop.open_pool_to(other)
    file(other, paid_part(other, "O-1", [("A", 6)]), {1: 5}, merchant_aftersale_no="O-R")

    found = outcomes(Terms(max_amount_a_day=Decimal("60.00")))

    assert (found["R-2"], found["O-R"]) == ("More than the amount of a day", "")
