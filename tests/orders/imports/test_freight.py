"""`import freight`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import translation

from openplatform.audit.models import AuditEntry
from orders.models import FreightRule, FreightTemplate
from tests.cast import World
from tests.imports.files import Desk, write_csv
from tests.sample_regions import retire_regions

pytestmark = pytest.mark.usefixtures("world")


def row(template: str = "far", regions: str = "", **values: Any) -> dict[str, Any]:
    return {
        "template": template, "warehouse": "north", "category": "", "regions": regions,
        "first_weight_grams": "1000", "first_amount": "10.00", "step_weight_grams": "500",
        "step_amount": "4", "free_from_amount": "", "remote_amount": "", "basis": "",
        "first_size": "", "step_size": "", "name": "远方", **values,
    }  # fmt: skip


def told() -> list[dict[str, Any]]:
    """Every rule, with whose it is."""
    return [
        {
            "of": (rule.template.code, rule.template.warehouse and rule.template.warehouse.code),
            "regions": sorted(rule.regions.values_list("code", flat=True)),
            "first": (rule.first_size, str(rule.first_amount)),
            "step": (rule.step_size, str(rule.step_amount)),
            "free_from": rule.free_from_amount,
            "remote": str(rule.remote_amount),
            "basis": rule.basis,
        }
        for rule in FreightRule.objects.select_related("template__warehouse").order_by("pk")
    ]


STANDARD: dict[str, Any] = {
    "of": ("standard", None), "regions": [], "first": (1000, "8.00"), "step": (500, "2.00"),
    "free_from": None, "remote": "0.00", "basis": "weight",
}  # fmt: skip


def test_templates_are_made_as_the_file_says(desk: Desk) -> None:
    counts = desk.counts(
        "freight",
        row(regions="650000 310000", remote_amount="12.5", free_from_amount="199"),
        row(basis="pieces", first_weight_grams="", step_weight_grams="", first_size="2"),
        row("dear", category="home", warehouse="", name="", basis="amount", first_weight_grams="",
            step_weight_grams="", first_size="100", step_size="50"),
    )  # fmt: skip

    assert counts == (3, 0, 0)
    far = {"of": ("far", "north"), "step": (500, "4.00"), "first": (1000, "10.00")}
    assert told() == [
        STANDARD,
        {**far, "regions": ["310000", "650000"], "free_from": Decimal("199.00"),
         "remote": "12.50", "basis": "weight"},
        {**far, "regions": [], "free_from": None, "remote": "0.00", "basis": "pieces",
         "first": (2, "10.00"), "step": (1, "4.00")},
        {"of": ("dear", None), "regions": [], "free_from": None, "remote": "0.00",
         "basis": "amount", "first": (100, "10.00"), "step": (50, "4.00")},
    ]  # fmt: skip
    assert list(
        FreightTemplate.objects.order_by("pk").values_list("code", "name", "is_active")
    ) == [("standard", "standard", True), ("far", "远方", True), ("dear", "dear", True)]
    entry = AuditEntry.objects.get(action="add", subject_label="far 远方")
    assert (entry.actor, entry.after["rules"]) == (
        "operator",
        [
            "*: pieces 10.00/2 + 4.00/1",
            "310000 650000: weight 10.00/1000 + 4.00/500, free from 199.00, remote 12.50",
        ],
    )


def test_nothing_changes_when_the_file_comes_again(desk: Desk) -> None:
    rows = [row(regions="650000"), row()]
    desk.load("freight", *rows)
    before = list(FreightRule.objects.order_by("pk").values())
    entries = AuditEntry.objects.filter(subject_type="orders.freighttemplate").count()

    assert desk.counts("freight", *rows) == (0, 0, 2)
    assert desk.counts("freight", *reversed(rows)) == (0, 0, 2)
    assert list(FreightRule.objects.order_by("pk").values()) == before
    assert AuditEntry.objects.filter(subject_type="orders.freighttemplate").count() == entries


def test_rules_are_replaced_and_those_of_other_templates_stay(desk: Desk) -> None:
    desk.load("freight", row(regions="650000"), row(regions="440000"), row())
    kept = FreightRule.objects.get(regions="650000").pk

    with translation.override("en"):
        report = desk.load(
            "freight", row(regions="650000", first_amount="11"), row(), row(regions="310000")
        )

    assert (report.created, report.updated, report.unchanged) == (1, 1, 1)
    assert report.messages == ["Rules of far that the file does not have are removed: 1"]
    assert [(one["of"][0], one["regions"], one["first"][1]) for one in told()] == [
        ("standard", [], "8.00"), ("far", ["650000"], "11.00"), ("far", [], "10.00"),
        ("far", ["310000"], "10.00"),
    ]  # fmt: skip
    assert FreightRule.objects.get(regions="650000").pk == kept
    entry = AuditEntry.objects.get(action="change")
    assert entry.before == {
        "rules": [
            "*: weight 10.00/1000 + 4.00/500", "440000: weight 10.00/1000 + 4.00/500",
            "650000: weight 10.00/1000 + 4.00/500",
        ]
    }  # fmt: skip
    assert entry.after == {
        "rules": [
            "*: weight 10.00/1000 + 4.00/500", "310000: weight 10.00/1000 + 4.00/500",
            "650000: weight 11.00/1000 + 4.00/500",
        ]
    }  # fmt: skip


def test_template_that_is_not_in_use_stays_so(desk: Desk) -> None:
    desk.load("freight", row())
    FreightTemplate.objects.filter(code="far").update(is_active=False)

    assert desk.counts("freight", row(first_amount="9")) == (0, 1, 0)
    assert not FreightTemplate.objects.get(code="far").is_active


def test_columns_that_the_file_lacks_leave_a_known_template_as_it_is(desk: Desk) -> None:
    desk.load("freight", row())

    counts = desk.counts("freight", {"template": "far", "first_amount": "3"})

    assert counts == (0, 1, 0)
    template = FreightTemplate.objects.get(code="far")
    assert (template.name, template.warehouse and template.warehouse.code) == ("远方", "north")


def test_new_name_alone_is_a_change(desk: Desk) -> None:
    desk.load("freight", row(), row(regions="650000"))

    counts = desk.counts("freight", row(name="更远"), row(regions="650000", name="更远"))

    assert counts == (0, 1, 1)
    assert FreightTemplate.objects.get(code="far").name == "更远"


def test_dry_run_writes_nothing(desk: Desk) -> None:
    report = desk.load("freight", row("standard", warehouse="", first_amount="99"), dry_run=True)

    assert (report.updated, report.is_dry_run) == (1, True)
    assert told() == [STANDARD]


def test_all_faults_are_told_and_nothing_is_written(desk: Desk, world: World) -> None:
    retire_regions("441900", "441900003")

    faults = desk.faults(
        "freight",
        row("a", "650000"),
        row("a", "440000 650000"),
        row("a", "999999 441900"),
        row("a"),
        row("a"),
        row("a", "310000", warehouse="south", name="other"),
        row("b", warehouse="nowhere", category="nothing"),
        row("c", basis="pieces"),
        row("d", first_size="5"),
    )

    assert faults == [
        (3, "regions", "field_invalid"),
        (4, "regions", "region_unknown"),
        (4, "regions", "region_unknown"),
        (6, "regions", "field_invalid"),
        (7, "name", "field_invalid"),
        (7, "warehouse", "field_invalid"),
        (8, "warehouse", "field_invalid"),
        (8, "category", "field_invalid"),
        (9, "first_weight_grams", "field_invalid"),
        (9, "step_weight_grams", "field_invalid"),
        (10, "first_size", "field_invalid"),
    ]
    assert told() == [STANDARD]
    assert not AuditEntry.objects.filter(subject_type="orders.freighttemplate").exists()


def test_second_template_for_the_same_goods_is_refused(desk: Desk) -> None:
    faults = desk.faults("freight", row("a", warehouse=""), row("b"), row("c"))

    assert faults == [(2, "template", "field_invalid"), (4, "template", "field_invalid")]
    assert told() == [STANDARD]


@pytest.mark.parametrize(
    ("values", "column", "code"),
    [
        ({"template": ""}, "template", "field_required"),
        ({"template": "运费"}, "template", "string_invalid"),
        ({"template": "x" * 65}, "template", "string_invalid"),
        ({"regions": "新疆"}, "regions", "region_unknown"),
        ({"regions": "６５００００"}, "regions", "region_unknown"),
        ({"regions": "650000,440000"}, "regions", "region_unknown"),
        ({"first_weight_grams": "0"}, "first_weight_grams", "field_invalid"),
        ({"first_weight_grams": "1.5"}, "first_weight_grams", "field_invalid"),
        ({"step_weight_grams": "-1"}, "step_weight_grams", "field_invalid"),
        ({"step_weight_grams": "2147483648"}, "step_weight_grams", "field_invalid"),
        ({"first_amount": "-1"}, "first_amount", "field_invalid"),
        ({"first_amount": "1,000"}, "first_amount", "field_invalid"),
        ({"first_amount": "8.005"}, "first_amount", "field_invalid"),
        ({"step_amount": "NaN"}, "step_amount", "field_invalid"),
        ({"remote_amount": "10000000000"}, "remote_amount", "field_invalid"),
        ({"free_from_amount": "=1+1"}, "free_from_amount", "field_invalid"),
        ({"basis": "volume"}, "basis", "field_invalid"),
        ({"name": "一\u200b二"}, "name", "string_invalid"),
        ({"name": "长" * 65}, "name", "field_invalid"),
    ],
)
def test_cell_that_cannot_be_read_is_refused(
    desk: Desk, values: dict[str, str], column: str, code: str
) -> None:
    faults = desk.faults("freight", {**row(), **values})

    assert faults == [(2, column, code)]
    assert told() == [STANDARD]


def test_command_imports_freight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_csv(tmp_path / "freight.csv", [row()])

    call_command("import", "freight", str(file), "--json")

    assert '"created": 1' in capsys.readouterr().out
    assert AuditEntry.objects.get(action="add").actor.startswith("command:")
