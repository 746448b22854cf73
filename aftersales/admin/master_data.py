"""What operators keep about claims: the reasons for them, and the rules that approve some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from aftersales.badges import STATUS_COLOURS
from aftersales.forms.master_data import ApprovalRuleForm, ReasonForm, RuleTrialForm
from aftersales.models import ApprovalRule, ClaimType, Reason, RuleApproval
from aftersales.selectors.rule_trials import try_rule
from openplatform.core import money
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyInline

TRIAL = "backoffice/claim_rule_trial.html"
IN_USE_COLOURS = {"yes": "success", "no": "neutral"}
# What it takes to see what merchants claimed, and for how much.
MAY_TRY = ("aftersales.view_approvalrule", "aftersales.view_claim")


def name_types(types: Iterable[str]) -> str:
    """Kinds of claims in words."""
    between = pgettext("between parts of a list", ", ")
    return between.join(str(ClaimType(one).label) for one in types)


def _in_use(row: Reason | ApprovalRule) -> tuple[str, Any]:
    return ("yes", _("in use")) if row.is_active else ("no", _("not in use"))


class OneByOne(ModelAdmin):
    """Rows that are deleted one at a time, on their own pages, where it shows what stands against
    it.
    """

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without deleting several at once."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


@admin.register(Reason)
class ReasonAdmin(OneByOne):
    """Why something is claimed. One that was used is taken out of use, not deleted."""

    form = ReasonForm
    list_display = ("position", "code", "name", "name_en", "kinds", "asks_for_pictures", "in_use")
    list_display_links = ("code", "name")
    list_filter = ("is_active", "pictures_required")
    search_fields = ("code", "name", "name_en")
    search_help_text = _("Code or name")
    ordering = ("position", "code")
    readonly_on_change = ("code",)
    fields = (("code", "position"), ("name", "name_en"), "types", "pictures_required", "is_active")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only of one that no claim was filed for. A rule that lost its only reason would be met
        for every reason, so one that a rule names stays, too.
        """
        if isinstance(obj, Reason) and (
            obj.claims.exists() or ApprovalRule.objects.filter(reasons=obj).exists()
        ):
            return False
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed

    @display(description=_("kinds of claims"))
    def kinds(self, reason: Reason) -> str:
        """In words."""
        return name_types(reason.types)

    @display(
        description=_("pictures"), ordering="pictures_required", label={"yes": "info", "no": ""}
    )
    def asks_for_pictures(self, reason: Reason) -> tuple[str, Any]:
        """Whether a claim needs one."""
        return ("yes", _("required")) if reason.pictures_required else ("no", _("not required"))

    @display(description=_("in use"), ordering="is_active", label=IN_USE_COLOURS)
    def in_use(self, reason: Reason) -> tuple[str, Any]:
        """A badge."""
        return _in_use(reason)


class RuleApprovalInline(ReadOnlyInline):
    """What a rule approved."""

    model = RuleApproval
    verbose_name_plural = _("approvals by this rule")
    fields = ("claim", "partner", "amount", "created_at")
    tab = False
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """With what is named."""
        return super().get_queryset(request).select_related("claim", "partner")


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(OneByOne):
    """By which claims are approved when they come in."""

    form = ApprovalRuleForm
    list_display = ("position", "name", "kinds", "shipment", "max_amount", "max_a_day", "in_use")
    list_display_links = ("name",)
    list_filter = ("is_active",)
    search_fields = ("name",)
    ordering = ("position", "id")
    autocomplete_fields = ("reasons", "partners")
    fields = (
        ("name", "position"), "types", "reasons", "partners", "before_shipment_only",
        ("max_amount", "max_amount_a_day"), "is_active",
    )  # fmt: skip
    inlines = (RuleApprovalInline,)
    actions_list = ("go_to_trial",)
    actions_detail = ("try_this",)
    actions_row = ("try_this",)

    def get_urls(self) -> list[URLPattern]:
        """With the trial."""
        page = self.admin_site.admin_view(self.trial)
        own = [path("trial/", page, name="aftersales_approvalrule_trial")]
        return [*own, *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only of one that approved nothing; another is taken out of use."""
        if isinstance(obj, ApprovalRule) and obj.approvals.exists():
            return False
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save, and say it when a rule leaves hardly anything for people to look at."""
        super().save_related(request, form, formsets, change)
        rule: ApprovalRule = form.instance
        if rule.is_active and rule.max_amount is None and not rule.partners.exists():
            text = _(
                "This rule has neither an amount nor merchants: of every merchant it approves"
                " refunds up to %(amount)s, above which a second person decides"
            )
            most = f"{settings.AFTERSALE_SECOND_PERSON_ABOVE:,.2f}"
            messages.warning(request, str(text) % {"amount": most})

    @display(description=_("kinds of claims"))
    def kinds(self, rule: ApprovalRule) -> str:
        """In words."""
        return name_types(rule.types) or str(_("all"))

    @display(description=_("when"), ordering="before_shipment_only")
    def shipment(self, rule: ApprovalRule) -> Any:
        """Whether goods may have left."""
        return _("before shipment") if rule.before_shipment_only else _("at any time")

    @display(description=_("up to an amount a day"), ordering="max_amount_a_day")
    def max_a_day(self, rule: ApprovalRule) -> Any:
        """For one merchant."""
        return rule.max_amount_a_day

    @display(description=_("in use"), ordering="is_active", label=IN_USE_COLOURS)
    def in_use(self, rule: ApprovalRule) -> tuple[str, Any]:
        """A badge."""
        return _in_use(rule)

    # Trying

    def has_try_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may see rules, and what is claimed."""
        return bool(request.user.has_perms(MAY_TRY))

    @action(description=_("Try terms"), permissions=["try"], icon="science")
    def go_to_trial(self, request: HttpRequest) -> HttpResponse:
        """On to the trial, with nothing filled in."""
        return HttpResponseRedirect(reverse("admin:aftersales_approvalrule_trial"))

    @action(description=_("Try on claims"), permissions=["try"], icon="science")
    def try_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to the trial, with the terms of a rule."""
        rule: ApprovalRule = self.get_row(request, object_id)
        terms = {
            "claims": RuleTrialForm.LATEST,
            "types": rule.types,
            "reasons": [reason.pk for reason in rule.reasons.all()],
            "partners": [partner.pk for partner in rule.partners.all()],
            "max_amount": "" if rule.max_amount is None else rule.max_amount,
            "max_amount_a_day": "" if rule.max_amount_a_day is None else rule.max_amount_a_day,
            **({"before_shipment_only": "on"} if rule.before_shipment_only else {}),
        }
        address = reverse("admin:aftersales_approvalrule_trial")
        return HttpResponseRedirect(f"{address}?{urlencode(terms, doseq=True)}")

    def trial(self, request: HttpRequest) -> HttpResponse:
        """Which claims terms would have approved; nothing is written."""
        if not self.has_try_permission(request):
            raise PermissionDenied
        is_asked = "claims" in request.GET
        form = RuleTrialForm(request.GET if is_asked else None)
        context: dict[str, Any] = {}
        if is_asked and form.is_valid():
            trials = try_rule(
                form.cleaned_data["terms"], undecided_only=form.cleaned_data["undecided_only"]
            )
            approved = [one for one in trials if one.is_approved]
            context = {
                "trials": [(one, one.claim.reason.shown_name) for one in trials],
                "approved_count": len(approved),
                "approved_amount": sum((one.amount for one in approved), money.ZERO),
                "is_tried": True,
            }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            TRIAL,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("Try the terms of an approval rule"),
                "form": form,
                "media": self.media + form.media,
                "colours": STATUS_COLOURS,
                **context,
            },
        )
