"""Products and their SKUs, a whole file at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import nh3
from django.db import connection
from django.utils.translation import gettext_lazy as _

from catalog.models import PoolChange, Sku
from catalog.services import product_staging as staging
from catalog.services import product_statements as statements
from catalog.services.base_prices import (
    BasePrices,
    apply_due_prices_of,
    record_first_prices,
    set_prices,
)
from catalog.services.categories import CategoryFinder
from catalog.services.changes import hint_pools, hint_stock, tell_updated
from catalog.services.membership import add_memberships, lock_pools
from catalog.services.outcome import Outcome
from catalog.services.placements import (
    keep_placements_of_skus,
    lock_placements,
    telling_moved_prices,
)
from catalog.services.shelf import publish_shelf_state
from catalog.services.sight import tell_other_siblings
from catalog.services.staging import analyze_staging, copy_rows, create_staging, drop_staging
from openplatform.core.errors import FieldInvalid, type_of_text
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

CLEANER = nh3.Cleaner(
    url_schemes={"http", "https", "mailto", "tel"}, clean_content_tags={"script", "style"}
)
PRICE_BATCH = 5000
MANY_SKUS = 500


def sanitised(html: str) -> str:
    """HTML without scripts, styles, event handlers and addresses other than of web and mail."""
    return CLEANER.clean(html)


@dataclass(frozen=True, slots=True)
class Remark:
    """What there is to say about a row: a fault, or with a code a warning."""

    number: int
    column: str
    text: type_of_text
    code: str = ""


class ProductWriter:
    """Step in three parts: :meth:`stage` takes rows as they come and locks nothing that anybody
    waits for; :meth:`prepare` locks, completes and checks them; :meth:`write` writes and tells.

    A row is a SKU, and says of its product what all SKUs of it share. A column that the file does
    not have leaves what is there. A blank cell empties a field that may be empty, and leaves the
    others. Without a product, a known SKU keeps its own, and a new one gets one with its code.

    What is locked, in this order: the tree of categories, placements when something moves,
    products, SKUs, then pools, rows in ascending order of their ids.

    :param columns: those that the file has, of ``staged_sku``.
    :param reason: stands in the history of prices.
    """

    def __init__(self, *, columns: Collection[str], reason: str, actor: str, now: datetime) -> None:
        require_transaction()
        self._columns = columns
        self._reason = reason
        self._actor = actor
        self._now = now
        drop_staging("staged_product", "changed_sku")
        create_staging("staged_sku", staging.STAGED_SKU)

    def stage(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Take rows of ``staged_sku``; their ``number`` names them in what is said of them."""
        copy_rows("staged_sku", columns, rows)

    def prepare(self) -> list[Remark]:
        """Lock what the rows are about, and complete them; answers their faults."""
        analyze_staging("staged_sku", staging.JOINED)
        category_ids, unknown = self._find_categories()
        found = {"categories": list(category_ids), "category_ids": list(category_ids.values())}
        has_brand = "brand" in self._columns
        if send(staging.MAY_MOVE, {**found, "has_brand": has_brand}).row() == (True,):
            lock_placements()
        send(staging.LOCK_PRODUCTS)
        send(staging.LOCK_SKUS)
        # What the file leaves out stays as it is by now, written to the SKU or not.
        due = [sku_id for (sku_id,) in send(staging.DUE_PRICES).rows()]
        if due:
            apply_due_prices_of(sku_ids=due, now=self._now)
        send(staging.ADD_BRANDS)
        send(staging.complete_skus(self._columns), found)
        analyze_staging("staged_sku", staging.JOINED)
        send(staging.complete_products(self._columns))
        analyze_staging("staged_product", ("code", "id", "category_id", "brand_id"))
        return [*self._repeated(), *unknown, *self._disagreeing()]

    def list_warnings(self) -> Iterator[Remark]:
        """What is odd about the rows, once they are prepared."""
        for number, before, after in send(staging.FALLING_PRICES).rows():
            text = _("The sale price falls by half or more, from %(before)s to %(after)s") % {
                "before": before,
                "after": after,
            }
            yield Remark(number, "sale_price", text, "price_falls")
        for number, price, cost in send(staging.BELOW_COST).rows():
            text = _("The sale price %(price)s is below the cost price %(other)s") % {
                "price": price,
                "other": cost,
            }
            yield Remark(number, "sale_price", text, "below_cost")
        for number, price, floor in send(staging.BELOW_FLOOR).rows():
            text = _("The sale price %(price)s is below the floor price %(other)s") % {
                "price": price,
                "other": floor,
            }
            yield Remark(number, "sale_price", text, "below_floor")
        for number, code in send(staging.SIMILAR_CODES).rows():
            text = _("%(code)s differs from it in the case of letters only") % {"code": code}
            yield Remark(number, "sku", text, "similar_code")
        for number, code in send(staging.EXCLUDED).rows():
            text = _("It is excluded from the pool %(code)s, and stays out of it") % {"code": code}
            yield Remark(number, "pools", text, "excluded_from_pool")

    def write(self) -> Outcome:
        """Write what differs from the prepared rows, and tell whom it concerns."""
        send(statements.FIND_CHANGES)
        analyze_staging("changed_sku", ("sku_id", "has_other_prices"))
        with self._telling_moves():
            now = {"now": self._now}
            send(statements.WRITE_PRODUCTS)
            send(statements.ADD_PRODUCTS)
            send(statements.WRITE_SKUS, now)
            new_ids = [sku_id for (sku_id,) in send(statements.ADD_SKUS, now).rows()]
            send(statements.WRITE_IMAGES)
            send(statements.REMOVE_IMAGES)
            if len(new_ids) >= MANY_SKUS:
                send(statements.RENEW_STATISTICS)
            # What references were written is checked now, not at the commit under the lock.
            connection.check_constraints()
            lock_pools()  # before the first message, and for a moment only
        homes = {sku_id: (was, now) for sku_id, was, now in send(statements.HOMES).rows()}
        tell_other_siblings(homes=homes, now=self._now)
        self._write_prices(new_ids)
        joined = self._join_pools()
        self._tell(new_ids)
        created, updated, rows = send(statements.OUTCOME, {"joined": joined}).rows()[0]
        return Outcome(created, updated, rows - created - updated)

    def _find_categories(self) -> tuple[Mapping[str, int], Sequence[Remark]]:
        """Ids of the categories by the texts that name them; paths are made."""
        finder = CategoryFinder()
        found: dict[str, int] = {}
        unknown: list[Remark] = []
        for (text,) in send(staging.CATEGORIES).rows():
            try:
                found[text] = finder.find(text).pk
            except FieldInvalid as fault:
                rows = send(staging.ROWS_OF_CATEGORY, [text]).rows()
                unknown += [Remark(number, "category", fault.detail) for (number,) in rows]
        return found, unknown

    def _repeated(self) -> Iterator[Remark]:
        for number, first in send(staging.REPEATED).rows():
            text = _("The same stands in row %(row)d") % {"row": first}
            yield Remark(number, "sku", text)

    def _disagreeing(self) -> Iterator[Remark]:
        for number, code in send(staging.disagreeing(self._columns)).rows():
            text = _(
                "Category, brand, unit, attributes and description differ from an earlier row"
                " of product %(code)s"
            ) % {"code": code}
            yield Remark(number, "product", text)

    @contextmanager
    def _telling_moves(self) -> Iterator[None]:
        """The block moves products and SKUs; partners whose prices hang on it are told."""
        leaving = [sku_id for (sku_id,) in send(statements.LEAVING_SKUS).rows()]
        if leaving:
            keep_placements_of_skus(sku_ids=leaving, now=self._now)
        sku_ids = [sku_id for (sku_id,) in send(statements.MOVED_SKUS).rows()]
        if not sku_ids:
            yield
            return
        lock_placements()  # held since before the first row, unless the move is a matter of moments
        categories, brands = send(statements.PASSED).rows()[0]
        with telling_moved_prices(
            sku_ids=sku_ids, passed_categories=categories, passed_brands=brands, now=self._now
        ):
            send(statements.KEEP_PLACEMENTS, {"now": self._now})
            yield

    def _write_prices(self, new_ids: Collection[int]) -> None:
        record_first_prices(sku_ids=new_ids, actor=self._actor)
        last_id = 0
        while rows := send(statements.MOVED_PRICES, [last_id, PRICE_BATCH]).rows():
            last_id = rows[-1][0]
            set_prices(
                prices={sku_id: BasePrices(*prices) for sku_id, *prices in rows},
                reason=self._reason,
                actor=self._actor,
                now=self._now,
            )

    def _join_pools(self) -> list[int]:
        """Ids of the SKUs that come into a pool in which they were not."""
        members: dict[int, list[int]] = dict(send(statements.JOINING).rows())
        if members:
            add_memberships(
                members=members,
                cause=PoolChange.Cause.FILE,
                actor=self._actor,
                now=self._now,
            )
        return sorted({sku_id for sku_ids in members.values() for sku_id in sku_ids})

    def _tell(self, new_ids: Collection[int]) -> None:
        fields: dict[int, Collection[str]] = {}
        for names, sku_ids in send(statements.DETAILS_TOLD).rows():
            fields |= dict.fromkeys(sku_ids, names)
        tell_updated(fields=fields, now=self._now)
        for state, sku_ids, codes in send(statements.SHELF_TOLD).rows():
            publish_shelf_state(state=Sku.ShelfState(state), skus=codes)
            hint_stock(sku_ids=sku_ids)
        hint_pools(sku_ids=new_ids)
