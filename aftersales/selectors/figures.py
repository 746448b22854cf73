"""Figures about claims: how often, why, how fast, and what was refunded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.conf import settings

from accounts.models import Partner
from aftersales.models import Reason
from aftersales.states import OPEN
from catalog.models import Sku, Warehouse
from openplatform.core import money
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.statements import send

MOST_ROWS = 5_000  # of a table, those with the most units claimed
AGES = (1, 3, 7)  # days: the bounds between the columns of open claims

IS_WANTED = "(%(partner_id)s::bigint IS NULL OR {partner} = %(partner_id)s)"
WITHIN = "{moment} >= %(start)s AND {moment} < %(end)s"

# What was claimed and what was bought, each read once and summed up in several ways.
RATES = f"""
    WITH filed AS MATERIALIZED (
        SELECT claim.id AS claim_id, claim.partner_id, claim.reason_id, part.warehouse_id,
            line.sku_id, content.quantity,
            CASE WHEN claim.status = 'refunded' THEN
                coalesce(content.accepted_quantity, content.approved_quantity, 0)
            ELSE 0 END AS refunded_quantity,
            CASE WHEN claim.status = 'refunded' THEN content.refund_amount ELSE 0.00 END AS amount
        FROM aftersales_claim claim
        JOIN orders_suborder part ON part.id = claim.suborder_id
        JOIN aftersales_claimline content ON content.claim_id = claim.id
        JOIN orders_orderline line ON line.id = content.line_id
        WHERE {WITHIN.format(moment="claim.created_at")}
            AND {IS_WANTED.format(partner="claim.partner_id")}
    ), claimed AS (
        SELECT
            CASE WHEN grouping(sku_id) = 0 THEN 'sku' WHEN grouping(reason_id) = 0 THEN 'reason'
                WHEN grouping(partner_id) = 0 THEN 'partner'
                WHEN grouping(warehouse_id) = 0 THEN 'warehouse' ELSE 'all' END AS kind,
            coalesce(sku_id, reason_id, partner_id, warehouse_id, 0) AS id,
            count(DISTINCT claim_id) AS claim_count, coalesce(sum(quantity), 0) AS quantity,
            coalesce(sum(refunded_quantity), 0) AS refunded_quantity,
            coalesce(sum(amount), 0.00) AS amount
        FROM filed
        GROUP BY GROUPING SETS ((sku_id), (reason_id), (partner_id), (warehouse_id), ())
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY kind ORDER BY quantity DESC, id) AS position
        FROM claimed
    ), bought AS (
        SELECT
            CASE WHEN grouping(line.sku_id) = 0 THEN 'sku'
                WHEN grouping("order".partner_id) = 0 THEN 'partner'
                WHEN grouping(part.warehouse_id) = 0 THEN 'warehouse' ELSE 'all' END AS kind,
            coalesce(line.sku_id, "order".partner_id, part.warehouse_id, 0) AS id,
            coalesce(sum(line.quantity), 0) AS quantity
        FROM orders_order "order"
        JOIN orders_orderline line ON line.order_id = "order".id
        JOIN orders_suborder part ON part.id = line.suborder_id
        WHERE {WITHIN.format(moment='"order".paid_at')}
            AND {IS_WANTED.format(partner='"order".partner_id')}
        GROUP BY GROUPING SETS ((line.sku_id), ("order".partner_id), (part.warehouse_id), ())
    )
    SELECT ranked.kind, ranked.id, ranked.claim_count, ranked.quantity::bigint,
        ranked.refunded_quantity::bigint, ranked.amount, coalesce(bought.quantity, 0)::bigint
    FROM ranked
    LEFT JOIN bought ON bought.id = CASE ranked.kind WHEN 'reason' THEN 0 ELSE ranked.id END
        AND bought.kind = CASE ranked.kind WHEN 'reason' THEN 'all' ELSE ranked.kind END
    WHERE ranked.position <= %(limit)s
    ORDER BY ranked.kind, ranked.position
"""  # noqa: S608 - of constants
REFUNDS = f"""
    SELECT (ended_at AT TIME ZONE %(zone)s)::date, count(*),
        sum(goods_refund_amount), sum(freight_refund_amount)
    FROM aftersales_claim
    WHERE status = 'refunded' AND {WITHIN.format(moment="ended_at")}
        AND {IS_WANTED.format(partner="partner_id")}
    GROUP BY 1
"""  # noqa: S608 - of constants
AGES_OF_OPEN = f"""
    SELECT status, count(*), count(*) FILTER (WHERE deadline < statement_timestamp()),
        count(*) FILTER (WHERE created_at > %(now)s - %(first)s::interval),
        count(*) FILTER (WHERE created_at > %(now)s - %(second)s::interval),
        count(*) FILTER (WHERE created_at > %(now)s - %(third)s::interval),
        min(created_at)
    FROM aftersales_claim
    WHERE status = ANY(%(statuses)s::text[]) AND {IS_WANTED.format(partner="partner_id")}
    GROUP BY status
"""  # noqa: S608 - of constants
WAITS = f"""
    WITH waited AS (
        SELECT CASE WHEN EXISTS (
                SELECT FROM aftersales_ruleapproval approval WHERE approval.claim_id = claim.id
            ) THEN 'by_rule' ELSE 'by_people' END AS what,
            extract(epoch FROM decided_at - created_at) AS seconds
        FROM aftersales_claim claim
        WHERE {WITHIN.format(moment="decided_at")} AND {IS_WANTED.format(partner="partner_id")}
        UNION ALL
        SELECT type, extract(epoch FROM ended_at - created_at)
        FROM aftersales_claim
        WHERE status = 'refunded' AND {WITHIN.format(moment="ended_at")}
            AND {IS_WANTED.format(partner="partner_id")}
    )
    SELECT what, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)::float8,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds)::float8, max(seconds)::float8,
        count(*) FILTER (WHERE seconds <= %(review_seconds)s)
    FROM waited GROUP BY what
"""  # noqa: S608 - of constants


class Kind(StrEnum):
    """By what rates are told."""

    SKU = "sku"
    REASON = "reason"
    PARTNER = "partner"
    WAREHOUSE = "warehouse"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the platform's calendar, both ends among them."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime.combine(self.first, datetime.min.time(), PLATFORM_ZONE)

    @property
    def end(self) -> datetime:
        """The first moment behind it."""
        return datetime.combine(self.last + timedelta(days=1), datetime.min.time(), PLATFORM_ZONE)

    def list_days(self) -> Iterator[date]:
        """Each day, the first one first."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=offset)


@dataclass(frozen=True, slots=True)
class Rate:
    """The claims filed within the period on one SKU, for one reason, …, and how much that is.

    ``bought_quantity`` is what was paid for within the period: units of the SKU, the merchant, the
    warehouse; for a reason, all units. ``refund_amount`` is of goods, without freight.
    """

    id: int
    code: str
    name: str
    claim_count: int
    quantity: int
    refunded_quantity: int
    refund_amount: Decimal
    bought_quantity: int

    @property
    def claim_rate(self) -> Decimal | None:
        """Units claimed for each unit bought; None when none was."""
        return _share(self.quantity, self.bought_quantity)

    @property
    def refund_rate(self) -> Decimal | None:
        """Units refunded for each unit bought; None when none was."""
        return _share(self.refunded_quantity, self.bought_quantity)


@dataclass(frozen=True, slots=True)
class RefundDay:
    """What was refunded on one day."""

    on: date
    count: int
    goods_amount: Decimal
    freight_amount: Decimal

    @property
    def amount(self) -> Decimal:
        """Of both."""
        return self.goods_amount + self.freight_amount


@dataclass(frozen=True, slots=True)
class OpenClaims:
    """Claims that are open now, in one state: ``by_age`` has those of up to 1, 3, 7 days and older
    ones, each claim once.
    """

    status: str
    count: int
    overdue_count: int
    by_age: tuple[int, int, int, int]
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wait:
    """How long something took, of all that ended within the period.

    ``what``: ``by_people`` and ``by_rule``, from filing to the decision; ``refund`` and
    ``return_refund``, from filing to the refund.
    """

    what: str
    count: int
    half_within: timedelta  # the median
    most_within: timedelta  # nine of ten
    longest: timedelta
    in_time_count: int  # within settings.AFTERSALE_REVIEW_HOURS


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them."""

    period: Period
    total: Rate
    rates: Mapping[Kind, Sequence[Rate]]
    days: Sequence[RefundDay]
    open_claims: Sequence[OpenClaims]
    waits: Mapping[str, Wait]


def get_figures(
    *, period: Period, partner_id: int | None = None, now: datetime, limit: int = MOST_ROWS
) -> Figures:
    """Everything there is to tell of a period, in four statements and one for each kind of name.

    :param partner_id: whose claims and orders; None for everybody's.
    :param limit: rows of each table of rates, those with the most units claimed.
    """
    total, rates = _get_rates(period, partner_id, limit)
    return Figures(
        period=period,
        total=total,
        rates=rates,
        days=_list_refund_days(period, partner_id),
        open_claims=_list_open_claims(partner_id, now),
        waits=_get_waits(period, partner_id),
    )


def _get_rates(
    period: Period, partner_id: int | None, limit: int
) -> tuple[Rate, dict[Kind, list[Rate]]]:
    total = Rate(0, "", "", 0, 0, 0, money.ZERO, 0)  # the statement has it as its row "all"
    by_kind: dict[Kind, list[Any]] = {kind: [] for kind in Kind}
    for kind, *facts in send(RATES, {**_bounds(period, partner_id), "limit": limit}).rows():
        if kind == "all":
            total = Rate(facts[0], "", "", *facts[1:])
        else:
            by_kind[Kind(kind)].append(facts)
    return total, {kind: _as_rates(kind, listed) for kind, listed in by_kind.items()}


def _as_rates(kind: Kind, rows: Sequence[Sequence[Any]]) -> list[Rate]:
    names = _names_of(kind, [row[0] for row in rows])
    return [Rate(row[0], *names[row[0]], *row[1:]) for row in rows]


def _names_of(kind: Kind, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Code and name of each."""
    if not ids:
        return {}
    if kind == Kind.REASON:
        return {
            reason.pk: (reason.code, reason.shown_name)
            for reason in Reason.objects.filter(pk__in=ids)
        }
    models: Mapping[Kind, Any] = {
        Kind.SKU: Sku, Kind.PARTNER: Partner, Kind.WAREHOUSE: Warehouse,
    }  # fmt: skip
    named = models[kind].objects.filter(pk__in=ids).values_list("pk", "code", "name")
    return {pk: (code, name) for pk, code, name in named}


def _list_refund_days(period: Period, partner_id: int | None) -> list[RefundDay]:
    """Every day of the period, those without refunds too."""
    rows = send(REFUNDS, {**_bounds(period, partner_id), "zone": str(PLATFORM_ZONE)}).rows()
    by_day = {row[0]: RefundDay(*row) for row in rows}
    return [
        by_day.get(day, RefundDay(day, 0, money.ZERO, money.ZERO)) for day in period.list_days()
    ]


def _list_open_claims(partner_id: int | None, now: datetime) -> list[OpenClaims]:
    """Each state that a claim can wait in, in the order in which they follow one another."""
    first, second, third = (timedelta(days=days) for days in AGES)
    rows = send(
        AGES_OF_OPEN,
        {
            "statuses": [status.value for status in OPEN],
            "partner_id": partner_id,
            "now": now,
            "first": first,
            "second": second,
            "third": third,
        },
    ).rows()
    by_status = {
        status: OpenClaims(
            status, count, late, (one, two - one, three - two, count - three), oldest
        )
        for status, count, late, one, two, three, oldest in rows
    }
    return [by_status[status] for status in OPEN if status in by_status]


def _get_waits(period: Period, partner_id: int | None) -> dict[str, Wait]:
    rows = send(
        WAITS,
        {
            **_bounds(period, partner_id),
            "review_seconds": settings.AFTERSALE_REVIEW_HOURS * 3600,
        },
    ).rows()
    return {
        what: Wait(
            what=what,
            count=count,
            half_within=timedelta(seconds=half),
            most_within=timedelta(seconds=most),
            longest=timedelta(seconds=longest),
            in_time_count=in_time,
        )
        for what, count, half, most, longest, in_time in rows
    }


def _bounds(period: Period, partner_id: int | None) -> dict[str, Any]:
    return {"start": period.start, "end": period.end, "partner_id": partner_id}


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None
