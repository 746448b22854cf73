"""Partners in the back office: who they are is edited here; their money and terms are changed by
the acts (``partner_acts``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RangeDateFilter,
)

from accounts.admin.contacts import ContactInline
from accounts.admin.keys import ApiKeyInline
from accounts.admin.partner_acts import PartnerActs
from accounts.admin.shown import (
    ALERT_COLOURS,
    ALERT_NAMES,
    STATUS_COLOURS,
    PartnerAlertFilter,
    alert_badge,
    alert_level_of,
    money_of,
    page_of,
)
from accounts.forms.partners import PartnerForm
from accounts.models import (
    HoldEntry,
    LedgerEntry,
    Partner,
)
from accounts.selectors import list_open_holds
from accounts.services.partners import register_partner
from accounts.spending import get_runway
from openplatform.approvals.kinds import KINDS
from openplatform.approvals.pages import amount_of
from openplatform.approvals.selectors import list_pending
from openplatform.audit.links import url_of_partner
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyInline
from openplatform.core.admin.staff import get_staff
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import type_of_text

BILL_TERMS = ("payment_days", "orders_while_overdue")


class LedgerInline(ReadOnlyInline):
    """A partner's ledger, newest first."""

    model = LedgerEntry
    verbose_name_plural = _("ledger")
    ordering = ("-entry_no",)
    fields = ("entry_no", "kind", "amount", "balance_after", "document_no", "note", "created_at")


class HoldInline(ReadOnlyInline):
    """What was set aside for a partner's orders, newest first."""

    model = HoldEntry
    verbose_name_plural = _("hold entries")
    ordering = ("-hold_no",)
    fields = ("hold_no", "kind", "amount", "held_after", "order_no", "created_at")


@admin.register(Partner)
class PartnerAdmin(PartnerActs):
    """Partners: who they are is edited here; the rest by the actions."""

    list_display = (
        "title", "status_badge", "balance", "available", "order_count", "created_at",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        PartnerAlertFilter,
        ("created_at", RangeDateFilter),
    )
    search_fields = ("code", "name", "email")
    search_help_text = _("Code, name or email")
    readonly_fields = (
        "code", "kind", "status", "created_at", "balance", "held", "credit_limit", "can_spend",
        "alert_threshold", "daily_spend", "runway", "spending_cap", "ordered_today", "open_orders",
        "request_limit", "overdue_bill",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": (("code", "kind"), "name", "email", ("status", "order_expiry_minutes"))}),
        (
            _("Wallet"),
            {
                "fields": (
                    ("balance", "credit_limit"),
                    ("held", "can_spend"),
                    ("alert_threshold", "daily_spend"),
                    "runway",
                )
            },
        ),
        (
            _("Limits"),
            {"fields": (("spending_cap", "ordered_today"), ("open_orders", "request_limit"))},
        ),
        (
            _("Bills"),
            {"fields": ("payment_days", ("orders_while_overdue", "overdue_bill"))},
        ),
    )
    inlines = (ContactInline, ApiKeyInline, LedgerInline, HoldInline)
    actions_detail = (
        "top_up",
        {"title": _("Money"), "icon": "payments", "items": ["adjust", "withdraw"]},
        {
            "title": _("Terms"),
            "icon": "tune",
            "items": ["credit_line", "threshold", "limits", "suspend", "resume"],
        },
        "new_key",
    )
    actions_row = ("top_up",)
    change_form_outer_after_template = "backoffice/partner_money.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Partner]:
        """With wallets, and how many orders there are."""
        partners: QuerySet[Partner] = super().get_queryset(request)
        return partners.select_related("wallet").annotate(orders_placed=Count("orders"))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[str]:
        """How bills are to be paid, too, but for finance."""
        fields = super().get_readonly_fields(request, obj)
        return fields if self.has_terms_permission(request) else (*fields, *BILL_TERMS)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: a partner is suspended instead."""
        return False

    def has_new_key_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may make keys."""
        return bool(request.user.has_perm("accounts.add_apikey"))

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A page of its own, because a partner comes with a wallet."""
        if not self.has_add_permission(request):
            raise PermissionDenied

        def call(values: Values) -> HttpResponse:
            partner = register_partner(**values, user=get_staff(request), now=clock.now())
            self.message_user(request, _("The partner was added"))
            for approval in list_pending().filter(partner=partner):
                text = _("%(kind)s %(amount)s: another person has to approve it") % {
                    "kind": KINDS[approval.kind].title,
                    "amount": amount_of(approval),
                }
                self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(page_of(partner))

        return answer_form_page(
            self,
            request,
            form_class=partial(
                PartnerForm,
                may_set_terms=self.has_terms_permission(request),
                may_top_up=self.has_top_up_permission(request),
            ),
            title=_("Add partner"),
            submit=_("Add partner"),
            call=call,
            back_to=reverse("admin:accounts_partner_changelist"),
            intro=_("Pools are opened to the partner on the page of each pool."),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the orders that hold money, and what waits for a decision."""
        partner: Partner = self.get_row(request, object_id)
        context: dict[str, Any] = {
            "trail_url": url_of_partner(partner.pk),
            "partner_id": str(partner.pk),
        }
        if request.user.has_perm("accounts.view_wallet"):
            context["holds"] = list_open_holds(wallet=partner.wallet)
        if request.user.has_perm("approvals.view_approval"):
            context["waiting"] = [
                (approval, KINDS[approval.kind].title, amount_of(approval))
                for approval in list_pending().filter(partner=partner)
            ]
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )
        return response

    @action(
        description=_("New API key"),
        permissions=["new_key"],
        url_path="new-key",
        icon="key",
    )
    def new_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to the page that makes keys."""
        return HttpResponseRedirect(
            reverse("admin:accounts_apikey_add", query={"partner": object_id})
        )

    @display(description=_("partner"), ordering="code", is_header=True)
    def title(self, partner: Partner) -> tuple[str, str]:
        """Name over code."""
        return partner.name, partner.code

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, partner: Partner) -> tuple[str, str]:
        """A badge."""
        return partner.status, partner.get_status_display()

    @display(description=_("balance"), ordering="wallet__balance")
    def balance(self, partner: Partner) -> SafeString:
        """Money in the wallet."""
        return money_of(partner.wallet.balance)

    @display(description=_("held amount"))
    def held(self, partner: Partner) -> SafeString:
        """Set aside for orders that are not paid yet."""
        return money_of(partner.wallet.held_amount)

    @display(description=_("credit limit"))
    def credit_limit(self, partner: Partner) -> SafeString:
        """How far the balance may go below zero."""
        return money_of(partner.wallet.credit_limit)

    @display(description=_("alert threshold"))
    def alert_threshold(self, partner: Partner) -> SafeString:
        """Below this, the balance counts as low."""
        return money_of(partner.wallet.alert_threshold)

    @display(description=_("available"), ordering="wallet__balance", label=ALERT_COLOURS)
    def available(self, partner: Partner) -> tuple[str, str]:
        """What new orders may cost: orange when it is low, red when it is very low."""
        return alert_badge(partner.wallet)

    @display(description=_("available"))
    def can_spend(self, partner: Partner) -> SafeString:
        """The same on the page, with a word when it is little."""
        level = alert_level_of(partner.wallet)
        amount = money_of(partner.wallet.available_amount)
        if not level:
            return amount
        badge = render_to_string(
            "unfold/helpers/label.html",
            {"type": ALERT_COLOURS[str(level)], "text": ALERT_NAMES[level]},
        )
        return format_html("{} {}", amount, badge)

    @display(description=_("daily spend"))
    def daily_spend(self, partner: Partner) -> SafeString | str:
        """On average over the last thirty days."""
        spend = get_runway(wallet=partner.wallet).daily_spend
        return "-" if spend is None else money_of(spend)

    @display(description=_("lasts for"))
    def runway(self, partner: Partner) -> str:
        """How many days what is available lasts at that pace."""
        days = get_runway(wallet=partner.wallet).days
        if days is None:
            return "-"
        return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}

    @display(description=_("daily spending cap"))
    def spending_cap(self, partner: Partner) -> SafeString | type_of_text:
        """What orders placed on one day may cost."""
        cap = partner.wallet.daily_spending_cap
        return _("none") if cap is None else money_of(cap)

    @display(description=_("ordered today"))
    def ordered_today(self, partner: Partner) -> SafeString:
        """What counts against that cap."""
        today = clock.now().astimezone(PLATFORM_ZONE).date()
        return money_of(partner.wallet.spent_amount_on(today))

    @display(description=_("open orders"))
    def open_orders(self, partner: Partner) -> str:
        """How many wait for their confirmation, of how many at most."""
        return f"{partner.wallet.open_orders:,} / {partner.wallet.max_open_orders:,}"

    @display(description=_("requests per minute"))
    def request_limit(self, partner: Partner) -> str | type_of_text:
        """Over all keys."""
        limit = partner.requests_per_minute
        return _("the platform's limit") if limit is None else f"{limit:,}"

    @display(description=_("overdue bill"))
    def overdue_bill(self, partner: Partner) -> type_of_text:
        """Whether there is one, and what that means."""
        if not partner.has_overdue_bill:
            return _("None")
        if partner.orders_while_overdue:
            return _("Yes; new orders are taken all the same")
        return _("Yes; new orders are refused until it is paid")

    @display(description=_("orders"), ordering="orders_placed")
    def order_count(self, partner: Partner) -> int:
        """Orders ever placed."""
        count: int = partner.orders_placed  # type: ignore[attr-defined] # annotated above
        return count
