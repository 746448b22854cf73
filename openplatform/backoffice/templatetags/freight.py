"""How a freight came about, for the pages that show orders and previews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.utils.translation import gettext, ngettext

from openplatform.regions.models import Region
from orders.models import FreightRule, FreightTemplate

register = template.Library()


@register.inclusion_tag("backoffice/freight_details.html")
def freight_details(details: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A table of what ``charge`` told, ``Suborder.freight_details`` for one: a row for each
    template that has a share in the freight, with its rule, what it was counted on, and the SKUs.
    """
    known = [detail for detail in details if "template" in detail]
    regions = {detail["region"] for detail in known if detail["region"]}
    names = dict(Region.objects.filter(pk__in=regions).values_list("code", "path_name"))
    pages = dict(
        FreightTemplate.objects.filter(
            code__in={detail["template"] for detail in known}
        ).values_list("code", "pk")
    )
    return {
        "shares": [
            {
                **detail,
                "page": pages.get(detail["template"]),
                "where": names.get(detail["region"]) or gettext("All other regions"),
                "first": _sized(detail["basis"], detail["first_size"]),
                "step": _sized(detail["basis"], detail["step_size"]),
                "counted": _sized(detail["basis"], Decimal(detail["size"])),
                "has_surcharge": bool(Decimal(detail["remote_amount"])),
            }
            for detail in known
        ]
    }


def _sized(basis: str, size: Decimal | int) -> str:
    """With its unit: ``1,500 g``, ``3 pieces``, ``goods for 25.00``."""
    if basis == FreightRule.Basis.WEIGHT:
        return f"{size:,.0f} g"
    if basis == FreightRule.Basis.PIECES:
        count = int(size)
        return ngettext("%(count)s piece", "%(count)s pieces", count) % {"count": f"{count:,}"}
    return gettext("goods for %(amount)s") % {"amount": f"{size:,.2f}"}
