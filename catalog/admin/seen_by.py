"""The catalogue as one merchant sees it, prices included."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.forms.seen_by import SeenByForm
from catalog.selectors.seen_by import SeenSku, list_seen_skus
from catalog.selectors.visibility import list_visible_skus

PER_PAGE = 50
TEMPLATE = "backoffice/seen_by.html"
MAY_SEE = ("catalog.view_sku", "catalog.view_purchaseprice")


def url_of_sight(partner: Partner) -> str:
    """The page for one merchant."""
    return f"{reverse('admin:catalog_pool_seen_by')}?{urlencode({'partner': partner.code})}"


def answer_seen_by(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """The page: a form to ask with, and what the merchant sees.

    :raises PermissionDenied: for whoever may not see SKUs and purchase prices.
    """
    if not request.user.has_perms(MAY_SEE):
        raise PermissionDenied
    form = SeenByForm(request.GET) if "partner" in request.GET else SeenByForm()
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        TEMPLATE,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.model._meta,
            "title": _("Seen by a merchant"),
            "form": form,
            "media": model_admin.media + form.media,
            **(_context_of(request, form) if form.is_valid() else {}),
        },
    )


def _context_of(request: HttpRequest, form: SeenByForm) -> dict[str, Any]:
    values = form.cleaned_data
    partner: Partner = values["partner"]
    rows = list_seen_skus(
        partner_id=partner.pk,
        filters=form.filters(),
        region=values["region"].code if values["region"] else None,
        after=values["after"] or None,
        limit=PER_PAGE + 1,
    )
    return {
        "partner": partner,
        "rows": rows[:PER_PAGE],
        "total": list_visible_skus(partner_id=partner.pk).count(),
        "first": _page(request, "") if values["after"] else "",
        "next": _next(request, rows),
    }


def _next(request: HttpRequest, rows: list[SeenSku]) -> str:
    return _page(request, rows[PER_PAGE - 1].code) if len(rows) > PER_PAGE else ""


def _page(request: HttpRequest, after: str) -> str:
    asked = request.GET.copy()
    asked.pop("after", None)
    if after:
        asked["after"] = after
    return f"?{asked.urlencode()}"
