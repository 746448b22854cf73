"""Admins of Django and django-q once more, on unfold: without it their inputs are invisible.

Tasks and schedules are to look at. A schedule can call any dotted path, so whoever could edit one
could run anything.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from openplatform.core.admin.decorators import display
from openplatform.core.admin.edits import record_password_change
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyAdmin

for _model in (User, Group, Schedule, Success, Failure, OrmQ):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


VERBS = {
    "add": _("Add"),
    "change": _("Change"),
    "delete": _("Delete"),
    "view": _("View"),
    "decide": _("Decide"),
}


def _with_names(field: Any) -> Any:
    """Permissions by the names of their models, in the language of the reader."""
    if field is not None and field.queryset.model is Permission:
        field.label_from_instance = _name_of
    return field


def _name_of(permission: Permission) -> str:
    kind = permission.content_type
    verb, _sign, what = permission.codename.partition("_")
    is_plain = verb in VERBS and what == kind.model
    name = VERBS[verb] if is_plain else gettext(permission.name)
    return f"{kind.app_labeled_name} | {name}"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg, misc] # unfold's takes none
    """Staff."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "last_name", "first_name", "email", "is_active", "is_superuser")
    list_filter = ("is_active", "is_superuser", "groups")
    warn_unsaved_form = False

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        """Named permissions."""
        return _with_names(super().formfield_for_manytomany(db_field, request, **kwargs))

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,
        form_url: str = "",
    ) -> HttpResponse:
        """Django's page; that the password is another one stands in the trail."""
        with transaction.atomic():
            user: User = self.get_row(request, unquote(id))
            before = user.password
            response: HttpResponse = super().user_change_password(request, id, form_url)
            user.refresh_from_db()
            if user.password != before:
                record_password_change(user, actor=request.user.get_username())
        return response


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc] # unfold has no types
    """What kinds of staff there are, and what each may do."""

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        """Named permissions."""
        return _with_names(super().formfield_for_manytomany(db_field, request, **kwargs))


class TaskAdmin(ReadOnlyAdmin):
    """Tasks that were run."""

    list_display: tuple[str, ...] = ("name", "func", "group", "started", "stopped", "attempt_count")
    list_filter = (("started", RangeDateFilter),)
    search_fields = ("name", "func", "group")


@admin.register(Success)
class SuccessAdmin(TaskAdmin):
    """Tasks that ended well."""


@admin.register(Failure)
class FailureAdmin(TaskAdmin):
    """Tasks that failed."""

    list_display = (*TaskAdmin.list_display, "fault")

    @display(description=_("fault"))
    def fault(self, task: Failure) -> str:
        """The last line of the traceback."""
        return str(task.result or "").strip().rpartition("\n")[2][:200]


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """What is run when."""

    list_display = ("name", "func", "schedule_type", "repeats", "next_run", "last_run", "success")
    search_fields = ("name", "func")


@admin.register(OrmQ)
class QueueAdmin(ReadOnlyAdmin):
    """Tasks that wait."""

    list_display = ("id", "key", "name", "func", "lock", "task_id")
    fields = ("key", "lock", "task_id", "name", "group", "func")
    readonly_fields = ("task_id", "name", "group", "func")
