"""The address library in the back office. It is changed by ``load_regions`` only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.regions.models import Region, RegionLibrary

AUTOCOMPLETION = "autocomplete"  # the name of Django's view
MAX_PREDECESSORS = 50


@admin.register(Region)
class RegionAdmin(ReadOnlyAdmin):
    """Places; other pages find those in use by autocompletion."""

    list_display = ("code", "name", "path_name", "level", "is_retired", "successor")
    list_filter = (
        ("level", ChoicesDropdownFilter),
        "is_retired",
        ("successor", admin.EmptyFieldListFilter),
    )
    list_select_related = ("successor",)
    search_fields = ("code", "path_name")
    search_help_text = _("Code or name")
    ordering = ("level", "code")
    fields = ("code", "name", "path_name", "level", "parent", "is_retired", "successor", "replaces")
    readonly_fields = ("replaces",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Region], search_term: str
    ) -> tuple[QuerySet[Region], bool]:
        """Without retired places where one is chosen for something else."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        match = request.resolver_match
        if match is not None and match.url_name == AUTOCOMPLETION:
            found = found.filter(is_retired=False)
        return found, may_repeat

    @display(description=_("replaces"))
    def replaces(self, region: Region) -> str:
        """The retired places that it follows."""
        retired: Any = region.predecessors.order_by("code")[:MAX_PREDECESSORS]
        return ", ".join(f"{place.code} {place.path_name}" for place in retired)


@admin.register(RegionLibrary)
class RegionLibraryAdmin(ReadOnlyAdmin):
    """The release that is loaded."""

    list_display = ("version", "loaded_at")
    fields = ("version", "loaded_at")
