"""``/docs/events``: what partners are told, for people; and the schemas, for their programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _

from openplatform.messaging.events.publication import FOLDER, file_name
from openplatform.messaging.events.schemas import (
    Schema,
    data_component_name,
    data_schema,
    envelope_schema,
    example_of,
    list_types,
)

LANGUAGES = {"zh-hans": "中文", "en": "English"}
CHOICE = re.compile(r"^\* `(?P<value>.*)` - (?P<label>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """A row of a form. ``choices`` are values with what they mean."""

    path: str
    type: str
    text: str
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Form:
    """What ``data`` looks like; several types may share it."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Event:
    """A type as the page shows it. ``schemas`` are file names, the current version first."""

    name: str
    description: str
    details: str
    version: int
    form: str
    example: str
    schemas: tuple[str, ...]


def events(request: HttpRequest) -> HttpResponse:
    """Every type with its description, form and example, in the language of the reader."""
    language = request.GET.get("language", "")
    if language not in LANGUAGES:
        language = translation.get_language() or ""
    if language not in LANGUAGES:
        language = "zh-hans"
    with translation.override(language):
        shown = {
            "language": language,
            "languages": LANGUAGES.items(),
            "envelope": list_envelope(language),
            "events": list_events(language),
            "forms": list_forms(language),
        }
        return render(request, "docs/events.html", shown)


def schema(request: HttpRequest, name: str) -> FileResponse:
    """One published schema, by the name of its file."""
    file = FOLDER / name
    if not file.is_file():
        raise Http404
    return FileResponse(file.open("rb"), content_type="application/schema+json")


@cache
def list_events(language: str) -> tuple[Event, ...]:
    """All types, by name."""
    with translation.override(language):
        return tuple(
            Event(
                name=message_type.name,
                description=str(message_type.description),
                details=str(message_type.details),
                version=message_type.version,
                form=data_component_name(message_type),
                example=json.dumps(example_of(message_type), indent=2, ensure_ascii=False),
                schemas=tuple(
                    file_name(message_type.name, version)
                    for version in range(message_type.version, 0, -1)
                ),
            )
            for message_type in list_types()
        )


@cache
def list_envelope(language: str) -> tuple[Field, ...]:
    """The fields of every message."""
    with translation.override(language):
        return tuple(_fields(envelope_schema(), "", describes_objects=True))


@cache
def list_forms(language: str) -> tuple[Form, ...]:
    """Their forms, by name."""
    with translation.override(language):
        forms = {
            data_component_name(message_type): data_schema(message_type)
            for message_type in list_types()
        }
        return tuple(Form(name, tuple(_fields(form, ""))) for name, form in sorted(forms.items()))


def _fields(form: Schema, at: str, *, describes_objects: bool = False) -> Iterator[Field]:
    for name, about in form.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        inner, is_nullable = _without_null(about)
        is_list = _type_of(inner) == "array"
        item = inner.get("items", {}) if is_list else inner
        text = str(about.get("description", ""))
        yield Field(
            path=path,
            type=_type_text(inner, item, is_list=is_list, is_nullable=is_nullable),
            # What describes the object of a serializer is in one language only.
            text=CHOICE.sub("", text).strip()
            if describes_objects or about.get("type") != "object"
            else "",
            choices=tuple(CHOICE.findall(str(item.get("description", "")))),
        )
        yield from _fields(item, f"{path}[]" if is_list else path)


def _without_null(about: Schema) -> tuple[Schema, bool]:
    """What it is when it is not null, and whether it may be."""
    if "oneOf" in about:
        others = [one for one in about["oneOf"] if one.get("type") != "null"]
        return (others[0], True) if len(others) == 1 else (about, False)
    return about, "null" in _types_of(about)


def _types_of(about: Schema) -> list[str]:
    types: Any = about.get("type", [])
    return types if isinstance(types, list) else [types]


def _type_of(about: Schema) -> str:
    return next((name for name in _types_of(about) if name != "null"), "")


def _type_text(inner: Schema, item: Schema, *, is_list: bool, is_nullable: bool) -> str:
    text = "date-time" if item.get("format") == "date-time" else _type_of(item)
    if is_list:
        text = _("array of %(type)s") % {"type": text}
    if is_nullable:
        text = _("%(type)s or null") % {"type": text}
    if examples := item.get("examples"):
        text = _("%(type)s, such as %(example)s") % {"type": text, "example": examples[0]}
    return text
