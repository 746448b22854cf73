"""Partners and their keys in the back office."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RangeDateFilter,
)

from accounts.admin.shown import (
    KEY_COLOURS,
    KEY_STATES,
    PARTNER_FILTER,
    STATUS_COLOURS,
    money_of,
    page_of,
)
from accounts.forms import ApiKeyForm, PartnerForm, TopUpForm
from accounts.models import (
    ApiKey,
    HoldEntry,
    LedgerEntry,
    Partner,
)
from accounts.services.keys import create_key, revoke_key
from accounts.services.partners import register_partner
from accounts.services.top_ups import top_up
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline
from openplatform.core.errors import type_of_text
from openplatform.core.scopes import Scope


class ApiKeyInline(ReadOnlyInline):
    """Keys of a partner."""

    model = ApiKey
    verbose_name_plural = _("API keys")
    ordering = ("-created_at",)
    fields = ("prefix", "note", "state", "last_used_at", "created_at")
    readonly_fields = ("state",)

    @display(description=_("state"))
    def state(self, key: ApiKey) -> type_of_text:
        """Whether it opens anything."""
        return KEY_STATES[_state_of(key)]


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
    """Partners: who they are is edited here; their money only looked at."""

    list_display = ("title", "status_badge", "balance", "available", "order_count", "created_at")
    list_filter = (("status", ChoicesDropdownFilter), ("created_at", RangeDateFilter))
    search_fields = ("code", "name", "email")
    search_help_text = _("Code, name or email")
    readonly_fields = (
        "code", "kind", "created_at", "balance", "held", "credit_limit", "can_spend",
        "alert_threshold",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": (("code", "kind"), "name", "email", "status", "order_expiry_minutes")}),
        (
            _("Wallet"),
            {"fields": (("balance", "credit_limit"), ("held", "can_spend"), "alert_threshold")},
        ),
    )
    inlines = (ApiKeyInline, LedgerInline, HoldInline)
    actions_detail = ("top_up", "new_key")
    actions_row = ("top_up",)

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
            partner = register_partner(**values, actor=request.user.get_username(), now=clock.now())
            self.log_addition(request, partner, [{"added": {}}])
            self.message_user(request, _("The partner was added"))
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

    @action(
        description=_("Top up"),
        permissions=["top_up"],
        url_path="top-up",
        icon="add_card",
        is_primary=True,
    )
    def top_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Book money that came in."""
        partner: Partner = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            booked = top_up(
                partner_code=partner.code,
                **values,
                actor=request.user.get_username(),
                now=clock.now(),
            )
            return _("Top-up %(number)s of %(amount)s is in the ledger") % {
                "number": booked.top_up_no,
                "amount": f"{booked.amount:,.2f}",
            }

        return answer_form_page(
            self,
            request,
            form_class=TopUpForm,
            title=_("Top up"),
            submit=_("Book the top-up"),
            call=call,
            back_to=page_of(partner),
            subject=partner,
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

    @display(
        description=_("available"),
        ordering="wallet__balance",
        label={"low": "danger", "fine": "success"},
    )
    def available(self, partner: Partner) -> tuple[str, str]:
        """What new orders may cost, red when it is low."""
        available = partner.wallet.available_amount
        is_low = available < partner.wallet.alert_threshold or available <= 0
        return "low" if is_low else "fine", f"{available:,.2f}"

    @display(description=_("available"))
    def can_spend(self, partner: Partner) -> SafeString:
        """What new orders may cost, without the badge."""
        return money_of(partner.wallet.available_amount)

    @display(description=_("orders"), ordering="orders_placed")
    def order_count(self, partner: Partner) -> int:
        """Orders ever placed."""
        count: int = partner.orders_placed  # type: ignore[attr-defined] # annotated above
        return count


def _state_of(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= clock.now():
        return "expired"
    return "valid"


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys are made and revoked, never edited."""

    list_display = (
        "prefix", "partner", "note", "state", "last_used_at", "expires_at", "created_at",
    )  # fmt: skip
    list_filter = (PARTNER_FILTER, ("created_at", RangeDateFilter))
    list_select_related = ("partner",)
    search_fields = ("prefix", "note", "partner__code", "partner__name")
    search_help_text = _("Prefix, note or partner")
    fields = (
        "partner", "prefix", "scope_list", "note", "state_name", "expires_at", "revoked_at",
        "last_used_at", "created_at",
    )  # fmt: skip
    readonly_fields = ("scope_list", "state_name")
    actions_detail = ("revoke",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """By permission: the add page calls the service."""
        return bool(request.user.has_perm("accounts.add_apikey"))

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change keys."""
        return bool(request.user.has_perm("accounts.change_apikey"))

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Make a key and show it, this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied

        def call(values: Values) -> HttpResponse:
            key, text = create_key(
                partner_code=values["partner"].code,
                scopes=values["scopes"],
                expires_at=values["expires_at"],
                note=values["note"],
            )
            self.log_addition(request, key, [{"added": {}}])
            return self._show_once(request, key, text)

        return answer_form_page(
            self,
            request,
            form_class=ApiKeyForm,
            title=_("New API key"),
            submit=_("Make the key"),
            call=call,
            back_to=reverse("admin:accounts_apikey_changelist"),
            initial={"partner": request.GET.get("partner")},
            intro=_("The key is shown once, on the next page. Only its digest is kept."),
        )

    @action(
        description=_("Revoke"),
        permissions=["revoke"],
        icon="block",
        is_danger=True,
    )
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End a key, after a confirmation."""
        key: ApiKey = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            revoke_key(prefix=key.prefix, now=clock.now())
            self.log_change(request, key, [{"changed": {"fields": ["revoked at"]}}])
            return _("The key %(prefix)s opens nothing any more") % {"prefix": key.prefix}

        return answer_form_page(
            self,
            request,
            form_class=forms.Form,
            title=_("Revoke the key"),
            submit=_("Revoke for good"),
            call=call,
            back_to=page_of(key),
            subject=key,
            intro=_(
                "Every request with this key is refused within a second. This cannot be undone."
            ),
            is_danger=True,
        )

    @display(description=_("state"), label=KEY_COLOURS)
    def state(self, key: ApiKey) -> tuple[str, type_of_text]:
        """Whether it opens anything."""
        state = _state_of(key)
        return state, KEY_STATES[state]

    @display(description=_("state"))
    def state_name(self, key: ApiKey) -> type_of_text:
        """The same without the badge."""
        return KEY_STATES[_state_of(key)]

    @display(description=_("scopes"))
    def scope_list(self, key: ApiKey) -> str:
        """With what each means."""
        names = {scope.value: str(scope.label) for scope in Scope}
        return "; ".join(f"{scope} {names.get(scope, '')}" for scope in key.scopes)

    def _show_once(self, request: HttpRequest, key: ApiKey, text: str) -> HttpResponse:
        response = TemplateResponse(
            request,
            "backoffice/new_key.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.model._meta,
                "title": _("The new API key"),
                "key": key,
                "text": text,
                "back_to": page_of(key.partner),
            },
        )
        add_never_cache_headers(response)
        return response
