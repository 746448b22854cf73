"""Base classes: every admin of the platform is one of these two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.db.models import CharField, Field, Model, QuerySet
from django.db.models.expressions import Combinable
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import capfirst
from unfold import admin as unfold

from openplatform.core import locking
from openplatform.core.admin import edits
from openplatform.core.admin.form_pages import faults_of
from openplatform.core.errors import DomainError, TemporarilyUnavailable, type_of_text
from openplatform.core.visible_text import require_visible

# Sums over more rows than these would make the page wait.
MAX_ROWS_FOR_TOTALS = 100_000


class ModelAdmin(unfold.ModelAdmin):
    """Unfold's, with refusals of the domain as messages, and only what was edited written.

    Every edit is told to the trail in its own transaction, with the fields before and after it;
    what an action's service does, the service records. Django's own log is not kept beside it.

    ``totals`` names sums shown above the list, over all rows that the filters leave;
    ``readonly_on_change`` names fields that are given once.
    """

    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    totals: Mapping[type_of_text, Combinable] = {}
    readonly_on_change: Sequence[str] = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[str]:
        """More of them once the row is there."""
        fields: Sequence[str] = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, *self.readonly_on_change)

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Texts of one line refuse what cannot be seen."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(db_field, CharField) and isinstance(field, forms.CharField):
            field.validators.append(require_visible)
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; Django runs it in a transaction, which a refusal rolls back."""
        try:
            response: HttpResponse = super().changeform_view(
                request, object_id, form_url, extra_context
            )
        except DomainError as error:
            return self._refused(request, error)
        except OperationalError as error:
            if locking.sqlstate_of(error) not in locking.RETRIED:
                raise
            return self._refused(request, TemporarilyUnavailable())
        return response

    def get_row(self, request: HttpRequest, object_id: str) -> Any:
        """The row of an action's page, among those that the list shows.

        :raises Http404: when there is none, or the id cannot be one.
        """
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def state_of_row(self, row: Any) -> type_of_text:
        """In words, for whoever would do what its state does not allow; none: a plain 403."""
        return ""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with its totals."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if self.totals and context and "cl" in context:
            context["totals"] = self._add_up(context["cl"])
        return response

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        """Write the fields that were edited, so that a column which a service moved in the
        meantime keeps its value.
        """
        if not change:
            obj.save()
            return
        columns = {field.name for field in obj._meta.concrete_fields}
        edited = [name for name in form.changed_data if name in columns]
        edited += self.set_on_change(request, obj, edited)
        if edited:
            obj.save(update_fields=edited)

    def set_on_change(self, request: HttpRequest, obj: Any, edited: list[str]) -> list[str]:
        """Set what follows from an edit; answers the names of those fields."""
        return []

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """The row that will be saved; how it stood before is kept with the form."""
        form.fields_before = edits.read_fields(form.instance, _many_of(form)) if change else {}
        return super().save_form(request, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save what points to the row, and tell the trail of the whole."""
        super().save_related(request, form, formsets, change)
        actor = request.user.get_username()
        if change:
            edits.record_changed(
                form.instance, form.fields_before, actor=actor, many=_many_of(form)
            )
        else:
            edits.record_added(form.instance, actor=actor, many=_many_of(form))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows below, each with its own entry in the trail."""
        touched = [
            row_form.instance.pk
            for row_form in formset.initial_forms
            if row_form.has_changed() and row_form.instance.pk is not None
        ]
        doomed = {row_form.instance.pk for row_form in formset.deleted_forms}
        rows = formset.model._base_manager.in_bulk({*touched, *doomed - {None}})
        before = {key: edits.read_fields(row) for key, row in rows.items()}
        super().save_formset(request, form, formset, change)
        actor = request.user.get_username()
        for row in formset.new_objects:
            edits.record_added(row, actor=actor)
        for row, _names in formset.changed_objects:
            edits.record_changed(row, before[row.pk], actor=actor)
        for key in sorted(doomed & set(rows)):
            edits.record_deleted(rows[key], before[key], actor=actor)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row, and tell what it was."""
        edits.record_deleted(obj, edits.read_fields(obj), actor=request.user.get_username())
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete rows, and tell what each was."""
        with transaction.atomic():
            for row in queryset:
                edits.record_deleted(row, edits.read_fields(row), actor=request.user.get_username())
            super().delete_queryset(request, queryset)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: the trail has it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: the trail has it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Nothing: the trail has it."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """On to the trail of this row."""
        row = self.get_row(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return HttpResponseRedirect(edits.get_trail().url_of(row))

    def _add_up(self, changelist: Any) -> list[tuple[str, Any]]:
        is_cut = getattr(changelist.paginator, "is_cut", False)
        if is_cut or changelist.result_count > MAX_ROWS_FOR_TOTALS:
            return []
        sums = changelist.queryset.order_by().aggregate(
            **{f"sum_{index}": total for index, total in enumerate(self.totals.values())}
        )
        return [
            (capfirst(str(label)), sums[f"sum_{index}"]) for index, label in enumerate(self.totals)
        ]

    def _refused(self, request: HttpRequest, error: DomainError) -> HttpResponse:
        for fault in faults_of(error):
            messages.error(request, str(fault.detail))
        return HttpResponseRedirect(request.get_full_path())


def _many_of(form: Any) -> list[str]:
    """The many-to-many fields that a form edits."""
    return [
        field.name for field in form._meta.model._meta.many_to_many if field.name in form.fields
    ]


class ReadOnlyAdmin(ModelAdmin):
    """To look at. Rows come from services; nobody adds, changes or deletes one here."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


class PartsInline(unfold.TabularInline):
    """Rows that are part of the page's row, and have no life without it.

    To take one out is to change the whole: whoever may change that may do it, though groups of
    staff are given no permission to delete.
    """

    extra = 0
    hide_title = True
    tab = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may change the row of the page, and these rows."""
        whole = self.parent_model._meta
        permission = f"{whole.app_label}.{get_permission_codename('change', whole)}"
        may_change_whole = bool(request.user.has_perm(permission))
        return may_change_whole and bool(self.has_change_permission(request, obj))


class ReadOnlyInline(unfold.TabularInline):
    """Rows of another table on a page, newest first, to look at."""

    extra = 0
    ordering = ("-pk",)
    per_page = 10
    can_delete = False
    show_change_link = True
    hide_title = True
    tab = True
    template_after = "backoffice/no_rows.html"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False
