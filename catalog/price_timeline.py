"""What a SKU costs a partner at any moment: the rule of precedence, and nothing but the rule.

An agreement on the SKU comes before one on the deepest category, before one on the brand, before
one on everything; of two alike the later start counts. The hot reads have the same rule in SQL
(``catalog/selectors/prices.py``); a test holds the two against each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from openplatform.core import money

BEGINNING = datetime.min.replace(tzinfo=UTC)
OF_THE_SKU, OF_THE_BRAND, OF_EVERYTHING = 32_767, 1, 0  # categories lie between, deeper is more


class ShownPrices(NamedTuple):
    """Prices of the house that merchants are shown."""

    market_price: Decimal
    sale_price: Decimal
    floor_price: Decimal | None


class OwnPrices(NamedTuple):
    """All prices of a SKU as one partner sees them."""

    market_price: Decimal
    sale_price: Decimal
    purchase_price: Decimal
    floor_price: Decimal | None


class Placement(NamedTuple):
    """Where a product stands: its category from the root down, and its brand."""

    category_path: tuple[int, ...]
    brand_id: int | None


class Move(NamedTuple):
    """The prices from a moment on."""

    effective_at: datetime
    prices: OwnPrices


@dataclass(frozen=True, slots=True)
class Agreed:
    """A version of an agreement: its target (none of the three: everything), terms and times.

    :param starts_at: by which it ranks; it may lie before ``from_at``, when it was entered.
    :param until_at: None leaves it open.
    """

    sku_id: int | None
    category_id: int | None
    brand_id: int | None
    fixed_price: Decimal | None
    discount_percent: Decimal | None
    starts_at: datetime
    from_at: datetime
    until_at: datetime | None

    def is_in_force(self, moment: datetime) -> bool:
        """From its start on, until its end."""
        return self.from_at <= moment and (self.until_at is None or moment < self.until_at)


# From now (None), then from each moment to come, which agreement makes the price; and the price.
Terms = Sequence[tuple[datetime | None, Agreed | None]]
Outlook = tuple[tuple[datetime | None, Decimal], ...]


class Agreements:
    """All agreements of one partner, to find those that concern a SKU."""

    def __init__(self, agreements: Iterable[Agreed]) -> None:
        self._of_skus: dict[int, list[Agreed]] = defaultdict(list)
        self._wide: list[Agreed] = []
        for agreed in agreements:
            if agreed.sku_id is None:
                self._wide.append(agreed)
            else:
                self._of_skus[agreed.sku_id].append(agreed)
        self._by_placement: dict[Placement, tuple[Agreed, ...]] = {}
        self._terms: dict[tuple[Placement, datetime], Terms] = {}

    def concerning(self, sku_id: int, placement: Placement) -> Sequence[Agreed]:
        """Those that apply to a SKU that stands there, the one that comes first first."""
        wide = self._by_placement.get(placement)
        if wide is None:
            wide = self._by_placement[placement] = _ranked(self._wide, sku_id, placement)
        own = self._of_skus.get(sku_id)
        return wide if own is None else (*_ranked(own, sku_id, placement), *wide)

    def terms_from(self, sku_id: int, placement: Placement, moment: datetime) -> Terms:
        """The agreement that makes the price at that moment, and from each later one on at which
        any begins or ends.
        """
        if sku_id in self._of_skus:
            return _terms_from(self.concerning(sku_id, placement), moment)
        key = placement, moment
        if key not in self._terms:
            self._terms[key] = _terms_from(self.concerning(sku_id, placement), moment)
        return self._terms[key]


class SkuTimeline(NamedTuple):
    """All that the price of one SKU depends on over time, for one partner.

    :param bases: from when on which prices counted, ascending.
    :param placements: until when the product stood where, ascending; the last one has no end.
    """

    sku_id: int
    bases: Sequence[tuple[datetime, ShownPrices]]
    placements: Sequence[tuple[datetime | None, Placement]]
    agreements: Agreements

    def prices_at(self, moment: datetime) -> OwnPrices | None:
        """The prices at that moment; None before the SKU had any."""
        base = self.base_at(moment)
        if base is None:
            return None
        own = price_by(self.agreement_at(moment), base.sale_price)
        return OwnPrices(base.market_price, base.sale_price, own, base.floor_price)

    def base_at(self, moment: datetime) -> ShownPrices | None:
        """The prices of the house; None before the SKU had any."""
        for since, base in reversed(self.bases):
            if since <= moment:
                return base
        return None

    def agreement_at(self, moment: datetime) -> Agreed | None:
        """The agreement that makes the price then; None: the sale price counts."""
        placement = next(
            place for until_at, place in self.placements if until_at is None or moment < until_at
        )
        return _first_in_force(self.agreements.concerning(self.sku_id, placement), moment)

    def moments(self) -> set[datetime]:
        """When something may move."""
        moments = {since for since, _base in self.bases}
        for until_at, placement in self.placements:
            if until_at is not None:
                moments.add(until_at)
            for agreed in self.agreements.concerning(self.sku_id, placement):
                moments.add(agreed.from_at)
                if agreed.until_at is not None:
                    moments.add(agreed.until_at)
        return moments

    def moves_after(self, moment: datetime) -> Iterator[Move]:
        """Each later moment from which on the prices differ from those just before it."""
        present = self.prices_at(moment)
        for coming in sorted(at for at in self.moments() if at > moment):
            prices = self.prices_at(coming)
            if prices is not None and prices != present:
                yield Move(coming, prices)
                present = prices

    def outlook(self, moment: datetime) -> Outlook:
        """The partner's own price then (None), and each later moment from which on it is another.

        :raises ValueError: before the SKU had any prices.
        """
        base = self.base_at(moment)
        if base is None:
            raise ValueError(f"SKU {self.sku_id} had no price at {moment}")
        own: Decimal | None = None
        outlook: list[tuple[datetime | None, Decimal]] = []
        for at, price in self._own_prices_from(moment, base):
            if price != own:
                outlook.append((at, price))
                own = price
        return tuple(outlook)

    def _own_prices_from(
        self, moment: datetime, base: ShownPrices
    ) -> Iterator[tuple[datetime | None, Decimal]]:
        if len(self.bases) == 1 and len(self.placements) == 1:  # as nearly all do
            placement = self.placements[0][1]
            for at, agreed in self.agreements.terms_from(self.sku_id, placement, moment):
                yield at, price_by(agreed, base.sale_price)
            return
        yield None, price_by(self.agreement_at(moment), base.sale_price)
        for move in self.moves_after(moment):
            yield move.effective_at, move.prices.purchase_price


def price_by(agreed: Agreed | None, sale_price: Decimal) -> Decimal:
    """A partner's own price by an agreement; None: the sale price."""
    if agreed is None:
        return sale_price
    return purchase_price(sale_price, agreed.fixed_price, agreed.discount_percent)


def purchase_price(
    sale_price: Decimal, fixed_price: Decimal | None, discount_percent: Decimal | None
) -> Decimal:
    """A partner's own price: fixed, the sale price with a percentage taken off (to the cent, half
    a cent up, at least one cent), or that price.
    """
    if fixed_price is not None:
        return fixed_price
    if discount_percent is not None:
        return _discounted(sale_price, discount_percent)
    return sale_price


@lru_cache(maxsize=65_536)
def _discounted(sale_price: Decimal, percent: Decimal) -> Decimal:
    return money.discounted(sale_price, percent)


def _terms_from(concerning: Sequence[Agreed], moment: datetime) -> Terms:
    later = {
        at
        for agreed in concerning
        for at in (agreed.from_at, agreed.until_at)
        if at is not None and at > moment
    }
    return (
        (None, _first_in_force(concerning, moment)),
        *((at, _first_in_force(concerning, at)) for at in sorted(later)),
    )


def _first_in_force(ranked: Sequence[Agreed], moment: datetime) -> Agreed | None:
    for agreed in ranked:
        if agreed.is_in_force(moment):
            return agreed
    return None


def _ranked(agreements: Iterable[Agreed], sku_id: int, placement: Placement) -> tuple[Agreed, ...]:
    ranked = [
        (closeness, agreed.starts_at, agreed)
        for agreed in agreements
        if (closeness := _closeness(agreed, sku_id, placement)) is not None
    ]
    ranked.sort(key=lambda entry: entry[:2], reverse=True)
    return tuple(agreed for _closeness, _start, agreed in ranked)


def _closeness(agreed: Agreed, sku_id: int, placement: Placement) -> int | None:
    if agreed.sku_id is not None:
        return OF_THE_SKU if agreed.sku_id == sku_id else None
    if agreed.category_id is not None:
        path = placement.category_path
        return path.index(agreed.category_id) + 2 if agreed.category_id in path else None
    if agreed.brand_id is not None:
        return OF_THE_BRAND if agreed.brand_id == placement.brand_id else None
    return OF_EVERYTHING
