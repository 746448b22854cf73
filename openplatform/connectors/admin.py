"""Providers in the back office: terms, health, calls and what became known of parcels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, Sum
from django.forms import Form, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
)

from openplatform.audit.actions import name_actions
from openplatform.audit.services.recording import record_change
from openplatform.connectors.forms import ProviderForm
from openplatform.connectors.models import (
    ParcelEvent,
    Provider,
    ProviderCall,
    ProviderContact,
    TrackedParcel,
)
from openplatform.connectors.selectors import list_months
from openplatform.connectors.services.watching import ask_again
from openplatform.core import clock, sealing
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import (
    ModelAdmin,
    PartsInline,
    ReadOnlyAdmin,
    ReadOnlyInline,
)
from openplatform.core.errors import type_of_text

name_actions(
    {
        "change_provider_secrets": _("Secrets of a provider changed"),
        "ask_about_parcel": _("Provider asked about a parcel"),
    }
)

SHOWN_DAYS = 400
HEALTH_COLOURS = {"well": "success", "failing": "warning", "resting": "danger", "off": "neutral"}
PARCEL_COLOURS = {
    "pending": "neutral", "picked_up": "info", "in_transit": "info", "out_for_delivery": "info",
    "delivered": "success", "exception": "warning", "refused": "danger", "returning": "warning",
    "returned": "danger", "lost": "danger",
}  # fmt: skip
OUTCOME_COLOURS = {
    "started": "info", "answered": "success", "unknown_parcel": "neutral", "refused": "danger",
    "failed": "danger", "timed_out": "warning", "unreachable": "danger", "unreadable": "danger",
}  # fmt: skip
HIDDEN = "•••"  # in the audit trail, whatever a secret is
SECRETS = {"new_api_key": "api_key", "new_callback_secret": "callback_secret"}
BOXES = tuple(SECRETS)


class ProviderContactInline(PartsInline):
    """Whom to call."""

    model = ProviderContact
    verbose_name_plural = _("whom to call")
    fields = ("side", "name", "duty", "phone", "email")


@admin.register(Provider)
class ProviderAdmin(ModelAdmin):
    """Providers: under which terms they are called, and how they do."""

    form = ProviderForm
    list_display = (
        "code", "name", "service", "health", "priority", "carriers", "charging", "call_cost",
        "settlement", "last_success_at",
    )  # fmt: skip
    list_filter = (
        "is_enabled",
        ("service", ChoicesDropdownFilter),
        ("charging", ChoicesDropdownFilter),
    )
    search_fields = ("code", "name")
    readonly_on_change = ("code",)
    readonly_fields = (
        "health_text", "failures_in_a_row", "resting_until", "last_success_at",
        "last_failure_at", "last_error", "months", "secrets_set", "callback_path",
    )  # fmt: skip
    inlines = (ProviderContactInline,)
    fieldsets = (
        (None, {"fields": (("code", "name"), ("is_enabled", "priority"), "carriers")}),
        (
            _("Interface"),
            {
                "fields": (
                    ("driver", "base_url"), BOXES,
                    ("secrets_set", "callback_path"),
                    ("interval_seconds", "refresh_seconds", "timeout_seconds"),
                )
            },
        ),
        (
            pgettext_lazy("of a provider", "Terms"),
            {"fields": (("charging", "settlement"), ("call_cost", "period_fee"), "months")},
        ),
        (
            _("Health"),
            {
                "fields": (
                    ("health_text", "failures_in_a_row", "resting_until"),
                    ("last_success_at", "last_failure_at"), "last_error",
                )
            },
        ),
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the boxes for new secrets, where nothing can be written."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {**options, "fields": [row for row in options["fields"] if row != BOXES]})
            for title, options in fieldsets
        ]

    def save_model(
        self, request: HttpRequest, obj: Provider, form: ModelForm[Provider], change: bool
    ) -> None:
        """The row, and the secrets that were given anew, sealed."""
        given = [name for name in SECRETS if form.cleaned_data.get(name)]
        for name in given:
            setattr(obj, SECRETS[name], sealing.seal(form.cleaned_data[name]))
        super().save_model(request, obj, form, change)
        if given and change:
            obj.save(update_fields=[SECRETS[name] for name in given])
            record_change(
                action="change_provider_secrets",
                subject=obj,
                before={},
                after=dict.fromkeys((SECRETS[name] for name in given), HIDDEN),
                actor=request.user.get_username(),
            )

    def set_on_change(self, request: HttpRequest, obj: Provider, edited: list[str]) -> list[str]:
        """What it is asked for follows from its interface."""
        return ["service"] if "driver" in edited else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only of one that was never called: its calls are what bills are checked by."""
        if isinstance(obj, Provider) and obj.calls.exists():
            return False
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed

    @display(description=_("health"), ordering="resting_until", label=HEALTH_COLOURS)
    def health(self, provider: Provider) -> tuple[str, type_of_text]:
        """A badge."""
        if not provider.is_enabled:
            return "off", _("Not in use")
        if provider.resting_until is not None and provider.resting_until > clock.now():
            return "resting", _("Not answering, the spare is asked")
        if provider.failures_in_a_row:
            return "failing", _("Failed just now")
        return "well", _("Well")

    @display(description=_("health"))
    def health_text(self, provider: Provider) -> type_of_text:
        """The same without a badge, which is for columns only."""
        _colour, text = self.health(provider)
        return text

    @display(description=_("secrets"))
    def secrets_set(self, provider: Provider) -> str:
        """Which are there; never what they are."""
        names = {
            pgettext_lazy("of a provider", "key"): provider.api_key,
            _("secret of callbacks"): provider.callback_secret,
        }
        return ", ".join(str(name) for name, sealed in names.items() if sealed) or "-"

    @display(description=_("callbacks come to"))
    def callback_path(self, provider: Provider) -> str:
        """What to tell the provider."""
        if not provider.pk or provider.service != Provider.Service.LOGISTICS:
            return "-"
        return f"POST {reverse('connectors:receive-tracking', args=(provider.code,))}"

    @display(description=_("calls by month, our own count"))
    def months(self, provider: Provider) -> SafeString | str:
        """What a bill is held against."""
        if not provider.pk:
            return "-"
        since = clock.now() - timedelta(days=SHOWN_DAYS)
        rows = [
            (
                f"{month.first_day:%Y-%m}", f"{month.calls:,}", f"{month.charged:,}",
                month.cost, f"{100 * month.good / month.calls:.1f} %", month.average, month.slow,
            )
            for month in list_months(provider_id=provider.pk, since=since)
        ]  # fmt: skip
        if not rows:
            return "-"
        heads = (
            _("month"), _("calls"), _("charged"), _("cost"), _("answered"), _("average ms"),
            _("95 % within ms"),
        )  # fmt: skip
        cell = '<td class="pr-6 text-right">{}</td>'
        line = format_html("<tr>{}</tr>", SafeString(cell * len(heads)))
        return format_html(
            "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
            format_html_join(
                "", '<th class="pr-6 text-right">{}</th>', ((head,) for head in heads)
            ),
            format_html_join("", line, rows),
        )


class ParcelEventInline(ReadOnlyInline):
    """What happened to a parcel."""

    model = ParcelEvent
    verbose_name_plural = _("parcel events")
    fields = ("at", "status", "place", "text", "provider")
    ordering = ("-at",)
    tab = False
    show_change_link = False


class ProviderCallInline(ReadOnlyInline):
    """How often somebody was asked about it."""

    model = ProviderCall
    verbose_name_plural = _("calls of providers")
    fields = ("created_at", "provider", "outcome", "cost", "milliseconds", "error")
    show_change_link = False


@admin.register(TrackedParcel)
class TrackedParcelAdmin(ReadOnlyAdmin):
    """Parcels, with what was told of them."""

    list_display = (
        "waybill_no", "carrier_code", "status_badge", "delivered_at", "as_of", "provider",
        "refresh_at",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("provider", AutocompleteSelectFilter),
        ("as_of", RangeDateFilter),
    )
    list_select_related = ("provider",)
    search_fields = ("=waybill_no",)
    search_help_text = _("Waybill number")
    ordering = ("-id",)
    fields = (
        ("waybill_no", "carrier_code"), ("status", "delivered_at"), ("provider", "as_of"),
        ("tried_at", "refresh_at"), ("counts_since", "created_at"),
    )  # fmt: skip
    inlines = (ParcelEventInline, ProviderCallInline)
    actions_detail = ("ask",)

    def has_ask_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change parcels, which is only this: it may cost something."""
        return bool(request.user.has_perm("connectors.change_trackedparcel"))

    @action(
        description=_("Ask now"), permissions=["ask"], url_path="ask", icon="sync", is_primary=True
    )
    def ask(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the worker ask about a parcel next."""
        parcel: TrackedParcel = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            ask_again(parcel_id=parcel.pk, actor=request.user.get_username())
            return _("The provider is asked, unless it was within its interval")

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Ask now"),
            submit=_("Ask now"),
            call=call,
            back_to=reverse("admin:connectors_trackedparcel_change", args=(parcel.pk,)),
            subject=parcel,
            intro=_("A call may cost something; it is made at most once within the interval."),
        )

    @display(description=_("status"), ordering="status", label=PARCEL_COLOURS)
    def status_badge(self, parcel: TrackedParcel) -> tuple[str, str]:
        """A badge."""
        return parcel.status, parcel.get_status_display()


@admin.register(ProviderCall)
class ProviderCallAdmin(ReadOnlyAdmin):
    """Every call, with what it cost by our own count."""

    list_display = (
        "created_at", "provider", "about", "outcome_badge", "status_code", "milliseconds", "cost",
        "error",
    )  # fmt: skip
    list_filter = (
        ("provider__service", ChoicesDropdownFilter),
        ("provider", AutocompleteSelectFilter),
        ("outcome", ChoicesDropdownFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("provider", "parcel")
    search_fields = ("=parcel__waybill_no", "=invoice_no")
    search_help_text = _("Waybill number, or number of an invoice")
    ordering = ("-id",)
    totals = {_("calls"): Count("id"), _("cost"): Sum("cost")}

    @display(description=_("about"))
    def about(self, call: ProviderCall) -> str:
        """The parcel or the invoice."""
        return call.invoice_no or str(call.parcel)

    @display(description=_("outcome"), ordering="outcome", label=OUTCOME_COLOURS)
    def outcome_badge(self, call: ProviderCall) -> tuple[str, str]:
        """A badge."""
        return call.outcome, call.get_outcome_display()
