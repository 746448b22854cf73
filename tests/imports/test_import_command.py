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
        "warning_count": 0,
        "warnings": [],
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


@pytest.fixture
def odd(tmp_path: Path, odd_resource: str) -> list[str]:
    """A file with a warning, as the command is told of it."""
    file = tmp_path / "odd.csv"
    file.write_text("code,name\na,A\nb,Bee\n")
    return [odd_resource, str(file)]


def test_warnings_are_told_as_a_table_and_nothing_is_written_until_they_are_accepted(
    odd: list[str],
) -> None:
    with pytest.raises(CommandError) as refused:
        run(*odd)

    lines = str(refused.value).splitlines()
    assert refused.value.returncode == 1
    assert [line.split() for line in lines[1:3]] == [
        ["row", "column", "code", "text"],
        ["2", "name", "name_is_short", "A", "is", "short"],
    ]
    assert "--accept-warnings" in lines[3]
    assert not Category.objects.exists()


def test_warnings_are_json_when_asked(odd: list[str]) -> None:
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("import", *odd, "--json", stdout=out)

    assert json.loads(out.getvalue()) == {
        "resource": "odd-categories",
        "code": "needs_confirmation",
        "warning_count": 1,
        "warnings": [
            {"row": 2, "column": "name", "code": "name_is_short", "text": "A is short"},
        ],
    }


def test_file_is_written_and_its_warnings_told_when_they_are_accepted(odd: list[str]) -> None:
    answer = json.loads(run(*odd, "--accept-warnings", "--json"))

    assert (answer["created"], answer["warning_count"]) == (2, 1)
    assert answer["warnings"][0]["code"] == "name_is_short"
    assert Category.objects.count() == 2


def test_dry_run_tells_warnings_and_ends_well(odd: list[str]) -> None:
    assert "name_is_short" in run(*odd, "--dry-run")
    assert not Category.objects.exists()
