"""Claims on pages of others."""

from __future__ import annotations

from typing import Any

from django import template

from aftersales.badges import STATUS_COLOURS
from aftersales.claimable import CLAIMABLE
from aftersales.models import Claim
from orders.models import Suborder

register = template.Library()

MAX_SHOWN = 50


@register.inclusion_tag("backoffice/order_claims.html")
def claims_of_order(order_id: int) -> dict[str, Any]:
    """The claims on an order, the newest first; an order has few."""
    claims = Claim.objects.filter(order=order_id).select_related("reason", "suborder")
    return {"rows": list(claims.order_by("-id")[:MAX_SHOWN]), "colours": STATUS_COLOURS}


@register.filter
def is_claimable(part: Suborder) -> bool:
    """Whether units of a suborder can be claimed, its window aside; its lines are read."""
    return part.status in CLAIMABLE and any(line.claimable_quantity for line in part.lines.all())
