"""From an edit of prices, so many percent or an amount, to the new prices of each SKU."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from openplatform.core import money
from openplatform.core.errors import FieldInvalid, refuse_if

HALF = 2
MAX_NAMED = 5
PRICES = ("market_price", "sale_price", "cost_price", "floor_price")
MAY_BE_EMPTY = frozenset({"cost_price", "floor_price"})

FourPrices = tuple[Decimal, Decimal, Decimal | None, Decimal | None]


class How(StrEnum):
    """What an edit does to a price."""

    SET = "set"
    PERCENT = "percent"
    AMOUNT = "amount"
    CLEAR = "clear"


class Rule(NamedTuple):
    """One price is set, moved by so many percent or by an amount (either may be negative), or
    emptied. A percentage is rounded to the cent, half a cent up, and leaves at least a cent.
    """

    how: How
    value: Decimal | None = None

    def apply(self, price: Decimal | None) -> Decimal | None:
        """The price after it; what is empty stays so unless it is set."""
        if self.how == How.CLEAR:
            return None
        assert self.value is not None  # noqa: S101 - only CLEAR goes without
        if self.how == How.SET:
            return self.value
        if price is None:
            return None
        if self.how == How.PERCENT:
            return money.discounted(price, -self.value)
        return price + self.value

    def __str__(self) -> str:
        if self.how == How.PERCENT:
            return f"{self.value:+f} %"
        return f"{self.value:+f}" if self.how == How.AMOUNT else f"{self.value or ''}"


class PriceEdit(dict[str, Rule]):
    """By the name of the price; what is not named stays."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {rule}" for name, rule in self.items())


class SkuPrices(NamedTuple):
    """A SKU with its four prices at some moment."""

    sku_id: int
    code: str
    name: str
    prices: FourPrices


class Concern(StrEnum):
    """What asks for a second look."""

    BELOW_COST = "below_cost"
    BELOW_FLOOR = "below_floor"
    FALLS_BY_HALF = "falls_by_half"


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A SKU whose prices change."""

    sku_id: int
    code: str
    name: str
    before: FourPrices
    after: FourPrices

    @property
    def concerns(self) -> frozenset[Concern]:
        """Of the sale price, as far as the edit is to blame."""
        _market, sale, cost, floor = self.after
        _market, sale_before, cost_before, floor_before = self.before
        moved = sale != sale_before
        found = set()
        if cost is not None and sale < cost and (moved or cost != cost_before):
            found.add(Concern.BELOW_COST)
        if floor is not None and sale < floor and (moved or floor != floor_before):
            found.add(Concern.BELOW_FLOOR)
        if moved and sale * HALF <= sale_before:
            found.add(Concern.FALLS_BY_HALF)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class PricePlan:
    """What an edit would do. ``asked`` SKUs were named, those in ``lines`` change."""

    edit: PriceEdit
    asked: int
    lines: Sequence[PlannedLine]

    @property
    def concerns(self) -> Mapping[Concern, int]:
        """How many SKUs ask for a second look, by what for."""
        counts: dict[Concern, int] = {}
        for line in self.lines:
            for concern in line.concerns:
                counts[concern] = counts.get(concern, 0) + 1
        return counts

    @property
    def fingerprint(self) -> str:
        """Stands for every line, before and after."""
        digest = hashlib.sha256()
        for line in self.lines:
            digest.update(f"{line.sku_id} {line.before} {line.after}\n".encode())
        return digest.hexdigest()


def plan_prices(present: Sequence[SkuPrices], edit: PriceEdit) -> PricePlan:
    """What the edit makes of these SKUs.

    :raises Refusal: with the pointer ``/edit``, when a price would not be above zero, or too large.
    """
    lines = []
    faulty: list[str] = []
    for sku in present:
        named = dict(zip(PRICES, sku.prices, strict=True))
        new = {name: edit[name].apply(price) if name in edit else price
               for name, price in named.items()}  # fmt: skip
        if not all(_is_possible(name, new[name]) for name in edit):
            faulty.append(sku.code)
            continue
        after = (new["market_price"], new["sale_price"], new["cost_price"], new["floor_price"])
        if after != sku.prices:
            lines.append(PlannedLine(sku.sku_id, sku.code, sku.name, sku.prices, after))  # type: ignore[arg-type] # market and sale are possible, hence there
    if faulty:
        text = _("A price would not be above zero, or too large: %(skus)s") % {
            "skus": ", ".join(faulty[:MAX_NAMED]) + (" …" if len(faulty) > MAX_NAMED else "")
        }
        refuse_if([FieldInvalid(text, pointer="/edit")])
    return PricePlan(edit, len(present), lines)


def _is_possible(name: str, price: Decimal | None) -> bool:
    if price is None:
        return name in MAY_BE_EMPTY
    least = money.ZERO if name == "cost_price" else money.CENT
    return least <= price < money.LIMIT
