"""When SKUs go on the shelf and off it: scheduled from the list of SKUs, called off here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    FieldTextFilter,
)

from catalog.admin.chosen_skus import ChosenSkus
from catalog.admin.pool_history import link_to_sku
from catalog.forms.shelf import ShelfTimeForm
from catalog.models import ShelfChange, Sku
from catalog.services.shelf import schedule_shelf_change, withdraw_shelf_changes
from openplatform.core.admin.day_filter import DayRangeFilter
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text

SHELF_COLOURS = {"on_shelf": "success", "off_shelf": "warning"}
MAY_MOVE = "catalog.change_sku"


class IsToComeFilter(admin.SimpleListFilter):
    """What is to come, or what has been."""

    title = _("taken effect")
    parameter_name = "applied"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Both."""
        return [("no", _("To come")), ("yes", _("Has taken effect"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ShelfChange]
    ) -> QuerySet[ShelfChange]:
        """By whether it was applied."""
        if self.value() in ("no", "yes"):
            return queryset.filter(applied_at__isnull=self.value() == "no")
        return queryset


@admin.register(ShelfChange)
class ShelfChangeAdmin(ReadOnlyAdmin):
    """What is to come, and what came of it."""

    list_display = ("effective_at", "code", "name", "state_badge", "applied_at", "actor")
    list_display_links = ("effective_at",)
    list_filter = (
        IsToComeFilter,
        ("sku", AutocompleteSelectFilter),
        ("shelf_state", ChoicesDropdownFilter),
        ("effective_at", DayRangeFilter),
        ("actor", FieldTextFilter),
    )
    list_select_related = ("sku",)
    search_fields = ("sku__code", "sku__name")
    search_help_text = _("SKU code or name")
    fields = ("sku", "shelf_state", "effective_at", "applied_at", "actor", "created_at")
    actions = ("withdraw",)

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Whoever may put SKUs on the shelf."""
        return bool(request.user.has_perm(MAY_MOVE))

    @action(description=_("Call off"), permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[ShelfChange]) -> None:
        """They do not take effect; those that have stay."""
        chosen = list(queryset.values_list("pk", flat=True))
        count = withdraw_shelf_changes(change_ids=chosen, actor=request.user.get_username())
        text = _("Called off: %(count)d; had taken effect already: %(others)d")
        self.message_user(request, text % {"count": count, "others": len(chosen) - count})

    @display(description=_("SKU"), ordering="sku__code")
    def code(self, change: ShelfChange) -> SafeString:
        """A link to it."""
        return link_to_sku(change.sku)

    @display(description=_("name"), ordering="sku__name")
    def name(self, change: ShelfChange) -> str:
        """Of the SKU."""
        return change.sku.name

    @display(description=_("shelf state"), ordering="shelf_state", label=SHELF_COLOURS)
    def state_badge(self, change: ShelfChange) -> tuple[str, str]:
        """A badge."""
        return change.shelf_state, change.get_shelf_state_display()


class ShelfActions(ChosenSkus):
    """For the list of SKUs: when what is chosen there goes on the shelf or off it."""

    def get_urls(self) -> list[URLPattern]:
        """With the page of the action."""
        page = self.admin_site.admin_view(self._answer_shelf_time)
        return [path("shelf-time/", page, name="catalog_sku_shelf_time"), *super().get_urls()]

    def has_shelf_time_permission(self, request: HttpRequest) -> bool:
        """Whoever may put SKUs on the shelf."""
        return bool(request.user.has_perm(MAY_MOVE))

    @action(description=_("Put on the shelf or take off at a time…"), permissions=["shelf_time"])
    def choose_shelf_time(self, request: HttpRequest, queryset: QuerySet[Sku]) -> HttpResponse:
        """On to the page where state and time are chosen."""
        return self.go_with_chosen(request, queryset, reverse("admin:catalog_sku_shelf_time"))

    def _answer_shelf_time(self, request: HttpRequest) -> HttpResponse:
        if not self.has_shelf_time_permission(request):
            raise PermissionDenied
        sku_ids = self.get_chosen_ids(request)

        def call(values: Values) -> type_of_text:
            count = schedule_shelf_change(
                sku_ids=sku_ids,
                state=Sku.ShelfState(values["shelf_state"]),
                effective_at=values["effective_at"],
                actor=request.user.get_username(),
            )
            text = ngettext("Scheduled for %(count)d SKU", "Scheduled for %(count)d SKUs", count)
            return text % {"count": count}

        return answer_form_page(
            self,
            request,
            form_class=ShelfTimeForm,
            title=_("Put on the shelf or take off at a time"),
            submit=_("Schedule"),
            call=call,
            back_to=f"{reverse('admin:catalog_shelfchange_changelist')}?applied=no",
            intro=ngettext("Chosen: %(count)d SKU.", "Chosen: %(count)d SKUs.", len(sku_ids))
            % {"count": len(sku_ids)},
        )
