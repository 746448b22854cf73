"""What the page of an inspection shows before it is booked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Wallet
from aftersales.inspections import (
    InspectedLine,
    InspectionPlan,
    approved_rows,
    plan_inspection,
)
from aftersales.models import Claim, ClaimLine
from catalog.models import Stock
from openplatform.core.errors import type_of_text
from orders.admin.change_pages import Cell, ChangeLook, Table


def look_at_inspection(
    claim: Claim,
    rows: Sequence[ClaimLine],
    found: Mapping[int, InspectedLine],
    *,
    freight_amount: Decimal | None,
) -> ChangeLook:
    """What is refunded, and where the goods go.

    :param rows: all lines of the claim.
    :raises DomainError: as the inspection itself would.
    """
    plan = plan_inspection(claim, claim.suborder, rows, found, freight_amount=freight_amount)
    known = approved_rows(rows)
    return ChangeLook(
        fingerprint=str(claim.version),
        confirm=_confirm(claim, plan),
        tables=[
            _money(claim, plan),
            _lines(known, found, plan),
            _stock(claim, known, found),
        ],
    )


def _confirm(claim: Claim, plan: InspectionPlan) -> type_of_text:
    if not plan.is_accepted:
        if any(plan.received.values()):
            return _(
                "I know that the claim is rejected: nothing is refunded, and the goods are sent"
                " back."
            )
        return _("I know that the claim is rejected: nothing came, and nothing is refunded.")
    return _("I know that %(amount)s goes back to %(partner)s, and that it cannot be undone.") % {
        "amount": _amount(plan.amount),
        "partner": claim.partner,
    }


def _money(claim: Claim, plan: InspectionPlan) -> Table:
    balance = Wallet.objects.values_list("balance", flat=True).get(pk=claim.partner_id)
    rows: list[Sequence[Cell]] = [
        (pgettext_lazy("an amount", "Decided"), _amount(claim.refund_amount)),
        (_("Goods"), _amount(plan.goods_amount)),
        (_("Freight"), _amount(plan.freight_amount)),
        (_("Refund"), _amount(plan.amount)),
        (_("Balance of the merchant before"), _amount(balance)),
        (_("Balance of the merchant afterwards"), _amount(balance + plan.amount)),
    ]
    title = _("Money") if plan.is_accepted else _("Money: the claim is rejected")
    return Table("money", title, ("", _("amount")), rows)


def _lines(
    known: Mapping[int, ClaimLine], found: Mapping[int, InspectedLine], plan: InspectionPlan
) -> Table:
    rows: list[Sequence[Cell]] = []
    for line_no, claimed in known.items():
        line = found[line_no]
        received = plan.received[line_no]
        rows.append(
            (
                f"{line_no}. {claimed.line.sku_code}",
                claimed.approved_quantity or 0,
                received,
                line.accepted,
                line.restocked,
                line.accepted - line.restocked,
                received - line.accepted,
                line.result.label,
                _amount(plan.amounts[line_no]),
            )
        )
    heads = (
        _("SKU"), _("approved"), _("received"), _("accepted"),
        pgettext_lazy("returned units", "restocked"), _("written off"), _("to be sent back"),
        _("inspection"), _("refund"),
    )  # fmt: skip
    return Table("lines", _("Units"), heads, rows)


def _stock(
    claim: Claim, known: Mapping[int, ClaimLine], found: Mapping[int, InspectedLine]
) -> Table:
    warehouse = claim.suborder.warehouse
    restocked: dict[int, int] = {}
    names: dict[int, str] = {}
    for line_no, claimed in known.items():
        sku_id = claimed.line.sku_id
        restocked[sku_id] = restocked.get(sku_id, 0) + found[line_no].restocked
        names[sku_id] = claimed.line.sku_code
    on_hand = dict(
        Stock.objects.filter(warehouse=warehouse, sku__in=restocked).values_list(
            "sku_id", "on_hand"
        )
    )
    rows: Sequence[Sequence[Cell]] = [
        (f"{warehouse} · {names[sku_id]}", f"{before} → {before + quantity}")
        for sku_id, quantity in restocked.items()
        if quantity
        for before in [on_hand.get(sku_id, 0)]
    ]
    heads = (_("warehouse"), _("on hand"))
    return Table("stock", _("Stock"), heads, rows or [(_("No stock moves"), "")])


def _amount(amount: Decimal) -> str:
    return f"{amount:,.2f}"
