"""Categories and what their products tell about themselves, in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.forms.goods import CategoryForm
from catalog.forms.images import CategoryAttributeForm
from catalog.models import Category, CategoryAttribute
from catalog.services.categories import CategoryDraft, delete_category, save_categories
from catalog.services.placements import lock_tree
from openplatform.core import clock
from openplatform.core.admin import edits
from openplatform.core.admin.decorators import display
from openplatform.core.admin.form_pages import faults_of
from openplatform.core.admin.model_admins import ModelAdmin, PartsInline
from openplatform.core.errors import DomainError


class BelowFilter(AutocompleteSelectFilter):
    """By a category with everything below it."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows whose category has the chosen one in its path."""
        chosen = str(self.value() or "")
        if not chosen:
            return queryset
        if not (chosen.isascii() and chosen.isdecimal()):
            raise IncorrectLookupParameters
        return queryset.filter(**{f"{self.field_path}__path__contains": [int(chosen)]})


class AttributeInline(PartsInline):
    """What products of the category, and of those below it, tell about themselves."""

    model = CategoryAttribute
    form = CategoryAttributeForm
    fields = ("name", "is_required", "choices", "position")


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    """The tree. Moving a category takes what is below it along."""

    form = CategoryForm
    list_display = ("code", "indented_name", "level", "product_count")
    list_filter = (("parent", AutocompleteSelectFilter),)
    search_fields = ("code", "name")
    search_help_text = _("Code or name")
    ordering = ("path",)
    readonly_on_change = ("code",)
    fields = ("code", "name", "parent")
    autocomplete_fields = ("parent",)
    inlines = (AttributeInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """With the number of products."""
        categories: QuerySet[Category] = super().get_queryset(request)
        return categories.annotate(products_in_it=Count("products"))

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        """Through the step that keeps levels and paths in order, and tells who uses it."""
        lock_tree()
        name, keeps_parent = obj.name, False
        if change:
            keeps_parent = "parent" not in form.changed_data
            if "name" not in form.changed_data:
                name = Category.objects.values_list("name", flat=True).get(pk=obj.pk)
        parent = obj.parent.code if obj.parent else None
        save_categories(
            drafts=[CategoryDraft(obj.code, name, parent, keeps_parent)], now=clock.now()
        )
        obj.pk = Category.objects.values_list("pk", flat=True).get(code=obj.code)
        obj._state.adding = False
        obj.refresh_from_db()

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Back to the category with the reason, when something came into it meanwhile."""
        try:
            response: HttpResponse = super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            for fault in faults_of(error) or [error]:
                messages.error(request, str(fault.detail))
            return HttpResponseRedirect(reverse("admin:catalog_category_changelist"))
        return response

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """An empty one goes."""
        edits.record_deleted(obj, edits.read_fields(obj), actor=request.user.get_username())
        delete_category(code=obj.code)

    def get_actions(self, request: HttpRequest) -> Any:
        """None that deletes many: a tree is taken down from its leaves, each on its own page."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @display(description=_("name"), ordering="name")
    def indented_name(self, category: Category) -> SafeString:
        """Deeper ones further to the right."""
        return format_html(
            '<span style="padding-left: {}em">{}</span>', 1.5 * (category.level - 1), category.name
        )

    @display(description=_("products"), ordering="products_in_it")
    def product_count(self, category: Category) -> int:
        """Of this category itself."""
        count: int = category.products_in_it  # type: ignore[attr-defined] # annotated above
        return count
