"""What a published schema may become, and what takes a new version."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework import serializers

from openplatform.messaging.events.compatibility import list_breaks
from openplatform.messaging.management.commands.write_event_schemas import write_event_schemas
from openplatform.messaging.types import TYPES

SCHEMA: dict[str, Any] = {
    "title": "order.created",
    "description": "An order was placed",
    "type": "object",
    "properties": {
        "order_no": {"type": "string", "description": "Its number"},
        "status": {"type": "string", "enum": ["open", "closed"]},
        "note": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}},
                "required": ["sku", "quantity"],
            },
        },
        "consignee": {
            "oneOf": [
                {"type": "object", "properties": {"name": {"type": "string"}}, "required": []},
                {"type": "null"},
            ]
        },
    },
    "required": ["order_no", "status", "lines"],
}


def changed(path: str, value: Any = None) -> dict[str, Any]:
    """The schema with another value at a path; None takes it out."""
    schema = deepcopy(SCHEMA)
    *way, last = path.split("/")
    part: Any = schema
    for step in way:
        part = part[int(step)] if isinstance(part, list) else part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return schema


LINE = "properties/lines/items"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/weight", {"type": "integer"}),
        (f"{LINE}/properties/name", {"type": "string"}),
        ("properties/consignee/oneOf/0/properties/phone", {"type": "string"}),
        ("description", "Somebody placed an order"),
        ("properties/order_no/description", "The number of the order"),
        ("properties/status/enum", ["closed", "open"]),
        ("properties/note/type", ["null", "string"]),
        ("required", ["lines", "order_no", "status"]),
        ("examples", [{}]),
    ],
)
def test_version_stays_when_a_field_or_a_text_is_added(path: str, value: Any) -> None:
    assert list_breaks(SCHEMA, changed(path, value)) == []


def test_version_stays_when_a_field_is_added_and_required() -> None:
    after = changed("properties/weight", {"type": "integer"})
    after["required"].append("weight")

    assert list_breaks(SCHEMA, after) == []


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        ("properties/note", None, "/properties/note"),
        (f"{LINE}/properties/sku", None, f"/{LINE}/properties/sku"),
        ("properties/order_no/type", "integer", "/properties/order_no/type"),
        ("properties/order_no/maxLength", 24, "/properties/order_no/maxLength"),
        ("properties/status/enum", ["open", "closed", "lost"], "/properties/status/enum"),
        ("properties/status/enum", ["open"], "/properties/status/enum"),
        ("properties/note/type", "string", "/properties/note/type"),
        ("required", ["order_no", "status"], "/properties/lines"),
        ("required", ["order_no", "status", "lines", "note"], "/properties/note"),
        (f"{LINE}/required", ["sku"], f"/{LINE}/properties/quantity"),
        ("properties/consignee/oneOf", [{"type": "null"}], "/properties/consignee/oneOf"),
        (
            "properties/consignee/oneOf/0/properties/name/type",
            "integer",
            "/properties/consignee/oneOf/0/properties/name/type",
        ),
    ],
)
def test_version_has_to_be_raised_when_anything_else_differs(
    path: str, value: Any, at: str
) -> None:
    breaks = list_breaks(SCHEMA, changed(path, value))

    assert [one.at for one in breaks] == [at]


def test_both_schemas_are_shown_when_they_differ() -> None:
    [difference] = list_breaks(SCHEMA, changed("properties/order_no/type", "integer"))

    assert str(difference) == "/properties/order_no/type: was 'string', would be 'integer'"


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), (True, 1)])
def test_a_number_is_no_flag_when_they_are_compared(before: Any, after: Any) -> None:
    assert len(list_breaks({"const": before}, {"const": after})) == 1


# The files


def read(file: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def texts_of(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


class VersionAndYearSerializer(serializers.Serializer[Any]):
    """A field more than ``regions.changed`` has."""

    version = serializers.CharField()
    year = serializers.IntegerField()


class YearSerializer(serializers.Serializer[Any]):
    """Another field than ``regions.changed`` has."""

    year = serializers.IntegerField()


EXAMPLES: dict[str, Any] = {"regions.changed": {"version": "2024-1", "year": 2024}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All schemas as they are, published."""
    write_event_schemas(folder=tmp_path)
    return tmp_path


def become(monkeypatch: pytest.MonkeyPatch, serializer: type, **fields: Any) -> None:
    """``regions.changed`` is told in another form."""
    told = replace(
        TYPES["regions.changed"], serializer=f"{__name__}.{serializer.__name__}", **fields
    )
    monkeypatch.setitem(TYPES, "regions.changed", told)


def test_all_are_written_once_when_there_are_none(tmp_path: Path) -> None:
    assert write_event_schemas(folder=tmp_path) == [f"{name}.v1.json" for name in sorted(TYPES)]
    assert write_event_schemas(folder=tmp_path) == []
    assert read(tmp_path / "regions.changed.v1.json")["properties"]["type"] == {
        "const": "regions.changed"
    }


def test_same_version_is_written_anew_when_a_field_was_added(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, VersionAndYearSerializer)

    assert write_event_schemas(folder=folder) == ["regions.changed.v1.json"]

    data = read(folder / "regions.changed.v1.json")["properties"]["data"]
    assert sorted(data["properties"]) == ["version", "year"]


def test_nothing_is_written_when_a_published_schema_would_break(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "order.created.v1.json").unlink()
    before = texts_of(folder)
    become(monkeypatch, YearSerializer)

    with pytest.raises(CommandError) as refused:
        write_event_schemas(folder=folder)

    assert "regions.changed.v1.json /properties/data/properties/version: was {" in str(
        refused.value
    )
    assert "would be 'missing'" in str(refused.value)
    assert texts_of(folder) == before


def test_another_version_is_written_beside_when_it_was_raised(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts_of(folder)
    become(monkeypatch, YearSerializer, version=2)

    assert write_event_schemas(folder=folder) == ["regions.changed.v2.json"]

    assert read(folder / "regions.changed.v2.json")["properties"]["data"]["required"] == ["year"]
    assert {**texts_of(folder), **before} == texts_of(folder)


def test_nothing_is_written_when_it_is_only_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts_of(folder)
    become(monkeypatch, VersionAndYearSerializer)

    with pytest.raises(CommandError, match=r"regions\.changed\.v1\.json is not up to date"):
        write_event_schemas(folder=folder, is_check=True)

    assert texts_of(folder) == before


def test_committed_schemas_pass_when_the_command_checks_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("write_event_schemas", "--check", "--json")

    assert json.loads(capsys.readouterr().out) == {"written": []}
