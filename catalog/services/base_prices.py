"""The prices of the house: every change of them, at once or at a set time.

All that changes the prices of a SKU locks its row first, so that each sees what the other made of
it. Changes that are due count for every read whether or not they are written to the SKU yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import structlog
from django.utils.translation import gettext_lazy as _

from catalog.errors import PreviewOutdated, PriceChangeConflict
from catalog.models import PriceChange, Sku
from catalog.price_plans import PriceEdit, PricePlan, plan_prices
from catalog.selectors.price_plans import list_prices_then
from catalog.services import price_statements as statements
from catalog.services.changes import tell_prices
from catalog.services.price_telling import PATIENCE, announce
from openplatform.audit.services.recording import Change, record_changes, record_run
from openplatform.core.errors import FieldInvalid, NotFound, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send

log = structlog.get_logger(__name__)

BATCH = 5000
MAX_ENTRIES = 200  # of one act in the trail; of more SKUs the trail has the number


class BasePrices(NamedTuple):
    """All four prices of a SKU."""

    market_price: Decimal
    sale_price: Decimal
    cost_price: Decimal | None
    floor_price: Decimal | None

    @property
    def shown(self) -> tuple[Decimal, Decimal, Decimal | None]:
        """Those that merchants are shown."""
        return self.market_price, self.sale_price, self.floor_price


# Services


def preview_prices(
    *, sku_ids: Collection[int], edit: PriceEdit, effective_at: datetime | None
) -> PricePlan:
    """What :func:`change_prices` would do.

    :raises Refusal: as that does.
    """
    _require_to_come(effective_at)
    return _plan(sku_ids, edit, effective_at)


@transactional
def change_prices(
    *,
    sku_ids: Collection[int],
    edit: PriceEdit,
    effective_at: datetime | None,
    reason: str,
    actor: str,
    now: datetime,
    seen: str | None = None,
) -> int:
    """Change prices of SKUs, at once or at a set time; how many of them it changes.

    1. lock the SKUs, 2. work out the new prices from those of then, 3. compare with what somebody
    looked at, 4. write, 5. tell.

    :param effective_at: None changes them at once.
    :param seen: the fingerprint of the plan that was looked at; None takes any.
    :raises Refusal: with pointers ``/effective_at`` for a moment that has passed, ``/edit`` for
        prices that would not be above zero.
    :raises PreviewOutdated: when the plan is another one by now.
    """
    send(PATIENCE)
    _lock(sku_ids, now)
    plan = _plan(sku_ids, edit, effective_at)
    if seen is not None and seen != plan.fingerprint:
        raise PreviewOutdated
    before = {line.sku_id: BasePrices(*line.before) for line in plan.lines}
    prices = {line.sku_id: BasePrices(*line.after) for line in plan.lines}
    if effective_at is None:
        _set(prices, before, reason=reason, actor=actor, now=now)
    else:
        _schedule(prices, before, effective_at=effective_at, reason=reason, actor=actor, now=now)
    _record(plan, effective_at=effective_at, reason=reason, actor=actor)
    log.info("prices_changed", skus=len(plan.lines), effective_at=effective_at, actor=actor)
    return len(plan.lines)


@transactional
def withdraw_price_changes(*, change_ids: Collection[int], actor: str, now: datetime) -> int:
    """Take back changes that are to come, and say so to whoever heard of them; how many.

    :raises NotFound: when there is none of them any more.
    :raises PriceChangeConflict: when one of them has taken effect.
    """
    send(PATIENCE)
    sku_ids = {change.sku_id for change in _read_changes(change_ids)}
    if not sku_ids:
        raise NotFound(pointer="/change")
    send(statements.LOCK, [list(sku_ids)]).rows()
    rows = {change.pk: change for change in _read_changes(change_ids)}
    is_due = send(
        "SELECT EXISTS (SELECT FROM catalog_pricechange WHERE id = ANY(%s::bigint[])"
        " AND (applied_at IS NOT NULL OR effective_at <= clock_timestamp()))",
        [list(rows)],
    ).row()
    if is_due == (True,):
        raise PriceChangeConflict
    told = _shown(list(rows.values()))
    record_changes(
        action="withdraw_price_change",
        changes=[
            Change(change.sku, {"effective_at": change.effective_at, **_facts_of(change)}, {})
            for change in rows.values()  # all: the trail is what is left of them
        ],
        actor=actor,
    )
    send("DELETE FROM catalog_pricechange WHERE id = ANY(%s::bigint[])", [list(rows)])
    next_moments = dict(send(statements.NEXT_MOMENTS, [list(sku_ids)]).rows())
    _announce({sku_id: next_moments.get(sku_id) for sku_id in told}, now)
    log.info("price_changes_withdrawn", changes=len(rows), actor=actor)
    return len(rows)


def apply_due_prices() -> int:
    """Write prices whose time has come to their SKUs and tell of them; how many SKUs.

    For a loop: it looks first, which takes no lock.
    """
    are_due = send(
        "SELECT EXISTS (SELECT FROM catalog_pricechange"
        " WHERE applied_at IS NULL AND effective_at <= statement_timestamp()), clock_timestamp()"
    ).row()
    if are_due is None or not are_due[0]:
        return 0
    return _apply_batch(now=are_due[1])


@transactional
def _apply_batch(*, now: datetime) -> int:
    present = _read(send(statements.LOCK_DUE, [BATCH]).rows())
    _apply(present, now)
    if present:
        log.info("prices_applied", skus=len(present))
    return len(present)


# Steps


def set_prices(
    *, prices: Mapping[int, BasePrices], reason: str = "", actor: str, now: datetime
) -> int:
    """Step: set prices of SKUs (by id) from now on; how many of them differ.

    Whoever sees a SKU whose market, sale or floor price moves is told. What is to come for it
    stays to come, and sets all four prices again.
    """
    present = _lock(prices, now)
    changed = {
        sku_id: new
        for sku_id, new in prices.items()
        if sku_id in present and new != present[sku_id]
    }
    _set(changed, present, reason=reason, actor=actor, now=now)
    return len(changed)


def record_first_prices(*, sku_ids: Collection[int], actor: str) -> None:
    """Step: begin the history of new SKUs with the prices that they hold."""
    require_transaction()
    ordered = sorted(sku_ids)
    for start in range(0, len(ordered), BATCH):
        send(statements.ADD_FIRST, [actor, ordered[start : start + BATCH]])


def apply_due_prices_of(*, sku_ids: Collection[int], now: datetime) -> None:
    """Step: write the prices of SKUs whose time has come, before anything else is made of them."""
    require_transaction()
    _lock(sku_ids, now)


def _set(
    prices: Mapping[int, BasePrices],
    present: Mapping[int, BasePrices],
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Prices of SKUs, which are locked, from now on, with what they were until now."""
    told: dict[int, str] = {}
    for some in _parcels(prices):
        send(statements.ADD_FIRST, [actor, list(some)])
        moved = [new.shown != present[sku_id].shown for sku_id, new in some.items()]
        columns = {**_columns(some), "now": now, "told": moved}
        send(statements.ADD_APPLIED, {**columns, "reason": reason, "actor": actor})
        told |= _told(send(statements.WRITE, columns).rows())
    tell_prices(codes=told)


def _schedule(
    prices: Mapping[int, BasePrices],
    until_then: Mapping[int, BasePrices],
    *,
    effective_at: datetime,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    _require_to_come(effective_at)
    record_first_prices(sku_ids=prices, actor=actor)
    planned = {**until_then, **_read(send(statements.PLANNED, [list(prices), effective_at]).rows())}
    for some in _parcels(prices):
        send(
            statements.ADD_COMING,
            {**_columns(some), "at": effective_at, "reason": reason, "actor": actor},
        )
    told = {
        sku_id: effective_at
        for sku_id, new in prices.items()
        if new.shown != planned[sku_id].shown and new.shown != until_then[sku_id].shown
    }
    undone = [
        sku_id
        for sku_id, new in prices.items()
        if new.shown != planned[sku_id].shown and sku_id not in told
    ]
    next_moments = dict(send(statements.NEXT_MOMENTS, [undone]).rows()) if undone else {}
    _announce({**told, **{sku_id: next_moments.get(sku_id) for sku_id in undone}}, now)


def _require_to_come(effective_at: datetime | None) -> None:
    if send("SELECT clock_timestamp() >= %s::timestamptz", [effective_at]).row() == (True,):
        text = _("The moment has passed; leave it out to change the prices at once")
        refuse_if([FieldInvalid(text, pointer="/effective_at")])


def _plan(sku_ids: Collection[int], edit: PriceEdit, effective_at: datetime | None) -> PricePlan:
    return plan_prices(list_prices_then(sku_ids=sku_ids, moment=effective_at, is_before=True), edit)


def _lock(sku_ids: Collection[int], now: datetime) -> dict[int, BasePrices]:
    """Lock SKUs, and write what is due of them before anything else is made of them; answers their
    prices.
    """
    require_transaction()
    present = _read(send(statements.LOCK, [list(sku_ids)]).rows())
    due = send(
        "SELECT DISTINCT sku_id FROM catalog_pricechange WHERE sku_id = ANY(%s::bigint[])"
        " AND applied_at IS NULL AND effective_at <= statement_timestamp()",
        [list(sku_ids)],
    ).rows()
    return present | _apply({sku_id: present[sku_id] for (sku_id,) in due}, now)


def _apply(present: Mapping[int, BasePrices], now: datetime) -> dict[int, BasePrices]:
    """Write the due changes of SKUs, which are locked; of several the last one counts. Answers the
    prices from now on.

    One that moves back what an earlier one moved is told, too: somebody may have read in between.
    """
    if not present:
        return {}
    send(statements.ADD_FIRST, ["", list(present)])
    applied: dict[int, list[tuple[datetime, BasePrices]]] = defaultdict(list)
    for sku_id, effective_at, *prices in send(statements.APPLY, [now, list(present)]).rows():
        applied[sku_id].append((effective_at, BasePrices(*prices)))
    latest: dict[int, BasePrices] = {}
    moved: list[bool] = []
    for sku_id, changes in sorted(applied.items()):
        changes.sort(key=lambda change: change[0])
        latest[sku_id] = changes[-1][1]
        moved.append(any(prices.shown != present[sku_id].shown for _at, prices in changes))
    if latest:
        rows = send(statements.WRITE, {**_columns(latest), "now": now, "told": moved}).rows()
        tell_prices(codes=_told(rows))
    return latest


def _announce(moments: Mapping[int, datetime | None], now: datetime) -> None:
    """Tell whoever sees the SKUs when the next change comes; what is withdrawn goes first."""
    if not moments:
        return
    codes = dict(send(statements.TOUCH, [now, list(moments)]).rows())
    told: dict[datetime | None, list[str]] = defaultdict(list)
    for sku_id, moment in moments.items():
        told[moment].append(codes[sku_id])
    for moment in sorted(told, key=lambda at: (at is not None, at)):
        announce(codes=told[moment], effective_at=moment)


def _read_changes(change_ids: Collection[int]) -> list[PriceChange]:
    """With their SKUs."""
    ordered = sorted(change_ids)
    return [
        change
        for start in range(0, len(ordered), BATCH)
        for change in PriceChange.objects.filter(
            pk__in=ordered[start : start + BATCH]
        ).select_related("sku")
    ]


def _shown(changes: Sequence[PriceChange]) -> set[int]:
    """The SKUs of changes to come that merchants had heard of: they move what these are shown."""
    by_moment: dict[datetime, list[PriceChange]] = defaultdict(list)
    for change in changes:
        by_moment[change.effective_at].append(change)
    told: set[int] = set()
    for moment, some in by_moment.items():
        sku_ids = [change.sku_id for change in some]
        rows = list_prices_then(sku_ids=sku_ids, moment=moment, is_before=True)
        before = {row.sku_id: BasePrices(*row.prices).shown for row in rows}
        told |= {
            change.sku_id
            for change in some
            if before[change.sku_id] != (change.market_price, change.sale_price, change.floor_price)
        }
    return told


def _record(plan: PricePlan, *, effective_at: datetime | None, reason: str, actor: str) -> None:
    moment = {} if effective_at is None else {"effective_at": effective_at}
    if len(plan.lines) <= MAX_ENTRIES:
        skus = Sku.objects.in_bulk([line.sku_id for line in plan.lines])
        record_changes(
            action="change_prices",
            changes=[
                Change(
                    skus[line.sku_id],
                    BasePrices(*line.before)._asdict(),
                    {**BasePrices(*line.after)._asdict(), **moment},
                )
                for line in plan.lines
            ],
            actor=actor,
            reason=reason,
        )
        return
    record_run(
        action="change_prices",
        kind=Sku._meta.label_lower,
        number=plan.fingerprint[:40],
        label=str(plan.edit),
        outcome={"skus": len(plan.lines), "reason": reason, **moment},
        actor=actor,
    )


def _facts_of(change: PriceChange) -> dict[str, Decimal | None]:
    return {name: getattr(change, name) for name in BasePrices._fields}


def _read(rows: Sequence[tuple[Any, ...]]) -> dict[int, BasePrices]:
    return {sku_id: BasePrices(*prices) for sku_id, *prices in rows}


def _parcels(prices: Mapping[int, BasePrices]) -> Iterator[dict[int, BasePrices]]:
    items = sorted(prices.items())
    for start in range(0, len(items), BATCH):
        yield dict(items[start : start + BATCH])


def _told(rows: Sequence[tuple[Any, ...]]) -> dict[int, str]:
    return {sku_id: code for is_told, sku_id, code in rows if is_told}


def _columns(prices: Mapping[int, BasePrices]) -> dict[str, object]:
    new = prices.values()
    return {
        "ids": list(prices),
        "market": _as_array([one.market_price for one in new]),
        "sale": _as_array([one.sale_price for one in new]),
        "cost": _as_array([one.cost_price for one in new]),
        "floor": _as_array([one.floor_price for one in new]),
    }


def _as_array(amounts: Sequence[Decimal | None]) -> str:
    """As Postgres writes an array; the driver takes ten times as long to."""
    return f"{{{','.join('NULL' if amount is None else str(amount) for amount in amounts)}}}"
