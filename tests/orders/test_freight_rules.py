"""Which template and which rule an order is charged by, and how templates change."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from catalog.models import Category
from catalog.services.categories import CategoryDraft, save_categories
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, NotFound, Refusal
from openplatform.regions.models import Region
from orders.freight import Tariff, read_tariffs, send_tariffs
from orders.models import FreightRule, FreightTemplate, Suborder
from orders.services.freight_templates import (
    RuleDraft,
    TemplateDraft,
    add_template,
    require_distinct_rules,
    save_templates,
    use_template,
)
from tests.cast import Merchant, World
from tests.orders.acts import place
from tests.racing import race
from tests.sample_regions import retire_regions

TOWN, DISTRICT, PROVINCE = "110101001", "110101", "110000"


def rule(amount: str, *regions: str, **fields: Any) -> RuleDraft:
    return RuleDraft(first_amount=Decimal(amount), regions=regions, **fields)


def template(code: str, *rules: RuleDraft, **fields: Any) -> FreightTemplate:
    with transaction.atomic():
        return add_template(code=code, name=code, rules=rules, **fields)


def tariffs(region: str = DISTRICT, codes: Iterable[str] = ("A",)) -> list[Tariff]:
    return read_tariffs(send_tariffs(region=region, codes=list(codes)))


def first_amounts(region: str, codes: Iterable[str] = ("A",)) -> list[tuple[str, str]]:
    """Of each template for the place: its code, and the first amount of the rule that counts."""
    return [(one.template, str(one.first_amount)) for one in tariffs(region, codes)]


@pytest.fixture
def bare(world: World) -> World:
    """The world without its template."""
    FreightTemplate.objects.all().delete()
    return world


@pytest.mark.parametrize(
    ("region", "amount", "named"),
    [
        (TOWN, "4.00", TOWN),
        (DISTRICT, "3.00", DISTRICT),
        ("110100", "2.00", PROVINCE),
        ("650102", "1.00", None),
        ("999999", "1.00", None),
    ],
)
def test_deepest_region_that_the_place_lies_in_counts(
    bare: World, region: str, amount: str, named: str | None
) -> None:
    template(
        "t", rule("4.00", TOWN), rule("1.00"), rule("2.00", "440000", PROVINCE),
        rule("3.00", DISTRICT, "310115"),
    )  # fmt: skip

    [tariff] = tariffs(region)

    assert (tariff.first_amount, tariff.region) == (Decimal(amount), named)


def test_template_is_not_meant_for_a_place_when_no_rule_is(bare: World) -> None:
    template("far", rule("9.00", "650000"), warehouse=bare.north)
    template("general", rule("1.00"))

    assert first_amounts(DISTRICT) == [("general", "1.00")]
    assert first_amounts("650102") == [("far", "9.00"), ("general", "1.00")]


def test_nothing_is_charged_when_only_other_places_have_rules(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5)
    FreightRule.objects.get().regions.set(Region.objects.filter(pk="650000"))

    assert place(merchant)["freight_amount"] == "0.00"


def test_retired_region_stands_for_its_successor(bare: World) -> None:
    template("t", rule("5.00", "110101"), rule("1.00"))
    retire_regions("110101", "110101001", successors={"110101": "310115"})

    assert first_amounts("310115") == [("t", "5.00")]
    assert first_amounts("110101") == [("t", "5.00")]  # an old code in an order
    assert tariffs("310115")[0].region == "310115"
    assert first_amounts("110100") == [("t", "1.00")]


def test_rule_that_names_the_successor_itself_counts_before_one_of_a_retired_region(
    bare: World,
) -> None:
    template("t", rule("5.00", "110101"), rule("7.00", "310115"), rule("1.00"))
    retire_regions("110101", "110101001", successors={"110101": "310115"})

    assert first_amounts("310115") == [("t", "7.00")]
    assert first_amounts("110101") == [("t", "7.00")]


def test_rule_of_a_region_without_successor_is_left_alone_when_it_is_retired(bare: World) -> None:
    template("t", rule("5.00", "110101"), rule("1.00"))
    retire_regions("110101", "110101001")

    assert first_amounts("110100") == [("t", "1.00")]
    assert FreightRule.objects.exclude(regions=None).count() == 1


def test_category_counts_before_warehouse_and_the_deepest_before_the_others(bare: World) -> None:
    now = clock.now()
    with transaction.atomic():
        save_categories(drafts=[CategoryDraft("kitchen", "厨房", "home", False)], now=now)
    kitchen = Category.objects.get(code="kitchen")
    bare.make_sku("A")
    bare.make_sku("B")
    product = bare.make_sku("C").product
    product.category = kitchen
    product.save()
    template("general", rule("1.00"))
    template("north", rule("2.00"), warehouse=bare.north)
    template("home", rule("3.00"), category=bare.category)
    template("kitchen", rule("4.00"), category=kitchen)
    template("home-north", rule("5.00"), category=bare.category, warehouse=bare.north)

    order = [
        (one.template, None if one.skus is None else sorted(one.skus))
        for one in tariffs(DISTRICT, ["A", "C"])
    ]

    assert order == [
        ("kitchen", ["C"]), ("home-north", ["A", "C"]), ("home", ["A", "C"]), ("north", None),
        ("general", None),
    ]  # fmt: skip


def test_goods_follow_their_category_when_it_moves(bare: World) -> None:
    now = clock.now()
    drafts = [
        CategoryDraft("heavy", "重货", None, False),
        CategoryDraft("rice", "大米", "home", False),
    ]
    with transaction.atomic():
        save_categories(drafts=drafts, now=now)
    product = bare.make_sku("A").product
    product.category = Category.objects.get(code="rice")
    product.save()
    template("home", rule("3.00"), category=bare.category)
    template("heavy", rule("9.00"), category=Category.objects.get(code="heavy"))
    before = [(one.template, sorted(one.skus or ())) for one in tariffs()]

    with transaction.atomic():
        save_categories(drafts=[CategoryDraft("rice", "大米", "heavy", False)], now=now)

    assert before == [("home", ["A"]), ("heavy", [])]
    assert [(one.template, sorted(one.skus or ())) for one in tariffs()] == [
        ("home", []), ("heavy", ["A"]),
    ]  # fmt: skip


def test_each_suborder_bears_the_freight_of_its_own_warehouse_and_goods(
    shop: World, merchant: Merchant
) -> None:
    template("north", rule("20.00", remote_amount=Decimal("5.00")), warehouse=shop.north)
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)

    body = place(merchant, items=[("N", 1), ("S", 1)])

    assert [part["freight_amount"] for part in body["suborders"]] == ["25.00", "8.00"]
    assert [
        [(one["template"], one["remote_amount"], one["skus"]) for one in part.freight_details]
        for part in Suborder.objects.order_by("pk")
    ] == [[("north", "5.00", ["N"])], [("standard", "0.00", ["S"])]]


# Steps and services


def test_rules_that_name_one_place_are_refused_whichever_code_they_name_it_by(
    bare: World,
) -> None:
    made = template(
        "t", rule("1.00"), rule("2.00"), rule("3.00", "110101"), rule("4.00", "310115"),
        rule("5.00", "440000"),
    )  # fmt: skip
    retire_regions("110101", "110101001", successors={"110101": "310115"})

    with transaction.atomic(), pytest.raises(Refusal) as refused:
        require_distinct_rules(template_id=made.pk)

    assert [fault.facts["region"] for fault in refused.value.faults] == ["", "310115"]


def test_templates_may_change_places_when_both_are_in_use(bare: World) -> None:
    template("one", rule("1.00"), warehouse=bare.north)
    template("two", rule("2.00"), warehouse=bare.south)

    with transaction.atomic():
        save_templates(
            drafts=[
                TemplateDraft("one", "one", bare.south.pk, None, [rule("1.00")]),
                TemplateDraft("two", "two", bare.north.pk, None, [rule("2.00")]),
            ],
            actor="operator",
        )

    assert list(
        FreightTemplate.objects.order_by("code").values_list("code", "warehouse", "is_active")
    ) == [("one", bare.south.pk, True), ("two", bare.north.pk, True)]
    entries = AuditEntry.objects.filter(action="change").order_by("subject_label")
    assert [(entry.before, entry.after) for entry in entries] == [
        ({"warehouse": "north north"}, {"warehouse": "south south"}),
        ({"warehouse": "south south"}, {"warehouse": "north north"}),
    ]


@pytest.mark.django_db(transaction=True)
def test_template_takes_the_place_of_the_one_in_use(bare: World) -> None:
    old = template("old", rule("1.00"))
    other = template("other", rule("3.00"), warehouse=bare.north)
    FreightTemplate.objects.filter(pk=old.pk).update(is_active=False)
    new = template("new", rule("2.00"))
    FreightTemplate.objects.filter(pk=new.pk).update(is_active=False)
    FreightTemplate.objects.filter(pk=old.pk).update(is_active=True)

    replaced = use_template(template_id=new.pk, actor="operator")

    assert replaced == old
    assert set(FreightTemplate.objects.filter(is_active=True)) == {new, other}
    assert list(
        AuditEntry.objects.filter(action="use_freight_template")
        .order_by("pk")
        .values_list("subject_label", "before", "after", "actor")
    ) == [
        ("old old", {"is_active": True}, {"is_active": False}, "operator"),
        ("new new", {"is_active": False}, {"is_active": True}, "operator"),
    ]


@pytest.mark.django_db(transaction=True)
def test_template_is_not_put_in_use_when_it_is_or_cannot_be(bare: World) -> None:
    used = template("used", rule("1.00"))
    empty = FreightTemplate.objects.create(code="empty", name="empty", is_active=False)

    for pk, error in ((used.pk, FieldInvalid), (empty.pk, FieldInvalid), (0, NotFound)):
        with pytest.raises(error):
            use_template(template_id=pk, actor="operator")

    assert FreightTemplate.objects.get(is_active=True) == used
    assert not AuditEntry.objects.filter(action="use_freight_template").exists()


@pytest.mark.django_db(transaction=True)
def test_no_order_goes_free_while_templates_change_places(shop: World, merchant: Merchant) -> None:
    """Every order pays by the one or the other, whatever moment it is placed at. Switched by two
    saves, the first of which takes the old one out of use, an order in between goes free."""
    shop.make_sku("A", north=1000)
    standard = FreightTemplate.objects.get()
    dear = FreightTemplate.objects.create(code="dear", name="dear", is_active=False)
    FreightRule.objects.create(template=dear, first_amount=Decimal("50.00"))

    def switch() -> str:
        for _round in range(5):
            for one in (dear, standard):
                use_template(template_id=one.pk, actor="operator")
        return "switched"

    def order(worker: int) -> str:
        return " ".join(
            place(merchant, f"M-{worker}-{number}")["freight_amount"] for number in range(6)
        )

    outcomes = race(switch, lambda: order(1), lambda: order(2))

    assert outcomes[0] == "switched"
    freights = {amount for told in outcomes[1:] for amount in str(told).split()}
    assert freights <= {"8.00", "50.00"}
    assert Suborder.objects.count() == 12


@pytest.mark.django_db(transaction=True)
def test_one_template_is_in_use_when_several_are_put_in_use_at_once(world: World) -> None:
    made = [FreightTemplate.objects.get()]
    for code in ("one", "two", "three"):
        made.append(FreightTemplate.objects.create(code=code, name=code, is_active=False))
        FreightRule.objects.create(template=made[-1], first_amount=Decimal("1.00"))

    outcomes = race(
        *[lambda pk=one.pk: use_template(template_id=pk, actor="operator") for one in made[1:]]
    )

    assert not any(isinstance(outcome, BaseException) for outcome in outcomes)
    assert FreightTemplate.objects.filter(is_active=True).count() == 1
    assert AuditEntry.objects.filter(action="use_freight_template").count() == 6
