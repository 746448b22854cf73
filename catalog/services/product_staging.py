"""The statements that stage a file of products, in the order in which they run.

``staged_sku`` has a row for each row of the file, ``staged_product`` one for each product that the
rows name. They are completed until they say what each SKU and product shall be, and asked what is
wrong or odd about that. ``product_statements`` writes what differs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import connection

from catalog.models import Sku

STAGED_SKU: Mapping[str, str] = {
    # The row of the file, by which remarks name it.
    "number": "integer",
    # What the cells say; empty for a blank cell, and for a column that the file does not have.
    "code": "text",
    "product": "text",
    "name": "text",
    "category": "text",
    "brand": "text",
    "unit": "text",
    "attributes": "jsonb",
    "description": "text",
    "specs": "jsonb",
    "images": "text[]",
    "weight_grams": "integer",
    "barcode": "text",
    "tax_rate": "numeric(5, 4)",
    "min_quantity": "integer",
    "quantity_step": "integer",
    "shelf_state": "text",
    "sale_price": "numeric(14, 2)",
    "market_price": "numeric(14, 2)",
    "cost_price": "numeric(14, 2)",
    "floor_price": "numeric(14, 2)",
    "pool_ids": "bigint[]",
    # What is found for them.
    "sku_id": "bigint",
    "home_id": "bigint",
    "is_new": "boolean",
    "category_id": "bigint",
    "brand_id": "bigint",
}
# What joins look at; the rest is wide and only copied.
JOINED = ("number", "code", "product", "sku_id", "home_id", "is_new", "category_id", "brand_id")
# Columns of a product that a file may leave out, what they are called there, and what a blank cell
# makes of them.
OPTIONAL_PRODUCT_COLUMNS: Mapping[str, tuple[str, str]] = {
    "brand": ("brand_id", "NULL"),
    "unit": ("unit", "''"),
    "attributes": ("attributes", "'{}'::jsonb"),
    "description": ("description", "''"),
}

# Codes that came before in the file.
REPEATED = """
    SELECT number, first FROM (
        SELECT number, min(number) OVER (PARTITION BY code) AS first FROM staged_sku
    ) row_of_code
    WHERE number > first ORDER BY number
"""

# The texts by which the rows name categories.
CATEGORIES = "SELECT DISTINCT category FROM staged_sku ORDER BY category"
ROWS_OF_CATEGORY = "SELECT number FROM staged_sku WHERE category = %s ORDER BY number"

# Whether it looks, before anything is locked, as if products or SKUs were to move.
MAY_MOVE = """
    SELECT EXISTS (
        SELECT FROM staged_sku staged
        LEFT JOIN unnest(%(categories)s::text[], %(category_ids)s::bigint[])
            AS category (text, id) ON category.text = staged.category
        LEFT JOIN catalog_sku sku ON sku.code = staged.code
        LEFT JOIN catalog_product home ON home.id = sku.product_id
        JOIN catalog_product product
            ON product.code = coalesce(staged.product, home.code, staged.code)
        LEFT JOIN catalog_brand brand ON brand.id = product.brand_id
        WHERE product.id <> sku.product_id OR product.category_id <> category.id
            OR (%(has_brand)s AND brand.name IS DISTINCT FROM staged.brand)
    )
"""

# Products first, then SKUs, each in ascending order of their ids (docs/locking.md). A row's product
# is the one that it names, else the one where its SKU is at home, else one of the SKU's own code.
LOCK_PRODUCTS = """
    SELECT count(*) FROM (
        SELECT id FROM catalog_product WHERE code IN (
            SELECT coalesce(staged.product, home.code, staged.code)
            FROM staged_sku staged
            LEFT JOIN catalog_sku sku ON sku.code = staged.code
            LEFT JOIN catalog_product home ON home.id = sku.product_id
        )
        ORDER BY id FOR NO KEY UPDATE
    ) locked
"""
# The SKUs of the file, and those that share a product with them now or then: they change along.
LOCK_SKUS = """
    SELECT count(*) FROM (
        SELECT id FROM catalog_sku
        WHERE code IN (SELECT code FROM staged_sku) OR product_id IN (
            SELECT id FROM catalog_product WHERE code IN (
                SELECT coalesce(product, code) FROM staged_sku
            )
            UNION
            SELECT sku.product_id FROM staged_sku staged
            JOIN catalog_sku sku ON sku.code = staged.code
        )
        ORDER BY id FOR NO KEY UPDATE
    ) locked
"""
# Of the SKUs that the rows are about, those with prices that are due and not written to them yet.
DUE_PRICES = """
    SELECT DISTINCT coming.sku_id
    FROM staged_sku staged
    JOIN catalog_sku sku ON sku.code = staged.code
    JOIN catalog_pricechange coming ON coming.sku_id = sku.id
    WHERE coming.applied_at IS NULL AND coming.effective_at <= statement_timestamp()
"""

# Brands that nobody has named before.
ADD_BRANDS = """
    INSERT INTO catalog_brand (name)
    SELECT DISTINCT brand FROM staged_sku WHERE brand IS NOT NULL
        AND NOT EXISTS (SELECT FROM catalog_brand known WHERE known.name = staged_sku.brand)
    ORDER BY brand
    ON CONFLICT (name) DO NOTHING
"""

# What the file says of products otherwise than its first row of the same product.
DISAGREEING = """
    SELECT staged.number, staged.product
    FROM staged_sku staged
    JOIN staged_product product ON product.code = staged.product
    WHERE (staged.category_id, {staged}) IS DISTINCT FROM (product.category_id, {product})
    ORDER BY staged.number
"""

# Odd, but legal. A row is told of once: when it makes a SKU or moves the price in question.
FALLING_PRICES = """
    SELECT staged.number, sku.sale_price, staged.sale_price
    FROM staged_sku staged JOIN catalog_sku sku ON sku.id = staged.sku_id
    WHERE staged.sale_price * 2 <= sku.sale_price ORDER BY staged.number
"""
LOW_PRICES = """
    SELECT staged.number, staged.sale_price, staged.{other}
    FROM staged_sku staged LEFT JOIN catalog_sku sku ON sku.id = staged.sku_id
    WHERE staged.sale_price < staged.{other} AND (
        sku.id IS NULL OR sku.sale_price <> staged.sale_price
        OR sku.{other} IS DISTINCT FROM staged.{other}
    )
    ORDER BY staged.number
"""
BELOW_COST = LOW_PRICES.format(other="cost_price")
BELOW_FLOOR = LOW_PRICES.format(other="floor_price")
# Codes of new SKUs that others have in different letter case, in the catalogue or further up.
SIMILAR_CODES = """
    SELECT staged.number, coalesce(known.code, earlier.code)
    FROM staged_sku staged
    LEFT JOIN (
        SELECT lower(code) AS folded, min(code) AS code FROM catalog_sku
        WHERE lower(code) IN (SELECT lower(code) FROM staged_sku WHERE is_new)
        GROUP BY lower(code)
    ) known ON known.folded = lower(staged.code)
    LEFT JOIN (
        SELECT DISTINCT ON (lower(code)) lower(code) AS folded, code, number
        FROM staged_sku ORDER BY lower(code), number
    ) earlier ON earlier.folded = lower(staged.code) AND earlier.number < staged.number
        AND earlier.code <> staged.code
    WHERE staged.is_new AND coalesce(known.code, earlier.code) IS NOT NULL
    ORDER BY staged.number
"""
# Pools that a row names and that its SKU is kept out of.
EXCLUDED = """
    SELECT staged.number, pool.code
    FROM staged_sku staged
    JOIN catalog_poolexclusion excluded
        ON excluded.sku_id = staged.sku_id AND excluded.pool_id = ANY(staged.pool_ids)
    JOIN catalog_pool pool ON pool.id = excluded.pool_id
    ORDER BY staged.number, pool.code
"""


def complete_skus(columns: Collection[str]) -> str:
    """The statement that finds the SKU, product, category and brand of each row, and fills in what
    the row does not say: from the SKU as it is, or else a default.

    :param columns: those that the file has: there, a blank cell empties what may be empty.
    """

    def emptied(column: str, nothing: str) -> str:
        if column in columns:
            return f"coalesce(own.{column}, {nothing})"
        return f"coalesce(sku.{column}, {nothing})"

    def lasting(column: str) -> str:
        return f"coalesce(own.{column}, sku.{column}, {_default(column)})"

    # A market price that never was set apart follows the sale price.
    return f"""
        UPDATE staged_sku staged
        SET sku_id = sku.id, home_id = sku.product_id, is_new = sku.id IS NULL,
            product = coalesce(own.product, home.code, own.code),
            category_id = category.id, brand_id = brand.id,
            specs = {emptied("specs", "'{}'::jsonb")},
            weight_grams = {emptied("weight_grams", "0")},
            barcode = {emptied("barcode", "''")},
            cost_price = {emptied("cost_price", "NULL")},
            floor_price = {emptied("floor_price", "NULL")},
            market_price = coalesce(
                own.market_price,
                CASE WHEN sku.market_price <> sku.sale_price THEN sku.market_price END,
                own.sale_price
            ),
            tax_rate = {lasting("tax_rate")},
            min_quantity = {lasting("min_quantity")},
            quantity_step = {lasting("quantity_step")},
            shelf_state = {lasting("shelf_state")}
        FROM staged_sku own
        LEFT JOIN catalog_sku sku ON sku.code = own.code
        LEFT JOIN catalog_product home ON home.id = sku.product_id
        LEFT JOIN catalog_brand brand ON brand.name = own.brand
        LEFT JOIN unnest(%(categories)s::text[], %(category_ids)s::bigint[])
            AS category (text, id) ON category.text = own.category
        WHERE staged.number = own.number
    """  # noqa: S608 - put together from constants


def complete_products(columns: Collection[str]) -> str:
    """The statement that makes ``staged_product``: what each product shall be, by the first row
    that names it. Its name is that of the SKU it was made with, and follows it.
    """
    values = []
    for column, (name, nothing) in OPTIONAL_PRODUCT_COLUMNS.items():
        source = "staged" if column in columns else "present"
        values.append(f"coalesce({source}.{name}, {nothing}) AS {name}")
    return f"""
        CREATE TEMPORARY TABLE staged_product ON COMMIT DROP AS
        WITH renamed AS (
            SELECT DISTINCT ON (staged.home_id) staged.home_id, staged.name
            FROM staged_sku staged
            JOIN catalog_sku sku ON sku.id = staged.sku_id
            JOIN catalog_product home ON home.id = staged.home_id
            WHERE sku.name = home.name AND staged.name <> home.name
                AND staged.product = home.code
            ORDER BY staged.home_id, staged.number
        )
        SELECT DISTINCT ON (staged.product) staged.product AS code, present.id,
            coalesce(renamed.name, present.name, staged.name) AS name, staged.category_id,
            {", ".join(values)}
        FROM staged_sku staged
        LEFT JOIN catalog_product present ON present.code = staged.product
        LEFT JOIN renamed ON renamed.home_id = present.id
        ORDER BY staged.product, staged.number
    """  # noqa: S608 - put together from constants


def disagreeing(columns: Collection[str]) -> str:
    """The statement that finds rows which say otherwise of their product than an earlier one."""
    pairs = [
        (f"coalesce(staged.{name}, {nothing})", f"product.{name}")
        for column, (name, nothing) in OPTIONAL_PRODUCT_COLUMNS.items()
        if column in columns
    ]
    return DISAGREEING.format(
        staged=", ".join(["true", *(staged for staged, _product in pairs)]),
        product=", ".join(["true", *(product for _staged, product in pairs)]),
    )


def _default(column: str) -> str:
    """What the model gives a new SKU, as SQL."""
    field = Sku._meta.get_field(column)
    return f"'{field.get_default()}'::{field.db_type(connection)}"  # type: ignore[union-attr]
