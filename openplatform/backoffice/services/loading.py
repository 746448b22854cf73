"""Groups of staff come in: what a role may do is in the database as soon as the code knows it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from openplatform.backoffice.roles import ROLES, SEEN_APPS, Role
from openplatform.core.admin import edits
from openplatform.core.locking import transactional

MANY = ("permissions",)


class PermissionsMissing(Exception):
    """A role names permissions that are not in the database, which wants migrating."""


@dataclass(frozen=True, kw_only=True)
class LoadedRole:
    """What became of a group. Permissions as ``app.codename``, sorted.

    :param conflicts: what somebody gave to the group against the separation of duties.
    """

    name: str
    is_new: bool
    added: list[str]
    conflicts: list[str]


@transactional
def load_roles(*, actor: str) -> list[LoadedRole]:
    """Have a group for every role, with at least what the role may do.

    A group that is there gets what it lacks; what somebody gave to it stays, also when the role
    should never have it: then it is told. The second time nothing changes.

    :raises PermissionsMissing: before the database is migrated; nothing is changed then.
    """
    return [_load(role, actor=actor) for role in ROLES]


def _load(role: Role, *, actor: str) -> LoadedRole:
    wanted = _permissions_of(role)
    group, is_new = Group.objects.get_or_create(name=role.name)
    held = {_name_of(permission) for permission in _named(group.permissions.all())}
    lacking = [permission for permission in wanted if _name_of(permission) not in held]
    if lacking:
        before = {} if is_new else edits.read_fields(group, MANY)
        group.permissions.add(*lacking)
        if is_new:
            edits.record_added(group, actor=actor, many=MANY)
        else:
            edits.record_changed(group, before, actor=actor, many=MANY)
    return LoadedRole(
        name=role.name,
        is_new=is_new,
        added=sorted(_name_of(permission) for permission in lacking),
        conflicts=sorted(held & role.never),
    )


def _permissions_of(role: Role) -> list[Permission]:
    """:raises PermissionsMissing: when one that the role names is not there."""
    named = Q(pk__in=[])
    for name in role.may:
        app, _dot, codename = name.partition(".")
        named |= Q(content_type__app_label=app, codename=codename)
    seen = Q(content_type__app_label__in=SEEN_APPS, codename__startswith="view_")
    edited = Q(content_type__app_label__in=role.edits) & ~Q(codename__startswith="delete_")
    permissions = list(_named(Permission.objects.filter(seen | edited | named)))
    if missing := role.may - {_name_of(permission) for permission in permissions}:
        raise PermissionsMissing(", ".join(sorted(missing)))
    return permissions


def _named(permissions: QuerySet[Permission]) -> QuerySet[Permission]:
    return permissions.select_related("content_type")


def _name_of(permission: Permission) -> str:
    return edits.name_of(permission)
