"""Pools in the back office: SKUs, rules and partners change on pages that show first whom it
concerns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalog.admin.chosen_skus import ChosenSkus
from catalog.admin.pool_history import (
    ExclusionInline,
    HistoryInline,
    PoolChangeInline,
    link_to_sku,
)
from catalog.admin.pool_pages import PoolPage, look_at
from catalog.admin.previewed import Look, answer_previewed
from catalog.admin.seen_by import answer_seen_by, url_of_sight
from catalog.forms.pools import (
    AddRuleForm,
    AssignForm,
    CurateForm,
    PoolActForm,
    RemoveRulesForm,
    sign_skus,
)
from catalog.models import (
    Pool,
    PoolAssignment,
    PoolMembership,
    PoolRule,
    Sku,
)
from catalog.selectors.pools import Act, RuleDraft
from catalog.services.curating import (
    Preview,
    change_pool,
    change_rules,
    open_pool,
    preview_act,
    preview_partners,
    preview_rules,
)
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyInline
from openplatform.core.errors import type_of_text

__all__ = ["PoolActions", "PoolAdmin", "PoolChangeInline"]

MAY_CURATE = "catalog.change_pool"


class MembershipInline(ReadOnlyInline):
    """The SKUs in a pool, newest first."""

    model = PoolMembership
    verbose_name_plural = _("SKUs")
    per_page = 50
    fields = ("code", "name", "sale_price", "shelf_state", "brought_by", "created_at")
    readonly_fields = ("code", "name", "sale_price", "shelf_state", "brought_by")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolMembership]:
        """With the SKUs."""
        memberships: QuerySet[PoolMembership] = super().get_queryset(request)
        return memberships.select_related("sku")

    @display(description=_("code"))
    def code(self, membership: PoolMembership) -> SafeString:
        """A link to the SKU."""
        return link_to_sku(membership.sku)

    @display(description=_("name"))
    def name(self, membership: PoolMembership) -> str:
        """Of the SKU."""
        return membership.sku.name

    @display(description=_("sale price"))
    def sale_price(self, membership: PoolMembership) -> str:
        """Of the SKU."""
        return f"{membership.sku.sale_price:,.2f}"

    @display(description=_("shelf state"))
    def shelf_state(self, membership: PoolMembership) -> str:
        """Of the SKU."""
        return membership.sku.get_shelf_state_display()

    @display(description=_("in it"))
    def brought_by(self, membership: PoolMembership) -> type_of_text:
        """By hand or by a rule."""
        return _("By hand") if membership.is_picked else _("By a rule")


class RuleInline(ReadOnlyInline):
    """What fills a pool by condition."""

    model = PoolRule
    verbose_name_plural = _("rules")
    ordering = ("pk",)
    fields = ("category", "brand", "min_price", "max_price", "created_at")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolRule]:
        """With what they name."""
        rules: QuerySet[PoolRule] = super().get_queryset(request)
        return rules.select_related("category", "brand")


class AssignmentInline(ReadOnlyInline):
    """The partners that see a pool."""

    model = PoolAssignment
    verbose_name_plural = _("partners")
    fields = ("partner", "created_at", "sight")
    readonly_fields = ("sight",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolAssignment]:
        """With the partners."""
        assignments: QuerySet[PoolAssignment] = super().get_queryset(request)
        return assignments.select_related("partner")

    @display(description=_("catalogue"))
    def sight(self, assignment: PoolAssignment) -> SafeString:
        """A link to the catalogue as the partner sees it."""
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
            url_of_sight(assignment.partner),
            _("As it sees it"),
        )


@admin.register(Pool)
class PoolAdmin(ModelAdmin):
    """Pools: what is in them and who sees them changes on pages of their own."""

    list_display = ("code", "name", "purpose", "sku_count", "partner_count")
    search_fields = ("code", "name", "purpose")
    search_help_text = _("Code, name or purpose")
    fields = ("code", "name", "purpose")
    readonly_on_change = ("code",)
    inlines = (MembershipInline, RuleInline, ExclusionInline, AssignmentInline, HistoryInline)
    actions_detail = (
        "curate",
        "assign",
        {"title": _("Rules"), "icon": "rule", "items": ["add_rule", "remove_rules"]},
    )
    actions_row = ("curate", "assign", "show_history")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        """With the numbers of SKUs and partners."""
        pools: QuerySet[Pool] = super().get_queryset(request)
        return pools.annotate(
            skus_in_it=Count("memberships", distinct=True),
            partners_of_it=Count("assignments", distinct=True),
        )

    def get_urls(self) -> list[URLPattern]:
        """With the catalogue as one merchant sees it."""
        sight = self.admin_site.admin_view(partial(answer_seen_by, self))
        return [path("seen-by/", sight, name="catalog_pool_seen_by"), *super().get_urls()]

    @action(
        description=_("Add or remove SKUs"),
        permissions=["change"],
        icon="playlist_add",
        is_primary=True,
    )
    def curate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take SKUs in and out, exclude them or lift that, by their codes or a file."""
        pool: Pool = self.get_row(request, object_id)

        def look(form: CurateForm) -> Look:
            values = form.cleaned_data
            act, sku_ids = Act(values["act"]), values["sku_ids"]
            return look_at(
                preview_act(pool=pool, act=act, sku_ids=sku_ids),
                act=act,
                unknown=values["unknown"],
                carried={"chosen": sign_skus(sku_ids), "codes": "", "file": ""},
            )

        def call(form: CurateForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            return _change(request, pool, values["act"], values["sku_ids"], expected)

        return answer_previewed(
            self,
            request,
            PoolPage(
                form_class=CurateForm,
                title=_("Add or remove SKUs"),
                submit=_("Change the pool"),
                look=look,
                act=call,
                back_to=_url_of(pool),
                initial={
                    name: request.GET[name] for name in ("act", "codes") if name in request.GET
                },
                subject=pool,
            ),
        )

    @action(description=_("Choose partners"), permissions=["change"], icon="group_add")
    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Open the pool to partners, or close it to them."""
        pool: Pool = self.get_row(request, object_id)

        def ids_of(form: AssignForm) -> list[int]:
            return [partner.pk for partner in form.cleaned_data["partners"]]

        def call(form: AssignForm, expected: str) -> type_of_text:
            open_pool(
                pool_code=pool.code, partner_ids=ids_of(form), expected=expected, **_by(request)
            )
            count = pool.assignments.count()
            text = ngettext(
                "The pool is open to %(count)d partner now",
                "The pool is open to %(count)d partners now",
                count,
            )
            return text % {"count": count}

        return answer_previewed(
            self,
            request,
            PoolPage(
                form_class=AssignForm,
                title=_("Choose partners"),
                submit=_("Change the partners"),
                look=lambda form: look_at(preview_partners(pool=pool, partner_ids=ids_of(form))),
                act=call,
                back_to=_url_of(pool),
                initial={"partners": list(pool.assignments.values_list("partner_id", flat=True))},
                subject=pool,
                intro=_("Each partner is told which SKUs came into its sight or left it."),
            ),
        )

    @action(description=_("Add a rule"), permissions=["change"], icon="add")
    def add_rule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Fill the pool by condition."""
        pool: Pool = self.get_row(request, object_id)

        def rules_of(form: AddRuleForm) -> list[RuleDraft]:
            return [form.cleaned_data["rule"]]

        def call(form: AddRuleForm, expected: str) -> type_of_text:
            done = change_rules(
                pool_code=pool.code, add=rules_of(form), expected=expected, **_by(request)
            )
            return _tell_skus(done)

        return answer_previewed(
            self,
            request,
            PoolPage(
                form_class=AddRuleForm,
                title=_("Add a rule"),
                submit=_("Add the rule"),
                look=lambda form: look_at(
                    preview_rules(pool=pool, add=rules_of(form)),
                    when_still=_("No SKU comes in or leaves now; the rule counts from now on"),
                ),
                act=call,
                back_to=_url_of(pool),
                subject=pool,
                intro=_(
                    "A SKU that meets all conditions of one rule is in the pool, now and later,"
                    " unless it is excluded. When it no longer meets any, it leaves, unless it was"
                    " picked by hand."
                ),
            ),
        )

    @action(description=_("Remove rules"), permissions=["change"], icon="remove")
    def remove_rules(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the rules brought leaves with them."""
        pool: Pool = self.get_row(request, object_id)

        def ids_of(form: RemoveRulesForm) -> list[int]:
            return [rule.pk for rule in form.cleaned_data["rules"]]

        def call(form: RemoveRulesForm, expected: str) -> type_of_text:
            done = change_rules(
                pool_code=pool.code, remove=ids_of(form), expected=expected, **_by(request)
            )
            return _tell_skus(done)

        return answer_previewed(
            self,
            request,
            PoolPage(
                form_class=partial(RemoveRulesForm, pool=pool),
                title=_("Remove rules"),
                submit=_("Remove the rules"),
                look=lambda form: look_at(
                    preview_rules(pool=pool, remove=ids_of(form)),
                    when_still=_("No SKU comes in or leaves now; the rules count no more"),
                ),
                act=call,
                back_to=_url_of(pool),
                subject=pool,
                intro=_("SKUs that only these rules bring leave the pool."),
            ),
        )

    @action(description=_("SKUs that came and went"), permissions=["view"], icon="history")
    def show_history(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to the list, where it can be searched."""
        pool: Pool = self.get_row(request, object_id)
        url = reverse("admin:catalog_poolchange_changelist")
        return HttpResponseRedirect(f"{url}?pool__id__exact={pool.pk}")

    @display(description=_("SKUs"), ordering="skus_in_it")
    def sku_count(self, pool: Pool) -> int:
        """How many it holds."""
        count: int = pool.skus_in_it  # type: ignore[attr-defined] # annotated above
        return count

    @display(description=_("partners"), ordering="partners_of_it")
    def partner_count(self, pool: Pool) -> int:
        """How many see it."""
        count: int = pool.partners_of_it  # type: ignore[attr-defined] # annotated above
        return count


class PoolActions(ChosenSkus):
    """For the list of SKUs: what is chosen there goes into pools, or out of them."""

    def get_urls(self) -> list[URLPattern]:
        """With the page of the action."""
        page = self.admin_site.admin_view(self._answer_pools)
        return [path("pools/", page, name="catalog_sku_pools"), *super().get_urls()]

    def has_curate_permission(self, request: HttpRequest) -> bool:
        """Whoever may change pools."""
        return bool(request.user.has_perm(MAY_CURATE))

    @action(description=_("Pools…"), permissions=["curate"])
    def choose_pool(self, request: HttpRequest, queryset: QuerySet[Sku]) -> HttpResponse:
        """On to the page where pool and act are chosen."""
        return self.go_with_chosen(request, queryset, reverse("admin:catalog_sku_pools"))

    def _answer_pools(self, request: HttpRequest) -> HttpResponse:
        if not self.has_curate_permission(request):
            raise PermissionDenied
        sku_ids = self.get_chosen_ids(request)

        def look(form: PoolActForm) -> Look:
            pool, act = form.cleaned_data["pool"], Act(form.cleaned_data["act"])
            return look_at(preview_act(pool=pool, act=act, sku_ids=sku_ids), act=act)

        def call(form: PoolActForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            return _change(request, values["pool"], values["act"], sku_ids, expected)

        return answer_previewed(
            self,
            request,
            PoolPage(
                form_class=PoolActForm,
                title=_("Put SKUs into a pool, or take them out"),
                submit=_("Change the pool"),
                look=look,
                act=call,
                back_to=reverse("admin:catalog_sku_changelist"),
                intro=ngettext("Chosen: %(count)d SKU.", "Chosen: %(count)d SKUs.", len(sku_ids))
                % {"count": len(sku_ids)},
            ),
        )


def _by(request: HttpRequest) -> Mapping[str, Any]:
    return {"actor": request.user.get_username(), "now": clock.now()}


def _change(
    request: HttpRequest, pool: Pool, act: str, sku_ids: list[int], expected: str
) -> type_of_text:
    done = change_pool(
        pool_code=pool.code, act=Act(act), sku_ids=sku_ids, expected=expected, **_by(request)
    )
    return _tell_skus(done)


def _tell_skus(done: Preview) -> type_of_text:
    """What became of how many SKUs; what became of none is left out."""
    numbers = done.numbers
    told: list[tuple[type_of_text, int]] = [
        (_("SKUs that came into the pool"), numbers["picked"] + numbers["brought"]),
        (_("SKUs that left it"), numbers["left"]),
        (_("SKUs excluded"), numbers["excluded"]),
        (_("SKUs no longer excluded"), numbers["readmitted"]),
        (_("Merchants that see a change"), len(done.merchants)),
    ]
    parts = [f"{label}: {count:,}" for label, count in told if count]
    return " · ".join(parts) if parts else _("No SKU came or went")


def _url_of(pool: Pool) -> str:
    return reverse("admin:catalog_pool_change", args=(pool.pk,))
