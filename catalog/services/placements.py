"""Where products stand: who may move what, and what a move of products leaves behind.

Prices depend on it: agreements hold for a category with everything below it, or for a brand, and
what a SKU cost on some day depends on where its product stood on that day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from catalog.services.price_telling import PLACEMENT_LOCK, telling_prices
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

TREE = 0x63617465  # the key of the advisory lock: "cate"

KEEP_PRODUCTS = """
    INSERT INTO catalog_formerplacement (product_id, category_path, brand_id, until_at)
    SELECT product.id, category.path, product.brand_id, %s
    FROM catalog_product product JOIN catalog_category category ON category.id = product.category_id
    WHERE product.id = ANY(%s::bigint[]) OR product.category_id = ANY(%s::bigint[])
    ORDER BY product.id
"""
# A SKU that leaves its product takes along where it stood with it, so far and now.
KEEP_SKUS = """
    WITH leaving AS (
        SELECT sku.id AS sku_id, sku.product_id, (
                SELECT max(own.until_at) FROM catalog_formerplacement own WHERE own.sku_id = sku.id
            ) AS came_at
        FROM catalog_sku sku WHERE sku.id = ANY(%(sku_ids)s::bigint[])
    )
    INSERT INTO catalog_formerplacement (sku_id, category_path, brand_id, until_at)
    SELECT sku_id, category_path, brand_id, until_at FROM (
        SELECT leaving.sku_id, former.category_path, former.brand_id, former.until_at, former.id
        FROM leaving JOIN catalog_formerplacement former ON former.product_id = leaving.product_id
        WHERE former.until_at > coalesce(leaving.came_at, '-infinity')
        UNION ALL
        SELECT leaving.sku_id, category.path, product.brand_id, %(now)s, NULL
        FROM leaving
        JOIN catalog_product product ON product.id = leaving.product_id
        JOIN catalog_category category ON category.id = product.category_id
    ) placement
    ORDER BY sku_id, until_at, id NULLS LAST
"""
AGREED = """
    SELECT DISTINCT partner_id FROM catalog_purchaseprice
    WHERE superseded_at IS NULL AND sku_id IS NULL
        AND (ends_at IS NULL OR ends_at > statement_timestamp())
        AND (category_id = ANY(%s::bigint[]) OR brand_id = ANY(%s::bigint[]))
    ORDER BY partner_id
"""
SKUS = """
    SELECT sku.id FROM catalog_product product JOIN catalog_sku sku ON sku.product_id = product.id
    WHERE product.id = ANY(%s::bigint[]) OR product.category_id = ANY(%s::bigint[])
    ORDER BY sku.id
"""


def lock_tree(*, is_shared: bool = False) -> None:
    """Step: nobody else changes the category tree until the transaction ends.

    Whoever changes it waits for everybody else; whoever only moves products about in it shares the
    lock with others who do, so that paths stay as they were read. No row is locked by it.
    """
    require_transaction()
    suffix = "_shared" if is_shared else ""
    send(f"SELECT pg_advisory_xact_lock{suffix}(%s)", [TREE]).rows()


def lock_placements() -> None:
    """Step: no agreement on a category or brand is written, and no other product moved, until the
    transaction ends. To be taken after the tree and before any row.
    """
    require_transaction()
    send("SELECT pg_advisory_xact_lock(%s)", [PLACEMENT_LOCK]).rows()


def keep_placements_of_skus(*, sku_ids: Collection[int], now: datetime) -> None:
    """Step: SKUs are about to go over to another product, before that one or theirs moves."""
    require_transaction()
    send(KEEP_SKUS, {"sku_ids": list(sku_ids), "now": now})


def list_skus_of(
    *, product_ids: Collection[int] = (), category_ids: Collection[int] = ()
) -> list[int]:
    """The SKUs of products, and of all products that stand in these categories themselves."""
    rows = send(SKUS, [list(product_ids), list(category_ids)]).rows()
    return [sku_id for (sku_id,) in rows]


@contextmanager
def moving_products(
    *,
    product_ids: Collection[int] = (),
    category_ids: Collection[int] = (),
    passed_categories: Collection[int],
    passed_brands: Collection[int] = (),
    now: datetime,
) -> Iterator[None]:
    """Step: the block moves products, or the categories in which they stand, with the placements
    locked.

    Where they stood is kept, and partners whose prices move with it are told.

    :param category_ids: all products that stand in these themselves.
    :param passed_categories: of the paths before and after; with an agreement for none of them
        no partner's price moves.
    :param passed_brands: the brands before and after, when they differ.
    """
    require_transaction()
    send(KEEP_PRODUCTS, [now, list(product_ids), list(category_ids)])
    with telling_moved_prices(
        sku_ids=list_skus_of(product_ids=product_ids, category_ids=category_ids),
        passed_categories=passed_categories,
        passed_brands=passed_brands,
        now=now,
    ):
        yield


@contextmanager
def telling_moved_prices(
    *,
    sku_ids: Collection[int],
    passed_categories: Collection[int],
    passed_brands: Collection[int],
    now: datetime,
) -> Iterator[None]:
    """Step: the block changes which categories and brands SKUs belong to, with the placements
    locked.
    """
    require_transaction()
    rows = send(AGREED, [list(passed_categories), list(passed_brands)]).rows()
    partner_ids = [partner_id for (partner_id,) in rows]
    if not partner_ids or not sku_ids:
        yield
        return
    with telling_prices(partner_ids=partner_ids, sku_ids=list(sku_ids), now=now):
        yield
