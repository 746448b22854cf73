"""Agreements on purchase prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.models import PurchasePrice
from catalog.services.outcome import Outcome
from catalog.services.writing import update_rows
from openplatform.core.errors import DomainError, FieldInvalid, refuse_if
from openplatform.core.locking import require_transaction

BATCH = 200
Line = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PriceDraft:
    """A partner's price of a SKU: exactly one of ``fixed_price`` and ``discount_percent``.

    :param starts_at: None starts it now, unless the same terms are in force already.
    :param ends_at: None leaves it open.
    """

    partner_id: int
    sku_id: int
    fixed_price: Decimal | None
    discount_percent: Decimal | None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def save_prices(*, drafts: Sequence[PriceDraft], now: datetime) -> Outcome:
    """Step: make and change agreements. One per partner, SKU and start; the latest start counts.

    The partners' rows are locked, so that two files at once do not make the same agreement twice.

    :raises Refusal: with pointers ``/<index>/ends_at``, when an agreement would end before it
        starts.
    """
    require_transaction()
    _require_order(drafts, now)
    known = _lock_known({(draft.partner_id, draft.sku_id) for draft in drafts})
    made: list[PurchasePrice] = []
    changed: list[PurchasePrice] = []
    for draft in drafts:
        agreements = known[draft.partner_id, draft.sku_id]
        present = _find(agreements, draft, now)
        if present is None:
            price = PurchasePrice(
                partner_id=draft.partner_id,
                sku_id=draft.sku_id,
                fixed_price=draft.fixed_price,
                discount_percent=draft.discount_percent,
                starts_at=draft.starts_at or now,
                ends_at=draft.ends_at,
                updated_at=now,
            )
            made.append(price)
            agreements.append(price)
        elif not _is_same(present, draft):
            present.fixed_price = draft.fixed_price
            present.discount_percent = draft.discount_percent
            present.ends_at = draft.ends_at
            present.updated_at = now
            changed.append(present)
    PurchasePrice.objects.bulk_create(made, batch_size=BATCH)
    update_rows(changed, ["fixed_price", "discount_percent", "ends_at", "updated_at"])
    return Outcome(
        created=len(made),
        updated=len(changed),
        unchanged=len(drafts) - len(made) - len(changed),
    )


def _require_order(drafts: Sequence[PriceDraft], now: datetime) -> None:
    faults: list[DomainError] = [
        FieldInvalid(_("The end is not after the start"), pointer=f"/{index}/ends_at")
        for index, draft in enumerate(drafts)
        if draft.ends_at is not None and draft.ends_at <= (draft.starts_at or now)
    ]
    refuse_if(faults)


def _lock_known(lines: Collection[Line]) -> dict[Line, list[PurchasePrice]]:
    partner_ids = {partner_id for partner_id, _sku_id in lines}
    sku_ids = {sku_id for _partner_id, sku_id in lines}
    list(
        Partner.objects.select_for_update(no_key=True)
        .filter(pk__in=partner_ids)
        .order_by("id")
        .values_list("id", flat=True)
    )
    known: dict[Line, list[PurchasePrice]] = defaultdict(list)
    # Any pair of these partners and SKUs, which reads a little more than asked for.
    for price in PurchasePrice.objects.filter(partner_id__in=partner_ids, sku_id__in=sku_ids):
        known[price.partner_id, price.sku_id].append(price)
    return known


def _find(
    agreements: Sequence[PurchasePrice], draft: PriceDraft, now: datetime
) -> PurchasePrice | None:
    """The agreement that the draft means: with its start; or in force, if on the same terms."""
    if draft.starts_at is not None:
        same_start = (price for price in agreements if price.starts_at == draft.starts_at)
        return next(same_start, None)
    in_force = [
        price
        for price in agreements
        if price.starts_at <= now and (price.ends_at is None or price.ends_at > now)
    ]
    latest = max(in_force, key=lambda price: price.starts_at, default=None)
    return latest if latest is not None and _is_same(latest, draft) else None


def _is_same(price: PurchasePrice, draft: PriceDraft) -> bool:
    return (price.fixed_price, price.discount_percent, price.ends_at) == (
        draft.fixed_price,
        draft.discount_percent,
        draft.ends_at,
    )
