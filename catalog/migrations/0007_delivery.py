"""Whether a SKU that is not delivered everywhere is delivered to a place."""

from django.db import migrations

# A function and not a part of the statement that orders are placed on: hardly a SKU is restricted,
# and a plan is set up whole for each execution, whatever it then leaves aside.
#
# `place` is what a warehouse and the one who asks have in common, `excluded` what the warehouse
# leaves out. Two paths have a part in common when one begins with the other: the longer one.
IS_DELIVERED = """
    CREATE FUNCTION catalog_is_delivered(sku bigint, place varchar[], excluded varchar[])
    RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT FROM (
                SELECT present.path FROM catalog_skuregion limited
                JOIN regions_region named ON named.code = limited.region_id
                JOIN regions_region present
                    ON present.code = coalesce(named.successor_id, named.code)
                    AND NOT present.is_retired
                WHERE limited.sku_id = sku AND limited.kind = 'only_to'
                UNION ALL
                SELECT '{}'::varchar[] WHERE NOT EXISTS (
                    SELECT FROM catalog_skuregion limited
                    WHERE limited.sku_id = sku AND limited.kind = 'only_to'
                )
            ) allowed
            WHERE allowed.path[:cardinality(place)] = place[:cardinality(allowed.path)]
                AND NOT (
                    CASE WHEN cardinality(allowed.path) > cardinality(place)
                        THEN allowed.path ELSE place END
                ) && (excluded || ARRAY(
                    SELECT coalesce(named.successor_id, named.code)
                    FROM catalog_skuregion limited
                    JOIN regions_region named ON named.code = limited.region_id
                    WHERE limited.sku_id = sku AND limited.kind = 'not_to'
                ))
        )
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_stock_corrections")]
    operations = [
        migrations.RunSQL(
            IS_DELIVERED,
            "DROP FUNCTION catalog_is_delivered(bigint, varchar[], varchar[])",
        ),
    ]
