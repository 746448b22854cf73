"""A SKU that goes over to another product keeps where it stood until then."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_percent_off")]
    operations = [
        migrations.AlterField(
            model_name="formerplacement",
            name="product",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="former_placements",
                to="catalog.product",
                verbose_name="product",
            ),
        ),
        migrations.AddField(
            model_name="formerplacement",
            name="sku",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="former_placements",
                to="catalog.sku",
                verbose_name="SKU",
            ),
        ),
        migrations.AddIndex(
            model_name="formerplacement",
            index=models.Index(
                condition=models.Q(sku__isnull=False),
                fields=["sku", "until_at"],
                name="former_placement_sku",
            ),
        ),
        migrations.AddConstraint(
            model_name="formerplacement",
            constraint=models.CheckConstraint(
                condition=models.Q(product__isnull=True) ^ models.Q(sku__isnull=True),
                name="former_placement_of_product_or_sku",
            ),
        ),
    ]
