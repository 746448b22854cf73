"""Freight templates and their rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from catalog.models import Category, Warehouse
from openplatform.core import money
from openplatform.core.locking import require_transaction
from orders.models import FreightRule, FreightTemplate


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
        values = asdict(draft)
        regions = values.pop("regions")
        FreightRule.objects.create(template=template, **values).regions.set(regions)
    return template
