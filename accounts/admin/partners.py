"""Partners in the back office: who they are is edited; their money and terms have pages of their
own, each of which calls a service.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
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
from accounts.forms.money import (
    AdjustmentForm,
    AlertThresholdForm,
    CreditLimitForm,
    LimitsForm,
    ReasonForm,
    TopUpForm,
    WithdrawalForm,
)
from accounts.forms.partners import PartnerForm
from accounts.models import (
    HoldEntry,
    LedgerEntry,
    Partner,
)
from accounts.selectors import get_runway, list_open_holds
from accounts.services.adjustments import enter_adjustment
from accounts.services.partners import register_partner
from accounts.services.terms import (
    change_alert_threshold,
    change_credit_limit,
    change_limits,
    change_status,
)
from accounts.services.top_ups import enter_top_up
from accounts.services.withdrawals import enter_withdrawal
from openplatform.approvals.kinds import KINDS
from openplatform.approvals.models import Approval
from openplatform.approvals.pages import amount_of
from openplatform.approvals.selectors import list_pending
from openplatform.audit.links import url_of_partner
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyInline
from openplatform.core.admin.staff import get_staff
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import type_of_text

WAITS = _("%(number)s waits for another person to approve it")


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
class PartnerAdmin(ModelAdmin):
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
        "request_limit",
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

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: a partner is suspended instead."""
        return False

    def has_top_up_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.add_topup"))

    def has_adjust_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.add_adjustment"))

    def has_withdraw_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.add_withdrawal"))

    def has_terms_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.change_wallet"))

    def has_new_key_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may make keys."""
        return bool(request.user.has_perm("accounts.add_apikey"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Of suspending and resuming the one that there is to do."""
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        is_active = Partner.objects.filter(pk=object_id, status=Partner.Status.ACTIVE).exists()
        useless = "accounts_partner_resume" if is_active else "accounts_partner_suspend"
        return [button for button in buttons if button.action_name != useless]

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
            form_class=PartnerForm,
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
        description=_("Top up"),
        permissions=["top_up"],
        url_path="top-up",
        icon="add_card",
        is_primary=True,
    )
    def top_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Enter money that came in."""

        def call(partner: Partner, values: Values) -> type_of_text:
            top_up = enter_top_up(
                partner_code=partner.code, **values, user=get_staff(request), now=clock.now()
            )
            if top_up.status != top_up.Status.PENDING:
                return _("Top-up %(number)s was decided already") % {"number": top_up.top_up_no}
            return WAITS % {"number": top_up.top_up_no}

        return self._answer(
            request,
            object_id,
            call,
            form_class=TopUpForm,
            title=_("Top up"),
            submit=_("Enter the top-up"),
            intro=_("It is in the ledger once another person has approved it."),
        )

    @action(description=_("Adjust the balance"), permissions=["adjust"], icon="balance")
    def adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put a balance right."""

        def call(partner: Partner, values: Values) -> type_of_text:
            adjustment = enter_adjustment(
                partner_code=partner.code, **values, user=get_staff(request), now=clock.now()
            )
            return WAITS % {"number": adjustment.adjustment_no}

        return self._answer(
            request,
            object_id,
            call,
            form_class=AdjustmentForm,
            title=_("Adjust the balance"),
            submit=_("Enter the adjustment"),
            intro=_("It is in the ledger once another person has approved it."),
        )

    @action(description=_("Withdraw"), permissions=["withdraw"], icon="account_balance")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pay money back to the merchant."""

        def call(partner: Partner, values: Values) -> type_of_text:
            withdrawal = enter_withdrawal(
                partner_code=partner.code, **values, user=get_staff(request), now=clock.now()
            )
            return WAITS % {"number": withdrawal.withdrawal_no}

        return self._answer(
            request,
            object_id,
            call,
            form_class=WithdrawalForm,
            title=_("Withdraw"),
            submit=_("Enter the withdrawal"),
            intro=_("It is in the ledger once another person has approved it."),
        )

    @action(
        description=_("Credit line"),
        permissions=["terms"],
        url_path="credit-line",
        icon="credit_score",
    )
    def credit_line(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far the balance may go below zero."""

        def call(partner: Partner, values: Values) -> type_of_text:
            approval = change_credit_limit(
                partner_code=partner.code, **values, user=get_staff(request), now=clock.now()
            )
            return _in_force_or_waiting(approval)

        return self._answer(
            request,
            object_id,
            call,
            form_class=CreditLimitForm,
            title=_("Change the credit line"),
            submit=_("Change the credit line"),
            initial_of=lambda partner: {"credit_limit": partner.wallet.credit_limit},
            intro=_second_person_note(),
        )

    @action(
        description=_("Alert threshold"),
        permissions=["terms"],
        icon="notifications_active",
    )
    def threshold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """When the balance counts as low."""

        def call(partner: Partner, values: Values) -> type_of_text:
            approval = change_alert_threshold(
                partner_code=partner.code, **values, user=get_staff(request), now=clock.now()
            )
            return _in_force_or_waiting(approval)

        return self._answer(
            request,
            object_id,
            call,
            form_class=AlertThresholdForm,
            title=_("Change the alert threshold"),
            submit=_("Change the alert threshold"),
            initial_of=lambda partner: {"alert_threshold": partner.wallet.alert_threshold},
            intro=_second_person_note(),
        )

    @action(description=_("Limits"), permissions=["terms"], icon="speed")
    def limits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the partner may do in a day, at once, and in a minute."""

        def call(partner: Partner, values: Values) -> type_of_text:
            change_limits(
                partner_code=partner.code, **values, user=get_staff(request), now=clock.now()
            )
            return _("The limits are in force")

        return self._answer(
            request,
            object_id,
            call,
            form_class=LimitsForm,
            title=_("Change the limits"),
            submit=_("Change the limits"),
            initial_of=lambda partner: {
                "daily_spending_cap": partner.wallet.daily_spending_cap,
                "max_open_orders": partner.wallet.max_open_orders,
                "requests_per_minute": partner.requests_per_minute,
            },
        )

    @action(description=_("Suspend"), permissions=["change"], icon="block", is_danger=True)
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop the placing of orders."""
        return self._answer(
            request,
            object_id,
            partial(self._set_status, request, Partner.Status.SUSPENDED),
            form_class=ReasonForm,
            title=_("Suspend the partner"),
            submit=_("Suspend the partner"),
            intro=_(
                "It can place no orders any more. What was placed goes on: it is paid, shipped and "
                "cancelled as ever."
            ),
            is_danger=True,
        )

    @action(description=_("Resume"), permissions=["change"], icon="play_circle")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let it place orders again."""
        return self._answer(
            request,
            object_id,
            partial(self._set_status, request, Partner.Status.ACTIVE),
            form_class=ReasonForm,
            title=_("Let the partner order again"),
            submit=_("Let the partner order again"),
        )

    def _set_status(
        self, request: HttpRequest, status: Partner.Status, partner: Partner, values: Values
    ) -> type_of_text:
        change_status(
            partner_code=partner.code,
            status=status,
            **values,
            user=get_staff(request),
            now=clock.now(),
        )
        return _("%(partner)s: %(status)s") % {"partner": partner, "status": status.label}

    def _answer(
        self,
        request: HttpRequest,
        object_id: str,
        call: Callable[[Partner, Values], type_of_text],
        *,
        form_class: Callable[..., forms.Form],
        initial_of: Callable[[Partner], Values] | None = None,
        **page: Any,
    ) -> HttpResponse:
        """The page of an action, with how the wallet stands."""
        partner: Partner = self.get_row(request, object_id)
        wallet = partner.wallet
        facts: list[tuple[type_of_text, Any]] = []
        if request.user.has_perm("accounts.view_wallet"):
            facts = [
                (_("balance"), money_of(wallet.balance)),
                (_("held amount"), money_of(wallet.held_amount)),
                (_("credit limit"), money_of(wallet.credit_limit)),
                (_("available"), money_of(wallet.available_amount)),
            ]
        return answer_form_page(
            self,
            request,
            form_class=form_class,
            call=lambda values: call(partner, values),
            back_to=page_of(partner),
            initial=initial_of(partner) if initial_of else None,
            subject=partner,
            extra_context={"facts": facts},
            **page,
        )

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

    @display(description=_("orders"), ordering="orders_placed")
    def order_count(self, partner: Partner) -> int:
        """Orders ever placed."""
        count: int = partner.orders_placed  # type: ignore[attr-defined] # annotated above
        return count


def _in_force_or_waiting(approval: Approval | None) -> type_of_text:
    if approval is None:
        return _("The change is in force")
    return WAITS % {"number": KINDS[approval.kind].title}


def _second_person_note() -> type_of_text:
    return _("A change by more than %(amount)s waits for another person.") % {
        "amount": f"{settings.SECOND_PERSON_ABOVE:,.2f}"
    }
