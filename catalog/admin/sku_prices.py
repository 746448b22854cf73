"""The prices of the house in the back office: changed now or at a time, to come, and gone by."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter

from catalog.admin.chosen_skus import IDS, ChosenSkus
from catalog.admin.pool_history import link_to_sku
from catalog.admin.previewed import answer_previewed
from catalog.admin.price_pages import Line, PriceLook, PricePage
from catalog.admin.shelf import IsToComeFilter
from catalog.forms.prices import HistoryForm, ManyPricesForm, SkuPricesForm
from catalog.models import PriceChange, Sku
from catalog.price_plans import PRICES, Concern, PlannedLine, PricePlan
from catalog.selectors.price_history import list_price_moves
from catalog.services.base_prices import (
    change_prices,
    preview_prices,
    withdraw_price_changes,
)
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import faults_of
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import DomainError, type_of_text
from openplatform.core.statements import any_of

MAY_PRICE = "catalog.change_sku"
MAX_EXAMPLES = 20
TO_COME, APPLIED = "to_come", "applied"
STATES: dict[str, type_of_text] = {TO_COME: _("To come"), APPLIED: _("Has taken effect")}
DAYS = 90
HISTORY_TEMPLATE = "backoffice/price_history.html"
CONCERNS: dict[Concern, type_of_text] = {
    Concern.BELOW_COST: _("below cost"),
    Concern.BELOW_FLOOR: _("below the floor price"),
    Concern.FALLS_BY_HALF: _("falls by half or more"),
}
PRICE_NAMES: dict[str, type_of_text] = {
    "market_price": _("market price"),
    "sale_price": _("sale price"),
    "cost_price": _("cost price"),
    "floor_price": _("floor price"),
}


@admin.register(PriceChange)
class PriceChangeAdmin(ReadOnlyAdmin):
    """What is to come, and what came of it."""

    list_display = (
        "effective_at", "code", "name", "market_price", "sale_price", "cost_price", "floor_price",
        "state_badge", "actor",
    )  # fmt: skip
    list_display_links = ("effective_at",)
    list_filter = (
        IsToComeFilter,
        ("sku", AutocompleteSelectFilter),
        ("effective_at", RangeDateTimeFilter),
    )
    list_select_related = ("sku",)
    search_fields = ("sku__code", "sku__name", "reason", "actor")
    search_help_text = _("SKU code or name, reason or user")
    fields = (
        "sku", "effective_at", ("market_price", "sale_price"), ("cost_price", "floor_price"),
        "reason", "actor", ("created_at", "applied_at"),
    )  # fmt: skip
    actions = ("withdraw",)

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Whoever may change prices."""
        return bool(request.user.has_perm(MAY_PRICE))

    @action(description=pgettext_lazy("of prices", "Withdraw"), permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[PriceChange]) -> None:
        """They do not take effect, and merchants hear of it."""
        chosen = list(queryset.filter(applied_at__isnull=True).values_list("pk", flat=True))
        try:
            count = withdraw_price_changes(
                change_ids=chosen, actor=request.user.get_username(), now=clock.now()
            )
        except DomainError as error:
            for fault in faults_of(error):
                self.message_user(request, str(fault.detail), "error")
            return
        text = ngettext(
            "%(count)d price change withdrawn", "%(count)d price changes withdrawn", count
        )
        self.message_user(request, text % {"count": count})

    @display(description=_("state"), label={TO_COME: "info", APPLIED: "success"})
    def state_badge(self, change: PriceChange) -> tuple[str, str]:
        """Whether it has been applied."""
        state = TO_COME if change.applied_at is None else APPLIED
        return state, str(STATES[state])

    @display(description=_("SKU"), ordering="sku__code")
    def code(self, change: PriceChange) -> SafeString:
        """A link to it."""
        return link_to_sku(change.sku)

    @display(description=_("name"), ordering="sku__name")
    def name(self, change: PriceChange) -> str:
        """Of the SKU."""
        return change.sku.name


class PriceActions(ChosenSkus):
    """For the list and the page of SKUs: their prices."""

    def get_urls(self) -> list[URLPattern]:
        """With the pages of the actions."""
        prices = self.admin_site.admin_view(self._answer_prices)
        return [path("prices/", prices, name="catalog_sku_prices"), *super().get_urls()]

    def has_price_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change SKUs."""
        return bool(request.user.has_perm(MAY_PRICE))

    @action(description=_("Change prices…"), permissions=["price"])
    def choose_prices(self, request: HttpRequest, queryset: QuerySet[Sku]) -> HttpResponse:
        """On to the page where the change is entered."""
        return self.go_with_chosen(request, queryset, reverse("admin:catalog_sku_prices"))

    @action(
        description=_("Change prices…"),
        permissions=["price"],
        url_path="change-prices",
        icon="price_change",
    )
    def change_sku_prices(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to the page of this one."""
        sku: Sku = self.get_row(request, object_id)
        return HttpResponseRedirect(f"{reverse('admin:catalog_sku_prices')}?{IDS}={sku.pk}")

    @action(
        description=_("Price history"),
        permissions=["view"],
        url_path="price-history",
        icon="timeline",
    )
    def show_price_history(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the SKU cost a merchant on some day."""
        sku: Sku = self.get_row(request, object_id)
        form = HistoryForm(request.GET or None)
        spans: Any = None
        if form.is_bound and form.is_valid():
            from_at, to_at = _period(form.cleaned_data)
            spans = list_price_moves(
                partner_id=form.cleaned_data["partner"].pk,
                sku_id=sku.pk,
                from_at=from_at,
                to_at=to_at,
            )
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            HISTORY_TEMPLATE,
            {
                **self.admin_site.each_context(request),
                "opts": self.model._meta,
                "title": _("Price history"),
                "subject": sku,
                "form": form,
                "media": self.media + form.media,
                "spans": spans,
                "now": clock.now(),
                "back_to": reverse("admin:catalog_sku_change", args=(sku.pk,)),
            },
        )

    def _answer_prices(self, request: HttpRequest) -> HttpResponse:
        if not self.has_price_permission(request):
            raise PermissionDenied
        sku_ids = self.get_chosen_ids(request)
        if not sku_ids:
            raise Http404
        single = Sku.objects.get(pk=sku_ids[0]) if len(sku_ids) == 1 else None

        def look(form: Any) -> PriceLook:
            moment = form.cleaned_data["effective_at"]
            return _look(preview_prices(sku_ids=sku_ids, edit=form.edit, effective_at=moment))

        def act(form: Any, seen: str) -> type_of_text:
            moment = form.cleaned_data["effective_at"]
            count = change_prices(
                sku_ids=sku_ids,
                edit=form.edit,
                effective_at=moment,
                reason=form.cleaned_data["reason"],
                actor=request.user.get_username(),
                now=clock.now(),
                seen=seen,
            )
            if moment is None:
                text = ngettext(
                    "Prices of %(count)d SKU changed", "Prices of %(count)d SKUs changed", count
                )
            else:
                text = ngettext(
                    "Prices of %(count)d SKU will change",
                    "Prices of %(count)d SKUs will change",
                    count,
                )
            return text % {"count": count}

        coming = PriceChange.objects.filter(sku_id__in=any_of(sku_ids), applied_at=None)
        to_come = coming.count()
        intro = "" if single else _("Chosen: %(count)d SKUs.") % {"count": len(sku_ids)}
        if to_come:
            intro += " " + ngettext(
                "%(count)d change is to come; it sets all four prices again.",
                "%(count)d changes are to come; each sets all four prices again.",
                to_come,
            ) % {"count": to_come}
        url = reverse("admin:catalog_sku_changelist")
        if single is not None:
            url = reverse("admin:catalog_sku_change", args=(single.pk,))
        return answer_previewed(
            self,
            request,
            PricePage(
                form_class=ManyPricesForm if single is None else SkuPricesForm,
                title=_("Change prices"),
                submit=_("Change the prices"),
                look=look,
                act=act,
                back_to=url,
                initial={} if single is None else {name: getattr(single, name) for name in PRICES},
                subject=single,
                intro=str(intro),
            ),
        )


def _look(plan: PricePlan) -> PriceLook:
    concerns = plan.concerns
    numbers: list[tuple[type_of_text, int]] = [
        (_("SKUs whose prices change"), len(plan.lines)),
        (_("SKUs that stay as they are"), plan.asked - len(plan.lines)),
        *((text, concerns[concern]) for concern, text in CONCERNS.items() if concern in concerns),
    ]
    shown = sorted(plan.lines, key=lambda line: not line.concerns)[:MAX_EXAMPLES]
    skus = Sku.objects.in_bulk([line.sku_id for line in shown])
    confirm: type_of_text = ""
    if concerns:
        odd = sum(1 for line in plan.lines if line.concerns)
        confirm = ngettext(
            "I know that the sale price of %(count)d SKU is odd, as shown above.",
            "I know that the sale price of %(count)d SKUs is odd, as shown above.",
            odd,
        ) % {"count": odd}
    return PriceLook(
        fingerprint=plan.fingerprint,
        numbers=numbers,
        confirm=confirm,
        heads=[PRICE_NAMES[name] for name in PRICES],
        lines=[
            Line(skus[line.sku_id], _cells(line), [CONCERNS[one] for one in sorted(line.concerns)])
            for line in shown
        ],
        is_empty=not plan.lines,
    )


def _cells(line: PlannedLine) -> list[str]:
    return [
        _amount(after) if before == after else f"{_amount(before)} → {_amount(after)}"
        for before, after in zip(line.before, line.after, strict=True)
    ]


def _amount(price: Decimal | None) -> str:
    return "–" if price is None else f"{price:,.2f}"


def _period(values: dict[str, Any]) -> tuple[datetime, datetime | None]:
    """From the first moment of the first day to the last of the last; days of the platform."""
    today = clock.now().astimezone(PLATFORM_ZONE).date()
    first, last = values["first_day"], values["last_day"]
    first = first or min(today, last or today) - timedelta(days=DAYS)
    start = datetime.combine(first, time(), PLATFORM_ZONE)
    end = None
    if last is not None:
        end = datetime.combine(last, time(), PLATFORM_ZONE) + timedelta(days=1)
    return start, end
