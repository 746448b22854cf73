"""The audit trail in the back office: who changed what, with before and after."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as now_in_words
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    DropdownFilter,
    RangeDateFilter,
    TextFilter,
)

from openplatform.audit.actions import ACTIONS, FIELDS, title_of
from openplatform.audit.models import AuditEntry
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text

RUNS = "imports."
# Of badges; what is not here is grey.
COLOURS = {"add": "success", "delete": "danger", "approve": "success", "reject": "danger"}
GREY = "other"


class ActionFilter(DropdownFilter):
    """What was done."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """Every action that has a name, sorted as the reader reads."""
        return sorted(ACTIONS.items(), key=lambda pair: str(pair[1]))

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        """Entries of one action."""
        return queryset.filter(action=self.value()) if self.value() else queryset


class KindFilter(DropdownFilter):
    """What it was done to."""

    title = _("kind")
    parameter_name = "subject_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """Everything that has pages here."""
        kinds = [
            (model._meta.label_lower, str(capfirst(model._meta.verbose_name)))
            for model in model_admin.admin_site._registry
            if model is not AuditEntry
        ]
        return [*sorted(kinds, key=lambda pair: pair[1])]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        """Entries of one kind."""
        return queryset.filter(subject_type=self.value()) if self.value() else queryset


class ActorFilter(TextFilter):
    """Whose name has this in it."""

    title = _("person or program")
    parameter_name = "actor"

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        """Entries of those."""
        return queryset.filter(actor__icontains=self.value()) if self.value() else queryset


class ChangedField(NamedTuple):
    """One line of the table of before and after."""

    label: str
    before: str | None
    after: str | None


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The trail. Nobody edits it, and the database refuses to."""

    list_display = ("created_at", "actor", "action_badge", "subject", "partner", "reason")
    list_filter = (
        ActionFilter,
        KindFilter,
        ActorFilter,
        ("partner", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("partner",)
    search_fields = ("subject_label", "=subject_id", "=request_id")
    search_help_text = _("Name or id of the subject, or a request id")
    ordering = ("-id",)
    fields = (
        ("created_at", "actor"), ("action_name", "subject_link"), ("partner", "reason"),
        ("address", "request_id"),
    )  # fmt: skip
    readonly_fields = ("action_name", "subject_link")
    change_form_outer_after_template = "backoffice/before_and_after.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With what was before and after, and what the same request did beside."""
        entry: AuditEntry = self.get_row(request, object_id)
        beside = AuditEntry.objects.none()
        if entry.request_id:
            beside = AuditEntry.objects.filter(request_id=entry.request_id).exclude(pk=entry.pk)
        context = {
            "changed_fields": list_changed_fields(entry),
            "beside": [(other, title_of(other.action)) for other in beside.order_by("id")[:50]],
            **(extra_context or {}),
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The trail of what the entry is about."""
        entry: AuditEntry = self.get_row(request, object_id)
        query = {"subject_type": entry.subject_type, "subject_id": entry.subject_id}
        return HttpResponseRedirect(reverse("admin:audit_auditentry_changelist", query=query))

    @display(description=_("action"), ordering="action", label={**COLOURS, GREY: "neutral"})
    def action_badge(self, entry: AuditEntry) -> tuple[str, type_of_text]:
        """A badge."""
        colour = entry.action if entry.action in COLOURS else GREY
        return colour, title_of(entry.action)

    @display(description=_("action"))
    def action_name(self, entry: AuditEntry) -> type_of_text:
        """Without the badge."""
        return title_of(entry.action)

    @display(description=_("subject"), ordering="subject_label", is_header=True)
    def subject(self, entry: AuditEntry) -> tuple[str, str]:
        """What it is called, over what it is."""
        return entry.subject_label, kind_of(entry.subject_type)

    @display(description=_("subject"))
    def subject_link(self, entry: AuditEntry) -> SafeString | str:
        """A link, as long as there is a page."""
        text = f"{kind_of(entry.subject_type)}: {entry.subject_label}"
        try:
            url = reverse(
                f"admin:{entry.subject_type.replace('.', '_')}_change", args=(entry.subject_id,)
            )
        except NoReverseMatch:
            return text
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text
        )


def kind_of(subject_type: str) -> str:
    """What a subject is, in the language of the reader."""
    model = _model_of(subject_type)
    if model is not None:
        return str(capfirst(model._meta.verbose_name))
    return str(_("Import")) if subject_type.startswith(RUNS) else subject_type


def list_changed_fields(entry: AuditEntry) -> list[ChangedField]:
    """Field by field, in the order in which they were recorded."""
    model = _model_of(entry.subject_type)
    return [
        ChangedField(
            capfirst(str(_label_of(model, name))),
            _text_of(model, name, entry.before[name]) if name in entry.before else None,
            _text_of(model, name, entry.after[name]) if name in entry.after else None,
        )
        for name in {**entry.before, **entry.after}
    ]


def _model_of(subject_type: str) -> type[Model] | None:
    try:
        return apps.get_model(subject_type)
    except (LookupError, ValueError):
        return None


def _field_of(model: type[Model] | None, name: str) -> Field[Any, Any] | None:
    if model is None:
        return None
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None


def _label_of(model: type[Model] | None, name: str) -> type_of_text:
    field = _field_of(model, name)
    if field is not None:
        return field.verbose_name
    return FIELDS.get(name, name.replace("_", " "))


def _text_of(model: type[Model] | None, name: str, value: Any) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return now_in_words("Yes") if value else now_in_words("No")
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return "\n".join(str(item) for item in value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    field = _field_of(model, name)
    choices = dict(field.flatchoices) if field is not None else {}
    return str(choices.get(value, value))
