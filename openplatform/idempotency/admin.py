"""Answers kept for retries, to look at."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.idempotency.models import IdempotentRequest


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin):
    """Writes that succeeded under a key."""

    list_display = ("key", "partner", "method", "path", "status", "created_at")
    list_filter = (("partner", AutocompleteSelectFilter), ("created_at", RangeDateFilter))
    list_select_related = ("partner",)
    search_fields = ("key", "path", "partner__code")
    search_help_text = _("Key, path or code of a partner")
    ordering = ("-id",)
    fields = ("partner", "method", "path", "key", "status", "answer", "created_at")
