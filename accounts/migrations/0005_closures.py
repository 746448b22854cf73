"""Refunds for closed parts of orders."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_keys_and_holds"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ledgerentry",
            name="document",
            field=models.CharField(
                choices=[
                    ("top_up", "Top-up"),
                    ("order", "Order"),
                    ("closure", "Closure"),
                    ("adjustment", "Adjustment"),
                    ("withdrawal", "Withdrawal"),
                ],
                max_length=16,
                verbose_name="document",
            ),
        ),
    ]
