"""The statements that write a file of products, in the order in which they run.

``staged_sku`` and ``staged_product`` say what each SKU and product of the file shall be
(``product_staging``). What differs is kept in ``changed_sku``, because after the writing nobody can
tell; then it is written.
"""

from __future__ import annotations

# What changes, and for which SKU: details by the names that the API has for them, prices, and the
# shelf. Besides the SKUs of the file these are all others of their products. Siblings are no part
# of it: they are not the same for every partner (`HOMES`).
FIND_CHANGES = """
    CREATE TEMPORARY TABLE changed_sku ON COMMIT DROP AS
    WITH concerned AS (
        SELECT sku_id AS id FROM staged_sku WHERE NOT is_new
        UNION
        SELECT sku.id FROM staged_product product
        JOIN catalog_sku sku ON sku.product_id = product.id
    ), compared AS (
        SELECT sku.id AS sku_id,
            array_remove(ARRAY[
                CASE WHEN was.code <> staged.product THEN 'product' END,
                CASE WHEN sku.name <> staged.name THEN 'name' END,
                CASE WHEN was.brand_id IS DISTINCT FROM product.brand_id
                    AND product.code IS NOT NULL THEN 'brand' END,
                CASE WHEN was.category_id <> product.category_id THEN 'category' END,
                CASE WHEN was.unit <> product.unit THEN 'unit' END,
                CASE WHEN sku.specs <> staged.specs THEN 'specs' END,
                CASE WHEN was.attributes <> product.attributes THEN 'attributes' END,
                CASE WHEN was.description <> product.description THEN 'description' END,
                CASE WHEN staged.images <> ARRAY(
                    SELECT image.url::text FROM catalog_skuimage image
                    WHERE image.sku_id = sku.id ORDER BY image.position
                ) THEN 'images' END,
                CASE WHEN sku.weight_grams <> staged.weight_grams THEN 'weight_grams' END,
                CASE WHEN sku.barcode <> staged.barcode THEN 'barcode' END,
                CASE WHEN sku.tax_rate <> staged.tax_rate THEN 'tax_rate' END,
                CASE WHEN sku.min_quantity <> staged.min_quantity THEN 'min_quantity' END,
                CASE WHEN sku.quantity_step <> staged.quantity_step THEN 'quantity_step' END
            ], NULL) AS fields,
            staged.sku_id IS NOT NULL AND (
                sku.sale_price, sku.market_price, sku.cost_price, sku.floor_price
            ) IS DISTINCT FROM (
                staged.sale_price, staged.market_price, staged.cost_price, staged.floor_price
            ) AS has_other_prices,
            CASE WHEN sku.shelf_state <> staged.shelf_state THEN staged.shelf_state END
                AS shelf_state
        FROM concerned
        JOIN catalog_sku sku ON sku.id = concerned.id
        JOIN catalog_product was ON was.id = sku.product_id
        LEFT JOIN staged_sku staged ON staged.sku_id = sku.id
        LEFT JOIN staged_product product ON product.code = coalesce(staged.product, was.code)
    )
    SELECT * FROM compared
    WHERE fields <> '{}' OR has_other_prices OR shelf_state IS NOT NULL
"""

# SKUs that go over to another product.
LEAVING_SKUS = """
    SELECT sku_id FROM changed_sku WHERE 'product' = ANY(fields) ORDER BY sku_id
"""
# SKUs that come into another category or brand, and which ones they leave and enter: agreements on
# these may hold for them from now on, or no longer.
MOVED_SKUS = """
    SELECT sku_id FROM changed_sku WHERE fields && ARRAY['category', 'brand'] ORDER BY sku_id
"""
PASSED = """
    WITH moved AS (
        SELECT was.category_id AS old_category, product.category_id AS new_category,
            was.brand_id AS old_brand, product.brand_id AS new_brand
        FROM changed_sku changed
        JOIN catalog_sku sku ON sku.id = changed.sku_id
        JOIN catalog_product was ON was.id = sku.product_id
        LEFT JOIN staged_sku staged ON staged.sku_id = sku.id
        JOIN staged_product product ON product.code = coalesce(staged.product, was.code)
        WHERE changed.fields && ARRAY['category', 'brand']
    )
    SELECT ARRAY(
        SELECT DISTINCT unnest(category.path) FROM catalog_category category WHERE category.id IN (
            SELECT unnest(ARRAY[old_category, new_category]) FROM moved
            WHERE old_category <> new_category
        )
    ), ARRAY(
        SELECT DISTINCT brand.id FROM catalog_brand brand WHERE brand.id IN (
            SELECT unnest(ARRAY[old_brand, new_brand]) FROM moved
            WHERE old_brand IS DISTINCT FROM new_brand
        )
    )
"""

# Where products stood that move; taken down before they do.
KEEP_PLACEMENTS = """
    INSERT INTO catalog_formerplacement (product_id, category_path, brand_id, until_at)
    SELECT product.id, category.path, product.brand_id, %(now)s
    FROM staged_product staged
    JOIN catalog_product product ON product.id = staged.id
    JOIN catalog_category category ON category.id = product.category_id
    WHERE (product.category_id, product.brand_id)
        IS DISTINCT FROM (staged.category_id, staged.brand_id)
    ORDER BY product.id
"""

WRITE_PRODUCTS = """
    UPDATE catalog_product product
    SET name = staged.name, category_id = staged.category_id, brand_id = staged.brand_id,
        unit = staged.unit, attributes = staged.attributes, description = staged.description
    FROM staged_product staged
    WHERE product.id = staged.id AND (
        product.name, product.category_id, product.brand_id, product.unit, product.attributes,
        product.description
    ) IS DISTINCT FROM (
        staged.name, staged.category_id, staged.brand_id, staged.unit, staged.attributes,
        staged.description
    )
"""
ADD_PRODUCTS = """
    WITH made AS (
        INSERT INTO catalog_product
            (code, name, category_id, brand_id, unit, attributes, description)
        SELECT code, name, category_id, brand_id, unit, attributes, description
        FROM staged_product WHERE id IS NULL ORDER BY code
        RETURNING id, code
    )
    UPDATE staged_product SET id = made.id FROM made WHERE made.code = staged_product.code
"""

# Prices are no part of this: they have a history, and a step of their own that keeps it.
WRITE_SKUS = """
    UPDATE catalog_sku sku
    SET product_id = product.id, name = staged.name, specs = staged.specs,
        weight_grams = staged.weight_grams, barcode = staged.barcode,
        tax_rate = staged.tax_rate, min_quantity = staged.min_quantity,
        quantity_step = staged.quantity_step, shelf_state = staged.shelf_state,
        updated_at = greatest(sku.updated_at, %(now)s)
    FROM changed_sku changed
    JOIN staged_sku staged ON staged.sku_id = changed.sku_id
    JOIN staged_product product ON product.code = staged.product
    WHERE sku.id = changed.sku_id
        AND (changed.fields <> '{}' OR changed.shelf_state IS NOT NULL)
"""
ADD_SKUS = """
    WITH made AS (
        INSERT INTO catalog_sku
            (code, product_id, name, specs, weight_grams, barcode, tax_rate, min_quantity,
             quantity_step, shelf_state, market_price, sale_price, cost_price, floor_price,
             created_at, updated_at)
        SELECT staged.code, product.id, staged.name, staged.specs, staged.weight_grams,
            staged.barcode, staged.tax_rate, staged.min_quantity, staged.quantity_step,
            staged.shelf_state, staged.market_price, staged.sale_price, staged.cost_price,
            staged.floor_price, %(now)s, %(now)s
        FROM staged_sku staged JOIN staged_product product ON product.code = staged.product
        WHERE staged.is_new ORDER BY staged.number
        RETURNING id, code
    )
    UPDATE staged_sku SET sku_id = made.id FROM made WHERE made.code = staged_sku.code
    RETURNING staged_sku.sku_id
"""

# Of products that known SKUs went over to, or left: all SKUs, with the product where each was and
# the one where it is.
HOMES = """
    WITH moved AS (
        SELECT staged.sku_id, staged.home_id, sku.product_id
        FROM staged_sku staged JOIN catalog_sku sku ON sku.id = staged.sku_id
        WHERE staged.home_id <> sku.product_id
    )
    SELECT sku.id, coalesce(moved.home_id, sku.product_id), sku.product_id
    FROM catalog_sku sku LEFT JOIN moved ON moved.sku_id = sku.id
    WHERE sku.product_id IN (SELECT home_id FROM moved UNION SELECT product_id FROM moved)
    ORDER BY sku.id
"""

# The pictures in their new order; what was measured of an address is kept. An uploaded picture has
# no address of its own, and gives way like any that the cell does not name.
WRITE_IMAGES = """
    INSERT INTO catalog_skuimage AS image (sku_id, position, url, file, sizes, width, height)
    SELECT staged.sku_id, wanted.nth - 1, wanted.url, '', '[]', known.width, known.height
    FROM staged_sku staged
    CROSS JOIN LATERAL unnest(staged.images) WITH ORDINALITY AS wanted (url, nth)
    LEFT JOIN LATERAL (
        SELECT width, height FROM catalog_skuimage
        WHERE sku_id = staged.sku_id AND url = wanted.url ORDER BY position LIMIT 1
    ) known ON NOT staged.is_new
    WHERE staged.is_new OR staged.sku_id IN (
        SELECT sku_id FROM changed_sku WHERE 'images' = ANY(fields)
    )
    ORDER BY staged.sku_id, wanted.nth
    ON CONFLICT (sku_id, position) DO UPDATE
        SET url = excluded.url, file = '', sizes = '[]', width = excluded.width,
            height = excluded.height
"""
REMOVE_IMAGES = """
    DELETE FROM catalog_skuimage image
    USING changed_sku changed JOIN staged_sku staged ON staged.sku_id = changed.sku_id
    WHERE image.sku_id = changed.sku_id AND 'images' = ANY(changed.fields)
        AND image.position >= cardinality(staged.images)
"""

# Pools, messages and stamps come next, planned by what the tables held before this file.
RENEW_STATISTICS = "ANALYZE catalog_product, catalog_sku"

# The four prices of SKUs whose prices move, a batch at a time.
MOVED_PRICES = """
    SELECT staged.sku_id, staged.market_price, staged.sale_price, staged.cost_price,
        staged.floor_price
    FROM changed_sku changed JOIN staged_sku staged ON staged.sku_id = changed.sku_id
    WHERE changed.has_other_prices AND staged.sku_id > %s ORDER BY staged.sku_id LIMIT %s
"""

# Memberships that the file asks for and that are not there yet, without those that may not be.
JOINING = """
    SELECT wanted.pool_id, array_agg(staged.sku_id ORDER BY staged.sku_id)
    FROM staged_sku staged
    CROSS JOIN LATERAL unnest(staged.pool_ids) AS wanted (pool_id)
    WHERE NOT EXISTS (
        SELECT FROM catalog_poolmembership present
        WHERE present.sku_id = staged.sku_id AND present.pool_id = wanted.pool_id
            AND present.is_picked
    ) AND NOT EXISTS (
        SELECT FROM catalog_poolexclusion excluded
        WHERE excluded.sku_id = staged.sku_id AND excluded.pool_id = wanted.pool_id
    )
    GROUP BY wanted.pool_id ORDER BY wanted.pool_id
"""

# Whom the details, and the shelf, of which SKUs are to be told; alike ones come as one row.
DETAILS_TOLD = """
    SELECT fields, array_agg(sku_id) FROM changed_sku WHERE fields <> '{}' GROUP BY fields
"""
SHELF_TOLD = """
    SELECT changed.shelf_state, array_agg(sku.id), array_agg(sku.code::text ORDER BY sku.code)
    FROM changed_sku changed JOIN catalog_sku sku ON sku.id = changed.sku_id
    WHERE changed.shelf_state IS NOT NULL
    GROUP BY changed.shelf_state ORDER BY changed.shelf_state
"""

# Rows of the file by what became of their SKUs.
OUTCOME = """
    SELECT count(*) FILTER (WHERE staged.is_new),
        count(*) FILTER (WHERE NOT staged.is_new AND (
            changed.sku_id IS NOT NULL OR staged.sku_id = ANY(%(joined)s::bigint[])
        )),
        count(*)
    FROM staged_sku staged LEFT JOIN changed_sku changed ON changed.sku_id = staged.sku_id
"""
