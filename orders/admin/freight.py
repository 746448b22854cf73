"""Freight templates in the back office."""

from __future__ import annotations

from django.contrib import admin

from openplatform.core.admin.model_admins import (
    ModelAdmin,
    PartsInline,
)
from orders.models import (
    FreightRule,
    FreightTemplate,
)


class FreightRuleInline(PartsInline):
    """What a template charges where."""

    model = FreightRule
    fields = (
        "regions", "basis", "first_size", "first_amount", "step_size", "step_amount",
        "free_from_amount", "remote_amount",
    )  # fmt: skip
    autocomplete_fields = ("regions",)
    tab = False


@admin.register(FreightTemplate)
class FreightTemplateAdmin(ModelAdmin):
    """What carriage costs. Orders keep the freight with which they were placed."""

    list_display = ("code", "name", "warehouse", "category", "is_active")
    list_filter = ("is_active",)
    search_fields = ("code", "name")
    autocomplete_fields = ("warehouse", "category")
    fields = (("code", "name"), ("warehouse", "category"), "is_active")
    inlines = (FreightRuleInline,)
