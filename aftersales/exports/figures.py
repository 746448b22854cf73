"""Figures about claims as tables, which are shown on a page and written to files alike."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext as _

from aftersales.selectors.figures import AGES, Figures, Kind, Rate
from aftersales.states import ClaimStatus
from openplatform.imports.tables import Form, Table, Value

HOUR = timedelta(hours=1)


def list_tables(figures: Figures) -> list[Table]:
    """All figures, in the language of whoever looks."""
    return [
        *(_rates_table(figures, kind) for kind in Kind),
        _waits_table(figures),
        _open_table(figures),
        _refunds_table(figures),
    ]


def _rates_table(figures: Figures, kind: Kind) -> Table:
    title = {
        Kind.SKU: _("By SKU"),
        Kind.REASON: _("By reason"),
        Kind.PARTNER: _("By merchant"),
        Kind.WAREHOUSE: _("By warehouse"),
    }[kind]
    rates = figures.rates[kind]
    return Table(
        kind.value,
        title,
        [
            (_("Code"), Form.TEXT),
            (_("Name"), Form.TEXT),
            (_("Claims"), Form.COUNT),
            (_("Units claimed"), Form.COUNT),
            (_("Units paid for"), Form.COUNT),
            (_("Claim rate"), Form.SHARE),
            (_("Units refunded"), Form.COUNT),
            (_("Refund rate"), Form.SHARE),
            (_("Refund of goods"), Form.AMOUNT),
        ],
        [_cells_of(rate) for rate in rates],
    )


def _cells_of(rate: Rate) -> list[Value]:
    return [
        rate.code,
        rate.name,
        rate.claim_count,
        rate.quantity,
        rate.bought_quantity,
        rate.claim_rate,
        rate.refunded_quantity,
        rate.refund_rate,
        rate.refund_amount,
    ]


def _waits_table(figures: Figures) -> Table:
    named = {
        "by_people": _("Filed until decided by people"),
        "by_rule": _("Filed until decided by rules"),
        "refund": _("Filed until refunded, without a return"),
        "return_refund": _("Filed until refunded, with a return"),
    }
    found = [(title, figures.waits[what]) for what, title in named.items() if what in figures.waits]
    return Table(
        "times",
        _("Time taken"),
        [
            (_("What"), Form.TEXT),
            (_("Claims"), Form.COUNT),
            (_("Half within (hours)"), Form.HOURS),
            (_("Nine of ten within (hours)"), Form.HOURS),
            (_("Longest (hours)"), Form.HOURS),
            (_("Within %(hours)d hours") % {"hours": settings.AFTERSALE_REVIEW_HOURS}, Form.SHARE),
        ],
        [
            [
                title,
                wait.count,
                wait.half_within / HOUR,
                wait.most_within / HOUR,
                wait.longest / HOUR,
                Decimal(wait.in_time_count) / wait.count,
            ]
            for title, wait in found
        ],
    )


def _open_table(figures: Figures) -> Table:
    first, second, third = AGES
    between = _("%(from)d to %(to)d days")
    return Table(
        "open",
        _("Open now"),
        [
            (_("Status"), Form.TEXT),
            (_("Claims"), Form.COUNT),
            (_("Overdue"), Form.COUNT),
            (_("Up to a day"), Form.COUNT),
            (between % {"from": first, "to": second}, Form.COUNT),
            (between % {"from": second, "to": third}, Form.COUNT),
            (_("Over %(days)d days") % {"days": third}, Form.COUNT),
            (_("The oldest was filed"), Form.MOMENT),
        ],
        [
            [
                str(ClaimStatus(state.status).label),
                state.count,
                state.overdue_count,
                *state.by_age,
                state.oldest_at,
            ]
            for state in figures.open_claims
        ],
    )


def _refunds_table(figures: Figures) -> Table:
    return Table(
        "refunds",
        _("Refunds by day"),
        [
            (_("Day"), Form.DAY),
            (_("Claims refunded"), Form.COUNT),
            (_("Goods"), Form.AMOUNT),
            (_("Freight"), Form.AMOUNT),
            (_("Refund"), Form.AMOUNT),
        ],
        [
            [day.on, day.count, day.goods_amount, day.freight_amount, day.amount]
            for day in figures.days
        ],
    )
