"""What the new tables have to know of the rows that are there."""

from django.db import migrations

# Prices before this have no history: what a SKU costs now, it always did.
FIRST_PRICES = """
    INSERT INTO catalog_pricechange
        (sku_id, effective_at, market_price, sale_price, cost_price, floor_price, applied_at,
         reason, actor)
    SELECT id, created_at, market_price, sale_price, cost_price, floor_price, created_at, '', ''
    FROM catalog_sku
"""
STAMPS = """
    INSERT INTO catalog_skustamp (partner_id, sku_id, changed_at)
    SELECT assignment.partner_id, membership.sku_id,
        max(greatest(membership.created_at, assignment.created_at))
    FROM catalog_poolmembership membership
    JOIN catalog_poolassignment assignment ON assignment.pool_id = membership.pool_id
    GROUP BY assignment.partner_id, membership.sku_id
    ON CONFLICT DO NOTHING
"""
NEXT_MOVES = """
    UPDATE catalog_purchaseprice SET next_move_at = CASE
        WHEN starts_at > clock_timestamp() THEN starts_at
        WHEN ends_at > clock_timestamp() THEN ends_at
    END
"""

# What a request may take is not enough for the rows of a full catalogue.
TAKE_TIME = "SET LOCAL statement_timeout = 0"


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_catalogue"), ("accounts", "0004_keys_and_holds")]
    operations = [
        migrations.RunSQL(TAKE_TIME, migrations.RunSQL.noop),
        migrations.RunSQL(FIRST_PRICES, migrations.RunSQL.noop),
        migrations.RunSQL(STAMPS, migrations.RunSQL.noop),
        migrations.RunSQL(NEXT_MOVES, migrations.RunSQL.noop),
        migrations.RunSQL(
            "CREATE TRIGGER catalog_poolchange_append_only"
            " BEFORE UPDATE OR DELETE ON catalog_poolchange"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER catalog_poolchange_append_only ON catalog_poolchange",
        ),
    ]
