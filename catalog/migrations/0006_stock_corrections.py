"""A document corrects a row of stock once: whether it did is looked up under the row's lock."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_reads")]
    operations = [
        migrations.AddIndex(
            model_name="stockmovement",
            index=models.Index(
                condition=models.Q(("cause", "correction")),
                fields=["document_no", "stock"],
                name="stock_movement_correction",
            ),
        ),
    ]
