"""Agreements with partners in the back office: each is shown with what it does before it counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter

from catalog.admin.previewed import answer_previewed
from catalog.admin.price_pages import Line, PriceLook, PricePage
from catalog.forms.prices import ALL, BRAND, CATEGORY, SKU, AgreementForm, TermsForm
from catalog.models import PurchasePrice
from catalog.selectors.agreement_review import MAX_OVERLAPS, AgreementReview, Example
from catalog.services.agreement_drafts import PriceDraft, review_agreement_made
from catalog.services.pricing import (
    edit_agreement,
    make_agreement,
    preview_agreement,
    withdraw_agreement,
)
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin
from openplatform.core.errors import Refusal, type_of_text
from openplatform.core.money import ZERO

TO_COME, IN_FORCE, OVER, REPLACED = "to_come", "in_force", "over", "replaced"
STATES: dict[str, type_of_text] = {
    IN_FORCE: _("In force"),
    TO_COME: _("To come"),
    OVER: _("Over"),
    REPLACED: _("Replaced or withdrawn"),
}
STATE_COLOURS = {IN_FORCE: "success", TO_COME: "info", OVER: "warning", REPLACED: "danger"}
ROUNDING = _(
    "A price with a percentage off is rounded to the cent, half a cent up, and is at least one"
    " cent. A SKU comes before its deepest category, before its brand, before everything; of two"
    " alike the later start counts."
)

PASSED_DAYS = _("Days that have passed keep their price.")


class StateFilter(admin.SimpleListFilter):
    """In force, to come or over; former versions only when they are asked for."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [(state, str(title)) for state, title in STATES.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchasePrice]
    ) -> QuerySet[PurchasePrice]:
        """By the clock of the database."""
        if self.value() == REPLACED:
            return queryset.filter(superseded_at__isnull=False)
        standing = queryset.filter(superseded_at__isnull=True)
        if self.value() == TO_COME:
            return standing.filter(starts_at__gt=Now())
        if self.value() == OVER:
            return standing.filter(ends_at__lte=Now())
        if self.value() == IN_FORCE:
            open_ended = Q(ends_at__isnull=True) | Q(ends_at__gt=Now())
            return standing.filter(open_ended, starts_at__lte=Now())
        return standing


class TargetFilter(admin.SimpleListFilter):
    """What agreements apply to."""

    title = _("applies to")
    parameter_name = "applies_to"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds."""
        return [
            (SKU, str(_("A SKU"))), (CATEGORY, str(_("A category"))), (BRAND, str(_("A brand"))),
            (ALL, str(_("Everything"))),
        ]  # fmt: skip

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchasePrice]
    ) -> QuerySet[PurchasePrice]:
        """By which column is filled."""
        if self.value() in {SKU, CATEGORY, BRAND}:
            return queryset.filter(**{f"{self.value()}__isnull": False})
        if self.value() == ALL:
            return queryset.filter(sku=None, category=None, brand=None)
        return queryset


@admin.register(PurchasePrice)
class PurchasePriceAdmin(ModelAdmin):
    """Agreements on prices. They are made, edited and withdrawn on pages of their own."""

    list_display = (
        "partner",
        "applies_to",
        "terms",
        "starts_at",
        "ends_at",
        "state_badge",
        "actor",
    )
    list_display_links = ("partner", "applies_to")
    list_filter = (
        StateFilter,
        ("partner", AutocompleteSelectFilter),
        TargetFilter,
        ("category", AutocompleteSelectFilter),
        ("brand", AutocompleteSelectFilter),
        ("starts_at", RangeDateTimeFilter),
    )
    list_select_related = ("sku", "category", "brand", "partner")
    search_fields = (
        "sku__code", "sku__name", "category__code", "category__name", "brand__name",
        "partner__code", "partner__name",
    )  # fmt: skip
    search_help_text = _("SKU, category, brand or partner")
    ordering = ("-id",)
    fields = (
        ("partner", "applies_to"), ("terms", "state"), ("starts_at", "ends_at"),
        ("created_at", "superseded_at"), "actor",
    )  # fmt: skip
    readonly_fields = (
        "partner", "applies_to", "terms", "starts_at", "ends_at", "state", "superseded_at",
        "actor", "created_at",
    )  # fmt: skip
    actions_detail = ("edit", "withdraw")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: an agreement is withdrawn, and its days stay in the history."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Without buttons that would save nothing."""
        hidden = dict.fromkeys(
            ("show_save", "show_save_and_continue", "show_save_and_add_another"), False
        )
        context = {**(extra_context or {}), **hidden}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Of an agreement that stands."""
        stands = PurchasePrice.objects.filter(pk=object_id, superseded_at=None).exists()
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons if stands else []

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A new agreement, in two steps."""
        if not self.has_add_permission(request):
            raise PermissionDenied

        def look(form: AgreementForm) -> PriceLook:
            with _leading_to_the_other(request):
                review = preview_agreement(draft=_draft_of(form.cleaned_data), now=clock.now())
            return _look(review)

        def act(form: AgreementForm, seen: str) -> type_of_text:
            agreement = make_agreement(
                draft=_draft_of(form.cleaned_data),
                actor=request.user.get_username(),
                now=clock.now(),
                seen=seen,
            )
            return _("Agreed: %(agreement)s") % {"agreement": agreement}

        asked = {name: request.GET[name] for name in ("partner", "sku") if name in request.GET}
        return answer_previewed(
            self,
            request,
            PricePage(
                form_class=AgreementForm,
                title=_("New agreement"),
                submit=_("Agree"),
                look=look,
                act=act,
                back_to=reverse("admin:catalog_purchaseprice_changelist"),
                initial=asked,
                intro=str(ROUNDING),
            ),
        )

    @action(description=_("Edit"), permissions=["change"], icon="edit", is_primary=True)
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Other terms or times, in two steps."""
        present: PurchasePrice = self.get_row(request, object_id)

        def draft_of(form: TermsForm) -> PriceDraft:
            values = form.cleaned_data
            return PriceDraft(
                partner_id=present.partner_id,
                sku_id=present.sku_id,
                category_id=present.category_id,
                brand_id=present.brand_id,
                fixed_price=values["fixed_price"],
                discount_percent=values["discount_percent"],
                starts_at=_as_it_was(values["starts_at"], present.starts_at),
                ends_at=_as_it_was(values["ends_at"], present.ends_at),
            )

        def look(form: TermsForm) -> PriceLook:
            with _leading_to_the_other(request):
                review = preview_agreement(
                    draft=draft_of(form), now=clock.now(), agreement_id=present.pk
                )
            return _look(review)

        def act(form: TermsForm, seen: str) -> type_of_text:
            edit_agreement(
                agreement_id=present.pk,
                draft=draft_of(form),
                actor=request.user.get_username(),
                now=clock.now(),
                seen=seen,
            )
            return _("The agreement is changed; days that have passed keep their price")

        return answer_previewed(
            self,
            request,
            PricePage(
                form_class=TermsForm,
                title=_("Edit the agreement"),
                submit=_("Change it"),
                look=look,
                act=act,
                back_to=reverse("admin:catalog_purchaseprice_changelist"),
                initial={
                    "fixed_price": present.fixed_price,
                    "discount_percent": present.discount_percent,
                    "starts_at": present.starts_at,
                    "ends_at": present.ends_at,
                },
                subject=present,
                intro=f"{ROUNDING} {PASSED_DAYS}",
            ),
        )

    @action(
        description=pgettext_lazy("of prices", "Withdraw"),
        permissions=["change"],
        icon="undo",
        is_danger=True,
    )
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End it now, or before it begins."""
        present: PurchasePrice = self.get_row(request, object_id)
        review = review_agreement_made(agreement=present, now=clock.now())

        def call(_values: Values) -> type_of_text:
            withdraw_agreement(
                agreement_id=present.pk, actor=request.user.get_username(), now=clock.now()
            )
            return _("The agreement is withdrawn")

        return answer_form_page(
            self,
            request,
            form_class=_Nothing,
            title=_("Withdraw the agreement"),
            submit=pgettext_lazy("of prices", "Withdraw"),
            call=call,
            back_to=reverse("admin:catalog_purchaseprice_changelist"),
            subject=present,
            intro=ngettext(
                "From now on it does not count any more, for %(count)d SKU that the partner sees."
                " Days that have passed keep their price.",
                "From now on it does not count any more, for %(count)d SKUs that the partner sees."
                " Days that have passed keep their price.",
                review.seen,
            )
            % {"count": review.seen},
            is_danger=True,
        )

    @display(description=_("applies to"))
    def applies_to(self, agreement: PurchasePrice) -> str:
        """As import files have it."""
        return agreement.target

    @display(description=_("terms"))
    def terms(self, agreement: PurchasePrice) -> str:
        """A price or a percentage."""
        return _terms_of(agreement)

    @display(description=_("state"))
    def state(self, agreement: PurchasePrice) -> type_of_text:
        """By the clock."""
        return STATES[_state_of(agreement)]

    @display(description=_("state"), label=STATE_COLOURS)
    def state_badge(self, agreement: PurchasePrice) -> tuple[str, str]:
        """By the clock."""
        state = _state_of(agreement)
        return state, str(STATES[state])


class _Nothing(forms.Form):
    """Nothing to fill in."""


@contextmanager
def _leading_to_the_other(request: HttpRequest) -> Iterator[None]:
    """A link to the agreement in whose way the one refused would be."""
    try:
        yield
    except Refusal as refusal:
        for fault in refusal.faults:
            if (other := fault.facts.get("agreement")) is not None:
                url = reverse("admin:catalog_purchaseprice_change", args=(other,))
                text = _("To the agreement that is there already")
                messages.warning(
                    request, format_html('<a class="underline" href="{}">{}</a>', url, text)
                )
        raise


def _state_of(agreement: PurchasePrice) -> str:
    now = clock.now()
    if agreement.superseded_at is not None:
        return REPLACED
    if agreement.starts_at > now:
        return TO_COME
    if agreement.ends_at is not None and agreement.ends_at <= now:
        return OVER
    return IN_FORCE


def _draft_of(values: Values) -> PriceDraft:
    sku, category, brand = (values[name] for name in (SKU, CATEGORY, BRAND))
    return PriceDraft(
        partner_id=values["partner"].pk,
        sku_id=None if sku is None else sku.pk,
        category_id=None if category is None else category.pk,
        brand_id=None if brand is None else brand.pk,
        fixed_price=values["fixed_price"],
        discount_percent=values["discount_percent"],
        starts_at=values["starts_at"],
        ends_at=values["ends_at"],
    )


def _as_it_was(given: Any, present: Any) -> Any:
    """The moment that was there, when the form, which knows no microseconds, gives it back."""
    if present is not None and given == present.replace(microsecond=0):
        return present
    return given


def _look(review: AgreementReview) -> PriceLook:
    numbers: list[tuple[type_of_text, int]] = [
        (_("SKUs that it applies to"), review.skus),
        (_("of them seen by the partner"), review.seen),
        (_("of these at another price than before"), review.moved),
        (_("SKUs that it prices below cost"), review.below_cost),
        (_("SKUs that it prices above the sale price"), review.above_sale),
        (_("Other agreements of the partner that overlap it"), review.overlap_count),
    ]
    overlaps: list[type_of_text] = [
        _("%(target)s: %(terms)s, %(times)s")
        % {"target": other.target, "terms": _terms_of(other), "times": _times_of(other)}
        for other in review.overlaps
    ]
    if review.overlap_count > MAX_OVERLAPS:
        left = review.overlap_count - MAX_OVERLAPS
        overlaps.append(_("and %(count)d more") % {"count": left})
    confirm: type_of_text = ""
    if review.asks_for_confirmation:
        confirm = _(
            "I know that %(below)d SKUs are sold below cost, and %(above)d above the sale price."
        ) % {"below": review.below_cost, "above": review.above_sale}
    return PriceLook(
        fingerprint=review.fingerprint,
        numbers=numbers,
        confirm=confirm,
        heads=(_("sale price"), _("cost price"), _("price before"), _("price from then on")),
        lines=[_line(example) for example in review.examples],
        related_title=_("Agreements that overlap it"),
        related=overlaps,
    )


def _line(example: Example) -> Line:
    odd: list[type_of_text] = []
    if example.is_below_cost:
        odd.append(_("below cost"))
    if example.is_above_sale:
        odd.append(_("above the sale price"))
    sku = example.sku
    cells = (example.sale_price, sku.cost_price, example.before, example.after)
    return Line(sku, [_amount(price) for price in cells], odd)


def _terms_of(agreement: PurchasePrice) -> str:
    if agreement.fixed_price is not None:
        return _amount(agreement.fixed_price)
    percent = agreement.discount_percent or ZERO
    return _("%(percent)s %% off") % {"percent": f"{percent:f}".rstrip("0").rstrip(".") or "0"}


def _times_of(agreement: PurchasePrice) -> str:
    ends = "…" if agreement.ends_at is None else localize(localtime(agreement.ends_at))
    return f"{localize(localtime(agreement.starts_at))} – {ends}"


def _amount(price: Decimal | None) -> str:
    return "–" if price is None else f"{price:,.2f}"
