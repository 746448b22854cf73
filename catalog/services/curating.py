"""Pools changed through the back office: every act is shown before it is done.

A preview says what the same plan would write and who would be told, and writes nothing. What was
shown has a fingerprint; the act, once it holds the locks, refuses to do anything else than that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.errors import PreviewOutdated
from catalog.models import Pool, PoolAssignment, PoolChange, PoolRule
from catalog.selectors.pools import Act, PoolPlan, RuleDraft, get_rules, plan_act, plan_rules
from catalog.services.membership import (
    be_patient,
    list_members,
    lock_pool,
    record_curation,
    set_partners,
    write_plan,
)
from catalog.services.sight import compare_sight, read_sight, telling_sight
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import DomainError, FieldInvalid, FieldRequired, refuse_if
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act would do.

    :param numbers: how many SKUs (or partners) by what becomes of them.
    :param merchants: by partner id, how many SKUs come into its sight and how many leave it.
    :param skus: ids of SKUs by what becomes of them.
    :param rules: how many rules come or go, whether they bring anything today or not.
    """

    numbers: Mapping[str, int]
    merchants: Mapping[int, tuple[int, int]]
    skus: Mapping[str, Sequence[int]]
    rules: int = 0

    @property
    def fingerprint(self) -> str:
        """The same for two previews of the same: numbers, merchants, and which SKUs."""
        skus = sorted((name, sorted(ids)) for name, ids in self.skus.items())
        told = [sorted(self.numbers.items()), sorted(self.merchants.items()), skus, self.rules]
        return hashlib.sha256(to_json(told)).hexdigest()

    @property
    def is_empty(self) -> bool:
        """Whether the act would change nothing."""
        return self.is_still and not self.rules

    @property
    def is_still(self) -> bool:
        """Whether nothing becomes of any SKU or partner now."""
        return not any(
            count for name, count in self.numbers.items() if name not in ("unchanged", "barred")
        )


# SKUs in and out


def preview_act(*, pool: Pool, act: Act, sku_ids: Collection[int]) -> Preview:
    """What :func:`change_pool` would do."""
    return _preview_plan(plan_act(pool=pool, act=act, sku_ids=sku_ids))


@transactional
def change_pool(
    *,
    pool_code: str,
    act: Act,
    sku_ids: Collection[int],
    expected: str,
    actor: str,
    now: datetime,
) -> Preview:
    """Take SKUs into a pool or out of it, exclude them or lift that; answers what was done.

    :param expected: the fingerprint of the preview that somebody confirmed.
    :raises NotFound: when there is no such pool.
    :raises PreviewOutdated: when something else would be done by now.
    """
    be_patient()
    pool = lock_pool(pool_code)
    plan = plan_act(pool=pool, act=act, sku_ids=sku_ids)
    preview = _write(plan, PoolChange.Cause.PICKED, expected=expected, actor=actor, now=now)
    record_curation(pool=pool, plan=plan, actor=actor)
    return preview


# Rules


def preview_rules(
    *, pool: Pool, add: Sequence[RuleDraft] = (), remove: Collection[int] = ()
) -> Preview:
    """What :func:`change_rules` would do.

    :raises Refusal: as that does.
    """
    plan = _plan_changed_rules(pool, add, remove)
    return _preview_plan(plan, rules=len(add) + len(remove))


@transactional
def change_rules(
    *,
    pool_code: str,
    add: Sequence[RuleDraft] = (),
    remove: Collection[int] = (),
    expected: str,
    actor: str,
    now: datetime,
) -> Preview:
    """Give a pool other rules and have its SKUs follow at once; answers what was done.

    :param remove: ids of rules; those that are gone already stay so.
    :param expected: the fingerprint of the preview that somebody confirmed.
    :raises NotFound: when there is no such pool.
    :raises Refusal: for a rule without a condition, with a range upside down, or that is there.
    :raises PreviewOutdated: when something else would be done by now.
    """
    be_patient()
    pool = lock_pool(pool_code)
    plan = _plan_changed_rules(pool, add, remove)
    preview = _write(
        plan,
        PoolChange.Cause.RULE,
        rules=len(add) + len(remove),
        expected=expected,
        actor=actor,
        now=now,
    )
    before = [str(rule) for rule in _rules(pool)]
    PoolRule.objects.filter(pool=pool, pk__in=remove).delete()
    PoolRule.objects.bulk_create(PoolRule(pool=pool, **rule._asdict()) for rule in add)
    record_change(
        action="change_pool_rules",
        subject=pool,
        before={"rules": before},
        after={
            "rules": [str(rule) for rule in _rules(pool)],
            "skus_taken_in": len(plan.joined),
            "skus_taken_out": len(plan.left),
        },
        actor=actor,
    )
    log.info("pool_rules_changed", pool=pool_code, added=len(add), removed=len(remove), actor=actor)
    return preview


def _plan_changed_rules(pool: Pool, add: Sequence[RuleDraft], remove: Collection[int]) -> PoolPlan:
    kept = get_rules(pool=pool, without=remove)
    faults: list[DomainError] = []
    for rule in add:
        if rule == RuleDraft():
            faults.append(FieldRequired(_("Give at least one condition"), pointer="/category"))
        elif rule.min_price and rule.max_price and rule.max_price < rule.min_price:
            faults.append(FieldInvalid(_("Is below the price from"), pointer="/max_price"))
        elif rule in kept:
            faults.append(FieldInvalid(_("The pool has this rule already"), pointer="/category"))
    refuse_if(faults)
    return plan_rules(pool=pool, rules=[*kept, *add])


def _rules(pool: Pool) -> Sequence[PoolRule]:
    rules = PoolRule.objects.filter(pool=pool).select_related("category", "brand")
    return list(rules.order_by("pk"))


# Partners


def preview_partners(*, pool: Pool, partner_ids: Collection[int]) -> Preview:
    """What :func:`open_pool` would do."""
    present = frozenset(
        PoolAssignment.objects.filter(pool=pool).values_list("partner_id", flat=True)
    )
    wanted = frozenset(partner_ids)
    members = list_members([pool.pk])
    before = read_sight(members, wanted ^ present)
    after = before.with_partners(pool.pk, wanted - present)
    return Preview(
        {"partners_added": len(wanted - present), "partners_removed": len(present - wanted)},
        compare_sight(members, before, after).count(),
        {},
    )


@transactional
def open_pool(
    *,
    pool_code: str,
    partner_ids: Collection[int],
    expected: str,
    actor: str,
    now: datetime,
) -> Preview:
    """Open a pool to exactly these partners; answers what was done.

    :param expected: the fingerprint of the preview that somebody confirmed.
    :raises NotFound: when there is no such pool.
    :raises PreviewOutdated: when something else would be done by now.
    """
    be_patient()
    pool = lock_pool(pool_code)
    preview = preview_partners(pool=pool, partner_ids=partner_ids)
    _require_expected(preview, expected)
    partners = list(Partner.objects.filter(pk__in=partner_ids).order_by("code"))
    before = sorted(pool.assignments.values_list("partner__code", flat=True))
    set_partners(pool=pool, partners=partners, now=now)
    record_change(
        action="assign_partners",
        subject=pool,
        before={"partners": before},
        after={"partners": [partner.code for partner in partners]},
        actor=actor,
    )
    log.info("pool_assigned", pool=pool_code, partners=len(partners), actor=actor)
    return preview


def _preview_plan(plan: PoolPlan, *, rules: int = 0) -> Preview:
    before = read_sight(plan.moved)
    after = before.with_members(plan.pool_id, joins=plan.joined, leaves=plan.left)
    skus = {
        "picked": plan.picked,
        "brought": plan.brought,
        "left": plan.left,
        "kept": plan.kept,
        "excluded": plan.excluded,
        "readmitted": plan.readmitted,
        "barred": plan.barred,
    }
    return Preview(
        {**{name: len(ids) for name, ids in skus.items()}, "unchanged": plan.unchanged},
        compare_sight(plan.moved, before, after).count(),
        skus,
        rules,
    )


def _write(
    plan: PoolPlan,
    cause: PoolChange.Cause,
    *,
    rules: int = 0,
    expected: str,
    actor: str,
    now: datetime,
) -> Preview:
    """Members as planned, if that is what was seen; the partners whose sight changes are told."""
    preview = _preview_plan(plan, rules=rules)
    _require_expected(preview, expected)
    with telling_sight(plan.moved, now=now):
        write_plan(plan=plan, cause=cause, actor=actor)
    return preview


def _require_expected(preview: Preview, expected: str) -> None:
    if preview.fingerprint != expected:
        raise PreviewOutdated
