"""Who may see which imports."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from openplatform.imports.models import ImportRun
from openplatform.imports.resources import RESOURCES, Resource

Viewer = User | AnonymousUser


def may_use(user: Viewer, resource: Resource) -> bool:
    """Whether somebody may import files of a resource, and so see those that came."""
    if not user.is_active:
        return False
    if not resource.permissions:
        return user.is_superuser
    return user.has_perms(resource.permissions)


def list_usable_resources(user: Viewer) -> list[Resource]:
    """What somebody may import, in the order in which the apps register it."""
    return [resource for resource in RESOURCES.values() if may_use(user, resource)]


def list_runs_for(user: Viewer) -> QuerySet[ImportRun]:
    """The files of the resources that somebody may use."""
    if user.is_active and user.is_superuser:
        return ImportRun.objects.all()
    names = [resource.name for resource in list_usable_resources(user)]
    return ImportRun.objects.filter(resource__in=names)


def list_run_files(names: Collection[str]) -> Collection[str]:
    """Which of these stored files some run names."""
    return set(ImportRun.objects.filter(file__in=names).values_list("file", flat=True))
