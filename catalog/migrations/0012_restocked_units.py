"""Why paid units go back, or to another warehouse."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0011_no_index_by_time"),
    ]

    operations = [
        migrations.AlterField(
            model_name="stockmovement",
            name="cause",
            field=models.CharField(
                choices=[
                    ("count", "Count"),
                    ("correction", "Correction"),
                    ("reserved", "Reserved by an order"),
                    ("released", "Released by an order"),
                    ("paid", "Paid"),
                    ("shipped", "Shipped"),
                    ("restocked", "Paid, then closed: restocked"),
                    ("written_off", "Paid, then closed: written off"),
                    ("taken_over", "Taken over from another warehouse"),
                ],
                max_length=16,
                verbose_name="cause",
            ),
        ),
    ]
