"""The address library in the back office. It is changed by ``load_regions`` only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.regions.models import Region, RegionLibrary


@admin.register(Region)
class RegionAdmin(ReadOnlyAdmin):
    """Places; other pages find them by autocompletion."""

    list_display = ("code", "name", "path_name", "level", "is_retired", "successor")
    list_filter = (("level", ChoicesDropdownFilter), "is_retired")
    list_select_related = ("successor",)
    search_fields = ("code", "path_name")
    search_help_text = _("Code or name")
    ordering = ("level", "code")


@admin.register(RegionLibrary)
class RegionLibraryAdmin(ReadOnlyAdmin):
    """The release that is loaded."""

    list_display = ("version", "loaded_at")
    fields = ("version", "loaded_at")
