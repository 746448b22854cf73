"""Edits made in the back office, told to whoever keeps the trail of them.

The app that keeps it stands above this one and registers here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.db.models import BinaryField, Field, Model

Fields = Mapping[str, Any]

ADD, CHANGE, DELETE, CHANGE_PASSWORD = "add", "change", "delete", "change_password"
# Never told: secrets; and what follows from any edit, or from logging in.
UNTOLD = frozenset({"password", "digest", "updated_at", "last_login"})


class Record(Protocol):
    """Step: keep one edit, in its transaction. Only fields that differ need to be kept."""

    def __call__(
        self, *, action: str, subject: Model, before: Fields, after: Fields, actor: str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Trail:
    """Where edits are kept.

    :param url_of: the page with what became of a row.
    """

    record: Record
    url_of: Callable[[Model], str]


_TRAILS: list[Trail] = []


def register_trail(trail: Trail) -> None:
    """Have every edit told to this trail."""
    _TRAILS[:] = [trail]


def get_trail() -> Trail:
    """The trail; without one nothing may be edited.

    :raises ImproperlyConfigured: when no app keeps one.
    """
    if not _TRAILS:
        raise ImproperlyConfigured("No app keeps the trail of edits")
    return _TRAILS[0]


def read_fields(row: Model, many: Iterable[str] = ()) -> dict[str, Any]:
    """What may be told of a row as it stands in the database; rows that it points to by name.

    :param many: the names of many-to-many fields to tell of.
    """
    stored = type(row)._base_manager.get(pk=row.pk)
    fields = {
        field.name: _value_of(stored, field)
        for field in stored._meta.concrete_fields
        if not (field.primary_key or field.name in UNTOLD or isinstance(field, BinaryField))
    }
    for name in many:
        fields[name] = sorted(name_of(other) for other in getattr(stored, name).all())
    return fields


def name_of(row: Model) -> str:
    """How a row is called in the trail, the same in every language; one that shows another name to
    each reader has one for it, ``name_in_trail``.
    """
    if isinstance(row, Permission):
        return f"{row.content_type.app_label}.{row.codename}"
    return str(getattr(row, "name_in_trail", row))


def _value_of(row: Model, field: Field[Any, Any]) -> Any:
    value = getattr(row, field.name)
    return name_of(value) if isinstance(value, Model) else value


def record_added(row: Model, *, actor: str, many: Iterable[str] = ()) -> None:
    """Step: a row that is new."""
    get_trail().record(
        action=ADD, subject=row, before={}, after=_without_blanks(read_fields(row, many)),
        actor=actor,
    )  # fmt: skip


def record_changed(row: Model, before: Fields, *, actor: str, many: Iterable[str] = ()) -> None:
    """Step: a row that was edited; nothing is kept when it is as it was."""
    after = read_fields(row, many)
    if any(before.get(name) != value for name, value in after.items()):
        get_trail().record(action=CHANGE, subject=row, before=before, after=after, actor=actor)


def record_deleted(row: Model, before: Fields, *, actor: str) -> None:
    """Step: a row that goes, or went. ``row`` still has its primary key."""
    get_trail().record(
        action=DELETE, subject=row, before=_without_blanks(before), after={}, actor=actor
    )


def record_password_change(row: Model, *, actor: str) -> None:
    """Step: that a password was changed, and nothing of it."""
    get_trail().record(action=CHANGE_PASSWORD, subject=row, before={}, after={}, actor=actor)


def _without_blanks(fields: Fields) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
