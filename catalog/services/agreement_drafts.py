"""An agreement to be: on what, at which terms, and what it would do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from catalog.models import PurchasePrice
from catalog.price_timeline import Agreed
from catalog.selectors.agreement_review import AgreementReview, review_agreement
from catalog.selectors.own_prices import SkuScope


class Target(NamedTuple):
    """What an agreement applies to: one of the three, or everything."""

    sku_id: int | None = None
    category_id: int | None = None
    brand_id: int | None = None


@dataclass(frozen=True, slots=True)
class PriceDraft:
    """A partner's price of a target: exactly one of ``fixed_price`` and ``discount_percent``.

    :param sku_id, category_id, brand_id: at most one; none of them means everything.
    :param fixed_price: of a SKU only.
    :param starts_at: None starts it now, unless the same terms are in force already.
    :param ends_at: None leaves it open.
    """

    partner_id: int
    sku_id: int | None
    fixed_price: Decimal | None
    discount_percent: Decimal | None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    category_id: int | None = None
    brand_id: int | None = None

    @property
    def target(self) -> Target:
        """What it applies to."""
        return Target(self.sku_id, self.category_id, self.brand_id)


def review_draft(
    *, draft: PriceDraft, now: datetime, agreement_id: int | None = None
) -> AgreementReview:
    """What the agreement would do. It writes nothing.

    :param agreement_id: the agreement whose place it takes; None for a new one.
    """
    start = draft.starts_at or now
    return review_agreement(
        partner_id=draft.partner_id,
        scope=scope_of([draft.target]),
        agreed=Agreed(
            *draft.target,
            draft.fixed_price,
            draft.discount_percent,
            starts_at=start,
            from_at=max(start, now),
            until_at=draft.ends_at,
        ),
        now=now,
        agreement_id=agreement_id,
    )


def review_agreement_made(*, agreement: PurchasePrice, now: datetime) -> AgreementReview:
    """What an agreement does that stands."""
    draft = PriceDraft(
        partner_id=agreement.partner_id,
        sku_id=agreement.sku_id,
        fixed_price=agreement.fixed_price,
        discount_percent=agreement.discount_percent,
        starts_at=agreement.starts_at,
        ends_at=agreement.ends_at,
        category_id=agreement.category_id,
        brand_id=agreement.brand_id,
    )
    return review_draft(draft=draft, now=now, agreement_id=agreement.pk)


def scope_of(targets: Collection[Target]) -> SkuScope:
    """The SKUs that any of the targets is about."""
    return SkuScope(
        sku_ids=sorted({target.sku_id for target in targets if target.sku_id is not None}),
        category_ids=sorted({one.category_id for one in targets if one.category_id is not None}),
        brand_ids=sorted({target.brand_id for target in targets if target.brand_id is not None}),
        is_everything=Target() in targets,
    )
