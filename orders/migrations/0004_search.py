"""Lists and searches among a million orders: numbers by their beginnings, people, lists by state."""

import django.contrib.postgres.indexes
from django.db import migrations, models


TAKE_TIME = "SET LOCAL statement_timeout = 0"  # building an index on many orders takes a while


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_quotes_freight_and_changes"),
    ]

    operations = [
        migrations.RunSQL(TAKE_TIME, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="order",
            name="order_no_unique",
        ),
        migrations.RemoveConstraint(
            model_name="order",
            name="order_merchant_order_no_unique_per_partner",
        ),
        migrations.RemoveConstraint(
            model_name="suborder",
            name="suborder_no_unique",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_updated_at",
        ),
        migrations.RemoveIndex(
            model_name="shipment",
            name="shipment_waybill_no",
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["partner", "status", "created_at"], name="order_status_created_at"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["partner", "status", "updated_at", "id"], name="order_status_updated_at"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["created_at"], name="order_created_at", pages_per_range=32
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("consignee_phone", ""), _negated=True),
                fields=["consignee_phone"],
                name="order_consignee_phone",
                opclasses=["varchar_pattern_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("consignee_name", ""), _negated=True),
                fields=["consignee_name", "id"],
                name="order_consignee_name",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("purchase_order_no", ""), _negated=True),
                fields=["purchase_order_no"],
                name="order_purchase_order_no",
                opclasses=["varchar_pattern_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="shipment",
            index=models.Index(
                fields=["waybill_no"], name="shipment_waybill_no", opclasses=["varchar_pattern_ops"]
            ),
        ),
        migrations.AddIndex(
            model_name="suborder",
            index=models.Index(
                condition=models.Q(("status__in", ["awaiting_shipment", "partly_shipped"])),
                fields=["warehouse", "id"],
                name="suborder_to_ship",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=("order_no",), name="order_no_unique", opclasses=["varchar_pattern_ops"]
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=("merchant_order_no", "partner"),
                name="order_merchant_order_no_unique_per_partner",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            ),
        ),
        migrations.AddConstraint(
            model_name="suborder",
            constraint=models.UniqueConstraint(
                fields=("order_no",), name="suborder_no_unique", opclasses=["varchar_pattern_ops"]
            ),
        ),
    ]
