"""Freight templates in the back office, and what a basket would cost to carry."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from openplatform.audit.actions import name_actions
from openplatform.core.admin import edits
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin, PartsInline
from openplatform.core.errors import type_of_text
from orders.forms.freight import (
    FreightPreviewForm,
    FreightRuleForm,
    FreightRuleFormSet,
    FreightTemplateForm,
    UseForm,
)
from orders.models import FreightRule, FreightTemplate
from orders.selectors.freight_preview import preview_freight
from orders.services.freight_templates import (
    lock_template,
    read_template,
    require_distinct_rules,
    use_template,
)

PREVIEW = "backoffice/freight_preview.html"
# What it takes to see a merchant's prices and what is charged for carriage.
MAY_PREVIEW = ("orders.view_freighttemplate", "catalog.view_sku", "catalog.view_purchaseprice")
ONE_IN_USE = "freight_template_one_in_use"
IN_USE_COLOURS = {"yes": "success", "no": "warning"}

name_actions({"use_freight_template": _("Freight template put in use or out of it")})


class FreightRuleInline(PartsInline):
    """What a template charges where: a line for each rule, which opens to be edited."""

    model = FreightRule
    form = FreightRuleForm
    formset = FreightRuleFormSet
    template = "admin/edit_inline/stacked.html"
    template_after = "backoffice/freight_rules_after.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "regions", "basis", ("first_size", "first_amount"),
                    ("step_size", "step_amount"), ("free_from_amount", "remote_amount"),
                )
            },
        ),
    )  # fmt: skip
    autocomplete_fields = ("regions",)
    collapsible = True
    hide_title = False
    tab = False

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """One to begin with."""
        return 1 if obj is None else 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[FreightRule]:
        """With the regions."""
        rules: QuerySet[FreightRule] = super().get_queryset(request)
        return rules.prefetch_related("regions").order_by("pk")


@admin.register(FreightTemplate)
class FreightTemplateAdmin(ModelAdmin):
    """What carriage costs. Orders keep the freight with which they were placed."""

    form = FreightTemplateForm
    list_display = ("code", "name", "warehouse", "category", "rule_count", "in_use")
    list_display_links = ("code", "name")
    list_filter = (
        "is_active",
        ("warehouse", AutocompleteSelectFilter),
        ("category", AutocompleteSelectFilter),
    )
    list_select_related = ("warehouse", "category")
    search_fields = ("code", "name")
    search_help_text = _("Code or name")
    autocomplete_fields = ("warehouse", "category")
    readonly_on_change = ("code",)
    fields = (("code", "name"), ("warehouse", "category"), "is_active")
    inlines = (FreightRuleInline,)
    actions_list = ("go_to_preview",)
    actions_detail = ("put_in_use",)
    actions_row = ("put_in_use",)

    def get_urls(self) -> list[URLPattern]:
        """With the preview."""
        page = self.admin_site.admin_view(self.preview)
        own = [path("preview/", page, name="orders_freighttemplate_preview")]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FreightTemplate]:
        """With how many rules each has."""
        templates: QuerySet[FreightTemplate] = super().get_queryset(request)
        return templates.annotate(rule_total=Count("rules"))

    @display(description=_("rules"))
    def rule_count(self, template: FreightTemplate) -> int:
        """How many."""
        return int(template.rule_total)  # type: ignore[attr-defined] # of the list's query

    @display(description=_("in use"), ordering="is_active", label=IN_USE_COLOURS)
    def in_use(self, template: FreightTemplate) -> tuple[str, type_of_text]:
        """A badge."""
        return ("yes", _("in use")) if template.is_active else ("no", _("not in use"))

    # Saving

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; of two people who put two templates in use at once, one is told."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError as error:
            if ONE_IN_USE not in str(error):
                raise
            messages.error(
                request, _("Another template is in use for the same warehouse and category")
            )
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Hold the row, so that nobody else changes its rules meanwhile."""
        form.template_before = {}
        if change:
            lock_template(template_id=obj.pk)
            form.template_before = read_template(obj)
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rules; the trail has them with their template."""
        formset.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the rules, and tell the trail of the whole."""
        form.save_m2m()
        for formset in formsets:
            self.save_formset(request, form, formset, change=change)
        template: FreightTemplate = form.instance
        require_distinct_rules(template_id=template.pk)
        after = read_template(template)
        if form.template_before != after:
            edits.get_trail().record(
                action=edits.CHANGE if change else edits.ADD,
                subject=template,
                before=form.template_before,
                after=after,
                actor=request.user.get_username(),
            )
        if not template.rules.filter(regions=None).exists():
            text = _(
                "No rule is for all other regions: there the next template that is meant for the"
                " goods counts, and without one they go free"
            )
            messages.warning(request, text)

    # Deleting: never what orders are charged by now. Orders keep what they were charged.

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Of a template that is not in use."""
        is_used = isinstance(obj, FreightTemplate) and obj.is_active
        return not is_used and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One is deleted at a time, on its own page."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a template with its rules, and tell what they were."""
        edits.get_trail().record(
            action=edits.DELETE,
            subject=obj,
            before=read_template(obj),
            after={},
            actor=request.user.get_username(),
        )
        obj.delete()

    # Putting in use

    def has_use_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change templates."""
        return bool(self.has_change_permission(request))

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Nothing to put in use where it is; a list offers it for every row."""
        actions: list[Any] = super().get_actions_detail(request, object_id)
        template = self.get_object(request, unquote(str(object_id)))
        is_used = template is not None and template.is_active
        return [one for one in actions if not (is_used and one.path == "put_in_use")]

    @action(description=_("Put in use"), permissions=["use"], icon="published_with_changes")
    def put_in_use(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """In place of the template that is in use for the same goods, in one instant."""
        template: FreightTemplate = self.get_row(request, object_id)
        back_to = reverse("admin:orders_freighttemplate_change", args=(template.pk,))
        if template.is_active:
            text = _("%(template)s is in use already") % {"template": template}
            messages.info(request, str(text))
            return HttpResponseRedirect(back_to)
        replaced = (
            FreightTemplate.objects.filter(
                warehouse=template.warehouse_id, category=template.category_id, is_active=True
            )
            .exclude(pk=template.pk)
            .first()
        )

        def call(values: Values) -> type_of_text:
            other = use_template(template_id=template.pk, actor=request.user.get_username())
            if other is None:
                return _("%(template)s is in use") % {"template": template}
            return _("%(template)s is in use instead of %(other)s") % {
                "template": template, "other": other,
            }  # fmt: skip

        return answer_form_page(
            self,
            request,
            form_class=UseForm,
            title=_("Put a freight template in use"),
            submit=_("Put in use"),
            call=call,
            back_to=back_to,
            subject=template,
            intro=_(
                "From now on orders are charged by it. Those placed before keep their freight, as"
                " do quotes until they expire."
            ),
            extra_context={
                "facts": [
                    (_("takes the place of"), replaced or _("None")),
                    (_("rules"), template.rules.count()),
                ]
            },
        )

    # Preview

    def has_preview_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may see templates, and a merchant's prices."""
        return bool(request.user.has_perms(MAY_PREVIEW))

    @action(description=_("Preview freight"), permissions=["preview"], icon="calculate")
    def go_to_preview(self, request: HttpRequest) -> HttpResponse:
        """On to the preview."""
        return HttpResponseRedirect(reverse("admin:orders_freighttemplate_preview"))

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What a basket would cost to carry, by which rules."""
        if not self.has_preview_permission(request):
            raise PermissionDenied
        is_asked = "basket" in request.GET
        form = FreightPreviewForm(request.GET) if is_asked else FreightPreviewForm()
        context: dict[str, Any] = {}
        if is_asked and form.is_valid():
            values = form.cleaned_data
            context = {
                "place": values["place"],
                "preview": preview_freight(
                    partner_id=values["partner"].pk,
                    region=values["place"].code,
                    items=values["basket"],
                ),
            }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            PREVIEW,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("Preview freight"),
                "form": form,
                "media": self.media + form.media,
                **context,
            },
        )
