"""Freight templates and their rules.

Whoever changes a template holds its row, so that two people at once cannot leave rules behind that
contradict each other. Placing reads templates without locks: an order pays by what was committed
when it was placed, and keeps that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.models import Category, Warehouse
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.admin import edits
from openplatform.core.errors import FieldInvalid, NotFound, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from orders.models import FreightRule, FreightTemplate

# Places that several rules of a template name, a retired code standing for its successor. A rule
# without regions names the empty place: all the others.
REPEATED = """
    SELECT coalesce(place.code, ''), coalesce(min(place.path_name), '')
    FROM orders_freightrule rule
    LEFT JOIN orders_freightrule_regions named ON named.freightrule_id = rule.id
    LEFT JOIN regions_region meant ON meant.code = named.region_id
    LEFT JOIN regions_region place ON place.code = coalesce(meant.successor_id, meant.code)
    WHERE rule.template_id = %s
    GROUP BY place.code HAVING count(DISTINCT rule.id) > 1
    ORDER BY 1
"""
ONE_REST = _("Only one rule can be for all regions that no other rule names")


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule to be. Sizes are grams, pieces or units of the currency, by ``basis``; ``regions``
    are codes, none for all that no other rule names.
    """

    first_amount: Decimal
    step_amount: Decimal = money.ZERO
    first_size: int = 1000
    step_size: int = 1000
    basis: str = FreightRule.Basis.WEIGHT.value
    free_from_amount: Decimal | None = None
    remote_amount: Decimal = money.ZERO
    regions: tuple[str, ...] = ()

    @property
    def terms(self) -> dict[str, Any]:
        """What it says beside where."""
        values = asdict(self)
        del values["regions"]
        return values


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """A template with all its rules. A new one is in use; a known one stays as it is in that."""

    code: str
    name: str
    warehouse_id: int | None
    category_id: int | None
    rules: Sequence[RuleDraft]


@dataclass(frozen=True, slots=True)
class RulesOutcome:
    """What became of each rule of a draft, in its order (``created``, ``updated``, ``unchanged``),
    and how many others were removed.
    """

    rules: Sequence[str]
    removed: int


CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"


def add_template(
    *,
    code: str,
    name: str,
    rules: Sequence[RuleDraft],
    warehouse: Warehouse | None = None,
    category: Category | None = None,
) -> FreightTemplate:
    """Step: a template in use, with its rules."""
    require_transaction()
    template = FreightTemplate.objects.create(
        code=code, name=name, warehouse=warehouse, category=category
    )
    for draft in rules:
        _add_rule(template, draft)
    return template


def save_templates(*, drafts: Sequence[TemplateDraft], actor: str) -> list[RulesOutcome]:
    """Step: make or change templates, with exactly the rules of their drafts; what is the same
    stays untouched. The trail is told of every template that changes.

    :raises Refusal: with a fault for each draft, by pointers like ``/2/template``, that would be in
        use beside another template for the same warehouse and category.
    """
    require_transaction()
    known = {
        template.code: template
        for template in FreightTemplate.objects.select_for_update(no_key=True)
        .filter(code__in=[draft.code for draft in drafts])
        .order_by("pk")
    }
    _require_one_in_use(drafts, known)
    before = {code: read_template(template) for code, template in known.items()}
    _make_room(drafts, known)
    outcomes = []
    for draft in drafts:
        template = _save_template(draft, known.get(draft.code))
        outcome = _replace_rules(template, draft.rules)
        is_new = draft.code not in known
        after = read_template(template)
        if is_new or before[draft.code] != after:
            record_change(
                action=edits.ADD if is_new else edits.CHANGE,
                subject=template,
                before=before.get(draft.code, {}),
                after=after,
                actor=actor,
            )
        if not is_new and before[draft.code] != after and set(outcome.rules) == {UNCHANGED}:
            outcome = RulesOutcome([UPDATED, *outcome.rules[1:]], outcome.removed)
        outcomes.append(outcome)
    return outcomes


@transactional
def use_template(*, template_id: int, actor: str) -> FreightTemplate | None:
    """Put a template in use, instead of the one that is for the same warehouse and category: in one
    instant, so that no order in between goes free. Answers the one that it replaces, if any.

    :raises NotFound: when there is no such template.
    :raises FieldInvalid: when it is in use already, or has no rule.
    """
    asked = FreightTemplate.objects.filter(pk=template_id).first()
    if asked is None:
        raise NotFound
    goods: dict[str, Any] = {"warehouse": asked.warehouse_id, "category": asked.category_id}
    alike = FreightTemplate.objects.filter(**goods).select_for_update(no_key=True)
    locked = {one.pk: one for one in alike.order_by("pk")}
    template = locked.get(template_id)
    if template is None:
        raise NotFound
    if template.is_active:
        raise FieldInvalid(_("This template is in use already"))
    if not template.rules.exists():
        raise FieldInvalid(_("A template without rules charges nothing; add a rule first"))
    replaced = next((one for one in locked.values() if one.is_active), None)
    for one, is_active in ((replaced, False), (template, True)):
        if one is not None:
            one.is_active = is_active
            one.save(update_fields=["is_active"])
            record_change(
                action="use_freight_template",
                subject=one,
                before={"is_active": not is_active},
                after={"is_active": is_active},
                actor=actor,
            )
    return replaced


def lock_template(*, template_id: int) -> None:
    """Step: nobody else changes this template or its rules until the transaction ends."""
    require_transaction()
    rows = FreightTemplate.objects.select_for_update(no_key=True).filter(pk=template_id)
    rows.values_list("pk").first()


def require_distinct_rules(*, template_id: int) -> None:
    """Step: no place is named by two rules of this template, whose row is locked.

    :raises Refusal: with a fault for each that is.
    """
    require_transaction()
    refuse_if(
        [
            FieldInvalid(
                _("Two rules name %(region)s") % {"region": f"{code} {name}"} if code else ONE_REST,
                region=code,
            )
            for code, name in send(REPEATED, [template_id]).rows()
        ]
    )


def read_template(template: FreightTemplate) -> dict[str, Any]:
    """What the trail keeps of a template: its fields, and its rules in words."""
    return {**edits.read_fields(template), "rules": tell_rules(template.pk)}


def tell_rules(template_id: int) -> list[str]:
    """Each rule in one line, the same in every language, ordered by what they say."""
    rules = FreightRule.objects.filter(template_id=template_id).prefetch_related("regions")
    return sorted(_tell(rule) for rule in rules)


def _tell(rule: FreightRule) -> str:
    regions = " ".join(sorted(region.code for region in rule.regions.all())) or "*"
    text = (
        f"{regions}: {rule.basis} {money.to_text(rule.first_amount)}/{rule.first_size}"
        f" + {money.to_text(rule.step_amount)}/{rule.step_size}"
    )
    if rule.free_from_amount is not None:
        text += f", free from {money.to_text(rule.free_from_amount)}"
    return text + (f", remote {money.to_text(rule.remote_amount)}" if rule.remote_amount else "")


def _require_one_in_use(drafts: Sequence[TemplateDraft], known: dict[str, FreightTemplate]) -> None:
    """:raises Refusal: when two would be in use for the same goods, counting those not named."""
    others = FreightTemplate.objects.filter(is_active=True).exclude(
        pk__in=[template.pk for template in known.values()]
    )
    taken = {(one.warehouse_id, one.category_id): one.code for one in others}
    faults = []
    for index, draft in enumerate(drafts):
        if draft.code in known and not known[draft.code].is_active:
            continue
        other = taken.setdefault((draft.warehouse_id, draft.category_id), draft.code)
        if other != draft.code:
            text = _("Template %(code)s is in use for the same warehouse and category")
            faults.append(FieldInvalid(text % {"code": other}, pointer=f"/{index}/template"))
    refuse_if(faults)


def _make_room(drafts: Sequence[TemplateDraft], known: dict[str, FreightTemplate]) -> None:
    """Take what moves to other goods out of use, so that two may change places; it comes back in
    the same transaction."""
    moving = [
        known[draft.code].pk
        for draft in drafts
        if draft.code in known
        and (known[draft.code].warehouse_id, known[draft.code].category_id)
        != (draft.warehouse_id, draft.category_id)
    ]
    FreightTemplate.objects.filter(pk__in=moving).update(is_active=False)


def _save_template(draft: TemplateDraft, template: FreightTemplate | None) -> FreightTemplate:
    if template is None:
        template = FreightTemplate(code=draft.code)
    template.name = draft.name
    template.warehouse_id = draft.warehouse_id
    template.category_id = draft.category_id
    template.save()
    return template


def _replace_rules(template: FreightTemplate, drafts: Sequence[RuleDraft]) -> RulesOutcome:
    """A rule is the same one where it names the same regions."""
    old: dict[frozenset[str], FreightRule] = {}
    for rule in template.rules.prefetch_related("regions"):
        old.setdefault(_codes_of(rule.regions.all()), rule)
    kept = []
    outcomes = []
    for draft in drafts:
        known = old.get(frozenset(draft.regions))
        if known is None:
            kept.append(_add_rule(template, draft).pk)
            outcomes.append(CREATED)
            continue
        kept.append(known.pk)
        changed = [name for name, value in draft.terms.items() if getattr(known, name) != value]
        for name in changed:
            setattr(known, name, draft.terms[name])
        if changed:
            known.save(update_fields=changed)
        outcomes.append(UPDATED if changed else UNCHANGED)
    others = template.rules.exclude(pk__in=kept)
    removed = others.count()
    others.delete()
    return RulesOutcome(outcomes, removed)


def _add_rule(template: FreightTemplate, draft: RuleDraft) -> FreightRule:
    rule = FreightRule.objects.create(template=template, **draft.terms)
    codes: Iterable[Any] = draft.regions
    rule.regions.set(codes)
    return rule


def _codes_of(regions: Iterable[Any]) -> frozenset[str]:
    codes: Collection[str] = [region.code for region in regions]
    return frozenset(codes)
