"""Freight templates in the back office."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from openplatform.audit.models import AuditEntry
from openplatform.imports.models import ImportRun
from openplatform.imports.services.running import run_due_imports
from openplatform.regions.models import Region
from orders.models import FreightRule, FreightTemplate
from tests.backoffice.conftest import Staff
from tests.cast import World
from tests.sample_regions import retire_regions

ADD = reverse("admin:orders_freighttemplate_add")
EDITOR = (
    "orders.view_freighttemplate", "orders.add_freighttemplate", "orders.change_freighttemplate",
    "orders.view_freightrule", "orders.add_freightrule", "orders.change_freightrule",
)  # fmt: skip


@pytest.fixture
def standard(world: World) -> FreightTemplate:
    """The template in use, with its one rule."""
    return FreightTemplate.objects.get()


@pytest.fixture
def editor(staff: Staff) -> Client:
    """Somebody who may change templates."""
    return staff(*EDITOR)


def page(template: FreightTemplate, name: str = "change") -> str:
    return reverse(f"admin:orders_freighttemplate_{name}", args=(template.pk,))


def rule(*regions: str, pk: Any = "", **values: Any) -> dict[str, Any]:
    return {
        "id": pk, "regions": list(regions), "basis": "weight", "first_size": "1000",
        "first_amount": "8.00", "step_size": "500", "step_amount": "2.00",
        "free_from_amount": "", "remote_amount": "0", **values,
    }  # fmt: skip


def form(*rules: Mapping[str, Any], known: int = 0, **values: Any) -> dict[str, Any]:
    """What the page sends: a template and its rules, the first ``known`` of which exist."""
    fields = {
        f"rules-{index}-{name}": value
        for index, one in enumerate(rules)
        for name, value in one.items()
    }
    return {
        "code": "new", "name": "新模板", "warehouse": "", "category": "",
        "rules-TOTAL_FORMS": len(rules), "rules-INITIAL_FORMS": known, **fields, **values,
    }  # fmt: skip


def edited(template: FreightTemplate, *rules: Mapping[str, Any], known: int = 1) -> dict[str, Any]:
    return form(*rules, known=known, name=template.name, is_active="on")


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def faults(response: Any) -> list[dict[str, list[str]]]:
    """What is wrong with each rule."""
    assert response.status_code == 200
    [inline] = response.context["inline_admin_formsets"]
    found: list[dict[str, list[str]]] = inline.formset.errors
    return found


# The form


def test_template_is_added_with_its_rules_and_the_trail_has_them(
    world: World, editor: Client
) -> None:
    sent = form(
        rule("650000", "440000", remote_amount="12", free_from_amount="99"),
        rule(step_amount="", remote_amount=""),
        warehouse=world.north.pk,
        is_active="on",
    )

    response = editor.post(ADD, sent, follow=True)

    template = FreightTemplate.objects.get(code="new")
    assert (template.name, template.warehouse, template.is_active) == ("新模板", world.north, True)
    assert len(messages(response)) == 1
    [entry] = AuditEntry.objects.filter(subject_type="orders.freighttemplate")
    assert (entry.action, entry.subject_id, entry.actor) == ("add", str(template.pk), "operator")
    assert entry.after["rules"] == [
        "*: weight 8.00/1000 + 0.00/500",
        "440000 650000: weight 8.00/1000 + 2.00/500, free from 99.00, remote 12.00",
    ]
    assert not AuditEntry.objects.filter(subject_type="orders.freightrule").exists()


def test_changed_rules_stand_in_the_trail_of_their_template(
    standard: FreightTemplate, editor: Client
) -> None:
    own = standard.rules.get()

    editor.post(page(standard), edited(standard, rule("650000", pk=own.pk), rule()))

    [entry] = AuditEntry.objects.all()
    assert (entry.action, entry.subject_label) == ("change", "standard standard")
    assert entry.before == {"rules": ["*: weight 8.00/1000 + 2.00/500"]}
    assert entry.after == {
        "rules": ["*: weight 8.00/1000 + 2.00/500", "650000: weight 8.00/1000 + 2.00/500"]
    }


def test_trail_is_not_told_when_nothing_was_edited(
    standard: FreightTemplate, editor: Client
) -> None:
    editor.post(page(standard), edited(standard, rule(pk=standard.rules.get().pk)))

    assert not AuditEntry.objects.exists()


def test_rule_is_removed_when_another_one_is_left(
    standard: FreightTemplate, editor: Client
) -> None:
    own = standard.rules.get()

    editor.post(page(standard), edited(standard, rule(pk=own.pk, DELETE="on"), rule("110000")))

    assert [one.code for one in standard.rules.get().regions.all()] == ["110000"]
    assert not FreightRule.objects.filter(pk=own.pk).exists()


def test_operator_is_warned_when_no_rule_is_for_all_other_regions(
    world: World, editor: Client
) -> None:
    response = editor.post(ADD, form(rule("650000"), warehouse=world.north.pk), follow=True)

    assert [text for text in messages(response) if "go free" in text]
    assert FreightTemplate.objects.filter(code="new").exists()


@pytest.mark.parametrize(
    ("rules", "faulty"),
    [
        ([rule("650000"), rule("440000", "650000")], {1: ["regions"]}),
        ([rule(), rule("650000"), rule()], {2: ["regions"]}),
        ([rule(first_amount="-1")], {0: ["first_amount"]}),
        ([rule(step_amount="-0.01")], {0: ["step_amount"]}),
        ([rule(free_from_amount="-1", remote_amount="-1")],
         {0: ["free_from_amount", "remote_amount"]}),
        ([rule(first_amount="")], {0: ["first_amount"]}),
        ([rule(first_amount="8.005")], {0: ["first_amount"]}),
        ([rule(first_amount="1000000000000")], {0: ["first_amount"]}),
        ([rule(first_amount="NaN")], {0: ["first_amount"]}),
        ([rule(first_size="0")], {0: ["first_size"]}),
        ([rule(step_size="-5")], {0: ["step_size"]}),
        ([rule(step_size="2147483648")], {0: ["step_size"]}),
        ([rule(basis="volume")], {0: ["basis"]}),
        ([rule("999999")], {0: ["regions"]}),
    ],
)  # fmt: skip
def test_fault_is_told_at_its_field_and_nothing_is_written(
    world: World, editor: Client, rules: Sequence[dict[str, Any]], faulty: dict[int, list[str]]
) -> None:
    response = editor.post(ADD, form(*rules, warehouse=world.north.pk))

    found = {index: sorted(errors) for index, errors in enumerate(faults(response)) if errors}
    assert found == faulty
    assert FreightTemplate.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_template_without_rules_is_refused(
    world: World, standard: FreightTemplate, editor: Client
) -> None:
    own = standard.rules.get()

    added = editor.post(ADD, form(warehouse=world.north.pk))
    emptied = editor.post(page(standard), edited(standard, rule(pk=own.pk, DELETE="on")))

    for response in (added, emptied):
        [inline] = response.context["inline_admin_formsets"]
        assert inline.formset.non_form_errors() == [
            "A template without rules charges nothing; add a rule"
        ]
    assert list(FreightRule.objects.all()) == [own]


def test_rules_for_a_region_and_for_one_that_it_followed_are_refused(
    standard: FreightTemplate, editor: Client
) -> None:
    own = standard.rules.get()
    own.regions.set(Region.objects.filter(pk="110101"))
    retire_regions("110101", "110101001", successors={"110101": "310115"})

    response = editor.post(
        page(standard), edited(standard, rule("110101", pk=own.pk), rule("310115"))
    )

    assert faults(response) == [
        {}, {"regions": ["上海市 上海市 浦东新区 stands in another rule already"]},
    ]  # fmt: skip
    assert FreightRule.objects.count() == 1


def test_page_with_many_rules_and_regions_opens_and_saves_in_few_statements(
    standard: FreightTemplate, editor: Client, django_assert_max_num_queries: Any
) -> None:
    """Thirty rules with forty regions each: more fields than Django takes by itself."""
    Region.objects.bulk_create(
        Region(
            code=str(900000 + number), level=3, name=f"R{number}", path=[str(900000 + number)],
            path_name=f"R{number}", has_children=False,
        )
        for number in range(1200)
    )  # fmt: skip
    rules = [
        rule(*[str(900000 + 30 * place + number) for place in range(40)]) for number in range(30)
    ]
    own = rule(pk=standard.rules.get().pk)

    saved = editor.post(page(standard), edited(standard, own, *rules))
    with django_assert_max_num_queries(150):
        opened = editor.get(page(standard))

    assert (saved.status_code, opened.status_code) == (302, 200)
    assert standard.rules.count() == 31
    assert FreightRule.regions.through.objects.count() == 1200
    assert "R0、R30、R60、R90、R120、R150、R180、R210 … (40)" in opened.content.decode()


def test_template_in_use_cannot_be_deleted_and_another_is_with_its_rules(
    standard: FreightTemplate, boss: Client
) -> None:
    other = FreightTemplate.objects.create(code="other", name="other", is_active=False)
    FreightRule.objects.create(template=other, first_amount=Decimal("5.00"))

    used = boss.post(page(standard, "delete"), {"post": "yes"})
    unused = boss.post(page(other, "delete"), {"post": "yes"})

    assert (used.status_code, unused.status_code) == (403, 302)
    assert list(FreightTemplate.objects.all()) == [standard]
    [entry] = AuditEntry.objects.all()
    assert (entry.action, entry.before["rules"]) == (
        "delete", ["*: weight 5.00/1000 + 0.00/1000"],
    )  # fmt: skip


# Putting in use


@pytest.mark.django_db(transaction=True)
def test_template_is_put_in_use_instead_of_another(
    standard: FreightTemplate, editor: Client
) -> None:
    other = FreightTemplate.objects.create(code="other", name="B", is_active=False)
    FreightRule.objects.create(template=other, first_amount=Decimal("5.00"))

    asked = editor.get(page(other, "put_in_use"))
    done = editor.post(page(other, "put_in_use"), follow=True)

    assert asked.context["facts"][0][1] == standard
    assert messages(done) == ["other B is in use instead of standard standard"]
    assert FreightTemplate.objects.get(is_active=True) == other


@pytest.mark.django_db(transaction=True)
def test_template_without_rules_is_not_put_in_use(
    standard: FreightTemplate, editor: Client
) -> None:
    other = FreightTemplate.objects.create(code="other", name="B", is_active=False)

    response = editor.post(page(other, "put_in_use"))

    assert response.context["form"].non_field_errors() == [
        "A template without rules charges nothing; add a rule first"
    ]
    assert FreightTemplate.objects.get(is_active=True) == standard


def test_operator_is_told_when_the_template_is_in_use_already(
    standard: FreightTemplate, editor: Client
) -> None:
    url = page(standard, "put_in_use")

    answers = [editor.get(url, follow=True), editor.post(url, follow=True)]

    assert [answer.redirect_chain for answer in answers] == [[(page(standard), 302)]] * 2
    assert [messages(answer) for answer in answers] == [
        ["standard standard is in use already"]
    ] * 2  # fmt: skip
    assert FreightTemplate.objects.get(is_active=True) == standard
    assert not AuditEntry.objects.exists()


def test_page_of_a_template_offers_to_put_it_in_use_unless_it_is(
    standard: FreightTemplate, editor: Client
) -> None:
    other = FreightTemplate.objects.create(code="other", name="B", is_active=False)

    offered = [
        page(template, "put_in_use") in editor.get(page(template)).content.decode()
        for template in (standard, other)
    ]

    assert offered == [False, True]


def test_putting_in_use_is_forbidden_when_one_may_only_look(
    standard: FreightTemplate, editor: Client, staff: Staff
) -> None:
    other = FreightTemplate.objects.create(code="other", name="B", is_active=False)
    looker = staff("orders.view_freighttemplate", username="looker")

    assert looker.post(page(other, "put_in_use")).status_code == 403
    assert editor.post(page(other, "put_in_use").replace(str(other.pk), "abc")).status_code == 404
    assert FreightTemplate.objects.get(is_active=True) == standard


# The import's page


def test_freight_is_imported_through_the_page(world: World, staff: Staff) -> None:
    client = staff("orders.add_freighttemplate", "orders.change_freighttemplate")
    content = "template,warehouse,regions,first_amount,remote_amount\nfar,north,650000,10,5\n"

    client.post(
        "/admin/imports/importrun/add/?resource=freight",
        {"file": SimpleUploadedFile("freight.csv", content.encode())},
    )
    run_due_imports()
    run = ImportRun.objects.get()
    nothing = FreightTemplate.objects.count()
    client.post(reverse("admin:imports_importrun_confirm", args=(run.pk,)))
    run_due_imports()

    assert nothing == 1
    assert FreightRule.objects.get(template__code="far").remote_amount == Decimal("5.00")
