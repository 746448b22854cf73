"""Agreements on purchase prices. An edit supersedes a row and writes another; nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import structlog
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.errors import AgreementConflict, PreviewOutdated
from catalog.models import PurchasePrice
from catalog.selectors.agreement_review import AgreementReview
from catalog.services.agreement_drafts import PriceDraft, Target, review_draft, scope_of
from catalog.services.outcome import Outcome
from catalog.services.price_moves import tell_due_moves
from catalog.services.price_telling import telling_agreements
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import DomainError, FieldInvalid, NotFound, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send

__all__ = [
    "PriceDraft",
    "Saved",
    "SavedAs",
    "Target",
    "edit_agreement",
    "make_agreement",
    "preview_agreement",
    "save_agreements",
    "save_prices",
    "withdraw_agreement",
]

log = structlog.get_logger(__name__)

BATCH = 200


class SavedAs(StrEnum):
    """What became of a draft."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Saved(NamedTuple):
    """A draft's agreement as it stands now."""

    outcome: SavedAs
    agreement: PurchasePrice


# Services


def preview_agreement(
    *, draft: PriceDraft, now: datetime, agreement_id: int | None = None
) -> AgreementReview:
    """What :func:`make_agreement` would do, or :func:`edit_agreement` of the one with that id.

    :raises NotFound, Refusal: as they do.
    """
    present = None if agreement_id is None else _get_agreement(agreement_id)
    _require_acceptable(draft, present, now)
    return review_draft(draft=draft, now=now, agreement_id=agreement_id)


@transactional
def make_agreement(
    *, draft: PriceDraft, actor: str, now: datetime, seen: str | None = None
) -> PurchasePrice:
    """Agree on a price; the merchant hears of what moves now, and of what will.

    :param seen: the fingerprint of the review that somebody looked at; None takes any.
    :raises PreviewOutdated: when the agreement would do something else by now.
    :raises Refusal: with pointers ``/fixed_price``, ``/starts_at``, ``/ends_at``: the terms cannot
        be, a moment has passed, or the partner has another agreement on the same from the same
        moment on.
    """
    _lock_partners([draft.partner_id])
    _require_acceptable(draft, None, now)
    if seen is not None and review_draft(draft=draft, now=now).fingerprint != seen:
        raise PreviewOutdated
    [saved] = save_agreements(drafts=[draft], now=now, actor=actor)
    _record("make_agreement", saved.agreement, {}, _facts(saved.agreement), actor)
    log.info("agreement_made", partner_id=draft.partner_id, agreement=saved.agreement.pk)
    return saved.agreement


@transactional
def edit_agreement(
    *,
    agreement_id: int,
    draft: PriceDraft,
    actor: str,
    now: datetime,
    seen: str | None = None,
) -> PurchasePrice:
    """Other terms or times for an agreement, whether it is to come, in force or over.

    Days that have passed keep their price: what it said until now stays in the history.

    :param draft: of the same partner and target.
    :raises NotFound: when there is no such agreement.
    :param seen: as for :func:`make_agreement`.
    :raises AgreementConflict: when somebody edited or withdrew it meanwhile.
    :raises Refusal, PreviewOutdated: as :func:`make_agreement` does.
    """
    present = _lock_agreement(agreement_id)
    start = draft.starts_at or now
    _require_acceptable(draft, present, now)
    before = _facts(present)
    if _terms(present) == (draft.fixed_price, draft.discount_percent, draft.ends_at) and (
        present.starts_at == start
    ):
        return present
    if seen is not None:
        review = review_draft(draft=draft, now=now, agreement_id=agreement_id)
        if review.fingerprint != seen:
            raise PreviewOutdated
    tell_due_moves(partner_id=present.partner_id, at=now)
    with telling_agreements(partner_id=present.partner_id, scope=scope_of([draft.target]), now=now):
        edited = _replace(present, draft, start=start, actor=actor, now=now)
        _write([edited], [present])
    _record("edit_agreement", edited, before, _facts(edited), actor)
    log.info("agreement_edited", agreement=edited.pk, before=present.pk)
    return edited


@transactional
def withdraw_agreement(*, agreement_id: int, actor: str, now: datetime) -> None:
    """End an agreement now, or before it begins.

    :raises NotFound: when there is no such agreement.
    :raises AgreementConflict: when somebody edited or withdrew it meanwhile.
    """
    present = _lock_agreement(agreement_id)
    tell_due_moves(partner_id=present.partner_id, at=now)
    with telling_agreements(
        partner_id=present.partner_id, scope=scope_of([_target(present)]), now=now
    ):
        present.superseded_at = max(now, present.created_at)
        _write([], [present])
    _record("withdraw_agreement", present, _facts(present), {}, actor)
    log.info("agreement_withdrawn", agreement=present.pk)


# Steps


def save_prices(*, drafts: Sequence[PriceDraft], now: datetime, actor: str = "") -> Outcome:
    """Step: make and change agreements. One per partner, target and start; the latest start counts.

    :raises Refusal: with pointers ``/<index>/ends_at``, when an agreement would end before it
        starts; ``/<index>/fixed_price``, when it is fixed for more than a SKU.
    """
    outcomes = [saved.outcome for saved in save_agreements(drafts=drafts, now=now, actor=actor)]
    return Outcome(
        created=outcomes.count(SavedAs.CREATED),
        updated=outcomes.count(SavedAs.UPDATED),
        unchanged=outcomes.count(SavedAs.UNCHANGED),
    )


def save_agreements(
    *, drafts: Sequence[PriceDraft], now: datetime, actor: str = ""
) -> Sequence[Saved]:
    """Step: :func:`save_prices`, answering what became of each draft.

    1. lock the partners' rows, so that two files at once do not make the same agreement twice;
    2. tell of what has begun or ended until now; 3. write the versions of each partner, 4. tell it
    which of its prices moved, and which will.
    """
    require_transaction()
    _require_possible(drafts, now)
    _lock_partners({draft.partner_id for draft in drafts})
    by_partner: dict[int, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        by_partner[draft.partner_id].append(index)
    saved: dict[int, Saved] = {}
    for partner_id, indexes in sorted(by_partner.items()):
        saved |= _save_of_partner(
            partner_id, {index: drafts[index] for index in indexes}, now=now, actor=actor
        )
    return [saved[index] for index in range(len(drafts))]


def _save_of_partner(
    partner_id: int, drafts: Mapping[int, PriceDraft], *, now: datetime, actor: str
) -> dict[int, Saved]:
    known = _present([partner_id], {draft.target for draft in drafts.values()})
    made: list[PurchasePrice] = []
    superseded: list[PurchasePrice] = []
    saved: dict[int, Saved] = {}
    for index, draft in drafts.items():
        agreements = known[partner_id, draft.target]
        present = _find(agreements, draft, now)
        if present is not None and _is_same(present, draft):
            saved[index] = Saved(SavedAs.UNCHANGED, present)
            continue
        start = draft.starts_at or now
        if present is None:
            price = _agreement(draft, start=start, actor=actor, now=now)
            saved[index] = Saved(SavedAs.CREATED, price)
        else:
            price = _replace(present, draft, start=start, actor=actor, now=now)
            saved[index] = Saved(SavedAs.UPDATED, price)
            agreements.remove(present)
            if present in made:  # the same twice in one go: the later one counts
                made.remove(present)
            else:
                superseded.append(present)
        agreements.append(price)
        made.append(price)
    if made:
        tell_due_moves(partner_id=partner_id, at=now)
        with telling_agreements(
            partner_id=partner_id, scope=scope_of([_target(price) for price in made]), now=now
        ):
            _write(made, superseded)
    return saved


def _write(made: Sequence[PurchasePrice], superseded: Sequence[PurchasePrice]) -> None:
    if superseded:
        send(
            "UPDATE catalog_purchaseprice price SET superseded_at = old.at, next_move_at = NULL"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS old (id, at) WHERE price.id = old.id",
            [[price.pk for price in superseded], [price.superseded_at for price in superseded]],
        )
    PurchasePrice.objects.bulk_create(made, batch_size=BATCH)


def _agreement(draft: PriceDraft, *, start: datetime, actor: str, now: datetime) -> PurchasePrice:
    return PurchasePrice(
        partner_id=draft.partner_id,
        sku_id=draft.sku_id,
        category_id=draft.category_id,
        brand_id=draft.brand_id,
        fixed_price=draft.fixed_price,
        discount_percent=draft.discount_percent,
        starts_at=start,
        ends_at=draft.ends_at,
        created_at=now,
        next_move_at=_next_move(start, draft.ends_at, now),
        actor=actor,
    )


def _replace(
    present: PurchasePrice, draft: PriceDraft, *, start: datetime, actor: str, now: datetime
) -> PurchasePrice:
    """The version after ``present``, which ends where it begins."""
    edited = _agreement(draft, start=start, actor=actor, now=max(now, present.created_at))
    present.superseded_at = edited.created_at
    return edited


def _next_move(start: datetime, end: datetime | None, now: datetime) -> datetime | None:
    if start > now:
        return start
    return end if end is not None and end > now else None


def _lock_partners(partner_ids: Collection[int]) -> None:
    list(
        Partner.objects.select_for_update(no_key=True)
        .filter(pk__in=partner_ids)
        .order_by("id")
        .values_list("id", flat=True)
    )


def _lock_agreement(agreement_id: int) -> PurchasePrice:
    """The agreement as it is once its partner is locked, under which all of them are written."""
    agreement = _get_agreement(agreement_id)
    _lock_partners([agreement.partner_id])
    agreement.refresh_from_db()
    if agreement.superseded_at is not None:
        raise AgreementConflict
    return agreement


def _get_agreement(agreement_id: int) -> PurchasePrice:
    agreement = PurchasePrice.objects.filter(pk=agreement_id).first()
    if agreement is None:
        raise NotFound(pointer="/agreement")
    return agreement


def _present(
    partner_ids: Collection[int], targets: Collection[Target]
) -> dict[tuple[int, Target], list[PurchasePrice]]:
    """The agreements that stand, by partner and target."""
    known: dict[tuple[int, Target], list[PurchasePrice]] = defaultdict(list)
    wanted = Q(sku_id__in={target.sku_id for target in targets if target.sku_id is not None})
    if any(target.sku_id is None for target in targets):
        wanted |= Q(sku_id__isnull=True)
    # Any pair of these partners and targets, which reads a little more than asked for.
    for price in PurchasePrice.objects.filter(
        wanted, partner_id__in=partner_ids, superseded_at__isnull=True
    ):
        known[price.partner_id, _target(price)].append(price)
    return known


def _require_possible(drafts: Sequence[PriceDraft], now: datetime) -> None:
    faults: list[DomainError] = []
    for index, draft in enumerate(drafts):
        if draft.ends_at is not None and draft.ends_at <= (draft.starts_at or now):
            text = _("The end is not after the start")
            faults.append(FieldInvalid(text, pointer=f"/{index}/ends_at"))
        if draft.fixed_price is not None and draft.sku_id is None:
            text = _("A fixed price is for one SKU only")
            faults.append(FieldInvalid(text, pointer=f"/{index}/fixed_price"))
    refuse_if(faults)


def _require_acceptable(draft: PriceDraft, present: PurchasePrice | None, now: datetime) -> None:
    """Faults of one agreement, made anew or in the place of ``present``, whose start may stay."""
    faults: list[DomainError] = []
    start = draft.starts_at or now
    if start < now and (present is None or start != present.starts_at):
        text = _("The moment has passed; leave it out to have it start now")
        faults.append(FieldInvalid(text, pointer="/starts_at"))
    if draft.ends_at is not None and draft.ends_at <= start:
        faults.append(FieldInvalid(_("The end is not after the start"), pointer="/ends_at"))
    elif draft.ends_at is not None and draft.ends_at <= now:
        faults.append(FieldInvalid(_("The end has passed already"), pointer="/ends_at"))
    if draft.fixed_price is not None and draft.sku_id is None:
        faults.append(FieldInvalid(_("A fixed price is for one SKU only"), pointer="/fixed_price"))
    refuse_if(faults)
    same = _present([draft.partner_id], [draft.target])[draft.partner_id, draft.target]
    for price in same:
        if price.starts_at == start and price != present:
            text = _("There is an agreement on the same from the same moment on; edit that one")
            refuse_if([FieldInvalid(text, pointer="/starts_at", agreement=price.pk)])


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
    if latest is None:
        return None
    # One that began at this very moment gives way, rather than two from the same moment on.
    return latest if _is_same(latest, draft) or latest.starts_at == now else None


def _is_same(price: PurchasePrice, draft: PriceDraft) -> bool:
    return _terms(price) == (draft.fixed_price, draft.discount_percent, draft.ends_at)


def _terms(price: PurchasePrice) -> tuple[Decimal | None, Decimal | None, datetime | None]:
    return price.fixed_price, price.discount_percent, price.ends_at


def _target(price: PurchasePrice) -> Target:
    return Target(price.sku_id, price.category_id, price.brand_id)


def _record(
    action: str,
    agreement: PurchasePrice,
    before: Mapping[str, object],
    after: Mapping[str, object],
    actor: str,
) -> None:
    record_change(
        action=action,
        subject=agreement,
        before=before,
        after=after,
        actor=actor,
        partner_id=agreement.partner_id,
    )


def _facts(price: PurchasePrice) -> dict[str, object]:
    facts = {
        "fixed_price": price.fixed_price,
        "discount_percent": price.discount_percent,
        "starts_at": price.starts_at,
        "ends_at": price.ends_at,
    }
    return {name: value for name, value in facts.items() if value is not None}
