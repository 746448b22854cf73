from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Category

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("import", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def good(tmp_path: Path) -> str:
    file = tmp_path / "good.csv"
    file.write_text("code,name\na,A\nb,B\n")
    return str(file)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    file = tmp_path / "bad.csv"
    file.write_text("code,name\na,A\nb b,\n")
    return str(file)


def test_report_is_printed_when_the_file_is_good(good: str) -> None:
    assert "2" in run("categories", good)
    assert Category.objects.count() == 2


def test_report_is_json_when_asked(good: str) -> None:
    assert json.loads(run("categories", good, "--json")) == {
        "resource": "categories",
        "is_dry_run": False,
        "rows": 2,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "messages": [],
    }


def test_nothing_is_written_when_the_run_is_dry(good: str) -> None:
    assert json.loads(run("categories", good, "--dry-run", "--json"))["created"] == 2
    assert not Category.objects.exists()


def test_faults_are_told_as_a_table_when_the_file_is_refused(bad: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("categories", bad)

    lines = str(refused.value).splitlines()[1:]
    assert refused.value.returncode == 1
    assert [line.split()[:3] for line in lines] == [
        ["row", "column", "code"],
        ["3", "code", "string_invalid"],
        ["3", "name", "field_required"],
    ]
    assert not Category.objects.exists()


def test_faults_are_json_when_asked(bad: str) -> None:
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("import", "categories", bad, "--json", stdout=out)

    answer = json.loads(out.getvalue())
    assert (answer["code"], answer["fault_count"]) == ("file_invalid", 2)
    assert [(fault["row"], fault["column"], fault["code"]) for fault in answer["faults"]] == [
        (3, "code", "string_invalid"),
        (3, "name", "field_required"),
    ]


def test_refused_when_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        run("categories", str(tmp_path / "missing.csv"))


def test_refused_when_there_is_no_such_resource(good: str) -> None:
    with pytest.raises(CommandError):
        run("nothing", good)
