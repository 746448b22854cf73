"""What pages show before a claim is approved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Wallet
from aftersales.decisions import ApprovalPlan, ApprovedLine, Piece, plan_approval
from aftersales.models import Claim, ClaimType
from aftersales.selectors.review import asked_amount, list_claimed
from aftersales.services.deciding import require_return_address
from aftersales.services.second_person import needs_second_person, require_not_waiting
from aftersales.states import DECIDABLE
from catalog.errors import PreviewOutdated
from openplatform.core import money
from openplatform.core.errors import type_of_text
from orders.admin.change_pages import Cell, ChangeLook, Table, look_at_stock
from orders.changes import Taken
from orders.models import OrderLine
from orders.selectors.change_previews import list_returned

SEEN = re.compile(r"([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,12}\.[0-9]{2})", re.ASCII)


class Seen(NamedTuple):
    """A claim as it was when its approval was looked at, and the refund that was shown."""

    version: int
    amount: Decimal


def look_at_approval(
    claim: Claim,
    granted: Mapping[int, ApprovedLine] | None,
    *,
    freight_amount: Decimal | None,
    note: str,
) -> ChangeLook:
    """What goes back to the merchant, for which units, and what comes next.

    :raises DomainError: as the decision itself would.
    """
    require_not_waiting(claim)
    part = claim.suborder
    lines = list(OrderLine.objects.filter(suborder=part).order_by("line_no"))
    rows = list_claimed(claim)
    plan = plan_approval(
        claim, part, lines, rows, granted, freight_amount=freight_amount, note=note
    )
    address = require_return_address(claim, part.warehouse)
    tables = [_money(claim, plan), _units(plan.pieces)]
    if claim.type == ClaimType.REFUND:
        taken = [Taken(piece.line, piece.unshipped) for piece in plan.pieces if piece.unshipped]
        tables.append(look_at_stock(list_returned(part, taken, restock=True)))
    else:
        tables.append(_return(address or {}))
    return ChangeLook(fingerprint=seen(claim, plan), confirm=_confirm(claim, plan), tables=tables)


def seen(claim: Claim, plan: ApprovalPlan) -> str:
    """What stands for a claim, its order and the refund as they are looked at."""
    return f"{claim.version}-{claim.order.version}-{money.to_text(plan.amount)}"


def read_seen(claim: Claim, expected: str) -> Seen:
    """What was looked at.

    :raises PreviewOutdated: when it is nothing, or the order of a claim that can still be decided
        is another by now: freight and stock would be, too.
    """
    parts = SEEN.fullmatch(expected)
    if parts is None:
        raise PreviewOutdated
    version, order_version, amount = parts.groups()
    status, now = Claim.objects.values_list("status", "order__version").get(pk=claim.pk)
    if status in DECIDABLE and order_version != str(now):
        raise PreviewOutdated
    return Seen(int(version), Decimal(amount))


def _confirm(claim: Claim, plan: ApprovalPlan) -> type_of_text:
    amount = {"amount": f"{plan.amount:,.2f}", "partner": claim.partner}
    if needs_second_person(plan):
        limit = f"{settings.AFTERSALE_SECOND_PERSON_ABOVE:,.2f}"
        return _(
            "I know that nothing happens yet: above %(limit)s a second person decides as well."
        ) % {"limit": limit}
    if claim.type == ClaimType.RETURN_REFUND:
        return ""
    return (
        _("I know that %(amount)s goes back to %(partner)s, and that it cannot be undone.") % amount
    )


def _money(claim: Claim, plan: ApprovalPlan) -> Table:
    balance = Wallet.objects.values_list("balance", flat=True).get(pk=claim.partner_id)
    asked = asked_amount([piece.row for piece in plan.pieces])
    rows: list[Sequence[Cell]] = [
        (_("Asked for, without freight"), _amount(asked)),
        (_("Goods"), _amount(plan.goods_amount)),
        (_("Freight"), _amount(plan.freight_amount)),
        (_("Refund"), _amount(plan.amount)),
    ]
    if claim.type == ClaimType.REFUND:
        rows += [
            (_("Balance of the merchant before"), _amount(balance)),
            (_("Balance of the merchant afterwards"), _amount(balance + plan.amount)),
        ]
    title = _("Money")
    if claim.type == ClaimType.RETURN_REFUND:
        title = _("Money, once the goods are back and inspected")
    return Table("money", title, ("", _("amount")), rows)


def _units(pieces: Sequence[Piece]) -> Table:
    return Table(
        "lines",
        _("Units"),
        (
            _("SKU"),
            pgettext_lazy("units", "asked for"),
            pgettext_lazy("units", "approved"),
            _("of them never shipped"),
            _("purchase price"),
            _("refund"),
        ),
        [
            (
                f"{piece.line.line_no}. {piece.line.sku_code} {piece.line.name}",
                piece.row.quantity,
                piece.quantity,
                piece.unshipped,
                _amount(piece.line.purchase_price),
                _amount(piece.amount),
            )
            for piece in pieces
        ],
    )


def _return(address: Mapping[str, str]) -> Table:
    return Table(
        "return",
        _("The merchant is told to send the goods to"),
        (_("name"), _("phone"), _("address")),
        [(address.get("name", ""), address.get("phone", ""), address.get("address", ""))],
    )


def _amount(amount: Decimal) -> str:
    return f"{amount:,.2f}"
